# SPDX-License-Identifier: Apache-2.0
"""A real SLURM of two nodes on this machine: controller, two node daemons, munge."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "scancel", "squeue")
CONFIGURATION = """
ClusterName=hepacast
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,batch_sched_delay=0
ReturnToService=2
KillWait=2
MpiDefault=none
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 Port={one} CPUs=2 RealMemory=8000
NodeName=node2 NodeHostname={host} NodeAddr=127.0.0.1 Port={two} CPUs=2 RealMemory=8000
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on."""
    with ExitStack() as stack:
        doors = [stack.enter_context(socket.socket()) for _ in range(count)]
        for door in doors:
            door.bind(("127.0.0.1", 0))
        return [door.getsockname()[1] for door in doors]


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start SLURM, point its commands to it, and stop it at the end."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if missing or os.getuid() != 0:
        pytest.skip(f"needs root and {', '.join(missing) or 'nothing else'} (slurm-wlm, munge)")
    folder = tmp_path_factory.mktemp("slurm")
    folder.chmod(0o755)
    for parent in folder.parents:
        if str(parent).startswith("/tmp/"):  # noqa: S108
            parent.chmod(0o755)
    port, one, two = free_ports(3)
    names = {"host": socket.gethostname(), "port": port, "one": one, "two": two}
    (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, **names))
    (folder / "state").mkdir()
    for node in ("node1", "node2"):
        (folder / f"spool-{node}").mkdir()
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", _path())
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        _start_munge(folder, stack)
        for command in (["slurmctld", "-D"], *(["slurmd", "-D", "-N", f"node{n}"] for n in (1, 2))):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        _wait_for_nodes(folder)
        yield folder


def _path() -> str:
    """Add the folders of system programs."""
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _start_munge(folder: Path, stack: ExitStack) -> None:
    """Start munge with a key of its own."""
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    files = [f"--{kind}-file={folder}/munge.{kind}" for kind in ("key", "pid", "seed", "log")]
    command = ["munged", "-F", "--force", f"--socket={folder}/munge.socket", *files]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd=folder
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)


def _wait_for_nodes(folder: Path) -> None:
    """Wait until both nodes are idle."""
    for _ in range(120):
        said = subprocess.run(["sinfo", "-h", "-o", "%D %t"], capture_output=True, text=True)  # noqa: PLW1510
        if said.stdout.split() == ["2", "idle"]:
            return
        time.sleep(0.5)
    pytest.fail(f"{said.stdout}{said.stderr}{(folder / 'slurmctld.log').read_text()[-2000:]}")
