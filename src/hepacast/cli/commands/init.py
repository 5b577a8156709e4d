# SPDX-License-Identifier: Apache-2.0
"""``hepacast init``: a commented study to start from."""

from pathlib import Path

import click

_SHARE = click.FloatRange(0, 1, min_open=True)


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--recipe", help="One of the five published studies, cect-ablation for one.")
@click.option(
    "--tables",
    is_flag=True,
    help="With --recipe: on ready-made feature tables instead of images; no network learns.",
)
@click.option(
    "--phantom",
    type=_SHARE,
    metavar="SHARE",
    help="With --recipe: write a synthetic cohort too. 1 is the paper's size of pictures, networks "
    "and tables, 0.1 a tenth of it, for a first look.",
)
@click.option(
    "--patients",
    type=_SHARE,
    default=1.0,
    metavar="SHARE",
    help="With --phantom: share of the paper's patients; all of them by default.",
)
def command(
    folder: Path, *, recipe: str | None, tables: bool, phantom: float | None, patients: float
) -> None:
    """Write a commented study file, a data dictionary and table headings to FOLDER."""
    if recipe is None:
        from hepacast.run.begin import write_starter  # noqa: PLC0415 - loaded on call

        if phantom is not None or tables:
            raise click.UsageError("--phantom and --tables need --recipe")  # noqa: EM101
        written = write_starter(folder)
        click.echo("\n".join(f"wrote {path}" for path in written))
        click.echo(f"next: fill in the tables, then `hepacast check {folder / 'study.yaml'}`")
        return
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.run.recipes import Size, write_recipe  # noqa: PLC0415 - loaded on call

    size = Size(tables, 1.0 if phantom is None else phantom, patients)
    with progress() as listener:
        written = write_recipe(recipe, folder, size, phantom=phantom is not None, on_event=listener)
    for path in written:
        click.echo(f"wrote {path}")
    todo = "fill in the tables, then " if phantom is None else ""
    click.echo(f"next: {todo}`hepacast run {folder / 'study.yaml'} --out {folder / 'results'}`")
