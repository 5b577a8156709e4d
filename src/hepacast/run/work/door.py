# SPDX-License-Identifier: Apache-2.0
"""How machines join a run: certificates that only its folder holds, and a worker that uses them.

Between machines nothing is sent in the clear.  Whoever can read the folder of the
results may join; nobody else can, not even by reaching the port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hepacast.core.errors import StudyError

if TYPE_CHECKING:
    from pathlib import Path

DOOR, ADDRESS = ".cluster", "address"
"""Folder of the certificates, below that of the results, and the file with the address."""
_CA, _CERTIFICATE, _KEY = "ca.pem", "cert.pem", "key.pem"


def open_door(folder: Path | None, host: str) -> dict[str, Any]:
    """Write new certificates for one run, readable by their owner only.

    Returns
    -------
    dict
        Settings of a scheduler that speaks TLS on ``host``.

    Raises
    ------
    StudyError
        Without a folder that the others can read.
    """
    from distributed.security import Security  # noqa: PLC0415 - loaded when a cluster is wanted

    if folder is None:
        raise StudyError(
            what="machines join through the folder of the results",
            got="no folder",
            fix="Run with --out on a disk that all machines see.",
        )
    made = Security.temporary()
    place = folder / DOOR
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    parts = {
        _CA: made.tls_ca_file,
        _CERTIFICATE: made.tls_scheduler_cert,
        _KEY: made.tls_scheduler_key,
    }
    for name, text in parts.items():
        path = place / name
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, encoding="ascii")
    return {"host": host, "protocol": "tls://", "security": tls(place)}


def tls(folder: Path) -> Any:  # noqa: ANN401 - distributed.Security, an optional package
    """Read ``ca.pem``, ``cert.pem`` and ``key.pem`` of a folder.

    Raises
    ------
    StudyError
        If one is missing.
    """
    from distributed.security import Security  # noqa: PLC0415 - loaded when a cluster is wanted

    for name in (_CA, _CERTIFICATE, _KEY):
        if not (folder / name).is_file():
            raise StudyError(
                what="a scheduler behind TLS has ca.pem, cert.pem and key.pem",
                got=f"no {name}",
                fix="Name the folder that holds all three.",
            ).at(folder=folder)
    roles = {
        f"tls_{role}_{part}": str(folder / name)
        for role in ("client", "scheduler", "worker")
        for part, name in (("cert", _CERTIFICATE), ("key", _KEY))
    }
    return Security(require_encryption=True, tls_ca_file=str(folder / _CA), **roles)


def join_run(folder: Path, *, workers: int, memory: str = "auto", host: str | None = None) -> int:
    """Work for a run that listens, until it ends.

    Parameters
    ----------
    folder : Path
        Folder of its results, on a disk that this machine sees too.
    workers : int
        Processes to start here.
    memory : str
        Limit of each, such as ``4GB``.
    host : str, optional
        Address of this machine, as the others can reach it.

    Returns
    -------
    int
        Workers that have come and gone.

    Raises
    ------
    StudyError
        If no run listens there.
    """
    import asyncio  # noqa: PLC0415 - loaded when a cluster is wanted

    place = folder / DOOR
    if not (place / ADDRESS).is_file():
        raise StudyError(
            what="workers join a run that was started with --on listen",
            got="none in that folder",
            fix="Start it first: hepacast run STUDY --out FOLDER --on listen.",
        ).at(folder=folder)
    address = (place / ADDRESS).read_text(encoding="utf-8").strip()
    return asyncio.run(_work(address, tls(place), workers, memory, host))


async def _work(address: str, security: Any, workers: int, memory: str, host: str | None) -> int:  # noqa: ANN401
    """Start nannies and wait until the scheduler sends them home."""
    import asyncio  # noqa: PLC0415 - loaded when a cluster is wanted

    from distributed import Nanny  # noqa: PLC0415 - the same

    settings = {"nthreads": 1, "memory_limit": memory, "security": security, "host": host}
    started = [Nanny(address, death_timeout=60, **settings) for _ in range(workers)]
    try:
        await asyncio.gather(*started)
    except (OSError, TimeoutError) as error:
        raise StudyError(
            what="the run must still be going on",
            got=str(error) or type(error).__name__,
            fix="Start it again with --on listen.",
        ) from error
    await asyncio.gather(*(nanny.finished() for nanny in started))
    return len(started)
