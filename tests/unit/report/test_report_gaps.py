# SPDX-License-Identifier: Apache-2.0
"""A report with any one part missing is still a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hepacast.report.content import (
    Calibration,
    Evaluation,
    Model,
    OutcomeReport,
    ReportContent,
    Roc,
    Shown,
    SurvivalCurve,
    Survivals,
)
from hepacast.report.document import compose

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS: tuple[type[Shown], ...] = (
    Calibration, Evaluation, Model, OutcomeReport, Roc, SurvivalCurve, Survivals
)  # fmt: skip


def optional() -> Iterator[tuple[type[Shown], str]]:
    """List every field that may be left out."""
    for part in PARTS:
        for name, field in part.model_fields.items():
            if not field.is_required():
                yield part, name


def without(value: object, part: type[Shown], name: str) -> object:
    """Rebuild a content with one field at its default, wherever the part occurs."""
    if isinstance(value, tuple):
        return tuple(without(one, part, name) for one in value)
    if not isinstance(value, Shown):
        return value
    fields = {key: without(getattr(value, key), part, name) for key in type(value).model_fields}
    if isinstance(value, part):
        fields.pop(name)
    return type(value)(**fields)


@pytest.fixture(scope="module")
def small(content: ReportContent) -> ReportContent:
    """Both kinds of outcome, one model each."""
    outcomes = tuple(
        one.model_copy(update={"models": one.models[1:2], "comparisons": ()})
        for one in content.outcomes
    )
    return content.model_copy(update={"outcomes": outcomes, "pictures": (), "flow": ()})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "name"), list(optional()), ids=lambda one: getattr(one, "__name__", one)
)
def test_any_one_part_may_be_missing(part: type[Shown], name: str, small: ReportContent) -> None:
    gap = without(small, part, name)
    assert isinstance(gap, ReportContent)
    assert compose(gap).sections
