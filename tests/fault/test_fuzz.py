"""Damaged and hostile files are refused: no crash, no hang, no flood, no wrong voxel."""

from __future__ import annotations

import gzip
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from hepacast.core.errors import ImageFileError
from hepacast.core.volume import Volume
from hepacast.io.dicom.write import write_series
from hepacast.io.images import read_image
from hepacast.io.nifti import write_nifti

READER = Path(__file__).with_name("fuzz_reader.py")


def fuzz(folder: Path, count: int, seed: int) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, str(READER), str(folder), str(count), str(seed)],
        capture_output=True,
        text=True,
        check=True,
        timeout=3000,
    )
    result = json.loads(done.stdout.splitlines()[-1])
    assert not result["bad"], (result, done.stderr[-3000:])
    verdicts: dict[str, int] = result["verdicts"]
    return verdicts


@pytest.fixture
def corpus(tmp_path: Path, ct: Volume) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    write_nifti(ct, folder / "a.nii.gz")
    write_nifti(ct, folder / "b.nii")
    part = Volume(ct.data[:1].copy(), ct.grid.crop((slice(0, 1), slice(0, 24), slice(0, 24))))
    (written,) = write_series(part, tmp_path / "one")
    written.rename(folder / "c.dcm")
    for name in ("MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "JPEG2000.dcm"):
        source = Path(str(get_testdata_file(name)))
        try:
            read_image(source)
        except ImageFileError:
            continue
        (folder / f"d-{name}").write_bytes(source.read_bytes())
    return folder


def test_mutated_files_are_read_or_refused(corpus: Path) -> None:
    verdicts = fuzz(corpus, 200, 1)
    assert verdicts["refused"] > 80


@pytest.mark.slow
def test_two_thousand_mutated_files_are_read_or_refused(corpus: Path) -> None:
    verdicts = fuzz(corpus, 2000, 2)
    assert sum(verdicts.values()) == 2000
    assert verdicts["refused"] > 800


def peak_mb(path: Path) -> float:
    """Read a file in a child and return the memory it took at most, beyond a small file's."""
    code = (
        "import resource, sys\n"
        "from hepacast.core.errors import HepacastError\n"
        "from hepacast.io.images import read_image\n"
        "import hepacast.io.dicom.series, pydicom\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    read_image(sys.argv[1])\n"
        "except HepacastError as error:\n    print(error, file=sys.stderr)\n"
        "else:\n    sys.exit('read')\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_a_deflated_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, ct: Volume) -> None:
    path = write_series(ct, tmp_path / "s")[0]
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.save_as(tmp_path / "bomb.dcm", enforce_file_format=True)
    raw = (tmp_path / "bomb.dcm").read_bytes()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    element = struct.pack("<HH2sHI", 0x0009, 0x0001, b"OB", 0, 600_000_000)
    bomb = packer.compress(element) + packer.compress(bytes(600_000_000)) + packer.flush()
    meta_end = raw.index(b"1.2.840.10008.1.2.1.99") + 22
    (tmp_path / "bomb.dcm").write_bytes(raw[:meta_end] + bomb)
    assert peak_mb(tmp_path / "bomb.dcm") < 60


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, ct: Volume) -> None:
    write_nifti(ct, tmp_path / "x.nii")
    raw = (tmp_path / "x.nii").read_bytes()
    (tmp_path / "bomb.nii.gz").write_bytes(gzip.compress(raw + bytes(600_000_000), 9))
    assert peak_mb(tmp_path / "bomb.nii.gz") < 80


@pytest.mark.parametrize("syntax", ["native", "rle"])
def test_a_header_of_65535_squared_is_refused_cheaply(
    tmp_path: Path, ct: Volume, syntax: str
) -> None:
    if syntax == "native":
        path = write_series(ct, tmp_path / "s")[0]
    else:
        path = Path(str(get_testdata_file("MR_small_RLE.dcm")))
    dataset = pydicom.dcmread(path)
    dataset.Rows = dataset.Columns = 65535
    dataset.save_as(tmp_path / "huge.dcm")
    assert peak_mb(tmp_path / "huge.dcm") < 80


def test_deep_sequences_are_refused_or_skipped(tmp_path: Path, ct: Volume) -> None:
    path = write_series(ct, tmp_path / "s")[0]
    raw = path.read_bytes()
    deep = b""
    # Undefined lengths force a reader down every level before it can go on.
    for _ in range(5000):
        deep += struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF)
        deep += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    at = raw.index(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW"))
    (tmp_path / "deep.dcm").write_bytes(raw[:at] + deep + raw[at:])
    with pytest.raises(ImageFileError, match=r"must be readable|must be complete"):
        read_image(tmp_path / "deep.dcm")


def test_random_bytes_are_never_an_image(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    for n in range(60):
        (tmp_path / "x.bin").write_bytes(rng.bytes(int(rng.integers(1, 4000))))
        with pytest.raises(ImageFileError):
            read_image(tmp_path / "x.bin")
        assert n < 60
