"""Certificates that real TLS accepts, and password hashes as Trino reads them."""

import hashlib
import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest

from targets.embedded.tls import Certificates, issue, password_entry, write_private


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return issue(tmp_path)


def _handshake(certificates: Certificates, trusted: Path, name: str) -> dict[str, object]:
    """Connect over loopback to a TLS server that uses the certificate; what the client saw of it."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificates.server_pem)
    client_context = ssl.create_default_context(cafile=str(trusted))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            try:
                with server_context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(1)
            except OSError:  # the client refused the certificate
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname(), timeout=10) as plain,
                client_context.wrap_socket(plain, server_hostname=name) as secured,
            ):
                return dict(secured.getpeercert() or {})
        finally:
            thread.join(10)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_clients_that_trust_the_authority_accept_the_server(certificates: Certificates, name: str) -> None:
    assert _handshake(certificates, certificates.ca_file, name)["subjectAltName"]


def test_another_runs_authority_does_not_vouch_for_it(certificates: Certificates, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = issue(tmp_path / "other")
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(certificates, other.ca_file, "localhost")


def test_another_name_is_refused(certificates: Certificates) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(certificates, certificates.ca_file, "example.com")


def test_the_authoritys_key_is_kept_nowhere(certificates: Certificates) -> None:
    assert "PRIVATE KEY" not in certificates.ca_file.read_text()
    assert certificates.server_pem.read_text().count("BEGIN PRIVATE KEY") == 1


def test_password_entry_verifies_as_pbkdf2_with_sha1() -> None:
    user, iterations, salt, digest = password_entry("runner", "pass word").strip().split(":")
    expected = hashlib.pbkdf2_hmac("sha1", b"pass word", bytes.fromhex(salt), int(iterations), dklen=len(digest) // 2)
    assert user == "runner"
    assert digest == expected.hex()
    assert int(iterations) >= 1000  # the least Trino takes


def test_password_entries_are_salted() -> None:
    assert password_entry("runner", "same") != password_entry("runner", "same")


def test_private_files_are_their_owners_only(tmp_path: Path) -> None:
    path = write_private(tmp_path / "secret", "value")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "value"


def test_private_files_are_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"symbolic links|Too many"):
        write_private(tmp_path / "link", "value")
    assert not (tmp_path / "elsewhere").exists()
