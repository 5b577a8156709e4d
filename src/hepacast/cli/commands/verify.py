# SPDX-License-Identifier: Apache-2.0
"""``hepacast verify``: measure some cases again and compare every bit."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE, EXIT_SOME_FAILED


@click.command("verify")
@click.option("--study", type=click.Path(path_type=Path), required=True, help="The study file.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of results.")
@click.option("-k", "--count", type=click.IntRange(1), default=5, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draw.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
def command(study: Path, out: Path, count: int, seed: int, workers: int) -> int:
    """Measure COUNT cases again, drawn at random, and compare them with their records."""
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.run.cases.explain import Verified, verify  # noqa: PLC0415 - loaded on call
    from hepacast.run.work.execution import Execution  # noqa: PLC0415 - loaded on call

    with progress() as listener, Execution(workers).open() as run:
        found = verify(study, out, run, count=count, seed=seed, on_event=listener)
    wrong = 0
    for one in found:
        if isinstance(one, Verified):
            wrong += bool(one.differing)
            named = f"{len(one.differing)} values differ, the first is {one.differing[:1]}"
            click.echo(f"{one.case}: {named if one.differing else 'equal'}")
        else:
            wrong += 1
            click.echo(str(one))
    return EXIT_SOME_FAILED if wrong else EXIT_FINE
