# SPDX-License-Identifier: Apache-2.0
"""Turned, scaled, shifted and noisy copies of a batch; every picture has its own seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field as Setting
from pydantic import NonNegativeFloat

from hepacast.core.params import Params
from hepacast.deep.require import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float
    from torch import Tensor

Share = Annotated[float, Setting(ge=0, lt=1)]


class AugmentParams(Params):
    """How far a picture may be changed; all phases of a case change alike."""

    flip: bool = True
    """Mirror each axis with chance one half."""
    rotate_degrees: Annotated[float, Setting(ge=0, le=180)] = 15.0
    """Largest turn, in the plane of the slice (of a box, about all three axes)."""
    scale: Share = 0.1
    """Largest relative change of size."""
    shear_degrees: Annotated[float, Setting(ge=0, lt=45)] = 0.0
    """Largest shear in the plane."""
    shift: Share = 0.05
    """Largest shift, as a share of the side."""
    noise_sd: NonNegativeFloat = 0.0
    """SD of Gaussian noise, in scaled intensities."""
    gain: Share = 0.0
    """Largest relative change of all intensities."""


def augment(batch: Tensor, params: AugmentParams, rngs: Sequence[np.random.Generator]) -> Tensor:
    """Change every picture of a batch by its own generator.

    Parameters
    ----------
    batch : (n, channel, [k,] j, i) Tensor
        Scaled intensities.
    params : AugmentParams
        How far.
    rngs : (n,) sequence of numpy.random.Generator
        One per picture, made from what the picture is and not from where it lies in a batch.

    Returns
    -------
    Tensor
        Changed copy; linear interpolation, the border repeated.

    Examples
    --------
    >>> import torch
    >>> from hepacast.core.provenance import generator
    >>> x = torch.arange(32.0).reshape(2, 1, 4, 4)
    >>> settings = AugmentParams()
    >>> whole = augment(x, settings, [generator(7, at) for at in (0, 1)])
    >>> alone = augment(x[1:], settings, [generator(7, 1)])
    >>> bool((whole[1] == alone[0]).all())
    True
    """
    return shade(move(batch, params, rngs), params, rngs)


def move(batch: Tensor, params: AugmentParams, rngs: Sequence[np.random.Generator]) -> Tensor:
    """Turn, scale and shift every picture by its own generator; all its channels alike.

    Parameters
    ----------
    batch, params, rngs
        As of :func:`augment`.

    Examples
    --------
    >>> import torch
    >>> from hepacast.core.provenance import generator
    >>> still = AugmentParams(flip=False, rotate_degrees=0, scale=0, shift=0)
    >>> x = torch.rand(1, 2, 4, 4)
    >>> torch.allclose(move(x, still, [generator(7)]), x)
    True
    """
    torch = require("torch")
    functional = torch.nn.functional
    axes = batch.ndim - 2
    turns = np.stack([_matrix(params, axes, rng) for rng in rngs])
    theta = torch.as_tensor(turns, dtype=torch.float32, device=batch.device)
    # One picture at a time: kernels split a batch by its size, and bits would depend on it.
    pieces = []
    for at, turn in enumerate(theta):
        pieces.append(
            functional.grid_sample(
                batch[at : at + 1],
                sample_places(turn, tuple(batch.shape[2:])),
                mode="bilinear",
                padding_mode="border",
                align_corners=False,
            )
        )
    moved: Tensor = torch.cat(pieces)
    return moved


def sample_places(turn: Tensor, sides: tuple[int, ...]) -> Tensor:
    """Return (1, [k,] j, i, axis) places that a matrix takes the voxels from, x first.

    As torch's ``affine_grid``, which multiplies matrices for it and takes several times as long.

    Parameters
    ----------
    turn : (axis, axis + 1) Tensor
        Matrix and shift; the middles of a picture's outermost voxels lie just within -1 and 1.
    sides : tuple of int
        Voxels along [k,] j, i.

    Examples
    --------
    >>> import torch
    >>> sample_places(torch.eye(2, 3), (1, 4))[0, 0, :, 0].tolist()
    [-0.75, -0.25, 0.25, 0.75]
    """
    torch = require("torch")
    ones = (1,) * len(sides)
    places = turn[:, -1].reshape(-1, *ones)
    for axis, side in enumerate(reversed(sides)):
        centres = (2 * torch.arange(side, dtype=turn.dtype, device=turn.device) + 1) / side - 1
        along = centres.reshape(
            *(-1 if at == len(sides) - 1 - axis else 1 for at in range(len(sides)))
        )
        places = places + turn[:, axis].reshape(-1, *ones) * along
    grid: Tensor = places.movedim(0, -1)[None]
    return grid


def shade(batch: Tensor, params: AugmentParams, rngs: Sequence[np.random.Generator]) -> Tensor:
    """Brighten every picture, and add noise to it, by its own generator.

    Parameters
    ----------
    batch, params, rngs
        As of :func:`augment`.

    Examples
    --------
    >>> import torch
    >>> from hepacast.core.provenance import generator
    >>> x = torch.ones(1, 1, 2, 2)
    >>> bright = shade(x, AugmentParams(gain=0.2), [generator(7)])
    >>> bool((bright == bright[0, 0, 0, 0]).all()), bool(0.8 <= bright[0, 0, 0, 0] <= 1.2)
    (True, True)
    """
    if params.gain > 0:
        gains = [1 + params.gain * rng.uniform(-1, 1) for rng in rngs]
        shape = (-1,) + (1,) * (batch.ndim - 1)
        batch = batch * require("torch").tensor(gains, dtype=batch.dtype).reshape(shape)
    return add_noise(batch, params.noise_sd, rngs) if params.noise_sd > 0 else batch


def add_noise(batch: Tensor, sd: float, rngs: Sequence[np.random.Generator]) -> Tensor:
    """Add Gaussian noise, each picture's from its own generator.

    Parameters
    ----------
    batch : (n, channel, [k,] j, i) Tensor
        Scaled intensities.
    sd : float
        In scaled intensities.
    rngs : (n,) sequence of numpy.random.Generator
        One per picture.

    Examples
    --------
    >>> import torch
    >>> from hepacast.core.provenance import generator
    >>> noisy = add_noise(torch.zeros(1, 1, 64, 64), 0.5, [generator(7)])
    >>> round(float(noisy.std()), 1)
    0.5
    """
    torch = require("torch")
    grain = [rng.standard_normal(batch.shape[1:], dtype=np.float32) for rng in rngs]
    noise: Tensor = torch.from_numpy(np.stack(grain)).to(batch.device)
    return batch + sd * noise


def _matrix(
    params: AugmentParams, axes: int, rng: np.random.Generator
) -> Float[np.ndarray, "row column"]:
    """Draw the affine matrix of one picture in torch's order: x first, corners at -1 and 1."""
    turn = np.radians(params.rotate_degrees) * rng.uniform(-1, 1, size=3)
    size = 1 + params.scale * rng.uniform(-1, 1)
    lean = np.tan(np.radians(params.shear_degrees) * rng.uniform(-1, 1))
    shift = 2 * params.shift * rng.uniform(-1, 1, size=axes)
    mirror = np.where(rng.random(axes) < 0.5, -1.0, 1.0) if params.flip else np.ones(axes)
    linear = np.eye(axes)
    planes = ((0, 1),) if axes == 2 else ((0, 1), (0, 2), (1, 2))
    for angle, (a, b) in zip(turn, planes, strict=False):
        step = np.eye(axes)
        step[a, a] = step[b, b] = np.cos(angle)
        step[a, b], step[b, a] = -np.sin(angle), np.sin(angle)
        linear = linear @ step
    shear = np.eye(axes)
    shear[0, 1] = lean
    linear = linear @ shear @ np.diag(mirror) / size
    return np.hstack([linear, shift[:, None]])
