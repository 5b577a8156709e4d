"""Encryption of the DICOM port, of what goes to an archive, and of the interface for programs."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import http.server
import ipaddress
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pydicom
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pynetdicom import AE, AllStoragePresentationContexts, evt

from hepacast.core.errors import StudyError
from hepacast.serve.address import ArchiveError, WebParams, fetch, reach
from hepacast.serve.audit import Audit
from hepacast.serve.deliver import Deliver, StoreParams
from hepacast.serve.jobs import Job
from hepacast.serve.listen import ListenParams, listen
from hepacast.serve.node import read_settings
from hepacast.serve.spool import Spool
from hepacast.serve.tls import ClientTlsParams, ServerTlsParams, client_context, server_context
from tests.serve.peers import dataset, echo, free_port, is_open, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hepacast.serve.jobs import Jobs

JOB = Job("a", "test", "working", "", 1, 0.0, None)
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*unclosed <:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <:ResourceWarning"),
]


@dataclass(frozen=True)
class Papers:
    """Certificate and key of one authority, server or caller."""

    certificate: Path
    key: Path


def issue(folder: Path, name: str, host: str = "127.0.0.1") -> Papers:
    """Write a certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address(host))
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    found = Papers(folder / f"{name}.pem", folder / f"{name}.key")
    found.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    found.key.write_bytes(key.private_bytes(*pem, serialization.NoEncryption()))
    return found


@pytest.fixture(autouse=True)
def _no_socket_is_left_to_other_tests() -> Iterator[None]:
    """Collect what clients leave of a handshake that failed, where it is expected."""
    yield
    gc.collect()


@pytest.fixture
def ours(tmp_path: Path) -> Papers:
    return issue(tmp_path, "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Papers:
    return issue(tmp_path, "theirs")


@pytest.fixture
def stranger(tmp_path: Path) -> Papers:
    return issue(tmp_path, "stranger")


@pytest.fixture
def spool(jobs: Jobs, tmp_path: Path) -> Spool:
    return Spool(jobs, Audit(tmp_path / "audit.jsonl"), "d" * 64, quiet_s=0)


@contextlib.contextmanager
def listening(spool: Spool, tls: ServerTlsParams) -> Iterator[int]:
    port = free_port()
    server = listen(ListenParams(port=port, callers=("PACS",), idle_s=3, tls=tls), spool)
    try:
        yield port
    finally:
        server.shutdown()


def send_one(port: int, context: ssl.SSLContext) -> int | None:
    """Send one object; the status, or None where there was no association."""
    ae = AE(ae_title="PACS")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
    ds = dataset(1, 1)
    ae.add_requested_context(ds.SOPClassUID, pydicom.uid.ExplicitVRLittleEndian)
    secure = (context, "127.0.0.1")
    association = ae.associate("127.0.0.1", port, ae_title="HEPACAST", tls_args=secure)
    if not association.is_established:
        return None
    try:
        status: int = association.send_c_store(ds).Status
        return status
    finally:
        association.release()


def believing(authority: Papers, own: Papers | None = None) -> ssl.SSLContext:
    """Make the caller's side."""
    return client_context(
        ClientTlsParams(
            authority=authority.certificate,
            certificate=own and own.certificate,
            key=own and own.key,
        )
    )


def test_an_object_arrives_encrypted_and_one_in_the_clear_does_not(
    ours: Papers, spool: Spool
) -> None:
    tls = ServerTlsParams(certificate=ours.certificate, key=ours.key)
    with listening(spool, tls) as port:
        assert send_one(port, believing(ours)) == 0
        assert not echo(port)
        assert len(list(spool.folder.glob("*/*.dcm"))) == 1


def test_a_caller_without_a_certificate_of_the_authority_is_refused(
    ours: Papers, theirs: Papers, stranger: Papers, spool: Spool
) -> None:
    tls = ServerTlsParams(certificate=ours.certificate, key=ours.key, authority=theirs.certificate)
    with listening(spool, tls) as port:
        assert send_one(port, believing(ours)) is None
        assert send_one(port, believing(ours, stranger)) is None
        assert send_one(port, believing(ours, theirs)) == 0


def test_old_versions_of_tls_are_refused(ours: Papers, spool: Spool) -> None:
    tls = ServerTlsParams(certificate=ours.certificate, key=ours.key)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(ours.certificate)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with listening(spool, tls) as port:
        assert send_one(port, old) is None
        assert send_one(port, believing(ours)) == 0


def test_callers_who_do_not_shake_hands_keep_nobody_out(ours: Papers, spool: Spool) -> None:
    tls = ServerTlsParams(certificate=ours.certificate, key=ours.key)
    with listening(spool, tls) as port, contextlib.ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
        assert send_one(port, believing(ours)) == 0


def test_callers_who_speak_no_tls_leave_nothing_behind(ours: Papers, spool: Spool) -> None:
    tls = ServerTlsParams(certificate=ours.certificate, key=ours.key)

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with listening(spool, tls) as port:
        before = descriptors()
        for said in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x40\x00" + b"\x00" * 64) * 15:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
                caller.sendall(said)
                caller.shutdown(socket.SHUT_WR)
                with contextlib.suppress(OSError):
                    caller.recv(1000)
        wait_for(lambda: descriptors() <= before, 15)
        assert send_one(port, believing(ours)) == 0


@contextlib.contextmanager
def archive(papers: Papers, authority: Papers | None, got: list[str]) -> Iterator[int]:
    """Run an archive that takes objects over TLS."""
    ae = AE(ae_title="ARCHIVE")
    ae.supported_contexts = AllStoragePresentationContexts

    def store(event: evt.Event) -> int:
        got.append(str(event.dataset.SOPInstanceUID))
        return 0

    tls = ServerTlsParams(
        certificate=papers.certificate,
        key=papers.key,
        authority=authority and authority.certificate,
    )
    port = free_port()
    server = ae.start_server(
        ("127.0.0.1", port),
        block=False,
        evt_handlers=[(evt.EVT_C_STORE, store)],
        ssl_context=server_context(tls),
    )
    assert server is not None
    try:
        yield port
    finally:
        server.shutdown()


def test_results_go_only_to_the_archive_whose_certificate_is_known(
    ours: Papers, theirs: Papers, stranger: Papers, tmp_path: Path
) -> None:
    out, got = tmp_path / "out", list[str]()
    out.mkdir()
    pydicom.dcmwrite(out / "1.dcm", dataset(1, 1), enforce_file_format=True)

    def deliver(port: int, tls: Mapping[str, object] | None) -> None:
        target = {"host": "127.0.0.1", "port": port, "aet": "ARCHIVE", "seconds": 5, "tls": tls}
        Deliver(StoreParams.model_validate(target), "OURS")(JOB, out)

    own = {"certificate": ours.certificate, "key": ours.key}
    with archive(theirs, ours, got) as port:
        for tls in (
            None,
            {"authority": stranger.certificate, **own},
            {"authority": theirs.certificate},
            {"authority": theirs.certificate, **own, "name": "pacs.elsewhere"},
        ):
            with pytest.raises(ArchiveError):
                deliver(port, tls)
        assert got == []
        deliver(port, {"authority": theirs.certificate, **own})
    assert len(got) == 1


def test_an_archive_with_a_certificate_of_the_house_is_asked_over_https(
    theirs: Papers, stranger: Papers
) -> None:
    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *words: object) -> None:
            del words

    class Web(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            del request, client_address

    tls = ServerTlsParams(certificate=theirs.certificate, key=theirs.key)
    with Web(("127.0.0.1", 0), Answers) as server:
        server.socket = server_context(tls).wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"https://127.0.0.1:{server.server_port}"
        with reach(WebParams(url=url, authority=theirs.certificate)) as client:
            assert fetch(client, "studies") == (b"[]", "")
        for authority in (None, stranger.certificate):
            with (
                pytest.raises(ArchiveError, match="ConnectError"),
                reach(WebParams(url=url, authority=authority)) as client,
            ):
                fetch(client, "studies")
        server.shutdown()


def test_files_lie_beside_the_settings_and_wrong_ones_are_refused_at_the_start(
    ours: Papers, theirs: Papers, tmp_path: Path
) -> None:
    def settings(**tls: str) -> dict[str, object]:
        return {"listen": {"callers": ["PACS"], "tls": tls}}

    path = tmp_path / "node.yaml"
    path.write_text(json.dumps(settings(certificate="ours.pem", key="ours.key")))
    params = read_settings(path)
    assert params.listen is not None
    assert params.listen.tls is not None
    assert params.listen.tls.key == ours.key
    web = {"kind": "stow", "url": "https://pacs", "authority": "gone.pem"}
    store = {"host": "pacs", "port": 1, "aet": "A", "tls": {"authority": "gone.pem"}}
    half = {**store, "tls": {"authority": "theirs.pem", "key": "ours.key"}}
    for wrong, said in (
        (settings(certificate="ours.pem", key="theirs.key"), "fit each other"),
        (settings(certificate="ours.pem", key="gone.key"), "No such file"),
        (settings(certificate="ours.key", key="ours.key"), "PEM"),
        ({"listen": {"callers": ["PACS"]}, "target": web}, "No such file"),
        ({"listen": {"callers": ["PACS"]}, "target": {"kind": "c-store", **store}}, "No such file"),
        ({"listen": {"callers": ["PACS"]}, "target": {"kind": "c-store", **half}}, "together"),
    ):
        path.write_text(json.dumps(wrong))
        with pytest.raises(StudyError, match=said):
            read_settings(path)
    assert theirs.key.is_file()


def test_the_interface_for_programs_speaks_https(ours: Papers, small: Path, tmp_path: Path) -> None:
    port = free_port()
    words = ["api", str(small / "out" / "predictor"), "--state", str(tmp_path / "state")]
    secure = ["--certificate", str(ours.certificate), "--key", str(ours.key)]
    main = "from hepacast.cli.main import main; main()"
    command = [sys.executable, "-c", main, *words, "--port", str(port), *secure]
    log = (tmp_path / "log.txt").open("wb")
    with log, subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True) as running:
        try:
            wait_for(lambda: is_open(port), 120)
            answer = httpx.get(f"https://127.0.0.1:{port}/v1/health", verify=believing(ours))
            assert answer.json()["status"] == "ok"
            with pytest.raises(httpx.HTTPError):
                httpx.get(f"http://127.0.0.1:{port}/v1/health")
        finally:
            os.killpg(running.pid, signal.SIGKILL)
    assert b"https://" in (tmp_path / "log.txt").read_bytes()
