# SPDX-License-Identifier: Apache-2.0
"""What readers said, from the table of a reader study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

    from hepacast.core.text import TextTable
    from hepacast.run.settings.clinical_use import PairedColumns, ReadersParams

    Answers = dict[tuple[str, str], tuple[float, float]]


@dataclass(frozen=True, slots=True, eq=False)
class ReaderTable:
    """Answers of all readers on the cases that every one of them answered.

    Parameters
    ----------
    readers, cases : tuple of str
        In alphabetical order, and in that of the table.
    scores, calls : (2, reader, case) float, or None
        With the model, then alone; None where the study asks for none.
    unanswered : tuple of str
        Cases that some reader did not answer in both ways.
    """

    readers: tuple[str, ...]
    cases: tuple[str, ...]
    scores: Float[np.ndarray, "two reader case"] | None
    calls: Float[np.ndarray, "two reader case"] | None
    unanswered: tuple[str, ...]


def read_readers(text: TextTable, params: ReadersParams) -> ReaderTable:
    """Read the table of a reader study.

    Parameters
    ----------
    text : TextTable
        One row per reader and case.
    params : ReadersParams
        Its columns.

    Raises
    ------
    TableError
        If a reader answers a case twice, an answer is no number, a call is not 0 or 1, or no
        case was answered by all readers.

    Examples
    --------
    >>> from hepacast.core.text import TextTable
    >>> from hepacast.run.settings.clinical_use import ReadersParams
    >>> params = ReadersParams.model_validate({"table": "readers.csv", "outcome": "er",
    ...     "model": "all", "call": {"alone": "a", "with_model": "m"}})
    >>> columns = {"reader": ("r1", "r2", "r1"), "case": ("p1", "p1", "p2"),
    ...            "a": ("1", "0", "1"), "m": ("1", "1", "0")}
    >>> found = read_readers(TextTable(columns, "readers.csv", ""), params)
    >>> found.cases, found.unanswered, found.calls[:, :, 0].tolist()
    (('p1',), ('p2',), [[1.0, 1.0], [1.0, 0.0]])
    """
    names, ids = text.ids(params.reader), text.ids(params.case)
    _require_once(text, list(zip(names, ids, strict=True)))
    asked = {"score": params.score, "call": params.call}
    answers = {
        kind: _answers(text, columns, (names, ids), calls=kind == "call")
        for kind, columns in asked.items()
        if columns is not None
    }
    readers, cases = tuple(sorted(set(names))), tuple(dict.fromkeys(ids))
    whole = tuple(
        case
        for case in cases
        if all((reader, case) in one for one in answers.values() for reader in readers)
    )
    if not whole:
        raise TableError(
            what="a reader study needs a case that all readers answered, alone and with the model",
            got=f"none of {len(cases)} cases for {len(readers)} readers",
            fix="Complete the table, or leave out a reader who has not finished.",
        ).at(file=text.source)
    stacked = {kind: _stack(one, readers, whole) for kind, one in answers.items()}
    left = tuple(case for case in cases if case not in set(whole))
    return ReaderTable(readers, whole, stacked.get("score"), stacked.get("call"), left)


def _require_once(text: TextTable, rows: list[tuple[str, str]]) -> None:
    """Refuse a reader who answers a case twice."""
    seen: set[tuple[str, str]] = set()
    for at, (reader, case) in enumerate(rows):
        if (reader, case) in seen:
            raise TableError(
                what="every reader answers a case once",
                got=f"reader {reader!r} again in row {at + 2}",
                fix="Keep one row per reader and case, with both answers in it.",
            ).at(file=text.source, case=case)
        seen.add((reader, case))


def _answers(
    text: TextTable,
    columns: PairedColumns,
    who: tuple[tuple[str, ...], tuple[str, ...]],
    *,
    calls: bool,
) -> Answers:
    """Read both answers of every row that has them, with the model first."""
    found: Answers = {}
    both = [text.column(name) for name in (columns.with_model, columns.alone)]
    for at, (reader, case) in enumerate(zip(*who, strict=True)):
        cells = [(one[at] or "").strip() for one in both]
        if not all(cells):
            continue
        try:
            first, second = map(float, cells)
        except ValueError:
            first = second = np.nan
        if not np.isfinite([first, second]).all() or (calls and not {first, second} <= {0.0, 1.0}):
            raise TableError(
                what="a call is 0 or 1" if calls else "a reader's score is a number",
                got=f"{' and '.join(map(repr, cells))} in row {at + 2}",
                fix="Mend the cell, or empty it: a case that some reader did not answer is "
                "left out and counted.",
            ).at(file=text.source, case=case)
        found[reader, case] = (first, second)
    return found


def _stack(
    answers: Mapping[tuple[str, str], tuple[float, float]],
    readers: tuple[str, ...],
    cases: tuple[str, ...],
) -> Float[np.ndarray, "two reader case"]:
    """Lay answers out as (condition, reader, case)."""
    table = [[answers[reader, case] for case in cases] for reader in readers]
    return np.array(table, dtype=np.float64).transpose(2, 0, 1)
