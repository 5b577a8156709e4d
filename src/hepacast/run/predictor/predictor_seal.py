# SPDX-License-Identifier: Apache-2.0
"""The signature of a predictor: who vouches for the digests of its files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hepacast.core.errors import StudyError
from hepacast.run.predictor.seal import (
    SealError,
    fingerprint,
    read_public,
    signer,
)

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
PURPOSE = "predictor"


def require_signature(folder: Path, public: Path) -> None:
    """Refuse a predictor that the owner of a key has not signed, before it is read.

    Raises
    ------
    SealError
        If there is no manifest with a signature, or it is by another key.
    """
    try:
        manifest = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise _unsigned(folder, type(error).__name__) from None
    require_signed(folder, manifest, public)


def require_signed(folder: Path, manifest: bytes, public: Path) -> None:
    """Refuse a predictor that the owner of a key has not signed.

    Parameters
    ----------
    folder : Path
        The predictor.
    manifest : bytes
        Its manifest, as read: the very bytes whose digests are compared next.
    public : Path
        The public key, received on another way than the predictor.

    Raises
    ------
    SealError
        If there is no signature, or it is not of this manifest, or by another key.
    """
    wanted = read_public(public)
    path = folder / SIGNATURE
    if not path.is_file():
        raise _unsigned(folder, "none")
    try:
        raw = signer(PURPOSE, manifest, json.loads(path.read_bytes()))
    except StudyError:
        raise
    except Exception as error:
        # A hostile file may raise anything; InvalidSignature is no ValueError.
        raise _unsigned(folder, type(error).__name__) from None
    if raw != wanted:
        raise _unsigned(folder, f"one by the key {fingerprint(raw)}")


def _unsigned(folder: Path, got: str) -> SealError:
    return SealError(
        what="the predictor has a signature by the key that is configured",
        got=got,
        fix="Take it from where it was made, or compare fingerprints with whoever signed it.",
    ).at(predictor=folder.name)
