"""Curves under the pointer, thresholds under the slider, and the calculator's every bit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hepacast.report.write import read_result
from hepacast.run.predictor.files import read_predictor
from hepacast.run.predictor.predict import predict_case
from tests.browser.web.conftest import CASES, EVIL, NO_MASK, STAGES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.web.conftest import Site, Visit


def _slide(visit: Visit, value: int) -> None:
    visit.page.locator("#threshold").evaluate(
        "(one, value) => { one.value = value; one.dispatchEvent(new Event('input')); }", value
    )


def _number(visit: Visit, name: str) -> float:
    """Read a number of the page, with its true minus sign."""
    return float(visit.page.locator(f"#{name}").inner_text().replace("−", "-").rstrip(" %"))


@pytest.mark.parametrize("percent", [5, 55, 90])
def test_the_slider_moves_matrix_and_net_benefit_together(percent: int, desk: Visit) -> None:
    desk.open("/models")
    desk.page.locator("#model").select_option(label="both")
    _slide(desk, percent - 1)
    assert desk.page.locator("#threshold-says").inner_text() == f"{percent} %"
    outcome = read_result(desk.site.out / "result.json").outcomes[0]
    model = next(one for one in outcome.models if one.name == "both")
    seen = next(one for one in model.evaluations if one.scope != "apparent")
    t = percent / 100
    act = [one.probability is not None and one.probability >= t for one in seen.cases]
    tp = sum(a and bool(one.event) for a, one in zip(act, seen.cases, strict=True))
    fp = sum(a and not one.event for a, one in zip(act, seen.cases, strict=True))
    assert [_number(desk, name) for name in ("tp", "fp", "fn", "tn")] == [
        tp, fp, seen.events - tp, seen.n - seen.events - fp,
    ]  # fmt: skip
    assert _number(desk, "sensitivity") == pytest.approx(100 * tp / seen.events, abs=0.05)
    curve = seen.decision
    assert curve is not None
    if percent <= 80:
        at = min(range(len(curve.thresholds)), key=lambda n: abs((curve.thresholds[n] or 0) - t))
        assert _number(desk, "net-benefit") == pytest.approx(curve.net_benefit[at], abs=6e-4)
        assert _number(desk, "treat-all") == pytest.approx(curve.treat_all[at], abs=6e-4)
        assert desk.page.locator(".threshold-line").get_attribute("visibility") == "visible"
    else:
        assert desk.page.locator("#net-benefit").inner_text() == "–"
    desk.require_quiet()


def test_the_slider_is_moved_by_keys_and_its_line_goes_with_it(desk: Visit) -> None:
    desk.open("/models")
    line = desk.page.locator(".threshold-line")
    before = float(line.get_attribute("x1") or 0)
    # It starts at the share of events: 11 of 21 patients.
    assert desk.page.locator("#threshold-says").inner_text() == "52 %"
    desk.page.locator("#threshold").focus()
    for _ in range(5):
        desk.page.keyboard.press("ArrowRight")
    assert desk.page.locator("#threshold-says").inner_text() == "57 %"
    assert float(line.get_attribute("x1") or 0) > before


def test_the_pointer_reads_a_curve(desk: Visit) -> None:
    desk.open("/models")
    figure = desk.page.locator("figure.drawing", has_text="ROC curves")
    figure.scroll_into_view_if_needed()
    data = json.loads(figure.locator("script.hover").text_content() or "")[0]
    series = next(one for one in data["series"] if one["label"].startswith("both"))
    left, top, right, bottom = data["box"]
    (x0, x1), (y0, y1) = data["xlim"], data["ylim"]
    at = len(series["x"]) // 2
    spot = figure.locator("svg").evaluate(
        "(svg, p) => { const q = new DOMPoint(...p).matrixTransform(svg.getScreenCTM());"
        " return [q.x, q.y]; }",
        [
            left + (series["x"][at] - x0) / (x1 - x0) * (right - left),
            bottom + (series["y"][at] - y0) / (y1 - y0) * (top - bottom),
        ],
    )
    desk.page.mouse.move(*spot)
    shown = f"{series['y'][at]:.3g}"
    assert f"sensitivity {float(shown):g}" in desk.page.locator(".tip").inner_text()
    desk.require_quiet()


def _case_folder(site: Site, at: int, target: Path) -> Path:
    """Lay out one patient as ``hepacast predict`` wants it."""
    source = site.out.parent
    target.mkdir()
    for phase in ("arterial", "portal"):
        (target / f"{phase}.nii").write_bytes((source / f"{at}{phase}.nii").read_bytes())
        mask = (source / f"{at}{phase}_m.nii").read_bytes()
        (target / f"{phase}_tumour.nii").write_bytes(mask)
    rows = (source / "clinical.csv").read_text(encoding="utf-8").splitlines()
    case, _, afp, stage = rows[at + 1].rsplit(",", 3)
    (target / "clinical.csv").write_text(f"case,afp,stage\n{case},{afp},{stage}\n", "utf-8")
    return target


@pytest.mark.parametrize("at", [0, 7])
def test_the_calculator_says_what_predict_says(at: int, visit: Visit, tmp_path: Path) -> None:
    visit.open("/calculator")
    visit.page.get_by_label("Fill in from").select_option(label=CASES[at])
    visit.page.get_by_role("button", name="Fill in").click()
    visit.page.wait_for_url("**/calculator?case=*")
    assert visit.page.locator("[name='clinical:stage']").input_value() == STAGES[at % 3]
    visit.page.get_by_role("button", name="Calculate").click()
    said = visit.page.locator("#said [data-probability]")
    said.wait_for()
    predictor = read_predictor(visit.site.out / "predictor")
    wanted, _ = predict_case(predictor, _case_folder(visit.site, at, tmp_path / "case"))
    for name, number in (("probability", wanted.probability), ("score", wanted.score)):
        shown = float(said.get_attribute(f"data-{name}") or "nan")
        assert shown == pytest.approx(number, rel=0, abs=1e-12)
    assert f"{100 * wanted.probability:.1f} %" in said.inner_text()
    assert ("High" if wanted.high else "Low") in said.inner_text()
    visit.require_fits()
    visit.require_quiet()


def test_other_values_give_another_number_and_a_warning(desk: Visit) -> None:
    desk.open("/calculator")
    page = desk.page
    chosen = page.get_by_label("Fill in from")
    assert NO_MASK not in chosen.locator("option").all_inner_texts()
    chosen.select_option(label=EVIL)
    page.get_by_role("button", name="Fill in").click()
    page.get_by_role("button", name="Calculate").click()
    said = page.locator("#said [data-probability]")
    before = said.get_attribute("data-probability")
    page.locator("[name$='firstorder/Mean']").first.fill("999")
    page.locator("#said").evaluate("one => one.replaceChildren()")
    page.get_by_role("button", name="Calculate").click()
    said.wait_for()
    assert said.get_attribute("data-probability") != before
    assert "Outside the range of the training patients" in said.inner_text()
    page.get_by_label("Alpha-fetoprotein").fill("much")
    page.get_by_role("button", name="Calculate").click()
    page.wait_for_selector("#said:has-text('Not calculated')")
    assert "'much'" in page.locator("#said").inner_text()
    desk.require_quiet()
