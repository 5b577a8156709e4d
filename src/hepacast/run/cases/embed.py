# SPDX-License-Identifier: Apache-2.0
"""Pictures of one case for networks: vectors of its regions, and crops that are kept."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

from hepacast.core.errors import HepacastError, StudyError
from hepacast.core.events import Listener, Noticed, ignore
from hepacast.core.provenance import digest_bytes
from hepacast.core.registry import kind_of
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.core.volume import Region, Volume
from hepacast.deep.crops import Crops
from hepacast.deep.embed import embed
from hepacast.deep.frames import cover_box, cover_slices, scaled
from hepacast.deep.networks import NetworkParams, build
from hepacast.imaging.resample import resample_to
from hepacast.io.store import write_atomic
from hepacast.regions.slices import central_slices, margin_box, slice_areas
from hepacast.run.parts.crops import crops_path
from hepacast.run.parts.deep_settings import CropsParams, EmbeddingParams
from hepacast.run.parts.encoder import load_encoder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from hepacast.core.geometry import Grid
    from hepacast.core.volume import Box
    from hepacast.deep.modules.network import Network
    from hepacast.run.cases.load import Loaded
    from hepacast.run.parts.crops import Masks

    Pictures = np.ndarray

Block = TypeVar("Block")


def resolve_weights(blocks: Mapping[str, Block], folder: Path) -> dict[str, Block]:
    """Give every file of weights its absolute path and digest, so that records name its bytes."""
    return {
        name: cast(
            "Block", _resolved(block, folder) if isinstance(block, EmbeddingParams) else block
        )
        for name, block in blocks.items()
    }


def _resolved(block: EmbeddingParams, folder: Path) -> EmbeddingParams:
    """Read the file once, and refuse another one than the study names."""
    if block.weights is None:
        return block
    path = folder / block.weights.path
    try:
        digest = digest_bytes(path.read_bytes())
    except OSError as error:
        raise StudyError(
            what="the weights of a network must be a readable file",
            got=error.strerror or str(error),
            fix="Correct weights.path; it is relative to the study file.",
        ).at(file=path) from error
    if block.weights.digest not in {"", digest}:
        raise StudyError(
            what="the weights must be those that the study names",
            got=f"sha256 {digest}",
            fix="Use the right file, or correct weights.digest.",
        ).at(file=path)
    weights = block.weights.model_copy(update={"path": str(path), "digest": digest})
    return block.model_copy(update={"weights": weights})


@lru_cache(maxsize=2)
def network_of(settings: EmbeddingParams) -> Network:
    """Build a frozen network once per process."""
    params = settings.network
    if not isinstance(params, NetworkParams):
        raise TypeError(params)
    if settings.weights is None:
        return build(params, settings.seed)
    weights = settings.weights
    return load_encoder(weights.path, weights.layout, params, seed=settings.seed).network


def embed_case(
    case: Loaded, settings: EmbeddingParams, *, on_event: Listener = ignore
) -> dict[FeatureName, float]:
    """Describe every wanted phase and region of a case by the vector of a frozen network.

    Parameters
    ----------
    case : Loaded
        Images and regions on one grid per phase.
    settings : EmbeddingParams
        Network, and how pictures are cut.
    on_event : callable
        Told where a box had to be coarser than asked for.

    Returns
    -------
    dict of FeatureName to float
        ``phase/region/network/deep/f000`` and on.
    """
    network = network_of(settings)
    found: dict[FeatureName, float] = {}
    for phase in case.images:
        if settings.phases != "all" and phase not in settings.phases:
            continue
        try:
            shown = show_phase(case, phase, settings, on_event=on_event)
            if shown is not None:
                found |= _embed_phase(network, shown, phase, settings)
        except HepacastError as error:
            raise error.at(phase=phase) from None
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What a frozen network reads of one phase.

    Parameters
    ----------
    pixels : (picture, channel, ...) float32
        Pictures of all regions.
    grids : tuple of Grid
        Where every picture lies.
    owners : tuple of str
        Region of every picture.
    regions : tuple of str
        Regions that are described.
    """

    pixels: Pictures
    grids: tuple[Grid, ...]
    owners: tuple[str, ...]
    regions: tuple[str, ...]


def show_phase(
    case: Loaded, phase: str, settings: EmbeddingParams, *, on_event: Listener = ignore
) -> Shown | None:
    """Cut the pictures of all regions of one phase; None where there is nothing to show."""
    network, image, regions = network_of(settings), case.images[phase], case.regions[phase]
    names = regions if settings.regions == "all" else settings.regions
    wanted = {name: regions[name] for name in names if name in regions}
    frame = _frame(regions, wanted, settings)
    if frame is None:
        return None
    around = margin_box(frame, mm=settings.margin_mm)
    pictures, grids, owners = [], [], []
    for name, region in wanted.items():
        for grid in _grids(region, around, settings, network.axes):
            cut = _cut(image, region, grid, settings.outside, settings)
            pictures.append(cut[None] if network.axes == 3 else cut)
            grids.append(grid)
            owners.append(name)
    if network.axes == 3 and grid.spacing[0] > settings.spacing_mm:
        text = f"the box is {grid.spacing[0]:.2f} mm a voxel, so that {frame.name} fits"
        on_event(Noticed(phase, text))
    pixels = np.repeat(np.stack(pictures), network.in_channels, axis=1)
    return Shown(pixels, tuple(grids), tuple(owners), tuple(wanted))


def _frame(
    regions: Mapping[str, Region], wanted: Mapping[str, Region], settings: EmbeddingParams
) -> Region | None:
    """Choose the region whose box all pictures show; None where there is nothing to show."""
    if not wanted:
        return None
    if settings.around is None:
        return max(wanted.values(), key=lambda region: region.size)
    if settings.around not in regions:
        raise StudyError(
            what=f"the box of region {settings.around!r} frames all pictures",
            got=f"regions {', '.join(regions)}",
            fix="Draw it, or name another region in around.",
        )
    return regions[settings.around]


def _embed_phase(
    network: Network, shown: Shown, phase: str, settings: EmbeddingParams
) -> dict[FeatureName, float]:
    """Run the network over the pictures of one phase at once."""
    rows = FeatureTable(np.zeros((len(shown.regions), 0)), shown.regions, ())
    prefix = FeatureName(phase, "-", kind_of(settings.network), "deep", "-")
    vectors = embed(network, Crops(shown.pixels, shown.owners), rows, prefix)
    return {
        FeatureName(phase, name, *column.tokens[2:]): float(value)
        for name, row in zip(vectors.cases, vectors.values, strict=True)
        for column, value in zip(vectors.columns, row, strict=True)
    }


def _grids(region: Region, around: Box, settings: EmbeddingParams, axes: int) -> list[Grid]:
    """Lay out the pictures of one region: a box, or slices in the frame of the largest region."""
    if axes == 3:
        return [cover_box(region.grid, around, settings.side, settings.spacing_mm)]
    areas = slice_areas(region)
    shown = np.flatnonzero(areas)
    if settings.slices != "all":
        order = np.argsort(-areas[shown], kind="stable")
        shown = np.sort(shown[order[: settings.slices]])
    return [
        cover_slices(region.grid, (slice(int(k), int(k) + 1), *around[1:]), settings.side)
        for k in shown
    ]


def _cut(
    image: Volume,
    region: Region,
    grid: Grid,
    outside: str,
    settings: EmbeddingParams | CropsParams,
) -> Pictures:
    """Resample, scale to 0-1, and blank what lies outside if asked to."""
    image.grid.require_same(region.grid, what=f"image and region {region.name}")
    data = scaled(resample_to(image, grid, "linear").data, settings.scale)
    if outside == "floor":
        data = data * _inside(region, grid)
    return data.astype(np.float32)


def _inside(region: Region, grid: Grid) -> Masks:
    """Resample a region: of a mask of zeros and ones, interpolated, the edge lies at one half."""
    drawn = Volume(region.mask.astype(np.float32), region.grid)
    inside: Masks = resample_to(drawn, grid, "linear", outside=0.0).data >= 0.5
    return inside


def cut_case(case: Loaded, settings: CropsParams, phases: Iterable[str]) -> Crops:
    """Cut the pictures of one case, all phases side by side.

    Parameters
    ----------
    case : Loaded
        Images and regions.
    settings : CropsParams
        What to cut.
    phases : iterable of str
        All phases of the study, in order; one that the case lacks is empty.

    Returns
    -------
    Crops
        One picture, or one per slice of the region; named ``"-"``, as a case does not know its id.

    Raises
    ------
    StudyError
        If the case has none of the phases.
    """
    wanted = tuple(phases) if settings.phases == "all" else settings.phases
    there = [p for p in wanted if p in case.images and settings.region in case.regions[p]]
    if not there:
        raise StudyError(
            what=f"pictures need region {settings.region!r} in one phase at least",
            got=f"phases {', '.join(case.images) or 'none'}",
            fix="Draw the region, or leave the case out.",
        )
    first = case.regions[there[0]][settings.region]
    frames = frames_of(first, settings)
    stacks = []
    for phase in wanted:
        if phase not in there:
            stacks.append(np.zeros((len(frames), *frames[0].shape), np.float32))
            continue
        region = case.regions[phase][settings.region]
        cuts = [_cut(case.images[phase], region, g, settings.outside, settings) for g in frames]
        stacks.append(np.stack(cuts))
    join = np.stack if settings.shape == "box" else np.concatenate
    pixels = join(stacks, axis=1)
    present = np.array([[phase in there for phase in wanted]] * len(frames))
    return Crops(pixels, ("-",) * len(frames), wanted, present)


def cut_masks(case: Loaded, settings: CropsParams, phases: Iterable[str]) -> Masks:
    """Cut the region itself where :func:`cut_case` cuts the pictures.

    Returns
    -------
    (item, phase, j, i) bool
        Empty where a phase, or its region, is missing.
    """
    wanted = tuple(phases) if settings.phases == "all" else settings.phases
    there = [p for p in wanted if p in case.images and settings.region in case.regions[p]]
    frames = frames_of(case.regions[there[0]][settings.region], settings)
    found = np.zeros((len(frames), len(wanted), settings.side, settings.side), dtype=bool)
    for at, phase in enumerate(wanted):
        if phase in there:
            for item, grid in enumerate(frames):
                found[item, at] = _inside(case.regions[phase][settings.region], grid)[0]
    return found


def frames_of(region: Region, settings: CropsParams) -> list[Grid]:
    """Lay out the pictures of one case around the region of its first phase."""
    if settings.shape == "box":
        box = margin_box(region, mm=settings.margin_mm, voxels=settings.margin_pixels)
        return [cover_box(region.grid, box, settings.side, settings.spacing_mm)]
    box = margin_box(region, mm=settings.margin_mm, voxels=settings.margin_pixels, square=True)
    if settings.every_slice:
        spans = [slice(int(k), int(k) + 1) for k in np.flatnonzero(slice_areas(region))]
    else:
        shown = central_slices(region, settings.slices)
        spans = [slice(shown[0], shown[-1] + 1)]
    return [cover_slices(region.grid, (span, *box[1:]), settings.side) for span in spans]


def keep_crops(
    folder: Path, key: str, block: str, crops: Crops, masks: Masks | None = None
) -> None:
    """Write the pictures of one case, and the masks on them, beside its record."""
    packed = io.BytesIO()
    arrays = {"pixels": crops.pixels, "present": crops.present, "phases": np.array(crops.phases)}
    if masks is not None:
        arrays["masks"] = masks
    np.savez(packed, allow_pickle=False, **arrays)
    write_atomic(crops_path(folder, key, block), packed.getvalue())
