# SPDX-License-Identifier: Apache-2.0
"""Filters that change every intensity by itself: square, root, logarithm, exponential."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import PositiveFloat

from hepacast.radiomics.filters.registry import FilterEntry, Response, Setting, registered
from hepacast.radiomics.settings import FilterParams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jaxtyping import Float

    from hepacast.core.volume import Box, Volume

    Curve = Callable[[Float[np.ndarray, "k j i"], float], Float[np.ndarray, "k j i"]]


class PointParams(FilterParams):
    """What the four filters share."""

    full_scale: PositiveFloat = 1000.0
    """Intensity that the filter leaves as it is.

    A declared constant, so that regions and patients compare.  ``definitions:
    pyradiomics`` takes the largest absolute intensity of the (cropped) image instead.
    """


class SquareParams(PointParams):
    """Settings of the square."""

    kind: Literal["square"] = "square"


class SquareRootParams(PointParams):
    """Settings of the square root."""

    kind: Literal["squareroot"] = "squareroot"


class LogarithmParams(PointParams):
    """Settings of the logarithm."""

    kind: Literal["logarithm"] = "logarithm"


class ExponentialParams(PointParams):
    """Settings of the exponential."""

    kind: Literal["exponential"] = "exponential"


def _respond(image: Volume, box: Box, *, curve: Curve, scale: float | None) -> np.ndarray:
    """Apply a curve to the box, with the declared scale or that of the whole image."""
    if scale is None:
        scale = float(np.abs(image.data.astype(np.float64)).max())
    if scale <= 0 and curve is not _root:
        # 0 / 0 everywhere: the features say that they are undefined.
        return np.full([part.stop - part.start for part in box], np.nan)
    return curve(image.data[box].astype(np.float64), scale)


def _named(params: FilterParams, setting: Setting, curve: Curve) -> Mapping[str, Response]:
    if not isinstance(params, PointParams):
        raise TypeError
    scale = None if setting.definitions == "pyradiomics" else float(params.full_scale)
    name = str(type(params).model_fields["kind"].default)
    return {name: partial(_respond, curve=curve, scale=scale)}


@registered(
    SquareParams,
    FilterEntry(
        ibsi="",
        formula="sign(x) x^2 / scale (PyRadiomics: without the sign)",
        unit="image",
        source="PyRadiomics 3.0.1, getSquareImage",
    ),
)
def square(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Square the intensity, ``x^2 / full scale``; the sign of x is kept, but not by PyRadiomics.

    Source: PyRadiomics 3.0.1, ``imageoperations.getSquareImage`` and its issue 950.
    """
    signed = setting.definitions != "pyradiomics"

    def curve(x: Float[np.ndarray, "k j i"], scale: float) -> Float[np.ndarray, "k j i"]:
        squared: Float[np.ndarray, "k j i"] = (1 / np.sqrt(scale) * x) ** 2
        return np.copysign(squared, x) if signed else squared

    return _named(params, setting, curve)


@registered(
    SquareRootParams,
    FilterEntry(
        ibsi="",
        formula="sign(x) root(scale |x|)",
        unit="image",
        source="PyRadiomics 3.0.1, getSquareRootImage",
    ),
)
def square_root(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Take the root of the absolute intensity times the full scale, with the sign of x.

    Source: PyRadiomics 3.0.1, ``imageoperations.getSquareRootImage``.
    """
    return _named(params, setting, _root)


def _root(x: Float[np.ndarray, "k j i"], scale: float) -> Float[np.ndarray, "k j i"]:
    root: Float[np.ndarray, "k j i"] = np.copysign(np.sqrt(np.abs(x) * scale), x)
    return root


@registered(
    LogarithmParams,
    FilterEntry(
        ibsi="",
        formula="sign(x) log(|x| + 1) scale / log(scale + 1)",
        unit="image",
        source="PyRadiomics 3.0.1, getLogarithmImage",
    ),
)
def logarithm(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Take the logarithm of 1 + the absolute intensity, with the sign of x, to full scale.

    Source: PyRadiomics 3.0.1, ``imageoperations.getLogarithmImage``.
    """

    def curve(x: Float[np.ndarray, "k j i"], scale: float) -> Float[np.ndarray, "k j i"]:
        made: Float[np.ndarray, "k j i"] = np.copysign(np.log(np.abs(x) + 1), x)
        made *= scale / float(np.log(np.array([scale + 1]))[0])
        return made

    return _named(params, setting, curve)


@registered(
    ExponentialParams,
    FilterEntry(
        ibsi="",
        formula="exp(x log(scale) / scale)",
        unit="image",
        source="PyRadiomics 3.0.1, getExponentialImage",
    ),
)
def exponential(params: FilterParams, setting: Setting) -> Mapping[str, Response]:
    """Take the exponential, ``exp(x log(full scale) / full scale)``.

    Source: PyRadiomics 3.0.1, ``imageoperations.getExponentialImage``.
    """

    def curve(x: Float[np.ndarray, "k j i"], scale: float) -> Float[np.ndarray, "k j i"]:
        made: Float[np.ndarray, "k j i"] = np.exp(np.log(scale) / scale * x)
        return made

    return _named(params, setting, curve)
