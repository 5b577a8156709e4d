# SPDX-License-Identifier: Apache-2.0
"""The page with the table of all patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Header
from fastapi.responses import RedirectResponse, Response

from hepacast.serve.web.cohort import STATES, Question, ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from hepacast.report.content import OutcomeReport
    from hepacast.serve.web.site import Site

MODELS = 4
"""So many models have a column: a wider table cannot be read."""


def router(site: Site) -> APIRouter:
    """Give the routes of the table."""
    routes = APIRouter()

    @routes.get("/")
    def start() -> Response:
        return RedirectResponse("/cohort", 303)

    @routes.get("/cohort")
    def cohort(  # noqa: PLR0913, PLR0917 - one per field of the form
        q: str = "",
        state: str = "",
        outcome: str = "",
        sort: str = "case",
        down: int = 0,
        page: int = 1,
        hx_request: Annotated[str | None, Header()] = None,
        hx_history_restore_request: Annotated[str | None, Header()] = None,
    ) -> Response:
        content = site.results.content
        outcomes = content.outcomes if content else ()
        shown = next((one for one in outcomes if one.name == outcome), next(iter(outcomes), None))
        name = shown.name if shown else ""
        question = Question(q[:200], state if state in STATES else "", name, sort, bool(down), page)
        part = hx_request is not None and hx_history_restore_request is None
        return site.page(
            "cohort_table.html" if part else "cohort.html",
            active="cohort",
            answer=ask(site.results.rows, question),
            question=question,
            outcome=shown,
            outcomes=outcomes,
            columns=_columns(shown),
            states=STATES,
            link=_linker(question),
        )

    return routes


def _columns(outcome: OutcomeReport | None) -> list[str]:
    """Name the models that have a column, candidates first."""
    if outcome is None:
        return []
    scored = [one for one in outcome.models if any(e.cases for e in one.evaluations)]
    scored.sort(key=lambda one: one.role != "candidate")
    return [one.name for one in scored[:MODELS]]


def _linker(question: Question) -> Callable[..., str]:
    """Make addresses of the same question with one thing changed."""
    base = {
        "q": question.q,
        "state": question.state,
        "outcome": question.outcome,
        "sort": question.sort,
        "down": int(question.down),
        "page": question.page,
    }

    def link(**changed: object) -> str:
        return "/cohort?" + urlencode({**base, **changed})

    return link
