# SPDX-License-Identifier: Apache-2.0
"""Time the ablation study from feature tables: 7 sets x 6 algorithms, nested 5 x 5.

155 patients, 45,300 radiomic columns (50 patients read twice), 9,216 deep ones
and the laboratory.  One outer fold is six chains and 42 tuned models; a whole
study in both orders is twelve such fits at most (five folds and one on
everybody, in each order).  Times are CPU seconds.

    OMP_NUM_THREADS=1 python benchmarks/protocol_ablation.py [--folds 1]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from hepacast.core.folds import Cohort
from hepacast.core.outcome import Binary
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS
from hepacast.phantom import PhantomParams
from hepacast.phantom.clinical import LABORATORIES, clinical_row
from hepacast.phantom.params import stream
from hepacast.phantom.sheet import draw_sheet
from hepacast.phantom.truth import fate
from hepacast.run.parts.reread import Rereading, RereadParams
from hepacast.run.protocol.chain import Recipe, divide, fit_score, fit_study
from hepacast.run.protocol.recipe import with_algorithms
from hepacast.run.recipes.shapes import RECIPES
from hepacast.run.settings.study import ModelsParams, ScoreParams
from hepacast.select import STEPS

PATIENTS, SEED = 155, 7
RFE = {"estimator": "tree"}
SCORES: dict[str, tuple[tuple[object, ...], str]] = {
    "cli": (({"impute": {}}, {"univariate": {"p_below": 0.1}}), "regression"),
    "rad": (
        ("impute", "variance", {"univariate": {"best": 500}}, "zscore", "lasso",
         {"rfe": {**RFE, "keep": 20}}),
        "ridge",
    ),
    "deep": (("impute", "variance", "zscore", "lasso", {"rfe": {**RFE, "keep": 27}}), "ridge"),
}  # fmt: skip
SETS = {
    "Cli": ("cli",), "Rad": ("rad",), "DLR": ("deep",), "CR": ("cli", "rad"),
    "CDL": ("cli", "deep"), "DLRR": ("rad", "deep"), "Combined": ("cli", "rad", "deep"),
}  # fmt: skip
ALGORITHMS = ("svm", "regression", "forest", "knn", "lightgbm", "xgboost")


def laboratory(params: PhantomParams, cases: tuple[str, ...]) -> FeatureTable:
    """Draw the laboratory values of all patients."""
    values = np.empty((len(cases), len(LABORATORIES)))
    for at in range(len(cases)):
        chance = stream(params.seed, at + 1, "clinical")
        known = clinical_row(params, fate(params, at + 1)[0], chance)
        values[at] = [np.nan if known[n] is None else known[n] for n in LABORATORIES]
    return FeatureTable(values, cases, tuple(map(FeatureName.clinical, LABORATORIES)))


def draw() -> tuple[Cohort, Recipe]:
    """Draw the development cohort, and write the study's recipe."""
    params = PhantomParams(patients=PATIENTS, seed=SEED)
    blocks = RECIPES["cect-ablation"].blocks
    tables = {name: draw_sheet(params, block, purpose=name) for name, block in blocks.items()}
    again = draw_sheet(params, blocks["rad"], reading=2, purpose="rad")
    tables["cli"] = laboratory(params, again.cases)
    courses = [fate(params, index)[1] for index in range(1, PATIENTS + 1)]
    event = np.concatenate([course.within("recurrence", 24.0) for course in courses])
    cohort = Cohort(tables["rad"].beside(tables["deep"]).beside(tables["cli"]), Binary(event))
    scores = {
        name: ScoreParams(
            from_=(name,), steps=tuple(map(STEPS.parse, steps)), model=MODELS.parse(end)
        )
        for name, (steps, end) in SCORES.items()
    }
    models = ModelsParams(sets=SETS, algorithms=tuple(map(MODELS.parse, ALGORITHMS)))
    columns = {name: table.columns for name, table in tables.items()}
    settings = RereadParams(patients=50, icc_min=0.8, bound="lower")
    rereading = Rereading((again.rows(again.cases[:70]),), settings, SEED)
    recipe = Recipe(scores, models, columns, 5, SEED, rereading=rereading)
    return cohort, with_algorithms(recipe)


def main() -> None:
    """Time single scores, and whole folds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=1)
    asked = parser.parse_args()
    cohort, recipe = draw()
    folds = list(divide(cohort, 5, generator(SEED, "outer", 0)))
    for name in recipe.scores:
        begun = time.process_time()
        left = fit_score(folds[0].train(cohort), name, recipe, "one").funnel()
        print(f"{name}: {time.process_time() - begun:.1f} s, columns {left}", flush=True)
    begun = time.process_time()
    for fold in folds[: asked.folds]:
        fitted = fit_study(fold.train(cohort), recipe, fold.label)
        fitted.predict(fold.test(cohort), None)
    each = (time.process_time() - begun) / asked.folds
    print(
        f"{len(recipe.models.sets)} models: {each:.0f} s per outer fold, {12 * each:.0f} s in all"
    )


if __name__ == "__main__":
    main()
