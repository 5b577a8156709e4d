# SPDX-License-Identifier: Apache-2.0
"""What acting above a threshold does: counts and net benefit, threshold by threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hepacast.report.content import CaseScore, DecisionCurve, Evaluation, OutcomeReport
    from hepacast.report.figures.pick import View

THRESHOLDS = tuple(at / 100 for at in range(1, 100))
"""Probabilities at which one would act."""


class Counts(TypedDict):
    """One model on one set of patients, at every threshold.

    ``tp``, ``fp``, ``fn``, ``tn`` count patients; ``net_benefit`` is None where neither
    the result nor the patients give it.  ``unknown`` patients were censored before the
    horizon and are in no count.
    """

    model: str
    n: int
    unknown: int
    tp: list[int]
    fp: list[int]
    fn: list[int]
    tn: list[int]
    net_benefit: list[float | None]
    treat_all: list[float | None]


def counts_of(outcome: OutcomeReport, view: View) -> list[Counts]:
    """Count, for every model with probabilities, whom each threshold calls high risk.

    Parameters
    ----------
    outcome : OutcomeReport
        An end point.
    view : View
        The patients.

    Returns
    -------
    list of Counts
        In the order of the report.
    """
    found = []
    for model in outcome.models:
        seen = view.of(model)
        if seen is not None and any(one.probability is not None for one in seen.cases):
            found.append(count(model.name, seen, outcome.horizon_months))
    return found


def usual_threshold(counts: Sequence[Counts]) -> int:
    """Return where in :data:`THRESHOLDS` the slider starts: at the share of events.

    Examples
    --------
    >>> usual_threshold([])
    0
    """
    if not counts or not counts[0]["n"]:
        return 0
    share = (counts[0]["tp"][0] + counts[0]["fn"][0]) / counts[0]["n"]
    return min(range(len(THRESHOLDS)), key=lambda at: abs(THRESHOLDS[at] - share))


def count(name: str, seen: Evaluation, horizon_months: float | None) -> Counts:
    """Count one model; a probability equal to the threshold is acted upon.

    The net benefit is the one of the result's decision curve (linear between its
    points, weighted for censoring where that is its way); without a curve it is
    ``tp / n - fp / n * t / (1 - t)`` (Vickers and Elkin 2006, Med Decis Making 26:565).

    Examples
    --------
    >>> from hepacast.report.content import CaseScore, Evaluation
    >>> cases = [CaseScore(case="a", probability=0.8, event=True),
    ...          CaseScore(case="b", probability=0.6, event=False)]
    >>> seen = Evaluation(cohort="all", scope="internal", n=2, events=1, cases=tuple(cases))
    >>> at = THRESHOLDS.index(0.5)
    >>> found = count("m", seen, None)
    >>> found["tp"][at], found["fp"][at], found["net_benefit"][at]
    (1, 1, 0.0)
    """
    labels = [(one.probability, label_at(one, horizon_months)) for one in seen.cases]
    pairs = [(p, label) for p, label in labels if p is not None and label is not None]
    p = np.array([pair[0] for pair in pairs], dtype=np.float64)
    event = np.array([pair[1] for pair in pairs], dtype=bool)
    t = np.array(THRESHOLDS)
    act = p[:, None] >= t
    tp, fp = (act & event[:, None]).sum(axis=0), (act & ~event[:, None]).sum(axis=0)
    n, events = len(pairs), int(event.sum())
    odds = t / (1 - t)
    plain = tp / max(n, 1) - fp / max(n, 1) * odds
    everybody = events / max(n, 1) - (n - events) / max(n, 1) * odds
    curve = seen.decision
    return Counts(
        model=name,
        n=n,
        unknown=len(labels) - n,
        tp=tp.tolist(),
        fp=fp.tolist(),
        fn=(events - tp).tolist(),
        tn=(n - events - fp).tolist(),
        net_benefit=plain.tolist() if curve is None else _read(curve, curve.net_benefit),
        treat_all=everybody.tolist() if curve is None else _read(curve, curve.treat_all),
    )


def _read(curve: DecisionCurve, values: tuple[float | None, ...]) -> list[float | None]:
    """Read a curve at every threshold; None beyond its ends."""
    pairs = zip(curve.thresholds, values, strict=True)
    known = [(x, y) for x, y in pairs if x is not None and y is not None]
    if not known:
        return [None] * len(THRESHOLDS)
    x, y = (np.array(side, dtype=np.float64) for side in zip(*sorted(known), strict=True))
    read = np.interp(THRESHOLDS, x, y)
    return [
        float(v) if x[0] - 1e-9 <= t <= x[-1] + 1e-9 else None
        for t, v in zip(THRESHOLDS, read, strict=True)
    ]


def label_at(one: CaseScore, horizon_months: float | None) -> bool | None:
    """Say whether the event came by the horizon; None for those censored before it."""
    if one.event is None or one.time_months is None or horizon_months is None:
        return one.event
    if one.time_months > horizon_months:
        return False
    return True if one.event else None
