"""An examination goes in over HTTP, objects come out, and its patient is named nowhere else."""

from __future__ import annotations

import io
import json
import shutil
from typing import TYPE_CHECKING, Any

import pydicom
import pytest

from hepacast.serve.audit import Audit, check
from hepacast.serve.jobs import Jobs
from hepacast.serve.objects import SC, SEG, SR
from hepacast.serve.rest import make_app
from hepacast.serve.runner import Runner
from hepacast.serve.service import Service
from hepacast.serve.worker import Worker
from tests.unit.serve.conftest import CANARIES, TestClient, leaks, pack

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("highdicom")
pytestmark = pytest.mark.slow


@pytest.fixture
def named(examination: Path, tmp_path: Path) -> Path:
    """Copy the examination, with a name wherever a header has room for one."""
    folder = shutil.copytree(examination, tmp_path / "examination")
    for path in folder.rglob("*.dcm"):
        ds = pydicom.dcmread(path)
        ds.PatientName, ds.PatientID, ds.PatientBirthDate = "ZHANG^SanCanary", "ZHANG7", "19570304"
        ds.InstitutionName = ds.StudyDescription = ds.ImageComments = "SanCanary"
        ds.ReferringPhysicianName = ds.OperatorsName = "ZHANG"
        ds.add_new((0x0009, 0x0010), "LO", "HOUSE")
        ds.add_new((0x0009, 0x1001), "LO", "SanCanary")
        ds.save_as(path)
    return folder


def test_an_examination_is_scored_and_its_patient_is_named_in_results_only(
    named: Path,
    predictor: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: Any,
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    state = tmp_path / "state"
    jobs, audit = Jobs(state), Audit(state / "audit.jsonl")
    worker = Worker(predictor, seconds=300)
    runner = Runner(jobs, worker, audit)
    app = make_app(Service(jobs, worker, audit, runner))
    client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
    try:
        files = {
            str(path.relative_to(named)): path.read_bytes()
            for path in sorted(named.rglob("*"))
            if path.is_file()
        }
        kind = {"content-type": "application/zip"}
        whole = client.post("/v1/jobs", content=pack(files), headers=kind)
        few = {name: data for name, data in files.items() if "portal" not in name}
        lacking = client.post("/v1/jobs", content=pack(few), headers=kind)
        while runner.step():
            pass
    finally:
        worker.close()
    good, bad = whole.json()["id"], lacking.json()["id"]
    told = [client.get(f"/v1/jobs/{job}") for job in (good, bad)]
    assert [answer.json()["state"] for answer in told] == ["done", "rejected"]
    result = client.get(f"/v1/jobs/{good}/result")
    page = client.get(f"/v1/jobs/{good}/files/page")
    for name, part in (("segmentation", SEG), ("report", SR), ("summary", SC)):
        answer = client.get(f"/v1/jobs/{good}/files/{name}")
        assert answer.content == (state / "jobs" / good / "out" / part).read_bytes()
        assert pydicom.dcmread(io.BytesIO(answer.content)).PatientName == "ZHANG^SanCanary"
    assert 0 < json.loads(result.text)["probability"] < 1
    told += [whole, lacking, result, page, client.get("/v1/metrics")]
    words = "".join(answer.text for answer in told) + caplog.text + "".join(capfd.readouterr())
    assert [word for word in CANARIES if word in words] == []
    assert {line.partition(":")[0] for line in leaks(state)} == {SEG, SR, SC}
    assert client.delete(f"/v1/jobs/{good}").status_code == 204
    assert leaks(state) == []
    assert list((tmp_path / "tmp").iterdir()) == []
    assert check(audit.path) == 10
