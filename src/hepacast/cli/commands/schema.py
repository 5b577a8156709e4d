# SPDX-License-Identifier: Apache-2.0
"""``hepacast schema``: the study file's grammar as JSON Schema."""

import json

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of the study file, for editors and forms."""
    from hepacast.run.settings.study import Study  # noqa: PLC0415 - loaded on call

    click.echo(json.dumps(Study.model_json_schema(), indent=1))
