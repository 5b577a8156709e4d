"""Pictures of a case for networks: frames, scales, vectors with names, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hepacast.core.errors import GeometryError, ImageFileError, NotEstimableError, StudyError
from hepacast.core.events import Event, Noticed
from hepacast.core.folds import Cohort, Fold
from hepacast.core.geometry import Grid
from hepacast.core.outcome import Binary, Survival
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.core.volume import Region, Volume
from hepacast.deep.frames import ScaleParams
from hepacast.deep.networks import Encoder2dParams, FusionParams, ResNet2dParams, ResNet3dParams
from hepacast.io.store import StoreError
from hepacast.run.cases.embed import cut_case, embed_case, keep_crops, resolve_weights
from hepacast.run.cases.load import Loaded
from hepacast.run.parts.crops import KeptCrops, crops_path
from hepacast.run.parts.deep_score import SCORE_MODELS, NetworkModel, fitted_to
from hepacast.run.parts.deep_settings import (
    CropsParams,
    EmbeddingParams,
    NetworkModelParams,
    check_pictures,
)
from hepacast.run.protocol.chain import Recipe
from hepacast.run.settings.study import ModelsParams
from hepacast.run.work.freeze import Freezer, Part, thaw

GRID = Grid((10, 60, 60), (3.0, 1.0, 1.0))
RNG = np.random.default_rng(0)
NOISE = RNG.normal(100, 20, size=GRID.shape).astype(np.float32)


def ball(radius_mm: float, name: str) -> Region:
    k, j, i = np.ogrid[:10, :60, :60]
    near = (3.0 * (k - 5)) ** 2 + (j - 30) ** 2 + (i - 25) ** 2 < radius_mm**2
    return Region(near, GRID, name)


def loaded(*phases: str) -> Loaded:
    case = Loaded()
    for at, phase in enumerate(phases):
        case.images[phase] = Volume(NOISE + 10 * at, GRID)
        case.regions[phase] = {"tumour": ball(8, "tumour"), "rim": ball(12, "rim")}
    return case


SMALL = EmbeddingParams(network=ResNet3dParams(depth=10), side=32)


def test_every_phase_and_region_has_a_vector_with_a_name() -> None:
    found = embed_case(loaded("A", "P"), SMALL)
    assert len(found) == 2 * 2 * 512
    assert FeatureName.parse("P/rim/resnet-3d/deep/f511") in found
    assert np.isfinite(list(found.values())).all()
    assert embed_case(loaded("A", "P"), SMALL) == found


def test_only_what_is_asked_for_is_described() -> None:
    settings = SMALL.model_copy(update={"phases": ("P",), "regions": ("tumour",)})
    found = embed_case(loaded("A", "P"), settings)
    assert {(name.phase, name.region) for name in found} == {("P", "tumour")}


def test_voxels_outside_the_region_do_not_reach_its_vector() -> None:
    case, other = loaded("A"), loaded("A")
    far = ~ball(16, "far").mask
    other.images["A"] = Volume(np.where(far, 500, NOISE).astype(np.float32), GRID)
    window = SMALL.model_copy(
        update={"scale": SMALL.scale.model_copy(update={"window": (100, 200)})}
    )
    assert embed_case(case, window) == embed_case(other, window)
    shown = window.model_copy(update={"outside": "shown"})
    assert embed_case(case, shown) != embed_case(other, shown)


def test_a_region_too_large_for_the_box_is_shown_whole_and_said() -> None:
    heard: list[Event] = []
    embed_case(loaded("A"), SMALL.model_copy(update={"margin_mm": 10.0}), on_event=heard.append)
    (said,) = (event for event in heard if isinstance(event, Noticed))
    assert said.text.startswith("the box is 1.")


def test_one_region_may_frame_the_pictures_of_all() -> None:
    # With a margin of 10 mm the rim needs coarser voxels than the tumour alone would.
    wide = SMALL.model_copy(update={"margin_mm": 10.0})
    only = wide.model_copy(update={"regions": ("tumour",)})
    both = embed_case(loaded("A"), wide)
    tumour = {name: value for name, value in both.items() if name.region == "tumour"}
    framed = embed_case(loaded("A"), only.model_copy(update={"around": "rim"}))
    assert framed == pytest.approx(tumour, rel=1e-4, abs=1e-6)
    assert embed_case(loaded("A"), only) != pytest.approx(tumour, rel=1e-2)
    with pytest.raises(StudyError, match="'liver' frames all pictures"):
        embed_case(loaded("A"), only.model_copy(update={"around": "liver"}))


def test_slices_of_a_region_are_averaged_for_a_network_of_pictures() -> None:
    settings = EmbeddingParams(network=Encoder2dParams(), side=32)
    found = embed_case(loaded("A"), settings)
    assert len(found) == 2 * 512
    one = embed_case(loaded("A"), settings.model_copy(update={"slices": 1}))
    assert one != found


def test_a_flat_picture_is_refused_by_name() -> None:
    case = loaded("A")
    case.images["A"] = Volume(np.zeros(GRID.shape, np.float32), GRID)
    with pytest.raises(ImageFileError, match=r"phase A.*more than one grey level"):
        embed_case(case, SMALL)


def test_a_mask_outside_the_image_is_refused() -> None:
    case = loaded("A")
    away = replace(GRID, origin=(500.0, 0.0, 0.0))
    case.regions["A"]["tumour"] = Region(ball(8, "tumour").mask, away, "tumour")
    window = {"window": (100.0, 200.0)}
    block = SMALL.model_copy(update={"scale": ScaleParams.model_validate(window)})
    with pytest.raises(GeometryError, match="image and region tumour must lie on one grid"):
        embed_case(case, block)
    with pytest.raises(GeometryError, match="image and region tumour must lie on one grid"):
        cut_case(case, CropsParams(region="tumour", side=32), ("A",))


def test_weights_that_are_not_there_or_others_are_refused(tmp_path: Path) -> None:
    block = EmbeddingParams.model_validate({"weights": {"path": "w.safetensors"}})
    with pytest.raises(StudyError, match="readable file"):
        resolve_weights({"deep": block}, tmp_path)
    (tmp_path / "w.safetensors").write_bytes(b"abc")
    found = resolve_weights({"deep": block}, tmp_path)["deep"]
    assert isinstance(found, EmbeddingParams)
    assert found.weights is not None
    assert len(found.weights.digest) == 64
    # No path may move a key.
    assert str(tmp_path) not in found.model_dump_json()
    other = EmbeddingParams.model_validate({"weights": {"path": "w.safetensors", "digest": "00"}})
    with pytest.raises(StudyError, match="that the study names"):
        resolve_weights({"deep": other}, tmp_path)


CUT = CropsParams(side=32, slices=3)


def test_slices_of_all_phases_lie_side_by_side() -> None:
    crops = cut_case(loaded("A", "P"), CUT, ("A", "P"))
    assert crops.pixels.shape == (1, 6, 32, 32)
    assert crops.channels_of("P") == slice(3, 6)
    assert 0 <= crops.pixels.min() < crops.pixels.max() <= 1


def test_a_missing_phase_is_empty_and_said() -> None:
    crops = cut_case(loaded("P"), CUT, ("A", "P"))
    assert crops.present.tolist() == [[False, True]]
    assert not crops.pixels[:, :3].any()
    with pytest.raises(StudyError, match="one phase at least"):
        cut_case(loaded("D"), CUT.model_copy(update={"phases": ("A", "P")}), ("A", "P", "D"))


def test_every_slice_of_the_lesion_can_be_a_picture() -> None:
    crops = cut_case(loaded("A"), CUT.model_copy(update={"every_slice": True}), ("A",))
    slices = int(ball(8, "tumour").mask.any(axis=(1, 2)).sum())
    assert crops.pixels.shape == (slices, 1, 32, 32)


def test_a_cube_has_one_channel_per_phase() -> None:
    crops = cut_case(loaded("A", "P"), CUT.model_copy(update={"shape": "box"}), ("A", "P"))
    assert crops.pixels.shape == (1, 2, 32, 32, 32)


def keep_all(folder: Path, cases: list[str]) -> dict[str, str]:
    rng = np.random.default_rng(2)
    keys = {}
    for at, case in enumerate(cases):
        one = loaded("A", "P")
        bright = 40.0 * (at % 2)
        one.images["A"] = Volume(
            (rng.normal(100, 20, GRID.shape) + bright * ball(8, "t").mask).astype(np.float32), GRID
        )
        window = CUT.model_copy(
            update={"slices": 1, "scale": SMALL.scale.model_copy(update={"window": (100, 200)})}
        )
        keys[case] = f"{at:064d}"
        keep_crops(folder, keys[case], "mri", cut_case(one, window, ("A", "P")))
    return keys


def test_pictures_come_back_as_they_were_kept_and_their_loss_is_said(tmp_path: Path) -> None:
    keys = keep_all(tmp_path, ["a", "b"])
    crops = KeptCrops(tmp_path, "mri", keys).load()
    assert crops.cases == ("a", "b")
    assert crops.phases == ("A", "P")
    crops_path(tmp_path, keys["b"], "mri").unlink()
    with pytest.raises(StoreError, match="case b"):
        KeptCrops(tmp_path, "mri", {"b": keys["b"]}).load()


def network_params(**loop: object) -> NetworkModelParams:
    return NetworkModelParams.model_validate(
        {"network": {"resnet-2d": {}}, "loop": {"epochs": 12, "batch": 8, "optimiser": "adam",
         "learning_rate": 0.003, "augment": None, "precision": "float32", **loop}}
    )  # fmt: skip


def test_a_network_is_a_model_with_risks_and_probabilities(tmp_path: Path) -> None:
    cases = [f"c{at:02d}" for at in range(36)]
    place = KeptCrops(tmp_path, "mri", keep_all(tmp_path, cases))
    event = np.arange(36) % 2 == 1
    cohort = Cohort(FeatureTable(np.zeros((36, 0)), tuple(cases), ()), Binary(event))
    fold = Fold(frozenset(cases[10:]), frozenset(cases[:10]))
    params = network_params().with_pictures(place)
    model = SCORE_MODELS[params](fold.train(cohort), params, np.random.default_rng(1))
    assert isinstance(model, NetworkModel)
    test = fold.test(cohort)
    chance = model.probability(test)
    assert ((chance > 0) & (chance < 1)).all()
    assert (
        model.apply(test).values[event[:10], 0].min()
        > model.apply(test).values[~event[:10], 0].max()
    )
    assert "inner loss" in model.notes[0]
    with pytest.raises(StudyError, match="pictures among the sources"):
        SCORE_MODELS[params](fold.train(cohort), network_params(), np.random.default_rng(1))


def test_a_network_of_times_gives_a_risk_within_a_horizon(tmp_path: Path) -> None:
    cases = [f"c{at:02d}" for at in range(30)]
    place = KeptCrops(tmp_path, "mri", keep_all(tmp_path, cases))
    days = np.where(np.arange(30) % 2 == 1, 100.0, 1000.0) + np.arange(30)
    cohort = Cohort(
        FeatureTable(np.zeros((30, 0)), tuple(cases), ()), Survival(days, np.ones(30, dtype=bool))
    )
    fold = Fold(frozenset(cases[8:]), frozenset(cases[:8]))
    params = network_params(epochs=3).with_pictures(place)
    model = SCORE_MODELS[params](fold.train(cohort), params, np.random.default_rng(1))
    assert np.isfinite(model.probability(fold.test(cohort), 500.0)).all()
    with pytest.raises(NotEstimableError, match=r"horizon|time"):
        model.probability(fold.test(cohort))


def test_a_fusion_without_columns_learns_from_the_picture_and_says_so(tmp_path: Path) -> None:
    cases = [f"c{at:02d}" for at in range(20)]
    place = KeptCrops(tmp_path, "mri", keep_all(tmp_path, cases))
    event = np.arange(20) % 2 == 1
    cohort = Cohort(FeatureTable(np.zeros((20, 0)), tuple(cases), ()), Binary(event))
    fold = Fold(frozenset(cases[4:]), frozenset(cases[:4]))
    plain = network_params(epochs=1).model_copy(update={"network": FusionParams()})
    params = plain.with_pictures(place)
    model = SCORE_MODELS[params](fold.train(cohort), params, np.random.default_rng(1))
    assert any("picture alone" in note for note in model.notes)
    assert np.isfinite(model.apply(fold.test(cohort)).values).all()


def test_channels_and_phases_follow_the_pictures(tmp_path: Path) -> None:
    crops = cut_case(loaded("A", "P"), CUT, ("A", "P"))
    free = fitted_to(NetworkModelParams.model_validate({"network": {"fusion": {}}}), crops).network
    assert isinstance(free, FusionParams)
    assert isinstance(free.image, ResNet2dParams)
    assert (free.in_channels, free.image.in_channels, free.image.phases) == (6, 6, 2)
    said = NetworkModelParams.model_validate({"network": {"resnet-2d": {"in_channels": 9}}})
    # What travelled to another process no longer knows which settings the study named.
    found = fitted_to(said, crops).network
    assert isinstance(found, ResNet2dParams)
    assert (found.in_channels, found.phases) == (6, 2)


def test_the_place_of_pictures_travels_to_workers_and_belongs_to_the_key() -> None:
    kept: dict[str, Part] = {}
    models = ModelsParams.model_validate({"sets": {"dl": ["dl"]}})
    place = KeptCrops(Path("out"), "mri", {"P1": "abc"})
    recipe = Recipe({}, models, {}, 2, 7, pictures={"dl": place})
    text = Freezer(kept.__setitem__).freeze(recipe)
    assert thaw(text, kept.__getitem__).pictures == {"dl": place}
    other = replace(recipe, pictures={"dl": KeptCrops(Path("out"), "mri", {"P1": "abd"})})
    assert Freezer(kept.__setitem__).freeze(other) != text


class Score:
    """What a score of a study looks like to the check."""

    def __init__(self, model: object, *sources: str) -> None:
        self.model, self.from_ = model, sources


def test_a_network_without_pictures_and_pictures_without_a_network_are_refused() -> None:
    blocks = {"mri": CropsParams(), "deep": EmbeddingParams()}
    check_pictures({"dl": Score(NetworkModelParams(), "mri", "clinical")}, blocks)
    for wrong in (Score(NetworkModelParams(), "deep"), Score(object(), "mri")):
        with pytest.raises(ValueError, match="one block of pictures"):
            check_pictures({"dl": wrong}, blocks)
