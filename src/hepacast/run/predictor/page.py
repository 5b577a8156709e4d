# SPDX-License-Identifier: Apache-2.0
"""A forecast as a page: what was said, on which outlines, and why to doubt it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.forecast_page import ForecastPage, Shot, print_forecast
from hepacast.run.cases.pictures import CAPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.run.predictor.result import Result

_MOST_FEATURES = 100


def render_forecast(result: Result, pictures: Mapping[str, bytes]) -> str:
    """Print the page of one case.

    Parameters
    ----------
    result : Result
        What the predictor says.
    pictures : mapping of name to bytes
        PNG.
    """
    when = "" if result.at_days is None else f" within {result.at_days:.0f} days"
    group = "high" if result.high else "low"
    captions = CAPTIONS | result.saliency
    order = sorted(pictures, key=lambda name: [*captions, name].index(name))
    page = ForecastPage(
        case=result.case,
        headline=f"{result.outcome}{when}: probability {result.probability:.1%}, {group} risk",
        facts=[
            ("Predictor", result.predictor),
            ("sha256", result.digest),
            ("Model", result.model),
            ("Score", f"{result.score:.6g} (higher is worse)"),
            ("Probability", f"{result.probability:.6g}"),
        ],
        outside=result.outside,
        pictures=[Shot(captions.get(name, name), pictures[name]) for name in order],
        volumes=list(result.volumes_ml.items()),
        features=list(result.features.items())[:_MOST_FEATURES],
        notices=_notices(result),
    )
    return print_forecast(page)


def _notices(result: Result) -> list[tuple[str, str]]:
    left = len(result.features) - _MOST_FEATURES
    more = [("features", f"{left} more are in result.json")] if left > 0 else []
    return [*result.notices, *more]
