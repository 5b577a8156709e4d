# SPDX-License-Identifier: Apache-2.0
"""Who may do what: tokens of which only digests are kept."""

from __future__ import annotations

import hmac
import json
import secrets
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from hepacast.core.errors import StudyError
from hepacast.core.params import Params
from hepacast.core.provenance import digest_bytes

if TYPE_CHECKING:
    from pathlib import Path

Role = Literal["sender", "reader", "monitor"]
MAY: dict[Role, frozenset[str]] = {
    "sender": frozenset({"send", "read", "forget"}),
    "reader": frozenset({"read"}),
    "monitor": frozenset({"watch"}),
}
"""What every role may do."""


class Token(Params):
    """One line of the file of tokens."""

    name: str
    """Who holds it; written to the audit log."""
    role: Role
    """What the holder may do."""
    sha256: str
    """Digest of the token; the token itself is long and random, so no salt is needed."""


def new_token(path: Path, name: str, role: Role) -> str:
    """Make a token, keep its digest in a file, and return it: it is shown this once."""
    token = secrets.token_urlsafe(32)
    kept = read_tokens(path) if path.exists() else ()
    lines = [*kept, Token(name=name, role=role, sha256=digest_bytes(token.encode()))]
    path.touch(mode=0o600)
    path.write_text(
        json.dumps([one.model_dump() for one in lines], indent=1) + "\n", encoding="utf-8"
    )
    return token


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Read the file of tokens.

    Raises
    ------
    StudyError
        If it is not what :func:`new_token` writes.
    """
    try:
        return TypeAdapter(tuple[Token, ...]).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise StudyError(
            what="a file of tokens holds name, role and sha256 of each",
            got=type(error).__name__,
            fix="Make one with `hepacast api --new-token NAME`.",
        ).at(file=path.name) from None


def find_token(tokens: tuple[Token, ...], said: str) -> Token | None:
    """Return the token whose digest is that of what was said; all are compared, at one speed."""
    digest = digest_bytes(said.encode("utf-8", "surrogateescape"))
    found = [one for one in tokens if hmac.compare_digest(one.sha256, digest)]
    return found[0] if found else None
