# SPDX-License-Identifier: Apache-2.0
"""Speed of the statistics room, as ratios and seconds of one run on one machine.

Run: python benchmarks/stats_speed.py
"""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING

import lifelines
import numpy as np
import pandas as pd
import statsmodels.api as sm

from hepacast.stats.agreement import icc
from hepacast.stats.concordance import bootstrap_harrell_c
from hepacast.stats.roc import placements
from hepacast.stats.univariate import screen_cox, screen_logistic

if TYPE_CHECKING:
    from collections.abc import Callable

CASES, FEATURES = 414, 11_270


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the shortest of a few runs, after one to warm up."""
    work()
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return min(spent)


def loop(one: Callable[[int], object], features: int, sample: int) -> float:
    """Time a loop over a sample of the features, scaled to all of them."""
    one(0)
    start = time.perf_counter()
    for column in range(sample):
        one(column)
    return (time.perf_counter() - start) / sample * features


def screens(rng: np.random.Generator) -> None:
    """Compare the univariate screens with loops of statsmodels and lifelines."""
    X = rng.normal(size=(CASES, FEATURES))
    event = rng.random(CASES) < 0.35
    months = np.round(rng.exponential(10, CASES), 1) + 0.1

    def one_logit(column: int) -> object:
        model = sm.Logit(event.astype(float), sm.add_constant(X[:, column]))
        return model.fit(disp=0)

    def one_cox(column: int) -> object:
        frame = pd.DataFrame({"x": X[:, column], "t": months, "e": event})
        return lifelines.CoxPHFitter().fit(frame, "t", "e")

    mine = seconds(lambda: screen_logistic(X, event))
    theirs = loop(one_logit, FEATURES, 300)
    print(
        f"logistic screen {FEATURES} x {CASES}: {mine:.2f} s; statsmodels {theirs:.1f} s; "
        f"{theirs / mine:.0f} times as fast"
    )
    mine = seconds(lambda: screen_cox(X, months, event))
    theirs = loop(one_cox, FEATURES, 40)
    print(
        f"Cox screen {FEATURES} x {CASES}: {mine:.2f} s; lifelines {theirs:.1f} s; "
        f"{theirs / mine:.0f} times as fast"
    )


def main() -> None:
    """Print one line per benchmark."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    readings = rng.normal(size=(2, 50, 45_290))
    print(f"ICC of 45,290 features x 50 cases x 2 readers: {seconds(lambda: icc(readings)):.2f} s")
    scores, event = rng.normal(size=(40, 10_000)), rng.random(10_000) < 0.3
    spent = seconds(lambda: placements(scores, event).covariance)
    print(f"paired DeLong of 40 models x 10,000 cases: {spent:.2f} s")
    risk, months, seen = rng.normal(size=400), rng.exponential(10, 400), rng.random(400) < 0.5
    spent = seconds(lambda: bootstrap_harrell_c(risk, months, seen, rng, resamples=2000))
    print(f"2,000 bootstrap resamples of a C-index, 400 cases: {spent:.2f} s")
    screens(rng)


if __name__ == "__main__":
    main()
