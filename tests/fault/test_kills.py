# SPDX-License-Identifier: Apache-2.0
"""Fifty rounds of kill -9: worker, client or scheduler dies, the next run ends the same."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

ITEMS, WORKERS, WINDOW = 24, 2, 3
VICTIMS = ("worker", "client", "scheduler")
TASK = '''
"""A task that works a little, leaves a record, and notes that it was carried out."""
import os
import time
from pathlib import Path

from hepacast.core.provenance import generator
from hepacast.io.store import write_atomic


def path_of(item):
    return Path(os.environ["KILL_FOLDER"]) / "records" / f"{item:03d}"


def work(item):
    if path_of(item).exists():
        return item
    time.sleep(0.03)
    with open(path_of(item).parent.parent / "executions", "ab", buffering=0) as log:
        log.write(b"%d\\n" % item)
    write_atomic(path_of(item), generator(7, item).bytes(20_000))
    return item


def kept(item):
    return item if path_of(item).exists() else None
'''
CLIENT = """
import sys
from hepacast.run.work.cluster import ClusterParams, cluster
import killed_task
if __name__ == "__main__":
    params = ClusterParams(kind="scheduler", scheduler=sys.argv[1], wait_s=10)
    with cluster(params) as run:
        done = dict(run.map(killed_task.work, range(int(sys.argv[2])), killed_task.kept))
    assert len(done) == int(sys.argv[2])
"""


def start(folder: Path, stack: ExitStack) -> dict[str, list[subprocess.Popen[bytes]]]:
    """Start a scheduler, two workers and a client, each a process of its own."""
    door = folder / "scheduler.json"
    door.unlink(missing_ok=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    around = {**os.environ, "PYTHONPATH": str(folder), "KILL_FOLDER": str(folder)}

    def run(*command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, *command], env=around, **quiet)  # type: ignore[call-overload]
        stack.callback(process.wait)
        stack.callback(process.kill)
        return process  # type: ignore[no-any-return]

    common = ["--scheduler-file", str(door), "--no-dashboard"]
    place = ["--host", "127.0.0.1"]
    scheduler = run("-m", "distributed.cli.dask_scheduler", *common, *place, "--port", "0")
    options = ["--nthreads", "1", "--no-nanny", "--death-timeout", "10"]
    workers = [run("-m", "distributed.cli.dask_worker", *common, *options) for _ in range(WORKERS)]
    while not door.exists():
        time.sleep(0.02)
    client = run("-c", CLIENT, str(door), str(ITEMS))
    return {"scheduler": [scheduler], "worker": workers, "client": [client]}


def digest(folder: Path) -> str:
    """Digest all records, with their names."""
    state = hashlib.sha256()
    for path in sorted((folder / "records").glob("[!.]*")):
        state.update(path.name.encode() + path.read_bytes())
    return state.hexdigest()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Run once without killing anybody."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "killed_task.py").write_text(TASK)
    with ExitStack() as stack:
        (client,) = start(folder, stack)["client"]
        assert client.wait(timeout=120) == 0
    assert len(list((folder / "records").iterdir())) == ITEMS
    return digest(folder)


@pytest.mark.parametrize("seed", range(50))
def test_whoever_is_killed_the_next_run_ends_the_same(
    seed: int, undisturbed: str, tmp_path: Path
) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    (tmp_path / "killed_task.py").write_text(TASK)
    with ExitStack() as stack:
        processes = start(tmp_path, stack)
        while not (tmp_path / "executions").exists():
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.5))
        victim = chance.choice(processes[VICTIMS[seed % 3]])
        victim.send_signal(signal.SIGKILL)
        (client,) = processes["client"]
        if victim is client or VICTIMS[seed % 3] == "worker":
            client.wait(timeout=60)
        else:
            assert client.wait(timeout=60) != 0 or digest(tmp_path) == undisturbed
    with ExitStack() as stack:
        (client,) = start(tmp_path, stack)["client"]
        assert client.wait(timeout=60) == 0
    assert digest(tmp_path) == undisturbed
    executed = len((tmp_path / "executions").read_text().split())
    assert ITEMS <= executed <= ITEMS + WINDOW * WORKERS
