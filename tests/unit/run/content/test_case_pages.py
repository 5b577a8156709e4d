# SPDX-License-Identifier: Apache-2.0
"""A page per case: pictures, regions, log; linked from the report, opening offline."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib import image as matplotlib_image

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.report.case_report import render_case
from hepacast.report.content import (
    CaseFacts,
    Notice,
    Picture,
    RegionFacts,
    ReportContent,
    Study,
)
from hepacast.report.document import render_html
from hepacast.run.cases.load import Loaded
from hepacast.run.cases.pictures import CAPTIONS, draw_case
from hepacast.run.cases.record import CaseRecord
from hepacast.run.content.case_pages import FOLDER, write_case_pages
from hepacast.run.parts.align import AlignParams, align

if TYPE_CHECKING:
    from pathlib import Path

GRID = Grid((16, 40, 44), (4.0, 2.5, 2.5))
EVIL = "<script>alert(1)</script>"
FACTS = CaseFacts(
    case="P1",
    facts={"Age": "61 years"},
    regions=(RegionFacts(phase="portal", region="tumour", voxels=90, volume_ml=2.25, mean=71.5),),
    notices=(Notice(where="portal", text=f"3 identical slices dropped {EVIL}"),),
    page=f"{FOLDER}/case-0001-p1.html",
)
PNG = bytes.fromhex("89504e470d0a1a0a")


def loaded() -> Loaded:
    """Return a case of two phases, one moved onto the other."""
    rng = np.random.default_rng(1)
    k, j, i = np.indices(GRID.shape) * np.array(GRID.spacing)[:, None, None, None]
    liver = ((k - 30) / 22) ** 2 + ((j - 52) / 28) ** 2 + ((i - 42) / 26) ** 2 <= 1
    tumour = (k - 30) ** 2 + (j - 52) ** 2 + (i - 40) ** 2 <= 100

    def scan(shift: int) -> Volume:
        data = np.where(np.roll(liver, shift, 0), 100.0, -20.0) + rng.normal(0, 5, GRID.shape)
        return Volume(data.astype(np.float32), GRID)

    regions = {"liver": Region(liver, GRID, "liver"), "tumour": Region(tumour, GRID, "tumour")}
    case = Loaded(images={"portal": scan(0), "arterial": scan(1)})
    case.regions = dict.fromkeys(case.images, regions)
    case.aligned = align(case.images, {}, regions["liver"], AlignParams(to="portal"))
    return case


def test_every_picture_is_a_png_with_words_that_say_what_to_look_for() -> None:
    found = draw_case("P1", loaded())
    assert list(found) == ["regions", "planes", "histogram", "registration"]
    for name, png in found.items():
        pixels = matplotlib_image.imread(io.BytesIO(png))
        assert min(pixels.shape[:2]) > 150
        assert pixels[..., :3].std() > 0.05, name
        assert CAPTIONS[name].endswith(".")


def test_pictures_of_one_case_are_the_same_every_time() -> None:
    case = loaded()
    assert draw_case("P1", case) == draw_case("P1", case)


def test_the_page_shows_regions_and_everything_that_was_repaired() -> None:
    picture = Picture(caption="Outlines.", png=PNG, case="P1", stage="regions")
    content = ReportContent(study=Study(name="s", seed=1), case_facts=(FACTS,), pictures=(picture,))
    page = render_case(content, "P1")
    for words in ("61 years", "2.25", "71.5", "3 identical slices dropped", "../report.html"):
        assert words in page
    assert EVIL not in page
    assert not re.search(r'(src|href)="(https?:)?//', page)


def test_a_case_without_remarks_says_so() -> None:
    quiet = FACTS.model_copy(update={"notices": ()})
    content = ReportContent(study=Study(name="s", seed=1), case_facts=(quiet,))
    assert "Nothing was repaired or flagged" in render_case(content, "P1")


def test_the_report_links_every_page_and_every_page_is_there(tmp_path: Path) -> None:
    other = CaseFacts(case="P2", page=f"{FOLDER}/case-0002-p2.html")
    content = ReportContent(study=Study(name="s", seed=1), case_facts=(FACTS, other))
    record = CaseRecord("P1", "k", {}, {}, (), {"regions": PNG, "time-intensity": PNG})
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "case-0009-old.html").touch()
    write_case_pages(content, {"P1": record}, tmp_path)
    links = re.findall(rf'href="({FOLDER}/[^"]+)"', render_html(content))
    assert links == [FACTS.page, other.page]
    assert all((tmp_path / link).is_file() for link in links)
    names = {path.name for path in (tmp_path / FOLDER).iterdir()}
    assert names == {"case-0001-p1.html", "case-0001-p1.png", "case-0002-p2.html"}


def test_a_study_without_images_has_no_pages(tmp_path: Path) -> None:
    write_case_pages(ReportContent(study=Study(name="s", seed=1)), {}, tmp_path)
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize("flat", [True, False])
def test_a_single_slice_is_drawn_without_other_planes(*, flat: bool) -> None:
    case = loaded()
    case.aligned = {}
    if flat:
        box = (slice(7, 8), slice(0, 40), slice(0, 44))
        case.images = {name: image.crop(box) for name, image in case.images.items()}
        case.regions = {
            name: {key: region.crop(box) for key, region in regions.items()}
            for name, regions in case.regions.items()
        }
    assert ("planes" in draw_case("P1", case)) is not flat
