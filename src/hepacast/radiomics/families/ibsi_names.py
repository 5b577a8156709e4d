# SPDX-License-Identifier: Apache-2.0
"""Catalogue of the features that IBSI defines, in its own short names."""

from __future__ import annotations

from hepacast.radiomics.families.registry import catalogue

COOCCURRENCE = catalogue(
    """
    joint.max | GYBY | 1 | joint maximum
    joint.avg | 60VM | 1 | joint average
    joint.var | UR99 | 1 | joint variance
    joint.entr | TU9B | bit | joint entropy
    diff.avg | TF7R | 1 | difference average
    diff.var | D3YU | 1 | difference variance
    diff.entr | NTRS | bit | difference entropy
    sum.avg | ZGXS | 1 | sum average
    sum.var | OEEB | 1 | sum variance
    sum.entr | P6QZ | bit | sum entropy
    energy | 8ZQL | 1 | angular second moment
    contrast | ACUI | 1 | contrast
    dissimilarity | 8S9J | 1 | dissimilarity
    inv.diff | IB1Z | 1 | inverse difference
    inv.diff.norm | NDRX | 1 | normalised inverse difference
    inv.diff.mom | WF0Z | 1 | inverse difference moment
    inv.diff.mom.norm | 1QCO | 1 | normalised inverse difference moment
    inv.var | E8JP | 1 | inverse variance
    corr | NI2N | 1 | correlation
    auto.corr | QWB0 | 1 | autocorrelation
    clust.tend | DG8W | 1 | cluster tendency
    clust.shade | 7NFM | 1 | cluster shade
    clust.prom | AE86 | 1 | cluster prominence
    info.corr.1 | R8DG | 1 | information correlation 1
    info.corr.2 | JN9H | 1 | information correlation 2
    """
)
RUNS = catalogue(
    """
    sre | 22OV | 1 | short runs emphasis
    lre | W4KF | 1 | long runs emphasis
    lgre | V3SW | 1 | low grey level run emphasis
    hgre | G3QZ | 1 | high grey level run emphasis
    srlge | HTZT | 1 | short run low grey level emphasis
    srhge | GD3A | 1 | short run high grey level emphasis
    lrlge | IVPO | 1 | long run low grey level emphasis
    lrhge | 3KUM | 1 | long run high grey level emphasis
    glnu | R5YN | 1 | grey level non-uniformity
    glnu.norm | OVBL | 1 | normalised grey level non-uniformity
    rlnu | W92Y | 1 | run length non-uniformity
    rlnu.norm | IC23 | 1 | normalised run length non-uniformity
    r.perc | 9ZK5 | 1 | run percentage
    gl.var | 8CE5 | 1 | grey level variance
    rl.var | SXLW | 1 | run length variance
    rl.entr | HJ9O | 1 | run entropy
    """
)
ZONES = catalogue(
    """
    sze | 5QRC | 1 | small zone emphasis
    lze | 48P8 | 1 | large zone emphasis
    lgze | XMSY | 1 | low grey level zone emphasis
    hgze | 5GN9 | 1 | high grey level zone emphasis
    szlge | 5RAI | 1 | small zone low grey level emphasis
    szhge | HW1V | 1 | small zone high grey level emphasis
    lzlge | YH51 | 1 | large zone low grey level emphasis
    lzhge | J17V | 1 | large zone high grey level emphasis
    glnu | JNSA | 1 | grey level non-uniformity
    glnu.norm | Y1RO | 1 | normalised grey level non-uniformity
    zsnu | 4JP3 | 1 | zone size non-uniformity
    zsnu.norm | VB3A | 1 | normalised zone size non-uniformity
    z.perc | P30P | 1 | zone percentage
    gl.var | BYLV | 1 | grey level variance
    zs.var | 3NSA | 1 | zone size variance
    zs.entr | GU8N | 1 | zone size entropy
    """
)
DISTANCE = catalogue(
    """
    sde | 0GBI | 1 | small distance emphasis
    lde | MB4I | 1 | large distance emphasis
    lgze | S1RA | 1 | low grey level zone emphasis
    hgze | K26C | 1 | high grey level zone emphasis
    sdlge | RUVG | 1 | small distance low grey level emphasis
    sdhge | DKNJ | 1 | small distance high grey level emphasis
    ldlge | A7WM | 1 | large distance low grey level emphasis
    ldhge | KLTH | 1 | large distance high grey level emphasis
    glnu | VFT7 | 1 | grey level non-uniformity
    glnu.norm | 7HP3 | 1 | normalised grey level non-uniformity
    zdnu | V294 | 1 | zone distance non-uniformity
    zdnu.norm | IATH | 1 | normalised zone distance non-uniformity
    z.perc | VIWW | 1 | zone percentage
    gl.var | QK93 | 1 | grey level variance
    zd.var | 7WT1 | 1 | zone distance variance
    zd.entr | GBDU | 1 | zone distance entropy
    """
)
DIFFERENCE = catalogue(
    """
    coarseness | QCDE | 1 | coarseness
    contrast | 65HE | 1 | contrast
    busyness | NQ30 | 1 | busyness
    complexity | HDEZ | 1 | complexity
    strength | 1X9X | 1 | strength
    """
)
DEPENDENCE = catalogue(
    """
    lde | SODN | 1 | low dependence emphasis
    hde | IMOQ | 1 | high dependence emphasis
    lgce | TL9H | 1 | low grey level count emphasis
    hgce | OAE7 | 1 | high grey level count emphasis
    ldlge | EQ3F | 1 | low dependence low grey level emphasis
    ldhge | JA6D | 1 | low dependence high grey level emphasis
    hdlge | NBZI | 1 | high dependence low grey level emphasis
    hdhge | 9QMG | 1 | high dependence high grey level emphasis
    glnu | FP8K | 1 | grey level non-uniformity
    glnu.norm | 5SPA | 1 | normalised grey level non-uniformity
    dcnu | Z87G | 1 | dependence count non-uniformity
    dcnu.norm | OKJI | 1 | normalised dependence count non-uniformity
    dc.perc | 6XV8 | 1 | dependence count percentage
    gl.var | 1PFV | 1 | grey level variance
    dc.var | DNX2 | 1 | dependence count variance
    dc.entr | FCBV | 1 | dependence count entropy
    dc.energy | CAS9 | 1 | dependence count energy
    """
)
STATISTICS = catalogue(
    """
    mean | Q4LE | image | mean intensity
    var | ECT3 | image^2 | intensity variance
    skew | KE2A | 1 | intensity skewness
    kurt | IPH6 | 1 | (excess) intensity kurtosis
    median | Y12H | image | median intensity
    min | 1GSF | image | minimum intensity
    P10 | QG58 | image | 10th percentile
    P90 | 8DWT | image | 90th percentile
    max | 84IY | image | maximum intensity
    iqr | SALO | image | intensity interquartile range
    range | 2OJQ | image | intensity range
    mad | 4FUA | image | intensity-based mean absolute deviation
    rmad | 1128 | image | intensity-based robust mean absolute deviation
    medad | N72L | image | intensity-based median absolute deviation
    cov | 7TET | 1 | intensity-based coefficient of variation
    qcod | 9S40 | 1 | intensity-based quartile coefficient of dispersion
    energy | N8CA | image^2 | intensity-based energy
    rms | 5ZWQ | image | root mean square intensity
    """
)
HISTOGRAM = catalogue(
    """
    mean | X6K6 | 1 | mean discretised intensity
    var | CH89 | 1 | discretised intensity variance
    skew | 88K1 | 1 | discretised intensity skewness
    kurt | C3I7 | 1 | (excess) discretised intensity kurtosis
    median | WIFQ | 1 | median discretised intensity
    min | 1PR8 | 1 | minimum discretised intensity
    P10 | GPMT | 1 | 10th percentile
    P90 | GPMT | 1 | 90th discretised intensity percentile
    max | 3NCY | 1 | maximum discretised intensity
    mode | AMMC | 1 | intensity histogram mode
    iqr | WR0O | 1 | discretised intensity interquartile range
    range | 5Z3W | 1 | discretised intensity range
    mad | D2ZX | 1 | intensity histogram mean absolute deviation
    rmad | WRZB | 1 | intensity histogram robust mean absolute deviation
    medad | 4RNL | 1 | intensity histogram median absolute deviation
    cov | CWYJ | 1 | intensity histogram coefficient of variation
    qcod | SLWD | 1 | intensity histogram quartile coefficient of dispersion
    entropy | TLU2 | bit | discretised intensity entropy
    uniformity | BJ5W | 1 | discretised intensity uniformity
    max.grad | 12CE | 1 | maximum histogram gradient
    max.grad.gl | 8E6O | 1 | maximum histogram gradient intensity
    min.grad | VQB3 | 1 | minimum histogram gradient
    min.grad.gl | RHQZ | 1 | minimum histogram gradient intensity
    """
)
VOLUME = catalogue(
    """
    V10 | BC2M | 1 | volume at intensity fraction
    V90 | BC2M | 1 | volume at intensity fraction
    I10 | GBPN | image | intensity at volume fraction
    I90 | GBPN | image | intensity at volume fraction
    V10minusV90 | DDTU | 1 | volume fraction difference between intensity fractions
    I10minusI90 | CNV2 | image | intensity fraction difference between volume fractions
    """
)
LOCAL = catalogue(
    """
    peak.local | VJGA | image | local intensity peak
    peak.global | 0F91 | image | global intensity peak
    """
)
MORPHOLOGY = catalogue(
    """
    vol | RNU0 | mm3 | volume (mesh)
    approx.vol | YEKZ | mm3 | volume (voxel counting)
    area | C0JK | mm2 | surface area (mesh)
    av | 2PR5 | 1/mm | surface to volume ratio
    comp.1 | SKGS | 1 | compactness 1
    comp.2 | BQWJ | 1 | compactness 2
    sph.dispr | KRCK | 1 | spherical disproportion
    sphericity | QCFX | 1 | sphericity
    asphericity | 25C7 | 1 | asphericity
    com | KLMA | mm | centre of mass shift
    diam | L0JK | mm | maximum 3d diameter
    pca.major | TDIC | mm | major axis length
    pca.minor | P9VJ | mm | minor axis length
    pca.least | 7J51 | mm | least axis length
    pca.elongation | Q3CK | 1 | elongation
    pca.flatness | N17B | 1 | flatness
    v.dens.aabb | PBX1 | 1 | volume density (axis-aligned bounding box)
    a.dens.aabb | R59B | 1 | area density (axis-aligned bounding box)
    v.dens.aee | 6BDE | 1 | volume density (approximate enclosing ellipsoid)
    a.dens.aee | RDD2 | 1 | area density (approximate enclosing ellipsoid)
    v.dens.conv.hull | R3ER | 1 | volume density (convex hull)
    a.dens.conv.hull | 7T7F | 1 | area density (convex hull)
    integ.int | 99N0 | image mm3 | integrated intensity
    moran.i | N365 | 1 | moran's i index
    geary.c | NPT7 | 1 | geary's c measure
    """
)
