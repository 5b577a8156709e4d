# SPDX-License-Identifier: Apache-2.0
"""Figures as SVG that a strict page accepts.

A page that forbids inline styles (and so every style a name might smuggle in) would
blank matplotlib's SVG, which carries a ``style`` on each element.  Here styles become
plain attributes, ids get the figure's own prefix because many figures share one page,
and title and description are added for those who listen.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from matplotlib.backends.backend_svg import FigureCanvasSVG

from hepacast.report.figures.style import at_dpi
from hepacast.report.wording import legal

if TYPE_CHECKING:
    from hepacast.report.figures.style import Drawing

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_HREF = f"{{{_XLINK}}}href"
_FONTS = "'DejaVu Sans', Verdana, 'Segoe UI', Arial, 'Noto Sans CJK SC', sans-serif"
_FONT = re.compile(r"^(?P<flags>.*?)(?P<size>[\d.]+)px (?P<family>.+)$")
_KEPT = {"fill", "stroke", "opacity", "display", "visibility", "clip-path", "mask"}


def _attributes(style: str) -> dict[str, str]:
    """Spell a ``style`` out as presentation attributes."""
    found: dict[str, str] = {}
    for part in filter(None, map(str.strip, style.split(";"))):
        name, _, value = (text.strip() for text in part.partition(":"))
        if name == "font":
            found |= _font(value)
        elif name in _KEPT or name.startswith(("stroke-", "fill-", "text-", "font-")):
            found[name] = value
    return found


def _font(value: str) -> dict[str, str]:
    """Split the short form of a font; its family is left to the root."""
    match = _FONT.match(value)
    if match is None:
        return {}
    found = {"font-size": match["size"]}
    for flag in match["flags"].split():
        found["font-style" if flag in {"italic", "oblique"} else "font-weight"] = flag
    return found


def _own_ids(root: ET.Element, prefix: str) -> None:
    """Put a prefix before every id that something refers to, and drop the others."""
    used = set()
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == _HREF and value.startswith("#"):
                used.add(value[1:])
            used.update(re.findall(r"url\(#([^)]+)\)", value))
    for element in root.iter():
        for name, value in list(element.attrib.items()):
            if name == "id":
                if value in used:
                    element.set("id", f"{prefix}-{value}")
                else:
                    del element.attrib["id"]
            elif name == _HREF:
                del element.attrib[_HREF]
                # Pixels of a map travel inside the page; everything else is a place in it.
                local = f"#{prefix}-{value[1:]}"
                element.set("href", local if value.startswith("#") else value)
            elif "url(#" in value:
                element.set(name, value.replace("url(#", f"url(#{prefix}-"))


def _clean(root: ET.Element) -> None:
    """Drop metadata and style sheets, and turn inline styles into attributes."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag in {f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"}:
                parent.remove(child)
    for element in root.iter():
        style = element.attrib.pop("style", "")
        for name, value in _attributes(style).items():
            element.attrib.setdefault(name, value)


def raw_svg(drawing: Drawing) -> str:
    """Write a drawing as matplotlib does, with text as text and no date in it."""
    file = io.StringIO()
    with at_dpi(drawing.figure, drawing.figure.dpi):
        canvas: Any = FigureCanvasSVG(drawing.figure)  # matplotlib leaves it without types
        canvas.print_svg(file, metadata={"Date": None, "Creator": None})
    # Laying out is most of the work; what follows in other formats keeps the places.
    drawing.figure.set_layout_engine("none")
    return legal(file.getvalue())


def inline_svg(drawing: Drawing, prefix: str, raw: str | None = None) -> str:
    """Write a drawing as an SVG element to be put into a page.

    Parameters
    ----------
    drawing : Drawing
        The figure.
    prefix : str
        Put before every id; unique within the page.
    raw : str, optional
        What :func:`raw_svg` wrote, if it is known already.

    Returns
    -------
    str
        An ``<svg>`` element without ``style``, scripts or references to other places,
        as wide as the page allows, with title and description.
    """
    root = ET.fromstring(raw or raw_svg(drawing))  # noqa: S314 - our own output
    _clean(root)
    _own_ids(root, prefix)
    width = float(root.attrib.pop("width").removesuffix("pt"))
    root.attrib.pop("height")
    root.attrib |= {
        "role": "img",
        "aria-labelledby": f"{prefix}-t {prefix}-d",
        "font-family": _FONTS,
        "stroke-linejoin": "round",
        "class": "wide" if width > 400 else "narrow",
    }
    title = ET.Element(f"{{{_SVG}}}title", {"id": f"{prefix}-t"})
    title.text = drawing.title
    description = ET.Element(f"{{{_SVG}}}desc", {"id": f"{prefix}-d"})
    description.text = drawing.caption
    root[:0] = [title, description]
    return _serialise(root)


def _serialise(root: ET.Element) -> str:
    """Write SVG elements without a prefix, as HTML wants them."""
    for element in root.iter():
        element.tag = element.tag.replace(f"{{{_SVG}}}", "")
    root.attrib.pop("version", None)
    return legal(ET.tostring(root, encoding="unicode"))
