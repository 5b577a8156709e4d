"""Two readers score a few cases, alone and with the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hepacast.serve.web.reader import ReaderStore
from tests.browser.web.conftest import CHINESE, EVIL

if TYPE_CHECKING:
    from tests.browser.web.conftest import Visit

CASES = 6
PLAN = {EVIL: (10, 80, 30, 60, 45, 70), CHINESE: (55, 20, 90, 35, 65, 5)}
"""Names of the readers, and what they say case by case, in percent."""


def _begin(visit: Visit, name: str) -> None:
    visit.open("/reader")
    visit.page.get_by_label("Name or code").fill(name)
    visit.page.get_by_label("End point and model").select_option(label="Er; both")
    visit.page.get_by_label("Cases").fill(str(CASES))
    visit.page.get_by_role("button", name="Start or go on").click()


def _answer(visit: Visit, percent: int) -> None:
    page = visit.page
    page.get_by_label("Probability of the event").fill(str(percent))
    page.get_by_label("yes" if percent >= 50 else "no", exact=True).check()
    page.get_by_role("button", name="Keep and go on").click()


def _judge(visit: Visit, name: str) -> None:
    """Look at a page of the mode once it has its images."""
    visit.page.wait_for_selector("#viewer[data-ready]", timeout=60_000)
    visit.page.wait_for_load_state("networkidle")
    visit.require_fits()
    visit.keep(name)
    assert visit.faults() == []


def test_a_case_is_shown_with_its_images_and_fits(visit: Visit) -> None:
    _begin(visit, f"width {visit.width}")
    visit.page.wait_for_selector(f"h1:text-is('Case 1 of {CASES}, alone')")
    _judge(visit, "reader-alone")
    visit.require_quiet()


@pytest.mark.slow
def test_two_readers_score_alone_and_with_the_model(desk: Visit) -> None:
    for name, says in PLAN.items():
        _begin(desk, name)
        for stage in ("alone", "with the model"):
            for at in range(CASES):
                desk.page.wait_for_selector(f"h1:text-is('Case {at + 1} of {CASES}, {stage}')")
                assert name in desk.page.locator("main").inner_text()
                assert desk.page.locator("#shown").count() == (stage != "alone")
                assert desk.page.get_by_text("Patients", exact=True).count() == 0
                if at == 0 and name == EVIL and stage != "alone":
                    _judge(desk, "reader-with-model")
                _answer(desk, says[at])
        desk.page.wait_for_selector("h1:text-is('Finished')")
    for one in ReaderStore(desk.site.out).readers():
        if one.name in PLAN:
            held = [one.of("alone")[case] for case in one.order("alone")]
            assert [answer.percent for answer in held] == list(PLAN[one.name])
            assert [answer.call for answer in held] == [p >= 50 for p in PLAN[one.name]]
    _require_pages_for_the_leader(desk)


def _require_pages_for_the_leader(visit: Visit) -> None:
    """Look at the list of readers and at the analysis."""
    visit.open("/reader")
    visit.require_fits()
    visit.keep("reader")
    assert visit.faults() == []
    visit.page.get_by_role("link", name="Analysis of the readers").click()
    visit.page.wait_for_selector("h1:text-is('Analysis of the readers')")
    text = visit.page.locator("main").inner_text()
    for words in (EVIL, CHINESE, "exact McNemar", "Clopper-Pearson", "paired DeLong", "kappa"):
        assert words in text, words
    assert "Obuchowski-Rockette, random readers" in text
    visit.require_fits()
    visit.keep("readings")
    visit.page.set_viewport_size({"width": 390, "height": 900})
    visit.require_fits()
    visit.keep("readings-phone")
    visit.require_quiet()
    assert visit.faults() == []
