# SPDX-License-Identifier: Apache-2.0
"""Scores of liver function."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from hepacast.table.scores.score import Inputs, ScoreParams, score

if TYPE_CHECKING:
    from jaxtyping import Float

MG_DL_PER_UMOL_L = 1 / 17.1
"""Bilirubin."""


class AlbiParams(ScoreParams):
    """ALBI, albumin and bilirubin."""

    label: ClassVar[str] = "ALBI"
    source: ClassVar[str] = "Johnson 2015, J Clin Oncol 33:550"

    kind: Literal["albi"] = "albi"
    bilirubin: str = "bilirubin"
    albumin: str = "albumin"


@score(AlbiParams)
def albi(x: Inputs, params: AlbiParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """Return 0.66 log10(bilirubin in umol/L) - 0.085 albumin in g/L.

    >>> round(float(albi({"bilirubin": 10.0, "albumin": 44.0}, AlbiParams())), 2)
    -3.08
    """
    value: Float[np.ndarray, " case"] = 0.66 * np.log10(x["bilirubin"]) - 0.085 * x["albumin"]
    return value


class AlbiGradeParams(ScoreParams):
    """ALBI grade, or the modified grade that divides grade 2."""

    label: ClassVar[str] = "ALBI grade"
    source: ClassVar[str] = "Johnson 2015, J Clin Oncol 33:550; modified: Hiraoka 2017"
    verified: ClassVar[str] = "grades checked; the cut -2.27 of the modified grade is from memory"

    kind: Literal["albi-grade"] = "albi-grade"
    bilirubin: str = "bilirubin"
    albumin: str = "albumin"
    modified: bool = False
    """Give grade 2a as 2 and 2b as 2.5."""


@score(AlbiGradeParams)
def albi_grade(x: Inputs, params: AlbiGradeParams) -> Float[np.ndarray, " case"]:
    """Grade 1 to -2.60, 2 to -1.39, 3 above; 2a to -2.27.

    >>> x = {"bilirubin": np.array([10.0, 17.1, 80.0]), "albumin": np.array([44.0, 40.0, 25.0])}
    >>> albi_grade(x, AlbiGradeParams()).tolist()
    [1.0, 2.0, 3.0]
    """
    value = np.asarray(albi(x, AlbiParams()))
    grade = 1.0 + (value > -2.60) + (value > -1.39)
    if params.modified:
        grade = grade + 0.5 * ((value > -2.27) & (value <= -1.39))
    return grade


class ChildPughParams(ScoreParams):
    """Child-Pugh points."""

    label: ClassVar[str] = "Child-Pugh"
    source: ClassVar[str] = "Pugh 1973, Br J Surg 60:646"

    kind: Literal["child-pugh"] = "child-pugh"
    bilirubin: str = "bilirubin"
    albumin: str = "albumin"
    inr: str = "INR"
    ascites: str = "ascites"
    """1 none, 2 mild, 3 moderate or severe."""
    encephalopathy: str = "encephalopathy"
    """1 none, 2 grade I-II, 3 grade III-IV."""


@score(ChildPughParams)
def child_pugh(x: Inputs, params: ChildPughParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """Five items of 1 to 3 points; the limits belong to the middle class.

    >>> x = {"bilirubin": 34.2, "albumin": 35.0, "inr": 1.7, "ascites": 2, "encephalopathy": 1}
    >>> float(child_pugh(x, ChildPughParams()))
    9.0
    """
    # Limits in mg/dL, as printed; a rounded conversion must not move a case across them.
    bilirubin = np.round(np.asarray(x["bilirubin"]) * MG_DL_PER_UMOL_L, 6)
    albumin, inr = np.asarray(x["albumin"]), np.asarray(x["inr"])
    points = 3.0 + (bilirubin >= 2) + (bilirubin > 3)
    points = points + (albumin <= 35) + (albumin < 28) + (inr >= 1.7) + (inr > 2.3)
    value: Float[np.ndarray, " case"] = points + x["ascites"] + x["encephalopathy"]
    return value


def child_pugh_class(points: float) -> str:
    """Return A (5-6), B (7-9) or C (10-15).

    >>> [child_pugh_class(points) for points in (5, 9, 15)]
    ['A', 'B', 'C']
    """
    return "A" if points < 7 else "B" if points < 10 else "C"


class MeldParams(ScoreParams):
    """MELD."""

    label: ClassVar[str] = "MELD"
    source: ClassVar[str] = "Kamath 2001, Hepatology 33:464; UNOS"

    kind: Literal["meld"] = "meld"
    creatinine: str = "creatinine"
    bilirubin: str = "bilirubin"
    inr: str = "INR"


@score(MeldParams)
def meld(x: Inputs, params: MeldParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """Round to 6..40; each value at least 1, creatinine at most 4 (dialysis: enter 4).

    >>> float(meld({"bilirubin": 2.5 * 17.1, "creatinine": 1.4, "inr": 1.6}, MeldParams()))
    18.0
    """
    bilirubin = np.maximum(np.asarray(x["bilirubin"]) * MG_DL_PER_UMOL_L, 1.0)
    creatinine = np.clip(x["creatinine"], 1.0, 4.0)
    inr = np.maximum(x["inr"], 1.0)
    raw = 0.957 * np.log(creatinine) + 0.378 * np.log(bilirubin) + 1.120 * np.log(inr) + 0.643
    value: Float[np.ndarray, " case"] = np.clip(np.floor(10 * raw + 0.5), 6, 40)
    return value


class MeldNaParams(ScoreParams):
    """MELD-Na of 2016."""

    label: ClassVar[str] = "MELD-Na"
    source: ClassVar[str] = "UNOS policy 2016"

    kind: Literal["meld-na"] = "meld-na"
    creatinine: str = "creatinine"
    bilirubin: str = "bilirubin"
    inr: str = "INR"
    sodium: str = "sodium"


@score(MeldNaParams)
def meld_na(x: Inputs, params: MeldNaParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """Add the sodium term where MELD is above 11; sodium counts within 125..137.

    >>> x = {"bilirubin": 42.75, "creatinine": 1.4, "inr": 1.6, "sodium": 137.0}
    >>> float(meld_na(x, MeldNaParams()))
    18.0
    """
    return with_sodium(meld(x, MeldParams()), np.asarray(x["sodium"]))


def with_sodium(
    points: Float[np.ndarray, " case"], sodium: Float[np.ndarray, " case"]
) -> Float[np.ndarray, " case"]:
    """Turn MELD into MELD-Na.

    >>> float(with_sodium(np.array(20.0), np.array(128.0)))
    26.0
    """
    lack = 137 - np.clip(sodium, 125, 137)
    more = np.floor(points + 1.32 * lack - 0.033 * points * lack + 0.5)
    value: Float[np.ndarray, " case"] = np.where(points > 11, np.clip(more, 6, 40), points)
    return value


class Meld3Params(ScoreParams):
    """MELD 3.0."""

    label: ClassVar[str] = "MELD 3.0"
    source: ClassVar[str] = "Kim 2021, Gastroenterology 161:1887"

    kind: Literal["meld-3"] = "meld-3"
    creatinine: str = "creatinine"
    bilirubin: str = "bilirubin"
    inr: str = "INR"
    sodium: str = "sodium"
    albumin: str = "albumin"
    female: str = "female"
    """1 for women, 0 for men."""


@score(Meld3Params)
def meld3(x: Inputs, params: Meld3Params) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """Round to 6..40; creatinine within 1..3, albumin 1.5..3.5 g/dL, sodium 125..137.

    >>> x = {"bilirubin": 42.75, "creatinine": 1.4, "inr": 1.6, "sodium": 130, "albumin": 29}
    >>> float(meld3({**x, "female": 1}, Meld3Params()))
    24.0
    """
    bilirubin = np.log(np.maximum(np.asarray(x["bilirubin"]) * MG_DL_PER_UMOL_L, 1.0))
    creatinine = np.log(np.clip(x["creatinine"], 1.0, 3.0))
    inr = np.log(np.maximum(x["inr"], 1.0))
    lack = 137 - np.clip(x["sodium"], 125, 137)
    low = 3.5 - np.clip(np.asarray(x["albumin"]) / 10, 1.5, 3.5)
    raw = 1.33 * x["female"] + 4.56 * bilirubin + 0.82 * lack - 0.24 * lack * bilirubin
    raw = raw + 9.09 * inr + 11.14 * creatinine + 1.85 * low - 1.83 * low * creatinine + 6
    value: Float[np.ndarray, " case"] = np.clip(np.floor(raw + 0.5), 6, 40)
    return value
