# SPDX-License-Identifier: Apache-2.0
"""Random settings against PyRadiomics 3.0.1 itself, if an environment with it is at hand.

Name the Python of that environment in ``HEPACAST_PYRADIOMICS``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from types import ModuleType  # noqa: TC003
from typing import Any

import numpy as np
import pytest

from hepacast.core.volume import Region, Volume
from hepacast.radiomics.extraction import extract_case
from hepacast.radiomics.parameter_file import from_pyradiomics
from hepacast.radiomics.prepare import from_itk

SCRIPT = Path(__file__).with_name("pyradiomics_search.py")
ORACLE = os.environ.get("HEPACAST_PYRADIOMICS")
SEEDS = 40
"""Cases of one batch."""
NOT_A_NUMBER = ("autodetected range of [nan", "arange: cannot compute length")
"""How PyRadiomics stops at a response that has no value somewhere."""


def search() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pyradiomics_search", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ours(made: ModuleType, file: Path) -> tuple[dict[str, float], dict[str, str]]:
    """Values and reasons by PyRadiomics' names."""
    data, labels, content, frame = made.read(file)
    _, grid = from_itk(made.itk(data, frame))
    region = Region(labels == content["setting"]["label"], grid)
    found = extract_case(
        {"image": Volume(data, grid)}, {"region": region}, from_pyradiomics(content)
    )
    names = {name: f"{name.filter}_{name.family}_{name.feature}" for name in found.values}
    return (
        {names[name]: value for name, value in found.values.items()},
        {names[name]: str(reason) for name, reason in found.reasons.items()},
    )


def flat(theirs: dict[str, Any], image: str) -> bool:
    """Tell whether all intensities of a region are one."""
    return bool(theirs["values"].get(f"{image}_firstorder_Range") == 0)


def differences(
    values: dict[str, float], reasons: dict[str, str], theirs: dict[str, Any]
) -> list[tuple[str, Any, Any]]:
    """Compare what docs/radiomics/differences.md does not list; name, ours and theirs."""
    if "error" in theirs:
        refused = all(np.isnan(value) for value in values.values())
        expected = refused or any(text in theirs["error"] for text in NOT_A_NUMBER)
        return [] if expected else [("all", "values", theirs["error"])]
    bad: list[tuple[str, Any, Any]] = []
    for name, value in theirs["values"].items():
        mine = values.get(name)
        image, _, feature = name.split("_")
        listed = (
            reasons.get(name) == "too_many_levels"
            or (image == "lbp-3D-k" and reasons.get(name) == "undefined")
            or (feature in {"Skewness", "Kurtosis"} and mine == 0 and flat(theirs, image))
        )
        both = mine is not None and np.isnan(mine) and np.isnan(value)
        if not (listed or both or mine == pytest.approx(value, rel=1e-6, abs=1e-9)):
            bad.append((name, mine, value))
    more = {n for n in set(values) - set(theirs["values"]) if "_shape2D_" not in n}
    return bad + [(name, values[name], None) for name in sorted(more)]


@pytest.mark.oracle
@pytest.mark.skipif(ORACLE is None, reason="HEPACAST_PYRADIOMICS names no Python")
@pytest.mark.parametrize("batch", range(5))
def test_random_settings_give_pyradiomics_numbers(batch: int, tmp_path: Path) -> None:
    made = search()
    seeds = range(batch * SEEDS, (batch + 1) * SEEDS)
    for seed in seeds:
        made.write(tmp_path, seed)
    subprocess.run([str(ORACLE), str(SCRIPT), str(tmp_path)], check=True, capture_output=True)
    bad = {}
    compared = 0
    for seed in seeds:
        theirs = json.loads((tmp_path / f"{seed}.json").read_text())
        assert theirs["version"].lstrip("v") == "3.0.1"
        values, reasons = ours(made, tmp_path / f"{seed}.npz")
        compared += len(theirs.get("values", ()))
        if found := differences(values, reasons, theirs):
            bad[seed] = (len(found), found[:5])
    assert compared > 100 * SEEDS
    assert not bad
