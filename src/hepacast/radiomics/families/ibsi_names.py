# SPDX-License-Identifier: Apache-2.0
"""Catalogue of the features that IBSI defines, in its own short names.

In the formulas, p is the share of a count, s_i the summed difference of level i from
its neighbourhoods, and x an intensity; the variance of Geary is that over voxels - 1.
"""

from __future__ import annotations

from hepacast.radiomics.families.registry import catalogue

COOCCURRENCE = catalogue(
    """
    joint.max | GYBY | 1 | highest p(i,j)
    joint.avg | 60VM | 1 | mean = sum i p(i,j)
    joint.var | UR99 | 1 | sum (i - mean)^2 p(i,j)
    joint.entr | TU9B | bit | -sum p(i,j) log2 p(i,j)
    diff.avg | TF7R | 1 | sum |i - j| p(i,j)
    diff.var | D3YU | 1 | sum (|i - j| - difference average)^2 p(i,j)
    diff.entr | NTRS | bit | -sum over k of p_k log2 p_k, where p_k = p(|i - j| = k)
    sum.avg | ZGXS | 1 | sum (i + j) p(i,j)
    sum.var | OEEB | 1 | sum (i + j - sum average)^2 p(i,j)
    sum.entr | P6QZ | bit | -sum over k of p_k log2 p_k, where p_k = p(i + j = k)
    energy | 8ZQL | 1 | sum p(i,j)^2
    contrast | ACUI | 1 | sum (i - j)^2 p(i,j)
    dissimilarity | 8S9J | 1 | sum |i - j| p(i,j)
    inv.diff | IB1Z | 1 | sum p(i,j) / (1 + |i - j|)
    inv.diff.norm | NDRX | 1 | sum p(i,j) / (1 + |i - j| / highest level)
    inv.diff.mom | WF0Z | 1 | sum p(i,j) / (1 + (i - j)^2)
    inv.diff.mom.norm | 1QCO | 1 | sum p(i,j) / (1 + (i - j)^2 / highest level^2)
    inv.var | E8JP | 1 | sum over i != j of p(i,j) / (i - j)^2
    corr | NI2N | 1 | (sum i j p(i,j) - mean^2) / variance
    auto.corr | QWB0 | 1 | sum i j p(i,j)
    clust.tend | DG8W | 1 | sum (i + j - 2 mean)^2 p(i,j)
    clust.shade | 7NFM | 1 | sum (i + j - 2 mean)^3 p(i,j)
    clust.prom | AE86 | 1 | sum (i + j - 2 mean)^4 p(i,j)
    info.corr.1 | R8DG | 1 | (joint entropy + sum p(i,j) log2 (p(i) p(j))) / entropy of p(i)
    info.corr.2 | JN9H | 1 | root of 1 - exp(-2 (-sum p(i) p(j) log2 (p(i) p(j)) - joint entropy))
    """
)
RUNS = catalogue(
    """
    sre | 22OV | 1 | mean over runs of 1 / length^2
    lre | W4KF | 1 | mean over runs of length^2
    lgre | V3SW | 1 | mean over runs of 1 / level^2
    hgre | G3QZ | 1 | mean over runs of level^2
    srlge | HTZT | 1 | mean over runs of 1 / (length^2 level^2)
    srhge | GD3A | 1 | mean over runs of level^2 / length^2
    lrlge | IVPO | 1 | mean over runs of length^2 / level^2
    lrhge | 3KUM | 1 | mean over runs of length^2 level^2
    glnu | R5YN | 1 | sum over levels of (runs of a level)^2 / runs
    glnu.norm | OVBL | 1 | the same / runs
    rlnu | W92Y | 1 | sum over lengths of (runs of a length)^2 / runs
    rlnu.norm | IC23 | 1 | the same / runs
    r.perc | 9ZK5 | 1 | runs / voxels
    gl.var | 8CE5 | 1 | variance of the level over runs
    rl.var | SXLW | 1 | variance of the length over runs
    rl.entr | HJ9O | 1 | -sum p log2 p over levels and lengths
    """
)
ZONES = catalogue(
    """
    sze | 5QRC | 1 | mean over zones of 1 / size^2
    lze | 48P8 | 1 | mean over zones of size^2
    lgze | XMSY | 1 | mean over zones of 1 / level^2
    hgze | 5GN9 | 1 | mean over zones of level^2
    szlge | 5RAI | 1 | mean over zones of 1 / (size^2 level^2)
    szhge | HW1V | 1 | mean over zones of level^2 / size^2
    lzlge | YH51 | 1 | mean over zones of size^2 / level^2
    lzhge | J17V | 1 | mean over zones of size^2 level^2
    glnu | JNSA | 1 | sum over levels of (zones of a level)^2 / zones
    glnu.norm | Y1RO | 1 | the same / zones
    zsnu | 4JP3 | 1 | sum over sizes of (zones of a size)^2 / zones
    zsnu.norm | VB3A | 1 | the same / zones
    z.perc | P30P | 1 | zones / voxels
    gl.var | BYLV | 1 | variance of the level over zones
    zs.var | 3NSA | 1 | variance of the size over zones
    zs.entr | GU8N | 1 | -sum p log2 p over levels and sizes
    """
)
DISTANCE = catalogue(
    """
    sde | 0GBI | 1 | mean over zones of 1 / distance^2
    lde | MB4I | 1 | mean over zones of distance^2
    lgze | S1RA | 1 | mean over zones of 1 / level^2
    hgze | K26C | 1 | mean over zones of level^2
    sdlge | RUVG | 1 | mean over zones of 1 / (distance^2 level^2)
    sdhge | DKNJ | 1 | mean over zones of level^2 / distance^2
    ldlge | A7WM | 1 | mean over zones of distance^2 / level^2
    ldhge | KLTH | 1 | mean over zones of distance^2 level^2
    glnu | VFT7 | 1 | sum over levels of (zones of a level)^2 / zones
    glnu.norm | 7HP3 | 1 | the same / zones
    zdnu | V294 | 1 | sum over distances of (zones of a distance)^2 / zones
    zdnu.norm | IATH | 1 | the same / zones
    z.perc | VIWW | 1 | zones / voxels
    gl.var | QK93 | 1 | variance of the level over zones
    zd.var | 7WT1 | 1 | variance of the distance over zones
    zd.entr | GBDU | 1 | -sum p log2 p over levels and distances
    """
)
DIFFERENCE = catalogue(
    """
    coarseness | QCDE | 1 | 1 / sum p_i s_i
    contrast | 65HE | 1 | sum p_i p_j (i - j)^2 / (levels (levels - 1)) x sum s_i / voxels
    busyness | NQ30 | 1 | sum p_i s_i / sum |i p_i - j p_j|
    complexity | HDEZ | 1 | sum |i - j| (p_i s_i + p_j s_j) / (p_i + p_j) / voxels
    strength | 1X9X | 1 | sum (p_i + p_j) (i - j)^2 / sum s_i
    """
)
DEPENDENCE = catalogue(
    """
    lde | SODN | 1 | mean over neighbourhoods of 1 / dependence^2
    hde | IMOQ | 1 | mean over neighbourhoods of dependence^2
    lgce | TL9H | 1 | mean over neighbourhoods of 1 / level^2
    hgce | OAE7 | 1 | mean over neighbourhoods of level^2
    ldlge | EQ3F | 1 | mean over neighbourhoods of 1 / (dependence^2 level^2)
    ldhge | JA6D | 1 | mean over neighbourhoods of level^2 / dependence^2
    hdlge | NBZI | 1 | mean over neighbourhoods of dependence^2 / level^2
    hdhge | 9QMG | 1 | mean over neighbourhoods of dependence^2 level^2
    glnu | FP8K | 1 | sum over levels of (neighbourhoods of a level)^2 / neighbourhoods
    glnu.norm | 5SPA | 1 | the same / neighbourhoods
    dcnu | Z87G | 1 | sum over dependences of (neighbourhoods of a dependence)^2 / neighbourhoods
    dcnu.norm | OKJI | 1 | the same / neighbourhoods
    dc.perc | 6XV8 | 1 | neighbourhoods / voxels, 1 by construction
    gl.var | 1PFV | 1 | variance of the level over neighbourhoods
    dc.var | DNX2 | 1 | variance of the dependence over neighbourhoods
    dc.entr | FCBV | 1 | -sum p log2 p over levels and dependences
    dc.energy | CAS9 | 1 | sum p^2 over levels and dependences
    """
)
STATISTICS = catalogue(
    """
    mean | Q4LE | image | sum intensity / voxels
    var | ECT3 | image^2 | mean of (intensity - mean)^2
    skew | KE2A | 1 | third moment / variance^1.5
    kurt | IPH6 | 1 | fourth moment / variance^2 - 3
    median | Y12H | image | 50th percentile
    min | 1GSF | image | lowest intensity
    P10 | QG58 | image | 10th percentile
    P90 | 8DWT | image | 90th percentile
    max | 84IY | image | highest intensity
    iqr | SALO | image | 75th less 25th percentile
    range | 2OJQ | image | maximum less minimum
    mad | 4FUA | image | mean of |intensity - mean|
    rmad | 1128 | image | the same, within the 10th to 90th percentile
    medad | N72L | image | mean of |intensity - median|
    cov | 7TET | 1 | root of the variance / mean
    qcod | 9S40 | 1 | (75th less 25th percentile) / (75th plus 25th percentile)
    energy | N8CA | image^2 | sum intensity^2
    rms | 5ZWQ | image | root of (sum intensity^2 / voxels)
    """
)
HISTOGRAM = catalogue(
    """
    mean | X6K6 | 1 | sum level / voxels
    var | CH89 | 1 | mean of (level - mean)^2
    skew | 88K1 | 1 | third moment / variance^1.5
    kurt | C3I7 | 1 | fourth moment / variance^2 - 3
    median | WIFQ | 1 | 50th percentile
    min | 1PR8 | 1 | lowest level
    P10 | GPMT | 1 | 10th percentile
    P90 | GPMT | 1 | 90th percentile
    max | 3NCY | 1 | highest level
    mode | AMMC | 1 | level of most voxels, of several that nearest to the mean
    iqr | WR0O | 1 | 75th less 25th percentile
    range | 5Z3W | 1 | maximum less minimum
    mad | D2ZX | 1 | mean of |level - mean|
    rmad | WRZB | 1 | the same, within the 10th to 90th percentile
    medad | 4RNL | 1 | mean of |level - median|
    cov | CWYJ | 1 | root of the variance / mean
    qcod | SLWD | 1 | (75th less 25th percentile) / (75th plus 25th percentile)
    entropy | TLU2 | bit | -sum p log2 p over levels
    uniformity | BJ5W | 1 | sum p^2 over levels
    max.grad | 12CE | 1 | highest gradient of the voxel counts, by central differences
    max.grad.gl | 8E6O | 1 | first level of that gradient
    min.grad | VQB3 | 1 | lowest gradient of the voxel counts, by central differences
    min.grad.gl | RHQZ | 1 | first level of that gradient
    """
)
VOLUME = catalogue(
    """
    V10 | BC2M | 1 | share of voxels at or above 10 % of the range of intensities
    V90 | BC2M | 1 | share of voxels at or above 90 % of the range of intensities
    I10 | GBPN | image | lowest intensity that at most 10 % of the voxels reach
    I90 | GBPN | image | lowest intensity that at most 90 % of the voxels reach
    V10minusV90 | DDTU | 1 | V10 - V90
    I10minusI90 | CNV2 | image | I10 - I90
    """
)
LOCAL = catalogue(
    """
    peak.local | VJGA | image | mean in a sphere of 1 cm3 around the brightest voxel of the region
    peak.global | 0F91 | image | highest mean in a sphere of 1 cm3 around any voxel of the region
    """
)
MORPHOLOGY = catalogue(
    """
    vol | RNU0 | mm3 | volume inside the mesh
    approx.vol | YEKZ | mm3 | voxels x voxel volume
    area | C0JK | mm2 | area of the mesh
    av | 2PR5 | 1/mm | area / volume
    comp.1 | SKGS | 1 | volume / (root pi area^1.5)
    comp.2 | BQWJ | 1 | 36 pi volume^2 / area^3
    sph.dispr | KRCK | 1 | area / (36 pi volume^2)^(1/3)
    sphericity | QCFX | 1 | (36 pi volume^2)^(1/3) / area
    asphericity | 25C7 | 1 | (area^3 / (36 pi volume^2))^(1/3) - 1
    com | KLMA | mm | distance from the centre of the voxels to their centre weighted by intensity
    diam | L0JK | mm | largest distance of two vertices of the mesh
    pca.major | TDIC | mm | 4 root of the first variance along the principal axes
    pca.minor | P9VJ | mm | 4 root of the second variance
    pca.least | 7J51 | mm | 4 root of the third variance
    pca.elongation | Q3CK | 1 | root of second / first variance
    pca.flatness | N17B | 1 | root of third / first variance
    v.dens.aabb | PBX1 | 1 | volume / volume of the box along the axes
    a.dens.aabb | R59B | 1 | area / area of the box along the axes
    v.dens.aee | 6BDE | 1 | volume / volume of the ellipsoid with semi-axes 2 root variance
    a.dens.aee | RDD2 | 1 | area / area of that ellipsoid
    v.dens.conv.hull | R3ER | 1 | volume / volume of the convex hull of the mesh
    a.dens.conv.hull | 7T7F | 1 | area / area of that hull
    integ.int | 99N0 | image mm3 | volume x mean intensity
    moran.i | N365 | 1 | mean of d_i d_j weighted by 1 / distance, / variance; d = x - mean
    geary.c | NPT7 | 1 | mean of (x_i - x_j)^2 weighted by 1 / distance, / (2 variance)
    """
)
