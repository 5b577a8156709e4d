# SPDX-License-Identifier: Apache-2.0
"""Synthetic cohorts of the papers' size and shape: images with masks, or feature tables."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import TYPE_CHECKING

from hepacast.core.events import ignore
from hepacast.io.store import write_atomic
from hepacast.phantom import PhantomParams, write_cohort
from hepacast.phantom.params import REFERENCE_PHASE
from hepacast.phantom.sheet import write_sheets

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.run.recipes.shapes import Shape
    from hepacast.run.recipes.size import Size

SEED = 2025
_COLUMNS = ("case", "site", "phase", "reader", "image", "frame", "mask_tumour")


def draw_tables(shape: Shape, folder: Path, size: Size, *, on_event: Listener = ignore) -> None:
    """Write feature tables with a share of the paper's columns; images are not made.

    Parameters
    ----------
    shape : Shape
        Of the paper's cohort.
    folder : Path
        Gets the tables.
    size : Size
        Share of columns and of patients.
    on_event : callable
        Not told anything: tables are drawn at once.
    """
    del on_event
    centres = size.of(shape.centres)
    blocks = {
        name: replace(block, features=max(8, round(size.share * block.features)))
        for name, block in shape.blocks.items()
    }
    params = PhantomParams(patients=sum(centres), seed=SEED)
    reread = min(shape.reread, sum(centres))
    write_sheets(params, folder, blocks, centres, reread=reread)


def draw_images(shape: Shape, folder: Path, size: Size, *, on_event: Listener = ignore) -> None:
    """Write images, masks of two readers, and the tables that name them.

    Parameters
    ----------
    shape : Shape
        Of the paper's cohort.
    folder : Path
        Gets ``cases.csv``, ``clinical.csv``, ``fields.yaml``, ``truth.json``, images and masks.
    size : Size
        Share of the patients; images are as a scanner makes them.
    on_event : callable
        Told of every patient.
    """
    centres = size.of(shape.centres)
    # Of few patients more must be read twice, or a fold has none of them.
    twice = 0.4 if size.patients == 1 else 0.9
    params = PhantomParams(
        patients=sum(centres),
        seed=SEED,
        modality=shape.modality,
        phases=shape.phases,
        centres=len(centres),
        centre_sizes=centres,
        second_reader_share=twice if shape.reread else 0.0,
    )
    write_cohort(params, folder, on_event)
    if shape.modality == "ceus":
        _join_clips(folder)


def _join_clips(folder: Path) -> None:
    """List the greyscale picture and the clip of every patient, as a study on films reads them."""
    stills = _rows(folder / "cases.csv")
    drawn = {
        (row["case"], row["reader"]): row["mask_tumour"]
        for row in stills
        if row["phase"] == REFERENCE_PHASE
    }
    rows = [row for row in stills if row["phase"] == "greyscale"]
    for clip in _rows(folder / "clips.csv"):
        film = {"phase": "ceus", "image": clip["clip"], "frame": clip["frame"]}
        rows += [
            {"case": case, "site": clip["site"], "reader": reader, "mask_tumour": mask, **film}
            for (case, reader), mask in drawn.items()
            if case == clip["case"]
        ]
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, "", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(folder / "cases.csv", text.getvalue())


def _rows(path: Path) -> list[dict[str, str]]:
    """Read a table that was just written."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
