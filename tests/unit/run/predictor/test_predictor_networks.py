# SPDX-License-Identifier: Apache-2.0
"""A predictor with a frozen network carries its weights, and shows where the network looked."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import pytest

from hepacast.core.errors import WeightsError
from hepacast.core.geometry import Grid
from hepacast.core.provenance import digest_bytes
from hepacast.core.volume import Region, Volume
from hepacast.deep.networks import ResNet3dParams, build
from hepacast.io.images import read_image
from hepacast.io.nifti import write_nifti
from hepacast.io.weights import write_weights
from hepacast.run import whole
from hepacast.run.predictor.files import read_predictor
from hepacast.run.predictor.networks import load_networks
from hepacast.run.predictor.predict import predict_case
from hepacast.run.predictor.predictor import PredictorError
from hepacast.run.predictor.saliency import NO_NETWORK, slopes_of
from hepacast.run.protocol.apparent import final_fit
from hepacast.run.work.execution import Execution
from hepacast.serve.objects import predict_folder
from tests.unit.run.predictor.test_predictor import edit_model
from tests.unit.serve.small import small_study

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.run.predictor.result import Result

pytest.importorskip("torch")

STUDY = """
schema: 1
study: {name: vectors, title: A frozen network that travels}
cases: {table: cases.csv, masks: {tumour: mask}}
clinical: {table: clinical.csv, dictionary: fields.yaml}
outcomes: {er: {kind: binary, event: er, event_level: "1", other_levels: ["0"]}}
regions: {tumour: {mask: tumour}, ring: {from: tumour, ring_mm: 3}}
features:
  deep:
    engine: embedding
    network: {resnet-3d: {depth: 10, last_stages: dilated}}
    weights: {path: own.safetensors, layout: hepacast}
    side: 32
    outside: shown
    scale: {window: [0, 120]}
scores: {vectors: {from: [deep], steps: [impute, variance, zscore], model: ridge}}
models: {sets: {frozen: [vectors]}}
split: {seed: 7, outer: 2, repeats: 1, inner: 2}
controls: {permuted_labels: 0}
deploy: {model: frozen}
"""
HEARD: list[Any] = []
GRID = Grid((12, 30, 30), (2.0, 1.0, 1.0))


def _no_report(_content: object, out: Path, **_options: object) -> Path:
    return out / "report.html"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a study of twenty-four cases with the weights of a file, and throw the file away."""
    folder = tmp_path_factory.mktemp("vectors")
    rng = np.random.default_rng(5)
    cases, clinical = ["case,phase,image,mask"], ["case,er"]
    for at in range(24):
        place = folder / f"{at}"
        place.mkdir()
        bright = at % 2
        data = rng.normal(50, 5, GRID.shape).astype(np.float32)
        inside = np.zeros(GRID.shape, dtype=bool)
        inside[4:8, 11:19, 11:19] = True
        data[inside] += 40 * bright
        write_nifti(Volume(data, GRID), place / "portal.nii.gz")
        write_nifti(Region(inside, GRID), place / "portal_tumour.nii.gz")
        cases.append(f"C{at:02d},portal,{at}/portal.nii.gz,{at}/portal_tumour.nii.gz")
        clinical.append(f"C{at:02d},{bright if at > 2 else 1 - bright}")
    (folder / "cases.csv").write_text("\n".join(cases))
    (folder / "clinical.csv").write_text("\n".join(clinical))
    (folder / "fields.yaml").write_text("er: {kind: event, timing: outcome}")
    (folder / "study.yaml").write_text(STUDY)
    network = build(ResNet3dParams(depth=10, last_stages="dilated"), 11)
    arrays = {name: one.numpy() for name, one in network.state_dict().items()}
    write_weights(folder / "own.safetensors", arrays, {})
    with pytest.MonkeyPatch.context() as patch:

        def listen(*words: Any) -> Any:
            HEARD.append(final_fit(*words))
            return HEARD[-1]

        patch.setattr("hepacast.run.protocol.find.final_fit", listen)
        patch.setattr(whole, "write_report", _no_report)
        patch.setattr(
            "hepacast.run.cases.measure.draw_case", lambda *_: {"regions": b"\x89PNG\r\n\x1a\n"}
        )
        whole.run_study(folder / "study.yaml", folder / "out", execution=Execution(1))
    (folder / "own.safetensors").rename(folder / "gone.safetensors")
    return folder


@pytest.fixture(scope="module")
def scored(study: Path) -> tuple[Path, Result]:
    """Score one case, with everything that comes of it."""
    model = read_predictor(study / "out" / "predictor")
    result, _ = predict_folder(model, study / "5", study / "scored")
    return study / "scored", result


def test_the_weights_travel_and_the_numbers_are_those_of_the_study(
    study: Path, scored: tuple[Path, Result]
) -> None:
    (weights,) = (study / "out" / "predictor" / "networks").iterdir()
    assert weights.read_bytes() == (study / "gone.safetensors").read_bytes()
    assert str(study).encode() not in (study / "out" / "predictor" / "model.json").read_bytes()
    wanted, result = HEARD[-1].models["frozen"], scored[1]
    row = wanted.cases.index("C05")
    assert abs(result.score - wanted.score[row]) <= 1e-9
    assert abs(result.probability - wanted.probability[row]) <= 1e-9
    assert len(result.features) == 2 * 512


def test_other_weights_in_their_place_are_refused(study: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(study / "out" / "predictor", tmp_path / "copy")
    (weights,) = (copy / "networks").iterdir()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(PredictorError, match="other bytes"):
        read_predictor(copy)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "", "0" * 63])
def test_weights_are_read_from_the_folder_of_the_predictor_alone(
    name: str, study: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(study / "out" / "predictor", tmp_path / "copy")
    (weights,) = (copy / "networks").iterdir()

    def elsewhere(content: Any) -> None:
        content.update(json.loads(json.dumps(content).replace(weights.stem, name)))

    edit_model(copy, elsewhere)
    with pytest.raises(PredictorError):
        read_predictor(copy)


def test_a_service_notices_weights_of_another_network_at_its_start(
    study: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(study / "out" / "predictor", tmp_path / "copy")
    (weights,) = (copy / "networks").iterdir()
    arrays = {"other": np.ones(3, np.float32)}
    write_weights(tmp_path / "other.safetensors", arrays, {})
    digest = digest_bytes((tmp_path / "other.safetensors").read_bytes())
    (tmp_path / "other.safetensors").rename(copy / "networks" / f"{digest}.safetensors")

    def other(content: Any) -> None:
        content.update(json.loads(json.dumps(content).replace(weights.stem, digest)))

    edit_model(copy, other)
    with pytest.raises(WeightsError):
        load_networks(read_predictor(copy).preparation)


def test_maps_lie_on_the_image_and_say_what_they_are(
    study: Path, scored: tuple[Path, Result]
) -> None:
    out, result = scored
    told = json.loads((out / "result.json").read_text())
    assert told["no_saliency"] == ""
    assert told["saliency"] == result.saliency
    assert sorted(told["saliency"]) == ["saliency/1-portal-tumour", "saliency/2-portal-ring"]
    grid = read_image(study / "5" / "portal.nii.gz").grid
    for stem, caption in told["saliency"].items():
        assert "grad-cam of share of the score" in caption
        written = read_image(out / f"{stem}.nii.gz")
        written.grid.require_same(grid, what="map and image")
        values = np.asarray(nib.load(out / f"{stem}.nii.gz").dataobj)  # type: ignore[attr-defined]
        assert values.min() >= 0
        assert values.max() > 0
        assert (out / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
        assert json.loads((out / f"{stem}.json").read_text())["caption"] in caption
    page = (out / "case.html").read_text()
    assert page.count("data:image/png;base64,") == len(list(out.rglob("*.png"))) >= 3
    assert "share of the score" in page


def test_the_shares_of_the_vectors_add_up_to_the_score(study: Path) -> None:
    model = read_predictor(study / "out" / "predictor")
    one, other = (predict_case(model, study / f"{at}")[0] for at in (4, 5))
    slopes = slopes_of(model, one)
    assert len(slopes) > 500
    apart = sum(
        slope * ((one.features[str(c)] or 0) - (other.features[str(c)] or 0))
        for c, slope in slopes.items()
    )
    assert one.score != other.score
    # Ridge is linear, so that nothing but its columns without spread is left out.
    assert apart == pytest.approx(one.score - other.score, rel=1e-6)


def test_a_picture_shows_the_share_that_its_caption_names(
    study: Path, scored: tuple[Path, Result]
) -> None:
    """The number in a caption is the slope times the vector, by hand."""
    model = read_predictor(study / "out" / "predictor")
    result = scored[1]
    slopes = slopes_of(model, result)
    for region in ("tumour", "ring"):
        share = sum(
            s * (result.features[str(c)] or 0) for c, s in slopes.items() if c.region == region
        )
        (caption,) = (text for stem, text in result.saliency.items() if stem.endswith(region))
        assert f"image {share:.3f}," in caption


def test_without_a_network_there_is_no_map_and_the_result_says_so(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    small = small_study(tmp_path_factory)
    predict_folder(read_predictor(small / "out" / "predictor"), small / "3", tmp_path)
    told: dict[str, Any] = json.loads((tmp_path / "result.json").read_text())
    assert told["saliency"] == {}
    assert told["no_saliency"] == NO_NETWORK
    assert not (tmp_path / "saliency").exists()
