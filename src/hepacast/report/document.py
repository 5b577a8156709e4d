# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML file that opens offline, for years, without a server."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from hepacast.report.blocks import Figures, Heading, Section, Table
from hepacast.report.figures.hover import hover_json
from hepacast.report.figures.svg import inline_svg, raw_svg
from hepacast.report.sections.checklists import checklists
from hepacast.report.sections.clinical_use import clinical_use
from hepacast.report.sections.outcome import outcome_section
from hepacast.report.sections.patients import patients, pictures
from hepacast.report.sections.protocol import certificate
from hepacast.report.sections.summary import summary
from hepacast.report.sections.trust import methods, precision, provenance, trouble
from hepacast.report.wording import column_label, digits, moment, slug, with_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hepacast.report.blocks import Block
    from hepacast.report.content import Reference, ReportContent
    from hepacast.report.figures.style import Drawing
    from hepacast.report.sheets import Sheet

_BREAKS = re.compile(r"[/_.,;:)>=-](?=\w)|\w{16}(?=\w{4})")
_CITATION = re.compile(r"\[@([^\]\s]+)\]")


@dataclass(frozen=True, eq=False)
class Document:
    """A report whose figures are drawn and whose tables are made, but not yet printed.

    Parameters
    ----------
    content : ReportContent
        What it was made from.
    sections : tuple of Section
        In reading order.
    title : str
        Headline.
    """

    content: ReportContent
    sections: tuple[Section, ...]
    title: str

    @property
    def blocks(self) -> Iterator[Block]:
        """All blocks in reading order, those inside others too."""
        for section in self.sections:
            yield from section.every_block()

    @cached_property
    def drawings(self) -> dict[str, Drawing]:
        """Figures by file name, numbered in reading order."""
        found = [
            one for block in self.blocks if isinstance(block, Figures) for one in block.drawings
        ]
        return {f"figure-{at:02d}-{slug(one.name)}": one for at, one in enumerate(found, 1)}

    @cached_property
    def sheets(self) -> dict[str, Sheet]:
        """Tables by file name, numbered in reading order."""
        found = [block.sheet for block in self.blocks if isinstance(block, Table)]
        return {f"table-{at:02d}-{slug(one.name)}": one for at, one in enumerate(found, 1)}

    @cached_property
    def svgs(self) -> dict[str, str]:
        """Figures as SVG files, by file name."""
        return {name: raw_svg(one) for name, one in self.drawings.items()}


def compose(content: ReportContent) -> Document:
    """Draw all figures and make all tables of a report.

    Parameters
    ----------
    content : ReportContent
        What a run found.
    """
    parts = (
        summary(content),
        patients(content),
        *(outcome_section(one) for one in content.outcomes),
        clinical_use(content),
        precision(content),
        certificate(content),
        pictures(content),
        trouble(content),
        methods(content),
        checklists(content),
        provenance(content),
    )
    title = content.study.title or content.study.name
    return Document(content, tuple(one for one in parts if one is not None), title)


def render_html(content: ReportContent) -> str:
    """Print a report as one HTML file.

    Parameters
    ----------
    content : ReportContent
        What a run found.

    Returns
    -------
    str
        A page without references to other files or hosts.  Its content security policy
        allows its own style and script by their digests, pictures as data, and nothing else.
        Equal content gives equal text.

    Examples
    --------
    >>> from hepacast.report.content import ReportContent, Study
    >>> page = render_html(ReportContent(study=Study(name="ablation <i>", seed=7)))
    >>> "ablation &lt;i&gt;" in page, "<i>" in page
    (True, False)
    """
    return print_html(compose(content))


def print_html(document: Document) -> str:
    """Print a composed report as one HTML file; see :func:`render_html`."""
    content = document.content
    style, script = (
        _asset("report.css"),
        _asset("report.js") + _asset("hover.js") + _asset("calculator.js"),
    )
    environment = Environment(
        loader=PackageLoader("hepacast.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    works = cited(content)
    environment.filters.update(_filters(document, works))
    return environment.get_template("report.html.j2").render(
        content=content,
        title=document.title,
        sections=document.sections,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=policy(style, script),
        works=works,
        headings={one.anchor: _headings(one) for one in document.sections},
    )


def _filters(document: Document, works: tuple[Reference, ...]) -> dict[str, Callable[..., object]]:
    """Make what the templates ask of a figure, a table or a text."""
    numbers = {id(one): at for at, one in enumerate(document.drawings.values(), 1)}
    tables = {id(one): at for at, one in enumerate(document.sheets.values(), 1)}
    raw = {id(one): document.svgs[name] for name, one in document.drawings.items()}

    def svg(drawing: Drawing) -> Markup:
        prefix = f"f{numbers[id(drawing)]}"
        return Markup(inline_svg(drawing, prefix, raw[id(drawing)]))  # noqa: S704 - escaped there

    return {
        "svg": svg,
        "hover": lambda drawing: Markup(hover_json(drawing.figure, drawing.hovers)),  # noqa: S704
        "data": lambda shown: Markup(shown.model_dump_json().replace("<", "\\u003c")),  # noqa: S704
        "column_label": column_label,
        "with_unit": with_unit,
        "digits": digits,
        "figure_number": lambda drawing: numbers[id(drawing)],
        "table_number": lambda sheet: tables[id(sheet)],
        "kind": lambda block: type(block).__name__.lower(),
        "soft": soft,
        "moment": moment,
        "cite": lambda text: _cite(text, works),
    }


def soft(text: str) -> Markup:
    """Let long words of a table break where a reader would break them.

    Examples
    --------
    >>> soft("portal/tumour/original/glcm & <b>")
    Markup('portal/<wbr>tumour/<wbr>original/<wbr>glcm &amp; &lt;b&gt;')
    """
    words = text.replace("\0", "\N{REPLACEMENT CHARACTER}").split(" ")
    words = [_BREAKS.sub(r"\g<0>\0", word) if len(word) > 14 else word for word in words]
    # NUL marks the places until the text is escaped; no text holds one after that.
    return Markup(str(escape(" ".join(words))).replace("\0", "<wbr>"))  # noqa: S704


def policy(style: str, script: str) -> str:
    """Word the content security policy of a page with one style and one script."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; "
        f"script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    """Digest an inline element as a policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _asset(name: str) -> str:
    """Read one of the files that travel with the package."""
    return (resources.files("hepacast.report") / "templates" / name).read_text(encoding="utf-8")


def _headings(section: Section) -> list[Heading]:
    """List the headings inside a section, for the navigation."""
    return [block for block in section.blocks if isinstance(block, Heading)]


def cited(content: ReportContent) -> tuple[Reference, ...]:
    """Order the works by their first citation; those never cited come last."""
    keys = [key for one in content.methods for key in _CITATION.findall(one.text)]
    order = {key: at for at, key in reversed(list(enumerate(keys)))}
    return tuple(sorted(content.references, key=lambda one: order.get(one.key, len(keys))))


def _cite(text: str, works: tuple[Reference, ...]) -> Markup:
    """Turn ``[@key]`` into a numbered link; an unknown key stays as it is."""
    number = {one.key: at for at, one in enumerate(works, 1)}

    def link(match: re.Match[str]) -> str:
        at = number.get(match[1])
        return f'<a class="cite" href="#work-{at}">[{at}]</a>' if at else match[0]

    # The key is matched after escaping, so nothing of the text reaches the page unescaped.
    return Markup(_CITATION.sub(link, str(escape(text))))  # noqa: S704
