# SPDX-License-Identifier: Apache-2.0
"""``hepacast worker``: work for a run on another machine."""

import os
from pathlib import Path

import click


@click.command("worker")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--workers", type=click.IntRange(1), default=None, help="Processes; all cores.")
@click.option("--memory", default="auto", help="Limit of each process, such as 4GB.")
@click.option("--host", help="Address of this machine, as the others can reach it.")
def command(folder: Path, workers: int | None, memory: str, host: str | None) -> int:
    """Work for the run whose results are in FOLDER, until it ends.

    The run was started with ``--on listen`` on a machine that sees the same FOLDER.
    """
    from hepacast.run.work.door import join_run  # noqa: PLC0415 - loaded on call

    count = join_run(folder, workers=workers or os.cpu_count() or 1, memory=memory, host=host)
    click.echo(f"the run has ended; {count} workers go home")
    return 0
