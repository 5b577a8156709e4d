# SPDX-License-Identifier: Apache-2.0
"""``hepacast demo``: synthetic patients whose truth is known, from images to report."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE, EXIT_SOME_FAILED


@click.command("demo")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--patients", type=click.IntRange(20), default=60, show_default=True)
@click.option("--effect", type=float, default=None, help="Effect of the images; 0 for none.")
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes; all cores.")
def command(
    folder: Path, patients: int, effect: float | None, seed: int, workers: int | None
) -> int:
    """Make a synthetic cohort in FOLDER, run the study on it, and print truth beside estimate."""
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.phantom import PhantomParams  # noqa: PLC0415 - loaded on call
    from hepacast.run.demo import run_demo  # noqa: PLC0415 - loaded on call

    chosen = {"effect": effect} if effect is not None else {}
    params = PhantomParams(patients=patients, seed=seed, **chosen)
    with progress() as listener:
        finished = run_demo(folder, params, workers=workers, on_event=listener)
    for line in finished.summary:
        click.echo(line)
    click.echo(f"report: {finished.report}")
    return EXIT_SOME_FAILED if finished.failures else EXIT_FINE
