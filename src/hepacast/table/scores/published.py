# SPDX-License-Identifier: Apache-2.0
"""Models that papers print with their coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from hepacast.core.errors import StudyError
from hepacast.table.scores.score import Inputs, ScoreParams, score

if TYPE_CHECKING:
    from jaxtyping import Float


class ModelCsParams(ScoreParams):
    """Model CS of aggressive progression after resection or TACE."""

    label: ClassVar[str] = "Model CS"
    source: ClassVar[str] = "Fu 2021, Results and Figure 5"

    kind: Literal["model-cs"] = "model-cs"
    diameter: str = "diameter"
    cirrhosis: str = "cirrhosis"
    fusion: str = "fusion_lesion"
    capsule: str = "capsule"
    """0 absent, 1 not intact, 2 intact: a factor, its codes are never multiplied."""
    nodule_in_nodule: str = "nodule_in_nodule"


@score(ModelCsParams)
def model_cs(x: Inputs, params: ModelCsParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """Return log odds; the diameter counts in mm there, in cm here.

    >>> x = {"diameter": 6.065, "cirrhosis": 1, "fusion": 0, "capsule": 2, "nodule_in_nodule": 0}
    >>> round(float(model_cs(x, ModelCsParams())), 5)
    -2.13205
    """
    capsule = np.asarray(x["capsule"])
    odds = -1.6705 + 0.009 * 10 * np.asarray(x["diameter"]) + 0.7009 * x["cirrhosis"]
    odds = odds + 0.5365 * x["fusion"] - 0.4967 * (capsule == 1) - 1.7083 * (capsule == 2)
    value: Float[np.ndarray, " case"] = odds + 0.6375 * x["nodule_in_nodule"]
    return value


class DsfrCoxParams(ScoreParams):
    """Cox nomogram of recurrence-free survival with the DSFR score."""

    label: ClassVar[str] = "DSFR Cox"
    source: ClassVar[str] = "Wang 2022, Table 3"
    verified: ClassVar[str] = "coefficients checked; no baseline survival is printed: ranks only"

    kind: Literal["dsfr-cox"] = "dsfr-cox"
    score: str = "DSFR"
    hbsag: str = "HBsAg"
    afp: str = "AFP"
    ggt: str = "GGT"


@score(DsfrCoxParams)
def dsfr_cox(x: Inputs, params: DsfrCoxParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """Return the log hazard ratio; AFP counts from 400 ug/L on.

    >>> float(dsfr_cox({"score": 0.6, "hbsag": 1, "afp": 20.0, "ggt": 60}, DsfrCoxParams()))
    2.845
    """
    high = np.asarray(x["afp"]) >= 400
    value: Float[np.ndarray, " case"] = (
        1.985 * np.asarray(x["score"]) + 1.294 * x["hbsag"] + 0.858 * high + 0.006 * x["ggt"]
    )
    return value


class EraslPreParams(ScoreParams):
    """ERASL-pre, early recurrence after resection; off unless asked for twice."""

    label: ClassVar[str] = "ERASL-pre"
    source: ClassVar[str] = "Chan 2018, J Hepatol 69:1284"
    verified: ClassVar[str] = "NOT VERIFIED: only the five predictors are sure, no coefficient is"

    kind: Literal["erasl-pre"] = "erasl-pre"
    male: str = "male"
    albi_grade: str = "albi_grade_2_or_3"
    """1 for ALBI grade 2 or 3, 0 for grade 1."""
    afp: str = "AFP"
    diameter: str = "diameter"
    tumours: str = "tumours"
    use_unverified_coefficients: bool = False
    """Nobody has compared the coefficients below with the paper; True takes them as they are."""
    weights: tuple[float, float, float, float, float] = (0.818, 0.447, 0.100, 0.580, 0.492)
    """Of male sex, ALBI grade, ln AFP, ln size (cm) and number (0 one, 1 two or three, 2 more)."""


@score(EraslPreParams)
def erasl_pre(x: Inputs, params: EraslPreParams) -> Float[np.ndarray, " case"]:
    """Weigh the five predictors, if the user takes the responsibility.

    >>> x = {"male": 1, "albi_grade": 0, "afp": 20.0, "diameter": 3.0, "tumours": 1}
    >>> round(float(erasl_pre(x, EraslPreParams(use_unverified_coefficients=True))), 4)
    1.7548
    """
    if not params.use_unverified_coefficients:
        raise StudyError(
            what="the coefficients of ERASL-pre have not been compared with the paper",
            got="use_unverified_coefficients: false",
            fix="Read Chan 2018, set weights, and say use_unverified_coefficients: true.",
        )
    count = np.asarray(x["tumours"])
    number = np.where(count <= 1, 0, np.where(count <= 3, 1, 2))
    # AFP below the limit of detection is entered as 0 by some; its logarithm is not.
    afp = np.log(np.maximum(x["afp"], 1.0))
    parts = (x["male"], x["albi_grade"], afp, np.log(x["diameter"]), number)
    value: Float[np.ndarray, " case"] = np.sum(
        [weight * np.asarray(part) for weight, part in zip(params.weights, parts, strict=True)],
        axis=0,
    )
    return value
