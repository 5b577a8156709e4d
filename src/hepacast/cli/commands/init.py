# SPDX-License-Identifier: Apache-2.0
"""``hepacast init``: a commented study to start from."""

from pathlib import Path

import click


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--recipe", help="One of the five published studies, cect-ablation for one.")
@click.option(
    "--phantom",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="With --recipe: write a synthetic cohort too, with this share of the paper's columns.",
)
def command(folder: Path, recipe: str | None, phantom: float | None) -> None:
    """Write a commented study file, a data dictionary and table headings to FOLDER."""
    if recipe is None:
        from hepacast.run.begin import write_starter  # noqa: PLC0415 - loaded on call

        if phantom is not None:
            raise click.UsageError("--phantom needs --recipe")  # noqa: EM101
        written = write_starter(folder)
        click.echo("\n".join(f"wrote {path}" for path in written))
        click.echo(f"next: fill in the tables, then `hepacast check {folder / 'study.yaml'}`")
        return
    from hepacast.run.recipes import write_recipe  # noqa: PLC0415 - loaded on call

    for path in write_recipe(recipe, folder, phantom=phantom):
        click.echo(f"wrote {path}")
    todo = "fill in the tables, then " if phantom is None else ""
    click.echo(f"next: {todo}`hepacast run {folder / 'study.yaml'} --out {folder / 'results'}`")
