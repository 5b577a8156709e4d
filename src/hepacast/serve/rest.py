# SPDX-License-Identifier: Apache-2.0
"""Uploads, jobs and results over HTTP, for programs.

Nothing that a caller names becomes a path: jobs are digests, and files are chosen from a list.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel

from hepacast._version import __version__
from hepacast.core.errors import HepacastError, StudyError
from hepacast.core.provenance import digest_bytes
from hepacast.serve.jobs import FullError, Job, Jobs, State, key_of
from hepacast.serve.objects import SC, SEG, SR
from hepacast.serve.runner import IN, OUT
from hepacast.serve.tokens import MAY, Token, find_token
from hepacast.serve.unpack import Intake, Limits, UploadError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from hepacast.serve.audit import Audit
    from hepacast.serve.runner import Runner
    from hepacast.serve.worker import Predicts

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_FILES = {"segmentation": SEG, "report": SR, "summary": SC, "picture": "regions.png"}
_JOB = Annotated[str, InPath(pattern="^[0-9a-f]{64}$", description="Id of a job.")]
_KIND = Literal["segmentation", "report", "summary", "picture"]
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


@dataclass(frozen=True, slots=True)
class Service:
    """Everything behind the routes.

    Parameters
    ----------
    jobs : Jobs
    worker : Predicts
    audit : Audit
    runner : Runner
    tokens : tuple of Token
        Empty: everybody who reaches the port may do everything; loopback only.
    limits : Limits
    """

    jobs: Jobs
    worker: Predicts
    audit: Audit
    runner: Runner
    tokens: tuple[Token, ...] = ()
    limits: Limits = field(default_factory=Limits)


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
        service.runner.start()
        yield
        await asyncio.to_thread(service.runner.stop)

    app = FastAPI(
        title="hepacast", version=__version__, lifespan=life, docs_url=None, redoc_url=None,
        description="Forecasts of one predictor. Research only; not a medical device.",
    )  # fmt: skip
    app.state.service = service

    @app.exception_handler(HepacastError)
    async def refuse(_request: Request, error: HepacastError) -> JSONResponse:
        code = 429 if isinstance(error, FullError) else 422
        # Neither the value nor the place: these may name a patient.
        return JSONResponse({"detail": f"{error.what}. {error.fix}"}, code)

    _open_routes(app, service)
    _job_routes(app, service)
    return app


def _allow(service: Service, deed: str) -> Callable[[Request], str]:
    """Make a check that the caller's role may do something; gives the caller's name."""

    def check(request: Request) -> str:
        if not service.tokens:
            return "local"
        kind, _, said = request.headers.get("authorization", "").partition(" ")
        token = find_token(service.tokens, said.strip()) if kind.lower() == "bearer" else None
        if token is None:
            raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
        if deed not in MAY[token.role]:
            raise HTTPException(403, "the role of this token may not do this")
        return token.name

    return check


def _open_routes(app: FastAPI, service: Service) -> None:
    """Add health and metrics."""

    @app.get("/v1/health")
    def health() -> Health:
        """Say that the service lives."""
        return Health()

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
            "application/zip": {"schema": binary},
            "multipart/form-data": {"schema": form},
        }
    }

    @app.post(
        "/v1/jobs",
        status_code=202,
        openapi_extra={"requestBody": {"required": True, **body}},
        responses={
            **_REFUSALS,
            400: {"description": "The form is damaged."},
            413: {"description": "Too large."},
            415: {"description": "Neither a ZIP archive nor files."},
            422: {"description": "The archive was refused."},
            429: {"description": "Too many jobs wait."},
        },
    )
    async def send(request: Request, who: str = Depends(_allow(service, "send"))) -> JobAnswer:
        """Upload one case: a ZIP archive of DICOM files, or of files named after the phases."""
        return await _receive(service, request, who)

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
        """Fetch a DICOM object, or the picture."""
        return _file(service, job, _FILES[kind], who)

    @app.delete("/v1/jobs/{job}", status_code=204, responses=_GONE)
    def forget(job: _JOB, who: str = Depends(_allow(service, "forget"))) -> None:
        """Remove a job that has ended, with its files."""
        if not service.jobs.forget(job):
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
    return FileResponse(path, headers={"Cache-Control": "no-store"})


async def _receive(service: Service, request: Request, who: str) -> JobAnswer:
    """Write an upload beside the jobs, and move it among them when it is whole."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"application/zip", "multipart/form-data"}:
        raise HTTPException(415, "send application/zip, or files as multipart/form-data")
    spool = service.jobs.folder / "spool"
    spool.mkdir(mode=0o700, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=spool))
    try:
        intake = Intake(staging / IN, service.limits)
        limited = _limit(request, service.limits.sent_bytes)
        if kind == "application/zip":
            await _read_zip(limited, intake, staging / "sent.zip")
        else:
            await _read_files(limited, intake, service.limits)
        return await asyncio.to_thread(_queue, service, staging / IN, who)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _limit(request: Request, most: int) -> Request:
    """Stop reading a body at its first byte too many, whatever its header says."""
    receive, seen = request.receive, 0

    async def count() -> Any:  # noqa: ANN401 - an ASGI message
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(413, f"an upload has at most {most} bytes")
        return message

    return Request(request.scope, count)


async def _read_zip(request: Request, intake: Intake, path: Path) -> None:
    """Write the body to a file, and unpack it."""
    with path.open("wb") as file:
        async for block in request.stream():
            file.write(block)
    await asyncio.to_thread(intake.put_zip, path)
    path.unlink()


async def _read_files(request: Request, intake: Intake, limits: Limits) -> None:
    """Write every file of a form."""
    async with request.form(max_files=limits.files, max_fields=8) as form:
        count = 0
        for _, part in form.multi_items():
            if isinstance(part, str):
                continue
            await asyncio.to_thread(intake.put, part.filename or "", part.file)
            count += 1
    if not count:
        raise HTTPException(422, "no file in the form")


def _queue(service: Service, folder: Path, who: str) -> JobAnswer:
    """Put an upload in the queue, once however often it is sent."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise UploadError(what="an upload holds files", got="none", fix="Pack it again.")
    said = [f"{p.relative_to(folder)} {digest_bytes(p.read_bytes())}" for p in files]
    job = key_of(*said, service.worker.digest)
    place = service.jobs.place(job)
    if service.jobs.find(job) is None:
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            folder.parent.joinpath(job).mkdir()
            folder.rename(folder.parent / job / IN)
            (folder.parent / job).rename(place)
        try:
            service.jobs.add(job, f"rest {who}")
        except FullError:
            shutil.rmtree(place, ignore_errors=True)
            raise
        service.audit.write("sent", who=who, job=job, files=len(files))
    return _answer(_known(service, job))
