# SPDX-License-Identifier: Apache-2.0
"""``hepacast validate``: a predictor tried at another centre, whose patients stay there."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE, EXIT_SOME_FAILED


@click.command("validate")
@click.argument("predictor", type=click.Path(path_type=Path), required=False)
@click.argument("study", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Folder to send back.")
@click.option("--centre", help="How this centre is called in the figures.")
@click.option("--key", type=click.Path(path_type=Path), help="Key to sign with, or to verify by.")
@click.option("--signed-by", type=click.Path(path_type=Path), help="Key that signed PREDICTOR.")
@click.option("--outcome", help="End point in the study file; the predictor's by default.")
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    help="Keep what is measured here, to go on after a stop. It holds patients: never send it.",
)
@click.option("--jobs", "-j", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--verify",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Check what a centre sent, with its public key as --key, and end.",
)
@click.option(
    "--new-key", type=click.Path(path_type=Path), metavar="FILE", help="Make a key, and end."
)
def command(  # noqa: PLR0913, PLR0917 - one per option
    predictor: Path | None,
    study: Path | None,
    out: Path | None,
    centre: str | None,
    key: Path | None,
    signed_by: Path | None,
    outcome: str | None,
    work: Path | None,
    jobs: int,
    verify: Path | None,
    new_key: Path | None,
) -> int:
    """Try PREDICTOR on the patients of STUDY, and write aggregate figures to send back.

    STUDY is the study file of this centre: its tables, images, masks and outcome are used,
    measured with the settings of the predictor. OUT gets validation.json, a page, and a
    signature; no patient's row is in them. Research only.
    """
    from hepacast.run.predictor import seal, validate_seal  # noqa: PLC0415 - loaded on call

    if new_key is not None:
        public = seal.new_key(new_key)
        click.echo(f"key: {new_key} (keep it); public key: {public} (send it once)")
        return EXIT_FINE
    if verify is not None:
        signer = validate_seal.verify(verify, key)
        known = "by the key given" if key is not None else "by a key that was not compared"
        click.echo(f"as it was signed, {known}; fingerprint {signer}")
        return EXIT_FINE
    if predictor is None or study is None or out is None or centre is None or key is None:
        what = "PREDICTOR, STUDY, --out, --centre and --key are needed"
        raise click.UsageError(what)
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.run.predictor.validate_write import Trial, write_validation  # noqa: PLC0415 - the same

    trial = Trial(predictor, study, centre, outcome, work, jobs, signed_by)
    with progress() as listener:
        told = write_validation(trial, key, out, on_event=listener)
    found = told.discrimination
    click.echo(
        f"{told.n} patients, {told.events} events: {told.measure} {found.value:.2f} "
        f"(95 % CI {found.low:.2f}-{found.high:.2f})"
    )
    click.echo(f"to send back, whole: {out} (research only)")
    return EXIT_FINE if told.not_scored == 0 else EXIT_SOME_FAILED
