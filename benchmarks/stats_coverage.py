# SPDX-License-Identifier: Apache-2.0
"""How often do 95 % intervals hold the truth?  Simulated cohorts of 150 cases.

Run: python benchmarks/stats_coverage.py [cohorts]
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy import special, stats

from hepacast.core.errors import NotEstimableError
from hepacast.stats.calibration import calibration
from hepacast.stats.competing import cumulative_incidence
from hepacast.stats.concordance import harrell_c
from hepacast.stats.horizon import auc_at
from hepacast.stats.reclassification import nri
from hepacast.stats.roc import auc
from hepacast.stats.survival import kaplan_meier

if TYPE_CHECKING:
    from collections.abc import Callable

CASES, COHORTS = 150, 2000


class Limits(Protocol):
    """What every estimate has."""

    @property
    def low(self) -> float:
        """Part of an estimate."""
        ...

    @property
    def high(self) -> float:
        """Part of an estimate."""
        ...

    @property
    def estimate(self) -> float:
        """Part of an estimate."""
        ...


@dataclass(frozen=True)
class Binary:
    """Yes-or-no outcomes with two models' risks."""

    event: np.ndarray
    old: np.ndarray
    new: np.ndarray


def binary(rng: np.random.Generator, n: int) -> Binary:
    """Two markers; the second model knows both, and is overconfident."""
    x, y = rng.normal(size=(2, n))
    event = rng.uniform(size=n) < special.expit(-0.5 + 0.9 * x + 0.6 * y)
    return Binary(event, special.expit(-0.5 + 0.9 * x), special.expit(-0.5 + 1.2 * x + 0.8 * y))


@dataclass(frozen=True)
class Followed:
    """Survival with a competing event."""

    risk: np.ndarray
    time: np.ndarray
    cause: np.ndarray


def followed(rng: np.random.Generator, n: int, *, censored: bool = True) -> Followed:
    """Exponential times; 52 % events, 20 % competing, 28 % censored."""
    x = rng.normal(size=n)
    first = rng.exponential(12 * np.exp(-0.7 * x))
    second = rng.exponential(30, n)
    limit = rng.uniform(2, 25, n) if censored else np.full(n, 25.0)
    time = np.minimum(np.minimum(first, second), limit)
    cause = np.where(limit <= time, 0, np.where(first < second, 1, 2))
    return Followed(x, time, cause)


def truths(rng: np.random.Generator) -> dict[str, float]:
    """Large samples, or formulas where there are."""
    big = binary(rng, 2_000_000)
    many = followed(rng, 2_000_000, censored=False)
    order = [
        harrell_c(d.risk, d.time, d.cause == 1).estimate
        for d in (followed(rng, 3000) for _ in range(100))
    ]
    by_ten = (many.cause == 1) & (many.time <= 10)
    later = many.time > 10
    pooled = np.concatenate([many.risk[~later], many.risk[later]])
    m, k = int((~later).sum()), int(later.sum())
    ranks = stats.rankdata(pooled)[:m].sum()
    up, down = big.new > big.old, big.new < big.old
    e = big.event
    return {
        "AUC (DeLong)": auc(big.new, e).estimate,
        "C-index (infinitesimal jackknife)": float(np.mean(order)),
        "time-dependent AUC at 10 (IPCW)": float((ranks - m * (m + 1) / 2) / (m * k)),
        "category-free NRI (Hmisc)": float(
            up[e].mean() - down[e].mean() + down[~e].mean() - up[~e].mean()
        ),
        "calibration slope (Wald)": 0.75,
        "cumulative incidence at 10 (log-log)": float(by_ten.mean()),
        "Kaplan-Meier at 10 (log-log)": float((many.time > 10).mean()),
    }


def estimators() -> dict[str, Callable[[Binary, Followed], Limits]]:
    """One interval per name."""
    return {
        "AUC (DeLong)": lambda b, _: auc(b.new, b.event),
        "C-index (infinitesimal jackknife)": lambda _, f: harrell_c(f.risk, f.time, f.cause == 1),
        "time-dependent AUC at 10 (IPCW)": lambda _, f: auc_at(f.risk, f.time, f.cause > 0, 10.0),
        "category-free NRI (Hmisc)": lambda b, _: nri(b.old, b.new, b.event, variance="hmisc"),
        "calibration slope (Wald)": lambda b, _: calibration(b.new, b.event).slope,
        "cumulative incidence at 10 (log-log)": lambda _, f: cumulative_incidence(
            f.time, f.cause
        ).estimate_at(10.0),
        "Kaplan-Meier at 10 (log-log)": lambda _, f: kaplan_meier(
            f.time, f.cause > 0, conf_type="log-log"
        ).estimate_at(10.0),
    }


def main() -> None:
    """Print a table for the documentation."""
    cohorts = int(sys.argv[1]) if len(sys.argv) > 1 else COHORTS
    rng = np.random.default_rng(2024)
    true, ways = truths(rng), estimators()
    inside, failed = Counter[str](), Counter[str]()
    total: dict[str, float] = dict.fromkeys(ways, 0.0)
    for _ in range(cohorts):
        b, f = binary(rng, CASES), followed(rng, CASES)
        for name, way in ways.items():
            try:
                found = way(b, f)
            except NotEstimableError:
                failed[name] += 1
                continue
            inside[name] += found.low <= true[name] <= found.high
            total[name] += found.estimate
    print("| interval | truth | mean estimate | coverage, % | not estimable |")
    print("|---|---|---|---|---|")
    for name, truth in true.items():
        used = cohorts - failed[name]
        share = 100 * inside[name] / used
        mean = total[name] / used
        print(f"| {name} | {truth:.4f} | {mean:.4f} | {share:.1f} | {failed[name]} |")


if __name__ == "__main__":
    main()
