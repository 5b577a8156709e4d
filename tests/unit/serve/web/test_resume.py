"""A run goes on from its page: the terminal's command, one at a time, for who has the token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from hepacast.run.work.journal import JOURNAL
from hepacast.serve.web import resume as resume_module
from hepacast.serve.web.progress import QUIET_S
from hepacast.serve.web.resume import LOG, Resume, ResumeError
from hepacast.serve.web.stream import events
from tests.browser.web.conftest import served
from tests.unit.serve.conftest import await_aside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_000_000.0
SLEEP = "import time; print('at work', flush=True); time.sleep(60)"
TELL = "import json, sys; print(json.dumps(sys.argv))"
FAIL = "import sys; print('hepacast: a mask is missing <b>'); sys.exit(2)"


@pytest.fixture
def resume(tmp_path: Path) -> Iterator[Resume]:
    """What the page of a folder without a run holds."""
    found = Resume(tmp_path / "study.yaml", tmp_path)
    yield found
    found.close()


def wait(resume: Resume) -> None:
    """Wait until the command has ended."""
    begun = time.monotonic()
    while resume.busy:
        assert time.monotonic() - begun < 60
        time.sleep(0.02)


def journal(folder: Path, process: int, at: float) -> None:
    """Write what a run leaves that was stopped after one of three patients."""
    line = {"at": at, "process": process, "event": "started", "stage": "measure", "total": 3}
    (folder / JOURNAL).write_text(json.dumps(line) + "\n")


def ended_process() -> int:
    """Give the number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@pytest.mark.parametrize("retry", [False, True])
def test_the_command_is_that_of_the_terminal(
    resume: Resume, *, retry: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume_module, "_MAIN", TELL)
    resume.start(NOW, retry=retry)
    wait(resume)
    said = json.loads((resume.folder / LOG).read_text())
    wanted = ["-c", "run", str(resume.study), "--out", str(resume.folder)]
    assert said == [*wanted, *(["--retry-failed"] if retry else [])]
    assert resume.words == ""


def test_one_run_is_at_work_at_a_time_and_stops_when_asked(
    resume: Resume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume_module, "_MAIN", SLEEP)
    resume.start(NOW)
    assert resume.busy
    with pytest.raises(ResumeError, match="the one started here"):
        resume.start(NOW)
    begun = time.monotonic()
    resume.close()
    wait(resume)
    assert time.monotonic() - begun < 15


def test_a_run_of_somebody_else_is_not_disturbed(
    resume: Resume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume_module, "_MAIN", TELL)
    journal(resume.folder, os.getpid(), NOW - 10 * QUIET_S)
    with pytest.raises(ResumeError, match=f"process {os.getpid()} of this computer"):
        resume.start(NOW)
    gone = ended_process()
    journal(resume.folder, gone, NOW - 1)
    with pytest.raises(ResumeError, match="wrote just now"):
        resume.start(NOW)
    journal(resume.folder, gone, NOW - 10 * QUIET_S)
    resume.start(NOW)
    wait(resume)
    assert (resume.folder / LOG).is_file()


def test_what_a_failed_run_said_last_is_kept(
    resume: Resume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume_module, "_MAIN", FAIL)
    resume.start(NOW)
    wait(resume)
    assert resume.words == "hepacast: a mask is missing <b>"
    monkeypatch.setattr(resume_module, "_MAIN", "import sys; sys.exit(7)")
    resume.start(NOW)
    wait(resume)
    assert resume.words == "The run ended with code 7."


def test_the_stream_calls_a_run_working_that_has_written_nothing_yet(
    resume: Resume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume_module, "_MAIN", SLEEP)

    async def first() -> dict[str, object]:
        stream = events(resume.folder, resume)
        found: dict[str, object] = json.loads((await anext(stream)).removeprefix("data: "))
        return found

    assert await_aside(first())["state"] == "nothing"
    resume.start(NOW)
    assert await_aside(first())["state"] == "working"


def ask(address: str, headers: dict[str, str]) -> tuple[int, str]:
    """Press the button."""
    line = HTTPConnection(address.removeprefix("http://"), timeout=20)
    line.request("POST", "/run/resume", "retry=on", headers)
    answer = line.getresponse()
    found = answer.status, answer.read().decode()
    line.close()
    return found


def test_only_who_has_the_token_and_comes_from_the_page_starts_a_run(
    resume: Resume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume_module, "_MAIN", TELL)
    form = {"content-type": "application/x-www-form-urlencoded"}
    with served(resume.folder, resume=resume) as site:
        cookie = {"cookie": f"hepacast-{site.address.rsplit(':', 1)[1]}={site.token}"}
        assert ask(site.address, form)[0] == 401
        assert ask(site.address, {**form, **cookie, "origin": "http://evil.example"})[0] == 403
        assert not (resume.folder / LOG).exists()
        assert ask(site.address, {**form, **cookie, "origin": site.address})[0] == 303
        wait(resume)
        assert "--retry-failed" in (resume.folder / LOG).read_text()
        monkeypatch.setattr(resume_module, "_MAIN", SLEEP)
        assert ask(site.address, {**form, **cookie})[0] == 303
        status, text = ask(site.address, {**form, **cookie})
        assert (status, "one run works in a folder at a time" in text) == (422, True)


def test_pages_without_a_study_file_start_nothing(tmp_path: Path) -> None:
    with served(tmp_path) as site:
        cookie = {"cookie": f"hepacast-{site.address.rsplit(':', 1)[1]}={site.token}"}
        assert ask(site.address, cookie)[0] == 404
