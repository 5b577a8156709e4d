# SPDX-License-Identifier: Apache-2.0
"""The application: templates, files that travel with it, and how errors are shown."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException as NoPage

from hepacast.core.errors import HepacastError
from hepacast.serve.web.guard import LOG, Guard, Refusals
from hepacast.serve.web.results import Results
from hepacast.serve.web.site import Site
from hepacast.serve.web.vendored import FILES, FOLDER, require_digest

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.serve.web.resume import Resume
    from hepacast.serve.web.scans import Scans

_ASSETS = {
    "report.css": ("hepacast.report", "templates"),
    "hover.js": ("hepacast.report", "templates"),
    **dict.fromkeys(
        ("web.css", "models.js", "run.js", "viewer.js", "panes.js"),
        ("hepacast.serve.web", "static"),
    ),
}
_TYPES = {".css": "text/css", ".js": "text/javascript"}


def make_app(
    folder: Path,
    token: str,
    *,
    scans: Scans | None = None,
    resume: Resume | None = None,
    refusals: Refusals | None = None,
) -> Guard:
    """Make the pages of a run.

    Parameters
    ----------
    folder : Path
        Where ``hepacast run`` writes.
    token : str
        Whoever has it may look.
    scans : Scans, optional
        Gives the viewer its images.
    resume : Resume, optional
        Goes on with the run.
    refusals : Refusals, optional
        Log of what was refused; ``web.jsonl`` in the folder by default.
    """
    from hepacast.serve.web import (  # noqa: PLC0415 - they need Site
        case_pages,
        cohort_pages,
        image_pages,
        reader_pages,
        study_pages,
    )

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    site = Site(Results(folder), scans, resume)
    # Reading a large result takes seconds: before the first page, and not with it.
    _ = site.results.content
    for pages in (cohort_pages, case_pages, image_pages, reader_pages, study_pages):
        app.include_router(pages.router(site))
    app.add_api_route("/static/{name}", _asset)
    app.add_api_route("/vendor/{name}", _vendored)

    @app.exception_handler(HepacastError)
    def show(request: Request, error: HepacastError) -> Response:
        del request
        return site.page("error.html", status=422, title="That does not work", text=str(error))

    @app.exception_handler(NoPage)
    def tell(request: Request, error: NoPage) -> Response:
        del request
        text = str(error.detail)
        return site.page("error.html", status=error.status_code, title="Nothing here", text=text)

    return Guard(app, token, refusals or Refusals(folder / LOG))


def _asset(name: str) -> Response:
    """Give one of our own files, by a list of names and not by a path."""
    if name not in _ASSETS:
        raise HTTPException(404, "no such file")
    package, place = _ASSETS[name]
    text = (resources.files(package) / place / name).read_text(encoding="utf-8")
    return Response(text, media_type=_TYPES[name[name.rindex(".") :]])


def _vendored(name: str) -> Response:
    """Give one of the scripts of others, if it is still the one that was looked at."""
    found = next((one for one in FILES if one.name == name), None)
    if found is None:
        raise HTTPException(404, "no such file")
    data = require_digest(found, (FOLDER / name).read_bytes())
    # The name of the file stands for its bytes: they change only with a release.
    headers = {"cache-control": "private, max-age=3600"}
    return Response(data, media_type="text/javascript", headers=headers)
