# SPDX-License-Identifier: Apache-2.0
"""The one thread that works on jobs, in order, and hands results on."""

from __future__ import annotations

import shutil
import threading
import time
from typing import TYPE_CHECKING

from hepacast.core.errors import HepacastError
from hepacast.serve.worker import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hepacast.serve.audit import Audit
    from hepacast.serve.jobs import Job, Jobs
    from hepacast.serve.worker import Predicts

    Deliver = Callable[[Job, Path], None]

IN, OUT = "in", "out"


def keep(job: Job, out: Path) -> None:
    """Leave results where they are, to be fetched."""
    del job, out


class Runner:
    """Work on jobs until stopped.

    Parameters
    ----------
    jobs : Jobs
        The queue.
    worker : Predicts
        Turns images into results.
    audit : Audit
        Told of every end.
    deliver : callable
        Sends results on; what it raises makes the job fail, and be tried again.
    """

    def __init__(self, jobs: Jobs, worker: Predicts, audit: Audit, deliver: Deliver = keep) -> None:
        self.jobs, self.worker, self.audit, self.deliver = jobs, worker, audit, deliver
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="runner", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it works; a disk that is full can end it."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """End after the job at hand."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self.step():
                self._stop.wait(0.2)

    def step(self) -> bool:
        """Work on one job; False if none was due."""
        job = self.jobs.take()
        if job is None:
            return False
        begun = time.monotonic()
        try:
            outcome = self._work(job)
        except HepacastError as error:
            outcome = Outcome("failed", f"{error.what}. {error.fix}")
        except Exception as error:
            outcome = Outcome("failed", type(error).__name__)
        # First the line, then the state: a job that has ended is always in the log.
        ending = {"job": job.id, "outcome": outcome.ending, "reason": outcome.reason}
        self.audit.write("ended", tries=job.tries, predictor=self.worker.digest, **ending)
        state = self.jobs.finish(job, outcome, time.monotonic() - begun)
        # Of a job that failed for good the images stay: somebody may mend what is in its way.
        if state in {"done", "rejected"}:
            shutil.rmtree(self.jobs.place(job.id) / IN, ignore_errors=True)
        return True

    def _work(self, job: Job) -> Outcome:
        """Predict, unless an earlier try has, and deliver."""
        place = self.jobs.place(job.id)
        if not (place / OUT).is_dir():
            staging = place / ".out"
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(parents=True)
            outcome = self.worker.predict(place / IN, staging, job.id[:16])
            if outcome.ending != "done":
                return outcome
            staging.rename(place / OUT)
        self.deliver(job, place / OUT)
        return Outcome("done")
