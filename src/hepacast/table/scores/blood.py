# SPDX-License-Identifier: Apache-2.0
"""Scores from blood counts and enzymes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from hepacast.table.scores.score import Inputs, ScoreParams, score

if TYPE_CHECKING:
    from jaxtyping import Float


class Fib4Params(ScoreParams):
    """FIB-4, fibrosis from age, enzymes and platelets."""

    label: ClassVar[str] = "FIB-4"
    source: ClassVar[str] = "Sterling 2006, Hepatology 43:1317"

    kind: Literal["fib-4"] = "fib-4"
    age: str = "age"
    ast: str = "AST"
    alt: str = "ALT"
    platelets: str = "platelets"


@score(Fib4Params)
def fib4(x: Inputs, params: Fib4Params) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """Age times AST over platelets and the root of ALT.

    >>> round(float(fib4({"age": 53, "ast": 51, "alt": 49, "platelets": 150}, Fib4Params())), 4)
    2.5743
    """
    value: Float[np.ndarray, " case"] = x["age"] * x["ast"] / (x["platelets"] * np.sqrt(x["alt"]))
    return value


class ApriParams(ScoreParams):
    """APRI, AST to platelets."""

    label: ClassVar[str] = "APRI"
    source: ClassVar[str] = "Wai 2003, Hepatology 38:518"
    verified: ClassVar[str] = "formula from memory of the field, not read in the original"

    kind: Literal["apri"] = "apri"
    ast: str = "AST"
    platelets: str = "platelets"
    upper_limit: float = Field(default=40.0, gt=0)
    """Upper limit of normal of AST in the laboratory, U/L."""


@score(ApriParams)
def apri(x: Inputs, params: ApriParams) -> Float[np.ndarray, " case"]:
    """AST as a multiple of its upper limit, over platelets, times 100.

    >>> float(apri({"ast": 80.0, "platelets": 100.0}, ApriParams()))
    2.0
    """
    value: Float[np.ndarray, " case"] = x["ast"] / params.upper_limit / x["platelets"] * 100
    return value


class NlrParams(ScoreParams):
    """Neutrophils to lymphocytes."""

    label: ClassVar[str] = "NLR"
    source: ClassVar[str] = "ratio as defined in the studies that use it"

    kind: Literal["nlr"] = "nlr"
    neutrophils: str = "neutrophils"
    lymphocytes: str = "lymphocytes"


@score(NlrParams)
def nlr(x: Inputs, params: NlrParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """Neutrophils over lymphocytes.

    >>> float(nlr({"neutrophils": 4.0, "lymphocytes": 1.6}, NlrParams()))
    2.5
    """
    value: Float[np.ndarray, " case"] = x["neutrophils"] / x["lymphocytes"]
    return value


class PlrParams(ScoreParams):
    """Platelets to lymphocytes."""

    label: ClassVar[str] = "PLR"
    source: ClassVar[str] = "ratio as defined in the studies that use it"

    kind: Literal["plr"] = "plr"
    platelets: str = "platelets"
    lymphocytes: str = "lymphocytes"


@score(PlrParams)
def plr(x: Inputs, params: PlrParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """Platelets over lymphocytes.

    >>> float(plr({"platelets": 160.0, "lymphocytes": 1.6}, PlrParams()))
    100.0
    """
    value: Float[np.ndarray, " case"] = x["platelets"] / x["lymphocytes"]
    return value


class LmrParams(ScoreParams):
    """Lymphocytes to monocytes."""

    label: ClassVar[str] = "LMR"
    source: ClassVar[str] = "ratio as defined in the studies that use it"
    higher_is_worse: ClassVar[bool] = False

    kind: Literal["lmr"] = "lmr"
    lymphocytes: str = "lymphocytes"
    monocytes: str = "monocytes"


@score(LmrParams)
def lmr(x: Inputs, params: LmrParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """Lymphocytes over monocytes.

    >>> float(lmr({"lymphocytes": 1.6, "monocytes": 0.4}, LmrParams()))
    4.0
    """
    value: Float[np.ndarray, " case"] = x["lymphocytes"] / x["monocytes"]
    return value


class SiiParams(ScoreParams):
    """Systemic immune-inflammation index."""

    label: ClassVar[str] = "SII"
    source: ClassVar[str] = "Hu 2014, Clin Cancer Res 20:6212"
    verified: ClassVar[str] = "formula from memory of the field, not read in the original"

    kind: Literal["sii"] = "sii"
    platelets: str = "platelets"
    neutrophils: str = "neutrophils"
    lymphocytes: str = "lymphocytes"


@score(SiiParams)
def sii(x: Inputs, params: SiiParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """Platelets times neutrophils over lymphocytes.

    >>> float(sii({"platelets": 160.0, "neutrophils": 4.0, "lymphocytes": 1.6}, SiiParams()))
    400.0
    """
    value: Float[np.ndarray, " case"] = x["platelets"] * x["neutrophils"] / x["lymphocytes"]
    return value


class PniParams(ScoreParams):
    """Prognostic nutritional index."""

    label: ClassVar[str] = "PNI"
    source: ClassVar[str] = "Onodera 1984"
    verified: ClassVar[str] = "formula from memory of the field, not read in the original"
    higher_is_worse: ClassVar[bool] = False

    kind: Literal["pni"] = "pni"
    albumin: str = "albumin"
    lymphocytes: str = "lymphocytes"


@score(PniParams)
def pni(x: Inputs, params: PniParams) -> Float[np.ndarray, " case"]:  # noqa: ARG001
    """Albumin (g/L) plus five times the lymphocytes (10^9/L).

    >>> float(pni({"albumin": 40.0, "lymphocytes": 1.6}, PniParams()))
    48.0
    """
    value: Float[np.ndarray, " case"] = x["albumin"] + 5 * x["lymphocytes"]
    return value
