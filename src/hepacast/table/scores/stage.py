# SPDX-License-Identifier: Apache-2.0
"""Stages and transplant criteria, as ordered numbers: higher is worse."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from hepacast.table.scores.score import Inputs, ScoreParams, score

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

BCLC_STAGES = {0.0: "0", 1.0: "A", 1.5: "AB", 2.0: "B", 3.0: "C", 4.0: "D"}
"""Number to stage."""
CNLC_STAGES = ("Ia", "Ib", "IIa", "IIb", "IIIa", "IIIb", "IV")
"""Stage by number, from 0."""
TNM_STAGES = ("IA", "IB", "II", "IIIA", "IIIB", "IVA", "IVB")
"""Stage by number, from 0."""


class MilanParams(ScoreParams):
    """Beyond the Milan criteria."""

    label: ClassVar[str] = "beyond Milan"
    source: ClassVar[str] = "Mazzaferro 1996, N Engl J Med 334:693"

    kind: Literal["milan"] = "milan"
    diameter: str = "diameter"
    """Largest tumour."""
    tumours: str = "tumours"
    invasion: str = "macrovascular_invasion"
    spread: str = "extrahepatic_spread"


@score(MilanParams)
def milan(x: Inputs, params: MilanParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """0 within: one tumour to 5 cm or two to three to 3 cm, no invasion, no spread; 1 beyond.

    >>> x = {"diameter": np.array([5.0, 3.1]), "tumours": np.array([1, 2])}
    >>> milan({**x, "invasion": 0, "spread": 0}, MilanParams()).tolist()
    [0.0, 1.0]
    """
    size, count = np.asarray(x["diameter"]), np.asarray(x["tumours"])
    fits = _milan_sizes(size, count) & (x["invasion"] == 0) & (x["spread"] == 0)
    beyond: Float[np.ndarray, " case"] = 1.0 - fits
    return beyond


def _milan_sizes(
    size: Float[np.ndarray, " case"], count: Float[np.ndarray, " case"]
) -> Bool[np.ndarray, " case"]:
    """Check number and size only."""
    fits: Bool[np.ndarray, " case"] = ((count == 1) & (size <= 5)) | (
        (count >= 2) & (count <= 3) & (size <= 3)
    )
    return fits


class UcsfParams(ScoreParams):
    """Beyond the UCSF criteria."""

    label: ClassVar[str] = "beyond UCSF"
    source: ClassVar[str] = "Yao 2001, Hepatology 33:1394"
    verified: ClassVar[str] = "limits read in one secondary source"

    kind: Literal["ucsf"] = "ucsf"
    diameter: str = "diameter"
    sum_of_diameters: str = "sum_of_diameters"
    tumours: str = "tumours"
    invasion: str = "macrovascular_invasion"


@score(UcsfParams)
def ucsf(x: Inputs, params: UcsfParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """0 within: one tumour to 6.5 cm, or two to three to 4.5 cm and 8 cm together.

    >>> x = {"diameter": np.array([4.5, 4.5]), "sum_of_diameters": np.array([8.0, 8.1])}
    >>> ucsf({**x, "tumours": np.array([2, 2]), "invasion": 0}, UcsfParams()).tolist()
    [0.0, 1.0]
    """
    size, count = np.asarray(x["diameter"]), np.asarray(x["tumours"])
    # Sums of printed sizes come with rounding of the last digit.
    together = np.round(x["sum_of_diameters"], 6)
    several = (count >= 2) & (count <= 3) & (size <= 4.5) & (together <= 8)
    fits = (((count == 1) & (size <= 6.5)) | several) & (x["invasion"] == 0)
    beyond: Float[np.ndarray, " case"] = 1.0 - fits
    return beyond


class UpToSevenParams(ScoreParams):
    """Beyond the up-to-seven criteria."""

    label: ClassVar[str] = "beyond up-to-seven"
    source: ClassVar[str] = "Mazzaferro 2009, Lancet Oncol 10:35"

    kind: Literal["up-to-seven"] = "up-to-seven"
    diameter: str = "diameter"
    tumours: str = "tumours"
    invasion: str = "macrovascular_invasion"


@score(UpToSevenParams)
def up_to_seven(x: Inputs, params: UpToSevenParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """0 within: largest size in cm plus number at most 7, no invasion; 1 beyond.

    >>> x = {"diameter": np.array([4.0, 4.1]), "tumours": np.array([3, 3]), "invasion": 0}
    >>> up_to_seven(x, UpToSevenParams()).tolist()
    [0.0, 1.0]
    """
    total = np.round(np.asarray(x["diameter"]) + x["tumours"], 6)
    beyond: Float[np.ndarray, " case"] = 1.0 - ((total <= 7) & (x["invasion"] == 0))
    return beyond


class BclcParams(ScoreParams):
    """BCLC 2022."""

    label: ClassVar[str] = "BCLC"
    source: ClassVar[str] = "Reig 2022, J Hepatol 76:681"
    verified: ClassVar[str] = "main rules checked; 'up to 2 cm' against 'below 2 cm' is not"

    kind: Literal["bclc"] = "bclc"
    diameter: str = "diameter"
    tumours: str = "tumours"
    performance: str = "performance_status"
    """ECOG, 0 to 4."""
    child_pugh: str = "child_pugh"
    """Points, 5 to 15."""
    invasion: str = "macrovascular_invasion"
    spread: str = "extrahepatic_spread"
    single_over_5cm: Literal["A", "AB", "B"] = "A"
    """Stage of one tumour above 5 cm; studies before 2022 print AB or B."""
    ps1_is_advanced: bool = True
    """BCLC puts ECOG 1 into C; some studies count it as 0."""


@score(BclcParams)
def bclc(x: Inputs, params: BclcParams) -> Float[np.ndarray, " case"]:
    """0, A = 1, AB = 1.5, B = 2, C = 3, D = 4 (:data:`BCLC_STAGES`).

    >>> x = {"diameter": np.array([2.0, 7.0, 3.1]), "tumours": np.array([1, 1, 2])}
    >>> x |= {"performance": np.zeros(3), "child_pugh": np.full(3, 5), "invasion": 0, "spread": 0}
    >>> [BCLC_STAGES[stage] for stage in bclc(x, BclcParams())]
    ['0', 'A', 'B']
    """
    size, count = np.asarray(x["diameter"]), np.asarray(x["tumours"])
    performance = np.asarray(x["performance"])
    large = {"A": 1.0, "AB": 1.5, "B": 2.0}[params.single_over_5cm]
    single = np.where(size <= 2, 0.0, np.where(size > 5, large, 1.0))
    stage = np.where(count == 1, single, np.where((count <= 3) & (size <= 3), 1.0, 2.0))
    impaired = performance >= (1 if params.ps1_is_advanced else 2)
    stage = np.where((x["invasion"] == 1) | (x["spread"] == 1) | impaired, 3.0, stage)
    value: Float[np.ndarray, " case"] = np.where(
        (performance >= 3) | (np.asarray(x["child_pugh"]) >= 10), 4.0, stage
    )
    return value


class CnlcParams(ScoreParams):
    """CNLC, the Chinese staging."""

    label: ClassVar[str] = "CNLC"
    source: ClassVar[str] = "Guidelines 2019: Zhou 2020, Liver Cancer 9:682"
    verified: ClassVar[str] = "Ia and Ib read in secondary sources, IIa to IV from memory"

    kind: Literal["cnlc"] = "cnlc"
    diameter: str = "diameter"
    tumours: str = "tumours"
    performance: str = "performance_status"
    """ECOG, 0 to 4."""
    child_pugh: str = "child_pugh"
    """Points, 5 to 15."""
    invasion: str = "macrovascular_invasion"
    spread: str = "extrahepatic_spread"


@score(CnlcParams)
def cnlc(x: Inputs, params: CnlcParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """Ia = 0 to IV = 6 (:data:`CNLC_STAGES`).

    >>> x = {"diameter": np.array([5.0, 5.1, 3.1]), "tumours": np.array([1, 1, 2])}
    >>> x |= {"performance": np.zeros(3), "child_pugh": np.full(3, 5), "invasion": 0, "spread": 0}
    >>> [CNLC_STAGES[int(stage)] for stage in cnlc(x, CnlcParams())]
    ['Ia', 'Ib', 'IIa']
    """
    size, count = np.asarray(x["diameter"]), np.asarray(x["tumours"])
    single = np.where(size <= 5, 0.0, 1.0)
    several = np.where(count >= 4, 3.0, np.where(size <= 3, 1.0, 2.0))
    stage = np.where(count == 1, single, several)
    stage = np.where(x["invasion"] == 1, 4.0, stage)
    stage = np.where(x["spread"] == 1, 5.0, stage)
    failing = (np.asarray(x["performance"]) >= 3) | (np.asarray(x["child_pugh"]) >= 10)
    value: Float[np.ndarray, " case"] = np.where(failing, 6.0, stage)
    return value


class TnmParams(ScoreParams):
    """TNM, 8th edition, of hepatocellular carcinoma."""

    label: ClassVar[str] = "TNM 8"
    source: ClassVar[str] = "AJCC Cancer Staging Manual, 8th edition"

    kind: Literal["tnm-8"] = "tnm-8"
    diameter: str = "diameter"
    tumours: str = "tumours"
    invasion: str = "vascular_invasion"
    """Any vascular invasion."""
    major: str = "major_branch_or_organ"
    """T4: major branch, adjacent organ but gallbladder, or perforated peritoneum."""
    nodes: str = "lymph_nodes"
    """N1."""
    spread: str = "metastasis"
    """M1."""


@score(TnmParams)
def tnm(x: Inputs, params: TnmParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """IA = 0 to IVB = 6 (:data:`TNM_STAGES`).

    >>> x = {"diameter": np.array([2.0, 2.1, 5.1]), "tumours": np.array([1, 1, 2])}
    >>> x |= {"invasion": np.array([1, 1, 0]), "major": 0, "nodes": 0, "spread": 0}
    >>> [TNM_STAGES[int(stage)] for stage in tnm(x, TnmParams())]
    ['IA', 'II', 'IIIA']
    """
    size, count = np.asarray(x["diameter"]), np.asarray(x["tumours"])
    single = np.where(size <= 2, 0.0, np.where(x["invasion"] == 1, 2.0, 1.0))
    stage = np.where(count == 1, single, np.where(size > 5, 3.0, 2.0))
    stage = np.where(x["major"] == 1, 4.0, stage)
    stage = np.where(x["nodes"] == 1, 5.0, stage)
    value: Float[np.ndarray, " case"] = np.where(x["spread"] == 1, 6.0, stage)
    return value
