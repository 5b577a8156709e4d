"""Joint networks and vectors as columns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hepacast.core.errors import LeakError, StudyError, TableError
from hepacast.core.folds import Cohort, Fold
from hepacast.core.outcome import Binary
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.deep import build, cross
from hepacast.deep.crops import Crops
from hepacast.deep.embed import embed
from hepacast.deep.networks import FusionParams, ResNet2dParams, ResNet3dParams
from hepacast.deep.train import fit_network
from hepacast.deep.training import FitParams

PREFIX = FeatureName("AP", "tumour", "resnet-3d", "deep", "-")
JOINT = FusionParams(in_channels=1, image=ResNet2dParams(in_channels=1, phases=1))


def shared_effect(n: int = 60) -> tuple[Cohort, Crops]:
    """The event needs the picture and the marker together."""
    rng = np.random.default_rng(1)
    bright, marker = rng.normal(size=n), rng.normal(size=n)
    pixels = rng.normal(0, 0.2, size=(n, 1, 16, 16)).astype(np.float32)
    pixels[:, :, 4:12, 4:12] += 0.7 * bright[:, None, None, None].astype(np.float32)
    cases = tuple(f"c{at:02d}" for at in range(n))
    # In another unit, so that it must be standardised.
    table = FeatureTable(1000 + 50 * marker[:, None], cases, (FeatureName.clinical("AFP"),))
    return Cohort(table, Binary(bright + marker > 0)), Crops(pixels, cases, ("AP",))


def fold_of(cohort: Cohort) -> Fold:
    patients = cohort.table.patients
    return Fold(frozenset(patients[20:]), frozenset(patients[:20]))


def settings(network: object, epochs: int = 1) -> FitParams:
    loop = {
        "epochs": epochs,
        "batch": 16,
        "optimiser": "adam",
        "learning_rate": 3e-3,
        "augment": None,
    }
    return FitParams.model_validate({"network": network, "loop": loop})


def test_a_joint_network_reads_the_picture_and_the_columns() -> None:
    cohort, crops = shared_effect()
    fold = fold_of(cohort)
    fitted = fit_network(fold.train(cohort), crops, settings(JOINT, epochs=25))
    test = fold.test(cohort)
    risk = fitted.apply(test).values[:, 0]
    moved = fitted.apply(test.with_values(test.values + 100)).values[:, 0]
    assert (moved > risk).mean() > 0.9
    event = cohort.outcome.event[:20]
    order = risk[event][:, None] > risk[~event][None, :]
    assert order.mean() > 0.8


def test_the_unit_of_a_column_changes_nothing() -> None:
    cohort, crops = shared_effect()
    other = cohort.with_table(cohort.table.with_values(cohort.table.values * 2.0**10))
    fold = fold_of(cohort)
    scores = [
        fit_network(fold.train(one), crops, settings(JOINT)).apply(fold.test(one)).values
        for one in (cohort, other)
    ]
    assert np.allclose(scores[0], scores[1], atol=1e-5)


def test_columns_need_a_network_that_reads_them_and_the_other_way_round() -> None:
    cohort, crops = shared_effect()
    train = fold_of(cohort).train(cohort)
    with pytest.raises(StudyError, match="reads a picture only"):
        fit_network(train, crops, settings(JOINT.image))
    bare = cohort.with_table(cohort.table.select([]))
    with pytest.raises(StudyError, match="and table columns"):
        fit_network(fold_of(cohort).train(bare), crops, settings(JOINT))


def test_a_missing_column_value_is_refused() -> None:
    cohort, crops = shared_effect()
    values = cohort.table.values.copy()
    values[30] = np.nan
    holed = cohort.with_table(cohort.table.with_values(values))
    with pytest.raises(TableError, match="complete columns"):
        fit_network(fold_of(cohort).train(holed), crops, settings(JOINT))


def test_without_columns_a_joint_network_stands_at_their_mean() -> None:
    network = build(JOINT, 1).eval()
    x = torch.rand(2, 1, 16, 16)
    torch.testing.assert_close(network(x), network(x, torch.zeros(2, 1)))
    with pytest.raises(TableError, match="reads 1 table columns"):
        network(x, torch.zeros(2, 2))


def boxes(n: int = 3) -> tuple[FeatureTable, Crops]:
    rng = np.random.default_rng(0)
    cases = tuple(f"c{at}" for at in range(n))
    pixels = rng.random((2 * n, 1, 32, 32, 32), dtype=np.float32)
    return FeatureTable(np.zeros((n, 0)), cases, ()), Crops(pixels, cases * 2)


def test_a_vector_is_the_mean_over_the_pictures_of_a_case_and_has_a_name() -> None:
    table, crops = boxes()
    network = build(ResNet3dParams(depth=10), 7)
    found = embed(network, crops, table, PREFIX)
    alone = embed(network, crops.of(["c1"]), table.rows(["c1"]), PREFIX)
    assert found.values.shape == (3, 512)
    assert str(found.columns[7]) == "AP/tumour/resnet-3d/deep/f007"
    assert np.allclose(found.values[1], alone.values[0], atol=1e-5)
    assert len({tuple(row) for row in found.values}) == 3


def test_the_same_seed_gives_the_same_vectors() -> None:
    table, crops = boxes(1)
    twice = [embed(build(ResNet3dParams(depth=10), 7), crops, table, PREFIX) for _ in range(2)]
    assert np.array_equal(twice[0].values, twice[1].values)


def test_a_case_without_the_phase_has_no_vector() -> None:
    table, crops = boxes()
    present = np.ones((6, 1), dtype=bool)
    present[[1, 4]] = False
    holed = Crops(crops.pixels, crops.cases, crops.phases, present)
    found = embed(build(ResNet3dParams(depth=10), 7), holed, table, PREFIX)
    assert np.isnan(found.values[1]).all()
    assert np.isfinite(found.values[[0, 2]]).all()


def test_pictures_of_other_cases_are_refused() -> None:
    table, crops = boxes()
    with pytest.raises(TableError, match="same cases"):
        embed(build(ResNet3dParams(depth=10), 7), crops, table.rows(["c0"]), PREFIX)


def test_training_cases_are_described_by_networks_that_left_them_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    described: list[tuple[frozenset[str], frozenset[str]]] = []
    plain = cross.Standard.__call__

    def watched(self: cross.Standard, table: FeatureTable) -> FeatureTable:
        described.append((self.fitted.seen, frozenset(table.patients)))
        return plain(self, table)

    monkeypatch.setattr(cross.Standard, "__call__", watched)
    cohort, crops = shared_effect(n=30)
    bare = cohort.with_table(cohort.table.select([]))
    patients = cohort.table.patients
    fold = Fold(frozenset(patients[10:]), frozenset(patients[:10]))
    train = fold.train(bare)
    crossed = cross.cross_embed(train, crops, settings(JOINT.image), PREFIX, folds=2)
    unseen = crossed.apparent(train).table
    assert unseen.cases == train.table.cases
    assert unseen.values.shape == (20, 128)
    assert len(described) == 2
    assert all(not seen & scored for seen, scored in described)
    assert frozenset.union(*(scored for _, scored in described)) == fold.learn
    assert crossed.apply(fold.test(bare)).values.shape == (10, 128)
    with pytest.raises(LeakError, match="seen in training"):
        crossed.apply(train.table)
