# SPDX-License-Identifier: Apache-2.0
"""Pages about the study: models, the run, the calculator, the report's files."""

from __future__ import annotations

import json
import re
import time
from html import unescape
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, RedirectResponse, Response, StreamingResponse
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool

from hepacast.core.errors import HepacastError
from hepacast.report.figures.pick import views
from hepacast.serve.web.calculator import grouped, inputs_of, say
from hepacast.serve.web.progress import JournalReader
from hepacast.serve.web.stream import events, state_of
from hepacast.serve.web.thresholds import THRESHOLDS, counts_of, usual_threshold

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.serve.web.site import Site

_ALONE = {
    "report.html": "Report, to read",
    "report.pdf": "Report, to print",
    "tables.docx": "Tables, for a manuscript",
    "references.bib": "References",
    "result.json": "All numbers behind the report",
}
_FOLDERS = ("figures", "tables", "pages")
_META = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_NOTHING = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""Policy of a figure that is opened alone."""


def router(site: Site) -> APIRouter:
    """Give the routes of the study."""
    routes = APIRouter()
    _models(site, routes)
    _run(site, routes)
    _calculator(site, routes)
    _report(site, routes)
    return routes


def _models(site: Site, routes: APIRouter) -> None:
    """Show curves per cohort, and what each threshold does."""

    @routes.get("/models")
    def models(outcome: str = "", cohort: int = 0) -> Response:
        content = site.results.content
        outcomes = content.outcomes if content else ()
        shown = next((one for one in outcomes if one.name == outcome), next(iter(outcomes), None))
        seen = views(shown) if shown else []
        at = cohort if 0 <= cohort < len(seen) else 0
        drawn, counts, table = [], [], []
        if shown and seen:
            drawn = site.drawings.of(site.results.stamp, shown, seen[at])
            counts = counts_of(shown, seen[at])
            pairs = [(model, seen[at].of(model)) for model in shown.models]
            table = [(model, one) for model, one in pairs if one is not None]
        return site.page(
            "models.html",
            active="models",
            outcomes=outcomes,
            outcome=shown,
            views=seen,
            cohort=at,
            drawings=drawn,
            table=table,
            counts=counts,
            usual=usual_threshold(counts),
            data=_json({"thresholds": THRESHOLDS, "models": counts}),
        )


def _run(site: Site, routes: APIRouter) -> None:
    """Show the run, while it works and afterwards."""

    @routes.get("/run")
    def run() -> Response:
        reader = JournalReader(site.results.folder)
        reader.look()
        state, words = state_of(reader.progress, site.resume, time.time())
        page = site.page(
            "run.html",
            active="run",
            progress=reader.progress,
            state=state,
            words=words,
            study_file=None if site.resume is None else site.resume.study.name,
        )
        # Under no-referrer a browser hides where a form is from, and the guard refuses it.
        page.headers["referrer-policy"] = "same-origin"
        return page

    @routes.get("/run/events")
    def stream() -> Response:
        found = events(site.results.folder, site.resume)
        return StreamingResponse(found, media_type="text/event-stream")

    @routes.post("/run/resume")
    async def go_on(request: Request) -> Response:
        if site.resume is None:
            raise HTTPException(404, "the pages were started without a study file")
        sent = await request.form(max_files=0, max_fields=10)
        site.resume.start(time.time(), retry="retry" in sent)
        return RedirectResponse("/run", 303)


def _calculator(site: Site, routes: APIRouter) -> None:
    """Offer the predictor as a form."""

    @routes.get("/calculator")
    def form(case: str = "") -> Response:
        predictor = site.results.predictor
        name = site.results.case_of(case) if case else None
        record = None if name is None else site.results.record(name)
        cells = site.scans.clinical.get(name) if site.scans and name else None
        measured = [row.case for row in site.results.rows if row.state in {"scored", "measured"}]
        return site.page(
            "calculator.html",
            active="calculator",
            about=predictor.about if predictor else None,
            groups=grouped(inputs_of(predictor, record, cells)) if predictor else [],
            cases=measured,
            chosen=case,
            clinical=cells,
        )

    @routes.post("/calculator")
    async def calculate(request: Request) -> Response:
        predictor = site.results.predictor
        if predictor is None:
            raise HTTPException(404, "this run has no predictor")
        sent = await request.form(max_files=0, max_fields=10_000)
        given = {name: value for name, value in sent.items() if isinstance(value, str)}
        try:
            found = await run_in_threadpool(say, predictor, given)
        except HepacastError as error:
            return site.page("calculated.html", said=None, error=str(error), about=predictor.about)
        return site.page("calculated.html", said=found, error="", about=predictor.about)


def _report(site: Site, routes: APIRouter) -> None:
    """Give the files of the report, as they are."""

    @routes.get("/report")
    def report() -> Response:
        folder = site.results.folder
        alone = [(name, words) for name, words in _ALONE.items() if (folder / name).is_file()]
        lists = {
            name: sorted(one.name for one in (folder / name).glob("*") if one.is_file())
            for name in ("figures", "tables")
        }
        return site.page("report.html", active="report", alone=alone, lists=lists)

    @routes.get("/report/{name:path}")
    def file(name: str) -> Response:
        path = report_file(site.results.folder, name)
        if path is None:
            raise HTTPException(404, "no such file")
        headers = {}
        if path.suffix == ".html":
            headers["content-security-policy"] = own_policy(path.read_text(encoding="utf-8"))
        elif path.suffix == ".svg":
            headers["content-security-policy"] = _NOTHING
        return FileResponse(path, headers=headers)


def report_file(folder: Path, name: str) -> Path | None:
    """Return a file of the report; None for anything else, links that lead out too."""
    parts = name.split("/")
    listed = name in _ALONE or (len(parts) == 2 and parts[0] in _FOLDERS)
    path = (folder / name).resolve()
    inside = path.is_relative_to(folder.resolve())
    return path if listed and inside and path.is_file() else None


def own_policy(page: str) -> str:
    """Return the policy that a page of the report carries; without one, nothing may run.

    Examples
    --------
    >>> own_policy("<p>")
    "default-src 'none'; frame-ancestors 'none'"
    """
    found = _META.search(page[:20_000])
    return (unescape(found[1]) if found else "default-src 'none'") + "; frame-ancestors 'none'"


def _json(value: object) -> Markup:
    """Write JSON that can stand inside a script element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    return Markup(text)  # noqa: S704 - no markup can start without its first character
