# SPDX-License-Identifier: Apache-2.0
"""Signatures (Ed25519): who wrote something, and that nobody has changed it since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hepacast.core.errors import HepacastError, StudyError
from hepacast.core.provenance import digest_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

ALGORITHM = "Ed25519"


class SealError(HepacastError, ValueError):
    """Something that was changed after it was signed, or was signed by somebody else."""


def new_key(path: Path) -> Path:
    """Make a key; the public half goes beside it, to be sent once.

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


def sign(purpose: str, content: bytes, key: Ed25519PrivateKey) -> dict[str, str]:
    """Sign some bytes.

    Parameters
    ----------
    purpose : str
        What they are; a signature for one purpose is none for another.
    content : bytes
        The bytes.
    key : Ed25519PrivateKey
        From :func:`read_secret`.

    Returns
    -------
    dict of str to str
        Algorithm, public key and signature, for a JSON file.
    """
    return {
        "algorithm": ALGORITHM,
        "public_key": key.public_key().public_bytes_raw().hex(),
        "signature": key.sign(_message(purpose, content)).hex(),
    }


def signer(purpose: str, content: bytes, said: Mapping[str, Any]) -> bytes:
    """Return the public key, raw, that signed some bytes.

    Whose key it is must be compared by the caller: anybody can sign with one of his own.

    Parameters
    ----------
    purpose, content : str, bytes
        As for :func:`sign`.
    said : mapping
        What :func:`sign` returned; it may be hostile.

    Raises
    ------
    Exception
        Of any kind, if it is no signature of these bytes.
    """
    ed, _ = _library()
    if said["algorithm"] != ALGORITHM:
        raise ValueError(said["algorithm"])
    key = ed.Ed25519PublicKey.from_public_bytes(bytes.fromhex(said["public_key"]))
    key.verify(bytes.fromhex(said["signature"]), _message(purpose, content))
    raw: bytes = key.public_bytes_raw()
    return raw


def fingerprint(raw: bytes) -> str:
    """Shorten a public key, to be compared over the telephone.

    >>> fingerprint(bytes(32))
    '6668-7aad-f862-bd77-6c8f'
    """
    digest = digest_bytes(raw)[:20]
    return "-".join(digest[at : at + 4] for at in range(0, 20, 4))


def _message(purpose: str, content: bytes) -> bytes:
    """Say what is signed; the first line keeps it from being taken for anything else."""
    return f"hepacast {purpose} 1\n".encode() + content


def read_secret(path: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises
    ------
    StudyError
        If the file holds none.
    """
    ed, codes = _library()
    try:
        key = codes.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise _no_key(path, type(error).__name__) from None
    if not isinstance(key, ed.Ed25519PrivateKey):
        raise _no_key(path, "one of another kind")
    found: Ed25519PrivateKey = key
    return found


def read_public(path: Path) -> bytes:
    """Read a public key, raw.

    Raises
    ------
    StudyError
        If the file holds none.
    """
    ed, codes = _library()
    try:
        key = codes.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _no_key(path, type(error).__name__) from None
    if not isinstance(key, ed.Ed25519PublicKey):
        raise _no_key(path, "one of another kind")
    found: Ed25519PublicKey = key
    return found.public_bytes_raw()


def _no_key(path: Path, got: str) -> StudyError:
    return StudyError(
        what=f"a key is an {ALGORITHM} key in a PEM file",
        got=got,
        fix="Make one with `hepacast sign --new-key FILE`; the public half ends in .pub.",
    ).at(file=path.name)


def _library() -> tuple[Any, Any]:
    """Import the package that signs."""
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - the same
    except ImportError as error:
        raise StudyError(
            what="signatures are made and checked by the package cryptography",
            got=str(error),
            fix="Run: pip install 'hepacast[serve]'.",
        ) from error
    return ed25519, serialization
