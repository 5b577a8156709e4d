# SPDX-License-Identifier: Apache-2.0
"""What a predictor says about one case."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Result:
    """What a predictor says about one case.

    Parameters
    ----------
    case : str
        Case id.
    predictor, digest, model, outcome : str
        Who says it, about what.
    at_days : float or None
        Horizon of the probability.
    score, probability : float
        Centred score, higher is worse; probability of the event (by the horizon).
    high : bool
        Score above the cut that was learned from the training patients.
    outside : tuple of str
        Columns outside the range of the training patients.
    notices : tuple of (str, str)
        What was repaired, recognised or flagged.
    volumes_ml : mapping of "phase/region" to float
        Volume of every region measured.
    features : mapping of str to float
        Columns that the model asked for.
    saliency : mapping of str to str
        Where its networks looked: caption of every map, by its files without suffix.
    no_saliency : str
        Why there is no map; empty where there is one.
    research_only : bool
        Always true: nothing here is a medical device.
    """

    case: str
    predictor: str
    digest: str
    model: str
    outcome: str
    at_days: float | None
    score: float
    probability: float
    high: bool
    outside: tuple[str, ...]
    notices: tuple[tuple[str, str], ...]
    volumes_ml: dict[str, float]
    features: dict[str, float | None] = field(default_factory=dict)
    saliency: dict[str, str] = field(default_factory=dict)
    no_saliency: str = "not asked for"
    research_only: bool = True

    def to_json(self) -> str:
        """Write it; numbers keep every bit."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
