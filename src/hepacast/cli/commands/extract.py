# SPDX-License-Identifier: Apache-2.0
"""``hepacast extract``: radiomic features of one image, or of a table of them."""

from pathlib import Path
from typing import Literal

import click

from hepacast.cli.main import EXIT_FINE, EXIT_SOME_FAILED

Change = Literal["difference", "relative", "symmetric"]


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
@click.option("--label", help="Value of the region in the mask; number or name of a segment.")
@click.option(
    "--pyradiomics-csv",
    "like_pyradiomics",
    is_flag=True,
    help="Write the CSV of the pyradiomics command, with its diagnostics columns.",
)
@click.option(
    "--maps",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write voxel-wise feature maps (NIfTI) to this folder instead; --out lists them.",
)
@click.option(
    "--radius", type=click.IntRange(1), help="Half an edge of a map's neighbourhood, voxels."
)
@click.option(
    "--delta",
    nargs=2,
    metavar="BEFORE AFTER",
    help="Write changes between two phases instead; the CSV has the columns ID and Phase.",
)
@click.option(
    "--change",
    type=click.Choice(["difference", "relative", "symmetric"]),
    default="difference",
    show_default=True,
    help="How --delta expresses change.",
)
@click.option(
    "--jobs", "-j", type=click.IntRange(1), default=1, show_default=True, help="Cases at once."
)
def command(  # noqa: PLR0913, PLR0917 - one per option
    cases_or_image: Path,
    mask: Path | None,
    params: Path | None,
    out: Path,
    label: str | None,
    like_pyradiomics: bool,  # noqa: FBT001 - click's flag
    maps: Path | None,
    radius: int | None,
    delta: tuple[str, str] | None,
    change: Change,
    jobs: int,
) -> int:
    """Extract features of CASES_OR_IMAGE: an image with its MASK, or a CSV of images and masks.

    The CSV has the columns Image and Mask (and Label); paths are relative to it.
    A run that was stopped goes on where it was.
    """
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.radiomics.delta import DeltaParams  # noqa: PLC0415 - loaded on call
    from hepacast.run.extraction.delta_many import delta_rows  # noqa: PLC0415 - loaded on call
    from hepacast.run.extraction.extract_many import (  # noqa: PLC0415 - loaded on call
        Job,
        Plan,
        extract_jobs,
        read_jobs,
        read_label,
        write_rows,
    )

    if like_pyradiomics and out.suffix == ".parquet":
        raise click.UsageError(message="--pyradiomics-csv needs an --out that ends in .csv")
    if radius is not None and maps is None:
        raise click.UsageError(message="--radius is a setting of --maps")
    if delta and (maps or like_pyradiomics):
        raise click.UsageError(message="--delta goes without --maps and --pyradiomics-csv")
    if mask is not None:
        columns = {"Image": str(cases_or_image), "Mask": str(mask)}
        cases = [Job(columns, cases_or_image, mask, read_label(label))]
    else:
        cases = read_jobs(cases_or_image)
    plan = Plan(params, out.with_name(f"{out.name}.cases"), like_pyradiomics, maps, radius)
    with progress() as listener:
        rows, failed = extract_jobs(cases, plan, workers=jobs, on_event=listener)
    if delta:
        rows = delta_rows(rows, DeltaParams(before=delta[0], after=delta[1], change=change))
    write_rows(rows, out)
    click.echo(f"{len(cases) - failed} of {len(cases)} cases in {out}")
    return EXIT_SOME_FAILED if failed else EXIT_FINE
