# SPDX-License-Identifier: Apache-2.0
"""``hepacast report``: draw the report of a finished run again."""

from pathlib import Path
from typing import Literal

import click


@click.command("report")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--pdf", is_flag=True, help="Also report.pdf (needs hepacast[pdf]).")
@click.option("--docx", is_flag=True, help="Also tables.docx (needs hepacast[docx]).")
def command(folder: Path, *, pdf: bool, docx: bool) -> None:
    """Draw the report of the run in FOLDER again, from its result.json."""
    from hepacast.run.whole import redraw  # noqa: PLC0415 - loaded on call

    extras: list[Literal["pdf", "docx"]] = []
    if pdf:
        extras.append("pdf")
    if docx:
        extras.append("docx")
    click.echo(f"report: {redraw(folder, extras)}")
