# SPDX-License-Identifier: Apache-2.0
"""What the examples of the site have in common: studies cut short, so that it builds in minutes."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from hepacast.run.recipes import Size, write_recipe

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
"""The public data sets, which are no part of the project."""


def shorten(study: Path, *, folds: int = 3, first_only: bool = False) -> None:
    """Cut a study file short: few folds, dealt once, and no controls, which are whole runs more.

    Parameters
    ----------
    study : Path
        The file; written anew.
    folds : int
        Outer and inner folds, at most.
    first_only : bool
        Leave all outcomes but the first out.
    """
    text = study.read_text(encoding="utf-8")
    for name, most in (("outer", folds), ("inner", folds), ("repeats", 1), ("permuted_labels", 0)):
        text = re.sub(rf"\b({name}: )(\d+)", partial(_lower, most=most), text)
    study.write_text(first_outcome(text) if first_only else text, encoding="utf-8")


def _lower(found: re.Match[str], most: int) -> str:
    """Lower the number of a setting."""
    return f"{found[1]}{min(int(found[2]), most)}"


def real_study(example: str, data: str, folder: Path) -> Path:
    """Write the study file of an example with real patients, and its dictionary.

    Parameters
    ----------
    example : str
        Folder in ``examples``.
    data : str
        Folder of the public data.
    folder : Path
        Where to.

    Returns
    -------
    Path
        The study file; of synthetic patients of another study where the data are absent.
    """
    study = folder / "study.yaml"
    if not (SHARED / data).is_dir():
        write_recipe("cect-progression", folder, Size(tables=True, share=0.05), phantom=True)
        print("The data are absent: synthetic patients of another study stand in.")  # noqa: T201
        return study
    place = ROOT / "examples" / example
    text = (place / "study.yaml").read_text(encoding="utf-8")
    study.write_text(text.replace("../../../shared/data", str(SHARED)), encoding="utf-8")
    (folder / "fields.yaml").write_bytes((place / "fields.yaml").read_bytes())
    return study


def first_outcome(text: str) -> str:
    r"""Leave all outcomes of a study file but the first out.

    Examples
    --------
    >>> first_outcome("a: 1\noutcomes:\n  x:\n    kind: z\n  y:\n    kind: z\nb: 2\n")
    'a: 1\noutcomes:\n  x:\n    kind: z\nb: 2\n'
    """
    block = re.search(r"^outcomes:\n(  \w+:.*\n(?:    .*\n)*)((?:  .*\n)*)", text, re.MULTILINE)
    return text if block is None else text[: block.start(2)] + text[block.end(2) :]
