"""Two readers score a few cases, alone and with the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def test_two_readers_score_alone_and_with_the_model(visit: Visit) -> None:
    for name, says in PLAN.items():
        # Each width is a study of its own.
        _begin(visit, f"{name} {visit.width}")
        for stage in ("alone", "with the model"):
            for at in range(CASES):
                heading = f"Case {at + 1} of {CASES}, {stage}"
                visit.page.wait_for_selector(f"h1:text-is('{heading}')")
                assert f"{name} {visit.width}" in visit.page.locator("main").inner_text()
                assert visit.page.locator("#shown").count() == (stage != "alone")
                assert visit.page.get_by_text("Patients", exact=True).count() == 0
                if at == 0 and name == EVIL:
                    _judge(visit, f"reader-{stage.replace(' ', '-')}")
                _answer(visit, says[at])
        visit.page.wait_for_selector("h1:text-is('Finished')")
    store = ReaderStore(visit.site.out)
    mine = [one for one in store.readers() if one.name.endswith(str(visit.width))]
    assert len(mine) == len(PLAN)
    for one in mine:
        held = one.of("alone")
        said = PLAN[one.name.removesuffix(f" {visit.width}")]
        assert [held[case].percent for case in one.order("alone")] == list(said)
        assert [held[case].call for case in one.order("alone")] == [p >= 50 for p in said]
    visit.open("/reader")
    visit.require_fits()
    visit.keep("reader")
    visit.require_quiet()
    assert visit.faults() == []
