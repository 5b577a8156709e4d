# SPDX-License-Identifier: Apache-2.0
"""Where the networks behind a forecast looked: maps of one case, on its images.

A frozen network does not know the outcome; the model does, and weighs its vector.  So the
target of a map is the vector, each entry times the slope of the score along it at this case:
of a linear model that is its share of the score, of any other its linear part around the case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.registry import kind_of
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.deep.embed import FAMILY, embedding_names
from hepacast.deep.require import require
from hepacast.run.cases.embed import network_of, show_phase
from hepacast.run.cases.load import load_case
from hepacast.run.predictor.networks import blocks_with_networks
from hepacast.run.protocol.looks import Look
from hepacast.run.protocol.saliency import Place, place_maps, write_explained

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import torch

    from hepacast.core.geometry import Grid
    from hepacast.deep.attribution import SaliencyMap, Target
    from hepacast.deep.modules.network import Network
    from hepacast.run.cases.embed import Shown
    from hepacast.run.cases.load import Loaded
    from hepacast.run.cases.task import CaseTask
    from hepacast.run.parts.deep_settings import EmbeddingParams
    from hepacast.run.predictor.predictor import Predictor
    from hepacast.run.predictor.result import Result

FOLDER = "saliency"
_STEP = 0.05
"""Share of the training range on either side, over which a slope is taken."""
_TUMOUR = "tumour"

NO_NETWORK = "the model rests on no network, so there is no map"
NO_SLOPE = "the score does not change with the vectors of the network, so there is no map"


@dataclass(frozen=True, slots=True)
class Maps:
    """Maps of one case.

    Parameters
    ----------
    captions : mapping of str to str
        What each is, by its files without suffix, relative to the folder of the results.
    pictures : mapping of str to bytes
        PNG of each.
    said : str
        Why there is none.
    """

    captions: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    said: str = ""


def write_maps(predictor: Predictor, task: CaseTask | None, result: Result, out: Path) -> Maps:
    """Explain a forecast by one map per network, phase and region that the model weighs.

    Parameters
    ----------
    predictor : Predictor
        The model.
    task : CaseTask or None
        Images of the case.
    result : Result
        Its features.
    out : Path
        Folder of the results; maps go to ``saliency`` in it: raw map (NIfTI), overlay (PNG)
        and what must be said about it (JSON).
    """
    blocks = blocks_with_networks(predictor.preparation)
    if task is None or not blocks:
        return Maps(said=NO_NETWORK)
    slopes = slopes_of(predictor, result)
    if not any(slopes.values()):
        return Maps(said=NO_SLOPE)
    case = load_case(task)
    captions: dict[str, str] = {}
    pictures: dict[str, bytes] = {}
    for name, block in blocks.items():
        for phase, region, found in _looks(case, block, slopes):
            about = re.sub(r"[^A-Za-z0-9]+", "-", f"{phase}-{region}")
            stem = f"{len(captions) + 1}-{about}"
            place = _place(case, phase, region, found.grids)
            explained = place_maps(found.look, place)
            files = write_explained(explained, place, out / FOLDER, stem)
            captions[f"{FOLDER}/{stem}"] = f"{name}, {phase}, {region}: {explained.caption()}"
            pictures[f"{FOLDER}/{stem}"] = files["png"].read_bytes()
    return Maps(captions, pictures)


def slopes_of(predictor: Predictor, result: Result) -> dict[FeatureName, float]:
    """Differentiate the score along every column of a network, at one case.

    Returns
    -------
    dict of FeatureName to float
        Change of the score per unit of the column, over a tenth of its training range; columns
        without a value, or without a range, are left out.

    Notes
    -----
    Central differences through the whole chain of steps and models: exact where it is linear;
    a tree that does not split within that reach has slope 0.
    """
    known = result.features
    row = np.array([_value(known.get(str(column))) for column in predictor.columns])
    at = {column: place for place, column in enumerate(predictor.columns)}
    reach = (predictor.envelope.high - predictor.envelope.low) * _STEP
    moved = [
        (column, float(step))
        for column, step in zip(predictor.envelope.columns, reach, strict=True)
        if column.family == FAMILY and np.isfinite(row[at[column]]) and 0 < step < np.inf
    ]
    if not moved:
        return {}
    rows = np.repeat(row[None], 2 * len(moved), axis=0)
    for n, (column, step) in enumerate(moved):
        rows[2 * n, at[column]] += step
        rows[2 * n + 1, at[column]] -= step
    names = tuple(map(str, range(len(rows))))
    score = predictor.predict(FeatureTable(rows, names, predictor.columns)).score
    change = score[::2] - score[1::2]
    return {c: float(d) / (2 * s) for (c, s), d in zip(moved, change, strict=True)}


def _value(known: float | None) -> float:
    return np.nan if known is None else known


@dataclass(frozen=True, slots=True)
class _Found:
    """Maps of all pictures of one region, and where they lie."""

    look: Look
    grids: tuple[Grid, ...]


def _looks(
    case: Loaded, block: EmbeddingParams, slopes: Mapping[FeatureName, float]
) -> Iterator[tuple[str, str, _Found]]:
    """Explain every phase and region of a block that the model weighs."""
    network = network_of(block)
    for phase in case.images:
        if block.phases != "all" and phase not in block.phases:
            continue
        shown = show_phase(case, phase, block)
        if shown is None:
            continue
        for region in shown.regions:
            prefix = FeatureName(phase, region, kind_of(block.network), FAMILY, "-")
            found = _explained(network, shown, region, prefix, slopes)
            if found is not None:
                yield phase, region, found


def _explained(
    network: Network,
    shown: Shown,
    region: str,
    prefix: FeatureName,
    slopes: Mapping[FeatureName, float],
) -> _Found | None:
    """Explain all pictures of one region; None where the score does not depend on its vector."""
    torch = require("torch")
    attribution, devices = require("hepacast.deep.attribution"), require("hepacast.deep.device")
    own = [n for n, owner in enumerate(shown.owners) if owner == region]
    pixels = torch.from_numpy(shown.pixels[own]).to(devices.device_of(network))
    with torch.no_grad():
        width = network.features(pixels[:1]).shape[1]
    # The vectors of several pictures are averaged: each has its share of the slope.
    weight = np.array([slopes.get(c, 0.0) for c in embedding_names(prefix, width)]) / len(own)
    if not weight.any():
        return None
    target = _share(torch.from_numpy(weight.astype(np.float32)).to(pixels.device))
    with devices.one_thread():
        maps: list[SaliencyMap] = [
            attribution.explain(network, pixels[[n]], target) for n in range(len(own))
        ]
    first = maps[0]
    look = Look(
        cells=tuple(one.cells for one in maps),
        method=first.method,
        target=first.target,
        layer=first.layer,
        score=tuple(one.score for one in maps),
        baseline=tuple(one.baseline for one in maps),
        notes=tuple(dict.fromkeys(note for one in maps for note in one.notes)),
    )
    return _Found(look, tuple(shown.grids[n] for n in own))


def _share(along: torch.Tensor) -> Target:
    """Explain what the vector of a picture adds to the score."""

    def value(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        vectors: torch.Tensor = network.features(x)  # type: ignore[operator]
        return vectors @ along

    target: Target = require("hepacast.deep.attribution").Target("share of the score", value)
    return target


def _place(case: Loaded, phase: str, region: str, grids: tuple[Grid, ...]) -> Place:
    """Say where the pictures lie; the mass of a map is divided around the tumour if it is drawn."""
    regions = case.regions[phase]
    return Place(grids, case.images[phase], regions.get(_TUMOUR, regions[region]))
