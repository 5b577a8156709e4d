"""Jobs are neither lost nor doubled, and the log of them cannot be changed in silence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hepacast.serve import jobs as module
from hepacast.serve.audit import Audit, AuditError, check
from hepacast.serve.jobs import FullError, Jobs
from hepacast.serve.runner import IN, OUT, Runner

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.serve.conftest import Pretender


NAME = "ZHANG^SAN"


def put(jobs: Jobs, job: str, name: str = "portal.nii") -> None:
    (jobs.place(job) / IN).mkdir(parents=True)
    (jobs.place(job) / IN / name).write_bytes(b"x")
    jobs.add(job, "test")


def state(jobs: Jobs, job: str) -> str:
    found = jobs.find(job)
    assert found is not None
    return found.state


def test_a_job_is_done_and_its_images_are_removed(jobs: Jobs, runner: Runner) -> None:
    put(jobs, "a" * 64)
    assert runner.step()
    assert not runner.step()
    assert state(jobs, "a" * 64) == "done"
    assert (jobs.place("a" * 64) / OUT / "result.json").is_file()
    assert not (jobs.place("a" * 64) / IN).exists()


def test_a_rejected_job_is_never_tried_again(
    jobs: Jobs, runner: Runner, pretender: Pretender
) -> None:
    put(jobs, "a" * 64, "bad.nii")
    while runner.step():
        pass
    assert state(jobs, "a" * 64) == "rejected"
    assert len(pretender.seen) == 1


def test_a_job_that_fails_is_tried_again_and_its_images_stay(
    jobs: Jobs, runner: Runner, pretender: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    put(jobs, "a" * 64, "crash.nii")
    while runner.step():
        pass
    assert state(jobs, "a" * 64) == "failed"
    assert len(pretender.seen) == module.TRIES
    assert (jobs.place("a" * 64) / IN / "crash.nii").is_file()
    assert jobs.retry() == 1
    assert runner.step()


def test_a_job_whose_results_cannot_be_sent_is_not_predicted_again(
    jobs: Jobs, pretender: Pretender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    sent = []

    def deliver(job: object, out: object) -> None:
        sent.append(job)
        if len(sent) < 3:
            raise ConnectionError(NAME)

    runner = Runner(jobs, pretender, Audit(tmp_path / "log"), deliver)
    put(jobs, "a" * 64)
    while runner.step():
        pass
    assert state(jobs, "a" * 64) == "done"
    assert (len(sent), len(pretender.seen)) == (3, 1)
    assert NAME.encode() not in (tmp_path / "log").read_bytes()


def test_a_job_at_work_when_the_process_is_killed_waits_again(jobs: Jobs) -> None:
    put(jobs, "a" * 64)
    assert jobs.take() is not None
    assert Jobs(jobs.folder).counts()["waiting"] == 1


def test_equal_inputs_are_one_job_and_too_many_are_refused(jobs: Jobs) -> None:
    assert [jobs.add(job, "x") for job in "aab"] == [True, False, True]
    assert jobs.add("c", "x")
    with pytest.raises(FullError, match="at most 3 jobs wait"):
        jobs.add("d", "x")
    assert not jobs.add("a", "x")


def test_only_a_job_that_has_ended_is_forgotten(jobs: Jobs, runner: Runner) -> None:
    put(jobs, "a" * 64)
    assert not jobs.forget("a" * 64)
    runner.step()
    assert jobs.forget("a" * 64)
    assert not jobs.place("a" * 64).exists()


@pytest.mark.parametrize("damage", ["change", "remove", "swap", "insert", "first"])
def test_a_changed_audit_log_is_noticed(damage: str, tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.jsonl")
    for number in range(5):
        audit.write("sent", who="ward", job=str(number))
    assert check(audit.path) == 5
    lines = audit.path.read_bytes().splitlines()
    if damage == "change":
        lines[2] = lines[2].replace(b"ward", b"mole")
    elif damage == "remove":
        del lines[2]
    elif damage == "swap":
        lines[1], lines[2] = lines[2], lines[1]
    elif damage == "insert":
        lines.insert(2, lines[2])
    else:
        del lines[0]
    audit.path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(AuditError, match="vouches"):
        check(audit.path)
    with pytest.raises(AuditError):
        Audit(audit.path)


def test_an_audit_log_goes_on_after_a_restart_and_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    Audit(path).write("sent", who="ward")
    with path.open("ab") as file:
        file.write(b'{"at": 1, "ev')
    Audit(path).write("sent", who="ward")
    assert check(path) == 2
    assert json.loads(path.read_text().splitlines()[1])["event"] == "sent"
