# SPDX-License-Identifier: Apache-2.0
"""Values of PyRadiomics 3.0.1 on twenty phantoms x three settings, stored as numbers."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType  # noqa: TC003

import numpy as np
import pytest

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.radiomics.extraction import extract
from hepacast.radiomics.parameter_file import from_pyradiomics


def values() -> ModuleType:
    place = Path(__file__).with_name("pyradiomics_values.py")
    spec = importlib.util.spec_from_file_location("pyradiomics_values", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MADE = values()


@pytest.mark.parametrize("name", sorted(MADE.SETTINGS))
def test_every_value_of_pyradiomics_is_met(name: str) -> None:
    store = np.load(MADE.STORE)
    assert str(store["version"]) == "3.0.1"
    names, rows = store[f"{name}_names"].tolist(), store[name]
    assert len(rows) == 20
    params = from_pyradiomics(MADE.SETTINGS[name])
    for case, theirs in enumerate(rows):
        data, mask = MADE.phantom(case)
        grid = Grid(data.shape, MADE.SPACING)
        ours = extract(Volume(data, grid), Region(mask, grid), params)
        assert list(ours) == list(dict.fromkeys(ours))
        assert set(ours) == set(names)
        # Single precision, in which the values are stored, keeps 6e-8.
        mine = np.array([ours[n] for n in names])
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-6, err_msg=f"{name} {case}")
