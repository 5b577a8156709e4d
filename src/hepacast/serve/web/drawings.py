# SPDX-License-Identifier: Apache-2.0
"""The report's own figures of one set of patients, for the page of models."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from markupsafe import Markup

from hepacast.report.figures.calibration import draw_calibration
from hepacast.report.figures.decision import draw_decision
from hepacast.report.figures.hover import hover_json
from hepacast.report.figures.over_time import draw_over_time
from hepacast.report.figures.roc import draw_roc
from hepacast.report.figures.survival import draw_risk_groups
from hepacast.report.figures.svg import inline_svg

if TYPE_CHECKING:
    from hepacast.report.content import OutcomeReport
    from hepacast.report.figures.pick import View
    from hepacast.report.figures.style import Drawing


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure as a page holds it: its words, its SVG and what a pointer reads."""

    title: str
    caption: str
    svg: Markup
    hover: Markup
    decision: bool


@dataclass(slots=True)
class Drawings:
    """Figures that were drawn already, by the state of the result."""

    _kept: dict[tuple[object, ...], list[Shown]] = field(default_factory=dict)
    # The style of matplotlib is one for all threads.
    _lock: Lock = field(default_factory=Lock)

    def of(self, stamp: object, outcome: OutcomeReport, view: View) -> list[Shown]:
        """Return all curves of one set of patients.

        Parameters
        ----------
        stamp : object
            State of the result; figures of an older one are forgotten.
        outcome, view : OutcomeReport, View
            What is drawn.
        """
        key = (stamp, outcome.name, view)
        with self._lock:
            if key not in self._kept:
                self._kept = {
                    known: found for known, found in self._kept.items() if known[0] == stamp
                }
                self._kept[key] = _draw(outcome, view)
            return self._kept[key]


def _draw(outcome: OutcomeReport, view: View) -> list[Shown]:
    """Draw everything there is to draw."""
    decision = draw_decision(outcome, view)
    all_of_them = [
        draw_roc(outcome, view),
        draw_calibration(outcome, view),
        decision,
        *draw_risk_groups(outcome, view),
        *draw_over_time(outcome, view),
    ]
    there = [one for one in all_of_them if one is not None]
    return [_show(one, f"w{at}", decision=one is decision) for at, one in enumerate(there)]


def _show(drawing: Drawing, prefix: str, *, decision: bool) -> Shown:
    """Turn a figure into what the page holds; both texts are escaped where they are made."""
    svg = Markup(inline_svg(drawing, prefix))  # noqa: S704 - escaped there
    hover = Markup(hover_json(drawing.figure, drawing.hovers))  # noqa: S704 - escaped there
    return Shown(
        drawing.title, drawing.caption, svg, hover if drawing.hovers else Markup(), decision
    )
