# SPDX-License-Identifier: Apache-2.0
"""How a run is, as server-sent events while it works."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from hepacast.serve.web.progress import JournalReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hepacast.serve.web.progress import Progress
    from hepacast.serve.web.resume import Resume


BEAT_S = 15.0
"""Silence after which the stream says that it is alive."""


def as_json(progress: Progress, state: str, words: str = "") -> str:
    """Write a run's progress, its state and what it said last for the page."""
    found = {**asdict(progress), "state": state, "words": words}
    return json.dumps(found, ensure_ascii=True)


def state_of(progress: Progress, resume: Resume | None, now: float) -> tuple[str, str]:
    """Say how a run is, and what it said last; one that was just started has no line yet."""
    if resume is None:
        return progress.state(now), ""
    return ("working" if resume.busy else progress.state(now)), resume.words


async def events(
    folder: Path,
    resume: Resume | None = None,
    *,
    every_s: float = 1.0,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[str]:
    """Give server-sent events: the whole state at once, and again when something happens.

    Parameters
    ----------
    folder : Path
        Of the results.
    resume : Resume, optional
        Knows whether a run that was started from the page is at work.
    every_s : float
        Seconds between looks at the journal.
    clock : callable
        Seconds since 1970.
    """
    reader = JournalReader(folder)
    reader.look()
    state = state_of(reader.progress, resume, clock())
    yield f"data: {as_json(reader.progress, *state)}\n\n"
    said = clock()
    while True:
        await asyncio.sleep(every_s)
        now = clock()
        if reader.look() or state_of(reader.progress, resume, now) != state:
            state = state_of(reader.progress, resume, now)
            yield f"data: {as_json(reader.progress, *state)}\n\n"
            said = now
        elif now - said >= BEAT_S:
            yield ": alive\n\n"
            said = now
