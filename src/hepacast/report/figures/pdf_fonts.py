# SPDX-License-Identifier: Apache-2.0
"""Fonts of PDF figures, cut out once for many figures.

Of every font matplotlib puts only the glyphs into a PDF that the figure shows.  One cut takes
0.2 s, a figure has two fonts and a report a hundred figures: two thirds of the time of their PDF.
Here the glyphs of the usual signs are cut out together, so that nearly all figures share two cuts.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from matplotlib.backends import _backend_pdf_ps
from matplotlib.font_manager import get_font

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

_FONTS: Any = _backend_pdf_ps
"""Where matplotlib's PDF takes its fonts from; this is not among what it promises to keep."""
_CUT = _FONTS.get_glyphs_subset
_LETTERS = "".join(map(chr, range(0x20, 0x7F)))
_SIGNS = "–…−≤≥Δ"
_JOINED = "\ufb00\ufb01\ufb02\ufb03\ufb04"
"""Shapes that stand for ff, fi, fl, ffi and ffl."""
_LAYOUT = ("GDEF", "GPOS", "GSUB")
"""Tables for laying text out; in a PDF every glyph has its place already."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """A font of few glyphs, as matplotlib asks for it.

    Parameters
    ----------
    data : bytes
        The font's file.
    glyph_index_map : dict of int to int
        Places of the glyphs in the whole font and in this one.
    """

    data: bytes
    glyph_index_map: dict[int, int]

    @property
    def font(self) -> _Cut:
        """Itself: the only thing done with it is to save it."""
        return self

    def save(self, file: BinaryIO, **_options: object) -> None:
        """Write the font's file."""
        file.write(self.data)


@contextlib.contextmanager
def shared_fonts() -> Iterator[None]:
    """Write PDF inside with fonts that were cut out before, where there are such."""
    # Before matplotlib 3.11 fonts are asked for by characters and not by glyphs.
    if hasattr(_FONTS, "SubsetResults"):
        _FONTS.get_glyphs_subset = _shared
    try:
        yield
    finally:
        _FONTS.get_glyphs_subset = _CUT


@contextlib.contextmanager
def _shared(place: Any, glyphs: Iterable[int]) -> Iterator[_Cut]:  # noqa: ANN401 - matplotlib's
    """Give a font with at least these glyphs."""
    wanted = frozenset(glyphs)
    # matplotlib asks for letters and for rarer signs apart.
    yield _cut_out(place, wanted.union(*(one for one in _usual(place) if one & wanted)))


@lru_cache(maxsize=32)
def _cut_out(place: object, glyphs: frozenset[int]) -> _Cut:
    """Cut glyphs out of a font."""
    with _CUT(place, set(glyphs)) as found:
        for table in _LAYOUT:
            if table in found.font:
                del found.font[table]
        return _Cut(_FONTS.font_as_file(found.font).getvalue(), dict(found.glyph_index_map))


@lru_cache(maxsize=32)
def _usual(place: Any) -> tuple[frozenset[int], ...]:  # noqa: ANN401 - matplotlib's
    """Find the glyphs of usual letters and of usual signs in the first font.

    What another font is asked for is what the first one lacks, and hardly twice the same.
    """
    if "DejaVuSans" not in str(place):
        return ()
    font = get_font(place)
    groups = (_LETTERS, _SIGNS + _JOINED)
    found = (frozenset(font.get_char_index(ord(sign)) for sign in group) for group in groups)
    return tuple(glyphs - {0} for glyphs in found)
