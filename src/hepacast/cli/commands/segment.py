# SPDX-License-Identifier: Apache-2.0
"""``hepacast segment``: automatic masks of liver and lesions."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("segment")
@click.argument("image", type=click.Path(path_type=Path, exists=True))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--liver", type=_FILE, help="Weights of the liver network (.safetensors).")
@click.option("--lesion", type=_FILE, help="Weights of the lesion network (.safetensors).")
@click.option("--program", help='Instead: settings such as "{totalsegmentator: {fast: true}}".')
@click.option("--modality", type=click.Choice(["ct", "mr"]), default="ct", show_default=True)
@click.option("--given", type=_FILE, help="A liver mask to compare with.")
@click.option("--label", type=int, help="Value of the liver in it.")
def command(program: str | None, image: Path, out: Path, **chosen: Path | str | int | None) -> int:
    """Draw the liver, and lesions in it, of IMAGE; masks go to the folder OUT.

    Weights are converted once with import-weights.  Look at every mask before it is used.
    """
    from hepacast.cli.progress import progress  # noqa: PLC0415 - loaded on call
    from hepacast.io.programs import PROGRAMS  # noqa: PLC0415 - loaded on call
    from hepacast.run.masks.draw import Wish, draw  # noqa: PLC0415 - loaded on call
    from hepacast.run.settings.yaml12 import load_yaml  # noqa: PLC0415 - loaded on call

    if not (program or chosen["liver"] or (chosen["lesion"] and chosen["given"])):
        raise click.UsageError(
            message="give --liver, or --program, or --lesion with a --given liver"
        )
    settings = PROGRAMS.parse(load_yaml(program, source="--program")) if program else None
    wish = Wish(program=settings, **chosen)  # type: ignore[arg-type]
    with progress() as listener:
        masks, agreement = draw(image, out, wish, on_event=listener)
    for name, path in masks.items():
        click.echo(f"{name}: {path}")
    click.echo(agreement.sentence() if agreement else "no mask to compare with: look at it")
    return EXIT_FINE
