# SPDX-License-Identifier: Apache-2.0
"""Who is learned from and who is tested on: settled by the seed, opened once, counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hepacast.core.errors import HepacastError, LeakError, NotEstimableError, StudyError
from hepacast.run import whole
from hepacast.run.protocol import find
from hepacast.run.protocol.apparent import final_fit
from hepacast.run.protocol.cohorts import Patient, divide_patients
from hepacast.run.protocol.openings import ledger_path
from hepacast.run.settings.split import SplitParams
from hepacast.run.whole import run_study
from hepacast.run.work.execution import Execution
from tests.unit.run.conftest import draw

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.run.conftest import Small

PEOPLE = [Patient(f"p{at:03d}", "AB"[at % 3 == 0], str(2010 + at % 10)) for at in range(120)]


def divided(**split: Any) -> Any:
    return divide_patients(PEOPLE, SplitParams.model_validate({"time": "year", **split}))


def many(folder: Path, **split: Any) -> Small:
    """Draw a study of two centres, quick to run."""
    small = draw(folder, patients=100)
    for at, row in enumerate(small.clinical):
        row["centre"] = "AB"[at % 3 == 0]
        row["year"] = str(2010 + at % 10)
    small.fields["year"] = {"kind": "text", "timing": "baseline"}
    small.study["clinical"]["site"] = "centre"
    del small.study["outcomes"]["os"]
    small.study["split"] = {"seed": 7, "outer": 3, "repeats": 1, "inner": 3, **split}
    small.study["controls"] = {"permuted_labels": 0}
    small.study["scores"] = {"rad_score": {"from": ["published"], "steps": ["impute"],
                                           "model": "regression"}}  # fmt: skip
    small.study["models"] = {"sets": {"imaging": ["rad_score"]}}
    return small


def run(path: Path, out: Path) -> dict[str, Any]:
    run_study(path, out, execution=Execution(1))
    content: dict[str, Any] = json.loads((out / "result.json").read_text(encoding="utf-8"))
    return content


def test_without_cohorts_everybody_is_developed_on() -> None:
    found = divided()
    assert found.develop == {one.name for one in PEOPLE}
    assert not found.tests


def test_a_fraction_is_dealt_within_each_centre_and_the_rest_is_tested() -> None:
    found = divided(
        develop={"centre": ["A", "B"], "fraction": 0.7}, tests={"internal": {"rest": True}}
    )
    assert len(found.develop) == 84
    assert found.develop | found.tests["internal"] == {one.name for one in PEOPLE}
    of_b = [one for one in PEOPLE if one.centre == "B" and one.name in found.develop]
    assert len(of_b) == 28
    assert found.scopes == {"internal": "internal"}


def test_the_deal_hangs_on_the_seed_and_hardly_on_who_else_is_there() -> None:
    split = SplitParams.model_validate({"develop": {"fraction": 0.5}})
    other = split.model_copy(update={"seed": 8})
    whole = divide_patients(PEOPLE, split).develop
    assert divide_patients(PEOPLE, other).develop != whole
    assert divide_patients(reversed(PEOPLE), split).develop == whole
    fewer = divide_patients(PEOPLE[1:], split).develop
    assert len(whole ^ fewer) <= 3


def test_a_temporal_cohort_starts_where_it_is_said_to() -> None:
    found = divided(develop={"before": 2017}, tests={"later": {"since": 2017}})
    years = {one.name: int(one.moment) for one in PEOPLE}
    assert {years[name] for name in found.develop} == set(range(2010, 2017))
    assert {years[name] for name in found.tests["later"]} == {2017, 2018, 2019}


def test_a_patient_of_no_known_moment_is_in_no_temporal_cohort() -> None:
    people = [*PEOPLE, Patient("p999", "A", "")]
    split = SplitParams.model_validate(
        {"time": "year", "develop": {"before": 2017}, "tests": {"later": {"since": 2017}}}
    )
    assert divide_patients(people, split).nowhere == {"p999"}


def test_an_external_cohort_shares_no_centre() -> None:
    found = divided(develop={"centre": "A"}, tests={"external": {"centre": "B"}})
    assert found.scopes == {"external": "external"}
    assert not found.develop & found.tests["external"]


def test_a_patient_on_both_sides_is_a_leak() -> None:
    with pytest.raises(LeakError, match="both developed and tested on"):
        divided(develop={"centre": ["A", "B"]}, tests={"external": {"centre": "B"}})


def test_a_patient_of_two_test_cohorts_is_refused() -> None:
    with pytest.raises(StudyError, match="belongs to one test cohort"):
        divided(tests={"one": {"centre": "B"}, "two": {"centre": "B"}})


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ({"tests": {"rest": {"rest": True}}}, "rest: true need develop.fraction"),
        ({"time": None, "develop": {"since": 2012}}, "since and before need split.time"),
        ({"develop": {}}, "say who it is"),
        ({"develop": {"since": "03/04/2019"}}, "match pattern"),
    ],
)
def test_conditions_that_cannot_be_met_are_refused(split: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        divided(**split)


@pytest.mark.usefixtures("quick")
def test_every_model_is_scored_on_every_cohort_and_nobody_is_lost(tmp_path: Path) -> None:
    small = many(
        tmp_path / "s",
        develop={"centre": "A", "fraction": 0.7},
        tests={"internal": {"centre": "A", "rest": True}, "external": {"centre": "B"}},
        bootstrap=4,
        seeds=3,
    )
    content = run(small.save(), tmp_path / "out")
    outcome = content["outcomes"][0]
    for model in outcome["models"]:
        seen = [(one["scope"], one["cohort"], one["n"]) for one in model["evaluations"]]
        assert seen == [
            ("out-of-fold", "development", 46),
            ("internal", "internal", 20),
            ("external", "external", 34),
            ("corrected", "development", 46),
            ("apparent", "development", 46),
        ]
    assert all(len(one["values"]) == 3 for one in outcome["seeds"])
    last = content["flow"][-1]
    assert last["n_before"] == 100
    assert last["n_after"] == 46
    lock = json.loads((tmp_path / "out" / "study.lock").read_text(encoding="utf-8"))
    assert lock["tests"] == {
        "internal": {"patients": 20, "opened": 1},
        "external": {"patients": 34, "opened": 1},
    }
    scored = {name: (fit["seen"], fit["scored"]) for fit in outcome["certificate"]
              if (name := fit["name"]) in lock["tests"]}  # fmt: skip
    assert scored == {"internal": (46, 20), "external": (46, 34)}


@pytest.mark.usefixtures("quick")
def test_a_test_cohort_is_opened_once(tmp_path: Path) -> None:
    cohorts = {"develop": {"centre": "A"}, "tests": {"external": {"centre": "B"}}}
    small = many(tmp_path / "s", **cohorts)
    first = run(small.save(), tmp_path / "out")
    # The same settings again are no second look.
    assert run(small.save(), tmp_path / "again")["openings"] == first["openings"]
    small.study["scores"]["rad_score"]["model"] = "icare"
    with pytest.raises(StudyError, match="is opened once; got 1 earlier openings"):
        run(small.save(), tmp_path / "other")
    # Under another name they are the same patients.
    small.study["split"]["tests"] = {"outside": {"centre": "B"}}
    with pytest.raises(StudyError, match="is opened once"):
        run(small.save(), tmp_path / "other")
    small.study["split"]["open"] = "closed"
    assert run(small.save(), tmp_path / "closed")["openings"] == []
    small.study["split"]["open"] = "again"
    counted = run(small.save(), tmp_path / "third")["openings"]
    assert counted == [{"cohort": "outside", "n": 34, "opened": 2}]


@pytest.mark.usefixtures("quick")
def test_a_refused_opening_computes_nothing(tmp_path: Path) -> None:
    small = many(tmp_path / "s", develop={"centre": "A"}, tests={"external": {"centre": "B"}})
    run(small.save(), tmp_path / "out")
    small.study["split"]["seed"] = 8
    heard: list[object] = []
    with pytest.raises(StudyError):
        run_study(small.save(), tmp_path / "other", execution=Execution(1), on_event=heard.append)
    assert not (tmp_path / "other" / "result.json").exists()
    assert not [event for event in heard if "validate" in getattr(event, "stage", "")]


@pytest.mark.usefixtures("quick")
def test_a_run_that_fails_has_opened_what_it_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = many(tmp_path / "s", develop={"centre": "A"}, tests={"external": {"centre": "B"}})
    path = small.save()

    def broken(*_args: object, **_kwargs: object) -> None:
        raise NotEstimableError(what="it must work", got="it broke", fix="Mend it.")

    monkeypatch.setattr(find, "final_fit", broken)
    with pytest.raises(NotEstimableError, match="it broke"):
        run(path, tmp_path / "early")
    assert not ledger_path(path).exists()
    monkeypatch.setattr(find, "final_fit", final_fit)
    monkeypatch.setattr(whole, "compose", broken)
    with pytest.raises(NotEstimableError, match="it broke"):
        run(path, tmp_path / "late")
    assert len(json.loads(ledger_path(path).read_text(encoding="utf-8"))["openings"]) == 1
    # The settings that had no look changed nothing; these have had one.
    small.study["split"]["seed"] = 8
    with pytest.raises(StudyError, match="is opened once; got 1 earlier openings"):
        run(small.save(), tmp_path / "other")


@pytest.mark.usefixtures("quick")
def test_a_test_cohort_without_events_is_refused_unopened(tmp_path: Path) -> None:
    small = many(tmp_path / "s", develop={"centre": "A"}, tests={"external": {"centre": "B"}})
    for row in small.clinical:
        if row["centre"] == "B":
            row["recurrence"] = "0"
    path = small.save()
    with pytest.raises(NotEstimableError, match="external needs cases with and without"):
        run(path, tmp_path / "out")
    assert not ledger_path(path).exists()


@pytest.mark.usefixtures("quick")
def test_every_centre_is_scored_by_models_of_the_others(tmp_path: Path) -> None:
    small = many(tmp_path / "s", leave_one_centre_out=True)
    model = run(small.save(), tmp_path / "out")["outcomes"][0]["models"][0]
    seen = {one["cohort"]: one["n"] for one in model["evaluations"] if one["scope"] == "external"}
    assert seen == {"centre A left out": 66, "centre B left out": 34}


def test_one_centre_cannot_be_left_out(tmp_path: Path) -> None:
    small = many(tmp_path / "s", leave_one_centre_out=True)
    small.set_cells("centre", "A")
    with pytest.raises(StudyError, match="needs two centres"):
        run(small.save(), tmp_path / "out")


def test_combat_meets_no_centre_that_it_never_saw(tmp_path: Path) -> None:
    small = many(tmp_path / "s", develop={"centre": "A"}, tests={"external": {"centre": "B"}})
    small.study["scores"]["rad_score"]["steps"] = ["impute", "combat"]
    with pytest.raises(StudyError, match="centre 'B' in test cohort 'external'"):
        run(small.save(), tmp_path / "out")


@pytest.mark.usefixtures("quick")
def test_combat_takes_centre_effects_out_between_known_centres(tmp_path: Path) -> None:
    found = []
    for steps in (["impute"], ["impute", "combat"]):
        small = many(tmp_path / f"s{len(steps)}")
        small.study["scores"]["rad_score"]["steps"] = steps
        for row, clinical in zip(small.features, small.clinical, strict=True):
            shift = 500.0 if clinical["centre"] == "B" else 0.0
            row["original_shape_MeshVolume"] = str(float(row["original_shape_MeshVolume"]) + shift)
        model = run(small.save(), tmp_path / f"out{len(steps)}")["outcomes"][0]["models"][0]
        found.append(model["evaluations"][0]["discrimination"]["value"])
    assert found[1] > found[0] + 0.05


def test_centres_that_do_not_exist_are_named(tmp_path: Path) -> None:
    small = many(tmp_path / "s", develop={"centre": "A"}, tests={"external": {"centre": "C"}})
    with pytest.raises(HepacastError, match="'C', where there are 'A', 'B'"):
        run(small.save(), tmp_path / "out")


@pytest.mark.usefixtures("quick")
def test_the_outcomes_of_a_test_cohort_move_nothing_but_its_own_result(tmp_path: Path) -> None:
    found = []
    for turned in (False, True):
        small = many(
            tmp_path / f"s{turned}", develop={"centre": "A"}, tests={"external": {"centre": "B"}}
        )
        if turned:
            theirs = [row for row in small.clinical if row["centre"] == "B"]
            cells = [row["recurrence"] for row in theirs]
            for row, cell in zip(theirs, reversed(cells), strict=True):
                row["recurrence"] = cell
        models = run(small.save(), tmp_path / f"out{turned}")["outcomes"][0]["models"]
        found.append({model["name"]: model["evaluations"] for model in models})
    one, other = found
    for name, evaluations in one.items():
        honest, external, apparent = evaluations
        again = other[name]
        assert honest == again[0]
        assert apparent == again[2]
        assert [case["score"] for case in external["cases"]] == [
            case["score"] for case in again[1]["cases"]
        ]
        assert external["discrimination"] != again[1]["discrimination"]
