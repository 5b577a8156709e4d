# SPDX-License-Identifier: Apache-2.0
"""``hepacast report``: draw the report of a finished run again."""

from pathlib import Path

import click


@click.command("report")
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Draw the report of the run in FOLDER again, from its result.json."""
    from hepacast.run.whole import redraw  # noqa: PLC0415 - loaded on call

    click.echo(f"report: {redraw(folder)}")
