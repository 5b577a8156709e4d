# SPDX-License-Identifier: Apache-2.0
"""What stands before every page: the token, the paths that are refused, the headers."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = "web.jsonl"
"""File beside the results that holds every refusal."""
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing from other hosts, no script or style inside a page."""
_LOCAL = frozenset({"127.0.0.1", "localhost"})
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def new_token() -> str:
    """Make a token that nobody guesses: 256 random bits."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Refusals:
    """Log of what was refused: one JSON object per line; the token is never in it.

    Parameters
    ----------
    path : Path
        Appended to.
    clock : callable
        Seconds since 1970; for tests.
    """

    path: Path
    clock: Callable[[], float] = time.time

    def write(self, scope: Scope, why: str, status: int) -> None:
        """Keep the reason, the way that was asked for (without its query) and who asked."""
        client = scope.get("client") or ("unknown", 0)
        line = {
            "at": round(self.clock(), 3),
            "event": "refused",
            "why": why,
            "status": status,
            "method": scope["method"],
            "path": _raw_path(scope)[:200],
            "from": client[0],
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=True) + "\n")


class Guard:
    """Middleware that lets only the holder of the token through.

    The token comes once in the query of the first page, and travels in a cookie from
    then on, which scripts cannot read and other sites cannot send.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    token : str
        From :func:`new_token`.
    refusals : Refusals
        Told of everything that is refused.
    """

    def __init__(self, app: ASGIApp, token: str, refusals: Refusals) -> None:
        self.app, self.token, self.refusals = app, token, refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on and add the headers."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        response = self._decide(scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                if response is None and message["status"] in {404, 405}:
                    self.refusals.write(scope, "no such page", message["status"])
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("content-security-policy", POLICY)
            await send(message)

        await (response or self.app)(scope, receive, answer)

    def _decide(self, scope: Scope) -> Response | None:
        """Return the refusal, or None where the way is free."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        origin = headers.get("origin")
        if host.rsplit(":", 1)[0] not in _LOCAL:
            # A name of somebody else's that leads here: rebinding of names.
            return self._refuse(scope, "another host", 403)
        if is_unsafe(_raw_path(scope)):
            return self._refuse(scope, "path leaves its folder", 400)
        if scope["method"] not in {"GET", "HEAD"} and origin not in {None, f"http://{host}"}:
            return self._refuse(scope, "sent from another site", 403)
        cookie = f"hepacast-{(scope.get('server') or ('', 0))[1]}"
        if self._holds(_cookie(headers.get("cookie", ""), cookie)):
            return None
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if self._holds(given) and scope["path"] == "/":
            response = RedirectResponse("/", 303)
            response.set_cookie(cookie, self.token, httponly=True, samesite="strict", path="/")
            return response
        return self._refuse(scope, "wrong token" if given else "no token", 401)

    def _holds(self, given: str) -> bool:
        """Compare in a time that does not depend on how much is right."""
        return secrets.compare_digest(given.encode(), self.token.encode())

    def _refuse(self, scope: Scope, why: str, status: int) -> Response:
        """Log and answer without saying more than needed."""
        self.refusals.write(scope, why, status)
        text = "Refused. Open the address that hepacast serve printed, with its token.\n"
        return PlainTextResponse(text, status)


def is_unsafe(path: str) -> bool:
    """Say whether a path, decoded as often as it can be, climbs or hides something.

    Examples
    --------
    >>> is_unsafe("/case/%252e%252e%252fetc"), is_unsafe("/case/a..b"), is_unsafe("/a%00")
    (True, False, True)
    """
    for _ in range(8):
        parts = path.replace("\\", "/").split("/")
        if ".." in parts or "." in parts or any(ord(sign) < 32 for sign in path):
            return True
        # What follows a semicolon is a parameter to some servers, and "..;" climbs there.
        if any(part.split(";")[0] == ".." for part in parts):
            return True
        decoded = unquote(path)
        if decoded == path:
            return "\\" in path
        path = decoded
    return True


def _raw_path(scope: Scope) -> str:
    """Return the path as it was sent."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.split(b"?")[0].decode("latin-1")


def _cookie(header: str, name: str) -> str:
    """Find a cookie; a header that nobody can read holds none."""
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value
