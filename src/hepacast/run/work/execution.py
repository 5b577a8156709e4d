# SPDX-License-Identifier: Apache-2.0
"""Where a run works, and what of an earlier run it trusts; no result depends on it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.core.errors import StudyError
from hepacast.run.work.cluster import ClusterParams, cluster
from hepacast.run.work.execute import executor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hepacast.run.work.execute import Executor
    from hepacast.run.work.shard import Shard


@dataclass(frozen=True, slots=True)
class Execution:
    """How a run is carried out.

    Parameters
    ----------
    workers : int, optional
        Processes of this machine; all cores by default.
    cluster : ClusterParams, optional
        Workers elsewhere, instead.
    shard : Shard, optional
        The share of the work that is done here.
    rehash : bool
        Read every file again instead of trusting its size and time.
    retry : bool
        Try again what failed in an earlier run.

    Examples
    --------
    >>> with Execution(workers=1).open() as run:
    ...     dict(run.map(abs, [-2, 3]))
    {0: 2, 1: 3}
    """

    workers: int | None = None
    cluster: ClusterParams | None = None
    shard: Shard | None = None
    rehash: bool = False
    retry: bool = False

    def __post_init__(self) -> None:
        """Refuse a share of a cluster: a cluster shares out its work itself."""
        if self.cluster is not None and self.shard is not None:
            raise StudyError(
                what="a share is worked on by one machine",
                got="--shard together with --on",
                fix="Leave one of them out.",
            )

    @contextmanager
    def open(self, folder: Path | None = None) -> Iterator[Executor]:
        """Open the executor, and close what was opened for it at the end.

        Parameters
        ----------
        folder : Path, optional
            Folder that all workers see.
        """
        if self.cluster is not None:
            with cluster(self.cluster, folder) as run:
                yield run
            return
        with executor(self.workers or os.cpu_count() or 1, self.shard, folder) as run:
            yield run
