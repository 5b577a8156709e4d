"""A real Orthanc sends a study to a node, or is asked for it, and finds the results back."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pydicom
import pytest

from hepacast.io.images import read_image, read_region
from hepacast.io.voxels import MaskRule
from tests.serve.nodes import node
from tests.serve.peers import free_port, is_open, send, wait_for
from tests.serve.test_objects import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.serve.nodes import Started

PLUGINS = sorted(Path("/usr/lib/orthanc").glob("libOrthancDicomWeb.so*"))
QUIET_S, SOON_S = 5, 60
SOP_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.88.34": "SR",
    "1.2.840.10008.5.1.4.1.1.7": "SC",
}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("Orthanc") is None or not PLUGINS,
        reason="Orthanc with DICOMweb (Debian: orthanc, orthanc-dicomweb) is absent",
    ),
    pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


class Pacs:
    """An Orthanc on this machine, empty at first.

    Parameters
    ----------
    folder : Path
        Its files.
    node_port : int
        Where the node listens to it.
    """

    def __init__(self, folder: Path, node_port: int) -> None:
        self.port, self.dicom_port = free_port(), free_port()
        folder.mkdir()
        settings = {
            "Name": "TEST",
            "StorageDirectory": str(folder / "store"),
            "IndexDirectory": str(folder / "store"),
            "HttpPort": self.port,
            "DicomPort": self.dicom_port,
            "DicomAet": "ORTHANC",
            "DicomCheckCalledAet": True,
            "DicomAlwaysAllowStore": False,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {"node": "secret"},
            "StableAge": 3,
            "Plugins": [str(PLUGINS[-1])],
            "DicomModalities": {
                "node": {"AET": "HEPACAST", "Host": "127.0.0.1", "Port": node_port},
                "sender": {"AET": "PACS", "Host": "127.0.0.1", "Port": 1, "AllowStore": True},
            },
        }
        (folder / "orthanc.json").write_text(json.dumps(settings))
        self.log = folder / "log.txt"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["Orthanc", str(folder / "orthanc.json")], stdout=log, stderr=log
            )
        wait_for(lambda: is_open(self.port) and is_open(self.dicom_port), 60)
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, auth=("node", "secret"), timeout=60)

    def get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.json()

    def take_by_c_store(self, files: list[Path]) -> None:
        """Receive a study by C-STORE."""
        found = [pydicom.dcmread(path) for path in files]
        assert set(send(self.dicom_port, found, called="ORTHANC")) == {0}

    def take_by_stow(self, files: list[Path]) -> None:
        """Receive a study by STOW-RS."""
        edge = uuid.uuid4().hex
        head = f"--{edge}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        body = b"".join(head + path.read_bytes() + b"\r\n" for path in files)
        kind = f'multipart/related; type="application/dicom"; boundary={edge}'
        answer = self.client.post(
            "/dicom-web/studies",
            content=body + f"--{edge}--\r\n".encode(),
            headers={"Content-Type": kind, "Accept": "application/dicom+json"},
        )
        assert answer.status_code == 200

    def send_on(self) -> None:
        """Send the one study to the node by C-STORE."""
        (study,) = self.get("/studies")
        answer = self.client.post(
            "/modalities/node/store", json={"Resources": [study], "Synchronous": True}, timeout=300
        )
        assert answer.status_code == 200, answer.text

    def results(self) -> dict[str, bytes]:
        """Return what a model has made, by its kind."""
        found = {}
        for instance in self.get("/instances?expand"):
            data = self.client.get(f"/instances/{instance['ID']}/file").content
            ds = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
            if ds.get("ContentQualification") == "RESEARCH":
                kind = SOP_CLASSES[ds.SOPClassUID]
                assert kind not in found
                found[kind] = data
        return found

    def end(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture
def node_port() -> int:
    return free_port()


@pytest.fixture
def pacs(tmp_path: Path, node_port: int) -> Iterator[Pacs]:
    found = Pacs(tmp_path / "orthanc", node_port)
    yield found
    found.end()


def settings_of(pacs: Pacs, node_port: int, way_in: str, way_out: str) -> dict[str, Any]:
    """Write settings as a hospital would."""
    account = {"user": "node", "password": "secret"}
    web = f"{pacs.url}/dicom-web"
    targets = {
        "c-store": {
            "kind": "c-store",
            "host": "127.0.0.1",
            "port": pacs.dicom_port,
            "aet": "ORTHANC",
        },
        "stow": {"kind": "stow", "url": web, **account},
    }
    ways = {
        "listen": {"listen": {"port": node_port, "callers": ["ORTHANC"], "aet": "HEPACAST"}},
        "changes": {"source": {"kind": "orthanc", "url": pacs.url, "every_s": 1, **account}},
        "qido": {
            "source": {
                "kind": "dicomweb",
                "url": web,
                "every_s": 1,
                "still_s": 3,
                "days": 30_000,
                **account,
            }
        },
    }
    return {**ways[way_in], "target": targets[way_out], "quiet_s": QUIET_S}


def jobs_of(running: Started) -> list[tuple[str, str]]:
    """List state and reason of all jobs."""
    import sqlite3  # noqa: PLC0415 - beside its use
    from contextlib import closing  # noqa: PLC0415

    base = running.log.parent / "state" / "jobs.sqlite"
    with closing(sqlite3.connect(f"file:{base}?mode=ro", uri=True)) as opened:
        return list(opened.execute("SELECT state, reason FROM jobs"))


@pytest.fixture(scope="module")
def study(
    examine: Callable[[str, Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Return the files of an examination of three phases, with its masks."""
    folder = examine("P003", tmp_path_factory.mktemp("study") / "P003")
    files = sorted(folder.rglob("*.dcm"))
    assert len({path.parent for path in files}) == 4
    return files


@pytest.mark.parametrize(
    "ways",
    [
        ("c-store", "listen", "c-store"),
        ("stow", "listen", "stow"),
        ("stow", "changes", "stow"),
        ("c-store", "qido", "c-store"),
    ],
)
def test_a_study_of_three_phases_gets_its_results_beside_it(
    ways: tuple[str, str, str],
    pacs: Pacs,
    node_port: int,
    study: list[Path],
    predictor: Path,
    cohort: Path,
    tmp_path: Path,
) -> None:
    arrives, way_in, way_out = ways
    if way_out == "c-store":  # the archive must know who may store
        pacs.client.put(
            "/modalities/us",
            json={"AET": "HEPACAST", "Host": "127.0.0.1", "Port": node_port, "AllowStore": True},
        )
    settings = settings_of(pacs, node_port, way_in, way_out)
    with node(settings, tmp_path / "node", predictor=predictor) as running:
        (pacs.take_by_stow if arrives == "stow" else pacs.take_by_c_store)(study)
        if way_in == "listen":
            pacs.send_on()
        begun = time.monotonic()
        wait_for(lambda: len(pacs.results()) == 3, 240)
        waited = time.monotonic() - begun
        print(f"{arrives} {way_in} {way_out}: results after {waited:.1f} s")  # noqa: T201
        assert waited < QUIET_S + SOON_S
        if way_in == "listen":
            pacs.send_on()
        # Our results make the archive announce the study anew; that is no new examination.
        audit = running.log.parent / "state" / "audit.jsonl"
        wait_for(lambda: '"known"' in audit.read_text(), 120)
        running.end()
    assert jobs_of(running) == [("done", "")]
    (out,) = (running.log.parent / "state" / "jobs").glob("*/out")
    _check(pacs.results(), out, cohort, tmp_path)
    for path in (audit, running.log):
        assert "P003" not in path.read_text()


def _check(results: dict[str, bytes], out: Path, cohort: Path, tmp_path: Path) -> None:
    """Compare what is in the archive with the truth."""
    result = json.loads((out / "result.json").read_text())
    found = numbers(pydicom.dcmread(io.BytesIO(results["SR"])))
    assert found["forecast/Risk score"] == result["score"]
    assert found["forecast/Probability of the event"] == result["probability"]
    assert found["liver/Volume"] == result["volumes_ml"]["arterial/liver"]
    assert found["tumour/Volume"] == result["volumes_ml"]["arterial/tumour"]
    (tmp_path / "back.dcm").write_bytes(results["SEG"])
    grid = read_image(cohort / "images" / "P003" / "portal").grid
    for name in ("liver", "tumour"):
        known = read_region(cohort / f"masks/P003/portal_{name}_r1.nii.gz", name, grid).mask
        back = read_region(tmp_path / "back.dcm", name, grid, MaskRule(label=name)).mask
        assert 2 * np.sum(known & back) / (np.sum(known) + np.sum(back)) == 1.0
    if shutil.which("dciodvfy"):
        for kind, data in results.items():
            path = tmp_path / f"{kind}.dcm"
            path.write_bytes(data)
            done = subprocess.run(
                ["dciodvfy", str(path)], capture_output=True, text=True, check=False
            )
            lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
            assert [line for line in lines if line.startswith(("Error", "Abort"))] == []


def test_a_study_without_a_phase_is_rejected_with_the_reason_and_the_archive_is_left_alone(
    pacs: Pacs, node_port: int, study: list[Path], predictor: Path, tmp_path: Path
) -> None:
    settings = settings_of(pacs, node_port, "changes", "stow")
    part = [path for path in study if path.parent.name != "arterial"]
    assert len(part) < len(study)
    with node(settings, tmp_path / "node", predictor=predictor) as running:
        pacs.take_by_stow(part)
        wait_for(lambda: [state for state, _ in jobs_of(running)] == ["rejected"], 120)
        ((_, reason),) = jobs_of(running)
        running.end()
    assert "phases" in reason
    assert pacs.results() == {}
