# SPDX-License-Identifier: Apache-2.0
"""``hepacast demo``: synthetic patients whose truth is known, from images to report."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE, EXIT_SOME_FAILED


@click.command("demo")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--patients", type=click.IntRange(20, 9999), default=60, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True)
@click.option("--modality", type=click.Choice(["ct", "mr"]), help="What was scanned; CT.")
@click.option("--format", type=click.Choice(["nifti", "dicom"]), help="Of the images; NIfTI.")
@click.option("--effect", type=click.FloatRange(-4, 4), help="Of the images; 0 for none.")
@click.option("--centres", type=click.IntRange(1, 9), help="Each with its own scanner; 2.")
@click.option(
    "--missing-phases", "missing_phase_share", type=click.FloatRange(0, 0.9), help="Share; none."
)
@click.option("--workers", type=click.IntRange(1), help="Processes; all cores.")
def command(folder: Path, workers: int | None, **knobs: float | str | None) -> int:
    """Make a synthetic cohort in FOLDER, run the study on it, and print truth beside estimate."""
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.phantom import PhantomParams  # noqa: PLC0415 - loaded on call
    from hepacast.run.demo import run_demo  # noqa: PLC0415 - loaded on call

    chosen = {name: value for name, value in knobs.items() if value is not None}
    params = PhantomParams.model_validate(chosen)
    with progress() as listener:
        finished = run_demo(folder, params, workers=workers, on_event=listener)
    for line in finished.summary:
        click.echo(line)
    click.echo(f"report: {finished.report}")
    return EXIT_SOME_FAILED if finished.failures else EXIT_FINE
