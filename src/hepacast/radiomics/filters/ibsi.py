# SPDX-License-Identifier: Apache-2.0
"""Convolutional filters as IBSI 2 defines them: mean, truncated LoG, Laws."""

from __future__ import annotations

from functools import partial
from itertools import permutations, product
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from hepacast.radiomics.filters.registry import FilterEntry, Response, Setting, registered
from hepacast.radiomics.settings import FilterParams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jaxtyping import Float

    from hepacast.core.volume import Box, Volume

Boundary = Literal["zero", "nearest", "periodic", "mirror"]
_MODE: dict[Boundary, Literal["constant", "nearest", "wrap", "reflect"]] = {
    "zero": "constant",
    "nearest": "nearest",
    "periodic": "wrap",
    "mirror": "reflect",
}
PAD: dict[Boundary, Literal["constant", "edge", "wrap", "symmetric"]] = {
    "zero": "constant",
    "nearest": "edge",
    "periodic": "wrap",
    "mirror": "symmetric",
}
"""What NumPy calls each way in which an image goes on; SciPy's names are others."""

LAWS = {
    "L3": np.array([1, 2, 1]) / np.sqrt(6),
    "L5": np.array([1, 4, 6, 4, 1]) / np.sqrt(70),
    "E3": np.array([-1, 0, 1]) / np.sqrt(2),
    "E5": np.array([-1, -2, 0, 2, 1]) / np.sqrt(10),
    "S3": np.array([-1, 2, -1]) / np.sqrt(6),
    "S5": np.array([-1, 0, 2, 0, -1]) / np.sqrt(6),
    "W5": np.array([-1, 2, 0, -2, 1]) / np.sqrt(10),
    "R5": np.array([1, -4, 6, -4, 1]) / np.sqrt(70),
}
"""Normalised kernels of Laws 1980: level, edge, spot, wave and ripple."""


class BoundedParams(FilterParams):
    """What the filters of IBSI 2 share."""

    boundary: Boundary = "mirror"
    """How the image goes on beyond its edge."""
    flat: bool = False
    """Filter within axial slices."""


class MeanParams(BoundedParams):
    """Settings of the mean filter (IBSI 2, S60F)."""

    kind: Literal["ibsi-mean"] = "ibsi-mean"
    support: PositiveInt = 5
    """Edge of the cube, voxels; odd."""

    @field_validator("support")
    @classmethod
    def _odd(cls, support: int) -> int:
        if support % 2 == 0:
            msg = "the support of a mean filter is odd"
            raise ValueError(msg)
        return support


class TruncatedLogParams(BoundedParams):
    """Settings of the Laplacian of Gaussian cut off at some scales (IBSI 2, L6PA)."""

    kind: Literal["ibsi-log"] = "ibsi-log"
    sigma_mm: tuple[PositiveFloat, ...] = (3.0,)
    """Scales, mm; each gives one image."""
    cutoff: PositiveFloat = 4.0
    """Where the filter ends, in scales."""


class LawsParams(BoundedParams):
    """Settings of Laws kernels (IBSI 2, JTXT)."""

    kind: Literal["ibsi-laws"] = "ibsi-laws"
    kernels: tuple[str, ...] = ("L5", "E5", "S5")
    """Kernel along i, j and (unless flat) k."""
    invariant: bool = False
    """Take the largest response over all right-angle turns."""
    energy: int = Field(default=0, ge=0)
    """Average the absolute response over a cube of this half edge; 0 for none."""

    @field_validator("kernels")
    @classmethod
    def _known(cls, kernels: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [k for k in kernels if k not in LAWS]:
            msg = f"{unknown} are not Laws kernels; those are {sorted(LAWS)}"
            raise ValueError(msg)
        return kernels


def convolved(
    data: Float[np.ndarray, "k j i"],
    kernels: Sequence[Float[np.ndarray, " tap"] | None],
    boundary: Boundary,
) -> Float[np.ndarray, "k j i"]:
    """Convolve with one kernel along each of k, j and i; None leaves an axis as it is."""
    from scipy.ndimage import convolve1d

    for axis, kernel in enumerate(kernels):
        if kernel is not None:
            data = convolve1d(data, kernel, axis=axis, mode=_MODE[boundary], cval=0.0)
    return data


@registered(
    MeanParams,
    FilterEntry(
        ibsi="S60F",
        formula="mean of x over a cube or square",
        unit="image",
        source="IBSI 2 reference manual, mean filters",
    ),
)
def mean(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Average over a cube or square.  Source: IBSI 2 reference manual, "Mean filters"."""
    del setting
    if not isinstance(params, MeanParams):
        raise TypeError

    def respond(image: Volume, box: Box) -> Float[np.ndarray, "k j i"]:
        kernel = np.full(params.support, 1 / params.support)
        kernels = [None if params.flat else kernel, kernel, kernel]
        return convolved(image.data.astype(np.float64), kernels, params.boundary)[box]

    return {f"mean-{params.support}{_plane(params)}": respond}


@registered(
    TruncatedLogParams,
    FilterEntry(
        ibsi="L6PA",
        formula="x ** sampled Laplacian of Gaussian, cut off",
        unit="image / voxel2",
        source="IBSI 2 reference manual, Laplacian-of-Gaussian filters",
    ),
)
def truncated_log(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Convolve with a sampled Laplacian of Gaussian.

    Source: IBSI 2 reference manual, "Laplacian-of-Gaussian filters".
    """
    del setting
    if not isinstance(params, TruncatedLogParams):
        raise TypeError
    return {
        f"tlog-{float(sigma):g}-mm{_plane(params)}".replace(".", "-"): partial(
            _laplacian, params=params, sigma=float(sigma)
        )
        for sigma in params.sigma_mm
    }


def _laplacian(
    image: Volume, box: Box, *, params: TruncatedLogParams, sigma: float
) -> Float[np.ndarray, "k j i"]:
    axes = (1, 2) if params.flat else (0, 1, 2)
    scales = {axis: sigma / image.grid.spacing[axis] for axis in axes}
    data = image.data.astype(np.float64)
    return sampled_laplacian(data, scales, params.cutoff, params.boundary)[box]


def sampled_laplacian(
    data: Float[np.ndarray, "k j i"],
    scales: Mapping[int, float],
    cutoff: float,
    boundary: Boundary,
) -> Float[np.ndarray, "k j i"]:
    """Convolve with a sampled Laplacian of Gaussian.

    Parameters
    ----------
    data : (k, j, i) float64
        Intensities.
    scales : mapping of axis to float
        Standard deviation along each axis filtered, voxels.
    cutoff : float
        Where the filter ends, in standard deviations.
    boundary : str
        How the image goes on beyond its edge.
    """
    smooth: dict[int, np.ndarray] = {}
    curved: dict[int, np.ndarray] = {}
    for axis, scale in scales.items():
        reach = int(np.floor(cutoff * scale + 0.5))
        at = np.arange(-reach, reach + 1)
        smooth[axis] = np.exp(-(at**2) / (2 * scale**2)) / (np.sqrt(2 * np.pi) * scale)
        curved[axis] = smooth[axis] * (at**2 / scale**2 - 1) / scale**2
    total = np.zeros_like(data)
    for bent in scales:
        kernels = [curved[axis] if axis == bent else smooth.get(axis) for axis in range(3)]
        total += convolved(data, kernels, boundary)
    return total


@registered(
    LawsParams,
    FilterEntry(
        ibsi="JTXT",
        formula="x ** one kernel per axis; highest of all turns, mean |response| around, if asked",
        unit="image",
        source="Laws 1980; IBSI 2 reference manual, Laws kernels",
    ),
)
def laws(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Convolve with Laws kernels, with rotation invariance and energy if asked for.

    Source: Laws 1980; IBSI 2 reference manual, "Laws kernels".
    """
    del setting
    if not isinstance(params, LawsParams):
        raise TypeError
    wanted = 2 if params.flat else 3
    if len(params.kernels) < wanted:
        msg = f"{wanted} Laws kernels are needed"
        raise ValueError(msg)
    name = "".join(params.kernels[:wanted])
    suffix = ("-max" if params.invariant else "") + (
        f"-energy{params.energy}" if params.energy else ""
    )
    return {f"laws-{name}{suffix}{_plane(params)}": partial(_laws, params=params)}


def _laws(image: Volume, box: Box, *, params: LawsParams) -> Float[np.ndarray, "k j i"]:
    data = image.data.astype(np.float64)
    best: np.ndarray | None = None
    for kernels in _turned([LAWS[k] for k in params.kernels], params):
        made = convolved(data, kernels, params.boundary)
        best = made if best is None else np.maximum(best, made)
    if best is None:
        raise AssertionError
    if params.energy:
        edge = 2 * params.energy + 1
        kernel = np.full(edge, 1 / edge)
        around = [None if params.flat else kernel, kernel, kernel]
        best = convolved(np.abs(best), around, params.boundary)
    return best[box]


def turns(axes: int) -> Iterator[tuple[tuple[int, ...], tuple[bool, ...]]]:
    """Order and flips of so many axes in every right-angle turn that keeps the hand.

    >>> [len(list(turns(n))) for n in (2, 3)]
    [4, 24]
    """
    for order in permutations(range(axes)):
        # A permutation of the axes turns the hand if it is odd; so does every flip.
        odd = sum(order[a] > order[b] for a in range(axes) for b in range(a + 1, axes)) % 2
        for flips in product((False, True), repeat=axes):
            if (sum(flips) + odd) % 2 == 0:
                yield order, flips


def _turned(kernels: list[np.ndarray], params: LawsParams) -> Iterator[list[np.ndarray | None]]:
    """Kernels along k, j and i in every right-angle turn; as they are if not asked for."""
    count = 2 if params.flat else 3
    still = iter([(tuple(range(count)), (False,) * count)])
    for order, flips in turns(count) if params.invariant else still:
        turned: list[np.ndarray | None] = [
            kernels[n][::-1] if flip else kernels[n] for n, flip in zip(order, flips, strict=True)
        ]
        yield [None, *turned[::-1]] if params.flat else turned[::-1]


def _plane(params: BoundedParams) -> str:
    return "-2D" if params.flat else "-3D"
