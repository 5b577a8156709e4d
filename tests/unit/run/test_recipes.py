# SPDX-License-Identifier: Apache-2.0
"""The five published studies: a file that says what the paper did, and a cohort of its shape."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.cli.main import main
from hepacast.core.errors import StudyError
from hepacast.core.events import Event, Noticed
from hepacast.core.registry import kind_of
from hepacast.phantom import PhantomParams
from hepacast.phantom.params import centre_of
from hepacast.phantom.sheet import Block, draw_sheet
from hepacast.run import whole
from hepacast.run.cases import measure
from hepacast.run.gather import gather
from hepacast.run.parts.deep_settings import CropsParams, EmbeddingParams, NetworkModelParams
from hepacast.run.parts.semantic_settings import SemanticBlockParams
from hepacast.run.protocol.cohorts import Patient, divide_patients, patients_of
from hepacast.run.protocol.feasible import require_feasible
from hepacast.run.recipes import RECIPES, Size, study_text, write_recipe
from hepacast.run.recipes.draw import draw_images
from hepacast.run.settings.study import parse_study
from hepacast.run.work.execution import Execution

if TYPE_CHECKING:
    from pathlib import Path

SIZES = {
    "ceus-resection": (289, 125),
    "cemri-resection": (132, 33),
    "cect-dsfr": (180, 28),
    "cect-progression": (236, 96),
    "cect-ablation": (155, 67, 66),
}
"""Patients of every cohort, as the papers print them."""


TABLES = Size(tables=True, share=1e-4)
EVERY = [Size(), Size(share=0.1), Size(tables=True)]


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_is_a_study_with_the_cohorts_of_its_paper(name: str, tmp_path: Path) -> None:
    write_recipe(name, tmp_path, TABLES, phantom=True)
    materials = gather(tmp_path / "study.yaml")
    require_feasible(materials)
    assert materials.study.protocol == "as-published"
    assert materials.study.study.synthetic
    people = patients_of(materials, materials.clinical.cases)
    found = divide_patients(people, materials.study.split)
    sizes = (len(found.develop), *map(len, found.tests.values()))
    # 7:3 of 222 is 155.4; dealing within five hospitals rounds five times.
    assert np.abs(np.subtract(sizes, SIZES[name])).max() <= 1
    assert not found.nowhere


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_images_are_divided_like_tables(name: str) -> None:
    size = Size()
    centres = size.of(RECIPES[name].centres)
    params = PhantomParams(patients=sum(centres), centres=len(centres), centre_sizes=centres)
    people = [
        Patient(f"P{index}", f"S{centre_of(params, index) + 1}")
        for index in range(1, params.patients + 1)
    ]
    found = divide_patients(people, parse_study(study_text(name, size)).split)
    sizes = (len(found.develop), *map(len, found.tests.values()))
    assert np.abs(np.subtract(sizes, SIZES[name])).max() <= 1
    assert not found.nowhere


@pytest.mark.parametrize("size", EVERY, ids=["paper", "small", "tables"])
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_prints_the_papers_figures_beside_models_that_it_has(
    name: str, size: Size
) -> None:
    study = parse_study(study_text(name, size))
    kinds = [f" {kind_of(one)}" for one in study.models.algorithms] or [""]
    models = {f"{name}{kind}" for name in study.models.sets for kind in kinds}
    models |= {kind_of(one) for one in study.models.comparators}
    cohorts = {"development", *study.split.tests}
    for place, figures in study.published.printed.items():
        outcome, _, model = place.rpartition("/")
        assert model in models
        assert not outcome or outcome in study.outcomes
        assert set(figures) <= cohorts


def test_the_papers_size_is_the_papers() -> None:
    study = parse_study(study_text("cemri-resection", Size()))
    pictures, network = study.features["mri"], study.scores["dl"].model
    assert isinstance(pictures, CropsParams)
    assert isinstance(network, NetworkModelParams)
    assert (pictures.side, pictures.slices, network.loop.steps, network.loop.batch) == (
        256, 3, 200, 64,
    )  # fmt: skip
    outlines = parse_study(study_text("cect-dsfr", Size())).features["dsfr"]
    assert isinstance(outlines, SemanticBlockParams)
    assert (outlines.teachers, outlines.network.base, outlines.side) == (60, 32, 256)
    vectors = parse_study(study_text("cect-ablation", Size())).features["deep"]
    assert isinstance(vectors, EmbeddingParams)
    assert vectors.side == 64


def test_a_recipe_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("mine")
    with pytest.raises(StudyError, match="must not hold a study yet"):
        write_recipe("cect-dsfr", tmp_path, Size())
    assert (tmp_path / "study.yaml").read_text() == "mine"


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(StudyError, match="patients of the paper's size"):
        Size(patients=0)


def test_init_names_the_recipes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "new"), "--recipe", "cect"]) == 2
    assert "cect-ablation" in capfd.readouterr().err
    assert main(["init", str(tmp_path / "new"), "--recipe", "cect-dsfr"]) == 0
    written = {path.name for path in (tmp_path / "new").iterdir()}
    assert written == {"study.yaml", "cases.csv", "clinical.csv", "fields.yaml"}


def test_a_sheet_sees_the_truth_in_some_columns_only() -> None:
    params = PhantomParams(patients=300, seed=4)
    table = draw_sheet(params, Block(("A",), ("tumour",), 60, 0.3, 0.7))
    again = draw_sheet(params, Block(("A",), ("tumour",), 60, 0.3, 0.7))
    np.testing.assert_array_equal(table.values, again.values)
    assert (table.values[:, 0] > 0).all()


def test_a_clip_and_a_picture_of_every_patient_are_listed(tmp_path: Path) -> None:
    shape = replace(RECIPES["ceus-resection"], centres=(3,))
    draw_images(shape, tmp_path, Size())
    rows = list(csv.DictReader((tmp_path / "cases.csv").read_text("utf-8").splitlines()))
    assert {(row["case"], row["phase"]) for row in rows} == {
        (f"P00{at}", phase) for at in (1, 2, 3) for phase in ("greyscale", "ceus")
    }
    for row in rows:
        assert (row["phase"] == "ceus") == row["frame"].isdigit()
        assert (tmp_path / row["image"]).is_file()
        assert (tmp_path / row["mask_tumour"]).is_file()


def hurried(folder: Path, name: str, size: Size) -> Path:
    """Write a recipe and a cohort, and let two folds do."""
    write_recipe(name, folder, size, phantom=True)
    text = (folder / "study.yaml").read_text(encoding="utf-8")
    for often in ("outer: 5", "inner: 5", "repeats: 2"):
        text = text.replace(often, f"{often[:-1]}{1 if 'repeats' in often else 2}")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return folder / "study.yaml"


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing: what is drawn is tested elsewhere."""
    monkeypatch.setattr(whole, "write_report", lambda _content, folder: folder / "report.html")
    monkeypatch.setattr(whole, "write_case_pages", lambda *_args, **_kwargs: None)
    nothing = {"regions": b"\x89PNG\r\n\x1a\n"}
    monkeypatch.setattr(measure, "draw_case", lambda _case, _loaded: nothing)


def test_networks_of_a_recipe_learn_from_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    study = hurried(tmp_path, "cect-dsfr", Size(share=0.125, patients=0.2))
    heard: list[Event] = []
    finished = whole.run_study(
        study, tmp_path / "out", execution=Execution(1), on_event=heard.append
    )
    text = "\n".join(finished.summary)
    assert "DSFR-C" in text
    assert "as published" in text
    said = [one.text for one in heard if isinstance(one, Noticed) and one.where == "dsfr portal"]
    # 36 and 12 patients, 12 of whom taught.
    assert "learned from 12 patients" in said[0]
    assert "in 36 cases" in said[0]
    result = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert "taught the network of dsfr" in json.dumps(result)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_runs_from_end_to_end_on_tables(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "write_report", lambda _content, folder: folder / "report.html")
    write_recipe(name, tmp_path, Size(tables=True, share=0.02), phantom=True)
    finished = whole.run_study(tmp_path / "study.yaml", tmp_path / "out", execution=Execution(2))
    text = "\n".join(finished.summary)
    assert "as published" in text
    assert "printed" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_runs_from_end_to_end_on_images(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    study = hurried(tmp_path, name, Size(share=0.125, patients=0.25))
    finished = whole.run_study(study, tmp_path / "out", execution=Execution(2))
    text = "\n".join(finished.summary)
    assert "as published" in text
    assert "printed" in text
