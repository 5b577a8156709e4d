# SPDX-License-Identifier: Apache-2.0
"""``hepacast check``: read everything, compute nothing, say who is in and who is out."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE, EXIT_SOME_FAILED


@click.command("check")
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option(
    "--failures", type=click.Path(path_type=Path), help="Write what cannot be used to a CSV file."
)
def command(study: Path, workers: int, failures: Path | None) -> int:
    """Check STUDY and all images, masks and tables it names; compute nothing.

    Prints a summary of the cohort: who is in, who is out, and why.
    """
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.run.cases.failures import failures_table  # noqa: PLC0415 - loaded on call
    from hepacast.run.check import check_study  # noqa: PLC0415 - loaded on call

    with progress() as listener:
        summary = check_study(study, workers=workers, on_event=listener)
    for line in summary.lines:
        click.echo(line)
    failed = {**summary.left_out, **summary.failures}
    if failures is not None:
        failures.write_text(failures_table(failed), encoding="utf-8")
    return EXIT_SOME_FAILED if failed else EXIT_FINE
