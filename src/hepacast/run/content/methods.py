# SPDX-License-Identifier: Apache-2.0
"""The Methods section, written from the settings that were obeyed."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

from hepacast._version import __version__
from hepacast.core.outcome import Binary
from hepacast.core.registry import kind_of
from hepacast.report import content as shown
from hepacast.run.parts.deep_settings import CropsParams, EmbeddingParams, NetworkModelParams
from hepacast.run.parts.semantic_settings import SemanticBlockParams
from hepacast.run.work.versions import versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hepacast.run.gather import Materials
    from hepacast.run.protocol.finding import Finding
    from hepacast.run.settings.study import MeasuredParams


def references(materials: Materials) -> tuple[shown.Reference, ...]:
    """List the works that the Methods section cites."""
    works = json.loads((files("hepacast.run.content") / "works.json").read_text(encoding="utf-8"))
    study = materials.study
    weighed = any(getattr(one, "censored_early", "") == "ipcw" for one in study.outcomes.values())
    treated = study.strata is not None and study.strata.treatment is not None
    used = {
        ("pyradiomics", "ibsi"): bool(materials.measured),
        ("uno", "zheng"): weighed,
        ("obuchowski", "hillis"): study.readers is not None,
        ("anderson", "austin"): treated,
    }
    skip = {key for keys, cited in used.items() if not cited for key in keys}
    return tuple(shown.Reference(key=key, **work) for key, work in works.items() if key not in skip)


def methods(materials: Materials, findings: Sequence[Finding]) -> tuple[shown.Paragraph, ...]:
    """Write the paragraphs of the Methods section."""
    paragraphs = [
        shown.Paragraph(heading="Features", text=_features(materials)),
        shown.Paragraph(heading="Scores and models", text=_models(materials)),
        shown.Paragraph(heading="Validation", text=_validation(materials, findings)),
        shown.Paragraph(heading="Software", text=_software()),
    ]
    more = {
        "Cohorts": _cohorts(materials, findings),
        "Early censoring": _weighed(findings),
        "Clinical use": _clinical_use(materials),
    }
    added = [shown.Paragraph(heading=heading, text=text) for heading, text in more.items() if text]
    return (*paragraphs[:3], *added, *paragraphs[3:])


def _features(materials: Materials) -> str:
    sentences = [_measured(name, block, materials) for name, block in materials.measured.items()]
    for name, table in materials.tables.items():
        sentences.append(
            f"{len(table.columns)} features ({name}) were taken from a table made elsewhere; how "
            "they were extracted is not known to this software."
        )
    used = ", ".join(materials.clinical.variables[n].label for n in materials.predictors)
    sentences.append(f"Clinical candidates, all known at baseline, were {used or 'none'}.")
    return " ".join(sentences)


def _measured(name: str, block: MeasuredParams, materials: Materials) -> str:
    """Say how the features or pictures of one block came about."""
    phases = "all phases" if block.phases == "all" else f"the phases {', '.join(block.phases)}"
    regions = ", ".join(materials.study.regions if block.regions == "all" else block.regions)
    if isinstance(block, EmbeddingParams):
        weights = "random weights" if block.weights is None else "weights of a file"
        return (
            f"Deep features ({name}) were the vectors that a frozen network "
            f"({kind_of(block.network)}, {weights}) gave to {phases} in the regions {regions}; it "
            "learned nothing from this study."
        )
    if isinstance(block, CropsParams):
        shape = "boxes" if block.shape == "box" else "slices"
        return (
            f"Pictures ({name}) for networks were {shape} of {block.side} voxels a side around the "
            f"region {regions}, in {phases}."
        )
    if isinstance(block, SemanticBlockParams):
        then = "left the study" if block.then == "leave" else "were described by others"
        return (
            f"Deep features ({name}) were the averaged levels of networks "
            f"({kind_of(block.network)}) that learned to outline the region {regions} in {phases} "
            f"from the masks of {block.teachers} development patients, who {then}."
        )
    return (
        f"Radiomic features ({name}) were extracted from {phases} in the regions {regions}, with "
        "the definitions of PyRadiomics [@pyradiomics], which agree with the IBSI [@ibsi] where "
        "both define a feature."
    )


def _models(materials: Materials) -> str:
    sentences = []
    for name, score in materials.study.scores.items():
        steps = ", ".join(map(kind_of, (*score.steps, score.model)))
        sources = " and ".join(score.from_)
        learned = ""
        if isinstance(score.model, NetworkModelParams):
            kind = kind_of(score.model.network)
            learned = f" ({kind}, trained anew in the training part of every fold)"
        sentences.append(f"The score {name} was made from {sources} by {steps}{learned}.")
    sets = "; ".join(f"{n} ({' + '.join(m)})" for n, m in materials.study.models.sets.items())
    sentences.append(
        f"The models were {sets}. Penalised regression followed the LASSO [@tibshirani]; models of "
        "several scores were fitted to scores that were themselves out of fold. Volume alone and "
        "the clinical variables alone served as baselines."
    )
    return " ".join(sentences)


def _validation(materials: Materials, findings: Sequence[Finding]) -> str:
    split, times = materials.study.split, materials.study.controls.permuted_labels
    cases = ", ".join(f"{len(f.cohort)} for {f.name.replace('_', ' ')}" for f in findings)
    repeated = "" if split.repeats == 1 else f" repeated {split.repeats} times,"
    shuffled = f"The whole procedure was repeated {times} times on permuted outcomes. "
    return (
        f"Models were validated by {split.outer}-fold cross-validation,{repeated} grouped by "
        f"patient and balanced by outcome ({cases}). Imputation, scaling, "
        "selection, penalties, cut-offs and the weights of combined models were learned in the "
        f"training part of each fold only, penalties in {split.inner} inner folds. Discrimination "
        "was measured by the AUC, or Harrell's C [@harrell], over pairs of cases that the same fit "
        "scored, averaged over repeats; intervals use DeLong's components [@delong] within folds "
        "[@ledell], widened for what the fits learned of chance. Calibration and net benefit "
        f"[@vickers] use the out-of-fold probabilities. {shuffled if times else ''}"
        "Reporting follows TRIPOD+AI [@tripodai]."
    )


def _cohorts(materials: Materials, findings: Sequence[Finding]) -> str:
    """Say who was kept for the test, and what else was learned on training patients only."""
    study, sentences = materials.study, []
    if study.reliability is not None:
        rule = study.reliability
        bound = "lower confidence limit of the " if rule.bound == "lower" else ""
        sentences.append(
            f"Columns were kept where the {bound}intraclass correlation of repeated readings of "
            f"training patients was {rule.icc_min:g} or more."
        )
    tests = findings[0].tests
    if tests:
        listed = "; ".join(f"{one.name} ({one.scope}, {len(one.cohort)} cases)" for one in tests)
        sentences.append(
            "Patients were divided before any outcome was read. Models fitted on the whole "
            f"development cohort were scored on the test cohorts: {listed}."
        )
    if study.protocol == "as-published":
        sentences.append(
            "For comparison, selection was repeated on all patients before the division; these "
            "results are optimistic."
        )
    return " ".join(sentences)


def _weighed(findings: Sequence[Finding]) -> str:
    """Say what became of cases censored before the horizon of a binary outcome."""
    names = [
        one.name.replace("_", " ")
        for one in findings
        if not isinstance(one.cohort.outcome, Binary)
        and one.cohort.outcome.horizon_days is not None
    ]
    if not names:
        return ""
    return (
        f"For {', '.join(names)}, follow-up ended at the horizon. Cases censored before it had "
        "weight 0 in classifiers, and those whose state was known the inverse of their probability "
        "of being uncensored, by the Kaplan-Meier curve of censoring in the training patients of "
        "each fold [@zheng]. Discrimination was the AUC at the horizon within folds, with the "
        "weights of the cases scored [@uno]."
    )


def _clinical_use(materials: Materials) -> str:
    """Say how readers and treatments were compared."""
    study, sentences = materials.study, []
    if study.readers is not None:
        sentences.append(
            f"Readers forecast {study.readers.outcome.replace('_', ' ')} without and with model "
            f"{study.readers.model}; they were compared over readers and cases by the method of "
            "Obuchowski and Rockette [@obuchowski] with the degrees of freedom of Hillis [@hillis]."
        )
    if study.strata is not None:
        early, survival = study.strata.early, study.strata.survival
        sentences.append(
            f"Patients were divided into four classes by high and low risk of {early.outcome} "
            f"({early.model}) and of {survival.outcome} ({survival.model}), each from models that "
            "had not seen them."
        )
        if study.strata.treatment is not None:
            given = study.strata.treatment
            sentences.append(
                f"Within the classes, patients treated ({given.given_at}) by the landmark at month "
                f"{given.landmark_months:g} [@anderson] were matched to untreated ones on "
                f"{', '.join(given.match)} by the propensity score (caliper {given.caliper:g} "
                "standard deviations of its log odds) and compared by Cox regression with robust "
                "standard errors [@austin]; the interaction of treatment and class was tested."
            )
    return " ".join(sentences)


def _software() -> str:
    listed = ", ".join(f"{n} {v}" for n, v in versions().items() if n != "hepacast")
    return f"All computations were made with hepacast {__version__} ({listed})."
