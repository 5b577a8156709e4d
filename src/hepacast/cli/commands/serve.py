# SPDX-License-Identifier: Apache-2.0
"""``hepacast serve``: the results of a run as pages on this computer."""

from pathlib import Path

import click


@click.command("serve")
@click.argument("out", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--study",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Study file; the viewer then shows the images.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True)
def command(out: Path, study: Path | None, port: int) -> None:
    """Show the results in OUT as pages, also while the run is at work.

    Only this computer can reach them, and only with the token in the address that is
    printed. What is refused is written to web.jsonl in OUT.
    """
    from hepacast.serve.web.server import serve  # noqa: PLC0415 - loaded on call

    serve(out, study=study, port=port, say=click.echo)
