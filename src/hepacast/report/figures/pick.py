# SPDX-License-Identifier: Apache-2.0
"""Find what several models have in common to draw: the same patients, the same part."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from hepacast.report.wording import SCOPES, slug

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hepacast.report.content import Evaluation, Model, OutcomeReport

T = TypeVar("T")
MOST_DRAWN = 12
"""Models above which curves are drawn of some only; tables and forest plots have them all."""


@dataclass(frozen=True, slots=True)
class View:
    """A set of patients on which models were scored.

    Parameters
    ----------
    scope : str
        As in :class:`~hepacast.report.content.Evaluation`.
    cohort : str
        Name of the patients; empty for the first evaluation of that scope.

    Examples
    --------
    >>> View("external", "centre 2").words
    'external test, centre 2'
    """

    scope: str = "out-of-fold"
    cohort: str = ""

    @property
    def words(self) -> str:
        """As printed."""
        return ", ".join(filter(None, [SCOPES[self.scope], self.cohort]))

    @property
    def slug(self) -> str:
        """As part of a file name."""
        return f"{self.scope}-{slug(self.cohort)}" if self.cohort else self.scope

    def of(self, model: Model) -> Evaluation | None:
        """Return the evaluation of a model on these patients."""
        mine = (one for one in model.evaluations if one.scope == self.scope)
        return next((one for one in mine if self.cohort in {"", one.cohort}), None)


OUT_OF_FOLD = View()
"""Cases scored by models that had not seen them."""


def views(outcome: OutcomeReport) -> list[View]:
    """List the sets of patients that models of an outcome had not seen.

    A scope with several cohorts gives one view each; apparent evaluations give none.

    Examples
    --------
    >>> from hepacast.report.content import Evaluation, Model, OutcomeReport
    >>> seen = [Evaluation(cohort=c, scope="external", n=9, events=3) for c in ("B", "C")]
    >>> model = Model(name="m", evaluations=tuple(seen))
    >>> [v.words for v in views(OutcomeReport(name="er", kind="binary", models=(model,)))]
    ['external test, B', 'external test, C']
    """
    # A corrected value has no cases of its own to draw.
    skip = {"apparent", "corrected"}
    seen = [one for model in outcome.models for one in model.evaluations if one.scope not in skip]
    pairs = list(dict.fromkeys((one.scope, one.cohort) for one in seen))
    scopes = [scope for scope, _ in pairs]
    return [View(scope, cohort if scopes.count(scope) > 1 else "") for scope, cohort in pairs]


def featured(outcome: OutcomeReport) -> OutcomeReport:
    """Return an outcome with the models whose curves are drawn: all, unless they are many.

    Of more than :data:`MOST_DRAWN` models those stay that nobody chose by their results: the
    first of every combination of scores in the study file's order, the baselines, the
    controls, and whatever a paper prints a figure for.

    Examples
    --------
    >>> from hepacast.report.content import Model, OutcomeReport
    >>> kinds = [f"{one} {kind}" for one in ("a", "b") for kind in range(9)]
    >>> models = tuple(Model(name=one, ingredients=(one[0],)) for one in kinds)
    >>> many = OutcomeReport(name="er", kind="binary", models=models)
    >>> [one.name for one in featured(many).models]
    ['a 0', 'b 0']
    """
    if len(outcome.models) <= MOST_DRAWN:
        return outcome
    printed = {one.model for one in outcome.published if one.printed is not None}
    kept, known = [], set()
    for model in outcome.models:
        fresh = model.ingredients not in known
        known.add(model.ingredients)
        if fresh or model.role != "candidate" or model.name in printed:
            kept.append(model)
    return outcome.model_copy(update={"models": tuple(kept)})


def batches(items: Sequence[T], most: int) -> list[tuple[T, ...]]:
    """Deal items to as few equal parts as hold at most so many each, in order.

    Examples
    --------
    >>> batches("abcde", 4), batches("", 4)
    ([('a', 'b', 'c'), ('d', 'e')], [])
    """
    parts = -(-len(items) // most)
    ends = [-(-at * len(items) // parts) for at in range(parts + 1)] if parts else []
    return [tuple(items[low:high]) for low, high in pairwise(ends)]


def having(
    outcome: OutcomeReport, view: View, part: Callable[[Evaluation], T | None]
) -> list[tuple[Model, Evaluation, T]]:
    """Return the models whose evaluation on some patients has a part, with both.

    Examples
    --------
    >>> from hepacast.report.content import OutcomeReport
    >>> having(OutcomeReport(name="er", kind="binary"), OUT_OF_FOLD, lambda seen: seen.roc)
    []
    """
    found = []
    for model in outcome.models:
        seen = view.of(model)
        piece = None if seen is None else part(seen)
        if seen is not None and piece is not None:
            found.append((model, seen, piece))
    return found
