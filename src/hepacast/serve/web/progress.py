# SPDX-License-Identifier: Apache-2.0
"""How far a run has come, from its journal."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hepacast.run.work.journal import JOURNAL

if TYPE_CHECKING:
    from pathlib import Path


NOTICES = 100
"""So many of the latest notices are shown."""
QUIET_S = 120.0
"""A run that has written nothing for so long, with work left, is called silent."""


@dataclass(slots=True)
class StageProgress:
    """One stage of a run: items done, of how many, and what is left in seconds."""

    name: str
    total: int = 0
    done: int = 0
    per_s: float | None = None
    left_s: float | None = None
    item: str = ""


@dataclass(slots=True)
class Progress:
    """The latest run in a journal.

    Parameters
    ----------
    stages : list of StageProgress
        In the order in which they began.
    failures, notices : list of dict
        Stage, item and text; all failures, the latest notices.
    n_notices : int
        All notices.
    last_at : float or None
        Seconds since 1970 of the last line.
    memory_mb : int
        Largest memory so far.
    """

    stages: list[StageProgress] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    notices: list[dict[str, str]] = field(default_factory=list)
    n_notices: int = 0
    last_at: float | None = None
    memory_mb: int = 0

    def state(self, now: float) -> str:
        """Say in one word how the run is: nothing, working, silent or ended."""
        if self.last_at is None:
            return "nothing"
        if all(one.done >= one.total for one in self.stages):
            return "ended"
        return "working" if now - self.last_at < QUIET_S else "silent"


class JournalReader:
    """Reads what was added to a journal since the last look.

    Parameters
    ----------
    folder : Path
        Of the results.

    Attributes
    ----------
    process : int or None
        Of the latest run, on the computer where it was at work.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL
        self.progress = Progress()
        self._at = 0
        self.process: int | None = None

    def look(self) -> bool:
        """Read new whole lines, and say whether there were any."""
        try:
            size = self.path.stat().st_size
            if size < self._at:
                self._at, self.process, self.progress = 0, None, Progress()
            with self.path.open("rb") as file:
                file.seek(self._at)
                data = file.read(size - self._at)
        except OSError:
            return False
        # A line that is being written comes with the next look.
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        for line in whole.splitlines():
            self._take(line)
        return bool(whole)

    def _take(self, line: bytes) -> None:
        """Take one event; a line of a new process begins a new run."""
        try:
            event = json.loads(line)
            process, kind, at = event["process"], event["event"], float(event["at"])
        except (ValueError, KeyError, TypeError):
            return
        if process != self.process:
            self.process, self.progress = process, Progress()
        self.progress.last_at = at
        if kind in {"started", "advanced"}:
            self._advance(event)
        elif kind == "noticed":
            self.progress.n_notices += 1
            notice = {"where": str(event.get("where", "")), "text": str(event.get("text", ""))}
            self.progress.notices = [*self.progress.notices, notice][-NOTICES:]
        elif kind == "failed":
            names = ("stage", "item", "error", "text")
            self.progress.failures.append({name: str(event.get(name, "")) for name in names})

    def _advance(self, event: dict[str, Any]) -> None:
        """Move a stage on."""
        stage = next((s for s in self.progress.stages if s.name == event["stage"]), None)
        if stage is None:
            stage = StageProgress(str(event["stage"]))
            self.progress.stages.append(stage)
        stage.total = int(event.get("total", stage.total))
        stage.done = int(event.get("done", 0))
        stage.per_s, stage.left_s = event.get("per_s"), event.get("left_s")
        stage.item = str(event.get("item", ""))
        self.progress.memory_mb = max(self.progress.memory_mb, int(event.get("memory_mb", 0)))
