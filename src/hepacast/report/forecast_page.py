# SPDX-License-Identifier: Apache-2.0
"""The page of one forecast: one file that opens offline, without scripts."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture on the page.

    Parameters
    ----------
    caption : str
        What it shows.
    png : bytes
        The picture.
    """

    caption: str
    png: bytes

    @property
    def data(self) -> str:
        """The bytes as text."""
        return base64.b64encode(self.png).decode("ascii")


@dataclass(frozen=True, slots=True)
class ForecastPage:
    """What the page says; every text may hold any character.

    Parameters
    ----------
    case : str
        Case id.
    headline : str
        The forecast in a sentence.
    facts : iterable of (str, str)
        Model, digest, score and so on.
    outside : iterable of str
        Features outside the range of the training patients.
    pictures : iterable of Shot
        Outlines and whatever else belongs to it.
    volumes : iterable of (str, float)
        Region and mL.
    features : iterable of (str, float or None)
        What the model weighed.
    notices : iterable of (str, str)
        Where, and what was repaired or recognised.
    """

    case: str
    headline: str
    facts: Iterable[tuple[str, str]] = ()
    outside: Iterable[str] = ()
    pictures: Iterable[Shot] = ()
    volumes: Iterable[tuple[str, float]] = ()
    features: Iterable[tuple[str, float | None]] = ()
    notices: Iterable[tuple[str, str]] = ()


def print_forecast(page: ForecastPage) -> str:
    """Print a forecast as HTML.

    Examples
    --------
    >>> text = print_forecast(ForecastPage("<b>7", "er: probability 0.250, low risk"))
    >>> "&lt;b&gt;7" in text, "<script" in text
    (True, False)
    """
    environment = Environment(
        loader=PackageLoader("hepacast.report"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("forecast.html.j2").render(page=page)
