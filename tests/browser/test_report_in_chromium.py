# SPDX-License-Identifier: Apache-2.0
"""The report in a real browser: nothing refused, nothing fetched, everything answers."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from hepacast.report.content import (
    Baseline,
    CaseScore,
    DecisionCurve,
    Equation,
    Estimate,
    Evaluation,
    Model,
    OutcomeReport,
    ReportContent,
    Roc,
    Study,
    Term,
)
from hepacast.report.document import render_html

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")

EVIL = '"><img src=x onerror=document.title=1><script>document.title=2</script>'


COX = Equation(
    kind="cox",
    center=0.3,
    baselines=(Baseline(months=24, survival=0.83), Baseline(months=60, survival=0.41)),
    terms=(
        Term(name=EVIL, coefficient=0.61, low=0, high=5, usual=1.25),
        Term(name="b", coefficient=-1.7, low=0, high=2, usual=1, levels=("no", "yes", EVIL)),
    ),
)


def study() -> ReportContent:
    """Make a small report with a hostile name and twenty cases."""
    names = [f"C{at:02d}{EVIL if at == 7 else ''}" for at in range(20)]
    cases = tuple(
        CaseScore(case=name, score=((at * 7) % 20) / 10, event=at % 3 == 0)
        for at, name in enumerate(names)
    )
    seen = Evaluation(
        cohort="all",
        scope="out-of-fold",
        n=20,
        events=7,
        discrimination=Estimate(value=0.7, low=0.5, high=0.9),
        roc=Roc(false_positive=(0, 0.25, 1), sensitivity=(0, 0.75, 1), thresholds=(2, 1, 0)),
        decision=DecisionCurve(
            thresholds=(0.1, 0.5), net_benefit=(0.3, 0.1), treat_all=(0.3, -0.2)
        ),
        cases=cases,
    )
    model = Model(name=f"Combined {EVIL}", evaluations=(seen,), equation=COX)
    outcome = OutcomeReport(name="er", kind="binary", n=20, events=7, models=(model,))
    return ReportContent(study=Study(name=EVIL, title=f"Study {EVIL}", seed=1), outcomes=(outcome,))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium without a network."""
    with sync_api.sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page."""
    place: Path = tmp_path_factory.mktemp("report") / "report.html"
    place.write_text(render_html(study()), encoding="utf-8")
    return place


class Visit:
    """A page, what its console said and what it asked for."""

    def __init__(self, browser: Browser, file: Path, width: int) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900})
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(file.as_uri())


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def visit(request: pytest.FixtureRequest, browser: Browser, file: Path) -> Iterator[Visit]:
    """Open the page at two widths."""
    found = Visit(browser, file, request.param)
    yield found
    found.page.close()


def test_the_console_is_silent_and_nothing_else_is_asked_for(visit: Visit, file: Path) -> None:
    assert visit.said == []
    assert visit.asked == [file.as_uri()]


def test_a_hostile_name_is_shown_and_not_run(visit: Visit) -> None:
    assert visit.page.title() == f"Study {EVIL}"
    assert visit.page.locator("h1").inner_text() == f"Study {EVIL}"


def test_the_page_is_no_wider_than_the_screen(visit: Visit) -> None:
    wide = visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


def test_the_policy_stops_what_does_not_belong(visit: Visit) -> None:
    styled = "'<p style=color:red>x</p>'"
    visit.page.evaluate(f"document.body.insertAdjacentHTML('beforeend', {styled})")
    assert any("Content Security Policy" in text for text in visit.said)


def test_a_click_sorts_a_table_by_number_and_back(visit: Visit) -> None:
    page = visit.page
    page.locator("summary", has_text="Scores of Combined").click()
    table = page.locator("table", has=page.get_by_role("button", name="Score")).last
    assert table.locator("tbody tr").count() == 20
    button = table.get_by_role("button", name="Score")
    button.click()
    scores = [float(text) for text in table.locator("tbody td:nth-child(2)").all_inner_texts()]
    assert scores == sorted(scores)
    button.click()
    scores = [float(text) for text in table.locator("tbody td:nth-child(2)").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    assert table.locator("th[aria-sort=descending]").count() == 1


def test_the_filter_keeps_the_rows_that_hold_a_word(visit: Visit) -> None:
    page = visit.page
    page.locator("summary", has_text="Scores of Combined").click()
    page.locator("details[open]").get_by_label("Filter rows").fill("C07")
    rows = page.locator("details[open] tbody tr:visible")
    assert rows.count() == 1
    assert EVIL in rows.first.inner_text()


def test_the_pointer_reads_the_point_the_content_holds(visit: Visit) -> None:
    page = visit.page
    figure = page.locator("figure.drawing", has_text="ROC curves")
    figure.scroll_into_view_if_needed()
    data = json.loads(figure.locator("script.hover").text_content() or "")[0]
    left, top, right, bottom = data["box"]
    (x0, x1), (y0, y1) = data["xlim"], data["ylim"]
    at = {
        "x": left + (0.25 - x0) / (x1 - x0) * (right - left),
        "y": bottom + (0.75 - y0) / (y1 - y0) * (top - bottom),
    }
    spot = figure.locator("svg").evaluate(
        "(svg, p) => { const q = new DOMPoint(p.x, p.y).matrixTransform(svg.getScreenCTM());"
        " return [q.x, q.y]; }",
        at,
    )
    page.mouse.move(*spot)
    assert page.locator(".tip").inner_text() == (
        f"Combined {EVIL}: 1 − specificity 0.25, sensitivity 0.75 (threshold 1.000)"
    )
    # The dot drawn by the script lies on the curve drawn by matplotlib.
    circle = figure.locator("svg circle")
    assert float(circle.get_attribute("cx") or 0) == pytest.approx(at["x"], abs=0.1)
    page.mouse.move(1, 1)
    assert page.locator(".tip").is_hidden()


def test_every_entry_of_the_navigation_leads_somewhere(visit: Visit) -> None:
    for link in visit.page.locator("nav a").all():
        target = link.get_attribute("href") or ""
        assert visit.page.locator(f'[id="{target[1:]}"]').count() == 1


@pytest.mark.parametrize(("first", "second"), [("1.25", "1"), ("4.9", "0"), ("0", "2")])
def test_the_calculator_says_what_the_equation_says(visit: Visit, first: str, second: str) -> None:
    box = visit.page.locator(".calculator")
    box.locator("input").fill(first)
    box.locator("select").select_option(second)
    values = {EVIL: float(first), "b": float(second)}
    shown = [
        float(text) for text in (box.locator("output").get_attribute("data-risk") or "").split()
    ]
    assert shown == pytest.approx([COX.risk(values, 24), COX.risk(values, 60)], rel=1e-12)
    assert f"{100 * COX.risk(values, 60):.1f} %" in box.locator("output").inner_text()
    assert "outside the range" not in box.locator("output").inner_text()


def test_the_calculator_warns_outside_the_range_and_wants_every_value(visit: Visit) -> None:
    box = visit.page.locator(".calculator")
    box.locator("input").fill("7")
    assert "outside the range" in box.locator("output").inner_text()
    box.locator("input").fill("")
    assert box.locator("output").inner_text() == "Fill in every value."
