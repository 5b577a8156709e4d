# SPDX-License-Identifier: Apache-2.0
"""An item of a checklist, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hepacast.report.checklists.evidence import EVIDENCE

if TYPE_CHECKING:
    from hepacast.report.content import ReportContent

Status = Literal["run", "run, complete it", "declared", "to do"]


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a checklist.

    Parameters
    ----------
    number : str
        As the checklist counts: ``12a``.
    topic : str
        What is asked, in a few words.
    run : str
        Name of the evidence in a run that answers it; see
        :data:`~hepacast.report.checklists.evidence.EVIDENCE`.
    declared : str
        Key of ``study.declared`` that answers it.
    add : str
        What a human has to add, whether or not the run answers a part.
    """

    number: str
    topic: str
    run: str = ""
    declared: str = ""
    add: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the content says to an item.

    Parameters
    ----------
    item : Item
        The line.
    status : str
        Who answers it.
    where : str
        Where the answer stands, or the declared text.
    add : str
        What is left to do.
    """

    item: Item
    status: Status
    where: str
    add: str


@dataclass(frozen=True, slots=True)
class Checklist:
    """A checklist.

    Parameters
    ----------
    name : str
        As it is known.
    source : str
        Where its wording is published.
    items : tuple of Item
        In its order.
    """

    name: str
    source: str
    items: tuple[Item, ...]

    def answers(self, content: ReportContent) -> tuple[Answer, ...]:
        """Answer every item from the content."""
        return tuple(answer(item, content) for item in self.items)


def answer(item: Item, content: ReportContent) -> Answer:
    """Answer one item: from the run first, then from what was declared, else it is to do.

    Examples
    --------
    >>> from hepacast.report.content import ReportContent, Study
    >>> content = ReportContent(study=Study(name="s", seed=1, declared={"funding": "None."}))
    >>> answer(Item("18a", "Funding", declared="funding"), content).where
    'None.'
    >>> answer(Item("17", "Ethics", declared="ethics", add="Name the board."), content).status
    'to do'
    """
    found = EVIDENCE[item.run](content) if item.run else ""
    said = content.study.declared.get(item.declared, "") if item.declared else ""
    if found:
        where = " ".join(filter(None, [found, said]))
        left = "" if said else item.add
        return Answer(item, "run, complete it" if left else "run", where, left)
    if said:
        return Answer(item, "declared", said, "")
    return Answer(item, "to do", "", item.add or "Not in this run: describe it, or say why not.")
