# SPDX-License-Identifier: Apache-2.0
"""Faults of a cohort, row by row of the fault matrix (F59 to F84): what happens to each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from hepacast.core.errors import LeakError, NotEstimableError, StudyError, TableError
from hepacast.core.events import Event, Noticed
from hepacast.core.folds import Cohort, Fold
from hepacast.core.outcome import Binary, Survival
from hepacast.core.provenance import content_key
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.io.tables import read_table
from hepacast.run.gather import gather
from hepacast.run.protocol.cohorts import patients_of
from hepacast.run.protocol.feasible import require_feasible
from hepacast.run.protocol.flow import reasons_to_leave
from hepacast.run.protocol.readiness import (
    confounded,
    out_of_order,
    readiness,
    require_different_patients,
)
from hepacast.run.settings.study import parse_study
from hepacast.stats.concordance import harrell_c
from hepacast.table.outcomes import LabelledCases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.run.conftest import Small

COLUMNS = tuple(FeatureName("A", "tumour", "original", "glcm", f"x{at}") for at in range(6))


def measured(patients: int = 40, seed: int = 1) -> Cohort:
    rng = np.random.default_rng(seed)
    cases = tuple(f"c{at:02d}" for at in range(patients))
    table = FeatureTable(rng.normal(size=(patients, 6)), cases, COLUMNS)
    return Cohort(table, Binary(np.arange(patients) % 2 == 0))


def heard(small: Small) -> list[str]:
    events: list[Event] = []
    gather(small.save(), on_event=events.append)
    return [event.text for event in events if isinstance(event, Noticed)]


def test_f59_a_case_without_a_phase_leaves_with_that_reason() -> None:
    rows = [SimpleNamespace(case=c, phase=p) for c, p in (("a", "A"), ("a", "P"), ("b", "A"))]
    block = SimpleNamespace(missing_phase="exclude", phases="all")
    materials = SimpleNamespace(
        clinical=SimpleNamespace(cases=("a", "b")), tables={}, measured={"rad": block},
        images=rows, first_reading=rows,
    )  # fmt: skip
    assert reasons_to_leave(cast("Any", materials), {}) == {"b": "no P phase"}


def test_f60_what_only_one_side_knows_is_named_both_ways(small: Small) -> None:
    small.features.append({**small.features[0], "case": "900"})
    del small.features[1]
    assert any("1 cases without a clinical row are left out: 900" in text for text in heard(small))
    assert reasons_to_leave(gather(small.save()), {}) == {
        "002": "no row in feature table published"
    }


@pytest.mark.parametrize("variant", ["7", "０07"])  # noqa: RUF001 - a full-width digit, as typed
def test_f61_ids_are_text_and_never_matched_by_guess(variant: str, small: Small) -> None:
    small.features[6]["case"] = variant
    materials = gather(small.save())
    assert reasons_to_leave(materials, {}) == {"007": "no row in feature table published"}


def test_f62_an_id_twice_is_refused(small: Small) -> None:
    small.clinical[2]["case"] = "001"
    with pytest.raises(TableError, match="'001' again in row 4"):
        gather(small.save())


def test_f63_a_copy_of_a_patient_is_refused_and_lesions_of_one_are_not() -> None:
    cohort = measured()
    values = cohort.table.values.copy()
    values[7] = values[3]
    copied = cohort.with_table(cohort.table.with_values(values))
    with pytest.raises(TableError, match="c03 and c07, equal in 6 columns"):
        require_different_patients(copied, COLUMNS)
    owners = tuple("p03" if at in {3, 7} else f"p{at:02d}" for at in range(40))
    table = FeatureTable(values, cohort.table.cases, COLUMNS, owners)
    require_different_patients(Cohort(table, cohort.outcome), COLUMNS)
    with pytest.raises(LeakError):
        Fold(frozenset({"p03"}), frozenset({"p03"}))


def test_f64_a_table_in_gb18030_is_read_and_its_encoding_logged(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("case,中心\n001,北京\n".encode("gb18030"))
    events: list[Event] = []
    table = read_table(path, on_event=events.append)
    assert table.column("中心") == ("北京",)
    assert any("GB 18030" in event.text for event in events if isinstance(event, Noticed))


@pytest.mark.parametrize("cell", ["03/04/2019", "25/12/2019", "43558"])
def test_f65_a_date_that_can_be_read_two_ways_is_refused(cell: str, small: Small) -> None:
    small.set_cells("operated", "2018-02-01")
    small.clinical[4]["operated"] = cell
    small.fields["operated"] = {"kind": "text", "timing": "baseline"}
    small.study["split"] = {**small.study["split"], "time": "operated",
                            "tests": {"later": {"since": 2019}}}  # fmt: skip
    materials = gather(small.save())
    with pytest.raises(TableError, match=f"'{cell}' in row 6"):
        patients_of(materials, materials.clinical.cases)


@pytest.mark.parametrize("cell", ["1,210", "38,5", "#N/A", "61 years"])
def test_f66_a_cell_that_is_no_number_is_named(cell: str, small: Small) -> None:
    small.clinical[1]["age"] = cell
    with pytest.raises(TableError, match=f"'{cell}' in row 3"):
        gather(small.save())


def test_f67_a_limit_is_read_only_where_a_rule_says_so(small: Small) -> None:
    small.clinical[1]["age"] = "<20"
    with pytest.raises(TableError, match="'<20' in row 3"):
        gather(small.save())
    small.fields["age"]["censored"] = "limit"
    assert any("'<20' read as 20" in text for text in heard(small))


def test_f68_a_sentinel_is_refused_until_it_is_declared(small: Small) -> None:
    small.clinical[1]["age"] = "-999"
    with pytest.raises(TableError, match="'-999' in row 3"):
        gather(small.save())
    small.fields["age"]["missing"] = ["-999"]
    assert np.isnan(gather(small.save()).clinical.variables["age"].numbers[1])


def test_f69_free_text_in_a_flag_is_refused_until_it_is_mapped(small: Small) -> None:
    small.clinical[1]["response"] = "N?(No report)"
    with pytest.raises(TableError, match="No report"):
        gather(small.save())
    small.fields["response"]["rename"] = {"N?(No report)": "0"}
    assert any("read as '0' in 1 rows" in text for text in heard(small))


def test_f70_a_number_needs_its_unit_and_two_units_in_a_column_are_noticed(small: Small) -> None:
    cohort = measured()
    albumin = np.random.default_rng(2).normal(40, 3, 40)
    albumin[:12] /= 10
    name = FeatureName.clinical("albumin")
    column = FeatureTable(albumin[:, None], cohort.table.cases, (name,))
    mixed = cohort.with_table(cohort.table.beside(column))
    notes = {note.topic: note for note in readiness("er", mixed, [*COLUMNS, name], None)}
    assert notes["Mixed units"].warn
    assert "albumin" in notes["Mixed units"].text
    del small.fields["age"]["unit"]
    with pytest.raises(StudyError, match="needs its unit"):
        gather(small.save())


def test_f71_a_negative_time_is_refused(small: Small) -> None:
    small.clinical[2]["os_weeks"] = "-4"
    with pytest.raises(TableError, match="-4 weeks in row 4"):
        gather(small.save())


def test_f72_a_time_without_a_unit_is_asked_for(small: Small) -> None:
    del small.study["outcomes"]["os"]["unit"]
    with pytest.raises(StudyError, match="unit"):
        parse_study(small.save().read_text(encoding="utf-8"))


def test_f73_the_cell_that_means_the_event_must_be_named(small: Small) -> None:
    del small.study["outcomes"]["recurred"]["event_level"]
    with pytest.raises(StudyError, match="event_level"):
        parse_study(small.save().read_text(encoding="utf-8"))


def test_f74_censored_before_the_horizon_is_never_without_the_event(small: Small) -> None:
    small.study["outcomes"] = {
        "early": {
            "kind": "binary", "event": "death", "event_level": "1", "other_levels": ["0"],
            "time": "os_weeks", "unit": "weeks", "within_months": 24,
        }
    }  # fmt: skip
    small.set_cells("os_weeks", "120", "20", "30", "150")
    small.set_cells("death", "0", "0", "1", "1")
    labelled = gather(small.save()).labelled["early"]
    assert [(one.reason, len(one.cases)) for one in labelled.excluded] == [
        ("censored before 24 months", 12)
    ]
    assert "002" not in labelled.cases
    assert int(labelled.outcome.event.sum()) == 12


def test_f75_a_recurrence_after_the_end_of_follow_up_is_listed() -> None:
    days = np.linspace(100, 1000, 30)
    cases = tuple(f"c{at}" for at in range(30))
    event = np.ones(30, dtype=bool)
    first = days * 0.5
    first[3] = days[3] + 40
    labelled = {
        "rfs": LabelledCases(cases, Survival(first, event, "rfs"), ()),
        "os": LabelledCases(cases, Survival(days, event.copy(), "os"), ()),
    }
    assert out_of_order(labelled) == [("outcome rfs", "1 events after the end of os: c3")]


def test_f76_what_is_known_only_later_cannot_predict(small: Small) -> None:
    small.study["clinical"]["use"] = ["age", "response"]
    with pytest.raises(StudyError, match="known at baseline"):
        gather(small.save())


def test_f77_an_oversampled_table_is_refused() -> None:
    cohort = measured(20)
    values = np.vstack([cohort.table.values, cohort.table.values[:5]])
    cases = (*cohort.table.cases, *(f"copy{at}" for at in range(5)))
    event = np.append(cohort.outcome.event, cohort.outcome.event[:5])
    with pytest.raises(TableError, match="oversampled"):
        require_different_patients(
            Cohort(FeatureTable(values, cases, COLUMNS), Binary(event)), COLUMNS
        )


def test_f78_no_setting_chooses_a_split_by_its_significance(small: Small) -> None:
    small.study["split"]["balance_p_above"] = 0.05
    with pytest.raises(StudyError, match=r"no setting split\.balance_p_above"):
        parse_study(small.save().read_text(encoding="utf-8"))


def test_f79_constant_and_mostly_missing_columns_are_named() -> None:
    cohort = measured()
    values = cohort.table.values.copy()
    values[:, 1] = 3.0
    values[:25, 2] = np.nan
    worse = cohort.with_table(cohort.table.with_values(values))
    notes = {note.topic: note for note in readiness("er", worse, COLUMNS, None)}
    assert notes["Columns that say little"].value == 2
    assert "1 columns are constant and 1 miss half" in notes["Columns that say little"].text


def test_f80_too_few_events_for_the_folds_are_counted(small: Small) -> None:
    small.set_cells("recurrence", *("0",) * 23, "1")
    with pytest.raises(NotEstimableError, match="2 cases with the event"):
        require_feasible(gather(small.save()))


def test_f81_a_centre_that_tells_the_outcome_is_noticed() -> None:
    cohort = measured()
    event = cohort.outcome.event
    told = Cohort(cohort.table, cohort.outcome, tuple("AB"[int(one)] for one in event))
    note = confounded("er", told)
    assert note is not None
    assert note.warn
    assert "A 0 of 20, B 20 of 20" in note.text
    apart = Cohort(cohort.table, cohort.outcome, tuple("AB"[at // 2 % 2] for at in range(40)))
    balanced = confounded("er", apart)
    assert balanced is not None
    assert not balanced.warn
    assert confounded("er", cohort) is None


def test_f82_a_level_that_nobody_declared_is_named(small: Small) -> None:
    small.clinical[1]["stage"] = "Cisplastin"
    with pytest.raises(TableError, match="'Cisplastin' in row 3"):
        gather(small.save())


def test_f83_another_version_of_an_operator_is_another_record() -> None:
    one, other = (content_key("measure", version, {"bins": 25}, {}) for version in (2, 3))
    assert one != other


def test_f84_higher_is_worse_everywhere() -> None:
    time, event = np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4, dtype=bool)
    assert harrell_c(np.array([4.0, 3.0, 2.0, 1.0]), time, event).estimate == 1.0
    assert harrell_c(np.array([1.0, 2.0, 3.0, 4.0]), time, event).estimate == 0.0


def test_a_perfect_column_is_called_a_leak_before_training() -> None:
    cohort = measured()
    values = cohort.table.values.copy()
    values[:, 4] = cohort.outcome.event
    leaky = cohort.with_table(cohort.table.with_values(values))
    notes = {note.topic: note for note in readiness("er", leaky, COLUMNS, None)}
    assert notes["Perfect columns"].value == 1


def test_the_sample_size_is_held_against_every_column_looked_at() -> None:
    note = readiness("er", measured(), COLUMNS, None)[0]
    assert note.topic == "Sample size (Riley)"
    assert note.warn
    assert note.value is not None
    assert note.value > 40
