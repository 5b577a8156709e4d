# SPDX-License-Identifier: Apache-2.0
"""The command ``hepacast run`` given again, from the page of a run that was stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from hepacast.core.errors import HepacastError
from hepacast.serve.web.progress import JournalReader

if TYPE_CHECKING:
    from pathlib import Path

LOG = "resume.log"
"""File beside the results with what the command said."""
PATIENCE_S = 20.0
"""A run that is asked to stop has so long."""
_MAIN = "from hepacast.cli.main import main; main()"


class ResumeError(HepacastError, RuntimeError):
    """A run that cannot be gone on with now."""


@dataclass(slots=True)
class Resume:
    """Goes on with the run of a folder, once at a time.

    Nothing of a request reaches the command but whether to try failed patients again: study
    file and folder are those that the pages were started with.

    Parameters
    ----------
    study : Path
        Study file.
    folder : Path
        Of the results.
    """

    study: Path
    folder: Path
    _run: subprocess.Popen[bytes] | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def busy(self) -> bool:
        """Whether the run that was started here is at work."""
        return self._run is not None and self._run.poll() is None

    @property
    def words(self) -> str:
        """What the run that was started here said last; empty if all is well."""
        if self._run is None or not self._run.poll():
            return ""
        said = (self.folder / LOG).read_text(encoding="utf-8", errors="replace").strip()
        return said[-2000:] or f"The run ended with code {self._run.returncode}."

    def start(self, now: float, *, retry: bool = False) -> None:
        """Give the command.

        Parameters
        ----------
        now : float
            Seconds since 1970.
        retry : bool
            Measure again what failed before.

        Raises
        ------
        ResumeError
            If a run is at work in the folder, started here or elsewhere.
        """
        with self._lock:
            at_work = "the one started here" if self.busy else self._elsewhere(now)
            if at_work:
                raise ResumeError(
                    what="one run works in a folder at a time",
                    got=at_work,
                    fix="Wait until it has ended, or stop it; then go on.",
                )
            command = [sys.executable, "-c", _MAIN, "run", str(self.study), "--out"]
            command += [str(self.folder), *(["--retry-failed"] if retry else [])]
            with (self.folder / LOG).open("wb") as log:
                # A session of its own: its workers stop with it, and not with the terminal.
                self._run = subprocess.Popen(  # noqa: S603 - our own command, no shell
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

    def _elsewhere(self, now: float) -> str:
        """Name a run that somebody else started and that may be at work; empty if there is none."""
        reader = JournalReader(self.folder)
        reader.look()
        if reader.process is not None and _lives(reader.process):
            return f"process {reader.process} of this computer"
        return "one that wrote just now" if reader.progress.state(now) == "working" else ""

    def close(self) -> None:
        """Stop what was started here; what it has done stays done."""
        with self._lock:
            run = self._run
            if run is None or run.poll() is not None:
                return
            for asked in (signal.SIGINT, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(run.pid, asked)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    run.wait(PATIENCE_S)
                    return


def _lives(process: int) -> bool:
    """Say whether a process of this computer is there, also one of somebody else's."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
