# SPDX-License-Identifier: Apache-2.0
"""``hepacast extract``: radiomic features of one image, or of a table of them."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE, EXIT_SOME_FAILED


@click.command("extract")
@click.argument("cases_or_image", type=click.Path(path_type=Path, exists=True))
@click.argument("mask", type=click.Path(path_type=Path, exists=True), required=False)
@click.option(
    "--params",
    "-p",
    type=click.Path(path_type=Path, exists=True),
    help="File of settings: hepacast's or PyRadiomics'.",
)
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    default=Path("features.csv"),
    show_default=True,
    help="A .csv or .parquet file.",
)
@click.option("--label", type=int, help="Value of the region in the mask.")
@click.option(
    "--pyradiomics-csv", is_flag=True, help="Insist on the CSV of the pyradiomics command."
)
def command(
    cases_or_image: Path,
    mask: Path | None,
    params: Path | None,
    out: Path,
    label: int | None,
    pyradiomics_csv: bool,  # noqa: FBT001 - click's flag
) -> int:
    """Extract features of CASES_OR_IMAGE: an image with its MASK, or a CSV of images and masks.

    The CSV has the columns Image and Mask (and Label); paths are relative to it.
    A run that was stopped goes on where it was.
    """
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.run.extract_many import (  # noqa: PLC0415 - loaded on call
        Job,
        extract_jobs,
        read_jobs,
        write_rows,
    )

    if mask is not None:
        columns = {"Image": str(cases_or_image), "Mask": str(mask)}
        jobs = [Job(columns, cases_or_image, mask, label)]
    else:
        jobs = read_jobs(cases_or_image)
    if pyradiomics_csv and out.suffix == ".parquet":
        raise click.UsageError(message="--pyradiomics-csv needs an --out that ends in .csv")
    records = out.with_name(f"{out.name}.cases")
    with progress() as listener:
        rows = extract_jobs(jobs, params, records, on_event=listener)
    write_rows(rows, out)
    click.echo(f"{len(rows)} of {len(jobs)} cases in {out}")
    return EXIT_FINE if len(rows) == len(jobs) else EXIT_SOME_FAILED
