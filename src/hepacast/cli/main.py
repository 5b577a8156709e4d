# SPDX-License-Identifier: Apache-2.0
"""The command line: one file per command, loaded only when it is called."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from hepacast._version import __version__
from hepacast.core.errors import HepacastError

COMMANDS = {
    "init": "Write a commented study file to start from.",
    "demo": "Make a synthetic cohort with a known truth, and run it.",
    "extract": "Extract radiomic features of one image and mask, or of a table of them.",
    "reliability": "Tell which features survive another scan and another contour.",
    "convert": "Turn folders of DICOM into clean NIfTI and a case table, if asked without names.",
    "check": "Check a study file and everything it names; compute nothing.",
    "run": "Run a study: features, models, honest validation, report.",
    "report": "Draw the report of a finished run again.",
    "segment": "Draw liver and lesions with weights or a program of yours.",
    "import-weights": "Convert weights of a network (.pth, Keras) to safetensors, once.",
    "serve": "Show the results of a run as pages on this computer.",
    "sign": "Vouch for a predictor, or see who does.",
    "predict": "Score the images of one new case with a predictor.",
    "validate": "Try a predictor at another centre; only aggregate figures leave it.",
    "api": "Score cases that programs send over HTTP.",
    "serve-node": "Score what arrives from a PACS, and send DICOM SEG and SR back.",
    "export": "Write the measured features for other programs.",
    "explain": "Say why a case is measured anew.",
    "verify": "Measure some cases again, and compare every bit.",
    "worker": "Work for a run on another machine, until it ends.",
    "schema": "Print the JSON Schema of the study file, for editors.",
}
EXIT_FINE, EXIT_SOME_FAILED, EXIT_MEND = 0, 1, 2


class _Commands(click.Group):
    """Commands are known by name and one line; their code is imported on call."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name the commands, in the order in which a study meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            ctx.fail(f"no command {cmd_name!r}; there are {', '.join(COMMANDS)}")
        module = cmd_name.replace("-", "_")
        command: click.Command = import_module(f"hepacast.cli.commands.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any, so that help is quick."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 fine; 1 some cases failed and are listed; 2 the input must be mended.",
)
@click.version_option(__version__, prog_name="hepacast")
def cli() -> None:
    """Liver-tumour images to honest forecasts: one study file in, one report out."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; errors that the user can mend become one line and exit code 2."""
    try:
        code = cli.main(args=argv, prog_name="hepacast", standalone_mode=False)
    except HepacastError as error:
        click.echo(f"hepacast: {error}", err=True)
        code = EXIT_MEND
    except click.ClickException as error:
        error.show()
        code = EXIT_MEND
    except click.Abort:
        click.echo("hepacast: stopped; what is finished is kept, run again to go on", err=True)
        code = 130
    code = code if isinstance(code, int) else EXIT_FINE
    if argv is None:
        sys.exit(code)
    return code
