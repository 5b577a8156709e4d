# SPDX-License-Identifier: Apache-2.0
"""``hepacast convert``: clean NIfTI out of DICOM folders, and a case table to start from."""

from pathlib import Path

import click


@click.command("convert")
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--deidentify",
    "key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="KEYFILE",
    help="Leave nothing that names a patient; the key is made if missing, and kept outside OUT.",
)
@click.option("--fill-gaps", is_flag=True, help="Interpolate single missing slices.")
@click.option("--even-out", is_flag=True, help="Resample series of varying slice spacing.")
def command(folder: Path, out: Path, key: Path | None, **decisions: bool) -> int:
    """Convert all DICOM images in FOLDER to NIfTI in OUT, and propose their contrast phases.

    OUT gets a file per series and phase, found.csv (every series), converted.csv,
    cases.csv (a case table: confirm the phases, add masks) and failures.csv.  A run that
    was stopped goes on where it was.
    """
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.io.options import ReadOptions  # noqa: PLC0415 - loaded on call
    from hepacast.run.convert import convert_folder  # noqa: PLC0415 - loaded on call

    options = ReadOptions.model_validate(decisions)
    with progress() as listener:
        done = convert_folder(folder, out, options, key=key, on_event=listener)
    for line in done.lines:
        click.echo(line)
    return done.conversion.exit_code
