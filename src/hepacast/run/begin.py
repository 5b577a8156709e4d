# SPDX-License-Identifier: Apache-2.0
"""Files to start a study from."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from hepacast.core.errors import StudyError
from hepacast.io.store import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

STARTER = ("study.yaml", "fields.yaml", "cases.csv", "clinical.csv")


def write_starter(folder: Path) -> list[Path]:
    """Write a commented study file, a data dictionary and the headings of both tables.

    Raises
    ------
    StudyError
        If one of the files is there already: nothing of the user's is overwritten.
    """
    there = [name for name in STARTER if (folder / name).exists()]
    if there:
        raise StudyError(
            what="the folder must not hold a study yet",
            got=", ".join(there),
            fix="Choose a new folder.",
        ).at(folder=folder)
    source = files("hepacast.run") / "starter"
    return [write_atomic(folder / name, (source / name).read_bytes()) for name in STARTER]
