# SPDX-License-Identifier: Apache-2.0
"""Work on many machines: Dask's scheduler behind the interface of :mod:`hepacast.run.work.execute`.

Only small items go out and only receipts come back; images, tables and records
are read and written by the workers themselves, on a disk that all of them see.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

from pydantic import PositiveInt

from hepacast.core.errors import HepacastError, StudyError
from hepacast.core.params import Params
from hepacast.io.store import write_atomic
from hepacast.run.work.door import ADDRESS, DOOR, open_door, tls
from hepacast.run.work.execute import Executor, WorkerLostError, attempt_alone

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from distributed import Client, Future, LocalCluster

SCALE, SLURM = "scale", "cluster"
CANCELLED = "all tasks in flight were cancelled"


class SchedulerLostError(HepacastError, RuntimeError):
    """The scheduler is gone, and with it all that was in flight."""


class ClusterParams(Params):
    """Where the workers are."""

    kind: Literal["local", "listen", "scheduler", "slurm"] = "local"
    """``local``: processes of this machine; ``listen``: those, and machines that join with
    ``hepacast worker``; ``scheduler``: one that runs; ``slurm``: jobs."""
    workers: PositiveInt = 2
    """Workers to start; those of a running scheduler are counted instead."""
    memory: str = "auto"
    """Limit of every worker, such as ``4GB``; it is restarted above it."""
    scheduler: str | None = None
    """Address (``tls://host:8786``) or path of the scheduler file of one that runs."""
    certificates: str | None = None
    """Folder with ``ca.pem``, ``cert.pem`` and ``key.pem``, for a scheduler behind TLS."""
    host: str | None = None
    """Name or address of this machine, as the machines that join can reach it."""
    queue: str | None = None
    """SLURM partition."""
    walltime: str = "01:00:00"
    """SLURM limit of every job; work that it cuts off is taken up by the next."""
    wait_s: PositiveInt = 60
    """How long to wait for a scheduler that does not answer."""
    allowed_failures: PositiveInt = 10
    """Workers that one item may lose before it is given up: preemption is no fault of it."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A pool whose workers may be anywhere.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    tries : int
        Workers that one item may take down before it is given up.
    """

    client: Client
    tries: int
    _over: SimpleQueue[Future] = field(default_factory=SimpleQueue)

    @property
    def workers(self) -> int:
        """Threads of all workers that are there now, at least 1."""
        return max(1, sum(map(int, self.client.nthreads().values())))

    def submit(self, task: Callable[[Any], Any], item: object) -> Future:
        """Send one item; equal items are not merged, for records make that cheap."""
        future = self.client.submit(attempt_alone, task, item, pure=False)
        future.add_done_callback(self._over.put)
        return future

    def landed(self, flying: Collection[Future]) -> Iterable[Future]:
        """Wait for the first item that is over, and notice a scheduler that died."""
        del flying
        while True:
            try:
                return [self._over.get(timeout=5)]
            except Empty:
                self._require_scheduler()

    def result(self, flight: Future) -> Any:  # noqa: ANN401 - what the task returned
        """Take one result and let go of it at once; name memory when a worker died of it."""
        from distributed import KilledWorker  # noqa: PLC0415 - loaded when a cluster is wanted
        from distributed.client import FutureCancelledError  # noqa: PLC0415 - the same

        try:
            return flight.result()
        except KilledWorker as error:
            return _killed(self.tries, str(error))
        except FutureCancelledError as error:
            raise _scheduler_lost(CANCELLED) from error
        finally:
            flight.release()

    def _require_scheduler(self) -> None:
        """Ask whether the scheduler is there; a lost one never says so by itself."""
        if self.client.status != "running":
            raise _scheduler_lost(str(self.client.status))


def _killed(tries: int, said: str) -> WorkerLostError:
    """Explain an item that took worker after worker down."""
    return WorkerLostError(
        what="a worker must live until its item is done",
        got=f"an item of which {tries} workers died, most often because memory ran out "
        f"({said.splitlines()[0]})",
        fix="Give workers more memory, or run fewer of them on a machine.",
    )


def _scheduler_lost(got: str) -> SchedulerLostError:
    return SchedulerLostError(
        what="the scheduler must live as long as the run",
        got=got,
        fix="Start it again and run again: what is finished is kept.",
    )


@contextmanager
def cluster(params: ClusterParams, folder: Path | None = None) -> Iterator[Executor]:
    """Open an executor on a cluster; close what was opened for it at the end.

    Parameters
    ----------
    params : ClusterParams
        Where the workers are.
    folder : Path, optional
        Folder that all machines see; SLURM workers find their certificates there.

    Raises
    ------
    StudyError
        Without the packages of ``pip install 'hepacast[scale]'`` (``[cluster]`` for SLURM).
    SchedulerLostError
        If no scheduler answers, or it dies.
    """
    try:
        import dask  # noqa: PLC0415 - loaded when a cluster is wanted
        from distributed import Client  # noqa: PLC0415 - the same
    except ImportError as error:
        raise _missing(error, extra=SCALE) from error
    settings = {
        "distributed.scheduler.allowed-failures": params.allowed_failures,
        "distributed.comm.timeouts.connect": f"{params.wait_s}s",
        "distributed.admin.log-format": "%(message)s",
        # A worker that is busy in compiled code answers late; it is not dead.
        "distributed.scheduler.worker-ttl": "15 minutes",
    }
    with dask.config.set(settings), _workers(params, folder) as door:
        try:
            client = Client(door, set_as_default=False, timeout=params.wait_s, **_security(params))
        except (OSError, TimeoutError) as error:
            raise _scheduler_lost(str(error)) from error
        with client:
            yield Executor(Cluster(client, params.allowed_failures + 1), folder=folder)


def _missing(error: ImportError, extra: str) -> StudyError:
    return StudyError(
        what="work on a cluster needs Dask",
        got=str(error),
        fix=f"Run: pip install 'hepacast[{extra}]', or use --workers or --shard.",
    )


@contextmanager
def _workers(params: ClusterParams, folder: Path | None) -> Iterator[object]:
    """Start the workers, and give what a client connects to."""
    if params.kind == "scheduler":
        yield params.scheduler
        return
    started = _slurm(params, folder) if params.kind == "slurm" else _local(params, folder)
    try:
        yield started
    finally:
        started.close(timeout=30)


def _local(params: ClusterParams, folder: Path | None) -> LocalCluster:
    """Start processes here; unless others may join, nothing listens beyond this machine."""
    from distributed import LocalCluster  # noqa: PLC0415 - loaded when a cluster is wanted

    place: dict[str, Any] = {"host": "127.0.0.1"}
    if params.kind == "listen":
        place = open_door(folder, params.host or socket.getfqdn())
    started = LocalCluster(
        n_workers=params.workers,
        threads_per_worker=1,
        memory_limit=params.memory,
        # The default dashboard listens on every interface.
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
        **place,
    )
    if folder is not None and params.kind == "listen":
        write_atomic(folder / DOOR / ADDRESS, started.scheduler_address)
    return started


def _slurm(params: ClusterParams, folder: Path | None) -> Any:  # noqa: ANN401 - an optional package
    """Start jobs of one worker each; those that end are replaced."""
    try:
        from dask_jobqueue import SLURMCluster  # noqa: PLC0415 - an extra
        from distributed.security import Security  # noqa: PLC0415 - the same
    except ImportError as error:
        raise _missing(error, extra=SLURM) from error
    started = SLURMCluster(
        cores=1,
        processes=1,
        memory="2GB" if params.memory == "auto" else params.memory,
        queue=params.queue,
        walltime=params.walltime,
        # Between nodes nothing is sent in the clear, and nobody else can join.
        security=Security.temporary(),
        shared_temp_directory=None if folder is None else str(folder),
        scheduler_options={"dashboard_address": "127.0.0.1:0"},
        log_directory=None if folder is None else str(folder / DOOR),
        job_extra_directives=[] if params.memory == "auto" else [f"--mem={_megabytes(params)}M"],
        silence_logs="error",
    )
    # Not scale(): that never replaces a worker whose job was cancelled.
    started.adapt(minimum=params.workers, maximum=params.workers)
    return started


def _megabytes(params: ClusterParams) -> int:
    """Ask SLURM for a tenth more than the worker may use, which then ends it with a message."""
    from dask.utils import parse_bytes  # noqa: PLC0415 - loaded when a cluster is wanted

    return int(parse_bytes(params.memory) / 0.9 / 2**20) + 1


def _security(params: ClusterParams) -> dict[str, Any]:
    """Read the certificates of a scheduler behind TLS."""
    if params.kind != "scheduler":
        return {}
    if params.scheduler is None:
        raise StudyError(
            what="a running scheduler is named by its address or its scheduler file",
            got="neither",
            fix="Give --scheduler tls://host:8786 or --scheduler scheduler.json.",
        )
    door = {"scheduler_file": params.scheduler} if params.scheduler.endswith(".json") else {}
    if params.certificates is None:
        return door
    return {**door, "security": tls(Path(params.certificates))}
