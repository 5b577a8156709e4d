# SPDX-License-Identifier: Apache-2.0
"""What extraction does with good and with bad input."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from hepacast.core.errors import EmptyRegionError, GeometryError, ImageFileError, StudyError
from hepacast.core.geometry import Grid
from hepacast.core.table import FeatureName
from hepacast.core.volume import Region, Volume
from hepacast.radiomics.extraction import extract, extract_case, feature_keys
from hepacast.radiomics.parameter_file import from_pyradiomics
from hepacast.radiomics.params import ExtractParams
from hepacast.radiomics.reasons import REASONS

GRID = Grid((6, 7, 8), (1.0, 1.0, 1.0))


def noise(seed: int = 0) -> Volume:
    return Volume(np.random.default_rng(seed).normal(50, 30, GRID.shape).astype(np.float32), GRID)


def block(*parts: slice) -> Region:
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[parts] = True
    return Region(mask, GRID)


WHOLE = block(slice(1, 5), slice(1, 6), slice(1, 7))


def test_one_bad_region_leaves_the_others_alone() -> None:
    regions = {
        "empty": block(slice(0, 0), slice(0, 0), slice(0, 0)),
        "good": WHOLE,
        "one": block(slice(1, 2), slice(1, 2), slice(1, 2)),
        "line": block(slice(1, 2), slice(1, 2), slice(1, 6)),
        "elsewhere": Region(WHOLE.mask, Grid(GRID.shape, GRID.spacing, (50.0, 0.0, 0.0))),
    }
    found = extract_case({"portal": noise()}, regions)
    by = {name: found.reasons.get(name) for name in found.values}
    shares = {region: {r for name, r in by.items() if name.region == region} for region in regions}
    assert shares == {
        "empty": {"empty_region"},
        "good": {None},
        "one": {"one_voxel"},
        "line": {"too_few_dimensions"},
        "elsewhere": {"geometry"},
    }
    assert len(found.values) == 5 * len(feature_keys(ExtractParams()))
    alone = extract(noise(), WHOLE)
    key = FeatureName("portal", "good", "original", "glcm", "Contrast")
    assert found.values[key] == alone["original_glcm_Contrast"]


def test_every_nan_has_a_known_reason_and_nothing_else_has_one() -> None:
    flat = Volume(np.full(GRID.shape, 7.0, np.float32), GRID)
    found = extract_case({"flat": flat, "noise": noise()}, {"r": WHOLE})
    for name, value in found.values.items():
        assert np.isnan(value) == (name in found.reasons)
    assert set(found.reasons.values()) == {"flat_region"}
    assert set(found.reasons.values()) <= set(REASONS)
    assert found.values[FeatureName("flat", "r", "original", "firstorder", "Mean")] == 7.0


def test_pyradiomics_definitions_keep_its_numbers_of_a_flat_region() -> None:
    flat = Volume(np.full(GRID.shape, 7.0, np.float32), GRID)
    features = extract(flat, WHOLE, from_pyradiomics({}))
    assert features["original_glcm_Correlation"] == 1.0
    assert features["original_ngtdm_Coarseness"] == 1e6


def test_a_voxel_that_is_not_finite_is_refused_with_its_place() -> None:
    data = noise().data.copy()
    data[2, 3, 4] = np.nan
    with pytest.raises(ImageFileError, match=r"first at \(2, 3, 4\)"):
        extract(Volume(data, GRID), WHOLE)
    found = extract_case({"p": Volume(data, GRID), "q": noise()}, {"r": WHOLE})
    assert {found.reasons.get(n) for n in found.values if n.phase == "p"} == {"not_finite"}
    assert {found.reasons.get(n) for n in found.values if n.phase == "q"} == {None}


def test_single_extraction_raises_what_a_case_records() -> None:
    with pytest.raises(EmptyRegionError):
        extract(noise(), block(slice(0, 0), slice(0, 0), slice(0, 0)))
    with pytest.raises(EmptyRegionError, match="one voxel"):
        extract(noise(), block(slice(1, 2), slice(1, 2), slice(1, 2)))
    with pytest.raises(GeometryError):
        extract(noise(), Region(WHOLE.mask, Grid(GRID.shape, (2.0, 1.0, 1.0))))


def test_too_many_grey_levels_are_a_reason_and_no_memory() -> None:
    data = noise().data.copy()
    data[2, 2, 2] = 1e6
    found = extract_case({"p": Volume(data, GRID)}, {"r": WHOLE}, ExtractParams(bins=1))
    glcm = {found.reasons.get(n) for n in found.values if n.family == "glcm"}
    assert glcm == {"too_many_levels"}
    assert {found.reasons.get(n) for n in found.values if n.family == "shape"} == {None}


def test_a_filter_that_needs_a_larger_image_gives_a_reason() -> None:
    params = ExtractParams(filters=("original", {"log": {"sigma_mm": [9.0]}}))
    found = extract_case({"p": noise()}, {"r": WHOLE}, params)
    reasons = {n.filter: found.reasons.get(n) for n in found.values}
    assert reasons == {"original": None, "log-sigma-9-0-mm-3D": "image_too_small"}


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(ValidationError, match="bin_widht"):
        ExtractParams.model_validate({"bin_widht": 25})
    with pytest.raises(StudyError, match="binWidht"):
        from_pyradiomics({"setting": {"binWidht": 25}})
    with pytest.raises(StudyError, match="Wavelett"):
        from_pyradiomics({"imageType": {"Wavelett": {}}})
    with pytest.raises(StudyError, match="Contrst"):
        from_pyradiomics({"featureClass": {"glcm": ["Contrst"]}})


def test_deprecated_features_come_on_request_only() -> None:
    assert "StandardDeviation" not in {f for _, _, f in feature_keys(ExtractParams())}
    asked = ExtractParams(
        families=({"firstorder": {"features": ["StandardDeviation", "Variance"]}},)
    )
    features = extract(noise(), WHOLE, asked)
    assert list(features) == [
        "original_firstorder_Variance",
        "original_firstorder_StandardDeviation",
    ]
    assert features["original_firstorder_StandardDeviation"] ** 2 == pytest.approx(
        features["original_firstorder_Variance"]
    )


def test_settings_survive_a_round_trip_through_json() -> None:
    params = from_pyradiomics(
        {
            "imageType": {"LoG": {"sigma": [1.0, 2.0], "binWidth": 5}, "Wavelet": {}},
            "setting": {"binCount": 16},
        }
    )
    again = ExtractParams.model_validate_json(params.model_dump_json())
    assert again == params
    assert feature_keys(again) == feature_keys(params)


def test_the_projects_own_point_filters_do_not_depend_on_the_rest_of_the_image() -> None:
    brighter = noise().data.copy()
    brighter[0, 0, 0] = 4000.0
    params = ExtractParams(filters=("square", "squareroot", "logarithm", "exponential"))
    other = Volume(brighter, GRID)
    # Compared as text, where NaN equals NaN: the exponential of this image is flat.
    assert str(extract(noise(), WHOLE, params)) == str(extract(other, WHOLE, params))
    theirs = ExtractParams(filters=("square",), definitions="pyradiomics")
    assert str(extract(noise(), WHOLE, theirs)) != str(extract(other, WHOLE, theirs))


def test_phases_share_a_region_but_not_what_resegmentation_leaves_of_it() -> None:
    phases = {"a": noise(1), "b": noise(2)}
    for resegment in (None, {"range": [20.0, 90.0], "shape": True}):
        params = ExtractParams.model_validate({"resegment": resegment})
        both = extract_case(phases, {"r": WHOLE}, params)
        for phase, image in phases.items():
            alone = extract(image, WHOLE, params)
            for name in feature_keys(params):
                assert both.values[FeatureName(phase, "r", *name)] == alone["_".join(name)]
        sizes = {v for n, v in both.values.items() if n.feature == "VoxelVolume"}
        assert len(sizes) == (1 if resegment is None else 2)


@pytest.mark.parametrize("texture", [{}, {"symmetric": False}, {"weighting": "euclidean"}])
def test_matrices_one_by_one_give_the_numbers_of_all_at_once(
    texture: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = ExtractParams.model_validate({"families": ["glcm"], "texture": texture})
    together = extract(noise(), WHOLE, params)
    monkeypatch.setattr("hepacast.radiomics.families.glcm._TOGETHER", 0)
    assert extract(noise(), WHOLE, params) == pytest.approx(together, rel=1e-9)
