"""Features from networks that learned masks: who teaches, who is described, and by whom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from hepacast.core.errors import NotEstimableError
from hepacast.core.events import Event, Noticed
from hepacast.core.table import FeatureTable
from hepacast.deep.crops import Crops
from hepacast.run.cases.embed import keep_crops
from hepacast.run.parts.crops import KeptCrops
from hepacast.run.parts.semantic_settings import SemanticBlockParams
from hepacast.run.protocol.cohorts import Division
from hepacast.run.protocol.flow import Joined
from hepacast.run.protocol.semantic import Lesson, _draw, _lessons, teach, with_semantics
from hepacast.run.recipes import Size, study_text
from hepacast.run.settings.study import parse_study
from hepacast.run.work.execute import Executor

LOOP = {"epochs": 2, "batch": 8, "optimiser": "adam", "learning_rate": 0.01, "augment": None}
BLOCK = {
    "engine": "semantic",
    "phases": ["portal"],
    "side": 32,
    "network": {"base": 4},
    "loop": LOOP,
    "teachers": 8,
}
CASES = tuple(f"c{at:02d}" for at in range(34))
PLACE = KeptCrops(Path("out"), "dsfr", {})


def block(**changes: object) -> SemanticBlockParams:
    return SemanticBlockParams.model_validate({**BLOCK, **changes})


def pictures(folder: Path) -> dict[str, str]:
    """Keep one slice per case, with a bright square that is the lesion."""
    rng, keys = np.random.default_rng(2), {}
    for at, case in enumerate(CASES):
        mask = np.zeros((1, 1, 32, 32), dtype=bool)
        first = 6 + at % 10
        mask[0, 0, first : first + 10, 8:18] = True
        pixels = (0.3 * rng.random((1, 1, 32, 32)) + 0.6 * mask).astype(np.float32)
        keys[case] = f"{at:02d}" + "a" * 10
        keep_crops(folder, keys[case], "dsfr", Crops(pixels, ("-",), ("portal",)), mask)
    return keys


def test_everybody_is_described_once_by_a_network_that_left_them_out() -> None:
    people = [(case, case) for case in CASES]
    teachers = _draw(frozenset(CASES), block(), 7)
    lessons = _lessons(PLACE, block(then="stay"), "portal", people, teachers)
    assert len(lessons) == 1 + 3
    described = [case for one in lessons for case, _ in one.describe]
    assert sorted(described) == sorted(CASES)
    for one in lessons:
        assert not set(one.learn) & set(one.describe)
        assert {case for case, _ in one.learn} <= teachers
    (alone,) = _lessons(PLACE, block(), "portal", people, teachers)
    assert {case for case, _ in alone.describe} == set(CASES) - teachers


def test_teachers_are_few_enough_and_hang_on_the_seed() -> None:
    develop = frozenset(CASES)
    assert _draw(develop, block(), 7) == _draw(develop, block(), 7)
    assert _draw(develop, block(), 7) != _draw(develop, block(), 8)
    with pytest.raises(NotEstimableError, match="20 development patients must be left"):
        _draw(develop, block(teachers=20), 7)
    assert len(_draw(develop, block(teachers=20, then="stay"), 7)) == 20


def test_a_network_outlines_and_describes_whom_it_never_saw(tmp_path: Path) -> None:
    keys = pictures(tmp_path)
    rows = tuple((case, case) for case in CASES)
    place = KeptCrops(tmp_path, "dsfr", keys)
    lesson = Lesson(place, block(loop={**LOOP, "epochs": 12}), "portal", rows[:16], rows[16:])
    found = teach(lesson)
    assert found.table.cases == CASES[16:]
    # 4 + 8 + 16 + 32 + 64 channels.
    assert len(found.table.columns) == 124
    assert str(found.table.columns[0]) == "portal/tumour/unet-2d/deep/f000"
    assert found.dice.mean() > 0.8


def test_teachers_leave_with_a_reason_or_stay(tmp_path: Path) -> None:
    keys = pictures(tmp_path)
    joined = Joined(FeatureTable(np.zeros((len(CASES), 0)), CASES, ()), {"dsfr": ()}, ())
    division = Division(frozenset(CASES[:30]), {"test": frozenset(CASES[30:])})
    heard: list[Event] = []
    for then, left in (("leave", 26), ("stay", 34)):
        study = parse_study(study_text("cect-dsfr", Size()))
        study = study.model_copy(update={"features": {"dsfr": block(then=then)}})
        found, divided = with_semantics(
            study, joined, division, (tmp_path, keys), Executor(), on_event=heard.append
        )
        assert len(found.table) == left
        assert len(found.columns["dsfr"]) == 124
        assert np.isfinite(found.table.values).all()
        assert len(divided.develop) == left - 4
        assert divided.tests == division.tests
        reasons = [one.reason for step in found.steps for one in step.excluded]
        assert reasons == (["taught the network of dsfr"] if then == "leave" else [])
    said = [one.text for one in heard if isinstance(one, Noticed)]
    assert "in 26 cases that their network did not learn from" in said[0]
    assert "in 34 cases" in said[1]


def test_a_block_names_its_phases() -> None:
    with pytest.raises(ValidationError, match="phases"):
        SemanticBlockParams.model_validate({"engine": "semantic"})
