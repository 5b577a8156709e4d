# SPDX-License-Identifier: Apache-2.0
"""What univariate screens share: their result, blocks of features, scaling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from hepacast.stats.inputs import floats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Bool, Float
    from numpy.typing import ArrayLike

STEPS = 40
_TABLE = 60_000
"""Numbers per block: a block of features and its exponentials stay in the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Screen:
    """A regression of the outcome on each feature alone.

    Parameters
    ----------
    beta, se : (feature,) float
        Log odds or hazard ratio per unit of the feature, and its standard error.
    p : (feature,) float
        Wald P value; the likelihood ratio P value where the Wald one does not exist
        (separation).
    p_lr : (feature,) float
        Likelihood ratio P value.
    constant : (feature,) bool
        The feature does not vary: beta 0, standard error infinite, P 1.
    separated : (feature,) bool
        No finite estimate: beta and standard error are infinite, with the sign of the
        association.
    method : str
        Name of the regression.
    n, events : int
        Cases, and those with the event.
    """

    beta: Float[np.ndarray, " feature"]
    se: Float[np.ndarray, " feature"]
    p: Float[np.ndarray, " feature"]
    p_lr: Float[np.ndarray, " feature"]
    constant: Bool[np.ndarray, " feature"]
    separated: Bool[np.ndarray, " feature"]
    method: str
    n: int
    events: int

    def sentence(self, limit: float = 0.05) -> str:
        """Write it as a manuscript would."""
        hits = int((self.p < limit).sum())
        return f"{hits} of {self.p.size} features had P < {limit:g} ({self.method})"


def feature_table(X: ArrayLike, n: int) -> Float[np.ndarray, "case feature"]:
    """Return finite features as columns, one row per case.

    Parameters
    ----------
    X : (case, feature) or (case,) array
        One feature may come as a plain row of numbers.
    n : int
        Needed number of cases.

    Examples
    --------
    >>> feature_table([1.0, 2.0], 2).shape
    (2, 1)
    """
    table = floats("feature", X, n)
    return table[:, None] if table.ndim == 1 else table


def feature_blocks(cases: int, features: int) -> Iterator[slice]:
    """Divide the features into blocks that stay in the processor's cache.

    Parameters
    ----------
    cases, features : int
        Of the table.

    Yields
    ------
    slice
        At least eight features wide, but for the last.

    Examples
    --------
    >>> [block.stop for block in feature_blocks(10**9, 20)]
    [8, 16, 20]
    """
    width = max(8, _TABLE // cases)
    for start in range(0, features, width):
        yield slice(start, min(start + width, features))


def scale_block(
    block: Float[np.ndarray, "case feature"],
) -> tuple[Float[np.ndarray, "case feature"], Float[np.ndarray, " feature"], np.ndarray]:
    """Centre and scale; tell which columns do not vary.

    Parameters
    ----------
    block : (case, feature) float
        Finite values.

    Returns
    -------
    scaled : (case, feature) float
        Mean 0, standard deviation 1 (divisor n); 0 where constant.
    scale : (feature,) float
        What they were divided by; 1 where constant.
    flat : (feature,) bool
        True where constant.

    Examples
    --------
    >>> scaled, scale, flat = scale_block(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> scaled.tolist(), scale.tolist(), flat.tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [1.0, 1.0], [False, True])
    """
    share = np.full(len(block), 1 / len(block))
    center = share @ block
    centred = block - center
    scale = np.sqrt(share @ centred**2)
    flat = scale <= 1e-12 * np.maximum(np.abs(center), 1e-300)
    return centred / np.where(flat, 1.0, scale), np.where(flat, 1.0, scale), flat


@dataclass(slots=True)
class Found:
    """Result of one block, on the scale of standardised features."""

    beta: Float[np.ndarray, " feature"]
    information: Float[np.ndarray, " feature"]
    gain: Float[np.ndarray, " feature"]
    separated: Bool[np.ndarray, " feature"]


def gather(
    parts: list[Found],
    scales: list[Float[np.ndarray, " feature"]],
    flats: list[np.ndarray],
    method: str,
    event: Bool[np.ndarray, " case"],
) -> Screen:
    """Join the blocks, and return to the units of the features.

    Parameters
    ----------
    parts : list of Found
        What each block gave, per standard deviation.
    scales : list of (feature,) float
        Standard deviations of each block.
    flats : list of (feature,) bool
        Constant features of each block.
    method : str
        Which regression it was.
    event : (case,) bool
        True where the event happened.
    """
    flat, scale = np.concatenate(flats), np.concatenate(scales)
    beta = np.concatenate([part.beta for part in parts])
    information = np.concatenate([part.information for part in parts])
    gain = np.maximum(np.concatenate([part.gain for part in parts]), 0.0)
    separated = np.concatenate([part.separated for part in parts]) & ~flat
    usable = ~flat & ~separated
    se = np.full(beta.size, np.inf)
    se[usable] = 1 / np.sqrt(information[usable])
    p_lr = np.where(flat, 1.0, special.chdtrc(1, 2 * gain))
    z = np.where(usable, beta, 0.0) / se
    return Screen(
        beta=np.where(flat, 0.0, beta / scale),
        se=se / scale,
        p=np.where(usable, 2 * special.ndtr(-np.abs(z)), p_lr),
        p_lr=p_lr,
        constant=flat,
        separated=separated,
        method=method,
        n=event.size,
        events=int(event.sum()),
    )
