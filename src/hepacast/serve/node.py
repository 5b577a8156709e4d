# SPDX-License-Identifier: Apache-2.0
"""A DICOM node beside a PACS: studies in by C-STORE or fetched, results back."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field as Setting
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt, ValidationError

from hepacast.core.errors import HepacastError, StudyError
from hepacast.core.params import Params
from hepacast.run.settings.yaml12 import load_yaml
from hepacast.serve.audit import Audit
from hepacast.serve.deliver import Deliver, StoreParams, Target
from hepacast.serve.jobs import Jobs
from hepacast.serve.listen import ListenParams, listen
from hepacast.serve.poll import Orthanc, OrthancParams, Poll
from hepacast.serve.qido import DicomWeb, DicomWebParams
from hepacast.serve.runner import OUT, Runner, keep
from hepacast.serve.spool import Spool
from hepacast.serve.tls import (
    SettingsFile,
    authority_context,
    client_context,
    server_context,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    from hepacast.serve.worker import Predicts

_TURN_S = 1.0
_HOUR_S, _DAY_S = 3600.0, 86400.0

SourceParams = Annotated[OrthancParams | DicomWebParams, Setting(discriminator="kind")]


class NodeError(HepacastError, RuntimeError):
    """A node that cannot start or go on."""


class NodeParams(Params):
    """The file of settings of a node."""

    listen: ListenParams | None = None
    """Receive by C-STORE."""
    source: SourceParams | None = None
    """Ask an archive for studies."""
    target: Target | None = None
    """Where results go; without one they stay in the folder."""
    quiet_s: NonNegativeFloat = 30.0
    """A study without a new object for so long is whole."""
    patience_s: NonNegativeFloat = 900.0
    """A study whose sender was cut off waits so long for him to come back."""
    memory_gib: PositiveFloat = 8.0
    """Of the process that reads images."""
    seconds: PositiveFloat = 600.0
    """Longest prediction."""
    spool_gib: PositiveFloat = 64.0
    """Room for studies that arrive."""
    queue: PositiveInt = 1000
    """Most studies that wait."""
    keep_days: PositiveFloat = 30.0
    """Results older than that are removed from the folder; which studies were seen is kept."""
    signed_by: SettingsFile | None = None
    """Public key whose owner must have signed the predictor; see `hepacast sign`."""


def read_settings(path: Path) -> NodeParams:
    """Read the file of settings.

    Raises
    ------
    StudyError
        Naming the first setting that is wrong.
    """
    try:
        content = load_yaml(path.read_text(encoding="utf-8"), source=path.name)
        params = NodeParams.model_validate(content, context={"folder": path.parent})
        if params.listen or params.source:
            _require_certificates(params)
            return params
        got = "neither listen nor source"
    except (OSError, UnicodeDecodeError) as error:
        got = type(error).__name__
    except ValidationError as error:
        first = error.errors()[0]
        got = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    raise StudyError(
        what="a node has a file of settings",
        got=got,
        fix="See docs/serve/node.md for every setting.",
    ).at(file=path.name)


def _require_certificates(params: NodeParams) -> None:
    """Refuse certificates that cannot be read at the start, not when they are needed."""
    if params.listen is not None and params.listen.tls is not None:
        server_context(params.listen.tls)
    for archive in (params.source, params.target):
        if isinstance(archive, StoreParams):
            if archive.tls is not None:
                client_context(archive.tls)
        elif archive is not None and archive.authority is not None:
            authority_context(archive.authority)


@dataclass(slots=True)
class Node:
    """A node at work.

    Parameters
    ----------
    params : NodeParams
        Its settings.
    folder : Path
        All state; what is in it survives a restart.
    worker : Predicts
        Turns images into results.
    """

    params: NodeParams
    folder: Path
    worker: Predicts

    def run(self, stop: threading.Event) -> None:
        """Receive, predict and send until told to stop.

        Raises
        ------
        NodeError
            If another node works in the same folder, or it cannot go on.
        OSError
            If the port is taken.
        """
        params = self.params
        with ExitStack() as stack:
            stack.enter_context(alone(self.folder))
            jobs = Jobs(self.folder, limit=params.queue)
            audit = Audit(self.folder / "audit.jsonl")
            spool = Spool(
                jobs,
                audit,
                self.worker.digest,
                quiet_s=params.quiet_s,
                patience_s=params.patience_s,
                most_bytes=int(params.spool_gib * 2**30),
            )
            aet = params.listen.aet if params.listen else "HEPACAST"
            deliver = keep if params.target is None else Deliver(params.target, aet)
            runner = Runner(jobs, self.worker, audit, deliver)
            runner.start()
            stack.callback(runner.stop)
            if params.source is not None:
                poll = Poll(self._source(params.source, spool), params.source.every_s, audit)
                poll.start()
                stack.callback(poll.stop)
            if params.listen is not None:
                stack.callback(listen(params.listen, spool).shutdown)
                spool.reachable()
            self._watch(spool, runner, stop)

    def _source(self, params: OrthancParams | DicomWebParams, spool: Spool) -> Orthanc | DicomWeb:
        if isinstance(params, OrthancParams):
            return Orthanc(params, self.folder / "orthanc.cursor", spool)
        return DicomWeb(params, self.folder / "dicomweb.json", spool)

    def _watch(self, spool: Spool, runner: Runner, stop: threading.Event) -> None:
        """Turn studies into jobs, and remove old results, until told to stop."""
        due = 0.0
        while not stop.wait(_TURN_S):
            spool.sweep()
            if not runner.is_alive:
                raise NodeError(
                    what="a node works on what it receives",
                    got="a thread that has ended",
                    fix="See that the disk has room, and start it again; nothing is lost.",
                )
            if time.monotonic() >= due:
                remove_old(self.folder, self.params.keep_days * _DAY_S)
                send_again(spool.jobs)
                due = time.monotonic() + _HOUR_S


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Make sure that no other node works in a folder; the lock ends with the process.

    Raises
    ------
    NodeError
        If one does.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(PermissionError):  # a volume that is another's: its mode is his affair
        folder.chmod(0o700)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise NodeError(
                what="one node works in a folder of state",
                got="another that does already",
                fix="Stop it, or name another folder with --state.",
            ).at(folder=folder.name) from None
        yield
    finally:
        os.close(handle)


def send_again(jobs: Jobs) -> int:
    """Let results that no archive has taken for long wait again; say how many.

    They are there, so that nothing is predicted again.
    """
    with jobs.write() as base:
        failed = [row[0] for row in base.execute("SELECT id FROM jobs WHERE state = 'failed'")]
        there = [(job,) for job in failed if (jobs.place(job) / OUT).is_dir()]
        base.executemany(
            "UPDATE jobs SET state = 'waiting', due = 0, ended = NULL WHERE id = ?", there
        )
    return len(there)


def remove_old(folder: Path, seconds: float) -> int:
    """Remove results that are older than so many seconds; say how many.

    The jobs stay known: a study that is sent again is not predicted again.
    """
    removed = 0
    for out in (folder / "jobs").glob("*/" + OUT):
        if time.time() - out.stat().st_mtime > seconds:
            shutil.rmtree(out)
            removed += 1
    return removed
