# SPDX-License-Identifier: Apache-2.0
"""Write a recipe's study file, and on demand a synthetic cohort of the paper's size and shape."""

from __future__ import annotations

from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

import yaml

from hepacast.core.errors import StudyError
from hepacast.core.events import ignore
from hepacast.io.store import write_atomic
from hepacast.phantom.clinical import dictionary
from hepacast.run.recipes.draw import draw_images, draw_tables
from hepacast.run.recipes.shapes import RECIPES
from hepacast.run.recipes.size import values_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.run.recipes.size import Size

_MARK = "#? "
"""Starts a line that says for which kind of study the lines below it are."""
_HEADINGS = "case,site,phase,reader,image,mask_tumour,mask_liver\n"


def write_recipe(
    name: str, folder: Path, size: Size, *, phantom: bool = False, on_event: Listener = ignore
) -> list[Path]:
    """Write a commented study file, and on demand a synthetic cohort to run it on.

    Parameters
    ----------
    name : str
        One of :data:`RECIPES`.
    folder : Path
        Must not hold a study, or tables of one.
    size : Size
        On images or on feature tables; how large pictures, networks and tables are.
    phantom : bool
        Draw the cohort too; without it headings of the tables are written.
    on_event : callable
        Told of every patient drawn.

    Returns
    -------
    list of Path
        The files written beside the study file, and this.

    Raises
    ------
    StudyError
        If there is no such recipe, or a study in the folder already.
    """
    if name not in RECIPES:
        raise StudyError(
            what=f"a recipe is one of {', '.join(RECIPES)}",
            got=repr(name),
            fix="Choose one of these.",
        )
    wanted = ("study.yaml", "fields.yaml", "cases.csv", "clinical.csv")
    there = [one for one in wanted if (folder / one).exists()]
    if there:
        raise StudyError(
            what="the folder must not hold a study yet",
            got=", ".join(there),
            fix="Choose a new folder.",
        ).at(folder=folder)
    text = study_text(name, size)
    if phantom:
        text = text.replace(f"study: {{name: {name},", f"study: {{name: {name}, synthetic: true,")
        draw = draw_tables if size.tables else draw_images
        draw(RECIPES[name], folder, size, on_event=on_event)
    else:
        _write_headings(folder, tables=size.tables)
    write_atomic(folder / "study.yaml", text)
    return sorted(path for path in folder.iterdir() if path.is_file())


def study_text(name: str, size: Size) -> str:
    """Return the study file of a recipe.

    Parameters
    ----------
    name : str
        One of :data:`RECIPES`.
    size : Size
        Which lines are kept, and the sizes in them.

    Examples
    --------
    >>> from hepacast.run.recipes.size import Size
    >>> "side: 256" in study_text("cemri-resection", Size())
    True
    """
    text = (files("hepacast.run.recipes") / f"{name}.yaml").read_text(encoding="utf-8")
    kept = "".join(_lines_of(text, size))
    return Template(kept).substitute(values_of(name, size))


def _lines_of(text: str, size: Size) -> Iterator[str]:
    """Keep the lines for this kind of study, and drop the marks."""
    kind = {"tables" if size.tables else "images", "full" if size.share >= 1 else "part"}
    keep = True
    for line in text.splitlines(keepends=True):
        if line.startswith(_MARK):
            words = set(line.removeprefix(_MARK).split())
            keep = words == {"end"} or words <= kind
        elif keep:
            yield line


def _write_headings(folder: Path, *, tables: bool) -> None:
    """Write what the user fills in: a dictionary to cut down, and the first lines of tables."""
    fields = dictionary()
    fields["case"]["label"] = "Case"
    if tables:
        fields["centre"] = fields.pop("site")
    head = "# Keep the columns that you have; add yours: kind, unit, levels, timing.\n"
    text = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    write_atomic(folder / "fields.yaml", head + text)
    write_atomic(folder / "clinical.csv", ",".join(fields) + "\n")
    if not tables:
        write_atomic(folder / "cases.csv", _HEADINGS)
