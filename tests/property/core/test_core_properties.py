# SPDX-License-Identifier: Apache-2.0
"""Round trips of the core types, on whatever Hypothesis finds."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from hepacast.core.folds import Cohort, Fold
from hepacast.core.geometry import Axes, Grid, Triple
from hepacast.core.outcome import Binary
from hepacast.core.table import FAMILIES, FeatureName, FeatureTable

tokens = st.from_regex(r"\A([^\s/][^/\n]{0,9}|-)\Z")
lengths = st.floats(0.05, 50.0)
places = st.floats(-1000.0, 1000.0)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Draw grids with any orientation: a rotation from a quaternion, perhaps mirrored."""
    q = np.array([draw(st.floats(-1, 1)) for _ in range(4)])
    assume(np.linalg.norm(q) > 0.1)
    w, x, y, z = q / np.linalg.norm(q)
    turned = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    turned[0] *= draw(st.sampled_from([1, -1]))
    shape = draw(st.tuples(*[st.integers(1, 40)] * 3))
    spacing: Triple = draw(st.tuples(lengths, lengths, lengths))
    origin: Triple = draw(st.tuples(places, places, places))
    k, j, i = (tuple(map(float, row)) for row in turned)
    axes: Axes = (k, j, i)  # type: ignore[assignment]
    return Grid(shape, spacing, origin, axes)


@given(grids())
def test_a_grid_comes_back_from_its_affine(grid: Grid) -> None:
    again = Grid.from_affine(grid.affine, grid.shape)
    assert grid.distance_mm(again) < 1e-6
    np.testing.assert_allclose(again.spacing, grid.spacing, rtol=1e-9)


@given(grids(), st.tuples(*[st.floats(-50, 50)] * 3))
def test_to_index_inverts_to_world(grid: Grid, index: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(grid.to_index(grid.to_world(index)), index, atol=1e-6)


@given(grids(), st.tuples(*[st.floats(-50, 50)] * 3))
def test_the_affine_says_what_to_world_says(grid: Grid, index: tuple[float, ...]) -> None:
    np.testing.assert_allclose(
        (grid.affine @ [*index, 1.0])[:3], grid.to_world(index), rtol=1e-9, atol=1e-6
    )


@given(grids(), st.data())
def test_a_crop_leaves_every_voxel_where_it_was(grid: Grid, data: st.DataObject) -> None:
    starts = [data.draw(st.integers(0, n - 1)) for n in grid.shape]
    stops = [data.draw(st.integers(a + 1, n)) for a, n in zip(starts, grid.shape, strict=True)]
    k, j, i = (slice(a, b) for a, b in zip(starts, stops, strict=True))
    part = grid.crop((k, j, i))
    last = np.array(part.shape) - 1
    np.testing.assert_allclose(
        part.to_world(last), grid.to_world(last + np.array(starts)), rtol=1e-9, atol=1e-6
    )
    assert part.axes == grid.axes


@given(st.builds(FeatureName, tokens, tokens, tokens, tokens, tokens))
def test_parse_inverts_str(name: FeatureName) -> None:
    assert FeatureName.parse(str(name)) == name


words = st.from_regex(r"\A[A-Za-z][A-Za-z0-9-]{0,8}\Z").filter(lambda word: word not in FAMILIES)


@given(words, st.sampled_from(FAMILIES), words)
def test_a_pyradiomics_heading_is_read_and_spelt_the_same(
    filt: str, family: str, feature: str
) -> None:
    heading = f"{filt}_{family}_{feature}"
    assert FeatureName.from_column(heading).pyradiomics == heading


@given(st.lists(st.integers(0, 6), min_size=2, max_size=30), st.sets(st.integers(0, 6)))
def test_lesions_of_one_patient_never_part(patients: list[int], learn: set[int]) -> None:
    cases = tuple(f"c{at}" for at in range(len(patients)))
    owner = dict(zip(cases, map(str, patients), strict=True))
    table = FeatureTable(np.zeros((len(cases), 0)), cases, (), tuple(owner.values()))
    cohort = Cohort(table, Binary(np.arange(len(cases)) % 2 == 0))
    seen = frozenset(map(str, learn))
    fold = Fold(seen, frozenset(owner.values()) - seen)
    train, test = fold.train(cohort).table, fold.test(cohort)
    assert {owner[case] for case in train.cases}.isdisjoint(owner[case] for case in test.cases)
    assert sorted((*train.cases, *test.cases)) == sorted(cases)


@given(st.permutations(range(6)))
def test_rows_there_and_back_change_nothing(order: list[int]) -> None:
    values = np.arange(12.0).reshape(6, 2)
    table = FeatureTable(values, tuple("abcdef"), tuple(map(FeatureName.clinical, "xy")))
    again = table.rows([table.cases[at] for at in order]).rows(table.cases)
    assert again.values.tolist() == values.tolist()
