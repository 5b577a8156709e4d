# SPDX-License-Identifier: Apache-2.0
"""Uploads, jobs and results over HTTP, for programs.

Nothing that a caller names becomes a path: jobs are digests, and files are chosen from a list.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel

from hepacast._version import __version__
from hepacast.core.errors import HepacastError, StudyError
from hepacast.run.predictor.predict import PAGE
from hepacast.serve.jobs import FullError, Job, State
from hepacast.serve.objects import SC, SEG, SR
from hepacast.serve.runner import OUT
from hepacast.serve.tokens import MAY, Token, find_token
from hepacast.serve.uploads import ARCHIVE, FORM, clear, receive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from hepacast.serve.service import Service


LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_FILES = {"segmentation": SEG, "report": SR, "summary": SC, "picture": "regions.png", "page": PAGE}
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'",
}
_JOB = Annotated[str, InPath(pattern="^[0-9a-f]{64}$", description="Id of a job.")]
_KIND = Literal["segmentation", "report", "summary", "picture", "page"]
_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"description": "No token, or an unknown one."},
    403: {"description": "The token's role may not do this."},
}
_GONE: dict[int | str, dict[str, Any]] = {**_REFUSALS, 404: {"description": "Not there."}}


class JobAnswer(BaseModel):
    """How a job stands."""

    id: str
    state: State
    reason: str = ""
    research_only: bool = True


class Health(BaseModel):
    """That the service lives, and what it predicts with."""

    status: Literal["ok"] = "ok"
    version: str = __version__
    predictor: str


def require_safe_address(host: str, tokens: tuple[Token, ...]) -> None:
    """Refuse to be reached by others without tokens.

    Raises
    ------
    StudyError
        For an address other than loopback without a token.
    """
    if host not in LOOPBACK and not tokens:
        raise StudyError(
            what="a service that others can reach asks for a token",
            got=f"the address {host} without a file of tokens",
            fix="Make one with `hepacast api --new-token NAME`, or listen on 127.0.0.1.",
        )


class Quiet:
    """Answer a defect with 500 and its kind; its text, which may name a patient, goes nowhere.

    Parameters
    ----------
    app : ASGIApp
        What is wrapped.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:
            if begun or scope["type"] != "http":
                # The connection is cut: half a result must not look like a whole one.
                raise BrokenPipeError(type(error).__name__) from None
            detail = {"detail": f"a defect: {type(error).__name__}"}
            await JSONResponse(detail, 500)(scope, receive, send)


def make_app(service: Service) -> FastAPI:
    """Lay out the routes of one service.

    Parameters
    ----------
    service : Service
        What they do it with.

    Returns
    -------
    FastAPI
        With its OpenAPI description.
    """

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        clear(service)
        service.runner.start()
        yield
        await asyncio.to_thread(service.runner.stop)

    app = FastAPI(
        title="hepacast", version=__version__, lifespan=life, docs_url=None, redoc_url=None,
        description="Forecasts of one predictor. Research only; not a medical device.",
    )  # fmt: skip
    app.state.service = service
    app.add_middleware(Quiet)

    @app.exception_handler(HepacastError)
    async def refuse(_request: Request, error: HepacastError) -> JSONResponse:
        full = isinstance(error, FullError)
        # Neither the value nor the place: these may name a patient.
        said = {"detail": f"{error.what}. {error.fix}"}
        return JSONResponse(said, 429 if full else 422, {"Retry-After": "30"} if full else None)

    _open_routes(app, service)
    _job_routes(app, service)
    return app


def _allow(service: Service, deed: str) -> Callable[[Request], str]:
    """Make a check that the caller's role may do something; gives the caller's name."""

    def check(request: Request) -> str:
        if not service.tokens:
            _require_local(request)
            return "local"
        kind, _, said = request.headers.get("authorization", "").partition(" ")
        token = find_token(service.tokens, said.strip()) if kind.lower() == "bearer" else None
        if token is None:
            raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
        if deed not in MAY[token.role]:
            service.audit.write("refused", who=token.name, what=deed)
            raise HTTPException(403, "the role of this token may not do this")
        return token.name

    return check


def _require_local(request: Request) -> None:
    """Refuse what a page of a stranger makes a browser on this computer send."""
    if request.url.hostname not in LOOPBACK or "origin" in request.headers:
        raise HTTPException(403, "without tokens, only programs on this computer are answered")


def _open_routes(app: FastAPI, service: Service) -> None:
    """Add health and metrics."""

    @app.get("/v1/health")
    def health() -> Health:
        """Say that the service lives."""
        return Health(predictor=service.worker.digest)

    watch = Depends(_allow(service, "watch"))

    @app.get(
        "/v1/metrics", response_class=PlainTextResponse, responses=_REFUSALS, dependencies=[watch]
    )
    def metrics() -> str:
        """Count jobs, in the text format of Prometheus."""
        lines = ["# TYPE hepacast_jobs gauge"]
        lines += [
            f'hepacast_jobs{{state="{name}"}} {n}' for name, n in service.jobs.counts().items()
        ]
        count, seconds = service.jobs.seconds()
        lines += ["# TYPE hepacast_prediction_seconds summary"]
        lines += [f"hepacast_prediction_seconds_count {count}"]
        lines += [f"hepacast_prediction_seconds_sum {seconds:.3f}"]
        return "\n".join(lines) + "\n"


def _job_routes(app: FastAPI, service: Service) -> None:
    """Add upload, job and result."""
    binary = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {"file": {"type": "array", "items": binary}}}
    body = {
        "content": {
            ARCHIVE: {"schema": binary},
            FORM: {"schema": form},
        }
    }

    @app.post(
        "/v1/jobs",
        status_code=202,
        openapi_extra={"requestBody": {"required": True, **body}},
        responses={
            **_REFUSALS,
            400: {"description": "The form is damaged, or breaks off."},
            408: {"description": "Too slow."},
            413: {"description": "Too large."},
            415: {"description": "Neither a ZIP archive nor files."},
            422: {"description": "The archive was refused."},
            429: {"description": "Too many jobs wait, or uploads run; or the disk is full."},
        },
    )
    async def send(request: Request, who: str = Depends(_allow(service, "send"))) -> JobAnswer:
        """Upload one case: a ZIP archive of DICOM files, or of files named after the phases."""
        return _answer(await receive(service, request, who))

    read = Depends(_allow(service, "read"))

    @app.get("/v1/jobs/{job}", responses=_GONE, dependencies=[read])
    def look(job: _JOB) -> JobAnswer:
        """Say how a job stands."""
        return _answer(_known(service, job))

    @app.get("/v1/jobs/{job}/result", responses=_GONE, response_model=dict[str, Any])
    def result(job: _JOB, who: str = read) -> FileResponse:
        """Fetch the numbers."""
        return _file(service, job, "result.json", who)

    @app.get("/v1/jobs/{job}/files/{kind}", response_class=FileResponse, responses=_GONE)
    def file(job: _JOB, kind: _KIND, who: str = read) -> FileResponse:
        """Fetch a DICOM object, the picture, or the page."""
        return _file(service, job, _FILES[kind], who)

    @app.delete("/v1/jobs/{job}", status_code=204, responses=_GONE)
    def forget(job: _JOB, who: str = Depends(_allow(service, "forget"))) -> None:
        """Remove a job that has ended, with its files."""
        # The same case may be on its way in again.
        with service.queueing:
            gone = service.jobs.forget(job)
        if not gone:
            raise HTTPException(404, "no such job that has ended")
        service.audit.write("forgotten", who=who, job=job)


def _known(service: Service, job: str) -> Job:
    found = service.jobs.find(job)
    if found is None:
        raise HTTPException(404, "no such job")
    return found


def _answer(job: Job) -> JobAnswer:
    return JobAnswer(id=job.id, state=job.state, reason=job.reason)


def _file(service: Service, job: str, name: str, who: str) -> FileResponse:
    """Hand out one of the files that a job may have."""
    known = _known(service, job)
    path = service.jobs.place(job) / OUT / name
    if known.state != "done" or not path.is_file():
        raise HTTPException(404, "no such result; the job may not have ended")
    service.audit.write("fetched", who=who, job=job, what=name)
    return FileResponse(path, headers=_HEADERS)
