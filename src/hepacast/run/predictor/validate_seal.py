# SPDX-License-Identifier: Apache-2.0
"""The signature under what a centre sends back, so that a change on the way is noticed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hepacast.core.errors import StudyError
from hepacast.core.provenance import canonical_json, digest_bytes
from hepacast.io.store import write_atomic
from hepacast.run.predictor.seal import (
    SealError,
    fingerprint,
    read_public,
    read_secret,
    sign,
    signer,
)

if TYPE_CHECKING:
    from pathlib import Path

FIGURES, PAGE, SEAL = "validation.json", "validation.html", "signature.json"
_PURPOSE = "validation"


def seal(folder: Path, key: Path) -> Path:
    """Sign figures and page.

    Parameters
    ----------
    folder : Path
        Holds both.
    key : Path
        From :func:`~hepacast.run.predictor.seal.new_key`.

    Returns
    -------
    Path
        The signature.
    """
    secret = read_secret(key)
    files = {name: digest_bytes((folder / name).read_bytes()) for name in (FIGURES, PAGE)}
    content = {"files": files, **sign(_PURPOSE, canonical_json(files).encode(), secret)}
    return write_atomic(folder / SEAL, json.dumps(content, indent=1) + "\n")


def verify(folder: Path, public: Path | None = None) -> str:
    """Check that figures and page are as they were signed.

    Parameters
    ----------
    folder : Path
        What was sent.
    public : Path, optional
        Public key of the centre, received on another way; without it only changes by
        somebody without any key are noticed.

    Returns
    -------
    str
        Fingerprint of the key that signed.

    Raises
    ------
    SealError
        Saying what does not fit.
    """
    try:
        content = json.loads((folder / SEAL).read_bytes())
        wanted: dict[str, str] = content["files"]
        raw = signer(_PURPOSE, canonical_json(wanted).encode(), content)
        there = {name: digest_bytes((folder / name).read_bytes()) for name in (FIGURES, PAGE)}
    except StudyError:
        raise
    except Exception as error:
        # A hostile file may raise anything; InvalidSignature is no ValueError.
        raise _broken(type(error).__name__) from None
    got = ""
    if wanted != there:
        got = "another figure or page"
    elif public is not None and read_public(public) != raw:
        got = "a signature by another key"
    if got:
        raise _broken(got)
    return fingerprint(raw)


def _broken(got: str) -> SealError:
    return SealError(
        what="figures and page are as the centre signed them",
        got=got,
        fix="Ask the centre to send them again, and compare the fingerprint of its key.",
    )
