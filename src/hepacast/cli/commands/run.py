# SPDX-License-Identifier: Apache-2.0
"""``hepacast run``: from a study file to a report."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE, EXIT_SOME_FAILED


@click.command("run")
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for results.")
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes; all cores.")
def command(study: Path, out: Path, workers: int | None) -> int:
    """Run STUDY and write its report, lock file and tables to --out."""
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.run.whole import run_study  # noqa: PLC0415 - loaded on call

    with progress() as listener:
        finished = run_study(study, out, workers=workers, on_event=listener)
    for line in finished.summary:
        click.echo(line)
    click.echo(f"report: {finished.report}")
    return EXIT_SOME_FAILED if finished.failures else EXIT_FINE
