# SPDX-License-Identifier: Apache-2.0
"""What a cohort of this size can show at all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hepacast.core.outcome import Binary
from hepacast.report import content as shown

if TYPE_CHECKING:
    from hepacast.core.folds import Cohort
    from hepacast.run.protocol.chain import Recipe

EVENTS_PER_CANDIDATE = 10
"""Below this many events per candidate column, apparent results mean nothing."""
WIDE = 0.2
"""An interval of the AUC wider than this does not tell a good model from a poor one."""


def precision(name: str, cohort: Cohort, recipe: Recipe) -> tuple[shown.Precision, ...]:
    """Say how many events there are per candidate column, and how wide an interval will be."""
    events = int(cohort.outcome.event.sum())
    sources = {source for score in recipe.scores.values() for source in score.from_}
    candidates = len({column for source in sources for column in recipe.columns[source]})
    ratio = events / candidates if candidates else math.inf
    found = [
        shown.Precision(
            outcome=name,
            topic="Events per candidate",
            text=f"{events} events among {len(cohort)} cases for {candidates} candidate columns: "
            f"{ratio:.2f} events per candidate. Selection and shrinkage are needed, and apparent "
            "results are optimistic.",
            value=ratio,
            warn=ratio < EVENTS_PER_CANDIDATE,
        )
    ]
    if isinstance(cohort.outcome, Binary):
        width = auc_width(0.75, events, len(cohort) - events)
        found.append(
            shown.Precision(
                outcome=name,
                topic="Expected width of the AUC interval",
                text=f"With {events} events and {len(cohort) - events} cases without, the 95 % "
                f"interval of an AUC of 0.75 is about {width:.2f} wide (Hanley and McNeil 1982).",
                value=width,
                warn=width > WIDE,
            )
        )
    return tuple(found)


def auc_width(auc: float, events: int, others: int) -> float:
    """Return the expected width of a 95 % interval of the AUC.

    Source: Hanley and McNeil 1982, Radiology 143:29.

    >>> round(auc_width(0.75, 30, 30), 3)
    0.248
    """
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    square = auc**2
    variance = auc * (1 - auc) + (events - 1) * (q1 - square) + (others - 1) * (q2 - square)
    return 2 * 1.959964 * math.sqrt(variance / (events * others))
