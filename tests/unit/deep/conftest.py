"""One thread per test: little networks gain nothing from more, and lose much on busy cores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hepacast.deep.device import one_thread

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield
