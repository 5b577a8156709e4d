# SPDX-License-Identifier: Apache-2.0
"""Whatever is wrong with a study: one clear line, exit code 2, and nothing written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hepacast.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.run.conftest import Small

    Change = Callable[[Small], None]

KINDS: dict[str, tuple[Change, tuple[str, ...]]] = {}


def kind(*said: str) -> Callable[[Change], Change]:
    """Add a way to break a study, with what the message has to say."""

    def add(change: Change) -> Change:
        KINDS[change.__name__] = change, said
        return change

    return add


@kind("study.yaml", "no setting split.outter", "4", "Check the spelling")
def a_misspelt_key(small: Small) -> None:
    small.study["split"]["outter"] = 4


@kind("study.yaml", "no setting control", "hepacast schema")
def a_misspelt_block(small: Small) -> None:
    small.study["control"] = small.study.pop("controls")


@kind("study.yaml", "clinical", "Field required")
def a_missing_block(small: Small) -> None:
    del small.study["clinical"]


@kind("study.yaml", "scores.rad_score: no source 'publishd'", "did you mean 'published'?")
def an_unknown_source(small: Small) -> None:
    small.study["scores"]["rad_score"]["from"] = ["publishd"]


@kind("models.sets.combined: no score 'rad_scor'", "did you mean 'rad_score'?")
def an_unknown_member_of_a_set(small: Small) -> None:
    small.study["models"]["sets"]["combined"] = ["clinical", "rad_scor"]


@kind("study.yaml", "scores.rad_score.steps.1", "'imputte'")
def an_unknown_step(small: Small) -> None:
    small.study["scores"]["rad_score"]["steps"] = ["impute", "imputte"]


@kind("study.yaml", "scores.clinical.model", "'lassso'")
def an_unknown_model(small: Small) -> None:
    small.study["scores"]["clinical"]["model"] = "lassso"


@kind("study.yaml", "scores.rad_score.steps.0", "limt")
def a_misspelt_setting_of_a_step(small: Small) -> None:
    small.study["scores"]["rad_score"]["steps"] = [{"correlation": {"limt": 0.9}}]


@kind("study.yaml", "split.outer", "greater than or equal to 2", "got 1")
def one_fold(small: Small) -> None:
    small.study["split"]["outer"] = 1


@kind("study.yaml", "event_level", "got 1", "write them in quotes")
def a_level_that_is_a_number(small: Small) -> None:
    small.study["outcomes"]["os"]["event_level"] = 1


@kind("study.yaml", "regions.ring: no region defined above it 'tumor'", "'tumour'?")
def a_region_from_an_undefined_region(small: Small) -> None:
    small.study["cases"] = {"table": "cases.csv"}
    small.study["regions"] = {
        "tumour": {"mask": "tumour"},
        "ring": {"from": "tumor", "ring_mm": 5},
    }


@kind("study.yaml", "regions.tumour: no mask 'lesion' (there are: tumour)")
def a_region_of_an_undefined_mask(small: Small) -> None:
    small.study["cases"] = {"table": "cases.csv"}
    small.study["regions"] = {"tumour": {"mask": "lesion"}}


@kind("study.yaml", "radiomics needs images and regions: give cases and regions")
def radiomics_without_images(small: Small) -> None:
    small.study["features"]["own"] = {"engine": "radiomics"}


@kind("cases.csv", "No such file", "relative to that file")
def a_case_table_that_is_not_there(small: Small) -> None:
    small.study["cases"] = {"table": "cases.csv"}


@kind("absent.csv", "No such file", "relative to that file")
def a_table_that_is_not_there(small: Small) -> None:
    small.study["clinical"]["table"] = "absent.csv"


@kind("absent.yaml", "No such file", "clinical.dictionary")
def a_dictionary_that_is_not_there(small: Small) -> None:
    small.study["clinical"]["dictionary"] = "absent.yaml"


@kind("clinical.csv", "must have a column 'patient'", "the columns case, age")
def an_unknown_id_column(small: Small) -> None:
    small.study["clinical"]["id"] = "patient"


@kind("features.csv", "must have a column 'ID'")
def an_unknown_id_column_of_features(small: Small) -> None:
    small.study["features"]["published"]["id"] = "ID"


@kind("case 001", "clinical.csv", "'001' again in row 4")
def an_id_twice(small: Small) -> None:
    small.clinical[2]["case"] = "001"


@kind("features.csv", "'001' again in row 3")
def an_id_twice_among_features(small: Small) -> None:
    small.features[1]["case"] = "001"


@kind("clinical.csv", "needs an id", "None in row 5")
def an_id_that_is_empty(small: Small) -> None:
    small.clinical[3]["case"] = ""


@kind("clinical.csv", "must have a column 'weight'")
def a_described_column_that_is_not_there(small: Small) -> None:
    small.fields["weight"] = {"kind": "number", "unit": "kg", "timing": "baseline"}


@kind("fields.yaml", "age.timing", "Each column needs kind and timing")
def a_description_without_a_timing(small: Small) -> None:
    del small.fields["age"]["timing"]


@kind("unit of 'os_weeks'", "'months' and 'weeks'")
def a_unit_that_contradicts_the_dictionary(small: Small) -> None:
    small.study["outcomes"]["os"]["unit"] = "months"


@kind("outcomes.os.survival.unit", "'fortnights'")
def an_unknown_unit(small: Small) -> None:
    small.study["outcomes"]["os"]["unit"] = "fortnights"


@kind("outcome os", "one cell cannot mean both", "'1'")
def an_event_level_that_is_the_censored_level(small: Small) -> None:
    small.study["outcomes"]["os"]["censored_level"] = "1"


@kind("clinical.csv", "case 001", "outcome recurred", "one of 1, 2", "'0' in row 2")
def a_coding_that_is_not_the_one_declared(small: Small) -> None:
    small.set_cells("recurrence", "0", "1")
    small.study["outcomes"]["recurred"].update(event_level="2", other_levels=["1"])


@kind("clinical.csv", "at least one row", "0 rows")
def an_empty_cohort(small: Small) -> None:
    small.clinical.clear()


@kind("outcome 'recurred' needs cases with and without the event", "48 events among 48 cases")
def one_class_only(small: Small) -> None:
    small.set_cells("recurrence", "1")


@kind("outcome 'os'", "0 events among 48 cases")
def nobody_died(small: Small) -> None:
    small.set_cells("death", "0")


@kind("outcome 'recurred'", "0 events among 0 cases", "Check event_level, the horizon and the unit")
def everybody_censored_before_the_horizon(small: Small) -> None:
    small.set_cells("recurrence", "0")
    small.study["outcomes"]["recurred"].update(within_months=120, time="os_weeks", unit="weeks")


@kind("recurred", "4 cases with the event", "outer 3 and inner 3", "fewer folds")
def too_few_events_for_the_folds(small: Small) -> None:
    small.set_cells("recurrence", *"1111", *"0" * 44)


@kind("recurred", "4 cases without the event", "outer 3 and inner 3", "fewer folds")
def too_few_without_the_event_for_the_folds(small: Small) -> None:
    small.set_cells("recurrence", *"0000", *"1" * 44)


@kind("os", "2 cases with the event", "outer 3 and inner 3")
def too_few_events_among_those_with_features(small: Small) -> None:
    small.set_cells("death", *"11", *"0" * 44, *"11")
    del small.features[45:]


@kind("recurred", "4 patients for 5 folds, of 10 cases", "outer 3 and inner 3")
def too_few_patients_for_the_folds_of_the_lasso(small: Small) -> None:
    small.set_cells("recurrence", "0", "1")
    del small.clinical[10:]
    del small.features[10:]


@kind("outcome os", "horizon_months", "120 months", "unit of time")
def a_horizon_beyond_all_follow_up(small: Small) -> None:
    small.study["outcomes"]["os"]["horizon_months"] = 120


@kind("known at baseline", "'response', whose timing is 'follow-up'")
def a_predictor_of_the_future(small: Small) -> None:
    small.study["clinical"]["use"] = ["age", "response"]


@kind("known at baseline", "'death', whose timing is 'outcome'")
def an_outcome_as_a_predictor(small: Small) -> None:
    small.study["clinical"]["use"] = ["death"]


@kind("described in the data dictionary", "'weight'")
def a_predictor_that_nobody_described(small: Small) -> None:
    small.study["clinical"]["use"] = ["age", "weight"]


@kind("the event column 'recurrence'", "timing: outcome", "timing: baseline")
def an_outcome_known_at_baseline(small: Small) -> None:
    small.fields["recurrence"] = {"kind": "flag", "timing": "baseline"}


@kind("clinical.csv", "case 003", "must not be negative", "-4 weeks in row 4")
def a_negative_time(small: Small) -> None:
    small.clinical[2]["os_weeks"] = "-4"


@kind("clinical.csv", "case 002", "numbers in years from 18 to 110", "'about 60' in row 3")
def free_text_in_a_number(small: Small) -> None:
    small.clinical[1]["age"] = "about 60"


@kind("clinical.csv", "case 002", "one of A, B", "'C' in row 3")
def a_level_that_nobody_declared(small: Small) -> None:
    small.clinical[1]["stage"] = "C"


@kind("features.csv", "case 002", "original_glcm_Idm", "finite numbers", "'high' in row 3")
def free_text_in_a_feature(small: Small) -> None:
    small.features[1]["original_glcm_Idm"] = "high"


@kind("tables must share case ids", "features.published", "'001'", "'P-001'")
def tables_without_common_ids(small: Small) -> None:
    for row in small.features:
        row["case"] = f"P-{row['case']}"


@kind("features.csv", "must have a column 'Target'")
def a_column_to_drop_that_is_not_there(small: Small) -> None:
    small.study["features"]["published"]["drop"] = ["Target"]


@kind("models.volume", "'-/-/original/shape/Volume'", "phase/region/filter/family/feature")
def a_volume_that_is_no_column(small: Small) -> None:
    small.study["models"]["volume"] = "-/-/original/shape/Volume"


@kind("recurred", "outer 60", "fewer folds")
def more_folds_than_patients(small: Small) -> None:
    small.study["split"]["outer"] = 60


@kind("scores: the name 'a/b'", "no '/'")
def a_score_whose_name_is_no_name(small: Small) -> None:
    small.study["scores"]["a/b"] = small.study["scores"]["clinical"]
    small.study["models"]["sets"] = {"one": ["a/b"]}


@kind("must be a number, category or flag", "'note' of kind 'text'")
def a_predictor_of_free_text(small: Small) -> None:
    small.set_cells("note", "well")
    small.fields["note"] = {"kind": "text", "timing": "baseline"}
    small.study["clinical"]["use"] = ["note"]


@kind("complete columns", "missing values", "Put an impute step before it")
def gaps_that_nobody_fills(small: Small) -> None:
    small.study["scores"]["clinical"]["steps"] = []


def attempt(path: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """Run a study that must not run, and return the one line that it leaves."""
    before = {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()}
    code = main(["run", str(path), "--out", str(out), "--workers", "1"])
    printed = capfd.readouterr()
    assert code == 2, printed
    assert not out.exists()
    assert {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()} == before
    lines = [line for line in printed.err.splitlines() if line.startswith("hepacast: ")]
    bars = [line for line in printed.err.splitlines() if "━" in line or "0:00:" in line]
    notes = [line for line in printed.err.splitlines() if line.startswith("note  ")]
    said = [line for line in printed.err.splitlines() if line.strip()]
    assert [line for line in said if line not in bars + notes] == lines
    assert len(lines) == 1
    assert printed.out == ""
    return lines[0]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_it_gives_one_clear_line_and_writes_nothing(
    name: str, small: Small, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change, said = KINDS[name]
    change(small)
    line = attempt(small.save(), tmp_path / "out", capfd)
    for words in said:
        assert words in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("schema: 1\nschema: 1\n", "'schema' again in line 2"),
        ("schema: 1\nstudy: {name: [\n", "must be YAML"),
        ("schema: 1\n\tstudy: x\n", "line 2"),
        ("just words", "the file"),
        ("", "the file"),
        ("- 1\n- 2\n", "the file"),
        ("schema: 2\n", "schema"),
        ("? [1, 2]\n: 3\n", "line 1"),
        ("a: &x [*x]\nb: !!python/object:os.system {}\n", "YAML"),
    ],
)
def test_text_that_is_no_study_gives_one_clear_line(
    text: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in" / "study.yaml"
    path.parent.mkdir()
    path.write_text(text)
    line = attempt(path, tmp_path / "out", capfd)
    assert said in line
    assert "study.yaml" in line


def test_a_study_file_that_is_not_utf8_gives_one_clear_line(
    small: Small, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = small.save()
    path.write_bytes(path.read_bytes() + "# größer\n".encode("latin-1"))
    assert "readable UTF-8 text" in attempt(path, tmp_path / "out", capfd)


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_study_file_that_cannot_be_read_gives_one_clear_line(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    line = attempt(tmp_path / "in" / name, tmp_path / "out", capfd)
    assert "the study file must be readable" in line
    assert "hepacast init" in line


# Only a fit can tell that nobody fills the gaps.
@pytest.mark.parametrize("name", sorted(KINDS.keys() - {"gaps_that_nobody_fills"}))
def test_check_finds_what_run_would_find(
    name: str, small: Small, capfd: pytest.CaptureFixture[str]
) -> None:
    change, said = KINDS[name]
    change(small)
    assert main(["check", str(small.save())]) == 2
    assert said[0] in capfd.readouterr().err


@pytest.mark.parametrize("name", ["volume-only", "clinical-only"])
@pytest.mark.parametrize("block", ["scores", "models.sets"])
def test_the_names_of_the_baselines_are_taken(
    name: str, block: str, small: Small, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if block == "scores":
        small.study["scores"][name] = small.study["scores"]["clinical"]
    else:
        small.study["models"]["sets"][name] = ["clinical"]
    line = attempt(small.save(), tmp_path / "out", capfd)
    assert f"{block}: the name {name!r} is taken" in line


def test_a_feature_block_cannot_pose_as_the_clinical_table(
    small: Small, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small.study["features"]["clinical"] = {"table": "features.csv"}
    assert "features: the name 'clinical' is taken" in attempt(
        small.save(), tmp_path / "out", capfd
    )
