# SPDX-License-Identifier: Apache-2.0
"""The log of a run for machines: one JSON object per line, beside the results."""

from __future__ import annotations

import json
import os
import resource
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hepacast.core.events import Advanced, Event, Failed, Noticed, Started

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JOURNAL = "run.jsonl"


@dataclass(slots=True)
class Journal:
    """A listener that appends every event to ``run.jsonl``.

    Every line has the time (seconds since 1970), the process and the kind of the
    event.  Progress carries what is done, how many items a second, how long it
    will take still, and the largest memory of this process so far.

    Parameters
    ----------
    folder : Path
        Folder of the results.  Nothing is written before it is there, so that a
        run that refuses its input leaves nothing behind.
    clock : callable
        Seconds; for tests.
    """

    folder: Path
    clock: Callable[[], float] = time.time
    _stages: dict[str, _Stage] = field(default_factory=dict)
    _waiting: list[str] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Write one event."""
        now = self.clock()
        line = {"at": round(now, 3), "process": os.getpid(), **self._content(event, now)}
        self._waiting.append(json.dumps(line, ensure_ascii=False) + "\n")
        if self.folder.is_dir():
            # One write per line to a file opened for appending: two runs do not mix lines.
            with (self.folder / JOURNAL).open("a", encoding="utf-8") as file:
                file.write("".join(self._waiting))
            self._waiting.clear()

    def _content(self, event: Event, now: float) -> dict[str, Any]:
        """Say what happened."""
        if isinstance(event, Started):
            self._stages[event.stage] = _Stage(event.total, now)
            return {"event": "started", "stage": event.stage, "total": event.total}
        if isinstance(event, Advanced):
            progress = self._stages.setdefault(event.stage, _Stage(0, now)).advance(now)
            return {"event": "advanced", "stage": event.stage, "item": event.item, **progress}
        if isinstance(event, Noticed):
            return {"event": "noticed", "where": event.where, "text": event.text}
        return {"event": "failed", "stage": event.stage, "item": event.item, **_error(event)}


@dataclass(slots=True)
class _Stage:
    """How far a stage has come."""

    total: int
    began: float
    done: int = 0

    def advance(self, now: float) -> dict[str, Any]:
        """Count one item, and say how it goes."""
        self.done += 1
        took = now - self.began
        speed = self.done / took if took > 0 else None
        left = None if speed is None else max(self.total - self.done, 0) / speed
        # Kilobytes on Linux.
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {
            "done": self.done,
            "total": self.total,
            "per_s": None if speed is None else round(speed, 3),
            "left_s": None if left is None else round(left, 1),
            "memory_mb": round(memory),
        }


def _error(event: Failed) -> dict[str, str]:
    """Say what failed, and why."""
    return {"error": type(event.error).__name__, "text": str(event.error)}
