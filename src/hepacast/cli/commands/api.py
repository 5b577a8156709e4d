# SPDX-License-Identifier: Apache-2.0
"""``hepacast api``: one predictor over HTTP, for programs."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE


@click.command("api")
@click.argument("predictor", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--state", type=click.Path(path_type=Path), help="Folder of jobs and log.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8484, show_default=True)
@click.option("--tokens", type=click.Path(path_type=Path), help="Who may do what.")
@click.option("--new-token", metavar="NAME", help="Add a token to --tokens, print it, and end.")
@click.option("--role", type=click.Choice(["sender", "reader", "monitor"]), default="sender")
@click.option("--memory-gib", type=click.FloatRange(1), default=8.0, show_default=True)
@click.option("--seconds", type=click.FloatRange(1), default=600.0, show_default=True)
@click.option("--queue", type=click.IntRange(1), default=100, show_default=True)
def command(  # noqa: PLR0913, PLR0917 - one per option
    predictor: Path | None,
    state: Path | None,
    host: str,
    port: int,
    tokens: Path | None,
    new_token: str | None,
    role: str,
    memory_gib: float,
    seconds: float,
    queue: int,
) -> int:
    """Answer requests for forecasts of PREDICTOR over HTTP. Research only.

    Listens on this machine alone, unless there is a file of tokens; put TLS in front
    of it with a reverse proxy. The description is at /openapi.json.
    """
    if new_token is not None:
        return _add_token(tokens, new_token, role)
    if predictor is None or state is None:
        what = "PREDICTOR and --state are needed"
        raise click.UsageError(what)
    import uvicorn  # noqa: PLC0415 - loaded on call

    from hepacast.serve.audit import Audit  # noqa: PLC0415 - loaded on call
    from hepacast.serve.jobs import Jobs  # noqa: PLC0415 - the same
    from hepacast.serve.rest import Service, make_app, require_safe_address  # noqa: PLC0415
    from hepacast.serve.runner import Runner  # noqa: PLC0415 - the same
    from hepacast.serve.tokens import read_tokens  # noqa: PLC0415 - the same
    from hepacast.serve.worker import Worker  # noqa: PLC0415 - the same

    known = read_tokens(tokens) if tokens is not None else ()
    require_safe_address(host, known)
    worker = Worker(predictor, memory_bytes=int(memory_gib * 2**30), seconds=seconds)
    click.echo(f"predictor {worker.digest[:16]} on http://{host}:{port} (research only)")
    jobs, audit = Jobs(state, limit=queue), Audit(state / "audit.jsonl")
    service = Service(jobs, worker, audit, Runner(jobs, worker, audit), known)
    try:
        # Addresses of callers belong into the proxy's log, not into ours.
        uvicorn.run(make_app(service), host=host, port=port, access_log=False, log_level="warning")
    finally:
        worker.close()
    return EXIT_FINE


def _add_token(path: Path | None, name: str, role: str) -> int:
    """Make a token, and show it once."""
    from typing import cast  # noqa: PLC0415 - loaded on call

    from hepacast.serve.tokens import Role, new_token  # noqa: PLC0415 - the same

    if path is None:
        what = "--new-token is kept in a file: name it with --tokens"
        raise click.UsageError(what)
    click.echo(new_token(path, name, cast("Role", role)))
    return EXIT_FINE
