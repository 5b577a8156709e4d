# SPDX-License-Identifier: Apache-2.0
"""Two hosts, as network namespaces: one is cut off in the middle of a run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from hepacast.run.work.cluster import ClusterParams, cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
HERE, THERE = "10.213.7.1", "10.213.7.2"
JOIN = """
import sys
from hepacast.run.work.door import join_run
from pathlib import Path
if __name__ == "__main__":
    join_run(Path(sys.argv[1]), workers=1, host=sys.argv[2])
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def other_host() -> Iterator[tuple[list[str], str]]:
    """Make a second host; gives the command that enters it, and the name of the cable."""
    if os.getuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2")
    name = f"hepacast{os.getpid()}"
    near, far = f"hc{os.getpid() % 100000}a", f"hc{os.getpid() % 100000}b"
    with ExitStack() as stack:
        try:
            ip("netns", "add", name)
        except subprocess.CalledProcessError:
            pytest.skip("network namespaces are not allowed here")
        stack.callback(ip, "netns", "delete", name)
        ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        ip("addr", "add", f"{HERE}/24", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", name, "addr", "add", f"{THERE}/24", "dev", far)
        ip("-n", name, "link", "set", far, "up")
        ip("-n", name, "link", "set", "lo", "up")
        yield ["ip", "netns", "exec", name], near


def work(item: str) -> str:
    time.sleep(0.2)
    return item


def test_a_host_that_is_cut_off_costs_time_but_no_result(
    other_host: tuple[list[str], str], tmp_path: Path
) -> None:
    enter, cable = other_host
    params = ClusterParams(kind="listen", host=HERE, workers=1)
    with ExitStack() as stack:
        run = stack.enter_context(cluster(params, tmp_path))
        command = [*enter, sys.executable, "-c", JOIN, str(tmp_path), THERE]
        joined = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(joined.wait)
        stack.callback(joined.kill)
        while run.pool is not None and run.pool.workers < 2:
            assert joined.poll() is None
            time.sleep(0.1)
        done = {}
        for at, result in run.map(work, [f"{at}" for at in range(60)]):
            done[at] = result
            if len(done) == 20:
                ip("link", "set", cable, "down")
    assert done == {at: f"{at}" for at in range(60)}
