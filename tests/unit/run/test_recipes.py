# SPDX-License-Identifier: Apache-2.0
"""The five published studies: a file that says what the paper did, and a cohort of its shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.cli.main import main
from hepacast.core.errors import StudyError
from hepacast.core.registry import kind_of
from hepacast.phantom import PhantomParams
from hepacast.phantom.sheet import Block, draw_sheet
from hepacast.run import whole
from hepacast.run.cohorts import divide_patients, patients_of
from hepacast.run.execution import Execution
from hepacast.run.feasible import require_feasible
from hepacast.run.gather import gather
from hepacast.run.recipes import RECIPES, write_recipe

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


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_is_a_study_with_the_cohorts_of_its_paper(name: str, tmp_path: Path) -> None:
    write_recipe(name, tmp_path, phantom=1e-4)
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
def test_a_recipe_prints_the_papers_figures_beside_models_that_it_has(
    name: str, tmp_path: Path
) -> None:
    write_recipe(name, tmp_path, phantom=1e-4)
    study = gather(tmp_path / "study.yaml").study
    kinds = [f" {kind_of(one)}" for one in study.models.algorithms] or [""]
    models = {f"{name}{kind}" for name in study.models.sets for kind in kinds}
    cohorts = {"development", *study.split.tests}
    for place, figures in study.published.printed.items():
        outcome, _, model = place.rpartition("/")
        assert model in models
        assert not outcome or outcome in study.outcomes
        assert set(figures) <= cohorts


def test_a_recipe_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("mine")
    with pytest.raises(StudyError, match="must not hold a study yet"):
        write_recipe("cect-dsfr", tmp_path)
    assert (tmp_path / "study.yaml").read_text() == "mine"


def test_init_names_the_recipes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "new"), "--recipe", "cect"]) == 2
    assert "cect-ablation" in capfd.readouterr().err
    assert main(["init", str(tmp_path / "new"), "--recipe", "cect-dsfr"]) == 0
    assert (tmp_path / "new" / "study.yaml").is_file()


def test_a_sheet_sees_the_truth_in_some_columns_only() -> None:
    params = PhantomParams(patients=300, seed=4)
    table = draw_sheet(params, Block(("A",), ("tumour",), 60, 0.3, 0.7))
    again = draw_sheet(params, Block(("A",), ("tumour",), 60, 0.3, 0.7))
    np.testing.assert_array_equal(table.values, again.values)
    assert (table.values[:, 0] > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_runs_from_end_to_end(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "write_report", lambda _content, folder: folder / "report.html")
    write_recipe(name, tmp_path, phantom=0.02)
    finished = whole.run_study(tmp_path / "study.yaml", tmp_path / "out", execution=Execution(2))
    text = "\n".join(finished.summary)
    assert "as published" in text
    assert "printed" in text
