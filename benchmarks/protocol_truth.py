# SPDX-License-Identifier: Apache-2.0
"""Strict and as-published estimates against the truth, on synthetic patients.

Every seed is another cohort of the same population.  The truth of a procedure
is the AUC that its models, the very ones that were cross-validated, reach in
thousands of new patients.  The second part is the null cohort: nothing to be
found among 45,290 features.

    python benchmarks/protocol_truth.py [--seeds 20] [--patients 150] [--features 1000]
                                        [--null-seeds 20] [--null-features 45290] [--new 3000]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

from hepacast.core.folds import Cohort
from hepacast.core.outcome import Binary
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS
from hepacast.phantom import PhantomParams
from hepacast.phantom.clinical import LABORATORIES, clinical_row
from hepacast.phantom.params import stream
from hepacast.phantom.sheet import Block, draw_sheet
from hepacast.phantom.truth import fate
from hepacast.run.protocol.chain import Recipe, divide, fit_study
from hepacast.run.protocol.discrimination import discriminate, discrimination
from hepacast.run.protocol.published import Order, as_published
from hepacast.run.protocol.resample import OutOfFold, Scored, assemble
from hepacast.run.settings.split import SplitParams
from hepacast.run.settings.study import ModelsParams, ScoreParams
from hepacast.run.work.execute import Executor
from hepacast.select import STEPS
from hepacast.stats.roc import auc

SPLIT = SplitParams(seed=7, outer=5, repeats=1, inner=2)
FILTER: tuple[object, ...] = ("variance", {"univariate": {"p_below": 0.05}}, "zscore")
# As many columns as the ablation paper keeps (20 + 27); the LASSO alone may keep none.
BEST: tuple[object, ...] = ("variance", {"univariate": {"best": 47}}, "zscore")
Sets = dict[str, tuple[str, ...]]
CHAINS: dict[str, tuple[str, tuple[object, ...], object]] = {
    "LASSO": ("rad", FILTER, "lasso"),
    "ridge": ("rad", BEST, "ridge"),
    "SVM": ("rad", BEST, {"svm": {"kernel": "linear", "cost": [0.01]}}),
    "naive Bayes": ("rad", BEST, "naive-bayes"),
    "clinical": ("clinical", ("impute", "zscore"), "ridge"),
}
"""Source, steps and model of every score."""
SETS: Sets = {
    **{name: (name,) for name in CHAINS},
    "clinical + LASSO": ("clinical", "LASSO"),
}
NULL: Sets = {"ridge": ("ridge",), "naive Bayes": ("naive Bayes",)}


@dataclass(frozen=True)
class Line:
    """What one cohort gave for one model: AUC, its 95 % limits, the other order, the truth."""

    strict: float
    low: float
    high: float
    published: float
    true: float


@dataclass(frozen=True)
class Trial:
    """One cohort: a line per model, and the best of all models and folds, as published."""

    lines: dict[str, Line]
    best: float


def clinical_sheet(params: PhantomParams) -> FeatureTable:
    """Draw the laboratory values of all patients."""
    rows = []
    for index in range(1, params.patients + 1):
        latent, _ = fate(params, index)
        known = clinical_row(params, latent, stream(params.seed, index, "clinical"))
        rows.append([np.nan if known[n] is None else float(known[n]) for n in LABORATORIES])  # type: ignore[arg-type]
    cases = tuple(f"S{index:04d}" for index in range(1, params.patients + 1))
    return FeatureTable(np.array(rows), cases, tuple(map(FeatureName.clinical, LABORATORIES)))


def cohort_of(seed: int, patients: int, block: Block, effect: float) -> Cohort:
    """Draw a cohort with recurrence within 24 months, nobody censored."""
    params = PhantomParams(patients=patients, seed=seed, effect=effect)
    courses = [fate(params, index)[1] for index in range(1, patients + 1)]
    event = np.concatenate([course.within("recurrence", 24.0) for course in courses])
    table = draw_sheet(params, block).beside(clinical_sheet(params))
    return Cohort(table, Binary(event))


def recipe_of(cohort: Cohort, sets: Sets) -> Recipe:
    """Write the chains that the models need."""
    wanted = {name for members in sets.values() for name in members}
    scores = {
        name: ScoreParams(
            from_=(source,), steps=tuple(map(STEPS.parse, steps)), model=MODELS.parse(end)
        )
        for name, (source, steps, end) in CHAINS.items()
        if name in wanted
    }
    names = cohort.table.columns
    columns = {
        "rad": tuple(name for name in names if name.family != "clinical"),
        "clinical": tuple(name for name in names if name.family == "clinical"),
    }
    return Recipe(scores, ModelsParams(sets=sets), columns, SPLIT.inner, SPLIT.seed)


def judge(cohort: Cohort, sets: Sets, new: Cohort | None) -> Trial:
    """Run both orders on one cohort, and every fold's models on new patients."""
    recipe = recipe_of(cohort, sets)
    scored: list[Scored] = []
    true: dict[str, list[float]] = {name: [] for name in sets}
    for fold in divide(cohort, SPLIT.outer, generator(SPLIT.seed, "outer", 0)):
        fitted = fit_study(fold.train(cohort), recipe, fold.label)
        found = fitted.predict(fold.test(cohort), None)
        scored.append(Scored(fold.label, 0, found, {}, {}, fitted.seen))
        if new is not None:
            for name, fresh in fitted.predict(new.table, None).items():
                true[name].append(auc(fresh.score, new.outcome.event).estimate)
    strict = assemble(scored, cohort).models
    order = Order(recipe, SPLIT, None, tuple(sets))
    loose = as_published(cohort, cohort, (), order, Executor())
    lines = {}
    for name in sets:
        value, low, high = _with_limits(cohort, strict[name])
        other = discrimination(cohort.outcome, loose.models[name])
        truth = float(np.mean(true[name])) if true[name] else 0.5
        lines[name] = Line(value, low, high, other, truth)
    return Trial(lines, loose.winner.value if loose.winner else np.nan)


def _with_limits(cohort: Cohort, found: OutOfFold) -> tuple[float, float, float]:
    """Return the AUC with its 95 % limits."""
    estimate = discriminate(cohort.outcome, found)
    return estimate.estimate, estimate.low, estimate.high


def fresh_patients(count: int, block: Block, effect: float) -> Cohort:
    """Draw new patients of the population, under names that no cohort uses."""
    cohort = cohort_of(999_983, count, block, effect)
    names = tuple(f"new-{case}" for case in cohort.table.cases)
    table = FeatureTable(cohort.table.values, names, cohort.table.columns)
    return Cohort(table, cohort.outcome)


def report(title: str, trials: list[Trial]) -> None:
    """Print the means over the cohorts."""
    print(f"\n{title}, {len(trials)} cohorts\n")
    print("| model | true AUC | strict (SD) | mean error (SE) | 95 % CI holds the truth "
          "| as published (SD) | mean error (SE) |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for name in trials[0].lines:
        lines = [trial.lines[name] for trial in trials]
        found = np.array([[one.true, one.strict, one.published] for one in lines])
        mean, spread = found.mean(axis=0), found.std(axis=0, ddof=1)
        error = found[:, 1:] - found[:, :1]
        off, standard = error.mean(axis=0), error.std(axis=0, ddof=1) / len(lines) ** 0.5
        held = sum(one.low <= one.true <= one.high for one in lines)
        first, second = (f"{off[at]:+.3f} ({standard[at]:.3f})" for at in (0, 1))
        strict, loose = (f"{mean[at]:.3f} ({spread[at]:.3f})" for at in (1, 2))
        print(f"| {name} | {mean[0]:.3f} | {strict} | {first} | {held} of {len(lines)} "
              f"| {loose} | {second} |")  # fmt: skip
    best = np.mean([trial.best for trial in trials])
    print(f"\nBest of all models and folds, as published: {best:.3f}", flush=True)


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="first seed of both parts")
    parser.add_argument("--patients", type=int, default=150)
    parser.add_argument("--features", type=int, default=1000)
    parser.add_argument("--null-seeds", type=int, default=20)
    parser.add_argument("--null-features", type=int, default=45_290)
    parser.add_argument("--new", type=int, default=3000)
    asked = parser.parse_args()
    begun = time.process_time()
    block = Block(("A",), ("tumour",), asked.features, signal=0.03, strength=0.6)
    new = fresh_patients(asked.new, block, 1.4) if asked.seeds else None
    trials = []
    for seed in range(asked.first, asked.first + asked.seeds):
        trials.append(judge(cohort_of(seed, asked.patients, block, 1.4), SETS, new))
        print(f"seed {seed}: {trials[-1]}", flush=True)
    if trials:
        report(f"{asked.features} features, {asked.patients} patients, true effect", trials)
    wide = Block(("A",), ("tumour",), asked.null_features)
    nulls = []
    for seed in range(asked.first, asked.first + asked.null_seeds):
        nulls.append(judge(cohort_of(seed, 155, wide, 0.0), NULL, None))
        print(f"null seed {seed}: {nulls[-1]}", flush=True)
    if nulls:
        report(f"Null cohort, {asked.null_features} features, 155 patients", nulls)
    print(f"{time.process_time() - begun:.0f} CPU seconds")


if __name__ == "__main__":
    main()
