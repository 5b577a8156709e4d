# SPDX-License-Identifier: Apache-2.0
"""``hepacast check``: read everything, compute nothing, say who is in and who is out."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE, EXIT_SOME_FAILED


@click.command("check")
@click.argument("study", type=click.Path(path_type=Path))
def command(study: Path) -> int:
    """Check STUDY and all files it names; write nothing."""
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.run.check import check_study  # noqa: PLC0415 - loaded on call

    with progress() as listener:
        summary = check_study(study, on_event=listener)
    for line in summary.lines:
        click.echo(line)
    return EXIT_SOME_FAILED if summary.failures else EXIT_FINE
