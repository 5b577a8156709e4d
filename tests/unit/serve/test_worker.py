"""Predictions happen in a process of their own that may die, hang or run out of memory."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.geometry import Grid
from hepacast.core.volume import Volume
from hepacast.io.nifti import write_nifti
from hepacast.run.predictor.files import read_predictor
from hepacast.run.predictor.predict import predict_case
from hepacast.serve.worker import Outcome, Worker, WorkerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMORY = 3 * 2**30


@pytest.fixture(scope="module")
def worker(small: Path) -> Iterator[Worker]:
    """Return one worker for all tests here: what one does must not harm the next."""
    made = Worker(small / "out" / "predictor", memory_bytes=MEMORY, seconds=100)
    yield made
    made.close()


def pid(worker: Worker) -> int:
    assert worker._child is not None
    return worker._child.pid


def copy(small: Path, target: Path) -> Path:
    return shutil.copytree(small / "3", target / "case")


def test_the_child_gives_the_numbers_of_the_library_and_reads_the_model_once(
    worker: Worker, small: Path, tmp_path: Path
) -> None:
    children = set()
    for at in (3, 4):
        (tmp_path / f"{at}").mkdir()
        assert worker.predict(small / f"{at}", tmp_path / f"{at}", "x") == Outcome("done")
        children.add(pid(worker))
        wanted, _ = predict_case(read_predictor(worker.predictor), small / f"{at}")
        found = json.loads((tmp_path / f"{at}" / "result.json").read_text())
        assert (found["score"], found["probability"]) == (wanted.score, wanted.probability)
        assert found["digest"] == worker.digest
    assert len(children) == 1


def test_a_child_that_was_killed_is_replaced(worker: Worker, small: Path, tmp_path: Path) -> None:
    assert worker.digest
    before = pid(worker) if worker._child else 0
    if before:
        os.kill(before, signal.SIGKILL)
        worker._child.wait()  # type: ignore[union-attr]
    assert worker.predict(small / "3", tmp_path, "x") == Outcome("done")
    assert pid(worker) != before


def test_a_case_that_takes_too_long_is_rejected_and_the_next_is_served(
    worker: Worker, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(worker, "seconds", 1e-4)
        outcome = worker.predict(small / "3", tmp_path, "x")
    assert outcome.ending == "rejected"
    assert "took more than" in outcome.reason
    assert worker.predict(small / "3", tmp_path, "x") == Outcome("done")


def _zeros(path: Path, megabytes: int, announced: tuple[int, int, int] | None) -> None:
    """Write a small compressed image that unpacks to many zeros."""
    grid = Grid((1, 2, 2), (1.0, 1.0, 1.0))
    write_nifti(Volume(np.zeros(grid.shape, dtype=np.float32), grid), path)
    head = bytearray(gzip.decompress(path.read_bytes())[:352])
    if announced is not None:
        struct.pack_into("<8h", head, 40, 3, *announced, 1, 1, 1, 1)
    path.write_bytes(_bomb(bytes(head), megabytes, 31))


def _bomb(head: bytes, megabytes: int, kind: int) -> bytes:
    """Compress a head and megabytes of zeros, which give the same block again and again."""
    squeeze = zlib.compressobj(9, wbits=kind)
    start = squeeze.compress(head) + squeeze.flush(zlib.Z_FULL_FLUSH)
    block = squeeze.compress(bytes(2**20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return start + block * megabytes + b"\x03\x00"


def _honest_bomb(path: Path) -> None:
    """Announce the four gigabytes that it holds."""
    _zeros(path, 4000, (1024, 1024, 1000))


def _lying_bomb(path: Path) -> None:
    """Announce four voxels, and hold a gigabyte."""
    _zeros(path, 1000, None)


def _deflated_dicom(path: Path) -> None:
    """Write a DICOM file of 1 MB, compressed as a whole, that unpacks to 1 GB."""
    path.unlink()
    pydicom = pytest.importorskip("pydicom")
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    pydicom.dcmwrite(path.with_name("bomb.dcm"), _empty(pydicom, meta), enforce_file_format=True)
    with path.with_name("bomb.dcm").open("ab") as file:
        file.write(_bomb(b"", 1000, -15))


def _empty(pydicom: object, meta: object) -> object:
    made = pydicom.Dataset()  # type: ignore[attr-defined]
    made.file_meta = meta
    return made


def _damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize("bomb", [_honest_bomb, _lying_bomb, _deflated_dicom, _damaged])
def test_a_hostile_image_is_rejected_in_little_memory_and_the_next_is_served(
    bomb: object, worker: Worker, small: Path, tmp_path: Path
) -> None:
    case = copy(small, tmp_path)
    bomb(case / "portal.nii.gz")  # type: ignore[operator]
    (tmp_path / "out").mkdir()
    outcome = worker.predict(case, tmp_path / "out", "x")
    assert outcome.ending == "rejected", outcome
    assert list((tmp_path / "out").iterdir()) == []
    assert worker.predict(small / "3", tmp_path, "x") == Outcome("done")
    assert _most_memory(pid(worker)) < MEMORY


def _most_memory(child: int) -> int:
    """Return the most memory that a child ever asked for, bytes."""
    with open(f"/proc/{child}/status", encoding="ascii") as file:  # noqa: PTH123
        line = next(line for line in file if line.startswith("VmPeak"))
    return int(line.split()[1]) * 1024


def test_a_reason_names_no_patient(worker: Worker, small: Path, tmp_path: Path) -> None:
    case = copy(small, tmp_path)
    (case / "clinical.csv").write_text("case,afp\nZHANG^SAN,ZHANG^SAN\n")
    (tmp_path / "out").mkdir()
    outcome = worker.predict(case, tmp_path / "out", "x")
    assert outcome.ending == "rejected"
    assert "ZHANG" not in outcome.reason


def test_a_python_that_the_service_may_not_run_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbidden = tmp_path / "python3"
    forbidden.write_text("#!/bin/sh")
    monkeypatch.setattr("sys.executable", str(forbidden))
    with pytest.raises(WorkerError, match=r"Permission denied for .*python3"):
        _ = Worker(tmp_path).digest


@pytest.mark.slow
def test_another_predictor_in_its_place_is_refused(small: Path, tmp_path: Path) -> None:
    place = shutil.copytree(small / "out" / "predictor", tmp_path / "predictor")
    worker = Worker(place, memory_bytes=MEMORY)
    worker._digest = "an older one"
    with pytest.raises(WorkerError, match="stays as it is"):
        worker.predict(small / "3", tmp_path, "x")
    (place / "model.json").write_text("{}")
    with pytest.raises(WorkerError, match="process of its own"):
        Worker(place, memory_bytes=MEMORY).predict(small / "3", tmp_path, "x")
