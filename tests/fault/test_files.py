"""F01 to F09: files that are not what they seem."""

from __future__ import annotations

import gzip
import os
import resource
import signal
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import JPEG2000Lossless

from hepacast.core.errors import ImageFileError
from hepacast.core.volume import Volume
from hepacast.io.dicom import pixels
from hepacast.io.images import read_image
from hepacast.io.manifest import digest_source, require_unchanged
from hepacast.io.nifti import read_nifti, write_nifti


@pytest.mark.parametrize("name", ["x.nii.gz", "x.nii", "x.dcm", "x.nrrd"])
@pytest.mark.parametrize("content", [b"", b"plain text, and rather more of it than a header" * 20])
def test_f01_a_file_that_is_no_image_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageFileError, match=name.replace(".", r"\.")):
        read_image(tmp_path / name)


@pytest.mark.parametrize("share", [0.02, 0.7, 0.95, 0.999])
def test_f02_a_truncated_gzip_is_never_filled_up(tmp_path: Path, ct: Volume, share: float) -> None:
    write_nifti(ct, tmp_path / "x.nii.gz")
    whole = (tmp_path / "x.nii.gz").read_bytes()
    (tmp_path / "x.nii.gz").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ImageFileError, match=r"as long as its header says|begins with a header"):
        read_nifti(tmp_path / "x.nii.gz")


@pytest.mark.parametrize("change", [-1000, -1, +1])
def test_f03_a_raw_file_has_the_length_of_its_header(
    tmp_path: Path, ct: Volume, change: int
) -> None:
    write_nifti(ct, tmp_path / "x.nii")
    whole = (tmp_path / "x.nii").read_bytes()
    (tmp_path / "x.nii").write_bytes(whole[:change] if change < 0 else whole + b"\0")
    with pytest.raises(ImageFileError, match="as long as its header says"):
        read_nifti(tmp_path / "x.nii")


def test_f04_every_flipped_bit_of_a_gzip_is_found_or_harmless(tmp_path: Path, ct: Volume) -> None:
    write_nifti(ct, tmp_path / "x.nii.gz")
    whole = (tmp_path / "x.nii.gz").read_bytes()
    found = 0
    for at in np.random.default_rng(4).integers(10, len(whole), 150).tolist():
        damaged = bytearray(whole)
        damaged[at] ^= 1 << (at % 8)
        (tmp_path / "y.nii.gz").write_bytes(bytes(damaged))
        try:
            volume = read_nifti(tmp_path / "y.nii.gz")
        except ImageFileError:
            found += 1
        else:
            # Some bits of a deflate block can change without changing what it unpacks to.
            assert np.array_equal(volume.data, ct.data)
    assert found > 140


def test_f05_a_file_rewritten_with_equal_size_and_time_is_found(tmp_path: Path, ct: Volume) -> None:
    path = tmp_path / "x.nii"
    write_nifti(ct, path)
    before, stat = digest_source(path), path.stat()
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(bytes(raw))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(ImageFileError, match="as it was when the study began"):
        require_unchanged(path, before)


def test_f05_a_moved_series_keeps_its_digest(series: tuple[Path, ...], tmp_path: Path) -> None:
    before = digest_source(series[0].parent)
    series[0].rename(series[0].with_name("zzzz.dcm"))
    require_unchanged(series[0].parent, before)
    series[1].unlink()
    with pytest.raises(ImageFileError, match="sha256"):
        require_unchanged(series[0].parent, before)


def test_f06_a_full_disk_leaves_nothing_behind(tmp_path: Path, ct: Volume) -> None:
    write_nifti(ct, tmp_path / "x.nii")
    old = (tmp_path / "x.nii").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(ImageFileError, match=r"must be writable.*nothing was kept"):
            write_nifti(Volume(ct.data + 1, ct.grid), tmp_path / "x.nii")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert [path.name for path in tmp_path.iterdir()] == ["x.nii"]
    assert (tmp_path / "x.nii").read_bytes() == old


def test_f07_a_broken_link_names_its_target(tmp_path: Path) -> None:
    (tmp_path / "x.nii.gz").symlink_to(tmp_path / "gone.nii.gz")
    with pytest.raises(ImageFileError, match=r"broken link to .*gone\.nii\.gz"):
        read_image(tmp_path / "x.nii.gz")


def test_f07_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match=r"file .*x\.nii\.gz.*No such file"):
        read_image(tmp_path / "x.nii.gz")


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_f07_a_forbidden_file_names_owner_and_mode(tmp_path: Path, ct: Volume) -> None:
    write_nifti(ct, tmp_path / "x.nii.gz")
    (tmp_path / "x.nii.gz").chmod(0)
    with pytest.raises(ImageFileError, match=r"permission denied for user .*mode 000"):
        read_image(tmp_path / "x.nii.gz")


def test_f07_a_refused_permission_names_owner_and_mode(
    tmp_path: Path, ct: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_nifti(ct, tmp_path / "x.nii.gz")

    def refuse(_path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(
        ImageFileError, match=r"permission denied for user \d+ \(owner \d+, mode 644"
    ):
        read_nifti(tmp_path / "x.nii.gz")


def test_f07_a_folder_without_the_right_to_write_is_an_error(tmp_path: Path, ct: Volume) -> None:
    with pytest.raises(ImageFileError, match="must be writable"):
        write_nifti(ct, tmp_path / "missing" / "x.nii")


def test_f08_a_missing_codec_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(str(get_testdata_file("MR_small_jp2klossless.dcm")))
    dataset = pydicom.dcmread(path)
    assert dataset.file_meta.TransferSyntaxUID == JPEG2000Lossless
    decoder = type(get_decoder(JPEG2000Lossless))
    monkeypatch.setattr(decoder, "available_plugins", property(lambda _self: ("gdcm",)))
    with pytest.raises(ImageFileError, match=r"JPEG 2000.*Install pylibjpeg-openjpeg"):
        pixels.require_codec(dataset)


def test_f08_every_installed_codec_is_accepted() -> None:
    for name in (
        "JPEG2000.dcm",
        "MR_small_RLE.dcm",
        "JPEG-lossy.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
    ):
        pixels.require_codec(pydicom.dcmread(str(get_testdata_file(name))))


def test_f09_a_file_without_preamble_and_meta_header_is_read(
    tmp_path: Path, series: tuple[Path, ...], ct: Volume
) -> None:
    for path in series:
        dataset = pydicom.dcmread(path)
        bare = pydicom.Dataset({element.tag: element for element in dataset})
        bare.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
        assert path.read_bytes()[128:132] != b"DICM"
    assert np.array_equal(read_image(tmp_path / "series").data, ct.data)


@pytest.mark.parametrize("cut", [1, 500, 1100])
def test_f09_cut_pixels_are_an_error(series: tuple[Path, ...], cut: int) -> None:
    series[5].write_bytes(series[5].read_bytes()[:-cut])
    with pytest.raises(ImageFileError, match=r"0006\.dcm.*must be complete"):
        read_image(series[0].parent)


def test_f09_a_cut_header_is_an_error(series: tuple[Path, ...]) -> None:
    series[5].write_bytes(series[5].read_bytes()[:480])
    with pytest.raises(ImageFileError, match=r"0006\.dcm.*header .* must be complete"):
        read_image(series[0].parent)


def test_f09_pydicoms_truncated_mr_is_an_error() -> None:
    with pytest.raises(ImageFileError, match="must be complete"):
        read_image(str(get_testdata_file("MR_truncated.dcm")))


def test_a_second_gzip_layer_is_no_image(tmp_path: Path, ct: Volume) -> None:
    write_nifti(ct, tmp_path / "x.nii.gz")
    (tmp_path / "y.nii.gz").write_bytes(gzip.compress((tmp_path / "x.nii.gz").read_bytes()))
    with pytest.raises(ImageFileError):
        read_nifti(tmp_path / "y.nii.gz")
