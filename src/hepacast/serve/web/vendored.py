# SPDX-License-Identifier: Apache-2.0
"""Scripts of others that travel with the pages: where they are from, and their digests.

``python -m hepacast.serve.web.vendored`` fetches them again with npm, and writes
only what has the digest below.  Nothing is fetched when pages are served.
"""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hepacast.core.errors import HepacastError
from hepacast.io.store import write_atomic

FOLDER = Path(__file__).parent / "vendor"


class VendoredError(HepacastError, ValueError):
    """A script of somebody else's that is not the one that was looked at."""


@dataclass(frozen=True, slots=True)
class Vendored:
    """One file of one package.

    Parameters
    ----------
    name : str
        File below ``vendor``.
    package, version, member : str
        Where npm has it.
    licence : str
        SPDX name; the text stands beside the file.
    sha384 : str
        Digest of the file in base64, as pages name it for the browser to check.
    """

    name: str
    package: str
    version: str
    member: str
    licence: str
    sha384: str


FILES = (
    Vendored(
        name="niivue.js",
        package="@niivue/niivue",
        version="0.69.0",
        member="package/dist/index.js",
        licence="BSD-2-Clause",
        sha384="Oj9fatD3crA3oSZsrg5fWCsmlLudA9ZjyaMKlMVl88hfAihHne1RpyZ9l5EQrozR",
    ),
    Vendored(
        name="htmx.min.js",
        package="htmx.org",
        version="2.0.7",
        member="package/dist/htmx.min.js",
        licence="0BSD",
        sha384="ZBXiYtYQ6hJ2Y0ZNoYuI+Nq5MqWBr+chMrS/RkXpNzQCApHEhOt2aY8EJgqwHLkJ",
    ),
)


def sha384(data: bytes) -> str:
    """Digest a file as the attribute ``integrity`` of a page names it.

    Examples
    --------
    >>> sha384(b"")[:16]
    'OLBgp1GsljhM2TJ+'
    """
    return base64.b64encode(hashlib.sha384(data).digest()).decode("ascii")


def require_digest(one: Vendored, data: bytes) -> bytes:
    """Return the bytes if they are the ones that were looked at.

    Raises
    ------
    VendoredError
        If they are not.
    """
    if sha384(data) != one.sha384:
        raise VendoredError(
            what=f"{one.name} is {one.package} {one.version}, byte for byte",
            got=f"sha384 {sha384(data)[:16]}…",
            fix="Fetch it again; if the package was changed on purpose, read it first.",
        )
    return data


def fetch() -> None:
    """Fetch every file with npm, check it, and put it into its place."""
    npm = shutil.which("npm") or "npm"
    for one in FILES:
        with tempfile.TemporaryDirectory() as place:
            command = [npm, "pack", "--silent", f"{one.package}@{one.version}"]
            subprocess.run(command, cwd=place, check=True, capture_output=True)  # noqa: S603 - ours
            archive = next(Path(place).glob("*.tgz")).read_bytes()
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            member = packed.extractfile(one.member)
            data = b"" if member is None else member.read()
        write_atomic(FOLDER / one.name, require_digest(one, data))


if __name__ == "__main__":
    fetch()
    sys.stdout.write(f"{len(FILES)} files are as they should be\n")
