# SPDX-License-Identifier: Apache-2.0
"""Families that count something by grey level and size: runs, zones, dependences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.radiomics.families.registry import FAMILIES, Family, catalogue
from hepacast.radiomics.families.weights import lengths
from hepacast.radiomics.settings import FamilyParams

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.radiomics.families.registry import Numbers
    from hepacast.radiomics.sample import Sample

RUN_FEATURES = catalogue(
    """
    ShortRunEmphasis | 22OV | 1 | mean of 1 / length^2
    LongRunEmphasis | W4KF | 1 | mean of length^2
    GrayLevelNonUniformity | R5YN | 1 | sum over levels of runs^2 / runs
    GrayLevelNonUniformityNormalized | OVBL | 1 | the same / runs
    RunLengthNonUniformity | W92Y | 1 | sum over lengths of runs^2 / runs
    RunLengthNonUniformityNormalized | IC23 | 1 | the same / runs
    RunPercentage | 9ZK5 | 1 | runs / voxels
    GrayLevelVariance | 8CE5 | 1 | variance of the level of runs
    RunVariance | SXLW | 1 | variance of the length of runs
    RunEntropy | HJ9O | bit | -sum p log2 p
    LowGrayLevelRunEmphasis | V3SW | 1 | mean of 1 / level^2
    HighGrayLevelRunEmphasis | G3QZ | 1 | mean of level^2
    ShortRunLowGrayLevelEmphasis | HTZT | 1 | mean of 1 / (length^2 level^2)
    ShortRunHighGrayLevelEmphasis | GD3A | 1 | mean of level^2 / length^2
    LongRunLowGrayLevelEmphasis | IVPO | 1 | mean of length^2 / level^2
    LongRunHighGrayLevelEmphasis | 3KUM | 1 | mean of length^2 level^2
    """
)
ZONE_FEATURES = catalogue(
    """
    SmallAreaEmphasis | 5QRC | 1 | mean of 1 / size^2
    LargeAreaEmphasis | 48P8 | 1 | mean of size^2
    GrayLevelNonUniformity | JNSA | 1 | sum over levels of zones^2 / zones
    GrayLevelNonUniformityNormalized | Y1RO | 1 | the same / zones
    SizeZoneNonUniformity | 4JP3 | 1 | sum over sizes of zones^2 / zones
    SizeZoneNonUniformityNormalized | VB3A | 1 | the same / zones
    ZonePercentage | P30P | 1 | zones / voxels
    GrayLevelVariance | BYLV | 1 | variance of the level of zones
    ZoneVariance | 3NSA | 1 | variance of the size of zones
    ZoneEntropy | GU8N | bit | -sum p log2 p
    LowGrayLevelZoneEmphasis | XMSY | 1 | mean of 1 / level^2
    HighGrayLevelZoneEmphasis | 5GN9 | 1 | mean of level^2
    SmallAreaLowGrayLevelEmphasis | 5RAI | 1 | mean of 1 / (size^2 level^2)
    SmallAreaHighGrayLevelEmphasis | HW1V | 1 | mean of level^2 / size^2
    LargeAreaLowGrayLevelEmphasis | YH51 | 1 | mean of size^2 / level^2
    LargeAreaHighGrayLevelEmphasis | J17V | 1 | mean of size^2 level^2
    """
)
DEPENDENCE_FEATURES = catalogue(
    """
    SmallDependenceEmphasis | SODN | 1 | mean of 1 / dependence^2
    LargeDependenceEmphasis | IMOQ | 1 | mean of dependence^2
    GrayLevelNonUniformity | FP8K | 1 | sum over levels of voxels^2 / voxels
    GrayLevelNonUniformityNormalized | 5SPA | 1 | the same / voxels
    DependenceNonUniformity | Z87G | 1 | sum over dependences of voxels^2 / voxels
    DependenceNonUniformityNormalized | OKJI | 1 | the same / voxels
    DependencePercentage | 6XV8 | 1 | 1 by construction
    GrayLevelVariance | 1PFV | 1 | variance of the level
    DependenceVariance | DNX2 | 1 | variance of the dependence
    DependenceEntropy | FCBV | bit | -sum p log2 p
    LowGrayLevelEmphasis | TL9H | 1 | mean of 1 / level^2
    HighGrayLevelEmphasis | OAE7 | 1 | mean of level^2
    SmallDependenceLowGrayLevelEmphasis | EQ3F | 1 | mean of 1 / (dependence^2 level^2)
    SmallDependenceHighGrayLevelEmphasis | JA6D | 1 | mean of level^2 / dependence^2
    LargeDependenceLowGrayLevelEmphasis | NBZI | 1 | mean of dependence^2 / level^2
    LargeDependenceHighGrayLevelEmphasis | 9QMG | 1 | mean of dependence^2 level^2
    """,
    # PyRadiomics took these two out: one equals firstorder Uniformity, the other is 1.
    deprecated=frozenset({"GrayLevelNonUniformityNormalized", "DependencePercentage"}),
)


class GlrlmParams(FamilyParams):
    """Settings of the run length features."""

    kind: Literal["glrlm"] = "glrlm"


class GlszmParams(FamilyParams):
    """Settings of the size zone features."""

    kind: Literal["glszm"] = "glszm"


class GldmParams(FamilyParams):
    """Settings of the dependence features."""

    kind: Literal["gldm"] = "gldm"


def run_matrices(sample: Sample) -> Float[np.ndarray, "direction level length"]:
    """Run counts over the levels that occur; directions without a run are left out."""
    counts = sample.runs[sample.present, :, 1:].transpose(1, 0, 2).astype(np.float64)
    weighting = sample.texture.weighting
    if weighting is not None:
        weights = lengths(sample.run_steps, sample.place.spacing, weighting)
        counts = np.tensordot(weights, counts, axes=1)[None]
    kept: Float[np.ndarray, "direction level length"] = counts[counts.sum(axis=(1, 2)) > 0]
    return kept


def zone_matrix(
    sample: Sample,
) -> tuple[Float[np.ndarray, "level size"], Float[np.ndarray, " size"]]:
    """Zone counts by level and by the sizes that occur, with those sizes."""
    level, size = sample.zones
    sizes, column = np.unique(size, return_inverse=True)
    row = np.searchsorted(sample.present, level)
    cells = np.bincount(row * sizes.size + column, minlength=sample.present.size * sizes.size)
    counts = cells.reshape(sample.present.size, sizes.size).astype(np.float64)
    return counts, sizes.astype(np.float64)


def glrlm(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the run length features, averaged over directions.

    Parameters
    ----------
    sample : Sample
        One region of one image.
    params : GlrlmParams
        Not used beyond the choice of features.

    Returns
    -------
    numbers : mapping of name to float
        NaN if no line holds two voxels of the region.
    """
    del params
    from hepacast.radiomics.kernels.matrices import describe_sizes

    counts = run_matrices(sample)
    names = [f.name for f in RUN_FEATURES]
    if counts.shape[0] == 0:
        nothing = dict.fromkeys(names, float("nan"))
        if sample.texture.weighting is not None or len(sample.run_steps) == 1:
            # PyRadiomics sums over no length at all here.
            nothing |= {"RunVariance": 0.0, "RunEntropy": 0.0}
        return nothing
    used = np.flatnonzero(counts.any(axis=(0, 1)))
    counts = np.ascontiguousarray(counts[:, :, used])
    sizes = (used + 1).astype(np.float64)
    levels = sample.present.astype(np.float64)
    voxels = (counts.sum(axis=1) * sizes).sum(axis=1)
    rows = [describe_sizes(c, levels, sizes, v) for c, v in zip(counts, voxels, strict=True)]
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


def glszm(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the size zone features.

    Parameters
    ----------
    sample : Sample
        One region of one image.
    params : GlszmParams
        Not used beyond the choice of features.
    """
    del params
    from hepacast.radiomics.kernels.matrices import describe_sizes

    counts, sizes = zone_matrix(sample)
    levels = sample.present.astype(np.float64)
    row = describe_sizes(counts, levels, sizes, float(sample.place.size))
    return dict(zip((f.name for f in ZONE_FEATURES), row.tolist(), strict=True))


def gldm(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the dependence features; the dependence of a voxel counts the voxel itself.

    Parameters
    ----------
    sample : Sample
        One region of one image.
    params : GldmParams
        Not used beyond the choice of features.
    """
    del params
    from hepacast.radiomics.kernels.matrices import describe_sizes

    counts = sample.dependence[sample.present].astype(np.float64)
    sizes = np.arange(1, counts.shape[1] + 1, dtype=np.float64)
    levels = sample.present.astype(np.float64)
    row = describe_sizes(counts, levels, sizes, float(sample.place.size))
    return dict(zip((f.name for f in DEPENDENCE_FEATURES), row.tolist(), strict=True))


FAMILIES.register(GlrlmParams)(
    Family(RUN_FEATURES, glrlm, "PyRadiomics 3.0.1, glrlm; Galloway 1975; IBSI, GLRLM")
)
FAMILIES.register(GlszmParams)(
    Family(ZONE_FEATURES, glszm, "PyRadiomics 3.0.1, glszm; Thibault 2009; IBSI, GLSZM")
)
FAMILIES.register(GldmParams)(
    Family(DEPENDENCE_FEATURES, gldm, "PyRadiomics 3.0.1, gldm; Sun and Wee 1983; IBSI, NGLDM")
)
