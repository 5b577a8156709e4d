# SPDX-License-Identifier: Apache-2.0
"""Voxel-wise maps against those of PyRadiomics 3.0.1, voxel by voxel."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.radiomics.maps import feature_maps
from hepacast.run.extraction.extract import read_settings
from hepacast.run.extraction.maps import map_settings

_SPEC = importlib.util.spec_from_file_location(
    "pyradiomics_maps", Path(__file__).with_name("pyradiomics_maps.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
theirs = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(theirs)


@pytest.mark.parametrize("name", sorted(theirs.SETTINGS))
def test_every_map_is_pyradiomics_at_every_stored_voxel(name: str) -> None:
    data, mask, spacing = theirs.phantom()
    grid = Grid(data.shape, spacing)
    content = theirs.SETTINGS[name]
    params, _ = read_settings(content)
    found = feature_maps(Volume(data, grid), Region(mask, grid), params, map_settings(content))
    with np.load(theirs.STORE, allow_pickle=False) as store:
        assert str(store["version"]) == theirs.VERSION
        names, values, mm = store[f"{name}_names"], store[name], store[f"{name}_mm"]
    at = tuple(np.round(found.grid.to_index(mm)).astype(int).T)
    assert found.mask[at].all()
    assert set(found) == set(names.tolist())
    for one, expected in zip(names.tolist(), values, strict=True):
        # Absolute where a feature is 0 but for rounding.
        np.testing.assert_allclose(found[one].data[at], expected, rtol=1e-6, atol=1e-9, err_msg=one)


def test_outside_the_region_stands_what_init_value_says() -> None:
    data, mask, spacing = theirs.phantom()
    grid = Grid(data.shape, spacing)
    content = theirs.SETTINGS["wide"]
    params, _ = read_settings({**content, "featureClass": {"ngtdm": ["Coarseness"]}})
    found = feature_maps(Volume(data, grid), Region(mask, grid), params, map_settings(content))
    (one,) = found.values()
    assert (one.data[~mask] == -1).all()
