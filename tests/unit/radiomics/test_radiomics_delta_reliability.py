# SPDX-License-Identifier: Apache-2.0
"""Change between phases, and agreement between perturbed or repeated measurements."""

from __future__ import annotations

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pingouin
import pytest

from hepacast.core.errors import NotEstimableError
from hepacast.core.geometry import Grid
from hepacast.core.table import FeatureName
from hepacast.core.volume import Region, Volume
from hepacast.radiomics.delta import DeltaParams, delta
from hepacast.radiomics.extraction import extract_case
from hepacast.radiomics.reliability import PerturbParams, icc_2_1, perturbed

GRID = Grid((8, 12, 12), (2.0, 1.0, 1.0))


def scene(seed: int = 0) -> tuple[Volume, Region]:
    rng = np.random.default_rng(seed)
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[2:6, 3:9, 3:9] = True
    return Volume(rng.normal(60, 20, GRID.shape).astype(np.float32), GRID), Region(mask, GRID)


def test_delta_is_the_change_of_what_both_phases_have() -> None:
    image, region = scene()
    brighter = Volume(image.data + np.float32(25), GRID)
    found = extract_case({"art": image, "pv": brighter}, {"r": region})
    changes = delta(found.values, DeltaParams(before="art", after="pv"))
    assert changes[FeatureName("pv-art", "r", "original", "firstorder", "Mean")] == pytest.approx(
        25, abs=1e-5
    )
    assert changes[FeatureName("pv-art", "r", "original", "glcm", "Contrast")] == 0.0
    assert not any(name.family == "shape" for name in changes)
    relative = delta(found.values, DeltaParams(before="art", after="pv", change="relative"))
    assert relative[
        FeatureName("pv-art", "r", "original", "firstorder", "Variance")
    ] == pytest.approx(0, abs=1e-6)


def test_delta_by_zero_is_missing_and_symmetric_change_is_bounded() -> None:
    a, b = (FeatureName(p, "r", "original", "firstorder", "Mean") for p in ("a", "b"))
    for change, before, after, expected in (
        ("relative", 0.0, 2.0, np.nan),
        ("relative", -2.0, 2.0, 2.0),
        ("symmetric", 0.0, 2.0, 2.0),
        ("symmetric", 1.0, 3.0, 1.0),
    ):
        made = delta({a: before, b: after}, DeltaParams(before="a", after="b", change=change))
        assert next(iter(made.values())) == pytest.approx(expected, nan_ok=True)
    with pytest.raises(NotEstimableError):
        delta({a: 1.0}, DeltaParams(before="a", after="b"))


def test_icc_and_its_interval_are_pingouins() -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(size=(12, 1)) * 2 + rng.normal(size=(12, 3)) + np.array([0.0, 0.5, -0.2])
    long = pd.DataFrame(
        [(c, r, table[c, r]) for c in range(12) for r in range(3)], columns=["case", "rater", "x"]
    )
    made = pingouin.intraclass_corr(long, targets="case", raters="rater", ratings="x")
    row = made.iloc[1]
    found = icc_2_1(table)
    assert found.icc == pytest.approx(float(row["ICC"]), abs=1e-9)
    interval = next(v for k, v in row.items() if str(k).startswith("CI95"))
    assert (found.low, found.high) == pytest.approx(tuple(interval), abs=0.006)


def test_copies_of_one_reader_are_refused() -> None:
    column = np.arange(5.0)[:, None]
    with pytest.raises(NotEstimableError, match="independently"):
        icc_2_1(np.hstack([column, column]))
    with pytest.raises(NotEstimableError, match="three cases"):
        icc_2_1(np.array([[1.0, 2.0], [np.nan, 2.0], [3.0, 4.0]]))


def test_perturbation_changes_what_it_says_and_nothing_else() -> None:
    image, region = scene()
    rng = np.random.default_rng(0)
    for copy, mask in perturbed(image, region, PerturbParams(copies=3, noise=5.0), rng):
        assert np.std(copy.data - image.data) == pytest.approx(5.0, rel=0.15)
        np.testing.assert_array_equal(mask.mask, region.mask)
    for copy, mask in perturbed(image, region, PerturbParams(copies=3, contour_mm=1.0), rng):
        np.testing.assert_array_equal(copy.data, image.data)
        assert mask.size != region.size
        assert 0.2 < mask.size / region.size < 5
    for _, mask in perturbed(image, region, PerturbParams(copies=2, angle_deg=20.0), rng):
        assert mask.size == pytest.approx(region.size, rel=0.15)
    first = [
        m.size
        for _, m in perturbed(
            image, region, PerturbParams(contour_mm=1.0), np.random.default_rng(3)
        )
    ]
    again = [
        m.size
        for _, m in perturbed(
            image, region, PerturbParams(contour_mm=1.0), np.random.default_rng(3)
        )
    ]
    assert first == again
