# SPDX-License-Identifier: Apache-2.0
"""The demo: synthetic patients, a study file, a run, and truth beside estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.core.errors import StudyError
from hepacast.core.events import ignore
from hepacast.io.store import write_atomic
from hepacast.phantom import PhantomParams, attainable, true_performance, write_cohort
from hepacast.run.protocol.finding import Known
from hepacast.run.whole import Finished, run_study
from hepacast.run.work.execution import Execution

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.phantom import Truth
    from hepacast.phantom.outcome import EndPoint
    from hepacast.phantom.truth import Metric, Predictor

STUDY = """\
# A study of synthetic patients, written by `hepacast demo`.
schema: 1
study: {{name: demo, title: "Early recurrence of synthetic HCC", synthetic: true}}
cases:
  table: cases.csv
  site: site
  reader: reader
  masks: {{tumour: mask_tumour, liver: mask_liver}}
  inspect: {{may_touch_end: true}}   # one tumour lies at the end of its scan
clinical: {{table: clinical.csv, dictionary: fields.yaml}}
outcomes:
  early_recurrence:
    kind: binary
    event: recurrence_cause
    event_level: "1"
    other_levels: ["0"]
    competing_levels: ["2"]      # died without recurrence: had none
    time: recurrence_days
    unit: days
    within_months: {horizon:g}
  recurrence_free_survival:
    kind: survival
    time: rfs_days
    unit: days
    event: rfs_event
    event_level: "1"
    censored_level: "0"
    horizon_months: {horizon:g}
regions:
  liver: {{mask: liver}}
  tumour: {{mask: tumour}}
  ring: {{from: tumour, ring_mm: 5, inside: liver}}
features:
  radiomics: {{regions: [tumour, ring]}}
scores:
  clinical: {{from: [clinical], steps: [impute], model: lasso}}
  rad_score:
    from: [radiomics]
    steps: [impute, variance, {{correlation: {{limit: 0.95}}}}]
    model: lasso
models:
  sets: {{clinical: [clinical], imaging: [rad_score], combined: [clinical, rad_score]}}
split: {{seed: {seed}, outer: 5, repeats: 3, inner: 5}}
controls: {{permuted_labels: {shuffles}}}
"""

MARK = "phantom.json"
"""File that keeps the settings of a cohort."""
MODELS_OF: tuple[Predictor, ...] = ("clinical", "imaging", "combined")
TRUE_OF: dict[str, tuple[EndPoint, Metric]] = {
    "early_recurrence": ("recurrence", "auc"),
    "recurrence_free_survival": ("rfs", "c_index"),
}
"""End point and measure of the phantom behind every outcome of the demo."""


def run_demo(
    folder: Path,
    params: PhantomParams,
    *,
    shuffles: int = 20,
    workers: int | None = None,
    on_event: Listener = ignore,
) -> Finished:
    """Write a synthetic cohort and its study file to a folder, and run it.

    Parameters
    ----------
    folder : Path
        Gets ``cohort`` and ``results``; must not hold another cohort.
    params : PhantomParams
        The cohort.
    shuffles : int
        Whole runs on permuted outcomes.
    workers : int, optional
        Processes; all cores by default.
    on_event : callable
        Told of progress.

    Returns
    -------
    Finished
        Its summary holds truth beside estimate.
    """
    cohort = folder / "cohort"
    if not (cohort / "truth.json").is_file():
        truth = write_cohort(params, cohort, on_event=on_event)
        write_atomic(cohort / MARK, params.model_dump_json() + "\n")
    else:
        _same_cohort(cohort, params)
        truth = true_performance(params)
    text = STUDY.format(horizon=params.horizon_months, seed=params.seed, shuffles=shuffles)
    study = write_atomic(cohort / "study.yaml", text)
    truths = {name: _truths(truth, params, name) for name in TRUE_OF}
    execution = Execution(workers)
    return run_study(
        study, folder / "results", execution=execution, truths=truths, on_event=on_event
    )


def _truths(truth: Truth, params: PhantomParams, outcome: str) -> list[Known]:
    """Return what is true of endless patients, and of the very patients drawn."""
    end_point, metric = TRUE_OF[outcome]
    endless = {(v.end_point, v.predictor, v.metric): v.value for v in truth.values}
    known = [Known(model, endless[end_point, model, metric]) for model in MODELS_OF]
    if metric == "auc":
        drawn = {(end, seen): value for end, seen, value in attainable(params)}
        known += [
            Known(model, drawn[end_point, model], ", in the patients drawn")
            for model in MODELS_OF
            if (end_point, model) in drawn
        ]
    return known


def _same_cohort(cohort: Path, params: PhantomParams) -> None:
    """Refuse a cohort made with other settings: its truth would be another."""
    mark = cohort / MARK
    if not mark.is_file() or mark.read_text(encoding="utf-8") != params.model_dump_json() + "\n":
        raise StudyError(
            what="the demo's folder must be new, or hold a cohort of the same settings",
            got="a cohort of other settings",
            fix="Choose another folder, or remove this one.",
        ).at(folder=cohort)
