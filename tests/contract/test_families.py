# SPDX-License-Identifier: Apache-2.0
"""Promises that every registered feature family keeps."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.table import FeatureName
from hepacast.radiomics.families import FAMILIES
from hepacast.radiomics.sample import Place, Sample
from hepacast.radiomics.settings import Texture


def sample(kind: str) -> Sample:
    rng = np.random.default_rng(4)
    mask = np.zeros((7, 9, 8), dtype=bool)
    if kind == "shape2D":
        mask[3, 2:7, 1:6] = True
    else:
        mask[1:6, 2:8, 1:7] = rng.random((5, 6, 6)) < 0.8
    place = Place(mask, (2.0, 1.0, 1.0))
    image = rng.normal(100, 60, mask.shape)
    texture = Texture(flat=kind == "shape2D")
    return Sample(place, image.reshape(-1)[place.index], texture=texture, image=image)


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_a_family_computes_its_whole_catalogue_and_nothing_else(kind: str) -> None:
    params = FAMILIES.settings(kind)()
    family = FAMILIES[params]
    numbers = family.compute(sample(kind), params)  # type: ignore[arg-type]
    assert set(numbers) == {f.name for f in family.features}
    assert all(np.isfinite(v) for v in numbers.values())


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_a_family_gives_the_same_numbers_twice(kind: str) -> None:
    params = FAMILIES.settings(kind)()
    family = FAMILIES[params]
    assert family.compute(sample(kind), params) == family.compute(sample(kind), params)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_every_feature_says_what_it_is(kind: str) -> None:
    family = FAMILIES[FAMILIES.settings(kind)()]
    assert family.source
    names = [f.name for f in family.features]
    assert len(set(names)) == len(names)
    for feature in family.features:
        assert feature.formula
        assert feature.unit
        assert len(feature.ibsi) in {0, 4}
        name = FeatureName("-", "r", "original", kind, feature.name)
        assert FeatureName.parse(str(name)) == name
