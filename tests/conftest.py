"""What several tests share."""

from __future__ import annotations

import builtins
import os
import socket
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("nightly", deadline=None, max_examples=2000)
settings.load_profile("default")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real data for tests, or skip: it is never part of the repository."""
    place = Path(os.environ.get("HEPACAST_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not place.is_dir():
        pytest.skip(f"real test data is absent (looked in {place}; set HEPACAST_SHARED_DATA)")
    return place


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forbid files and sockets inside a test of a pure room."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        pytest.fail("a pure room reached for the disk or the network")

    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(socket, "socket", refuse)
