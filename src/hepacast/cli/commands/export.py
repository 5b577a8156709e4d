# SPDX-License-Identifier: Apache-2.0
"""``hepacast export``: the measured features for other programs."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE

FORMS = ("parquet", "long", "csv", "h5ad", "npy")


@click.command("export")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--study", type=click.Path(path_type=Path), required=True, help="The study file.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of results.")
@click.option("--features", help="Block of the study file; the first that is measured by default.")
@click.option("--form", type=click.Choice(FORMS), help="By the ending of TARGET by default.")
def command(target: Path, study: Path, out: Path, features: str | None, form: str | None) -> int:
    """Write the measured features of a finished run to TARGET, one row per case.

    Forms: parquet and csv (wide), long (one row per value, Parquet), h5ad (AnnData),
    npy (a folder that can be memory mapped).
    """
    from hepacast.run.exported import export_features  # noqa: PLC0415 - loaded on call

    n_cases, n_columns = export_features(study, out, target, block=features, form=form)
    click.echo(f"{target}: {n_cases} cases x {n_columns} features")
    return EXIT_FINE
