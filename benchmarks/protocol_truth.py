# SPDX-License-Identifier: Apache-2.0
"""Strict and as-published estimates against the truth, on synthetic patients.

Every seed is another cohort of the same population.  The truth of a procedure
is the AUC that its models reach in thousands of new patients.  The second part
is the null cohort: nothing to be found among 45,290 features.

    python benchmarks/protocol_truth.py [--seeds 20] [--patients 150] [--features 1000]
                                        [--null-seeds 10] [--null-features 45290] [--new 3000]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

from hepacast.core.folds import Cohort
from hepacast.core.outcome import Binary
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureTable
from hepacast.models import MODELS
from hepacast.phantom import PhantomParams
from hepacast.phantom.sheet import Block, draw_sheet
from hepacast.phantom.truth import fate
from hepacast.run.chain import Recipe, divide, fit_study
from hepacast.run.controls import discrimination
from hepacast.run.execute import Executor
from hepacast.run.protocol import Scored, assemble
from hepacast.run.published import Order, as_published
from hepacast.run.split_settings import SplitParams
from hepacast.run.study import ModelsParams, ScoreParams
from hepacast.select import STEPS
from hepacast.stats.roc import auc

SPLIT = SplitParams(seed=7, outer=5, repeats=1, inner=2)
CHAINS: dict[str, tuple[object, ...]] = {
    "lasso": ("variance", {"univariate": {"p_below": 0.05}}, "zscore"),
    # As many columns as the ablation paper keeps (20 + 27); the LASSO alone may keep none.
    "ridge": ("variance", {"univariate": {"best": 47}}, "zscore"),
}
"""Steps by the model at their end."""


@dataclass(frozen=True)
class Line:
    """What one cohort gave."""

    strict: float
    published: float
    best: float
    true: float


def cohort_of(seed: int, patients: int, block: Block, effect: float) -> Cohort:
    """Draw a cohort with recurrence within 24 months, nobody censored."""
    params = PhantomParams(patients=patients, seed=seed, effect=effect)
    courses = [fate(params, index)[1] for index in range(1, patients + 1)]
    event = np.concatenate([course.within("recurrence", 24.0) for course in courses])
    return Cohort(draw_sheet(params, block), Binary(event))


def recipe_of(cohort: Cohort, end: str) -> Recipe:
    """Write a chain: filter, scale, and a model at the end."""
    steps = tuple(map(STEPS.parse, CHAINS[end]))
    score = ScoreParams(from_=("rad",), steps=steps, model=MODELS.parse(end))
    models = ModelsParams(sets={"rad": ("rad",)})
    columns = {"rad": cohort.table.columns}
    return Recipe({"rad": score}, models, columns, SPLIT.inner, SPLIT.seed)


def judge(cohort: Cohort, end: str, new: Cohort | None) -> Line:
    """Run both orders on one cohort, and every fold's models on new patients."""
    recipe = recipe_of(cohort, end)
    scored, true = [], []
    for fold in divide(cohort, SPLIT.outer, generator(SPLIT.seed, "outer", 0)):
        fitted = fit_study(fold.train(cohort), recipe, fold.label)
        found = fitted.predict(fold.test(cohort), None)
        scored.append(Scored(fold.label, 0, found, {"rad": ()}, {"rad": ()}, fitted.seen))
        if new is not None:
            fresh = fitted.predict(new.table, None)["rad"].score
            true.append(auc(fresh, new.outcome.event).estimate)
    strict = discrimination(cohort.outcome, assemble(scored, cohort).models["rad"])
    order = Order(recipe, SPLIT, None, ("rad",))
    loose = as_published(cohort, cohort, (), order, Executor())
    published = discrimination(cohort.outcome, loose.models["rad"])
    best = loose.winner.value if loose.winner else published
    return Line(strict, published, best, float(np.mean(true)) if true else 0.5)


def fresh_patients(count: int, block: Block, effect: float) -> Cohort:
    """Draw new patients of the population, under names that no cohort uses."""
    cohort = cohort_of(999_983, count, block, effect)
    names = tuple(f"new-{case}" for case in cohort.table.cases)
    table = FeatureTable(cohort.table.values, names, cohort.table.columns)
    return Cohort(table, cohort.outcome)


def table(title: str, lines: list[Line]) -> None:
    """Print the means over the cohorts."""
    found = np.array([[one.strict, one.published, one.best, one.true] for one in lines])
    mean, spread = found.mean(axis=0), found.std(axis=0, ddof=1)
    error = found[:, :3] - found[:, 3:]
    standard = error.std(axis=0, ddof=1) / len(lines) ** 0.5
    print(f"\n{title}, {len(lines)} cohorts; true AUC {mean[3]:.3f}")
    print("| estimate | mean AUC (SD) | mean error (SE) |\n|---|---|---|")
    for at, name in enumerate(("strict", "as published", "as published, best fold")):
        print(f"| {name} | {mean[at]:.3f} ({spread[at]:.3f}) "
              f"| {error[:, at].mean():+.3f} ({standard[at]:.3f}) |")  # fmt: skip


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--patients", type=int, default=150)
    parser.add_argument("--features", type=int, default=1000)
    parser.add_argument("--null-seeds", type=int, default=10)
    parser.add_argument("--null-features", type=int, default=45_290)
    parser.add_argument("--new", type=int, default=3000)
    asked = parser.parse_args()
    begun = time.process_time()
    block = Block(("A",), ("tumour",), asked.features, signal=0.03, strength=0.6)
    new = fresh_patients(asked.new, block, 1.4) if asked.seeds else None
    lines = []
    for seed in range(1, asked.seeds + 1):
        lines.append(judge(cohort_of(seed, asked.patients, block, 1.4), "lasso", new))
        print(f"seed {seed}: {lines[-1]}", flush=True)
    if lines:
        table(f"{asked.features} features, {asked.patients} patients, true effect", lines)
    wide = Block(("A",), ("tumour",), asked.null_features)
    nulls = []
    for seed in range(1, asked.null_seeds + 1):
        nulls.append(judge(cohort_of(seed, 155, wide, 0.0), "ridge", None))
        print(f"null seed {seed}: {nulls[-1]}", flush=True)
    if nulls:
        table(f"Null cohort, {asked.null_features} features, 155 patients", nulls)
    print(f"{time.process_time() - begun:.0f} CPU seconds")


if __name__ == "__main__":
    main()
