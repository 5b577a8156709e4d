# SPDX-License-Identifier: Apache-2.0
"""Certificates: ours, and those of the authorities that we believe.

TLS 1.2 or newer, as BCP 195 and DICOM PS3.15 B.9 ask for.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, ValidationInfo, model_validator

from hepacast.core.errors import StudyError
from hepacast.core.params import Params

if TYPE_CHECKING:
    from collections.abc import Callable


def _beside_settings(path: Path, info: ValidationInfo) -> Path:
    """Find a file that the settings name beside them."""
    folder = (info.context or {}).get("folder")
    return path if folder is None else Path(folder) / path


SettingsFile = Annotated[Path, AfterValidator(_beside_settings)]
"""A file that settings name, relative to theirs."""


class ServerTlsParams(Params):
    """Encryption of a port of ours."""

    certificate: SettingsFile
    """PEM file with our certificate, and those between it and its authority."""
    key: SettingsFile
    """PEM file with its private key, readable by the service alone."""
    authority: SettingsFile | None = None
    """PEM file with the authorities of the callers; then a caller without a certificate of
    theirs is refused. Without it anybody is encrypted, and nobody is known."""


class ClientTlsParams(Params):
    """Encryption towards an archive."""

    authority: SettingsFile
    """PEM file with the authority of its certificate, or the certificate itself."""
    certificate: SettingsFile | None = None
    """PEM file with ours, where the archive asks for one."""
    key: SettingsFile | None = None
    """PEM file with its private key."""
    name: str | None = None
    """Name in the certificate of the archive; its ``host`` by default."""

    @model_validator(mode="after")
    def _both_or_none(self) -> ClientTlsParams:
        """Ask for certificate and key together."""
        if (self.certificate is None) != (self.key is None):
            msg = "certificate and key stand together"
            raise ValueError(msg)
        return self


def server_context(params: ServerTlsParams) -> ssl.SSLContext:
    """Read what a port needs.

    Raises
    ------
    StudyError
        If a file cannot be read, or key and certificate do not fit.
    """

    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(params.certificate, params.key)
        if params.authority is not None:
            context.load_verify_locations(params.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    return _made(make)


def client_context(params: ClientTlsParams) -> ssl.SSLContext:
    """Read what a connection to an archive needs; only the authority named is believed.

    Raises
    ------
    StudyError
        If a file cannot be read, or key and certificate do not fit.
    """

    def make() -> ssl.SSLContext:
        context = authority_context(params.authority)
        if params.certificate is not None:
            context.load_cert_chain(params.certificate, params.key)
        return context

    return _made(make)


def authority_context(authority: Path) -> ssl.SSLContext:
    """Believe the authorities of one file, and no other.

    Raises
    ------
    StudyError
        If it cannot be read.
    """

    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(authority)
        return context

    return _made(make)


def _made(make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    try:
        return make()
    except OSError as error:
        # Of a wrong key, OpenSSL says where in its own code it was noticed; the kind suffices.
        got = getattr(error, "reason", None) or error.strerror or type(error).__name__
        raise StudyError(
            what="certificates and keys for TLS are PEM files that fit each other",
            got=str(got),
            fix="Check the files that tls names; the service must be able to read them.",
        ) from None
