# SPDX-License-Identifier: Apache-2.0
"""Pages on which readers score cases: images and what was known at baseline, nothing else."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from hepacast.core.errors import HepacastError
from hepacast.serve.web.image_pages import describe
from hepacast.serve.web.reader import STAGES, Reader, ReaderError, ReaderStore, Stage
from hepacast.serve.web.reader_analysis import analyses_of, as_json
from hepacast.serve.web.reader_questions import ReaderQuestion, reader_questions
from hepacast.serve.web.results import case_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.serve.web.site import Site

_KEY = re.compile(r"[0-9a-f]{16}")


def router(site: Site) -> APIRouter:
    """Give the routes of reader study mode."""
    routes = APIRouter()
    store = ReaderStore(site.results.folder)
    _start(site, store, routes)
    _score(site, store, routes)
    _analyse(site, store, routes)
    return routes


def _start(site: Site, store: ReaderStore, routes: APIRouter) -> None:
    """Ask who reads, and what."""

    @routes.get("/reader")
    def start() -> Response:
        return _form(
            site,
            "reader_start.html",
            active="reader",
            questions=reader_questions(site.results.content),
            readers=store.readers(),
            images=site.scans is not None,
        )

    @routes.post("/reader")
    async def begin(request: Request) -> Response:
        given = await _sent(request)
        asked = _asked(site, given.get("question", ""))
        tasks = site.scans.tasks if site.scans else {}
        cases = [case for case in asked.happened if case in tasks]
        most = given.get("most", "").strip()
        reader = await run_in_threadpool(
            store.start,
            given.get("name", ""),
            asked.outcome,
            asked.model,
            cases=cases,
            most=int(most) if most.isdecimal() and len(most) < 7 else 0,
        )
        return RedirectResponse(f"/reader/{reader.key}", 303)


def _score(site: Site, store: ReaderStore, routes: APIRouter) -> None:
    """Show one case after the other, and take the answers."""

    @routes.get("/reader/{key}")
    def score(key: str) -> Response:
        reader = _reader(store, key)
        place = reader.next()
        if place is None:
            text = "All cases are answered in both stages. Thank you."
            return site.page("reader_said.html", title="Finished", text=text, key="")
        stage, at = place
        case = reader.order(stage)[at]
        shown = _shown(site, reader, stage, case)
        store.open(key)
        return _form(
            site,
            "reader_case.html",
            reader=reader,
            asked=_question_of(site, reader),
            stage=stage,
            at=at,
            known=_baseline(site, case),
            shown=shown,
        )

    @routes.post("/reader/{key}")
    async def answer(key: str, request: Request) -> Response:
        reader = _reader(store, key)
        given = await _sent(request)
        try:
            stage, at, percent, call = _parse(given)
            in_order = reader.order(stage)
            if at >= len(in_order):
                raise HTTPException(404, "no such case")
            shown = _shown(site, reader, stage, in_order[at])
            await run_in_threadpool(
                store.answer, key, stage=stage, at=at, percent=percent, call=call, shown=shown
            )
        except HepacastError as error:
            return site.page(
                "reader_said.html", status=409, title="Not taken", text=str(error), key=key
            )
        return RedirectResponse(f"/reader/{key}", 303)

    @routes.get("/reader/{key}/{stage}/{at}/scans.json")
    def scans(key: str, stage: int, at: int) -> dict[str, Any]:
        reader = _reader(store, key)
        if site.scans is None or not (0 <= stage < len(STAGES) and 0 <= at < len(reader.cases)):
            raise HTTPException(404, "no such case")
        case = reader.order(STAGES[stage])[at]
        # No maps: what a network looked at is a forecast.
        return describe(site.scans.load(case), [], f"/case/{case_id(case)}")


def _analyse(site: Site, store: ReaderStore, routes: APIRouter) -> None:
    """Show what the readers gained, to whoever leads the study."""

    @routes.get("/readings")
    def readings() -> Response:
        found = analyses_of(reader_questions(site.results.content), store.readers())
        return site.page("readings.html", active="reader", analyses=found)

    @routes.get("/readings.json")
    def numbers() -> JSONResponse:
        found = analyses_of(reader_questions(site.results.content), store.readers())
        return JSONResponse({"analyses": as_json(found)})


def _form(site: Site, template: str, **values: Any) -> Response:  # noqa: ANN401 - as printed
    """Print a page whose form is sent without scripts."""
    page = site.page(template, **values)
    # Under no-referrer a browser hides where a form is from, and the guard refuses it.
    page.headers["referrer-policy"] = "same-origin"
    return page


async def _sent(request: Request) -> dict[str, str]:
    """Return the texts of a form."""
    sent = await request.form(max_files=0, max_fields=20)
    return {name: value for name, value in sent.items() if isinstance(value, str)}


def _reader(store: ReaderStore, key: str) -> Reader:
    """Return the reader of an address."""
    if not _KEY.fullmatch(key):
        raise HTTPException(404, "no such reader")
    return store.read(key)


def _asked(site: Site, number: str) -> ReaderQuestion:
    """Return the question that was chosen from the list."""
    known = reader_questions(site.results.content)
    if not number.isdecimal() or len(number) > 6 or int(number) >= len(known):
        raise HTTPException(404, "no such question")
    return known[int(number)]


def _question_of(site: Site, reader: Reader) -> ReaderQuestion:
    """Return what a reader is asked."""
    known = reader_questions(site.results.content)
    mine = (one for one in known if (one.outcome, one.model) == (reader.outcome, reader.model))
    found = next(mine, None)
    if found is None:
        raise ReaderError(
            what="a reader goes on with the end point and the model of the start",
            got=f"{reader.model} for {reader.outcome}, which the result no longer has",
            fix="Run the study as it was.",
        )
    return found


def _shown(site: Site, reader: Reader, stage: Stage, case: str) -> float | None:
    """Return the probability that a stage shows."""
    if stage == STAGES[0]:
        return None
    known = _question_of(site, reader).probability
    if case not in known:
        raise ReaderError(
            what="the second stage shows a forecast of every case",
            got="a case without one: the result has changed",
            fix="Run the study as it was.",
        )
    return known[case]


def _baseline(site: Site, case: str) -> dict[str, str]:
    """Return what was known at baseline, by its label."""
    if site.scans is None:
        return {}
    cells = site.scans.clinical.get(case, {})
    return {words: cells.get(name, "") for name, words in site.scans.baseline.items()}


def _parse(given: Mapping[str, str]) -> tuple[Stage, int, float, bool]:
    """Read an answer as it was typed."""
    stage, at, call = (given.get(name, "") for name in ("stage", "at", "call"))
    try:
        percent = float(given.get("percent", ""))
    except ValueError:
        percent = math.nan
    place = {str(number): one for number, one in enumerate(STAGES)}
    fine = stage in place and at.isdecimal() and len(at) < 7 and call in {"yes", "no"}
    if not fine or not math.isfinite(percent):
        raise ReaderError(
            what="an answer is a probability from 0 to 100, and yes or no",
            got=repr([given.get("percent", "")[:20], call[:20]]),
            fix="Fill in both.",
        )
    return place[stage], int(at), percent, call == "yes"
