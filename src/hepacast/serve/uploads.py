# SPDX-License-Identifier: Apache-2.0
"""From the body of a request to a job: beside the jobs while it comes, among them when whole."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from hepacast.serve.jobs import FullError, key_of
from hepacast.serve.runner import IN
from hepacast.serve.unpack import Intake, Limits, UploadError, require_room

if TYPE_CHECKING:
    from hepacast.serve.jobs import Job
    from hepacast.serve.service import Service

ARCHIVE, FORM = "application/zip", "multipart/form-data"
_FOLDER = "uploads"


def clear(service: Service) -> None:
    """Remove what a killed process left of uploads: nobody was told that they are safe."""
    shutil.rmtree(service.jobs.folder / _FOLDER, ignore_errors=True)


async def receive(service: Service, request: Request, who: str) -> Job:
    """Write an upload, and queue it.

    Parameters
    ----------
    service : Service
        Limits, and where to.
    request : Request
        With a ZIP archive, or a form of files.
    who : str
        Holder of the token.

    Returns
    -------
    Job
        An older one, if the same case was sent before.

    Raises
    ------
    UploadError
        If it is refused.
    FullError
        If too many jobs wait, too many uploads run, or the disk is full.
    HTTPException
        If it is of no kind that is taken, too large, too slow, or breaks off.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {ARCHIVE, FORM}:
        raise HTTPException(415, f"send {ARCHIVE}, or files as {FORM}")
    limits = service.limits
    if not service.uploading.acquire(blocking=False):
        raise FullError(
            what=f"at most {limits.at_once} uploads run",
            got="one more",
            fix="Send it again later.",
        )
    place = service.jobs.folder / _FOLDER
    place.mkdir(mode=0o700, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=place))
    try:
        async with asyncio.timeout(limits.seconds):
            intake = Intake(staging / IN, limits)
            limited = _limit(request, limits.sent_bytes)
            if kind == ARCHIVE:
                await _read_zip(limited, intake, staging / "sent.zip")
            else:
                await _read_files(limited, intake, limits)
        return await asyncio.to_thread(_queue, service, staging / IN, who)
    except TimeoutError:
        raise HTTPException(408, f"an upload takes at most {limits.seconds:.0f} s") from None
    except ClientDisconnect:
        raise HTTPException(400, "the upload broke off") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        service.uploading.release()


def _limit(request: Request, most: int) -> Request:
    """Stop reading a body at its first byte too many, whatever its header says."""
    take, seen = request.receive, 0

    async def count() -> Any:  # noqa: ANN401 - an ASGI message
        nonlocal seen
        message = await take()
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(413, f"an upload has at most {most} bytes")
        return message

    return Request(request.scope, count)


async def _read_zip(request: Request, intake: Intake, path: Path) -> None:
    """Write the body to a file, and unpack it."""
    with path.open("wb") as file:
        async for block in request.stream():
            require_room(path.parent, intake.limits.spare_bytes)
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


def _queue(service: Service, folder: Path, who: str) -> Job:
    """Put an upload in the queue, once however often it is sent."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise UploadError(what="an upload holds files", got="none", fix="Pack it again.")
    said = [f"{path.relative_to(folder)} {_digest(path)}" for path in files]
    job = key_of(*said, service.worker.digest)
    with service.queueing:
        if service.jobs.find(job) is None:
            _put(service, folder, job, f"rest {who}")
            service.audit.write("sent", who=who, job=job, files=len(files))
        found = service.jobs.find(job)
    if found is None:
        raise HTTPException(404, "the job was forgotten at once")
    return found


def _put(service: Service, folder: Path, job: str, source: str) -> None:
    """Move images to their job, and add it; a full queue leaves nothing."""
    place = service.jobs.place(job)
    # What is there without a row is of a process that was killed in between.
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700, parents=True)
    folder.rename(place / IN)
    try:
        service.jobs.add(job, source)
    except FullError:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
