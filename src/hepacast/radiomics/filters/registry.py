# SPDX-License-Identifier: Apache-2.0
"""What a filter is, and where filters are registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.registry import Registry

if TYPE_CHECKING:
    from jaxtyping import Float

    from hepacast.core.volume import Box, Volume
    from hepacast.radiomics.settings import Definitions, FilterParams, Texture


@dataclass(frozen=True, slots=True)
class Setting:
    """What a filter may have to know about the extraction that it is part of."""

    definitions: Definitions
    texture: Texture


Response = Callable[["Volume", "Box"], "Float[np.ndarray, 'k j i']"]
"""From an image and the box wanted of it to the response in that box.

The response in a box does not depend on the box: a filter looks at as much of
the image around it as its support (or its definition) asks for.
"""

Filter = Callable[["FilterParams", Setting], Mapping[str, Response]]
"""From settings to the response images they ask for, by the token that names them."""

FILTERS: Registry[Filter] = Registry("radiomics filters")


@dataclass(frozen=True, slots=True)
class FilterEntry:
    """One line of the catalogue of filters.

    Parameters
    ----------
    ibsi : str
        Permanent IBSI code; empty where IBSI has none.
    formula : str
        Response at intensity x, in words or symbols; ``**`` is convolution.
    unit : str
        ``"1"`` for a pure number; ``"image"`` is the unit of the intensities.
    source : str
        Where the definition comes from.
    """

    ibsi: str
    formula: str
    unit: str
    source: str


CATALOGUE: dict[str, FilterEntry] = {}
"""What every registered filter is, by kind."""


def registered(params: type[FilterParams], entry: FilterEntry) -> Callable[[Filter], Filter]:
    """Register a filter under its settings, and write its line of the catalogue."""

    def bind(made: Filter) -> Filter:
        CATALOGUE[str(params.model_fields["kind"].default)] = entry
        return FILTERS.register(params)(made)

    return bind


def widened(shape: tuple[int, ...], box: Box, margin: tuple[int, int, int]) -> tuple[Box, Box]:
    """Widen a box inside an image, and find the box again inside the wider one.

    >>> widened((9, 9, 9), (slice(0, 2), slice(4, 5), slice(7, 9)), (1, 1, 1))[0]
    (slice(0, 3, None), slice(3, 6, None), slice(6, 9, None))
    """
    wide, inner = [], []
    for n, part, more in zip(shape, box, margin, strict=True):
        start, stop = max(0, part.start - more), min(n, part.stop + more)
        wide.append(slice(start, stop))
        inner.append(slice(part.start - start, part.stop - start))
    return (wide[0], wide[1], wide[2]), (inner[0], inner[1], inner[2])
