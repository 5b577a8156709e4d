"""A node in a process of its own, to be killed; run as a program, it pretends to predict."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.serve.peers import is_open, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = Path(__file__).resolve().parents[2]


class Started:
    """A node that runs.

    Parameters
    ----------
    command : sequence of str
        How it is started.
    port : int
        Where it listens.
    log : Path
        What it prints.
    """

    def __init__(self, command: list[str], port: int | None, log: Path) -> None:
        self.command, self.port, self.log = command, port, log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 120) -> None:
        """Start, and wait until it listens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=REPOSITORY, start_new_session=True
            )
        wait_for(self._is_up, seconds)

    def _is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        if self.port is None:
            return b"predictor" in self.log.read_bytes()
        return is_open(self.port)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, or kill it with -9."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(60)

    def about(self) -> tuple[int, int]:
        """Return resident memory, KiB, and the number of open files."""
        assert self.process is not None
        place = Path(f"/proc/{self.process.pid}")
        line = next(x for x in (place / "status").read_text().splitlines() if "VmHWM" in x)
        return int(line.split()[1]), len(list((place / "fd").iterdir()))


@contextmanager
def node(
    settings: Mapping[str, Any], folder: Path, *, predictor: Path | None = None
) -> Iterator[Started]:
    """Run a node with these settings; without a predictor it pretends to have one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "node.json"
    path.write_text(json.dumps(settings))
    state = str(folder / "state")
    if predictor is None:
        command = [sys.executable, "-m", "tests.serve.nodes", str(path), state]
    else:
        main = "from hepacast.cli.main import main; main()"
        words = ["serve-node", str(predictor), str(path), "--state", state]
        command = [sys.executable, "-c", main, *words]
    listen = settings.get("listen")
    started = Started(command, listen and listen["port"], folder / "console.txt")
    started.start()
    try:
        yield started
    finally:
        if started.process is not None and started.process.poll() is None:
            os.killpg(started.process.pid, signal.SIGKILL)
            started.process.wait()


def _pretend(settings: str, state: str) -> None:
    """Serve with a worker that writes one object per study."""
    import pydicom  # noqa: PLC0415 - the parent need not load it

    from hepacast.serve.node import Node, read_settings  # noqa: PLC0415
    from hepacast.serve.worker import Outcome  # noqa: PLC0415
    from tests.serve.peers import ROOT, dataset  # noqa: PLC0415

    class Pretender:
        digest = "d" * 64

        def predict(self, folder: Path, out: Path, case: str) -> Outcome:
            del case
            found = [pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))]
            study = str(found[0].StudyInstanceUID)
            if len(found) < 3:
                return Outcome("rejected", "a phase is missing. Send it.")
            (out / "result.json").write_text(json.dumps({"objects": len(found)}))
            made = dataset(study, f"{ROOT}.77.{study.rpartition('.')[2]}")
            made.Manufacturer, made.ContentQualification = "hepacast", "RESEARCH"
            pydicom.dcmwrite(out / "regions.dcm", made, enforce_file_format=True)
            return Outcome("done")

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print("predictor of nothing", flush=True)  # noqa: T201 - the parent waits for it
    Node(read_settings(Path(settings)), Path(state), Pretender()).run(stop)


if __name__ == "__main__":
    _pretend(*sys.argv[1:])
