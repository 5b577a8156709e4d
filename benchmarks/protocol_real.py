# SPDX-License-Identifier: Apache-2.0
"""Strict and as-published estimates on the four public feature tables with a binary target.

python benchmarks/protocol_real.py ../shared/data/radiomics_tables [--repeats 3]
"""

from __future__ import annotations

import argparse
import gzip
import time
from pathlib import Path

import numpy as np

from hepacast.core.folds import Cohort
from hepacast.core.outcome import Binary
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS
from hepacast.run.protocol.apparent import final_fit
from hepacast.run.protocol.chain import Recipe
from hepacast.run.protocol.discrimination import discriminate
from hepacast.run.protocol.published import Order, as_published
from hepacast.run.protocol.recipe import with_algorithms
from hepacast.run.protocol.resample import assess, plan
from hepacast.run.settings.split import SplitParams
from hepacast.run.settings.study import ModelsParams, ScoreParams
from hepacast.run.work.execute import Executor
from hepacast.select import STEPS

ALGORITHMS = ("regression", "svm", "knn", "forest", "naive-bayes", "lightgbm")
STEP_BLOCKS: tuple[object, ...] = (
    "impute", "variance", {"correlation": {"limit": 0.95}}, {"univariate": {"best": 30}}, "zscore"
)  # fmt: skip


def read(path: Path) -> Cohort:
    """Read one table; its last two columns are ID and Target."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        rows = [line.rstrip("\n").split(",") for line in stream]
    values = np.array([[float(cell or "nan") for cell in row[:-2]] for row in rows[1:]])
    columns = tuple(map(FeatureName.from_column, rows[0][:-2]))
    event = np.array([row[-1] == "1" for row in rows[1:]])
    return Cohort(FeatureTable(values, tuple(row[-2] for row in rows[1:]), columns), Binary(event))


def study(path: Path, split: SplitParams) -> None:
    """Print one line per model of one table."""
    cohort = read(path)
    score = ScoreParams(
        from_=("rad",), steps=tuple(map(STEPS.parse, STEP_BLOCKS)), model=MODELS.parse("ridge")
    )
    models = ModelsParams(sets={"rad": ("rad",)}, algorithms=tuple(map(MODELS.parse, ALGORITHMS)))
    columns = {"rad": cohort.table.columns}
    recipe = with_algorithms(Recipe({"rad": score}, models, columns, split.inner, split.seed))
    begun = time.process_time()
    strict = assess(plan(cohort, recipe, split, None, repeats=split.repeats), Executor()).models
    final = final_fit(cohort, recipe, None).models
    order = Order(recipe, split, None, tuple(strict))
    loose = as_published(cohort, cohort, (), order, Executor())
    spent = time.process_time() - begun
    name = path.name.removesuffix(".csv.gz")
    events = int(cohort.outcome.event.sum())
    for model, found in strict.items():
        apparent = discriminate(cohort.outcome, final[model]).estimate
        honest = discriminate(cohort.outcome, found, apparent=apparent)
        other = discriminate(cohort.outcome, loose.models[model]).estimate
        print(
            f"| {name} | {events} of {len(cohort)} | {len(cohort.table.columns)} "
            f"| {model.removeprefix('rad ')} | {honest.estimate:.2f} ({honest.low:.2f} to "
            f"{honest.high:.2f}) | {other:.2f} | {apparent:.2f} |",
            flush=True,
        )
    print(f"<!-- {name}: {spent:.0f} CPU seconds -->", flush=True)


def main() -> None:
    """Run all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    split = SplitParams(seed=7, outer=5, repeats=asked.repeats, inner=3)
    print("| table | events | columns | algorithm | strict AUC | as published | apparent |")
    print("|---|---|---|---|---|---|---|")
    for path in sorted(asked.folder.glob("*.csv.gz")):
        study(path, split)


if __name__ == "__main__":
    main()
