# SPDX-License-Identifier: Apache-2.0
"""Where a run answers a checklist: each function returns the place, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hepacast.report.content import Evaluation, Model, ReportContent


def _outcome_sections(content: ReportContent) -> str:
    """Name the sections of the outcomes."""
    return ", ".join(one.heading for one in content.outcomes)


def _models(content: ReportContent) -> list[Model]:
    """All models of all outcomes."""
    return [model for outcome in content.outcomes for model in outcome.models]


def _evaluations(content: ReportContent) -> list[Evaluation]:
    """All evaluations of all models."""
    return [seen for model in _models(content) for seen in model.evaluations]


def _if(held: object, text: str) -> str:
    """Return the text where something is held."""
    return text if held else ""


def _design(content: ReportContent) -> str:
    """Name the design."""
    return _if(content.study.design, f"{content.study.design} (Summary).")


def _title(content: ReportContent) -> str:
    """Quote the title."""
    return _if(content.study.title, f"Title of this report: {content.study.title}.")


def _definition(content: ReportContent) -> str:
    """Find the definitions of the outcomes."""
    known = [one for one in content.outcomes if one.definition]
    return _if(known, f"First paragraph of {_outcome_sections(content)}.")


def _flow(content: ReportContent) -> str:
    """Find the flow diagram."""
    lost = sum(step.lost for step in content.flow)
    return _if(content.flow, f"Flow of cases, {lost} exclusions by reason (Patients).")


def _characteristics(content: ReportContent) -> str:
    """Find Table 1."""
    return _if(content.table_one.rows, "Characteristics of the patients (Patients).")


def _counts(content: ReportContent) -> str:
    """Count cases and events."""
    parts = [f"{one.heading}: {one.events} events in {one.n}" for one in content.outcomes]
    return _if(parts, f"{'; '.join(parts)} (Summary).")


def _followup(content: ReportContent) -> str:
    """Find the follow-up."""
    known = [one for one in content.outcomes if one.followup_months is not None]
    return _if(known, f"Median follow-up ({', '.join(one.heading for one in known)}).")


def _sample_size(content: ReportContent) -> str:
    """Find the notes on precision."""
    return _if(content.precision, "What this cohort can show.")


def _missing(content: ReportContent) -> str:
    """Find how missing values were handled."""
    steps = [step for model in _models(content) for step in model.steps if "imput" in step.lower()]
    counted = any(row.n_missing for row in content.table_one.rows)
    parts = [_if(counted, "missing values counted in the characteristics table")]
    parts.append(_if(steps, f"{steps[0]} inside every fold" if steps else ""))
    text = "; ".join(filter(None, parts))
    return _if(text, f"{text[:1].upper()}{text[1:]}.")


def _split(content: ReportContent) -> str:
    """Quote the resampling scheme."""
    return _if(content.study.lock.resampling, f"{content.study.lock.resampling} (Summary).")


def _steps(content: ReportContent) -> str:
    """Find the steps of the models."""
    known = [model for model in _models(content) if model.steps]
    return _if(known, "Steps learned in every fold, model by model.")


def _algorithm(content: ReportContent) -> str:
    """Name the algorithms."""
    names = list(dict.fromkeys(model.algorithm for model in _models(content) if model.algorithm))
    return _if(names, f"{', '.join(names)} (each model's part).")


def _funnel(content: ReportContent) -> str:
    """Find the selection steps."""
    return _if([one for one in _models(content) if one.funnel], "Selection steps of each model.")


def _coefficients(content: ReportContent) -> str:
    """Find the weights."""
    known = [one for one in _models(content) if one.coefficients]
    return _if(known, "Columns of each model with weights and selection frequency.")


def _equation(content: ReportContent) -> str:
    """Find models written out."""
    known = [one.name for one in _models(content) if one.equation is not None]
    names = ", ".join(dict.fromkeys(known))
    return _if(names, f"Nomogram and calculator of {names}; terms in result.json.")


def _discrimination(content: ReportContent) -> str:
    """Find the discrimination."""
    known = [one for one in _evaluations(content) if one.discrimination is not None]
    measures = list(dict.fromkeys(one.measure for one in known))
    return _if(known, f"{', '.join(measures)} with intervals (Performance tables).")


def _calibration(content: ReportContent) -> str:
    """Find the calibration."""
    known = [one for one in _evaluations(content) if one.calibration is not None]
    return _if(known, "Calibration slope and plots (Performance).")


def _measures(content: ReportContent) -> str:
    """Find all measures of performance."""
    return " ".join(
        filter(None, [_discrimination(content), _calibration(content), _benefit(content)])
    )


def _benefit(content: ReportContent) -> str:
    """Find the decision curves."""
    known = [one for one in _evaluations(content) if one.decision is not None]
    return _if(known, "Decision curves (Performance).")


def _comparisons(content: ReportContent) -> str:
    """Find the comparisons."""
    known = [one for outcome in content.outcomes for one in outcome.comparisons]
    methods = list(dict.fromkeys(one.method for one in known if one.method))
    return _if(known, f"Models compared, {', '.join(methods)} (Comparisons).")


def _baselines(content: ReportContent) -> str:
    """Name what the candidates are compared with."""
    names = list(dict.fromkeys(one.name for one in _models(content) if one.role != "candidate"))
    return _if(names, f"Beside {', '.join(names)} (Summary, Comparisons).")


def _internal(content: ReportContent) -> str:
    """Find the scores of unseen cases."""
    honest = {"out-of-fold", "corrected", "internal"}
    known = [one for one in _evaluations(content) if one.scope in honest]
    return _if(known, "Apparent and unseen values side by side (Summary).")


def _external(content: ReportContent) -> str:
    """Name the external cohorts."""
    known = [one for one in _evaluations(content) if one.scope == "external"]
    cohorts = list(dict.fromkeys(one.cohort for one in known))
    return _if(known, f"External cohorts: {', '.join(cohorts)} (Performance).")


def _subgroups(content: ReportContent) -> str:
    """Name the subgroups."""
    known = [one for model in _models(content) for one in model.subgroups]
    variables = list(dict.fromkeys(one.variable for one in known))
    return _if(known, f"Discrimination by {', '.join(variables)}.")


def _cut(content: ReportContent) -> str:
    """Name the rules of the cut-offs."""
    rules = [
        cut.rule
        for seen in _evaluations(content)
        for cut in (seen.roc.cut if seen.roc else None, seen.risk_groups and seen.risk_groups.cut)
        if cut
    ]
    found = ", ".join(dict.fromkeys(filter(None, rules)))
    return _if(found, f"Cut-offs ({found}), fitted on training parts.")


def _controls(content: ReportContent) -> str:
    """Find the shuffled outcomes."""
    known = [one for outcome in content.outcomes for one in outcome.permutations]
    return _if(known, "Procedure repeated on shuffled outcomes (Controls).")


def _pictures(content: ReportContent) -> str:
    """Find the pictures."""
    return _if(content.pictures, "Pictures to judge.")


def _methods(content: ReportContent) -> str:
    """Find the Methods."""
    return _if(
        content.methods, "Methods (Paragraphs to paste), study file (What made these numbers)."
    )


def _radiomics(content: ReportContent) -> str:
    """Find Methods on radiomics."""
    words = ("radiomic", "texture", "pyradiomics", "ibsi")
    told = [one for one in content.methods if any(word in one.text.lower() for word in words)]
    return _if(told, "Methods (Paragraphs to paste); every resolved setting in study.lock.")


def _count_features(content: ReportContent) -> str:
    """Count the candidate columns."""
    n = content.study.lock.n_features
    return _if(n, f"{n} candidate columns (Summary).")


def _software(content: ReportContent) -> str:
    """Find the versions."""
    return _if(content.study.versions, "Software and versions (What made these numbers).")


def _study_file(content: ReportContent) -> str:
    """Find the study file."""
    return _if(content.study.lock.study_file, "Study file in full (What made these numbers).")


def _tables(content: ReportContent) -> str:
    """Find the scores."""
    return _if(_evaluations(content), "Scores of every case in tables/, result.json.")


EVIDENCE: Mapping[str, Callable[[ReportContent], str]] = {
    "algorithm": _algorithm,
    "baselines": _baselines,
    "benefit": _benefit,
    "calibration": _calibration,
    "characteristics": _characteristics,
    "coefficients": _coefficients,
    "comparisons": _comparisons,
    "controls": _controls,
    "count": _count_features,
    "counts": _counts,
    "cut": _cut,
    "definition": _definition,
    "design": _design,
    "discrimination": _discrimination,
    "equation": _equation,
    "external": _external,
    "flow": _flow,
    "followup": _followup,
    "funnel": _funnel,
    "internal": _internal,
    "measures": _measures,
    "methods": _methods,
    "missing": _missing,
    "pictures": _pictures,
    "radiomics": _radiomics,
    "sample size": _sample_size,
    "software": _software,
    "split": _split,
    "steps": _steps,
    "study file": _study_file,
    "subgroups": _subgroups,
    "tables": _tables,
    "title": _title,
}
"""Names of what a run may hold, and the function that says where."""
