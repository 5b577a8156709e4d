# SPDX-License-Identifier: Apache-2.0
"""Work on a real SLURM: jobs are cancelled and cut off, and everything is done all the same."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hepacast.run.work.cluster import ClusterParams, cluster
from hepacast.run.work.door import DOOR

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.slow,
    # dask-jobqueue leaves the files of its certificates to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
pytest.importorskip("dask_jobqueue")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collect garbage while its warnings are still ignored."""
    yield
    gc.collect()


def leave_a_mark(item: str) -> str:
    """Work a second, and leave a file as a record would be left."""
    path = Path(item)
    if not path.exists():
        time.sleep(1)
        path.write_text(path.name)
    return path.name


def kept(item: str) -> str | None:
    path = Path(item)
    return path.name if path.exists() else None


def jobs() -> list[str]:
    """Name the jobs that run now."""
    said = subprocess.run(["squeue", "-h", "-t", "R", "-o", "%i"], capture_output=True, text=True)  # noqa: PLW1510
    return said.stdout.split()


@pytest.mark.usefixtures("slurm")
def test_a_cancelled_job_is_replaced_and_all_is_done_over_tls(tmp_path: Path) -> None:
    items = [str(tmp_path / f"{at:02d}") for at in range(40)]
    params = ClusterParams(kind="slurm", workers=2, memory="1GB", walltime="00:05:00")
    with cluster(params, tmp_path) as run:
        address = run.pool.client.scheduler_info()["address"]  # type: ignore[union-attr]
        assert address.startswith("tls://")
        done = {}
        for at, result in run.map(leave_a_mark, items, kept):
            done[at] = result
            if len(done) == 5:
                subprocess.run(["scancel", jobs()[0]], check=True)
    assert done == {at: f"{at:02d}" for at in range(40)}
    assert list((tmp_path / DOOR).glob("*.out")), "jobs log beside the certificates"


@pytest.mark.usefixtures("slurm")
def test_jobs_of_one_minute_finish_what_takes_longer(tmp_path: Path) -> None:
    items = [str(tmp_path / f"{at:03d}") for at in range(200)]
    params = ClusterParams(kind="slurm", workers=2, memory="1GB", walltime="00:01:00")
    with cluster(params, tmp_path) as run:
        done = dict(run.map(leave_a_mark, items, kept))
    assert done == {at: f"{at:03d}" for at in range(200)}


@pytest.mark.usefixtures("slurm")
def test_a_job_array_shares_the_work_without_any_scheduler_of_ours(tmp_path: Path) -> None:
    script = tmp_path / "array.sh"
    code = (
        "import sys; sys.path.insert(0, sys.argv[3]); "
        "from tests_of_slurm import share; share(sys.argv[1], sys.argv[2])"
    )
    (tmp_path / "tests_of_slurm.py").write_text(SHARE)
    (tmp_path / "run.py").write_text(code)
    script.write_text(
        "#!/bin/sh\n"
        "#SBATCH --array=1-4\n"
        f"#SBATCH --output={tmp_path}/%a.log\n"
        f"exec {sys.executable} {tmp_path}/run.py $SLURM_ARRAY_TASK_ID/4 {tmp_path} {tmp_path}\n"
    )
    subprocess.run(["sbatch", "--wait", str(script)], check=True, timeout=120)
    assert sorted(path.name for path in tmp_path.glob("??")) == [f"{at:02d}" for at in range(10)]
    said = [(tmp_path / f"{k}.log").read_text() for k in range(1, 5)]
    assert sum(text.count("did") for text in said) == 10


SHARE = """
from pathlib import Path

from hepacast.run.work.execute import Executor
from hepacast.run.work.shard import Shard, SharesLeftError


def leave(item):
    print("did", item)
    Path(item).write_text("x")
    return item


def kept(item):
    return item if Path(item).exists() else None


def share(which, folder):
    items = [f"{folder}/{at:02d}" for at in range(10)]
    try:
        list(Executor(shard=Shard.parse(which)).map(leave, items, kept))
    except SharesLeftError as left:
        print(left)
"""
