# SPDX-License-Identifier: Apache-2.0
"""Archives reached over HTTP: an address from the settings, bounded answers, no detours."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import PositiveFloat, field_validator

from hepacast.core.errors import HepacastError
from hepacast.core.params import Params
from hepacast.serve.tls import SettingsFile, authority_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

_CHUNK = 2**16
# Where clouds answer machines about themselves, keys included; of IPv4 it is link-local.
_METADATA_V6 = ipaddress.ip_address("fd00:ec2::254")


class ArchiveError(HepacastError, OSError):
    """An archive that does not answer as one does; it is asked again later."""


class WebParams(Params):
    """An archive that speaks HTTP."""

    url: str
    """Its address, such as ``http://127.0.0.1:8042``; redirections are not followed."""
    user: str = ""
    """User name, if it asks for one."""
    password: str = ""
    """Its password; keep the file of settings readable by the service alone."""
    seconds: PositiveFloat = 30.0
    """Longest wait for an answer."""
    authority: SettingsFile | None = None
    """PEM file with the authority of its certificate; by default those that browsers know."""

    @field_validator("url")
    @classmethod
    def _is_web(cls, url: str) -> str:
        """Refuse what is no address of an archive; names are resolved when they are used."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = "an address starts with http:// or https://"
            raise ValueError(msg)
        if parts.username or parts.query or parts.fragment or "\\" in url:
            msg = "an address has no user, question mark or # in it"
            raise ValueError(msg)
        try:
            found = _addresses(parts.hostname, parts.port, socket.AI_NUMERICHOST)
        except OSError:
            found = []
        if any(map(is_forbidden, found)):
            msg = "an archive is not at a link-local, multicast or unspecified address"
            raise ValueError(msg)
        return url.rstrip("/")


def is_forbidden(address: str) -> bool:
    """Say whether no archive can be at an address of the internet protocol.

    Examples
    --------
    >>> is_forbidden("169.254.169.254"), is_forbidden("::ffff:169.254.169.254")
    (True, True)
    >>> is_forbidden("127.0.0.1"), is_forbidden("10.0.0.7")
    (False, False)
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return (
        found.is_link_local or found.is_multicast or found.is_unspecified or found == _METADATA_V6
    )


def _addresses(host: str, port: int | None, flags: int = 0) -> list[str]:
    """Resolve a host."""
    return [str(one[4][0]) for one in socket.getaddrinfo(host, port, flags=flags)]


@contextmanager
def reach(params: WebParams) -> Iterator[httpx.Client]:
    """Open a client of one archive, below whose address every path lies.

    Raises
    ------
    ArchiveError
        If the name leads to a forbidden address, there is no answer, or a strange one.
    """
    import httpx  # noqa: PLC0415 - loads slowly

    parts = urlsplit(params.url)
    try:
        found = _addresses(str(parts.hostname), parts.port)
        if any(map(is_forbidden, found)):
            raise strange(got="a name of a forbidden address")
        with httpx.Client(
            base_url=params.url + "/",
            auth=(params.user, params.password) if params.user else None,
            timeout=params.seconds,
            follow_redirects=False,
            verify=True if params.authority is None else authority_context(params.authority),
            trust_env=False,  # no proxies and passwords of the surroundings
            headers={"Accept-Encoding": "identity"},
        ) as client:
            yield client
    except ArchiveError:
        raise
    except (OSError, httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise strange(type(error).__name__) from None


def fetch(
    client: httpx.Client,
    path: str,
    *,
    accept: str = "application/json",
    query: dict[str, str] | None = None,
    most_bytes: int = 2**26,
) -> tuple[bytes, str] | None:
    """Get one answer, and its content type; None where there is nothing (204, 404).

    Raises
    ------
    ArchiveError
        If it is refused, redirected, or larger than allowed.
    """
    found = bytearray()
    with client.stream("GET", path, headers={"Accept": accept}, params=query) as answer:
        if answer.status_code in {204, 404}:
            return None
        if answer.status_code != 200:
            raise strange(got=f"HTTP {answer.status_code}")
        for part in answer.iter_bytes(_CHUNK):
            found += part
            if len(found) > most_bytes:
                raise strange(got=f"an answer of more than {most_bytes} bytes")
        return bytes(found), answer.headers.get("content-type", "")


def strange(got: str) -> ArchiveError:
    """Return the error for an archive that is away, or answers strangely."""
    return ArchiveError(
        what="an archive answers as its documentation says",
        got=got,
        fix="Check its address, user and password in the settings of the node.",
    )
