# SPDX-License-Identifier: Apache-2.0
"""What the two networks of pyliverlesionseg expect to see, and how their answer is read.

Arrays here lie upright: k runs to the head, j to the back, i to the left.  The
networks were trained with i to the right and j to the front, so both axes turn
on the way in and back on the way out.

Source: the program of pyliverlesionseg 0.3 (Apache-2.0): scales, margins and windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from hepacast.core.errors import EmptyRegionError, GeometryError
from hepacast.deep.device import pick_device

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32

    from hepacast.core.volume import Box
    from hepacast.deep.keras_unet import KerasUNet

    Array = Float32[np.ndarray, "k j i"]

Modality = Literal["ct", "mr"]

LIVER_SPACING_MM = 3.0
LIVER_FINE_MM = 1.5
"""The image is smoothed by a median of 3 voxels at this spacing first."""
LESION_SPACING_MM = (3.0, 1.0, 1.0)
OUTSIDE_HU = -1024.0
_AIR_HU, _LUNG_HU = -150.0, -600.0
_CHEST_MM = 70.0
"""What is kept above the lowest lung, so that the dome of the liver is whole."""
_AROUND_MM = 60.0
_LEAST_LUNG_MM2 = 5000.0
_FLOOR = -0.5


def unit_ct(hu: Array) -> Array:
    """Scale -200 to 200 HU to -0.5 to 0.5, and cut off what lies beyond.

    >>> unit_ct(np.array([[[-1000.0, 0.0, 100.0]]], np.float32)).tolist()
    [[[-0.5, 0.0, 0.25]]]
    """
    return np.asarray(np.clip(hu / 1000.0, -0.2, 0.2) * 2.5, np.float32)


def unit_mr(values: Array) -> Array:
    """Scale the lower 80 % of the range to -0.5 to 0.5, and cut off the rest."""
    low, high = float(values.min()), float(values.max())
    upper = low + 0.8 * (high - low)
    if upper <= low:
        raise EmptyRegionError(
            what="an image must have more than one value",
            got=f"{low:g} everywhere",
            fix="Read the series again.",
        )
    return np.asarray((np.clip(values, low, upper) - low) / (upper - low) - 0.5, np.float32)


def unit_mr_in_liver(values: Array, liver: Bool[np.ndarray, "k j i"]) -> Array:
    """Scale MR so that the liver has median 0 and reaches -0.5 or 0.5, whichever comes first."""
    inside = values[liver]
    middle = float(np.median(inside))
    reach = max(float(inside.max()) - middle, middle - float(inside.min()))
    return np.asarray((values - middle) * (0.5 / max(reach, 1e-6)), np.float32)


def view(image: Array, modality: Modality, most: tuple[int, int, int]) -> Box:
    """Choose the part of an image, at 3 mm, that the liver network looks at.

    Parameters
    ----------
    image : (k, j, i) float32
        Upright, HU or MR units.
    modality : {"ct", "mr"}
        Decides what is air.
    most : (k, j, i) of int
        Largest part that the network takes.

    Returns
    -------
    Box
        The body within its slices; of a scan that is too long, the part that ends
        70 mm above the lowest lung, or at its top where there is no lung.

    Raises
    ------
    EmptyRegionError
        If nothing in the image is a body.
    """
    from scipy import ndimage  # noqa: PLC0415 - scipy loads slowly

    air = _AIR_HU if modality == "ct" else 0.02 * float(image.max())
    # A table or a wire is thinner than five voxels.
    solid = ndimage.binary_erosion(image > air, np.ones((1, 5, 5), bool))
    pieces, count = ndimage.label(solid)
    if not count:
        raise EmptyRegionError(
            what="an image must show a body",
            got=f"no piece of 15 mm above {air:g}",
            fix="Check the modality and the unit of the image: CT is in HU.",
        )
    body = pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1
    lengths = zip(most[1:], (1, 2), strict=True)
    j, i = (_at_most(body.any(axis=(0, 3 - axis)), size) for size, axis in lengths)
    if len(image) <= most[0]:
        return slice(0, len(image)), j, i
    top = _top(image, body) if modality == "ct" else len(image)
    stop = max(min(top, len(image)), most[0])
    return slice(stop - most[0], stop), j, i


def closer(liver: Bool[np.ndarray, "k j i"], box: Box) -> Box:
    """Choose the slices of a second look, around a liver that was found.

    The norms of the network look at the whole window, so that a pelvis or a chest
    in it changes what is called liver.

    Parameters
    ----------
    liver : (k, j, i) bool
        At 3 mm, found in ``box``.
    box : Box
        Part of the first look.

    Returns
    -------
    Box
        60 mm above and below the liver; ``box`` itself where that spares less than a tenth.
    """
    slices = np.flatnonzero(liver.any(axis=(1, 2)))
    margin = round(_AROUND_MM / LIVER_SPACING_MM)
    start = max(box[0].start, int(slices[0]) - margin)
    stop = min(box[0].stop, int(slices[-1]) + 1 + margin)
    if stop - start > 0.9 * (box[0].stop - box[0].start):
        return box
    return slice(start, stop), box[1], box[2]


def _at_most(hits: Bool[np.ndarray, " n"], most: int) -> slice:
    """Return the extent of the hits, cut around its middle where it is too long."""
    found = np.flatnonzero(hits)
    start, stop = int(found[0]), int(found[-1]) + 1
    excess = max(0, stop - start - most)
    return slice(start + excess // 2, stop - (excess - excess // 2))


def _top(image: Array, body: Bool[np.ndarray, "k j i"]) -> int:
    """Return the slice above which nothing is wanted: a margin above the lowest lung."""
    from scipy import ndimage  # noqa: PLC0415 - scipy loads slowly

    area = np.array(
        [
            np.count_nonzero(ndimage.binary_fill_holes(plane) & (voxels < _LUNG_HU))
            for plane, voxels in zip(body, image, strict=True)
        ]
    )
    if area.max() * LIVER_SPACING_MM**2 < _LEAST_LUNG_MM2:
        return len(image)
    # From the widest slice of the lungs down to where half of it is left.
    lowest = int(np.argmax(area))
    while lowest > 0 and area[lowest - 1] > area.max() / 2:
        lowest -= 1
    return lowest + round(_CHEST_MM / LIVER_SPACING_MM)


def liver_probability(network: KerasUNet, unit: Array) -> Array:
    """Run the liver network on one part of an image.

    Parameters
    ----------
    network : KerasUNet
        Of plan ``LIVER``.
    unit : (k, j, i) float32
        Upright at 3 mm, scaled to -0.5 to 0.5; no larger than the network's output.

    Returns
    -------
    (k, j, i) float32
        Probability of liver, in the shape of the input.

    Raises
    ------
    GeometryError
        If the part is larger than what the network gives.
    """
    most = network.output_shape()
    if any(size > limit for size, limit in zip(unit.shape, most, strict=True)):
        raise GeometryError(
            what=f"the liver network looks at {most} voxels at most",
            got=str(unit.shape),
            fix="Cut the image with view() first.",
        )
    # The norms look at the whole window: a smaller one would change the answer.
    window = np.zeros(network.plan.window, np.float32)
    place = _centred(unit.shape, window.shape)
    window[place] = unit[:, ::-1, ::-1]
    found = np.zeros_like(window)
    found[_centred(most, window.shape)] = _run(network, window)
    return np.ascontiguousarray(found[place][:, ::-1, ::-1])


def lesion_probability(network: KerasUNet, unit: Array, liver: Bool[np.ndarray, "k j i"]) -> Array:
    """Run the lesion network over a liver, window by window.

    Parameters
    ----------
    network : KerasUNet
        Of plan ``LESION``.
    unit : (k, j, i) float32
        Upright at 3 x 1 x 1 mm, scaled as :func:`unit_ct` or :func:`unit_mr_in_liver`.
    liver : (k, j, i) bool
        The liver with its lesions; a rim of two voxels is looked at too.

    Returns
    -------
    (k, j, i) float32
        Probability of a lesion; 0 away from the liver.
    """
    from scipy import ndimage  # noqa: PLC0415 - scipy loads slowly

    step = ndimage.generate_binary_structure(3, 2)
    near = ndimage.binary_dilation(liver, step, iterations=2)
    slices = ndimage.find_objects(near.astype(np.int32))
    if not slices:
        return np.zeros(unit.shape, np.float32)
    box = slices[0]
    seen = np.where(near, np.clip(unit, _FLOOR, -_FLOOR), _FLOOR)[box][:, ::-1, ::-1]
    out = network.output_shape()
    edges = [(w - o) // 2 for w, o in zip(network.plan.window, out, strict=True)]
    padded = np.pad(seen, [(e, e + o) for e, o in zip(edges, out, strict=True)])
    found = np.zeros(seen.shape, np.float32)
    starts = [_starts(size, o) for size, o in zip(seen.shape, out, strict=True)]
    for k, j, i in ((k, j, i) for k in starts[0] for j in starts[1] for i in starts[2]):
        corner = (k, j, i)
        window = padded[
            tuple(slice(c, c + w) for c, w in zip(corner, network.plan.window, strict=True))
        ]
        part = found[tuple(slice(c, c + o) for c, o in zip(corner, out, strict=True))]
        part[:] = _run(network, window)[tuple(slice(0, n) for n in part.shape)]
    result = np.zeros(unit.shape, np.float32)
    result[box] = found[:, ::-1, ::-1]
    return result


def _starts(size: int, out: int) -> list[int]:
    """Place windows side by side, the last one at the end."""
    if size <= out:
        return [0]
    return [*range(0, size - out, out), size - out]


def _centred(small: tuple[int, ...], large: tuple[int, ...]) -> tuple[slice, ...]:
    """Place a smaller box so that voxel ``size // 2`` of both coincide."""
    starts = [w // 2 - s // 2 for s, w in zip(small, large, strict=True)]
    return tuple(slice(a, a + s) for a, s in zip(starts, small, strict=True))


def _run(network: KerasUNet, window: np.ndarray) -> np.ndarray:
    given = torch.from_numpy(np.ascontiguousarray(window))[None, None]
    device = pick_device()
    with torch.inference_mode():
        out: np.ndarray = network.to(device)(given.to(device))[0, 0].cpu().numpy()
    return out
