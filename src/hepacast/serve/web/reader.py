# SPDX-License-Identifier: Apache-2.0
"""What readers answered: one file per reader that only ever grows."""

from __future__ import annotations

import fcntl
import json
import os
import time
import unicodedata
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from hepacast.core.errors import HepacastError
from hepacast.core.provenance import canonical_json, digest_bytes, generator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

FOLDER = "readers"
"""Folder of the answers, beside the results."""
Stage = Literal["alone", "with model"]
STAGES: tuple[Stage, ...] = ("alone", "with model")
"""All cases are read alone before the first is read with the model."""
_LONGEST = 80


class ReaderError(HepacastError, ValueError):
    """An answer, or a reader, that cannot be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reader said about one case in one stage.

    Parameters
    ----------
    case : str
        Id, as in the case table.
    stage : {"alone", "with model"}
        Whether the reader saw the model's probability.
    percent : float
        Probability of the event, 0 to 100; higher is worse.
    call : bool
        True where the reader expects the event.
    seconds : float
        From the last opening of the case to the answer.
    shown : float or None
        Probability of the model that the reader saw, 0 to 1; None in the first stage.
    """

    case: str
    stage: Stage
    percent: float
    call: bool
    seconds: float
    shown: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A reader, the cases dealt out, and the answers so far.

    Parameters
    ----------
    key : str
        Names the file and the pages of the reader.
    name : str
        As typed.
    outcome, model : str
        What is forecast, and by which model in the second stage.
    cases : tuple of str
        In the order of the first stage.
    answers : tuple of Answer
        In the order in which they came.
    opened : float
        When a case was last opened, seconds since 1970; 0 before the first.
    opened_place : tuple of str
        Stage and case that were opened last; empty before the first.
    damaged : int
        Lines that cannot be read: a write that was cut off, never an answer that was taken.
    """

    key: str
    name: str
    outcome: str
    model: str
    cases: tuple[str, ...]
    answers: tuple[Answer, ...] = ()
    opened: float = 0.0
    opened_place: tuple[str, ...] = ()
    damaged: int = 0

    def order(self, stage: Stage) -> tuple[str, ...]:
        """Return all cases in the order of a stage; it depends on the reader and nothing else."""
        if stage == STAGES[0]:
            return self.cases
        dealt = generator(0, "reader", self.key, stage).permutation(len(self.cases))
        return tuple(self.cases[at] for at in dealt)

    def next(self) -> tuple[Stage, int] | None:
        """Return the stage and the place in its order that come next; None at the end."""
        done = {(one.stage, one.case) for one in self.answers}
        for stage in STAGES:
            for at, case in enumerate(self.order(stage)):
                if (stage, case) not in done:
                    return stage, at
        return None

    def of(self, stage: Stage) -> dict[str, Answer]:
        """Return the answers of a stage by case."""
        return {one.case: one for one in self.answers if one.stage == stage}


def reader_key(name: str, outcome: str, model: str) -> str:
    """Name a reader's file: a name may hold anything, and capitals and blanks do not matter.

    Examples
    --------
    >>> reader_key(" Li  Na", "er", "rad") == reader_key("li na", "er", "rad")
    True
    """
    plain = unicodedata.normalize("NFKC", " ".join(name.split())).casefold()
    return digest_bytes(canonical_json([plain, outcome, model]).encode())[:16]


def deal(cases: Sequence[str], key: str, outcome: str, most: int = 0) -> tuple[str, ...]:
    """Deal out cases to a reader: the same cases to all readers, in an order of one's own.

    Parameters
    ----------
    cases : sequence of str
        That can be read.
    key : str
        Of the reader.
    outcome : str
        Of the study; the choice of cases depends on it and on the ids, never on what happened.
    most : int
        How many cases; fewer are always among more.  0 for all.

    Examples
    --------
    >>> first, second = (deal("abcdefgh", key, "er", most=4) for key in ("1", "2"))
    >>> sorted(first) == sorted(second), first == second
    (True, False)
    """
    known = sorted(cases)
    panel = [known[at] for at in generator(0, "readers", outcome).permutation(len(known))]
    panel = sorted(panel[:most] if most > 0 else panel)
    return tuple(panel[at] for at in generator(0, "reader", key).permutation(len(panel)))


@dataclass(slots=True)
class ReaderStore:
    """The answers of all readers of a run.

    A line is on the disk before the reader sees the next case; lines are added and never
    changed, so that a kill at any moment loses at most an answer that was not yet taken.

    Parameters
    ----------
    folder : Path
        Where ``hepacast run`` writes.
    clock : callable
        Seconds since 1970; for tests.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> store = ReaderStore(pathlib.Path(tempfile.mkdtemp()))
    >>> reader = store.start("Li Na", "er", "rad", cases=["a", "b"])
    >>> store.open(reader.key)
    >>> store.answer(reader.key, stage="alone", at=0, percent=70, call=True)
    >>> store.read(reader.key).next()
    ('alone', 1)
    """

    folder: Path
    clock: Callable[[], float] = time.time
    _lock: Lock = field(default_factory=Lock)

    def start(
        self, name: str, outcome: str, model: str, *, cases: Sequence[str], most: int = 0
    ) -> Reader:
        """Begin, or go on where the reader stopped; the cases stay those of the first start.

        Raises
        ------
        ReaderError
            If the name is empty or too long, or there is no case.
        """
        name = " ".join(name.split())
        if not 0 < len(name) <= _LONGEST:
            raise ReaderError(
                what=f"a reader has a name of 1 to {_LONGEST} signs",
                got=f"{len(name)} signs",
                fix="Type a name or a code.",
            )
        key = reader_key(name, outcome, model)
        dealt = deal(cases, key, outcome, most)
        with self._lock:
            if self._read(key) is None:
                if not dealt:
                    raise ReaderError(
                        what="a reader study needs cases with images and a forecast",
                        got="none",
                        fix="Start the pages with --study, after the run.",
                    )
                content = {"name": name, "outcome": outcome, "model": model, "cases": list(dealt)}
                self._add(key, "started", content)
        return self.read(key)

    def read(self, key: str) -> Reader:
        """Return a reader.

        Raises
        ------
        ReaderError
            If nobody has this key.
        """
        found = self._read(key)
        if found is None:
            raise ReaderError(
                what="a reader starts with a name", got=repr(key[:40]), fix="Start at /reader."
            )
        return found

    def readers(self) -> tuple[Reader, ...]:
        """Return everybody who started, by name."""
        keys = sorted(path.stem for path in (self.folder / FOLDER).glob("*.jsonl"))
        found = [one for key in keys if (one := self._read(key)) is not None]
        return tuple(sorted(found, key=lambda one: one.name))

    def open(self, key: str) -> None:
        """Note that the next case of a reader is shown now."""
        with self._lock:
            reader = self.read(key)
            place = reader.next()
            if place is not None:
                stage, at = place
                self._add(key, "opened", {"stage": stage, "case": reader.order(stage)[at]})

    def answer(
        self,
        key: str,
        *,
        stage: Stage,
        at: int,
        percent: float,
        call: bool,
        shown: float | None = None,
    ) -> None:
        """Keep an answer; on the disk before this returns.

        Parameters
        ----------
        key : str
            Of the reader.
        stage : {"alone", "with model"}
            Of the page that was answered.
        at : int
            Place of the case in the order of the stage.
        percent : float
            Probability of the event, 0 to 100.
        call : bool
            True where the reader expects the event.
        shown : float, optional
            Probability of the model that stood on the page, 0 to 1.

        Raises
        ------
        ReaderError
            If the case was answered already or is not the next one, or the number is none.
        """
        if not 0 <= percent <= 100:
            raise ReaderError(
                what="a probability is a number from 0 to 100",
                got=f"{percent:g}",
                fix="Type it again.",
            )
        with self._lock:
            reader = self.read(key)
            case = _require_next(reader, stage, at)
            content = {
                "stage": stage,
                "case": case,
                "percent": percent,
                "call": call,
                "seconds": round(max(self.clock() - reader.opened, 0.0), 3),
                "shown": shown,
            }
            self._add(key, "answered", content)

    def _read(self, key: str) -> Reader | None:
        """Read a file; None where there is none, or its first line was cut off."""
        path = self.folder / FOLDER / f"{key}.jsonl"
        try:
            lines = path.read_bytes().splitlines()
        except FileNotFoundError:
            return None
        return _replay(key, lines)

    def _add(self, key: str, event: str, content: dict[str, Any]) -> None:
        """Add one line at the end, whole and on the disk."""
        folder = self.folder / FOLDER
        folder.mkdir(exist_ok=True)
        path = folder / f"{key}.jsonl"
        new = not path.exists()
        line = canonical_json({"at": round(self.clock(), 3), "event": event, **content}).encode()
        with path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # What a kill cut off stays as it is, on a line of its own.
            if file.tell() and _last_byte(file) != b"\n":
                line = b"\n" + line
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if new:
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _last_byte(file: Any) -> bytes:  # noqa: ANN401 - a binary file
    file.seek(-1, os.SEEK_END)
    last: bytes = file.read(1)
    return last


def _require_next(reader: Reader, stage: Stage, at: int) -> str:
    """Return the case that is answered, which must be the one that was opened last."""
    if stage not in STAGES or not 0 <= at < len(reader.cases):
        raise ReaderError(
            what="an answer is about a case of the reader",
            got=f"{stage!r}, case {at + 1}",
            fix="Answer the case that is shown.",
        )
    case = reader.order(stage)[at]
    if case in reader.of(stage):
        raise ReaderError(
            what="an answer is never changed",
            got=f"a second one for case {at + 1} ({stage})",
            fix="Go on with the next case.",
        )
    if reader.next() != (stage, at) or reader.opened_place != (stage, case):
        raise ReaderError(
            what="cases are answered in their order, while they are shown",
            got=f"case {at + 1} ({stage})",
            fix="Answer the case that is shown.",
        )
    return case


def _replay(key: str, lines: list[bytes]) -> Reader | None:
    """Put a reader together from the lines of a file."""
    start: dict[str, Any] | None = None
    answers: dict[tuple[str, str], Answer] = {}
    opened, damaged = 0.0, 0
    place: tuple[str, ...] = ()
    for line in lines:
        try:
            said = json.loads(line)
            at, event = float(said["at"]), said["event"]
            if event == "started":
                start = start or said
            elif event == "opened":
                opened, place = at, (said["stage"], said["case"])
            else:
                one = Answer(**{name: said[name] for name in Answer.__dataclass_fields__})
                # The first one counts, whatever somebody put behind it.
                answers.setdefault((one.stage, one.case), one)
        except (ValueError, KeyError, TypeError):
            damaged += 1
    if start is None:
        return None
    return Reader(
        key=key,
        name=start["name"],
        outcome=start["outcome"],
        model=start["model"],
        cases=tuple(start["cases"]),
        answers=tuple(answers.values()),
        opened=opened,
        opened_place=place,
        damaged=damaged,
    )
