# SPDX-License-Identifier: Apache-2.0
"""Figures of the examples, as pictures of their pages."""

from __future__ import annotations

from typing import Any

from sphinx_gallery.scrapers import figure_rst

from hepacast.report.figures.style import Drawing, styled


def drawn(_block: object, found: dict[str, Any], settings: dict[str, Any]) -> str:
    """Keep the figure that a block of an example ends with, once."""
    last = found["example_globals"].get("___")
    if not isinstance(last, Drawing) or last is found.get("drawn"):
        return ""
    found["drawn"] = last
    place = next(found["image_path_iterator"])
    with styled():
        last.figure.savefig(place, dpi=200)
    return str(figure_rst([place], settings["src_dir"], last.caption))
