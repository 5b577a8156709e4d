# SPDX-License-Identifier: Apache-2.0
"""Means over the region of PyRadiomics 3.0.1's voxel-wise maps, radius 1, bin width 25."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.radiomics.maps import MapParams, feature_maps

# Of phantom 3 of pyradiomics_values.py, which says how to make them.
MEANS = {
    "glcm_Autocorrelation": 46.36145834907077,
    "glcm_ClusterProminence": 34.47693225524316,
    "glcm_ClusterShade": 0.05153740153311862,
    "glcm_ClusterTendency": 3.3100128930993207,
    "glcm_Contrast": 3.0189960869592634,
    "glcm_Correlation": 0.018639442737624058,
    "glcm_DifferenceAverage": 1.365433207411596,
    "glcm_DifferenceEntropy": 1.4591661071920594,
    "glcm_DifferenceVariance": 0.8576925851591538,
    "glcm_Id": 0.5316475425564989,
    "glcm_Idm": 0.4761211274263903,
    "glcm_Idmn": 0.9829360173178364,
    "glcm_Idn": 0.9098566973558962,
    "glcm_Imc1": -0.46283138704904353,
    "glcm_Imc2": 0.8686210491784121,
    "glcm_InverseVariance": 0.45116743199051135,
    "glcm_JointEnergy": 0.1613346795699623,
    "glcm_JointEntropy": 3.0456445418579703,
    "glcm_MaximumProbability": 0.22017211971980455,
    "glcm_SumAverage": 13.037034054696727,
    "glcm_SumEntropy": 1.9892945899342913,
    "glcm_SumSquares": 1.582252245014646,
    "ngtdm_Busyness": 0.2215745404868702,
    "ngtdm_Coarseness": 0.27954398349666465,
    "ngtdm_Complexity": 12.053101520330447,
    "ngtdm_Contrast": 0.14680630435717434,
    "ngtdm_Strength": 2.8272597483052957,
}


def scene() -> tuple[Volume, Region]:
    place = Path(__file__).with_name("pyradiomics_values.py")
    spec = importlib.util.spec_from_file_location("pyradiomics_values_for_maps", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    data, mask = module.phantom(3)
    grid = Grid(data.shape, module.SPACING)
    return Volume(data, grid), Region(mask, grid)


@pytest.mark.parametrize("family", ["glcm", "ngtdm"])
def test_maps_have_the_means_of_pyradiomics(family: str) -> None:
    image, region = scene()
    maps = feature_maps(image, region, MapParams.model_validate({"family": family}))
    wanted = {key.split("_")[1]: v for key, v in MEANS.items() if key.startswith(family)}
    # PyRadiomics' map of this one is NaN wherever one direction has no pair; ours takes the others.
    assert set(maps) - {"JointAverage"} == set(wanted)
    for name, mean in wanted.items():
        one = maps[name]
        inside = one.data[region.mask].astype(np.float64)
        assert np.nansum(inside) / region.size == pytest.approx(mean, rel=1e-5), name
        assert (one.data[~region.mask] == 0).all()


def test_a_map_does_not_look_beyond_its_cube() -> None:
    image, region = scene()
    before = feature_maps(image, region)["Coarseness"].data
    k, j, i = np.argwhere(region.mask)[0]
    data = image.data.copy()
    # A level that occurs already, so that the bins stay what they are.
    data[k, j, i] = data[tuple(np.argwhere(region.mask)[-1])]
    after = feature_maps(Volume(data, image.grid), region)["Coarseness"].data
    changed = np.argwhere(before != after)
    assert len(changed)
    assert (np.abs(changed - [k, j, i]) <= 1).all()
