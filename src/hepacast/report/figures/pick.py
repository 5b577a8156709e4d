# SPDX-License-Identifier: Apache-2.0
"""Find what several models have in common to draw: the same patients, the same part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from hepacast.report.wording import SCOPES, slug

if TYPE_CHECKING:
    from collections.abc import Callable

    from hepacast.report.content import Evaluation, Model, OutcomeReport

T = TypeVar("T")


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
