# SPDX-License-Identifier: Apache-2.0
"""The pages on a port of this computer, until somebody stops them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from hepacast.core.errors import HepacastError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOST = "127.0.0.1"
"""Pages hold patients: no other computer reaches them."""


class PortError(HepacastError, OSError):
    """A port that cannot be had."""


def serve(
    folder: Path, *, study: Path | None = None, port: int = 0, say: Callable[[str], object] = print
) -> None:
    """Serve the pages of a run until the process is interrupted.

    Parameters
    ----------
    folder : Path
        Where ``hepacast run`` writes.
    study : Path, optional
        Study file, for the viewer and to go on with the run.
    port : int
        0 takes any that is free.
    say : callable
        Told the address, with the token.

    Raises
    ------
    HepacastError
        If the study must be mended, the port is taken or FastAPI is missing.
    """
    try:
        import uvicorn  # noqa: PLC0415 - optional

        from hepacast.serve.web.app import make_app  # noqa: PLC0415 - optional
        from hepacast.serve.web.guard import new_token  # noqa: PLC0415 - optional
        from hepacast.serve.web.resume import Resume  # noqa: PLC0415 - optional
        from hepacast.serve.web.scans import Scans  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        raise PortError(
            what="pages need FastAPI and uvicorn", got=str(error), fix="pip install hepacast[serve]"
        ) from error
    scans = None if study is None else Scans.of_study(study, folder)
    resume = None if study is None else Resume(study, folder)
    token = new_token()
    with listen(port) as listener:
        say(f"http://{HOST}:{listener.getsockname()[1]}/?token={token}")
        say("Stop with Ctrl-C.")
        config = uvicorn.Config(
            make_app(folder, token, scans=scans, resume=resume),
            # The access log would hold the token.
            access_log=False,
            ws="none",
            log_level="warning",
            # Streams of progress never end by themselves.
            timeout_graceful_shutdown=1,
        )
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            if resume is not None:
                resume.close()


def listen(port: int) -> socket.socket:
    """Take a port of this computer, 0 for any, and let callers wait at it."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        # Who opens the address at once waits instead of being refused.
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortError(
            what="the pages need a free port", got=f"{port} is taken", fix="Give another --port."
        ) from error
    return listener
