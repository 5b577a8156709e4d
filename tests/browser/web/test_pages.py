"""Every page of a run, at two widths: quiet, within the screen, and open to everybody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.web.conftest import CASES, CHINESE, EVIL, NO_MASK

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.browser.web.conftest import Site, Visit

PAGES = ("/cohort", "/models", "/calculator", "/reader", "/run", "/report")


def _settle(visit: Visit) -> None:
    """Wait until the viewer of a case has its images."""
    visit.page.wait_for_selector("#viewer[data-ready]", timeout=60_000)
    visit.page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_quiet_fits_and_can_be_used_by_everybody(page: str, visit: Visit) -> None:
    answer = visit.open(page)
    assert answer is not None
    assert answer.status == 200
    assert f"{EVIL} {CHINESE}" in visit.page.locator(".study").inner_text()
    visit.require_fits()
    visit.keep(page[1:])
    visit.require_quiet()
    assert visit.faults() == []


@pytest.mark.parametrize("case", [EVIL, CHINESE, NO_MASK])
def test_a_patient_of_any_name_has_a_page(case: str, visit: Visit) -> None:
    visit.open(visit.site.case(case))
    if case == NO_MASK:
        visit.page.wait_for_selector("#viewer-says:has-text('cannot be shown')")
        assert "mask" in visit.page.locator(".callout.danger").first.inner_text()
        # The images of this patient are refused, and the browser says so.
        assert len(visit.said) == 1
        visit.said.clear()
    else:
        _settle(visit)
    assert visit.page.locator("h1").inner_text() == f"Patient {case}"
    visit.require_fits()
    visit.keep(f"case-{CASES.index(case)}")
    visit.require_quiet()
    assert visit.faults() == []


def test_the_table_finds_sorts_and_goes_back(desk: Visit) -> None:
    desk.open("/cohort")
    page, found = desk.page, desk.page.locator(".found")
    assert found.inner_text() == f"{len(CASES)} patients, page 1 of 1"
    page.get_by_label("Find").fill(CHINESE)
    page.wait_for_selector(".found:has-text('1 patient,')")
    assert page.locator("tbody tr").first.inner_text().startswith(CHINESE)
    page.get_by_label("Find").fill("")
    page.get_by_label("Show").select_option("failed")
    page.wait_for_selector("tbody tr:first-child:has-text('mask')")
    assert page.locator("tbody tr").all_inner_texts()[0].startswith(NO_MASK)
    page.get_by_label("Show").select_option("")
    page.wait_for_selector(f".found:has-text('{len(CASES)} patients')")
    page.get_by_role("link", name="both").click()
    page.wait_for_selector("th[aria-sort=ascending]:has-text('both')")
    column = page.locator("thead th").all_inner_texts().index("both ↑") + 1
    texts = page.locator(f"tbody td:nth-child({column})").all_inner_texts()
    values = [float(text) for text in texts if text != "–"]
    assert len(values) > 10
    assert values == sorted(values)
    assert texts[-1] == "–"
    page.go_back()
    page.wait_for_selector("th[aria-sort=ascending]:has-text('Patient')")
    page.locator("tbody").get_by_text(EVIL, exact=True).click()
    page.wait_for_url("**/case/*")
    assert page.locator("h1").inner_text() == f"Patient {EVIL}"
    desk.require_quiet()


def test_the_table_works_without_scripts(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.address}/?token={site.token}")
    page.get_by_label("Find").fill("P0")
    page.get_by_role("button", name="Show").click()
    assert page.locator(".found").inner_text().startswith("8 patients")
    context.close()


def test_every_page_is_reached_by_the_keyboard_alone(desk: Visit) -> None:
    desk.open("/cohort")
    page = desk.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    seen = []
    for _ in range(6):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.textContent"))
    assert seen == ["Patients", "Models", "Calculator", "Reader study", "Run", "Report"]
    page.keyboard.press("Enter")
    page.wait_for_url("**/report")
    page.get_by_role("link", name="Report, to read").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/report/report.html")
    assert EVIL in page.title()
    desk.require_quiet()


def test_the_report_and_the_page_of_a_patient_open_inside(desk: Visit) -> None:
    desk.open(desk.site.case(EVIL))
    _settle(desk)
    desk.page.get_by_role("link", name="Page of the report").click()
    desk.page.wait_for_url(re.compile(r"/report/pages/.*\.html"))
    assert EVIL in desk.page.locator("h1").inner_text()
    desk.page.get_by_role("link", name="Report of the study").click()
    desk.page.wait_for_url("**/report/report.html")
    desk.require_quiet()


def test_a_figure_that_is_opened_alone_can_run_nothing(desk: Visit) -> None:
    figure: Path = next((desk.site.out / "figures").glob("*.svg"))
    answer = desk.open(f"/report/figures/{figure.name}")
    assert answer is not None
    assert "sandbox" in answer.headers["content-security-policy"]
    assert desk.page.locator("svg").first.is_visible()


def test_the_policy_stops_what_does_not_belong(desk: Visit) -> None:
    desk.open("/cohort")
    desk.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.pwned=1\">')"
    )
    desk.page.wait_for_timeout(300)
    assert desk.page.evaluate("window.pwned") is None
    assert any("Content Security Policy" in text for text in desk.said)
