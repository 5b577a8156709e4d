"""What the pages are made of, without a browser."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import write_nifti
from hepacast.report.content import (
    CaseScore,
    Evaluation,
    Exclusion,
    Failure,
    FlowStep,
    Model,
    OutcomeReport,
    ReportContent,
    Study,
)
from hepacast.run.content.look_pages import file_name
from hepacast.run.work.journal import JOURNAL
from hepacast.serve.web.cohort import PAGE, CohortRow, Question, ask, cohort_rows
from hepacast.serve.web.overlays import overlays_of, read_overlay
from hepacast.serve.web.progress import QUIET_S, JournalReader
from hepacast.serve.web.scans import Look, slice_png
from hepacast.serve.web.server import PortError, listen
from hepacast.serve.web.thresholds import THRESHOLDS, count
from hepacast.serve.web.vendored import FILES, FOLDER, Vendored, VendoredError, require_digest

if TYPE_CHECKING:
    from pathlib import Path


def _content() -> ReportContent:
    """Make a result with a scored, an excluded and a failed patient."""
    score = CaseScore(case="a", probability=0.9, event=True)
    own = CaseScore(case="a", probability=0.2, event=True)
    seen = (
        Evaluation(cohort="all", scope="apparent", n=1, events=1, cases=(score,)),
        Evaluation(cohort="all", scope="out-of-fold", n=1, events=1, cases=(own,)),
    )
    outcome = OutcomeReport(
        name="er", kind="binary", n=1, events=1, models=(Model(name="m", evaluations=seen),)
    )
    out = Exclusion(reason="no arterial phase", n=1, cases=("b",))
    step = FlowStep(label="All", n_before=3, exclusions=(out,), n_after=2)
    failure = Failure(case="c", stage="measure", expected="a mask", found="nothing", fix="")
    return ReportContent(
        study=Study(name="s"), flow=(step,), outcomes=(outcome,), failures=(failure,)
    )


def test_everybody_is_in_the_table_with_the_reason_and_never_an_apparent_number() -> None:
    rows = {row.case: row for row in cohort_rows(_content())}
    assert {case: row.state for case, row in rows.items()} == {
        "a": "scored", "b": "excluded", "c": "failed",
    }  # fmt: skip
    assert rows["a"].probability == {("er", "m"): 0.2}
    assert rows["b"].reason == "no arterial phase"
    assert rows["c"].reason == "measure: a mask; found nothing"


def test_pages_of_the_table_hold_everybody_once_whatever_the_order() -> None:
    rows = [
        CohortRow(f"{at:03d}", "scored", probability={("er", "m"): (at * 37 % 101) / 101})
        for at in range(2 * PAGE + 7)
    ]
    rows.append(CohortRow("none", "failed", "no mask"))
    for down in (False, True):
        asked = [Question(outcome="er", sort="model:m", down=down, page=n) for n in (1, 2, 3)]
        pages = [ask(rows, one) for one in asked]
        shown = [row for page in pages for row in page.rows]
        assert sorted(row.case for row in shown) == sorted(row.case for row in rows)
        values = [row.probability[("er", "m")] for row in shown[:-1]]
        assert values == sorted(values, reverse=down)
        assert shown[-1].case == "none"
    assert ask(rows, Question(page=99)).page == 3
    assert ask(rows, Question(page=-5)).page == 1
    assert [row.case for row in ask(rows, Question(state="failed", q="MASK")).rows] == ["none"]


def test_a_probability_equal_to_the_threshold_is_acted_upon() -> None:
    cases = tuple(
        CaseScore(case=name, probability=p, event=event)
        for name, p, event in [("a", 0.5, True), ("b", 0.49, True), ("c", 0.5, False)]
    )
    seen = Evaluation(cohort="all", scope="internal", n=3, events=2, cases=cases)
    found, at = count("m", seen, None), THRESHOLDS.index(0.5)
    assert [found[name][at] for name in ("tp", "fp", "fn", "tn")] == [1, 1, 1, 0]
    assert found["net_benefit"][at] == pytest.approx(0)
    # Vickers and Elkin: 2/3 - 1/3 * 0.2/0.8.
    assert found["treat_all"][THRESHOLDS.index(0.2)] == pytest.approx(2 / 3 - 1 / 3 / 4)


def test_patients_censored_before_the_horizon_are_in_no_count() -> None:
    cases = (
        CaseScore(case="a", probability=0.9, event=True, time_months=12),
        CaseScore(case="b", probability=0.9, event=False, time_months=12),
        CaseScore(case="c", probability=0.9, event=True, time_months=36),
    )
    seen = Evaluation(cohort="all", scope="internal", n=3, events=2, cases=cases)
    found = count("m", seen, 24.0)
    assert (found["n"], found["unknown"]) == (2, 1)
    assert (found["tp"][0], found["fp"][0]) == (1, 1)


def test_a_journal_is_read_as_it_grows_and_half_a_line_waits(tmp_path: Path) -> None:
    reader, path = JournalReader(tmp_path), tmp_path / JOURNAL
    assert not reader.look()
    assert reader.progress.state(0) == "nothing"
    line = {"at": 100.0, "process": 1, "event": "started", "stage": "measure", "total": 2}
    text = json.dumps(line) + "\n"
    path.write_text(text + "not json\n" + text[:20])
    assert reader.look()
    assert [one.total for one in reader.progress.stages] == [2]
    assert not reader.look()
    assert reader.progress.state(101) == "working"
    assert reader.progress.state(100 + QUIET_S) == "silent"
    done = {**line, "event": "advanced", "done": 2}
    path.write_text(text + "not json\n" + json.dumps(done) + "\n")
    assert reader.look()
    assert reader.progress.state(1e9) == "ended"


GRID = Grid((4, 6, 8), (5.0, 1.0, 1.0))


def test_maps_are_found_by_case_and_never_those_of_another(tmp_path: Path) -> None:
    volume, cases = Volume(np.ones(GRID.shape, np.float32), GRID), ("P1", "P10", "../P1", "er-dl")
    for case in cases:
        for path in (f"maps/{file_name(case)}/glcm", f"maps/er-dl/{file_name(case)}"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            write_nifti(volume, tmp_path / f"{path}.nii.gz")
        caption = {"caption": f"what was seen of {case}"}
        (tmp_path / "maps" / "er-dl" / f"{file_name(case)}.json").write_text(json.dumps(caption))
    for case in cases:
        network, feature = overlays_of(tmp_path, case)
        assert (network.name, network.caption) == ("Network: er-dl", f"what was seen of {case}")
        assert network.path.name == f"{file_name(case)}.nii.gz"
        assert (feature.name, feature.caption) == ("Feature: glcm", "")
        assert feature.path.parent.name == file_name(case)
    assert overlays_of(tmp_path, "P2") == []
    assert overlays_of(tmp_path, "*") == []


def test_a_map_without_values_is_drawn_nowhere_and_zero_is_transparent(tmp_path: Path) -> None:
    data = np.zeros(GRID.shape, np.float32)
    data[1, 2, 3] = 4.0
    (tmp_path / "maps" / "a").mkdir(parents=True)
    path = tmp_path / "maps" / "a" / "glcm.nii.gz"
    write_nifti(Volume(data, GRID), path)
    (one,) = overlays_of(tmp_path, "a")
    assert read_overlay(one)[1] == pytest.approx((0.0, 4.0))
    data = np.full(GRID.shape, np.nan, np.float32)
    write_nifti(Volume(data.copy(), GRID), path)
    volume, (low, high) = read_overlay(one)
    assert not (volume.data > low).any()
    assert low < high
    data[0, 0, :2] = (-5.0, -3.0)
    write_nifti(Volume(data, GRID), path)
    volume, (low, high) = read_overlay(one)
    assert (volume.data > low).sum() == 2
    assert low < -5 < -3 == pytest.approx(high, abs=0.1)


def _pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png))).astype(float)


@pytest.mark.parametrize("flipped", [False, True])
def test_a_slice_has_square_pixels_and_the_patients_right_on_the_left(*, flipped: bool) -> None:
    side = -1.0 if flipped else 1.0
    grid = Grid(
        (3, 10, 20),
        (5.0, 2.0, 1.0),
        axes=((0.0, 0.0, 1.0), (0.0, side, 0.0), (side, 0.0, 0.0)),
    )
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    middle = points.reshape(-1, 3).mean(axis=0)
    left_back = (points[..., 0] > middle[0]) & (points[..., 1] > middle[1])
    image = Volume(np.where(left_back, 100.0, 0.0).astype(np.float32), grid)
    shown = _pixels(slice_png(image, 1, Look((0, 100))))[..., 0]
    rows, columns = shown.shape
    assert rows == columns
    # Left is on the right, back is below.
    assert shown[rows // 2 :, columns // 2 :].min() == 255
    assert shown[: rows // 2].max() == 0
    assert shown[:, : columns // 2].max() == 0


def test_a_slice_shows_regions_and_maps_by_their_opacity() -> None:
    image = Volume(np.full(GRID.shape, 50.0, np.float32), GRID)
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[2, :3] = True
    region = Region(mask, GRID, "tumour")
    heat = Volume(mask[:, ::-1].astype(np.float32), GRID)
    look = Look((0, 100), ((region, 0),), 1.0, heat, (0.0, 1.0), 0.0)
    shown = _pixels(slice_png(image, 2, look))
    half = shown.shape[0] // 2
    assert shown[:half].reshape(-1, 3).max(axis=0).tolist() == [230, 159, 0]
    assert np.unique(shown[half:]).tolist() == [128]
    strong = Look((0, 100), ((region, 0),), 0.0, heat, (0.0, 1.0), 1.0)
    shown = _pixels(slice_png(image, 2, strong))
    assert np.unique(shown[: half - 40]).tolist() == [128]
    assert shown[-1, -1].tolist() == pytest.approx([252, 255, 164], abs=1)


def test_a_port_that_is_taken_is_refused_by_name() -> None:
    with listen(0) as taken:
        with pytest.raises(PortError, match="is taken"):
            listen(taken.getsockname()[1])
        assert taken.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("one", FILES, ids=lambda one: one.name)
def test_vendored_scripts_are_those_that_were_looked_at(one: Vendored) -> None:
    data = (FOLDER / one.name).read_bytes()
    assert require_digest(one, data) is data
    assert (FOLDER / f"{one.name.split('.')[0]}.LICENSE").is_file()
    with pytest.raises(VendoredError, match="byte for byte"):
        require_digest(one, data + b" ")
