# SPDX-License-Identifier: Apache-2.0
"""Work on many items, in this process or in several, with the same result."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, TypeVar

from threadpoolctl import threadpool_limits

from hepacast.core.errors import HepacastError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerLostError(HepacastError, RuntimeError):
    """A worker process died: most often it ran out of memory."""


@dataclass(slots=True)
class Executor:
    """Run a task over items; results come back as they are finished.

    Parameters
    ----------
    workers : int
        Processes; 1 works in this one.
    """

    workers: int = 1
    _pool: ProcessPoolExecutor | None = None

    def map(
        self, task: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result | HepacastError]]:
        """Yield the place of every item with its result, or with the error it raised.

        Only errors raised on purpose are caught; any other is a defect and stops the run.
        """
        if self._pool is None:
            with threadpool_limits(1):
                for at, item in enumerate(items):
                    yield at, _attempt(task, item)
            return
        yield from self._spread(self._pool, task, items)

    def _spread(
        self,
        pool: ProcessPoolExecutor,
        task: Callable[[Item], Result],
        items: Sequence[Item],
    ) -> Iterator[tuple[int, Result | HepacastError]]:
        """Keep a few items per worker in flight, so that a million wait in no queue."""
        todo = iter(enumerate(items))
        flying: dict[Future[Result | HepacastError], int] = {}
        while True:
            for at, item in todo:
                try:
                    flying[pool.submit(_attempt, task, item)] = at
                except BrokenProcessPool as error:
                    raise _lost() from error
                if len(flying) >= 3 * self.workers:
                    break
            if not flying:
                return
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                yield flying.pop(future), _result(future)


def _attempt(task: Callable[[Item], Result], item: Item) -> Result | HepacastError:
    """Run the task, and return an error that it raised on purpose instead of raising it."""
    try:
        return task(item)
    except HepacastError as error:
        return error


def _result(future: Future[Result | HepacastError]) -> Result | HepacastError:
    """Take the result of a worker, and explain one that died."""
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise _lost() from error


def _lost() -> WorkerLostError:
    """Explain a worker that died; a task handed in after that fails like those in flight."""
    return WorkerLostError(
        what="every worker process must live until its item is done",
        got="one was killed, most often because memory ran out",
        fix="Run again with fewer --workers; what is finished is kept.",
    )


def _single_thread() -> None:
    """Give a worker one thread: the processes are the parallelism."""
    threadpool_limits(1)


@contextmanager
def executor(workers: int) -> Iterator[Executor]:
    """Open an executor, and close its processes at the end.

    Examples
    --------
    >>> with executor(1) as run:
    ...     dict(run.map(abs, [-2, 3]))
    {0: 2, 1: 3}
    """
    if workers <= 1:
        yield Executor(1)
        return
    # Spawn, not fork: forking a process that holds numba or BLAS threads can hang.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_single_thread)
    try:
        yield Executor(workers, pool)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
