# SPDX-License-Identifier: Apache-2.0
"""Predictions in a process apart, so that a damaged file cannot take the service with it."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from hepacast.core.errors import HepacastError
from hepacast.run.predictor.predictor_seal import require_signature

if TYPE_CHECKING:
    from pathlib import Path

Ending = Literal["done", "rejected", "failed"]
_START_S = 300.0


class WorkerError(HepacastError, RuntimeError):
    """The process that predicts cannot be started."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Parameters
    ----------
    ending : {"done", "rejected", "failed"}
        ``rejected`` will never be otherwise; ``failed`` may be tried again.
    reason : str
        Without a patient's name; empty when done.
    """

    ending: Ending
    reason: str = ""


class Predicts(Protocol):
    """Whatever turns a folder of images into a folder of results."""

    @property
    def digest(self) -> str:
        """Digest of the predictor."""
        ...

    def predict(self, folder: Path, out: Path, case: str) -> Outcome:
        """Predict one case."""
        ...


class Worker:
    """One child that has read the predictor, started anew when it dies or takes too long.

    Parameters
    ----------
    predictor : Path
        Its folder.
    memory_bytes : int
        Address space of the child.
    seconds : float
        Longest time for one case.
    signed_by : Path, optional
        Public key whose owner must have signed the predictor, whenever a child reads it.

    Raises
    ------
    SealError
        If he has not.
    """

    def __init__(
        self,
        predictor: Path,
        *,
        memory_bytes: int = 8 * 2**30,
        seconds: float = 600.0,
        signed_by: Path | None = None,
    ) -> None:
        self.predictor, self.memory_bytes, self.seconds = predictor, memory_bytes, seconds
        self.signed_by = signed_by
        if signed_by is not None:
            require_signature(predictor, signed_by)
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._digest = ""

    @property
    def digest(self) -> str:
        """Digest of the predictor; starts the child when it is asked for the first time."""
        if not self._digest:
            with self._lock:
                self._ready()
        return self._digest

    def predict(self, folder: Path, out: Path, case: str) -> Outcome:
        """Predict one case; one at a time.

        Parameters
        ----------
        folder, out : Path
            Images, and where the results go.
        case : str
            Its name in results.
        """
        with self._lock:
            child = self._ready()
            try:
                assert child.stdin is not None  # noqa: S101 - a pipe was asked for
                job = {"folder": str(folder), "out": str(out), "case": case}
                child.stdin.write(json.dumps(job) + "\n")
                child.stdin.flush()
                answer = self._answer(self.seconds)
            except queue.Empty:
                self._stop()
                return Outcome("rejected", f"it took more than {self.seconds:.0f} s.")
            except OSError:
                answer = None
            if answer is None:
                self._stop()
                return Outcome("failed", "the process that read the images died.")
            if answer.get("spent"):
                self._stop()
            return Outcome(answer["outcome"], answer["reason"])

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._stop()

    def _ready(self) -> subprocess.Popen[str]:
        """Return a child that has read the predictor.

        It dies with the thread that started it: call from one that lives as long as the service.
        """
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._stop()
        child = self._started()
        self._child, self._answers = child, queue.Queue()
        threading.Thread(target=_listen, args=(child, self._answers), daemon=True).start()
        fix = "Try `hepacast predict` with it; raise the memory limit."
        try:
            hello, got = self._answer(_START_S), "one that ended"
        except queue.Empty:
            hello, got = None, f"one that was not ready after {_START_S:.0f} s"
            fix = "Start it again when the machine is less busy."
        if hello is None:
            self._stop()
            raise WorkerError(what="a predictor is read by a process of its own", got=got, fix=fix)
        if self._digest not in {"", hello["digest"]}:
            self._stop()
            raise WorkerError(
                what="a predictor stays as it is while it is served",
                got="another one in its folder",
                fix="Start the service anew.",
            )
        self._digest = hello["digest"]
        return child

    def _started(self) -> subprocess.Popen[str]:
        """Start a child."""
        command = [sys.executable, "-m", "hepacast.serve.child"]
        key = [] if self.signed_by is None else [str(self.signed_by)]
        try:
            return subprocess.Popen(  # noqa: S603 - our own module
                [*command, str(self.predictor), str(self.memory_bytes), *key],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # libraries quote what they read, names included
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            raise WorkerError(
                what="a predictor is read by a process of its own",
                got=f"{error.strerror or error} for {sys.executable}",
                fix="Install with a Python that the user of the service may run: the system's.",
            ) from None

    def _answer(self, seconds: float) -> dict[str, Any] | None:
        """Wait for one line; None if the child has died."""
        line = self._answers.get(timeout=seconds)
        try:
            found: dict[str, Any] | None = None if line is None else json.loads(line)
        except ValueError:
            return None
        return found

    def _stop(self) -> None:
        if self._child is None:
            return
        self._child.kill()
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue
        self._child = None


def _listen(child: subprocess.Popen[str], answers: queue.Queue[str | None]) -> None:
    """Pass lines on until the child ends."""
    assert child.stdout is not None  # noqa: S101 - a pipe was asked for
    try:
        for line in child.stdout:
            answers.put(line)
    except (OSError, ValueError):
        pass
    answers.put(None)
