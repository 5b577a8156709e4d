"""Every figure that a recipe calls printed stands in the text of its paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from hepacast.run.recipes import RECIPES, Size, study_text
from hepacast.run.settings.study import parse_study

ROOT = Path(__file__).resolve().parents[3]
PAPERS = {
    "ceus-resection": "huang2022_ceus_resection.txt",
    "cemri-resection": "cemri_dlrcr_resection.txt",
    "cect-dsfr": "wang2022_dsfr_cect_resection.txt",
    "cect-progression": "fu2021_csd_aggressive_progression.txt",
    "cect-ablation": "li2025_dlrr_ablation.txt",
}


def spellings(value: float) -> set[str]:
    """Return how a paper may print a figure: 0.580 as 0.58, too."""
    return {f"{value:.3f}", f"{value:g}"}


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_printed_figure_stands_in_its_paper(name: str, shared: Path) -> None:
    paper = shared.parent / "papers" / PAPERS[name]
    if not paper.is_file():
        pytest.skip(f"no {paper.name} beside the shared data")
    text = paper.read_text(encoding="utf-8")
    printed = parse_study(study_text(name, Size())).published.printed
    assert printed
    absent = [
        (model, cohort, value)
        for model, figures in printed.items()
        for cohort, value in figures.items()
        if not any(one in text for one in spellings(value))
    ]
    assert not absent


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_printed_figure_stands_on_the_page_of_the_recipe(name: str) -> None:
    page = (ROOT / "docs" / "recipes" / f"{name}.md").read_text(encoding="utf-8")
    printed = parse_study(study_text(name, Size())).published.printed
    shown = {model: figures for model, figures in printed.items() if model not in {"nlr", "plr"}}
    absent = [
        (model, value)
        for model, figures in shown.items()
        for value in figures.values()
        if f"{value:.3f}" not in page
    ]
    assert not absent
