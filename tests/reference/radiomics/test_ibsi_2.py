# SPDX-License-Identifier: Apache-2.0
"""Response maps of IBSI 2, phase 1: within 1 % of the range of the reference everywhere."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003
from typing import Any

import numpy as np
import pytest

from hepacast.core.volume import Volume
from hepacast.io.nifti import load_nifti
from hepacast.radiomics.filters import FILTERS
from hepacast.radiomics.filters.registry import Setting
from hepacast.radiomics.settings import Texture

MEAN = {"kind": "ibsi-mean", "support": 15}
LOG = {"kind": "ibsi-log", "cutoff": 4.0}
LAWS = {"kind": "ibsi-laws"}
A = {**LAWS, "kernels": ["E5", "L5", "S5"], "boundary": "zero"}
B = {**LAWS, "kernels": ["E3", "W5", "R5"], "boundary": "mirror"}
C = {**LAWS, "kernels": ["L5", "S5"], "boundary": "mirror", "flat": True}
W5 = {"kind": "ibsi-wavelet", "wavelet": "db2", "band": "LHL", "boundary": "zero"}
W6 = {"kind": "ibsi-wavelet", "wavelet": "coif1", "band": "HHL", "boundary": "periodic"}
W7 = {"kind": "ibsi-wavelet", "wavelet": "haar", "level": 2, "invariant": True}
G = {"kind": "ibsi-gabor"}
G_A = {**G, "sigma_mm": 10.0, "wavelength_mm": 4.0, "gamma": 0.5, "boundary": "zero"}
G_B = {**G, "sigma_mm": 20.0, "wavelength_mm": 8.0, "gamma": 2.5, "boundary": "mirror"}
S = {"kind": "ibsi-simoncelli", "boundary": "periodic"}
R = {"kind": "ibsi-riesz-log", "sigma_mm": 3.0, "boundary": "zero"}
MAPS: dict[str, tuple[str, dict[str, Any]]] = {
    "1_a_1": ("checkerboard", {**MEAN, "boundary": "zero"}),
    "1_a_2": ("checkerboard", {**MEAN, "boundary": "nearest"}),
    "1_a_3": ("checkerboard", {**MEAN, "boundary": "periodic"}),
    "1_a_4": ("checkerboard", {**MEAN, "boundary": "mirror"}),
    "1_b_1": ("impulse", {**MEAN, "support": 15, "boundary": "zero", "flat": True}),
    "2_a": ("impulse", {**LOG, "sigma_mm": [3.0], "boundary": "zero"}),
    "2_b": ("checkerboard", {**LOG, "sigma_mm": [5.0], "boundary": "mirror"}),
    "2_c": ("checkerboard", {**LOG, "sigma_mm": [5.0], "boundary": "mirror", "flat": True}),
    "3_a_1": ("impulse", A),
    "3_a_2": ("impulse", {**A, "invariant": True}),
    "3_a_3": ("impulse", {**A, "invariant": True, "energy": 7}),
    "3_b_1": ("checkerboard", B),
    "3_b_2": ("checkerboard", {**B, "invariant": True}),
    "3_b_3": ("checkerboard", {**B, "invariant": True, "energy": 7}),
    "3_c_1": ("checkerboard", C),
    "3_c_2": ("checkerboard", {**C, "invariant": True}),
    "4_a_1": ("impulse", {**G_A, "theta_deg": 60.0}),
    "4_a_2": ("impulse", {**G_A, "step_deg": 45.0, "planes": "orthogonal"}),
    "4_b_1": ("sphere", {**G_B, "theta_deg": 225.0}),
    "4_b_2": ("sphere", {**G_B, "step_deg": 22.5, "planes": "orthogonal"}),
    "5_a_1": ("impulse", W5),
    "5_a_2": ("impulse", {**W5, "invariant": True}),
    "6_a_1": ("sphere", W6),
    "6_a_2": ("sphere", {**W6, "invariant": True}),
    "7_a_1": ("checkerboard", {**W7, "band": "LLL"}),
    "7_a_2": ("checkerboard", {**W7, "band": "HHH"}),
    "8_a_1": ("checkerboard", {**S, "level": 1}),
    "8_a_2": ("checkerboard", {**S, "level": 2}),
    "8_a_3": ("checkerboard", {**S, "level": 3}),
    "9_a": ("impulse", {**R, "riesz": [1, 0, 0]}),
    "9_b_1": ("sphere", {**R, "riesz": [0, 2, 0]}),
    "10_b_1": ("pattern_1", {**S, "level": 1, "riesz": [0, 2, 0], "boundary": "nearest"}),
    "3_c_3": ("checkerboard", {**C, "invariant": True, "energy": 7}),
}


def compare(folder: Path, name: str) -> float:
    """Largest difference from a reference map, as a share of the range of that map."""
    phantom, block = MAPS[name]
    (file,) = (folder / "ibsi_2_digital_phantom/nifti" / phantom / "image").glob("*.nii*")
    image = load_nifti(file)
    data = np.ascontiguousarray(image.data, dtype=np.float64)
    params = FILTERS.parse(block)
    (respond,) = FILTERS[params](params, Setting("ibsi", Texture())).values()  # type: ignore[arg-type]
    whole = tuple(slice(0, n) for n in data.shape)
    made = respond(Volume(data, image.grid), whole)  # type: ignore[arg-type]
    maps = folder / "ibsi_2_reference_data/reference_response_maps"
    reference = load_nifti(maps / f"{name}-ValidCRM.nii").data
    return float(np.abs(made - reference).max() / np.ptp(reference))


SLOW = {"4_a_2", "4_b_2"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in sorted(MAPS)],
)
def test_a_response_map_is_the_reference(shared: Path, name: str) -> None:
    assert compare(shared / "ibsi", name) <= 0.01
