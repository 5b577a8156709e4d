"""What comes back from the cache is what went in, or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.errors import ImageFileError
from hepacast.core.geometry import Grid
from hepacast.core.provenance import digest_array
from hepacast.core.volume import Region, Volume
from hepacast.io.cache import load_cached, save_cached

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", ["whole", "real", "nan", "minus zero"])
def test_volumes_come_back_to_the_last_bit(tmp_path: Path, ct: Volume, kind: str) -> None:
    data = ct.data.copy()
    if kind == "real":
        data += np.random.default_rng(1).normal(size=data.shape).astype(np.float32)
    elif kind == "nan":
        data[0, 0, 0] = np.nan
    elif kind == "minus zero":
        data[0, 0, 0] = -0.0
    digest = save_cached(Volume(data, ct.grid), tmp_path / "v.b2")
    back = load_cached(tmp_path / "v.b2")
    assert isinstance(back, Volume)
    assert back.data.tobytes() == data.tobytes()
    assert back.grid == ct.grid
    assert digest == digest_array(data, ct.grid)


def test_regions_come_back_with_their_name(tmp_path: Path, liver: Region) -> None:
    save_cached(liver, tmp_path / "r.b2")
    back = load_cached(tmp_path / "r.b2")
    assert isinstance(back, Region)
    assert np.array_equal(back.mask, liver.mask)
    assert back.name == "liver"


def test_any_flipped_bit_is_found(tmp_path: Path, ct: Volume) -> None:
    save_cached(ct, tmp_path / "v.b2")
    raw = (tmp_path / "v.b2").read_bytes()
    found = 0
    for at in np.random.default_rng(3).integers(0, len(raw), 120).tolist():
        damaged = bytearray(raw)
        damaged[at] ^= 1 << (at % 8)
        (tmp_path / "x.b2").write_bytes(bytes(damaged))
        try:
            back = load_cached(tmp_path / "x.b2")
        except (ImageFileError, ValueError):
            found += 1
        else:
            assert isinstance(back, Volume)
            assert np.array_equal(back.data, ct.data)
    assert found >= 100


def test_a_cut_file_is_found(tmp_path: Path, ct: Volume) -> None:
    save_cached(ct, tmp_path / "v.b2")
    raw = (tmp_path / "v.b2").read_bytes()
    for share in (0.0, 0.05, 0.5, 0.99):
        (tmp_path / "v.b2").write_bytes(raw[: int(len(raw) * share)])
        with pytest.raises(ImageFileError):
            load_cached(tmp_path / "v.b2")


def test_a_ct_packs_well(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    data = np.full((40, 128, 128), -1000.0)
    data[:, 20:110, 20:110] = rng.normal(60, 12, (40, 90, 90))
    volume = Volume(np.round(data).astype(np.float32), Grid((40, 128, 128), (3.0, 1.0, 1.0)))
    save_cached(volume, tmp_path / "v.b2")
    assert (tmp_path / "v.b2").stat().st_size < 0.25 * volume.data.nbytes
