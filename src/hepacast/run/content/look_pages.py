# SPDX-License-Identifier: Apache-2.0
"""Maps of networks on the images of the cases: files for viewers, pictures for the case pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import HepacastError
from hepacast.core.events import Advanced, Failed, Noticed, Started, ignore
from hepacast.core.provenance import digest_bytes
from hepacast.report import content as shown
from hepacast.run.cases.embed import frames_of
from hepacast.run.cases.load import load_case
from hepacast.run.protocol.saliency import Place, place_maps, write_explained

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hepacast.core.events import Listener
    from hepacast.deep.saliency import MassShares
    from hepacast.run.cases.task import CaseTask
    from hepacast.run.parts.deep_settings import CropsParams
    from hepacast.run.protocol.finding import Finding
    from hepacast.run.protocol.looks import Look
    from hepacast.run.settings.study import Study
    from hepacast.run.work.execute import Executor

FOLDER = "maps"
"""Folder of the maps, below that of the report."""
STAGE = "network map"


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """One network's look at a case.

    Parameters
    ----------
    name : str
        Outcome and score.
    block : CropsParams
        How its pictures were cut.
    look : Look
        Its maps.
    """

    name: str
    block: CropsParams
    look: Look


@dataclass(frozen=True, slots=True, eq=False)
class Viewing:
    """One case, and all networks that looked at it.

    Parameters
    ----------
    task : CaseTask
        Its images.
    sights : tuple of Sight
        Who looked.
    out : Path
        Folder of the results.
    """

    task: CaseTask
    sights: tuple[Sight, ...]
    out: Path


@dataclass(frozen=True, slots=True, eq=False)
class Viewed:
    """What was drawn of one network's look.

    Parameters
    ----------
    name, case : str
        Outcome and score, and the case.
    caption : str
        What the map is, and where its mass lies.
    png : Path
        The overlay.
    shares : MassShares or None
        Of tumour, ring and rest; None for a blank map.
    """

    name: str
    case: str
    caption: str
    png: Path
    shares: MassShares | None


def view(viewing: Viewing) -> tuple[Viewed, ...]:
    """Read the images of a case again, and lay the maps over them."""
    case = load_case(viewing.task)
    found = []
    for sight in viewing.sights:
        block = sight.block
        phases = viewing.task.phases if block.phases == "all" else block.phases
        first = next(phase for phase in phases if block.region in case.regions.get(phase, {}))
        tumour = case.regions[first][block.region]
        place = Place(tuple(frames_of(tumour, block)), case.images[first], tumour)
        explained = place_maps(sight.look, place)
        folder = viewing.out / FOLDER / file_name(sight.name)
        files = write_explained(explained, place, folder, file_name(viewing.task.case))
        found.append(
            Viewed(
                sight.name, viewing.task.case, explained.caption(), files["png"], explained.shares
            )
        )
    return tuple(found)


def view_all(
    findings: Sequence[Finding],
    tasks: Sequence[CaseTask],
    study: Study,
    out: Path,
    pool: Executor,
    *,
    on_event: Listener = ignore,
) -> dict[str, tuple[shown.Picture, ...]]:
    """Write the maps of all cases, and return the pictures for their pages.

    Parameters
    ----------
    findings : sequence of Finding
        With what their networks looked at.
    tasks : sequence of CaseTask
        Where the images of the cases are.
    study : Study
        How pictures were cut.
    out : Path
        Folder of the results; ``maps`` in it gets NIfTI, PNG and JSON files.
    pool : Executor
        Works on the cases.
    on_event : callable
        Told where the mass of every network's maps lies, on average.
    """
    viewings = _viewings(findings, tasks, study, out)
    if not viewings:
        return {}
    on_event(Started("network maps", len(viewings)))
    every: list[Viewed] = []
    for at, result in pool.map(view, viewings):
        case = viewings[at].task.case
        if isinstance(result, HepacastError):
            on_event(Failed("network maps", case, result))
        else:
            every += result
        on_event(Advanced("network maps", case))
    every.sort(key=lambda one: (one.case, one.name))
    for name in dict.fromkeys(one.name for one in every):
        on_event(Noticed(f"maps {name}", _summary([one for one in every if one.name == name])))
    pictures: dict[str, tuple[shown.Picture, ...]] = {}
    for one in every:
        text = f"{one.name}: a network that never saw this patient. {one.caption}"
        made = shown.Picture(caption=text, png=one.png.read_bytes(), case=one.case, stage=STAGE)
        pictures[one.case] = (*pictures.get(one.case, ()), made)
    return pictures


def _viewings(
    findings: Sequence[Finding], tasks: Sequence[CaseTask], study: Study, out: Path
) -> list[Viewing]:
    """Gather the looks of all networks by case, so that its images are read once."""
    sights: dict[str, list[Sight]] = {}
    for finding in findings:
        for score, looks in finding.looks.items():
            block = study.features[finding.recipe.pictures[score].block]
            for case, one in looks.items():
                sight = Sight(f"{finding.name} {score}", block, one)  # type: ignore[arg-type]
                sights.setdefault(case, []).append(sight)
    return [Viewing(task, tuple(sights[task.case]), out) for task in tasks if task.case in sights]


def _summary(viewed: Sequence[Viewed]) -> str:
    """Say where the mass of the maps of one network lies, on average over cases."""
    shares = [one.shares for one in viewed if one.shares is not None]
    blank = len(viewed) - len(shares)
    text = f"{len(viewed)} cases that their network never saw"
    if blank:
        text += f", {blank} of them blank"
    if not shares:
        return text
    inside, ring, even_inside, even_ring = (
        100 * float(np.mean([getattr(one, part) for one in shares]))
        for part in ("tumour", "ring", "expected_tumour", "expected_ring")
    )
    return (
        f"{text}: {inside:.0f} % of the mass in the tumour and {ring:.0f} % in the ring, where "
        f"even maps would have {even_inside:.0f} and {even_ring:.0f} %"
    )


def file_name(name: str) -> str:
    """Turn a name into one of a file; what was changed is told apart by a digest."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")
    if plain == name.replace(" ", "-"):
        return plain
    return f"{plain}-{digest_bytes(name.encode())[:6]}"
