# SPDX-License-Identifier: Apache-2.0
"""A signature (Ed25519) under what a centre sends back, so that a change on the way is noticed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hepacast.core.errors import HepacastError, StudyError
from hepacast.core.provenance import canonical_json, digest_bytes
from hepacast.io.store import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

FIGURES, PAGE, SEAL = "validation.json", "validation.html", "signature.json"
_ALGORITHM = "Ed25519"


class SealError(HepacastError, ValueError):
    """Something that was changed after it was signed, or was signed by somebody else."""


def new_key(path: Path) -> Path:
    """Make a key of a centre; the public half goes beside it, to be sent once.

    Parameters
    ----------
    path : Path
        New file, for the owner's eyes only; not overwritten.

    Returns
    -------
    Path
        Of the public key.

    Raises
    ------
    StudyError
        If there is a file already.
    """
    ed, codes = _library()
    key = ed.Ed25519PrivateKey.generate()
    secret = key.private_bytes(codes.Encoding.PEM, codes.PrivateFormat.PKCS8, codes.NoEncryption())
    public = path.with_name(f"{path.name}.pub")
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise StudyError(
            what="a new key is written to a new file",
            got="one that exists",
            fix="Use the key that is there, or name another file.",
        ).at(file=path.name) from None
    path.write_bytes(secret)
    lines = codes.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(codes.Encoding.PEM, lines))
    return public


def seal(folder: Path, key: Path) -> Path:
    """Sign figures and page.

    Parameters
    ----------
    folder : Path
        Holds both.
    key : Path
        From :func:`new_key`.

    Returns
    -------
    Path
        The signature.
    """
    secret = read_secret(key)
    files = {name: digest_bytes((folder / name).read_bytes()) for name in (FIGURES, PAGE)}
    content = {
        "algorithm": _ALGORITHM,
        "public_key": _raw(secret.public_key()).hex(),
        "files": files,
        "signature": secret.sign(_message(files)).hex(),
    }
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
    ed, _ = _library()
    got = ""
    try:
        content = json.loads((folder / SEAL).read_bytes())
        key = ed.Ed25519PublicKey.from_public_bytes(bytes.fromhex(content["public_key"]))
        key.verify(bytes.fromhex(content["signature"]), _message(content["files"]))
        wanted: dict[str, str] = content["files"]
        there = {name: digest_bytes((folder / name).read_bytes()) for name in (FIGURES, PAGE)}
    except Exception as error:
        # A hostile file may raise anything; InvalidSignature is no ValueError.
        raise _broken(type(error).__name__) from None
    if wanted != there:
        got = "another figure or page"
    elif public is not None and _raw(_read_public(public)) != _raw(key):
        got = "a signature by another key"
    if got:
        raise _broken(got)
    return fingerprint(_raw(key))


def fingerprint(raw: bytes) -> str:
    """Shorten a public key, to be compared over the telephone.

    >>> fingerprint(bytes(32))
    '6668-7aad-f862-bd77-6c8f'
    """
    digest = digest_bytes(raw)[:20]
    return "-".join(digest[at : at + 4] for at in range(0, 20, 4))


def _message(files: object) -> bytes:
    """Say what is signed; the first word keeps it from being taken for anything else."""
    return f"hepacast validation 1\n{canonical_json(files)}".encode()


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes_raw()


def read_secret(path: Path) -> Ed25519PrivateKey:
    """Read the private key of a centre."""
    ed, codes = _library()
    try:
        key = codes.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise _no_key(path, type(error).__name__) from None
    if not isinstance(key, ed.Ed25519PrivateKey):
        raise _no_key(path, "one of another kind")
    found: Ed25519PrivateKey = key
    return found


def _read_public(path: Path) -> Ed25519PublicKey:
    ed, codes = _library()
    try:
        key = codes.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _no_key(path, type(error).__name__) from None
    if not isinstance(key, ed.Ed25519PublicKey):
        raise _no_key(path, "one of another kind")
    found: Ed25519PublicKey = key
    return found


def _no_key(path: Path, got: str) -> StudyError:
    return StudyError(
        what=f"a key is an {_ALGORITHM} key in a PEM file",
        got=got,
        fix="Make one with `hepacast validate --new-key FILE`.",
    ).at(file=path.name)


def _broken(got: str) -> SealError:
    return SealError(
        what="figures and page are as the centre signed them",
        got=got,
        fix="Ask the centre to send them again, and compare the fingerprint of its key.",
    )


def _library() -> tuple[Any, Any]:
    """Import the package that signs."""
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - the same
    except ImportError as error:
        raise StudyError(
            what="figures are signed by the package cryptography",
            got=str(error),
            fix="Run: pip install 'hepacast[serve]'.",
        ) from error
    return ed25519, serialization
