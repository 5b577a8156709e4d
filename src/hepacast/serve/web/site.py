# SPDX-License-Identifier: Apache-2.0
"""What all pages share."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from hepacast._version import __version__
from hepacast.report.wording import moment, number, percent, with_interval
from hepacast.serve.web.drawings import Drawings
from hepacast.serve.web.results import Results, case_id
from hepacast.serve.web.vendored import FILES
from hepacast.stats.estimate import p_text

if TYPE_CHECKING:
    from hepacast.serve.web.resume import Resume
    from hepacast.serve.web.scans import Scans


_KEY = re.compile(r"[0-9a-f]{16}")


@dataclass(slots=True)
class Site:
    """What all pages share.

    Parameters
    ----------
    results : Results
        Folder of the run.
    scans : Scans or None
        Images; None without a study file.
    resume : Resume or None
        Goes on with the run; None without a study file.
    """

    results: Results
    scans: Scans | None = None
    resume: Resume | None = None
    drawings: Drawings = field(default_factory=Drawings)
    _templates: Environment = field(init=False)

    def __post_init__(self) -> None:
        """Make the templates ready."""
        self._templates = Environment(
            loader=PackageLoader("hepacast.serve.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            number=number,
            percent=percent,
            interval=with_interval,
            moment=moment,
            case_id=case_id,
            p_text=p_text,
        )
        integrity = {one.name: f"sha384-{one.sha384}" for one in FILES}
        self._templates.globals.update(version=__version__, integrity=integrity)

    def case(self, key: str) -> str:
        """Return the case of an address, or say that there is none."""
        name = self.results.case_of(key) if _KEY.fullmatch(key) else None
        if name is None:
            raise HTTPException(404, "no such case")
        return name

    def page(
        self,
        template: str,
        *,
        status: int = 200,
        active: str = "",
        **values: Any,  # noqa: ANN401 - whatever the template prints
    ) -> HTMLResponse:
        """Print a template; the study's name and kind are known to all."""
        content = self.results.content
        study = None if content is None else content.study
        text = self._templates.get_template(template).render(study=study, active=active, **values)
        return HTMLResponse(text, status, headers={"vary": "HX-Request"})
