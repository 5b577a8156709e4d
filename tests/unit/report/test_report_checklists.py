# SPDX-License-Identifier: Apache-2.0
"""Checklists claim no more than the content holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hepacast.report.checklists.clear import CLEAR
from hepacast.report.checklists.evidence import EVIDENCE
from hepacast.report.checklists.item import Checklist, Item, answer
from hepacast.report.checklists.metrics import METRICS
from hepacast.report.checklists.tripod import TRIPOD_AI
from hepacast.report.sections.checklists import CHECKLISTS, DECLARABLE, checklists, tally

if TYPE_CHECKING:
    from hepacast.report.content import ReportContent


@pytest.mark.parametrize(
    ("checklist", "main", "items"), [(TRIPOD_AI, 27, 52), (CLEAR, 58, 58), (METRICS, 30, 30)]
)
def test_every_item_is_there_once_and_in_order(checklist: Checklist, main: int, items: int) -> None:
    numbers = [item.number for item in checklist.items]
    assert len(numbers) == len(set(numbers)) == items
    plain = [int("".join(filter(str.isdigit, number))) for number in numbers]
    assert sorted(set(plain)) == list(range(1, main + 1))
    assert plain == sorted(plain)


@pytest.mark.parametrize("checklist", CHECKLISTS, ids=lambda one: one.name)
def test_a_report_of_nothing_answers_nothing(checklist: Checklist, bare: ReportContent) -> None:
    assert {one.status for one in checklist.answers(bare)} == {"to do"}
    assert all(one.add for one in checklist.answers(bare))
    assert checklists(bare) is None


@pytest.mark.parametrize("name", sorted(EVIDENCE))
def test_each_kind_of_evidence_is_found_where_it_is_and_only_there(
    name: str, content: ReportContent, bare: ReportContent
) -> None:
    assert EVIDENCE[name](bare) == ""
    if name != "external":
        assert EVIDENCE[name](content)


def test_evidence_that_is_taken_away_is_missed(content: ReportContent) -> None:
    item = Item("20a", "Flow", run="flow")
    assert answer(item, content).status == "run"
    assert answer(item, content.model_copy(update={"flow": ()})).status == "to do"


@pytest.mark.parametrize("checklist", CHECKLISTS, ids=lambda one: one.name)
def test_every_evidence_that_is_asked_for_exists(checklist: Checklist) -> None:
    assert {item.run for item in checklist.items if item.run} <= set(EVIDENCE)


def test_what_was_declared_is_quoted_and_completes_the_run(content: ReportContent) -> None:
    declared = {"ethics": "Approved by the board of X.", "eligibility": "Adults with one HCC."}
    study = content.study.model_copy(update={"declared": declared})
    answers = TRIPOD_AI.answers(content.model_copy(update={"study": study}))
    said = {one.item.number: one for one in answers}
    assert (said["17"].status, said["17"].where) == ("declared", "Approved by the board of X.")
    assert (said["6b"].status, said["6b"].add) == ("run", "")
    assert said["6b"].where.endswith("Adults with one HCC.")
    assert set(declared) <= set(DECLARABLE)


def test_the_tally_counts_every_item_once(content: ReportContent) -> None:
    for checklist in CHECKLISTS:
        words = tally(checklist, content).replace(",", "").split()
        run, total = int(words[0]), int(words[2])
        declared = int(words[words.index("declared") - 1])
        assert run + declared + int(words[-3]) == total == len(checklist.items)
