"""A service whose predictions cost nothing."""

from __future__ import annotations

import asyncio
import io
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from hepacast.serve.audit import Audit
from hepacast.serve.jobs import Jobs
from hepacast.serve.runner import Runner
from hepacast.serve.worker import Outcome
from tests.unit.serve.small import small_study

with warnings.catch_warnings():
    # It would rather have another package of the same interface.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient as TestClient  # noqa: PLC0414 - for the tests

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from pathlib import Path


Result = TypeVar("Result")


def await_aside(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in a thread of its own: tests in a browser leave a loop running in theirs."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(asyncio.run, work).result()


CANARIES = ("ZHANG", "SanCanary", "19570304")
"""Planted in names, tables and headers."""


class Pretender:
    """Predict at once: what a case holds decides how it ends."""

    digest = "d" * 64

    def __init__(self) -> None:
        self.seen: list[str] = []

    def predict(self, folder: Path, out: Path, case: str) -> Outcome:
        self.seen.append(case)
        names = {path.name for path in folder.rglob("*")}
        if "bad.nii" in names:
            return Outcome("rejected", "a phase is missing. Send it.")
        if "crash.nii" in names:
            return Outcome("failed", "the process died.")
        (out / "result.json").write_text('{"probability": 0.25}')
        (out / "regions.dcm").write_bytes(b"seg")
        return Outcome("done")


def pack(files: Mapping[str, bytes]) -> bytes:
    """Make an archive in memory."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def leaks(place: Path) -> list[str]:
    """Name every file whose bytes, or whose name, hold a canary."""
    found = []
    for path in place.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        found += [
            f"{path.name}: {word}"
            for word in CANARIES
            if word in path.name or word.encode() in data or word.encode("utf-16-le") in data
        ]
    return found


@pytest.fixture
def pretender() -> Pretender:
    """Return a worker that predicts at once."""
    return Pretender()


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    """Return an empty queue."""
    return Jobs(tmp_path / "state", limit=3)


@pytest.fixture
def runner(jobs: Jobs, pretender: Pretender, tmp_path: Path) -> Runner:
    """Return a runner that works when told to."""
    return Runner(jobs, pretender, Audit(tmp_path / "audit.jsonl"))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a study that has run; cases in ``0`` to ``29``."""
    return small_study(tmp_path_factory)
