# SPDX-License-Identifier: Apache-2.0
"""Events of a run as progress bars on a terminal, or as plain lines elsewhere."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hepacast.core.events import Advanced, Event, Failed, Noticed, Started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hepacast.core.events import Listener


class _Screen:
    """Turn events into bars and lines."""

    def __init__(self, progress: Progress, console: Console) -> None:
        self._progress, self._console = progress, console
        self._bars: dict[str, TaskID] = {}
        self._said: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Started) and event.total:
            # Not earlier: an error in the input is then the only line that is printed.
            self._progress.start()
            self._bars[event.stage] = self._progress.add_task(event.stage, total=event.total)
        elif isinstance(event, Advanced):
            self._progress.advance(self._bars[event.stage])
        elif isinstance(event, Noticed):
            self._note(event)
        elif isinstance(event, Failed):
            self._line("failed", f"{event.stage} {event.item}: {event.error}")

    def tell_the_rest(self) -> None:
        """Say how often a note came back; the report holds every one."""
        for text, times in self._said.items():
            if times > 1:
                self._line("note", f"{times - 1} more: {text}")

    def _note(self, event: Noticed) -> None:
        """Print a note the first time; sixty patients may share it."""
        self._said[event.text] += 1
        if self._said[event.text] == 1:
            self._line("note", f"{event.where}: {event.text}")

    def _line(self, mark: str, text: str) -> None:
        self._console.print(f"{mark}  {text}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress() -> Iterator[Listener]:
    """Give a listener that draws on standard error until the block ends."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bars = Progress(*columns, console=console)
    screen = _Screen(bars, console)
    try:
        yield screen
    finally:
        if bars.tasks:
            bars.stop()
        screen.tell_the_rest()
