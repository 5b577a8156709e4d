# SPDX-License-Identifier: Apache-2.0
"""Time the whole selection chain on a table of the size of the ablation study.

ICC -> variance -> Mann-Whitney -> LASSO -> RFE, on 45,290 columns of 155
cases (50 of them read twice), inside 5 x 5 nested cross-validation: 25 inner
and 5 outer chains.  ``--loop`` times one chain written with scikit-learn,
scipy and pingouin, column by column, on a share of the columns, and scales it.
Times are CPU seconds; run it with one thread (OMP_NUM_THREADS=1).

    python benchmarks/select_chain.py [--columns 45290] [--loop 400]
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np

from hepacast.core.folds import Cohort, Fold, Train
from hepacast.core.outcome import Binary
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.select import STEPS
from hepacast.select.reliability import ReliabilityParams, reliable
from hepacast.stats.dealing import deal_folds

CASES, REREAD = 155, 50
BLOCKS: list[object] = [
    "variance",
    {"univariate": {"test": "mann-whitney", "p_below": 0.05}},
    "zscore",
    "lasso",
    {"rfe": {"estimator": "tree", "keep": 20}},
]


def draw(columns: int) -> tuple[Cohort, FeatureTable]:
    """Draw correlated columns, of which two thirds are reliable and 40 carry signal."""
    rng = np.random.default_rng(1)
    common = rng.normal(size=(CASES, 60))
    values = common @ rng.normal(size=(60, columns)) / 8 + rng.normal(size=(CASES, columns))
    event = values[:, :40].mean(axis=1) + 0.5 * rng.normal(size=CASES) > 0
    noise = np.where(np.arange(columns) % 3 == 0, 1.0, 0.1)
    cases = tuple(f"c{at:03d}" for at in range(CASES))
    names = tuple(FeatureName("A", "tumour", "original", "glcm", f"x{at}") for at in range(columns))
    second = values[:REREAD] + noise * rng.normal(size=(REREAD, columns))
    table = FeatureTable(values, cases, names)
    return Cohort(table, Binary(event)), FeatureTable(second, cases[:REREAD], names)


def chain(train: Train, second: FeatureTable, spent: dict[str, float]) -> int:
    """Run the chain once; add up the CPU seconds of each step."""
    rng = np.random.default_rng(7)
    begun = time.process_time()
    train = reliable(train, [second], ReliabilityParams(icc_min=0.8)).apparent(train)
    spent["icc"] = spent.get("icc", 0.0) + time.process_time() - begun
    for block in BLOCKS:
        begun = time.process_time()
        params = STEPS.parse(block)
        train = STEPS[params](train, params, rng).apparent(train)
        name = str(params.model_dump()["kind"])
        spent[name] = spent.get(name, 0.0) + time.process_time() - begun
    return len(train.table.columns)


def nested(cohort: Cohort, second: FeatureTable) -> None:
    """Run 5 outer chains, and 5 inner ones in each."""
    spent: dict[str, float] = {}
    begun, kept = time.process_time(), []
    for outer in divide(cohort, 0):
        train = outer.train(cohort)
        kept.append(chain(train, second, spent))
        kept += [chain(inner.train(train), second, spent) for inner in divide(train, 1)]
    total = time.process_time() - begun
    steps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in spent.items())
    print(f"hepacast: {len(kept)} chains in {total:.1f} CPU s ({total / len(kept):.2f} s each)")
    print(f"  seconds by step: {steps}; columns kept: {min(kept)}-{max(kept)}")


def divide(cohort: Cohort, seed: int) -> list[Fold]:
    """Deal five folds."""
    patients = np.array(cohort.table.patients, dtype=object)
    rng = np.random.default_rng(seed)
    fold = deal_folds(cohort.table.patients, cohort.outcome.strata, 5, rng)
    everybody = frozenset(patients)
    sides = [frozenset(patients[fold == label]) for label in range(5)]
    return [Fold(everybody - side, side) for side in sides]


def loop(cohort: Cohort, second: FeatureTable, columns: int) -> None:
    """Time the chain as it is usually written, on the first columns only."""
    import pandas as pd  # noqa: PLC0415
    import pingouin  # noqa: PLC0415
    from scipy.stats import mannwhitneyu  # noqa: PLC0415
    from sklearn.feature_selection import RFE, VarianceThreshold  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegressionCV  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415
    from sklearn.tree import DecisionTreeClassifier  # noqa: PLC0415

    warnings.simplefilter("ignore")
    values, event = cohort.table.values, cohort.outcome.event
    begun = time.process_time()
    lower = []
    for at in range(columns):
        frame = pd.DataFrame(
            {
                "case": np.tile(np.arange(REREAD), 2),
                "reader": np.repeat([0, 1], REREAD),
                "value": np.concatenate([values[:REREAD, at], second.values[:, at]]),
            }
        )
        found: Any = pingouin.intraclass_corr(frame, "case", "reader", "value").iloc[1]
        lower.append(next(found[name] for name in found.index if name.startswith("CI95"))[0])
    columnwise = time.process_time() - begun
    begun = time.process_time()
    p = [mannwhitneyu(values[event, at], values[~event, at]).pvalue for at in range(columns)]
    columnwise = (columnwise + time.process_time() - begun) / columns * values.shape[1]
    begun = time.process_time()
    # More than the two filters leave of these columns; no column-wise cost hangs on it.
    x = values[:, : int(0.12 * values.shape[1])]
    z = StandardScaler().fit_transform(VarianceThreshold().fit_transform(x))
    lasso = LogisticRegressionCV(
        Cs=100, cv=5, l1_ratios=(1,), solver="liblinear", scoring="neg_log_loss"
    ).fit(z, event)
    chosen = np.flatnonzero(lasso.coef_[0])
    if len(chosen) > 20:
        RFE(DecisionTreeClassifier(random_state=0), n_features_to_select=20).fit(
            z[:, chosen], event
        )
    rest = time.process_time() - begun
    shares = np.mean(np.array(lower) > 0.8), np.mean(np.array(p) < 0.05)
    print(f"loop: {columnwise:.0f} s ICC and test (scaled from {columns} columns)")
    print(f"  + {rest:.0f} s LASSO and RFE = {columnwise + rest:.0f} s for one chain")
    print(f"  reliable {shares[0]:.2f}, P < 0.05 {shares[1]:.2f} of the columns")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--columns", type=int, default=45_290)
    parser.add_argument("--loop", type=int, default=0)
    asked = parser.parse_args()
    cohort, second = draw(asked.columns)
    nested(cohort, second)
    if asked.loop:
        loop(cohort, second, asked.loop)


if __name__ == "__main__":
    main()
