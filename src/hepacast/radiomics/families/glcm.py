# SPDX-License-Identifier: Apache-2.0
"""Grey level co-occurrence: which levels lie beside which."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.radiomics.families.registry import FAMILIES, Family, catalogue
from hepacast.radiomics.families.weights import pair_weights
from hepacast.radiomics.settings import FamilyParams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Float

    from hepacast.radiomics.families.registry import Numbers
    from hepacast.radiomics.sample import Sample

FEATURES = catalogue(
    """
    Autocorrelation | QWB0 | 1 | sum p(i,j) i j
    JointAverage | 60VM | 1 | sum p(i,j) i
    ClusterProminence | AE86 | 1 | sum p(i,j) (i + j - 2 mean)^4
    ClusterShade | 7NFM | 1 | sum p(i,j) (i + j - 2 mean)^3
    ClusterTendency | DG8W | 1 | sum p(i,j) (i + j - 2 mean)^2
    Contrast | ACUI | 1 | sum p(i,j) (i - j)^2
    Correlation | NI2N | 1 | covariance / variance; 1 in a flat region
    DifferenceAverage | TF7R | 1 | mean of |i - j|
    DifferenceEntropy | NTRS | bit | entropy of |i - j|
    DifferenceVariance | D3YU | 1 | variance of |i - j|
    JointEnergy | 8ZQL | 1 | sum p(i,j)^2
    JointEntropy | TU9B | bit | -sum p(i,j) log2 p(i,j)
    Imc1 | R8DG | 1 | (joint entropy - entropy if independent) / marginal entropy
    Imc2 | JN9H | 1 | root of 1 - exp(-2 (entropy if independent - joint entropy))
    Idm | WF0Z | 1 | sum p / (1 + (i - j)^2)
    Idmn | 1QCO | 1 | sum p / (1 + (i - j)^2 / highest level^2)
    Id | IB1Z | 1 | sum p / (1 + |i - j|)
    Idn | NDRX | 1 | sum p / (1 + |i - j| / highest level)
    InverseVariance | E8JP | 1 | sum over i != j of p / (i - j)^2
    MaximumProbability | GYBY | 1 | highest p(i,j)
    SumAverage | ZGXS | 1 | mean of i + j
    SumEntropy | P6QZ | bit | entropy of i + j
    SumSquares | UR99 | 1 | sum p(i,j) (i - mean)^2
    MCC | | 1 | maximal correlation: root of the second eigenvalue of the transition matrix
    """
)
NAMES = tuple(f.name for f in FEATURES)
_TOGETHER = 2**24
"""Most cells of the matrices of all directions together, 0.13 GB, that are held at once."""


class GlcmParams(FamilyParams):
    """Settings of the co-occurrence features."""

    kind: Literal["glcm"] = "glcm"


def matrices(sample: Sample) -> Float[np.ndarray, "direction level level"]:
    """Normalised matrices over the levels that occur, directions without a pair left out.

    Examples
    --------
    >>> from hepacast.radiomics.sample import Place, Sample
    >>> place = Place(np.ones((1, 1, 3), dtype=bool), (1.0, 1.0, 1.0))
    >>> matrices(Sample(place, np.array([10.0, 20.0, 30.0]))).tolist()
    [[[0.5, 0.25], [0.25, 0.0]]]
    """
    present = sample.present
    counts = sample.pairs[present][:, :, present]
    p: Float[np.ndarray, "direction level level"] = counts.transpose(1, 0, 2).astype(np.float64)
    if sample.texture.symmetric:
        p += p.transpose(0, 2, 1).copy()
    if sample.texture.weighting is not None:
        weights = pair_weights(sample.steps, sample.place.spacing, sample.texture.weighting)
        p = np.tensordot(weights, p, axes=1)[None]
    totals = p.sum(axis=(1, 2))
    shares: Float[np.ndarray, "direction level level"] = p[totals > 0]
    shares /= totals[totals > 0, None, None]
    return shares


def _one_by_one(sample: Sample) -> Iterator[Float[np.ndarray, "level level"]]:
    """Make the same matrices one after the other, where all at once would take gigabytes."""
    present, merged = sample.present, None
    weighting = sample.texture.weighting
    weights = np.ones(len(sample.steps))
    if weighting is not None:
        weights = pair_weights(sample.steps, sample.place.spacing, weighting)
    for d, weight in enumerate(weights):
        p = sample.pairs[:, d][np.ix_(present, present)].astype(np.float64)
        if sample.texture.symmetric:
            p += p.T.copy()
        if weighting is not None:
            merged = weight * p if merged is None else merged + weight * p
        elif p.any():
            yield p / p.sum()
    if merged is not None and merged.any():
        yield merged / merged.sum()


def maximal_correlation(p: Float[np.ndarray, "direction level level"]) -> float:
    """Mean over directions of the maximal correlation coefficient.

    1 if there is one level only.  Source: PyRadiomics 3.0.1, ``glcm.getMCCFeatureValue``.
    """
    if p.shape[1] < 2:
        return 1.0
    eps = np.spacing(1)
    px, py = p.sum(axis=2), p.sum(axis=1)
    product = px[:, :, None] * py[:, None, :]
    scaled = p / (product + eps)
    touched = p > 0
    moved = float((eps / product[touched]).max())
    if moved < 1e-4 and np.array_equal(p, p.transpose(0, 2, 1)):
        # Q is similar to the product of two symmetric matrices that differ by ``moved``; the square
        # of their mean has its eigenvalues up to the square of that, in a fifth of the time.
        root = np.sqrt(product)
        plain = np.divide(p, root, out=np.zeros_like(p), where=touched)
        values = np.linalg.eigvalsh((plain + scaled * root) / 2)
        return float(np.sort(np.abs(values), axis=1)[:, -2].mean())
    second = np.sort(np.linalg.eigvals(_transition(p)), axis=1)[:, -2]
    with np.errstate(invalid="ignore"):
        roots = np.sqrt(second)
    return float(np.nanmean(roots).real) if not np.isnan(roots).all() else float("nan")


def _transition(p: Float[np.ndarray, "direction level level"]) -> np.ndarray:
    """How likely two levels have a common neighbour, added up level by level.

    A second eigenvalue of 0 may come out on either side of it, and its root as 0 or
    NaN; the order of the sums is PyRadiomics', so that it falls on the same side.
    """
    px, py = np.zeros(p.shape[:2]), np.zeros(p.shape[:2])
    for k in range(p.shape[1]):
        px += p[:, :, k]
        py += p[:, k]
    q: np.ndarray = np.zeros_like(p)
    for k in range(p.shape[1]):
        expected = px[:, :, None] * py[:, None, None, k] + np.spacing(1)
        q += p[:, :, None, k] * p[:, None, :, k] / expected
    return q


def glcm(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the co-occurrence features, averaged over directions.

    Parameters
    ----------
    sample : Sample
        One region of one image.
    params : GlcmParams
        Which features; MCC is only computed if it is wanted.

    Returns
    -------
    numbers : mapping of name to float
        All NaN if no two voxels of the region touch.
    """
    from hepacast.radiomics.kernels.matrices import describe_pairs

    wanted = params.features is None or "MCC" in params.features
    levels = sample.present.astype(np.float64)
    together = sample.present.size**2 * len(sample.steps) <= _TOGETHER
    p = matrices(sample) if together else _one_by_one(sample)
    rows, mcc = [], []
    for one in p:
        rows.append(describe_pairs(one, levels, sample.highest))
        if wanted and not together:
            mcc.append(maximal_correlation(one[None]))
    if not rows:
        nothing = dict.fromkeys(NAMES, float("nan"))
        merged = sample.texture.weighting is not None or len(sample.steps) == 1
        # PyRadiomics sums over no difference at all, or has no matrix that is not one number.
        if merged and sample.highest == 1:
            nothing["InverseVariance"] = 0.0
        if not merged and sample.present.size == 1:
            nothing["MCC"] = 1.0
        return nothing
    table = np.array(rows)
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        means = np.where(known, table, 0.0).sum(axis=0) / known.sum(axis=0)
    numbers = dict(zip(NAMES, means.tolist(), strict=False))
    numbers["MCC"] = float("nan")
    if wanted:
        numbers["MCC"] = maximal_correlation(p) if isinstance(p, np.ndarray) else _mean(mcc)
    return numbers


def _mean(values: list[float]) -> float:
    """Mean of what is not NaN; NaN if nothing is left."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else float("nan")


FAMILIES.register(GlcmParams)(
    Family(FEATURES, glcm, "PyRadiomics 3.0.1, glcm; Haralick 1973; IBSI, GLCM")
)
