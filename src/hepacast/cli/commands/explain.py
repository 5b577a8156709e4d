# SPDX-License-Identifier: Apache-2.0
"""``hepacast explain``: why a case is measured anew."""

from pathlib import Path

import click


@click.command("explain")
@click.argument("case")
@click.option("--study", type=click.Path(path_type=Path), required=True, help="The study file.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of results.")
def command(case: str, study: Path, out: Path) -> int:
    """Say which field of CASE changed since it was measured; compute nothing."""
    from hepacast.run.cases.explain import explain  # noqa: PLC0415 - loaded on call

    for line in explain(study, out, case):
        click.echo(line)
    return 0
