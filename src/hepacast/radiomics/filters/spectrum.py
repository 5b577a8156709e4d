# SPDX-License-Identifier: Apache-2.0
"""Filtering in the frequency domain: radial bands, Riesz transforms and their steering."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from hepacast.radiomics.filters.ibsi import PAD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jaxtyping import Float

    from hepacast.core.volume import Box
    from hepacast.radiomics.filters.ibsi import Boundary

    Gain = Callable[[Float[np.ndarray, " ..."]], Float[np.ndarray, " ..."]]
    Order = tuple[int, ...]


def extended(
    data: Float[np.ndarray, "k j i"], boundary: Boundary, reach: int, axes: Sequence[int]
) -> tuple[Float[np.ndarray, "k j i"], Box]:
    """Continue an image beyond its edges, and find it again inside the larger one.

    Parameters
    ----------
    data : (k, j, i) array
        Intensities.
    boundary : str
        How the image goes on.  A periodic one is left as it is: its spectrum says so already.
    reach : int
        Voxels on either side.
    axes : sequence of int
        Axes to continue.

    Returns
    -------
    larger : (k, j, i) array
        The continued image.
    inner : tuple of slice
        Where the image lies in it.

    Examples
    --------
    >>> larger, inner = extended(np.ones((1, 4, 4)), "zero", 2, (1, 2))
    >>> larger.shape, inner
    ((1, 8, 8), (slice(0, 1, None), slice(2, 6, None), slice(2, 6, None)))
    """
    widths = [(0, 0)] * 3
    for axis in axes:
        if boundary != "periodic":
            widths[axis] = (reach, reach)
    k, j, i = (slice(before, before + n) for (before, _), n in zip(widths, data.shape, strict=True))
    return np.pad(data, widths, mode=PAD[boundary]), (k, j, i)


class Spectrum:
    """An image as waves.

    Parameters
    ----------
    data : (k, j, i) array
        Intensities, which go on periodically.
    axes : tuple of int
        Axes to filter along.
    centred : bool
        Let frequencies come in pairs of both signs for even numbers of voxels too.

    Notes
    -----
    The reference of IBSI 2 spaces frequencies evenly from -1 to 1, both included.
    Of an even number of voxels none is 0 then, and a flipped image responds a little
    differently.  The same steps around a frequency of 0 are ``centred``; for odd numbers of
    voxels both are the same.
    """

    def __init__(
        self, data: Float[np.ndarray, "k j i"], axes: tuple[int, ...], *, centred: bool = True
    ) -> None:
        from scipy import fft

        self._shape = tuple(data.shape[axis] for axis in axes)
        self._axes = axes
        self._centred = centred
        self._waves = fft.rfftn(data, axes=axes)

    def response(self, gain: Gain | None, powers: Order) -> Float[np.ndarray, "k j i"]:
        """Multiply every wave by a gain and by powers of its direction.

        Parameters
        ----------
        gain : callable, optional
            Of the radial frequency; 1 if absent.
        powers : tuple of int
            Power of the direction's component along each of the axes filtered.

        Returns
        -------
        response : (k, j, i) float64
            On the grid of the image.
        """
        from scipy import fft

        if self._centred:
            total = self._factor([centred(n) for n in self._shape], gain, powers)
        else:
            # The real part of the response is the mean over both ends of the spectrum.
            ends = zip(*(end_to_end(n) for n in self._shape), strict=True)
            total = np.mean([self._factor(list(end), gain, powers) for end in ends], axis=0)
        turned = self._waves * (total * (-1j) ** (sum(powers) % 4))
        made: Float[np.ndarray, "k j i"] = fft.irfftn(turned, s=self._shape, axes=self._axes)
        return made

    def _factor(
        self, frequencies: list[np.ndarray], gain: Gain | None, powers: Order
    ) -> Float[np.ndarray, " ..."]:
        """Real part of the transfer function on one half of the spectrum."""
        halves = [*frequencies[:-1], frequencies[-1][: self._shape[-1] // 2 + 1]]
        along = np.meshgrid(*halves, indexing="ij", sparse=True)
        radius = np.sqrt(sum(part**2 for part in along))
        factor = np.ones_like(radius) if gain is None else gain(radius)
        if any(powers):
            # A constant image has no direction.
            inverse = np.divide(1.0, radius, out=np.zeros_like(radius), where=radius > 0)
            for part, power in zip(along, powers, strict=True):
                # Of the highest frequency (beyond 1 if centred) both signs are one wave.
                direction = np.where(np.abs(part) > 1, 0.0, part) if power % 2 else part
                factor = factor * (direction * inverse) ** power
        shape = [1, 1, 1]
        for axis, n in zip(self._axes, factor.shape, strict=True):
            shape[axis] = n
        return np.reshape(factor, shape)


def centred(n: int) -> Float[np.ndarray, " wave"]:
    """Frequencies along an axis around 0, in the order of a discrete Fourier transform.

    >>> centred(3).tolist(), centred(1).tolist()
    ([0.0, 1.0, -1.0], [0.0])
    """
    cycles: Float[np.ndarray, " wave"] = np.fft.fftfreq(n, 1 / n)
    return cycles * (2 / max(n - 1, 1))


def end_to_end(n: int) -> tuple[Float[np.ndarray, " wave"], Float[np.ndarray, " wave"]]:
    """Frequencies along an axis from -1 to 1, and those from 1 to -1.

    >>> [end.tolist() for end in end_to_end(2)]
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    if n % 2:
        return centred(n), centred(n)
    ahead = np.fft.ifftshift(np.linspace(-1.0, 1.0, n))
    return ahead, -ahead[-np.arange(n) % n]


def riesz_scale(order: Order) -> float:
    """Factor that makes all transforms of one order keep the energy together.

    >>> riesz_scale((2, 0, 0)), round(riesz_scale((1, 1, 0)), 3)
    (1.0, 1.414)
    """
    return math.sqrt(math.factorial(sum(order)) / math.prod(map(math.factorial, order)))


def monomials(degree: int, axes: int) -> list[Order]:
    """All powers of so many axes that add up to a degree.

    >>> monomials(2, 2)
    [(0, 2), (1, 1), (2, 0)]
    """
    return [p for p in product(range(degree + 1), repeat=axes) if sum(p) == degree]


def principal_axes(
    first: Sequence[Float[np.ndarray, " ..."]], tensor: Mapping[tuple[int, int], np.ndarray]
) -> Float[np.ndarray, "... rank axis"]:
    """Axes of a structure tensor, the steepest first.

    Parameters
    ----------
    first : sequence of arrays
        First-order Riesz transforms along every axis; they decide the sign, for which
        the transform along a principal axis is not negative.
    tensor : mapping of (axis, axis) to array
        Their smoothed products, for axis pairs in ascending order.

    Returns
    -------
    axes : (..., rank, axis) float64
        Unit vectors.

    Notes
    -----
    Equal eigenvalues leave the axes undefined: a flat neighbourhood has arbitrary ones,
    and a response of 0 along any of them.
    """
    n = len(first)
    matrix = np.empty((*first[0].shape, n, n))
    for (a, b), values in tensor.items():
        matrix[..., a, b] = matrix[..., b, a] = values
    vectors = np.linalg.eigh(matrix)[1]
    axes = np.moveaxis(vectors[..., ::-1], -1, -2)
    ahead = np.einsum("...ra,...a->...r", axes, np.stack(first, axis=-1))
    turned: Float[np.ndarray, "... rank axis"] = np.where(ahead < 0, -1.0, 1.0)[..., None] * axes
    return turned


def steered(
    parts: Mapping[Order, Float[np.ndarray, " ..."]],
    axes: Float[np.ndarray, "... rank axis"],
    order: Order,
) -> Float[np.ndarray, " ..."]:
    """Turn a Riesz transform of some order into other axes at every voxel.

    Parameters
    ----------
    parts : mapping of powers to array
        Transforms of that degree along the axes of the image, for all :func:`monomials`, unscaled.
    axes : (..., rank, axis) float64
        New axes.
    order : tuple of int
        Order along each of the new axes.

    Returns
    -------
    response : (...) float64
        Scaled by :func:`riesz_scale`.
    """
    n = len(order)
    weights: dict[Order, np.ndarray] = {(0,) * n: np.ones(axes.shape[:-2])}
    for rank in [rank for rank, times in enumerate(order) for _ in range(times)]:
        grown: dict[Order, np.ndarray] = {}
        for powers, weight in weights.items():
            for axis in range(n):
                raised = (*powers[:axis], powers[axis] + 1, *powers[axis + 1 :])
                grown[raised] = grown.get(raised, 0.0) + weight * axes[..., rank, axis]
        weights = grown
    total: Float[np.ndarray, " ..."] = np.zeros(axes.shape[:-2])
    for powers, weight in weights.items():
        total += weight * parts[powers]
    return riesz_scale(order) * total
