# SPDX-License-Identifier: Apache-2.0
"""Figures show the content's numbers, cut nothing off, and suit a strict page."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle

from hepacast.report.blocks import Heading
from hepacast.report.content import (
    Coefficient,
    Equation,
    Estimate,
    Exclusion,
    FlowStep,
    FunnelStep,
    Model,
    OutcomeReport,
    ReportContent,
    Spread,
    Study,
    SurvivalCurve,
    Survivals,
    Term,
)
from hepacast.report.document import compose
from hepacast.report.figures.flow import draw_flow
from hepacast.report.figures.forest import draw_coefficients
from hepacast.report.figures.nomogram import draw_nomogram
from hepacast.report.figures.permutation import draw_permutations
from hepacast.report.figures.roc import draw_roc
from hepacast.report.figures.selection import draw_frequency, draw_funnel
from hepacast.report.figures.style import Drawing, line, styled
from hepacast.report.figures.survival import draw_overall
from hepacast.report.figures.svg import inline_svg, raw_svg
from hepacast.report.figures.waterfall import draw_waterfall

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from hepacast.report.document import Document


def test_every_kind_of_figure_is_drawn(document: Document) -> None:
    names = " ".join(document.drawings)
    kinds = "flow models overall roc decision calibration groups permuted truth funnel frequency"
    for kind in [*kinds.split(), "coefficients", "subgroups", "waterfall"]:
        assert f"-{kind}" in names, kind


def drawn_texts(figure: Figure) -> list[Text]:
    """List the texts that a reader sees: no labels of axes that are off, none out of range."""
    found = [*figure.texts]
    legends = [*figure.legends]
    for axes in figure.axes:
        found += [*axes.texts, axes.title, axes._left_title, axes._right_title]  # type: ignore[attr-defined]
        legends += filter(None, [axes.get_legend()])
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            low, high = sorted(axis.get_view_interval())
            found.append(axis.label)
            found += [one.label1 for one in axis.get_major_ticks() if low <= one.get_loc() <= high]
    for legend in legends:
        found += [*legend.get_texts(), legend.get_title()]
    return [one for one in found if one.get_visible() and one.get_text().strip()]


def test_no_text_is_cut_off(document: Document) -> None:
    for name, drawing in document.drawings.items():
        with styled():
            canvas = FigureCanvasAgg(drawing.figure)
            canvas.draw()  # type: ignore[no-untyped-call]
            page = drawing.figure.bbox.padded(1.5)
            for text in drawn_texts(drawing.figure):
                box = text.get_window_extent()
                inside = page.containsx(box.x0) and page.containsx(box.x1)
                inside &= page.containsy(box.y0) and page.containsy(box.y1)
                assert inside, (name, text.get_text(), box)


def test_the_roc_figure_draws_the_curves_of_the_content(content: ReportContent) -> None:
    drawing = draw_roc(content.outcomes[0])
    assert drawing is not None
    lines = [one.get_xydata() for one in drawing.figure.axes[0].get_lines()]
    for model in content.outcomes[0].models:
        seen = model.evaluation("out-of-fold")
        assert seen is not None
        assert seen.roc is not None
        wanted = np.array([seen.roc.false_positive, seen.roc.sensitivity], float).T
        assert any(np.array_equal(wanted, found) for found in lines)


def test_numbers_at_risk_stand_below_the_curves(content: ReportContent) -> None:
    outcome = content.outcomes[1]
    drawing = draw_overall(outcome)
    assert drawing is not None
    assert outcome.overall is not None
    words = re.findall(r">(\d+)</text>", raw_svg(drawing))
    for count in outcome.overall.curves[0].at_risk:
        assert str(count) in words


def test_a_curve_without_numbers_at_risk_is_drawn_alone() -> None:
    curve = SurvivalCurve(label="all", n=2, events=1, time_months=(0, 5), survival=(1, 0.5))
    outcome = OutcomeReport(name="os", kind="survival", overall=Survivals(curves=(curve,)))
    drawing = draw_overall(outcome)
    assert drawing is not None
    assert len(drawing.figure.axes) == 1


def test_every_case_is_a_bar_of_the_waterfall(content: ReportContent) -> None:
    drawing = draw_waterfall(content.outcomes[0], content.outcomes[0].models[0])
    assert drawing is not None
    tips = [np.asarray(one.get_ydata())[1::3] for one in drawing.figure.axes[0].get_lines()[:-1]]
    seen = content.outcomes[0].models[0].evaluation("out-of-fold")
    assert seen is not None
    scores = np.array([one.score for one in seen.cases], float)
    cut = content.outcomes[0].models[0].cut
    assert cut is not None
    assert np.sort(np.concatenate(tips)) == pytest.approx(np.sort(scores - cut))


def test_shuffles_are_counted_in_the_histogram(content: ReportContent) -> None:
    drawing = draw_permutations(content.outcomes[0])
    assert drawing is not None
    bars = drawing.figure.axes[0].patches
    assert sum(bar.get_height() for bar in bars if isinstance(bar, Rectangle)) == len(
        content.outcomes[0].permutations[0].null
    )


@pytest.mark.parametrize(
    "steps",
    [[(420, 420), (420, 181.6), (181.6, 5.8)], [(45300, 30200.4), (30200.4, 500), (500, 20)]],
)
def test_the_longest_count_of_a_funnel_stays_on_the_page(
    steps: list[tuple[float, float]],
) -> None:
    funnel = tuple(
        FunnelStep(
            step=f"rad_score: step {at}",
            columns_in=Spread(mean=before, low=before, high=before),
            columns_out=Spread(mean=after, low=0.9 * after, high=1.1 * after),
        )
        for at, (before, after) in enumerate(steps)
    )
    model = Model(name="m", funnel=funnel)
    drawing = draw_funnel(OutcomeReport(name="er", kind="binary", models=(model,)), model)
    assert drawing is not None
    with styled():
        FigureCanvasAgg(drawing.figure).draw()  # type: ignore[no-untyped-call]
    (axes,) = drawing.figure.axes
    assert max(text.get_window_extent().x1 for text in axes.texts) <= drawing.figure.bbox.x1
    assert min(text.get_window_extent().x0 for text in axes.texts) > axes.bbox.x1
    ticks = [one.label1.get_window_extent() for one in axes.xaxis.get_major_ticks()]
    assert len(ticks) > 1
    assert all(one.x1 < other.x0 for one, other in pairwise(ticks))


def test_weights_that_are_rounding_noise_are_not_drawn() -> None:
    noise = Coefficient(name="x", estimate=Estimate(value=1e-17), selected=0.8)
    term = Term(name="x", coefficient=1e-17, low=0, high=1)
    equation = Equation(kind="logistic", terms=(term,))
    model = Model(name="m", coefficients=(noise,), equation=equation)
    outcome = OutcomeReport(name="er", kind="binary", models=(model,))
    assert draw_coefficients(outcome, model) is None
    assert draw_nomogram(outcome, model) is None


def test_what_is_missing_is_not_drawn() -> None:
    empty = OutcomeReport(name="er", kind="binary")
    assert draw_roc(empty) is None
    assert draw_overall(empty) is None
    assert draw_permutations(empty) is None


def test_drawing_leaves_the_settings_of_matplotlib_alone(content: ReportContent) -> None:
    before = dict(rcParams)
    draw_roc(content.outcomes[0])
    assert dict(rcParams) == before


def test_curves_can_be_told_apart_without_colour() -> None:
    dashes = {str(line(index)["linestyle"]) for index in range(6)}
    assert len(dashes) == 6


@pytest.fixture(scope="module")
def elements(document: Document) -> list[ET.Element]:
    """All figures as they stand in the page."""
    pairs = zip(document.drawings.values(), document.svgs.values(), strict=True)
    return [parse(inline_svg(one, f"f{at}", raw)) for at, (one, raw) in enumerate(pairs)]


def parse(text: str) -> ET.Element:
    """Parse what we wrote ourselves."""
    return ET.fromstring(text)  # noqa: S314


def test_an_inline_figure_has_no_style_script_or_outside_reference(
    elements: list[ET.Element],
) -> None:
    for root in elements:
        for element in root.iter():
            assert element.tag not in {"style", "script", "foreignObject", "image"}
            for name, value in element.attrib.items():
                assert name != "style"
                assert not name.lower().startswith("on")
                assert "//" not in value
                if name == "href":
                    assert value.startswith("#")


def test_ids_of_all_figures_differ_and_every_reference_resolves(
    elements: list[ET.Element],
) -> None:
    ids = [element.get("id", "") for root in elements for element in root.iter()]
    ids = [one for one in ids if one]
    assert len(ids) == len(set(ids))
    for root in elements:
        text = ET.tostring(root, encoding="unicode")
        used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', text))
        assert used <= set(ids)


def test_figures_are_told_to_those_who_listen(elements: list[ET.Element]) -> None:
    for root in elements:
        assert root.get("role") == "img"
        named = [root.find("title"), root.find("desc")]
        assert [one is not None and bool(one.text) for one in named] == [True, True]


def test_equal_drawings_give_equal_files(content: ReportContent) -> None:
    first, second = draw_roc(content.outcomes[0]), draw_roc(content.outcomes[0])
    assert first is not None
    assert second is not None
    assert raw_svg(first) == raw_svg(second)


@pytest.mark.parametrize("name", ["$x_1$", "a & b < c", "]]>", "nul\x00bell\x07", "张三", "a\nb"])
def test_any_name_can_stand_in_a_figure(content: ReportContent, name: str) -> None:
    outcome = content.outcomes[0]
    model = outcome.models[0].model_copy(update={"name": name})
    drawing = draw_roc(outcome.model_copy(update={"models": (model,)}))
    assert isinstance(drawing, Drawing)
    root = parse(inline_svg(drawing, "x"))
    shown = "".join(root.itertext())
    assert name.translate({0: 0xFFFD, 7: 0xFFFD}).split("\n")[0] in shown


def test_several_controls_share_a_figure_with_a_tick_per_shuffle(content: ReportContent) -> None:
    outcome = content.outcomes[0]
    (one,) = outcome.permutations
    other = one.model_copy(update={"model": "Clinical", "null": (0.4, None, 0.6), "observed": 0.7})
    drawing = draw_permutations(outcome.model_copy(update={"permutations": (one, other)}))
    assert drawing is not None
    ticks = [line for line in drawing.figure.axes[0].get_lines() if line.get_marker() == "|"]
    assert [len(np.asarray(line.get_xdata())) for line in ticks] == [len(one.null), 2]


def test_the_flow_ends_in_every_outcome_with_those_without_a_label() -> None:
    shared = FlowStep(label="Clinical table", n_before=60, n_after=60)
    lost = Exclusion(reason="censored before 24 months", n=5)
    early = OutcomeReport(name="er", kind="binary", n=55, events=21, exclusions=(lost,))
    late = OutcomeReport(name="overall_survival", kind="survival", n=60, events=33)
    study = Study(name="s", seed=1)
    drawing = draw_flow(ReportContent(study=study, flow=(shared,), outcomes=(early, late)))
    assert drawing is not None
    words = {text.get_text() for text in drawing.figure.axes[0].texts}
    assert {"n = 60", "n = 55, 21 events", "n = 60, 33 events", "Overall survival"} <= words
    assert any("(n = 5)" in word for word in words)


def test_a_survival_curve_starts_at_one_and_an_incidence_at_zero() -> None:
    curve = SurvivalCurve(label="all", time_months=(5,), survival=(0.4,))
    for rising, start in ((False, 1.0), (True, 0.0)):
        overall = Survivals(curves=(curve,), incidence=rising)
        drawing = draw_overall(OutcomeReport(name="os", kind="survival", overall=overall))
        assert drawing is not None
        line = drawing.figure.axes[0].get_lines()[0]
        assert np.asarray(line.get_xydata())[0].tolist() == [0.0, start]


def test_what_every_fold_took_says_nothing_and_is_not_drawn(content: ReportContent) -> None:
    model = content.outcomes[0].models[0]
    always = tuple(one.model_copy(update={"selected": 1.0}) for one in model.coefficients)
    step = model.funnel[0].model_copy(update={"columns_out": model.funnel[0].columns_in})
    flat = model.model_copy(update={"coefficients": always, "funnel": (step,)})
    assert draw_frequency(content.outcomes[0], model) is not None
    assert draw_frequency(content.outcomes[0], flat) is None
    assert draw_funnel(content.outcomes[0], model) is not None
    assert draw_funnel(content.outcomes[0], flat) is None


def test_every_cohort_the_models_had_not_seen_has_its_own_curves(content: ReportContent) -> None:
    outcome = content.outcomes[0]
    seen = outcome.models[0].evaluation("out-of-fold")
    assert seen is not None
    cohorts = [
        seen.model_copy(update={"scope": "external", "cohort": name, "cases": ()})
        for name in ("centre 2", "centre 3")
    ]
    model = outcome.models[0].model_copy(update={"evaluations": (*cohorts,)})
    only = outcome.model_copy(update={"models": (model,), "permutations": (), "truth": ()})
    found = compose(content.model_copy(update={"outcomes": (only,), "flow": (), "pictures": ()}))
    names = " ".join(found.drawings)
    for kind in ("roc", "decision", "calibration", "groups"):
        for cohort in ("centre-2", "centre-3"):
            assert f"{kind}-external-{cohort}" in names
    assert "External test, centre 3" in [
        one.text for section in found.sections for one in section.blocks if isinstance(one, Heading)
    ]


def test_the_ticks_of_a_tiny_effect_do_not_run_into_one_another() -> None:
    volume = Coefficient(name="-/tumour/-/shape/MeshVolume", estimate=Estimate(value=0.00066))
    model = Model(name="m", coefficients=(volume,))
    drawing = draw_coefficients(OutcomeReport(name="er", kind="binary", models=(model,)), model)
    assert drawing is not None
    FigureCanvasAgg(drawing.figure).draw()  # type: ignore[no-untyped-call]
    (axis,) = [one.xaxis for one in drawing.figure.axes if one.get_xlabel()]
    boxes = [one.get_window_extent() for one in axis.get_ticklabels() if one.get_text()]
    assert len(boxes) >= 3
    assert all(left.x1 + 5 < right.x0 for left, right in pairwise(boxes))
