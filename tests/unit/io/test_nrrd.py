"""NRRD files: read as ITK reads them, or refused where ITK would not notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that everybody uses

from hepacast.core.errors import GeometryError, ImageFileError
from hepacast.io.images import read_image, read_region
from hepacast.io.voxels import MaskRule

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.events import Event


def write(path: Path, *, packed: bool = True, dtype: str = "int16") -> sitk.Image:
    """Write an oblique image through ITK."""
    data = np.random.default_rng(5).integers(0, 100, (4, 6, 5)).astype(dtype)
    image = sitk.GetImageFromArray(data)
    image.SetSpacing((0.7, 0.8, 5.0))
    image.SetOrigin((-10.25, 20.5, 33.125))
    image.SetDirection((1, 0, 0, 0, 0.8, -0.6, 0, 0.6, 0.8))
    sitk.WriteImage(image, str(path), useCompression=packed)
    return image


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_itk_and_we_read_the_same(tmp_path: Path, *, packed: bool, dtype: str) -> None:
    image = write(tmp_path / "x.nrrd", packed=packed, dtype=dtype)
    ours = read_image(tmp_path / "x.nrrd")
    assert np.array_equal(ours.data, sitk.GetArrayFromImage(image).astype(np.float32))
    for index in ((0, 0, 0), (3, 5, 4), (1, 4, 2)):
        theirs = image.TransformIndexToPhysicalPoint(index[::-1])
        assert np.allclose(ours.grid.to_world(index), theirs, atol=1e-6)


@pytest.mark.parametrize("share", [0.1, 0.9, 0.99])
@pytest.mark.parametrize("packed", [True, False])
def test_a_cut_file_is_refused(tmp_path: Path, *, packed: bool, share: float) -> None:
    write(tmp_path / "x.nrrd", packed=packed)
    raw = (tmp_path / "x.nrrd").read_bytes()
    (tmp_path / "x.nrrd").write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(ImageFileError, match=r"x\.nrrd"):
        read_image(tmp_path / "x.nrrd")


def test_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.nrrd")
    raw = bytearray((tmp_path / "x.nrrd").read_bytes())
    raw[-20] ^= 4
    (tmp_path / "x.nrrd").write_bytes(bytes(raw))
    with pytest.raises(ImageFileError, match=r"checksum|as long as"):
        read_image(tmp_path / "x.nrrd")


def edited(path: Path, old: bytes, new: bytes) -> Path:
    raw = path.read_bytes()
    assert old in raw
    path.write_bytes(raw.replace(old, new, 1))
    return path


def test_ras_is_turned_into_lps(tmp_path: Path) -> None:
    write(tmp_path / "x.nrrd")
    lps = read_image(tmp_path / "x.nrrd").grid
    edited(tmp_path / "x.nrrd", b"left-posterior-superior", b"right-anterior-superior")
    ras = read_image(tmp_path / "x.nrrd").grid
    assert np.allclose(ras.to_world((1, 2, 3)), lps.to_world((1, 2, 3)) * [-1, -1, 1])


@pytest.mark.parametrize(
    ("old", "new", "error", "words"),
    [
        (b"encoding: gzip", b"encoding: hex", ImageFileError, "raw or gzip"),
        (b"space directions", b"space discretion", GeometryError, "must say where it is"),
        (b"sizes: 5 6 4", b"sizes: 5 6 9", ImageFileError, "as long as its header says"),
        (b"sizes: 5 6 4", b"sizes: 5 24", ImageFileError, "three dimensions"),
        (b"type: short", b"type: block", ImageFileError, "8 to 64 bits"),
        (b"kinds: domain", b"data file: x.raw\nkinds: domain", ImageFileError, "one file"),
        (b"space origin: (", b"space origin: (a", GeometryError, "are numbers"),
    ],
)
def test_headers_that_cannot_be_trusted_are_refused(
    tmp_path: Path, old: bytes, new: bytes, error: type[Exception], words: str
) -> None:
    write(tmp_path / "x.nrrd")
    with pytest.raises(error, match=words):
        read_image(edited(tmp_path / "x.nrrd", old, new))


def test_a_missing_origin_is_remarked(tmp_path: Path) -> None:
    write(tmp_path / "x.nrrd")
    edited(tmp_path / "x.nrrd", b"space origin: ", b"spice origin: ")
    heard: list[Event] = []
    assert read_image(tmp_path / "x.nrrd", on_event=heard.append).grid.origin == (0.0, 0.0, 0.0)
    assert "no space origin" in str(heard)


def test_a_label_of_an_nrrd_mask_is_chosen(tmp_path: Path) -> None:
    image = write(tmp_path / "x.nrrd", dtype="uint8")
    values = sitk.GetArrayFromImage(image)
    label = int(values[0, 0, 0])
    region = read_region(tmp_path / "x.nrrd", "tumour", None, MaskRule(label=label))
    assert region.size == int(np.sum(values == label))
    with pytest.raises(ImageFileError, match="numbers, not names"):
        read_region(tmp_path / "x.nrrd", "tumour", None, MaskRule(label="liver"))
