"""The page of a run at work: progress, failures and the end come by themselves."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from hepacast.run.work.journal import JOURNAL
from hepacast.serve.web import resume as resume_module
from hepacast.serve.web.resume import LOG, Resume
from tests.browser.web.conftest import EVIL, Visit, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser


class Run:
    """A run that does what the test says."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL

    def write(self, event: str, **words: object) -> None:
        line = {"at": time.time(), "process": 7, "event": event, **words}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


@pytest.fixture
def watched(browser: Browser, tmp_path: Path) -> Iterator[tuple[Visit, Run]]:
    """Open the page of a run that has just begun, without results."""
    with served(tmp_path) as site:
        context = browser.new_context(viewport={"width": 390, "height": 900})
        visit = Visit(context.new_page(), site, 390)
        visit.open(f"/?token={site.token}")
        run = Run(tmp_path)
        run.write("started", stage="measure cases", total=3)
        visit.open("/run")
        yield visit, run
        context.close()


def test_progress_and_failures_come_without_reloading(watched: tuple[Visit, Run]) -> None:
    visit, run = watched
    page = visit.page
    page.wait_for_selector("#state:has-text('working')")
    assert page.locator("#stages td").nth(1).inner_text() == "0 of 3"
    run.write("advanced", stage="measure cases", item="a", done=1, total=3, per_s=0.5, left_s=4.0)
    page.wait_for_selector("#stages td:has-text('1 of 3')")
    assert page.locator("#stages progress").get_attribute("value") == "1"
    assert page.locator("#stages").inner_text().split("\t")[4:6] == ["4 s", "a"]
    run.write("failed", stage="measure", item=EVIL, error="RegionError", text=f"no mask {EVIL}")
    run.write("advanced", stage="measure cases", item=EVIL, done=2, total=3)
    run.write("noticed", where="case a", text="liver reaches the end of the scan")
    page.wait_for_selector("#n-failures:has-text('1')")
    assert page.locator("#failures li").inner_text() == f"{EVIL}, measure: no mask {EVIL}"
    assert "liver reaches" in page.locator("#notices").inner_text()
    run.write("advanced", stage="measure cases", item="c", done=3, total=3)
    page.wait_for_selector("#state:has-text('ended')")
    assert page.locator("#state").get_attribute("role") == "status"
    visit.require_quiet()
    visit.require_fits()
    visit.keep("run-live")


def test_a_run_that_is_resumed_begins_anew_on_the_page(watched: tuple[Visit, Run]) -> None:
    visit, run = watched
    visit.page.wait_for_selector("#stages td:has-text('0 of 3')")
    run.write("failed", stage="measure", item="a", error="RegionError", text="no mask")
    visit.page.wait_for_selector("#n-failures:has-text('1')")
    run.write("started", process=8, stage="measure cases", total=5)
    visit.page.wait_for_selector("#stages td:has-text('0 of 5')")
    assert visit.page.locator("#n-failures").inner_text() == "0"


def test_a_stopped_run_goes_on_at_the_press_of_a_button(
    browser: Browser, study: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(study.parent / "out", out)
    (out / JOURNAL).unlink()
    resume = Resume(study, out)
    with served(out, resume=resume) as site:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        visit = Visit(context.new_page(), site, 1280)
        visit.open(f"/?token={site.token}")
        visit.open("/run")
        page = visit.page
        page.wait_for_selector("#state:has-text('nothing')")
        assert visit.faults() == []
        visit.require_fits()
        visit.keep("run-resume")
        page.get_by_role("button", name="Go on with the run").click()
        page.wait_for_selector("#state:has-text('working')")
        assert not page.locator("#resume").is_visible()
        page.wait_for_selector("#resume", state="visible", timeout=120_000)
        # One patient has no mask: the page says so, and where the report is.
        assert "a mask needs at least one voxel" in page.locator("#words").inner_text()
        assert "report.html" in page.locator("#words").inner_text()
        visit.require_fits()
        visit.require_quiet()
        visit.keep("run-went-on")
        context.close()
    assert (out / LOG).is_file()


def test_a_run_that_cannot_go_on_says_why(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = f"import sys, time; time.sleep(1.5); print({EVIL!r}); sys.exit(2)"
    monkeypatch.setattr(resume_module, "_MAIN", fails)
    with served(tmp_path, resume=Resume(tmp_path / "study.yaml", tmp_path)) as site:
        context = browser.new_context(viewport={"width": 390, "height": 900})
        visit = Visit(context.new_page(), site, 390)
        visit.open(f"/?token={site.token}")
        visit.open("/run")
        assert not visit.page.locator("#said").is_visible()
        visit.page.get_by_role("button", name="Go on with the run").click()
        visit.page.wait_for_selector("#said", state="visible")
        assert visit.page.locator("#words").inner_text() == EVIL
        assert visit.faults() == []
        visit.require_fits()
        visit.require_quiet()
        visit.keep("run-refused")
        context.close()


@pytest.mark.parametrize("page", ["/cohort", "/models", "/calculator", "/report"])
def test_pages_say_that_there_are_no_results_yet(page: str, watched: tuple[Visit, Run]) -> None:
    visit, _ = watched
    answer = visit.open(page)
    assert answer is not None
    assert answer.status == 200
    assert any(
        words in visit.page.locator("main").inner_text()
        for words in ("No results yet", "has no predictor", "No report yet")
    )
    visit.require_quiet()
