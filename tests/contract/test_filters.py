# SPDX-License-Identifier: Apache-2.0
"""Promises that every registered filter keeps."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.geometry import Grid
from hepacast.core.volume import Volume
from hepacast.radiomics.filters import FILTERS
from hepacast.radiomics.filters.registry import Setting
from hepacast.radiomics.settings import Definitions, Texture

SHAPE = (11, 14, 13)
WHOLE = (slice(0, 11), slice(0, 14), slice(0, 13))
PART = (slice(3, 7), slice(0, 6), slice(5, 13))


@pytest.fixture
def image() -> Volume:
    rng = np.random.default_rng(3)
    return Volume(
        (rng.normal(size=SHAPE) * 60 + 40).round().astype(np.float32), Grid(SHAPE, (1.0, 0.8, 0.8))
    )


@pytest.mark.parametrize("definitions", ["hepacast", "pyradiomics"])
@pytest.mark.parametrize("kind", sorted(FILTERS))
def test_a_filter_keeps_the_grid_and_leaves_its_input_alone(
    kind: str, image: Volume, definitions: Definitions
) -> None:
    before = image.data.copy()
    params = FILTERS.settings(kind)()
    responses = FILTERS[params](params, Setting(definitions, Texture()))  # type: ignore[arg-type]
    assert responses
    for token, respond in responses.items():
        assert "/" not in token
        assert "_" not in token
        made = respond(image, WHOLE)
        assert made.shape == SHAPE
        assert np.isfinite(made).all() or token.endswith("3D-k")
    np.testing.assert_array_equal(image.data, before)


@pytest.mark.parametrize("kind", sorted(FILTERS))
def test_the_response_in_a_box_does_not_depend_on_the_box(kind: str, image: Volume) -> None:
    params = FILTERS.settings(kind)()
    responses = FILTERS[params](params, Setting("hepacast", Texture()))  # type: ignore[arg-type]
    for respond in responses.values():
        np.testing.assert_array_equal(respond(image, PART), respond(image, WHOLE)[PART])
