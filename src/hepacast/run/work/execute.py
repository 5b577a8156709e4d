# SPDX-License-Identifier: Apache-2.0
"""Work on many items: here, in several processes, on a cluster, or one share of them.

Whoever works, the results are the same: a task is a pure function of its item.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from threadpoolctl import threadpool_limits

from hepacast.core.errors import HepacastError
from hepacast.run.work.errands import run_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from hepacast.run.work.shard import Shard

Item = TypeVar("Item")
Result = TypeVar("Result")

WINDOW = 3
"""Items in flight for every worker: enough to hide the way; a million must wait in no queue."""


class WorkerLostError(HepacastError, RuntimeError):
    """A worker process died: most often it ran out of memory."""


class LostCountError(HepacastError, RuntimeError):
    """Fewer results came back than items were sent."""


class Pool(Protocol):
    """Somewhere that tasks can be sent to.

    A flight is whatever the pool hands out for a task that is on its way.
    """

    @property
    def workers(self) -> int:
        """How many items can be worked on at the same time, now."""

    def submit(self, task: Callable[[Any], Any], item: object) -> Any:  # noqa: ANN401 - the pool's own handle
        """Send one item and return its flight."""

    def landed(self, flying: Collection[Any]) -> Iterable[Any]:
        """Wait until at least one flight is over, and return those that are."""

    def result(self, flight: Any) -> Any:  # noqa: ANN401 - what the task returned
        """Return what the task returned, or the error to report for its item."""


def _nothing_kept(item: object) -> None:
    """Know of no earlier result."""
    del item


@dataclass(slots=True)
class Executor:
    """Run a task over items; results come back as they are finished.

    Parameters
    ----------
    pool : Pool, optional
        Where to send the items; this process by default.
    shard : Shard, optional
        The share of the items that is worked on here; all of them by default.
    folder : Path, optional
        Folder of the results, seen by all workers: :meth:`work` keeps what is done there.
    """

    pool: Pool | None = None
    shard: Shard | None = None
    folder: Path | None = None

    def map(
        self,
        task: Callable[[Item], Result],
        items: Sequence[Item],
        kept: Callable[[Item], Result | HepacastError | None] = _nothing_kept,
    ) -> Iterator[tuple[int, Result | HepacastError]]:
        """Yield the place of every item with its result, or with the error it raised.

        Parameters
        ----------
        task : callable
            A pure function that can be imported, because it may run elsewhere.
        items : sequence
            What to work on; small, for every item travels.
        kept : callable
            Gives what an earlier run made of an item, a result or an error, else None;
            asked here, before anything is sent.

        Raises
        ------
        SharesLeftError
            When one share is done and others still have items without a result.
        LostCountError
            If a result never came back: a run that is short of one must not look whole.

        Notes
        -----
        Only errors raised on purpose are caught; any other is a defect and stops the run.
        """
        todo = []
        for at, item in enumerate(items):
            found = kept(item)
            if found is None:
                todo.append((at, item))
            else:
                yield at, found
        mine = todo if self.shard is None else self.shard.mine(todo)
        yield from self._work(task, mine)
        if self.shard is not None:
            for at, other in self.shard.others(todo, kept):
                yield at, other

    def work(
        self, task: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result | HepacastError]]:
        """Map a task over items, and find what an earlier run has finished of them.

        Parameters
        ----------
        task : callable
            A named function of this package.
        items : sequence
            Values of this package; what they share is written once, and only
            digests travel.

        Notes
        -----
        Results of other code, other software or other settings are never used.
        Without a folder nothing is kept.
        """
        if self.folder is None:
            yield from self.map(task, items)
            return
        yield from run_kept(self, self.folder, task, items)

    def _work(
        self, task: Callable[[Item], Result], todo: Sequence[tuple[int, Item]]
    ) -> Iterator[tuple[int, Result | HepacastError]]:
        """Work on items, here or in the pool, and count what comes back."""
        if self.pool is None:
            with threadpool_limits(1):
                for at, item in todo:
                    yield at, _attempt(task, item)
            return
        back = 0
        for at, result in _spread(self.pool, task, todo):
            back += 1
            yield at, result
        if back != len(todo):
            raise LostCountError(
                what="every item that was sent must come back",
                got=f"{back} of {len(todo)}",
                fix="Run again: what is finished is kept.",
            )


def _spread(
    pool: Pool, task: Callable[[Item], Result], todo: Sequence[tuple[int, Item]]
) -> Iterator[tuple[int, Result | HepacastError]]:
    """Keep a few items per worker in flight; try those that workers died of again, one by one.

    Whatever waited on a worker that died is blamed like the item that took it down.
    """
    suspects: set[int] = set()
    for at, result in _fly(pool, task, todo, lambda: WINDOW * pool.workers):
        if isinstance(result, WorkerLostError):
            suspects.add(at)
        else:
            yield at, result
    yield from _fly(pool, task, [one for one in todo if one[0] in suspects], lambda: 1)


def _fly(
    pool: Pool,
    task: Callable[[Item], Result],
    todo: Sequence[tuple[int, Item]],
    window: Callable[[], int],
) -> Iterator[tuple[int, Result | HepacastError]]:
    """Keep so many items in flight, asked anew each time: workers come and go."""
    waiting = iter(todo)
    flying: dict[Any, int] = {}
    while True:
        room = max(1, window()) - len(flying)
        for _, (at, item) in zip(range(room), waiting, strict=False):
            flying[pool.submit(task, item)] = at
        if not flying:
            return
        for flight in list(pool.landed(flying)):
            # One that was sent again after its worker died may be told of twice.
            if flight in flying:
                yield flying.pop(flight), pool.result(flight)


def _attempt(task: Callable[[Item], Result], item: Item) -> Result | HepacastError:
    """Run the task, and return an error that it raised on purpose instead of raising it."""
    try:
        return task(item)
    except HepacastError as error:
        return error


def attempt_alone(task: Callable[[Item], Result], item: Item) -> Result | HepacastError:
    """Run the task in one thread: the processes are the parallelism."""
    with threadpool_limits(1):
        return _attempt(task, item)


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes of this machine."""

    pool: ProcessPoolExecutor
    workers: int

    def submit(self, task: Callable[[Any], Any], item: object) -> Future[Any]:
        """Send one item to a process."""
        try:
            return self.pool.submit(attempt_alone, task, item)
        except BrokenProcessPool as error:
            raise _lost() from error

    def landed(self, flying: Collection[Future[Any]]) -> Iterable[Future[Any]]:
        """Wait for the first process that is done."""
        return wait(flying, return_when=FIRST_COMPLETED).done

    def result(self, flight: Future[Any]) -> Any:  # noqa: ANN401 - what the task returned
        """Take the result of a worker, and explain one that died."""
        try:
            return flight.result()
        except BrokenProcessPool as error:
            raise _lost() from error


def _lost() -> WorkerLostError:
    """Explain a worker that died; a task handed in after that fails like those in flight."""
    return WorkerLostError(
        what="every worker process must live until its item is done",
        got="one was killed, most often because memory ran out",
        fix="Run again with fewer --workers; what is finished is kept.",
    )


@contextmanager
def executor(
    workers: int, shard: Shard | None = None, folder: Path | None = None
) -> Iterator[Executor]:
    """Open an executor on this machine, and close its processes at the end.

    Examples
    --------
    >>> with executor(1) as run:
    ...     dict(run.map(abs, [-2, 3]))
    {0: 2, 1: 3}
    """
    if workers <= 1:
        yield Executor(None, shard, folder)
        return
    # Spawn, not fork: forking a process that holds numba or BLAS threads can hang.
    pool = ProcessPoolExecutor(workers, get_context("spawn"))
    try:
        yield Executor(Processes(pool, workers), shard, folder)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
