# SPDX-License-Identifier: Apache-2.0
"""``hepacast serve-node``: one predictor beside a PACS."""

from pathlib import Path

import click

from hepacast.cli.main import EXIT_FINE


@click.command("serve-node")
@click.argument("predictor", type=click.Path(path_type=Path, exists=True))
@click.argument("settings", type=click.Path(path_type=Path, exists=True))
@click.option("--state", type=click.Path(path_type=Path), required=True, help="Folder of state.")
@click.option("--retry", is_flag=True, help="Try again what has failed for good.")
def command(predictor: Path, settings: Path, state: Path, *, retry: bool) -> int:
    """Receive studies, score them with PREDICTOR, and send SEG, SR and a summary back.

    SETTINGS is a YAML file: who may send, and where results go. A study that was
    received is never lost: stop and start at any moment. Research only.
    """
    import signal  # noqa: PLC0415 - loaded on call
    import threading  # noqa: PLC0415 - the same

    from hepacast.serve.jobs import Jobs  # noqa: PLC0415 - the same
    from hepacast.serve.node import Node, alone, read_settings  # noqa: PLC0415 - the same
    from hepacast.serve.worker import Worker  # noqa: PLC0415 - the same

    params = read_settings(settings)
    _keep_private()
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    if retry:
        with alone(state):
            click.echo(f"{Jobs(state).retry()} jobs are tried again")
    worker = Worker(
        predictor,
        memory_bytes=int(params.memory_gib * 2**30),
        seconds=params.seconds,
        signed_by=params.signed_by,
    )
    try:
        click.echo(f"predictor {worker.digest[:16]}, state in {state} (research only)")
        Node(params, state, worker).run(stop)
    finally:
        worker.close()
    return EXIT_FINE


def _keep_private() -> None:
    """Keep names from other users of the machine, and off the console.

    What DICOM libraries remark quotes values, names included.
    """
    import logging  # noqa: PLC0415 - loaded on call
    import os  # noqa: PLC0415 - the same
    import warnings  # noqa: PLC0415 - the same

    os.umask(0o077)
    warnings.simplefilter("ignore")
    for name in ("pydicom", "pynetdicom"):
        logging.getLogger(name).propagate = False
        logging.getLogger(name).addHandler(logging.NullHandler())
