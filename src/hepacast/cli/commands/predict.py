# SPDX-License-Identifier: Apache-2.0
"""``hepacast predict``: from the images of one case to its probability."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE


@click.command("predict")
@click.argument("predictor", type=click.Path(path_type=Path))
@click.argument("folder", metavar="IN", type=click.Path(path_type=Path, exists=True))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--case", help="Case id; the name of the folder by default.")
@click.option("--clinical", type=click.Path(path_type=Path), help="Table with one row.")
@click.option("--signed-by", type=click.Path(path_type=Path), help="Public key of who vouches.")
@click.option("--reject-outside", is_flag=True, help="Refuse a case unlike the training patients.")
def command(
    predictor: Path,
    folder: Path,
    out: Path,
    case: str | None,
    clinical: Path | None,
    signed_by: Path | None,
    *,
    reject_outside: bool,
) -> int:
    """Score the case in the folder IN with PREDICTOR, and write what comes of it to OUT.

    IN holds DICOM series, or files named after the phases (portal.nii.gz) and masks
    (portal_tumour.nii.gz or tumour.nii.gz), or a table cases.csv as in the study; and
    clinical.csv with one row, if the model needs it. Images in DICOM give a segmentation,
    a structured report and a summary picture in DICOM too. Research only.
    """
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.run.predictor.files import read_predictor  # noqa: PLC0415 - the same
    from hepacast.serve.objects import predict_folder  # noqa: PLC0415 - the same

    model = read_predictor(predictor, signed_by=signed_by)
    with progress() as listener:
        result, objects = predict_folder(
            model,
            folder,
            out,
            case=case,
            clinical=clinical,
            reject_outside=reject_outside,
            on_event=listener,
        )
    when = "" if result.at_days is None else f" within {result.at_days:.0f} days"
    group = "high" if result.high else "low"
    click.echo(
        f"{result.case}: {result.outcome}{when}: probability {result.probability:.3f}, "
        f"{group} risk (research only)"
    )
    if result.outside:
        click.echo(f"outside the range of the training patients: {', '.join(result.outside)}")
    click.echo(f"result: {out / 'result.json'}")
    if objects:
        click.echo(f"DICOM: {', '.join(path.name for path in objects)}")
    return EXIT_FINE
