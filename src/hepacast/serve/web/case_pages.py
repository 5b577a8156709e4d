# SPDX-License-Identifier: Apache-2.0
"""The page of one patient: facts, forecasts and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

from hepacast.report.sections.case import forecasts, similar
from hepacast.run.cases.pictures import CAPTIONS

if TYPE_CHECKING:
    from hepacast.serve.web.cohort import CohortRow
    from hepacast.serve.web.site import Site


def router(site: Site) -> APIRouter:
    """Give the routes of a case."""
    routes = APIRouter()

    @routes.get("/case/{key}")
    def case(key: str) -> Response:
        name = site.case(key)
        content = site.results.content
        record = site.results.record(name)
        facts = next((f for f in content.case_facts if f.case == name), None) if content else None
        pictures = [] if record is None else sorted(record.pictures, key=_rank)
        outcomes = content.outcomes if content else ()
        sheets = [
            (
                one.heading,
                [s for s in (forecasts(one, name), similar(one, name).without_empty()) if s.rows],
            )
            for one in outcomes
        ]
        return site.page(
            "case.html",
            active="cohort",
            key=key,
            row=_row(site, name),
            facts=facts,
            sheets=[pair for pair in sheets if pair[1]],
            pictures=[(one, CAPTIONS.get(one, "")) for one in pictures],
            failures=[f for f in content.failures if f.case == name] if content else [],
            viewer=site.scans is not None and name in site.scans.tasks,
        )

    @routes.get("/case/{key}/picture/{picture}.png")
    def picture(key: str, picture: str) -> Response:
        record = site.results.record(site.case(key))
        if record is None or picture not in record.pictures:
            raise HTTPException(404, "no such picture")
        return Response(record.pictures[picture], media_type="image/png")

    return routes


def _row(site: Site, case: str) -> CohortRow:
    """Return a case's line of the table."""
    return next(one for one in site.results.rows if one.case == case)


def _rank(name: str) -> int:
    """Put pictures in the order in which a case is worked on."""
    return list(CAPTIONS).index(name) if name in CAPTIONS else len(CAPTIONS)
