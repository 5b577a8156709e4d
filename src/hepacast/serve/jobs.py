# SPDX-License-Identifier: Apache-2.0
"""Jobs that survive a restart: one row each in SQLite, one folder each beside it."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hepacast.core.errors import HepacastError
from hepacast.core.provenance import digest_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hepacast.serve.worker import Outcome

State = Literal["waiting", "working", "done", "rejected", "failed"]
STATES: tuple[State, ...] = ("waiting", "working", "done", "rejected", "failed")
TRIES, PAUSE_S = 8, 5.0
"""How often a job that failed is tried, and the first pause; every pause is twice the last."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  id TEXT PRIMARY KEY, source TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
  tries INTEGER NOT NULL, due REAL NOT NULL, made REAL NOT NULL, ended REAL, seconds REAL
);
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (state, due);
"""


class FullError(HepacastError, RuntimeError):
    """There is no room for one more, now."""


@dataclass(frozen=True, slots=True)
class Job:
    """One case on its way.

    Parameters
    ----------
    id : str
        Digest of its inputs and of the predictor: equal inputs are one job.
    source : str
        Which door it came through, and who sent it; never a patient.
    state : str
        One of :data:`STATES`.
    reason : str
        Why it was rejected or failed, without a patient's name.
    tries : int
        How often it was begun.
    made, ended : float
        Seconds since 1970; ``ended`` is None before.
    """

    id: str
    source: str
    state: State
    reason: str
    tries: int
    made: float
    ended: float | None


def key_of(*parts: str) -> str:
    """Return the id of a job from all that decides its outcome, in any order.

    Examples
    --------
    >>> key_of("1.2", "1.3", "digest") == key_of("1.3", "digest", "1.2")
    True
    """
    return digest_bytes("\n".join(sorted(parts)).encode())


class Jobs:
    """All jobs of one predictor.

    Parameters
    ----------
    folder : Path
        Made if missing; jobs that a killed process left unfinished wait again.
    limit : int
        Most jobs that wait.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> jobs = Jobs(pathlib.Path(tempfile.mkdtemp()))
    >>> jobs.add("ab", "test"), jobs.add("ab", "test"), jobs.take().id, jobs.take()
    (True, False, 'ab', None)
    """

    def __init__(self, folder: Path, *, limit: int = 100) -> None:
        self.folder, self.limit = folder, limit
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.write() as base:
            base.executescript(_SCHEMA)
            base.execute("UPDATE jobs SET state = 'waiting' WHERE state = 'working'")

    def place(self, job: str) -> Path:
        """Folder of a job."""
        return self.folder / "jobs" / job

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Open the base for one transaction."""
        with closing(sqlite3.connect(self.folder / "jobs.sqlite", timeout=30)) as base:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = FULL")
            with base:
                yield base

    def add(self, job: str, source: str) -> bool:
        """Put a job whose images are in place in the queue; False if it is known already.

        Raises
        ------
        FullError
            If too many wait.
        """
        now = time.time()
        with self.write() as base:
            base.execute("BEGIN IMMEDIATE")
            if base.execute("SELECT 1 FROM jobs WHERE id = ?", (job,)).fetchone():
                return False
            query = "SELECT count(*) FROM jobs WHERE state IN ('waiting', 'working')"
            (waiting,) = base.execute(query).fetchone()
            if waiting >= self.limit:
                raise FullError(
                    what=f"at most {self.limit} jobs wait",
                    got=f"{waiting}",
                    fix="Send it again later.",
                )
            row = (job, source, "waiting", "", 0, now, now)
            base.execute(
                "INSERT INTO jobs (id, source, state, reason, tries, due, made) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        return True

    def take(self) -> Job | None:
        """Begin the job that waits longest; None if none is due."""
        with self.write() as base:
            base.execute("BEGIN IMMEDIATE")
            found = base.execute(
                "SELECT id FROM jobs WHERE state = 'waiting' AND due <= ? ORDER BY due LIMIT 1",
                (time.time(),),
            ).fetchone()
            if found is None:
                return None
            base.execute("UPDATE jobs SET state = 'working', tries = tries + 1 WHERE id = ?", found)
        return self.find(found[0])

    def finish(self, job: Job, outcome: Outcome, seconds: float = 0.0) -> State:
        """Write down how a job ended; one that failed waits again, until it has failed often."""
        again = outcome.ending == "failed" and job.tries < TRIES
        now = time.time()
        state: State = "waiting" if again else outcome.ending
        with self.write() as base:
            base.execute(
                "UPDATE jobs SET state = ?, reason = ?, due = ?, ended = ?, seconds = ? "
                "WHERE id = ?",
                (
                    state,
                    outcome.reason,
                    now + PAUSE_S * 2 ** (job.tries - 1) if again else now,
                    None if again else now,
                    seconds,
                    job.id,
                ),
            )
        return state

    def retry(self) -> int:
        """Let the jobs that have failed for good wait again; say how many."""
        with self.write() as base:
            return base.execute(
                "UPDATE jobs SET state = 'waiting', tries = 0, due = 0, ended = NULL "
                "WHERE state = 'failed'"
            ).rowcount

    def find(self, job: str) -> Job | None:
        """Return a job, or None."""
        with self.write() as base:
            row = base.execute(
                "SELECT id, source, state, reason, tries, made, ended FROM jobs WHERE id = ?",
                (job,),
            ).fetchone()
        return None if row is None else Job(*row)

    def counts(self) -> dict[State, int]:
        """Count the jobs in every state."""
        with self.write() as base:
            found = dict(base.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall())
        return {state: found.get(state, 0) for state in STATES}

    def seconds(self) -> tuple[int, float]:
        """Count the jobs that were predicted, and the seconds that they took together."""
        with self.write() as base:
            query = "SELECT count(*), coalesce(sum(seconds), 0) FROM jobs WHERE state = 'done'"
            count, total = base.execute(query).fetchone()
        return int(count), float(total)

    def forget(self, job: str) -> bool:
        """Remove a job that has ended, and its files; False if there is none or it has not."""
        with self.write() as base:
            gone = base.execute(
                "DELETE FROM jobs WHERE id = ? AND state NOT IN ('waiting', 'working')", (job,)
            ).rowcount
        if gone:
            shutil.rmtree(self.place(job), ignore_errors=True)
        return bool(gone)
