"""The viewer shows the image and what lies over it, and all phases look at one place."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.browser.web.conftest import CENTRE, GRIDS, MARKED

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.web.conftest import Visit

ORANGE = np.array([230, 159, 0])
"""Colour of the first region, the tumour."""


def _shot(page: Page, phase: int = 0) -> np.ndarray:
    """Take the picture of one pane: (row, column, 3)."""
    page.wait_for_timeout(300)
    png = page.locator("#stage figure").nth(phase).screenshot()
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def _coloured(picture: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Return how far every pixel has gone from grey towards a colour, -1 to 1."""
    direction = colour - colour.mean()
    shift = picture - picture.mean(axis=2, keepdims=True)
    found: np.ndarray = (shift @ direction) / (direction @ direction)
    return found


def _tint(picture: np.ndarray) -> float:
    """Return how orange the tumour is; the crosshair, which is red, covers less than it."""
    return float(np.percentile(_coloured(picture, ORANGE), 98))


def _settled(visit: Visit, how: str) -> None:
    visit.page.wait_for_selector(f"#viewer[data-ready^='{how}']", timeout=60_000)


def _place(visit: Visit, phase: int) -> list[float]:
    """Return where a pane looks: right, front and head positive, mm."""
    text = visit.page.locator("#stage canvas").nth(phase).get_attribute("data-place") or ""
    return [float(part) for part in text.split()]


def _set(visit: Visit, name: str, value: str) -> None:
    """Move a slider."""
    visit.page.locator(f"#{name}").evaluate(
        "(one, value) => { one.value = value; one.dispatchEvent(new Event('input')); }", value
    )


@pytest.fixture
def viewer(desk: Visit) -> Visit:
    """Open the viewer with WebGL, all phases side by side."""
    desk.open(desk.site.case(MARKED))
    _settled(desk, "plain 0,1")
    desk.page.get_by_role("button", name="Plain slices").click()
    _settled(desk, "webgl 0,1")
    return desk


@pytest.mark.parametrize("phase", [0, 1])
def test_both_phases_show_their_image_and_the_region_in_its_colour(
    viewer: Visit, phase: int
) -> None:
    picture = _shot(viewer.page, phase)
    light = picture.mean(axis=2)
    # Tissue is bright, the air in front of it is black, and so is what surrounds the image.
    assert (light > 100).mean() > 0.15
    assert (light < 20).mean() > 0.15
    tumour = _coloured(picture, ORANGE) > 0.1
    # A ball of 14 mm in a field of 96 x 72 mm.
    share = tumour.sum() / (light > 60).sum()
    assert 0.02 < share < 0.3
    viewer.require_quiet()
    viewer.keep("viewer-phases")


def test_opacity_and_ticks_of_regions_change_the_picture(viewer: Visit) -> None:
    strength = []
    for value in ("0", "0.4", "1"):
        _set(viewer, "opacity", value)
        viewer.page.wait_for_selector(f"#viewer[data-shown*=' {value} ']")
        strength.append(_tint(_shot(viewer.page)))
    assert strength[0] < 0.05
    assert strength[0] + 0.2 < strength[1] < strength[2] - 0.2
    viewer.page.get_by_label("tumour").uncheck()
    viewer.page.wait_for_selector("#viewer[data-shown*=' ring ']")
    assert _tint(_shot(viewer.page)) < 0.05


def test_a_map_lies_over_every_phase_with_an_opacity_of_its_own(viewer: Visit) -> None:
    _set(viewer, "opacity", "0")
    before = [_shot(viewer.page, phase) for phase in (0, 1)]
    viewer.page.locator("#map").select_option("Network: er-dl")
    viewer.page.wait_for_selector("#map-says:has-text('Grad-CAM of the logit')")
    after = [_shot(viewer.page, phase) for phase in (0, 1)]
    for without, with_it in zip(before, after, strict=True):
        assert (np.abs(with_it - without).max(axis=2) > 40).mean() > 0.03
    viewer.keep("viewer-map")
    assert viewer.faults() == []
    _set(viewer, "strength", "0")
    viewer.page.wait_for_selector("#viewer[data-shown$=' 0 0']")
    assert (np.abs(_shot(viewer.page) - before[0]).max(axis=2) > 40).mean() < 0.001
    viewer.require_quiet()


def test_a_click_in_one_phase_moves_the_crosshair_of_the_other(viewer: Visit) -> None:
    left, back, head = CENTRE
    first = _place(viewer, 0)
    assert first == pytest.approx([-left, -back, head], abs=4)
    canvas = viewer.page.locator("#stage canvas").first
    box = canvas.bounding_box()
    assert box is not None
    dot = _red(viewer.page, 1)
    viewer.page.mouse.click(box["x"] + box["width"] * 0.62, box["y"] + box["height"] * 0.6)
    moved = _place(viewer, 0)
    assert np.abs(np.array(moved) - first).max() > 5
    # The phases have other voxels, so places agree to half a voxel of either.
    assert _place(viewer, 1) == pytest.approx(moved, abs=0.2)
    assert np.abs(np.array(_red(viewer.page, 1)) - dot).max() > 5
    # Keys work where the mouse has just been; they go from voxel to voxel.
    viewer.page.keyboard.press("ArrowUp")
    assert _place(viewer, 1)[2] - moved[2] == pytest.approx(4, abs=0.2)


def _red(page: Page, phase: int) -> tuple[float, float]:
    """Find the crosshair of a pane, in pixels: (row, column)."""
    picture = _shot(page, phase)
    red = (picture[..., 0] > 120) & (picture[..., 1] < 90) & (picture[..., 2] < 90)
    return float(red.sum(axis=1).argmax()), float(red.sum(axis=0).argmax())


def test_keys_move_the_crosshair_as_a_radiologist_sees_it(viewer: Visit) -> None:
    viewer.page.locator("#stage figure").first.focus()
    assert viewer.page.evaluate("document.activeElement.tagName") == "FIGURE"
    steps = {
        "ArrowLeft": (0, 3.0), "ArrowRight": (0, -3.0), "ArrowUp": (2, 4.0),
        "ArrowDown": (2, -4.0), "Shift+ArrowUp": (1, 3.0), "Shift+ArrowDown": (1, -3.0),
    }  # fmt: skip
    for key, (axis, mm) in steps.items():
        before = _place(viewer, 0)
        viewer.page.keyboard.press(key)
        after = _place(viewer, 0)
        wanted = [0.0, 0.0, 0.0]
        wanted[axis] = mm
        assert np.array(after) - before == pytest.approx(wanted, abs=0.15), key
        assert _place(viewer, 1) == pytest.approx(after, abs=0.15)


def test_the_patients_right_is_on_the_left_in_both_ways_of_drawing(viewer: Visit) -> None:
    # The tumour lies in the left half of the patient: x grows to the patient's left.
    grid = GRIDS["arterial"]
    assert CENTRE[0] > grid.to_world((0, 0, (grid.shape[2] - 1) / 2))[0]
    for how in ("webgl", "plain"):
        _settled(viewer, how)
        where = _coloured(_shot(viewer.page), ORANGE) > 0.1
        assert np.argwhere(where)[:, 1].mean() > where.shape[1] / 2
        viewer.page.get_by_role("button", name="Plain slices").click()
    _settled(viewer, "webgl")
    viewer.page.get_by_role("button", name="Plain slices").click()
    _settled(viewer, "plain")
    assert viewer.page.locator("#stage .mark.left").first.inner_text() == "R"


def test_windows_and_views_change_by_key(viewer: Visit) -> None:
    page = viewer.page
    page.locator("#stage figure").first.focus()
    light = _shot(page).mean()
    page.keyboard.press("4")
    page.wait_for_selector("#viewer[data-shown^='2 ']")
    assert page.locator("#window").input_value() == "2"
    assert abs(_shot(page).mean() - light) > 10
    page.keyboard.press("v")
    _settled(viewer, "webgl 0")
    page.wait_for_selector("#viewer[data-ready='webgl 0']")
    assert page.locator("#stage figure:visible").count() == 1
    viewer.keep("viewer-planes")
    page.keyboard.press("p")
    page.wait_for_selector("#viewer[data-ready='webgl 1']")
    assert "portal" in page.locator("#viewer-says").inner_text()
    viewer.require_quiet()


def test_plain_slices_work_where_there_is_no_webgl(desk: Visit) -> None:
    desk.page.add_init_script(
        "const real = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        " return kind.startsWith('webgl') ? null : real.call(this, kind, ...rest); };"
    )
    desk.open(desk.site.case(MARKED))
    _settled(desk, "plain 0,1")
    page = desk.page
    assert page.get_by_role("button", name="Plain slices").is_disabled()
    assert not [url for url in desk.asked if "niivue" in url]
    page.wait_for_load_state("networkidle")
    assert (_coloured(_shot(page), ORANGE) > 0.1).mean() > 0.005
    image = page.locator("#stage img").first
    before = image.get_attribute("alt") or ""
    page.locator("#stage figure").first.focus()
    page.keyboard.press("ArrowUp")
    # One slice of 4 mm up; the other phase shows the slice that is nearest.
    number = int(before.split()[2])
    page.wait_for_selector(f"#stage img[alt^='Axial slice {number + 1} ']")
    assert f"slice {number + 1} of 12, arterial" in (image.get_attribute("alt") or "")
    z = number * 4.0
    other = page.locator("#stage img").nth(1).get_attribute("alt") or ""
    assert f"slice {round((z - 4) / 3) + 1} of 16, portal" in other
    page.locator("#map").select_option("Network: er-dl")
    page.wait_for_selector("#map-says:has-text('Grad-CAM')")
    page.wait_for_load_state("networkidle")
    desk.require_quiet()
    desk.keep("viewer-plain")
