# SPDX-License-Identifier: Apache-2.0
"""``hepacast init``: a commented study to start from."""

from pathlib import Path

import click


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Write a commented study file, a data dictionary and table headings to FOLDER."""
    from hepacast.run.begin import write_starter  # noqa: PLC0415 - loaded on call

    for path in write_starter(folder):
        click.echo(f"wrote {path}")
    click.echo(f"next: fill in the tables, then `hepacast check {folder / 'study.yaml'}`")
