# SPDX-License-Identifier: Apache-2.0
"""Find what several models have in common to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from hepacast.report.content import Evaluation, Model, OutcomeReport

T = TypeVar("T")


def having(
    outcome: OutcomeReport, scope: str, part: Callable[[Evaluation], T | None]
) -> list[tuple[Model, Evaluation, T]]:
    """Return the models whose evaluation of a scope has a part, with both.

    Examples
    --------
    >>> from hepacast.report.content import OutcomeReport
    >>> having(OutcomeReport(name="er", kind="binary"), "out-of-fold", lambda seen: seen.roc)
    []
    """
    found = []
    for model in outcome.models:
        seen = model.evaluation(scope)
        piece = None if seen is None else part(seen)
        if seen is not None and piece is not None:
            found.append((model, seen, piece))
    return found
