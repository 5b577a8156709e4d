# SPDX-License-Identifier: Apache-2.0
"""The model that a study hands on: fitted on all development patients, written as a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.core.errors import StudyError
from hepacast.run.cases.measure import resolved_blocks
from hepacast.run.parts.deep_settings import CropsParams
from hepacast.run.parts.semantic_settings import SemanticBlockParams
from hepacast.run.predictor.files import write_predictor
from hepacast.run.predictor.predictor import About, Preparation, make_predictor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hepacast.core.table import FeatureName
    from hepacast.report.content import ReportContent
    from hepacast.run.gather import Materials
    from hepacast.run.protocol.finding import Finding
    from hepacast.run.settings.deploy import DeployParams

FOLDER = "predictor"


def deploy(
    params: DeployParams,
    materials: Materials,
    findings: Sequence[Finding],
    content: ReportContent,
    out: Path,
) -> Path:
    """Write the predictor of a finished study.

    Parameters
    ----------
    params : DeployParams
        Which model.
    materials : Materials
        The study and its tables.
    findings : sequence of Finding
        What was found, the final fits among it.
    content : ReportContent
        The report, for the honest estimate.
    out : Path
        Folder of the results.

    Returns
    -------
    Path
        The predictor.

    Raises
    ------
    StudyError
        If there is no such model or end point, or the model cannot travel: one that
        rests on ready-made feature tables cannot measure a new case.
    """
    by_name = {finding.name: finding for finding in findings}
    outcome = params.outcome or next(iter(by_name))
    require_deployable(params, materials)
    finding = by_name[outcome]
    fitted, train = finding.final.fitted, finding.final.train
    study = materials.study
    about = About(
        name=f"{study.study.name}-{params.model}",
        title=study.study.title,
        outcome=outcome,
        model=params.model,
        at_days=finding.at_days,
        patients=len(set(train.table.patients)),
        events=int(train.outcome.event.sum()),
        performance=_performance(content, outcome, params.model),
        intended_use=params.intended_use,
    )
    needed = {column for name in fitted.members[params.model] for column in _offered(finding, name)}
    fields = {
        name: field
        for name, field in materials.clinical.fields.items()
        if name in materials.predictors
        and any(c.family == "clinical" and c.feature.partition("=")[0] == name for c in needed)
    }
    wanted = {
        name: block
        for name, block in resolved_blocks(materials).items()
        if needed.intersection(finding.recipe.columns[name])
    }
    phases = tuple(dict.fromkeys(row.phase for row in materials.first_reading))
    preparation = Preparation(phases, study.cases, study.regions, wanted, fields)
    predictor = make_predictor(about, preparation, fitted, train.table)
    return write_predictor(predictor, train.table, out / FOLDER, params.licence)


def require_deployable(params: DeployParams, materials: Materials) -> None:
    """Refuse, before any work, what could not be handed on.

    Raises
    ------
    StudyError
        Naming what is unknown, or what cannot be measured on a new case.
    """
    study = materials.study
    for kind, name, known in (
        ("models.sets", params.model, study.models.sets),
        ("outcomes", params.outcome or next(iter(study.outcomes)), study.outcomes),
    ):
        if name not in known:
            raise StudyError(
                what=f"deploy names one of {kind}",
                got=repr(name),
                fix=f"There are: {', '.join(known)}.",
            )
    sources = {s for n in study.models.sets[params.model] for s in study.scores[n].from_}
    learned = [
        name
        for name in sorted(sources)
        if isinstance(study.features.get(name), CropsParams | SemanticBlockParams)
    ]
    if learned:
        raise StudyError(
            what="a model that is handed on has no network that learned from this study",
            got=f"{learned[0]!r} among the sources of {params.model!r}",
            fix="Deploy a model of radiomics, frozen vectors and clinical variables.",
        )
    ready = sorted(sources.intersection(materials.tables))
    if ready:
        raise StudyError(
            what="a model that is handed on measures its features itself",
            got=f"features from a ready-made table: {ready[0]!r}",
            fix="Deploy a model without it, or measure these features from images.",
        )


def _offered(finding: Finding, score: str) -> tuple[FeatureName, ...]:
    """List the columns that a score may ask for."""
    return finding.final.fitted.scores[score].columns


def _performance(content: ReportContent, outcome: str, model: str) -> str:
    """Say what the study honestly found out about the model."""
    for one in content.outcomes:
        for found in one.models:
            if one.name == outcome and found.name == model and found.honest is not None:
                how = found.honest
                return f"{how.measure} {how.discrimination}, on patients left out."
    return "Not assessed."
