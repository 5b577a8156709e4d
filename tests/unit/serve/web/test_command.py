"""``hepacast serve`` prints an address that works, and stops when asked."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.request import HTTPCookieProcessor, build_opener

from hepacast.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_printed_address_opens_the_pages_until_the_command_is_stopped(tmp_path: Path) -> None:
    code = "from hepacast.cli.main import main; main()"
    command = [sys.executable, "-c", code, "serve", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with build_opener(HTTPCookieProcessor()).open(address, timeout=60) as answer:
            assert answer.url.endswith("/cohort")
            assert b"No results yet" in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in {0, 130, -signal.SIGINT}


def test_a_study_file_that_is_wrong_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.yaml").write_text("schema: 1\n")
    study = str(tmp_path / "study.yaml")
    assert main(["serve", str(tmp_path), "--study", study, "--port", "0"]) == 2
    assert "hepacast:" in capsys.readouterr().err
