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
@click.option("--signed-by", type=click.Path(path_type=Path), help="Public key of who vouches.")
@click.option("--certificate", type=click.Path(path_type=Path), help="PEM file, for HTTPS.")
@click.option("--key", type=click.Path(path_type=Path), help="PEM file with its private key.")
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
    signed_by: Path | None,
    certificate: Path | None,
    key: Path | None,
) -> int:
    """Answer requests for forecasts of PREDICTOR over HTTP. Research only.

    Listens on this machine alone, unless there is a file of tokens; with --certificate
    and --key it speaks HTTPS. The description is at /openapi.json.
    """
    if new_token is not None:
        return _add_token(tokens, new_token, role)
    if predictor is None or state is None:
        what = "PREDICTOR and --state are needed"
        raise click.UsageError(what)
    secure = _secure(certificate, key)
    import uvicorn  # noqa: PLC0415 - loaded on call

    from hepacast.serve.audit import Audit  # noqa: PLC0415 - loaded on call
    from hepacast.serve.jobs import Jobs  # noqa: PLC0415 - the same
    from hepacast.serve.rest import make_app, require_safe_address  # noqa: PLC0415
    from hepacast.serve.runner import Runner  # noqa: PLC0415 - the same
    from hepacast.serve.service import Service  # noqa: PLC0415
    from hepacast.serve.tokens import read_tokens  # noqa: PLC0415 - the same
    from hepacast.serve.worker import Worker  # noqa: PLC0415 - the same

    known = read_tokens(tokens) if tokens is not None else ()
    require_safe_address(host, known)
    memory = int(memory_gib * 2**30)
    worker = Worker(predictor, memory_bytes=memory, seconds=seconds, signed_by=signed_by)
    place = f"{'https' if secure else 'http'}://{host}:{port}"
    click.echo(f"predictor {worker.digest[:16]} on {place} (research only)")
    jobs, audit = Jobs(state, limit=queue), Audit(state / "audit.jsonl")
    service = Service(jobs, worker, audit, Runner(jobs, worker, audit), known)
    try:
        # Addresses of callers belong into the proxy's log, not into ours.
        app, silent = make_app(service), {"access_log": False, "log_level": "warning"}
        uvicorn.run(app, host=host, port=port, **silent, **secure)  # type: ignore[arg-type]
    finally:
        worker.close()
    return EXIT_FINE


def _secure(certificate: Path | None, key: Path | None) -> dict[str, str]:
    """Return what HTTPS needs, once it has been read; nothing for HTTP."""
    if certificate is None and key is None:
        return {}
    if certificate is None or key is None:
        what = "--certificate and --key stand together"
        raise click.UsageError(what)
    from hepacast.serve.tls import ServerTlsParams, server_context  # noqa: PLC0415 - on call

    server_context(ServerTlsParams(certificate=certificate, key=key))
    return {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}


def _add_token(path: Path | None, name: str, role: str) -> int:
    """Make a token, and show it once."""
    from typing import cast  # noqa: PLC0415 - loaded on call

    from hepacast.serve.tokens import Role, new_token  # noqa: PLC0415 - the same

    if path is None:
        what = "--new-token is kept in a file: name it with --tokens"
        raise click.UsageError(what)
    click.echo(new_token(path, name, cast("Role", role)))
    return EXIT_FINE
