# SPDX-License-Identifier: Apache-2.0
"""Early censoring left out or weighed, against the truth, on synthetic patients.

Every seed is another cohort whose follow-up ends by chance, early for many.  The
truth is what the cross-validated models reach in new patients whom nobody lost:
their AUC at the horizon, and the share of them with the event, which the mean
predicted probability should be.

    python benchmarks/protocol_censoring.py [--seeds 10] [--patients 200] [--new 4000]
"""

from __future__ import annotations

import argparse

import numpy as np

from hepacast.core.folds import Cohort
from hepacast.core.outcome import Binary, Outcome
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS
from hepacast.models.model import can_learn
from hepacast.run.protocol.chain import Recipe, divide, fit_study
from hepacast.run.protocol.discrimination import discriminate
from hepacast.run.protocol.resample import Scored, assemble
from hepacast.run.settings.study import ModelsParams, ScoreParams
from hepacast.select import STEPS
from hepacast.stats.roc import auc
from hepacast.table.outcomes import until

HORIZON = 730.5
COLUMNS = tuple(map(FeatureName.clinical, ("a", "b", "c", "d", "e", "f")))
KINDS = ("regression", "horizon", "svm", "naive-bayes", "lightgbm")
WAYS = ("exclude", "ipcw")


def draw(
    patients: int, rng: np.random.Generator, prefix: str = "p"
) -> tuple[FeatureTable, np.ndarray, np.ndarray]:
    """Draw features, the time to the event, and the end of follow-up; risk brings both nearer."""
    values = rng.normal(size=(patients, len(COLUMNS)))
    risk = 0.9 * values[:, 0] - 0.6 * values[:, 1]
    time = rng.weibull(0.8, patients) * 1400 * np.exp(-risk)
    end = rng.uniform(60, 1300, patients)
    cases = tuple(f"{prefix}{at:05d}" for at in range(patients))
    return FeatureTable(values, cases, COLUMNS), time, end


def cohort_of(table: FeatureTable, time: np.ndarray, end: np.ndarray, way: str) -> Cohort:
    """Label the patients in one of the two ways."""
    seen, last = time <= end, np.minimum(time, end)
    if way == "ipcw":
        return Cohort(table, until(HORIZON, last, seen.astype(np.int64), "early"))
    early = seen & (last <= HORIZON)
    known = np.flatnonzero(early | (last > HORIZON))
    outcome: Outcome = Binary(early[known])
    return Cohort(table.rows(table.cases[at] for at in known), outcome)


def judge(cohort: Cohort, kind: str, new: FeatureTable, event: np.ndarray) -> tuple[float, ...]:
    """Return the cross-validated AUC, the true one, and the mean probability in new patients."""
    score = ScoreParams(from_=("all",), steps=(STEPS.parse("zscore"),), model=MODELS.parse(kind))
    recipe = Recipe(
        {"one": score}, ModelsParams(sets={"one": ("one",)}), {"all": COLUMNS}, inner=3, seed=7
    )
    at_days = None if isinstance(cohort.outcome, Binary) else HORIZON
    scored, true, mean = [], [], []
    for fold in divide(cohort, 5, generator(7, "outer", 0)):
        fitted = fit_study(fold.train(cohort), recipe, fold.label)
        found = fitted.predict(fold.test(cohort), at_days)
        scored.append(Scored(fold.label, 0, found, {}, {}, fitted.seen))
        fresh = fitted.predict(new, at_days)["one"]
        true.append(auc(fresh.score, event).estimate)
        mean.append(float(fresh.probability.mean()))
    model = assemble(scored, cohort).models["one"]
    honest = discriminate(cohort.outcome, model).estimate
    return honest, float(np.mean(true)), float(np.mean(mean))


def main() -> None:
    """Run all cohorts, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--new", type=int, default=4000)
    asked = parser.parse_args()
    new, time, _ = draw(asked.new, np.random.default_rng(999_983), "new")
    event = time <= HORIZON
    found: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    lost = []
    for seed in range(asked.seeds):
        table, happens, end = draw(asked.patients, np.random.default_rng(seed))
        lost.append(float(((end < happens) & (end < HORIZON)).mean()))
        for way in WAYS:
            cohort = cohort_of(table, happens, end, way)
            for kind in KINDS:
                if not can_learn(MODELS.parse(kind), cohort.outcome):
                    continue
                found.setdefault((kind, way), []).append(judge(cohort, kind, new, event))
    print(
        f"{np.mean(lost):.0%} censored early; {event.mean():.3f} of new patients have the event\n"
    )
    print("| model | early censoring | AUC, strict | true AUC | mean error (SE) "
          "| mean probability | observed |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for (kind, way), rows in found.items():
        values = np.array(rows)
        error = values[:, 0] - values[:, 1]
        spread = error.std(ddof=1) / len(error) ** 0.5
        strict, true, mean = values.mean(axis=0)
        print(f"| {kind} | {way} | {strict:.3f} | {true:.3f} | {error.mean():+.3f} ({spread:.3f}) "
              f"| {mean:.3f} | {event.mean():.3f} |")  # fmt: skip


if __name__ == "__main__":
    main()
