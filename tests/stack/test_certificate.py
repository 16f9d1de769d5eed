"""The certificate stays the same until half of its validity is over, and is one that clients accept."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtensionOID
from cryptography.x509.verification import PolicyBuilder, Store

from components.certificate import Certificate, issue

SEED = bytes(range(32))
NAMES = ["trino.here.svc", "localhost", "127.0.0.1"]
NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)


def made(now: datetime.datetime = NOW, *, seed: bytes = SEED, names: list[str] = NAMES, days: int = 100) -> Certificate:
    return issue(seed, names=names, validity_days=days, now=now)


def test_two_updates_close_together_make_the_same_bytes() -> None:
    assert made() == made(NOW + datetime.timedelta(minutes=5))


def test_at_least_half_of_the_validity_is_left_whenever_it_is_made() -> None:
    for day in range(400):
        now = NOW + datetime.timedelta(days=day)
        left = made(now).not_after - now
        assert datetime.timedelta(days=50) <= left <= datetime.timedelta(days=100)


def test_it_is_renewed_before_it_ends_under_the_same_authority() -> None:
    first = made()
    renewed = made(first.not_after - datetime.timedelta(days=10))
    assert renewed.combined_pem != first.combined_pem
    assert renewed.authority_pem == first.authority_pem


def test_other_names_or_another_seed_make_another_certificate() -> None:
    assert made(names=[*NAMES, "trino.example.org"]).combined_pem != made().combined_pem
    assert made(seed=b"\1" * 32).authority_pem != made().authority_pem


def test_a_client_that_trusts_the_authority_accepts_every_name() -> None:
    certificate = made()
    chain = x509.load_pem_x509_certificates(certificate.combined_pem.encode())
    store = Store(x509.load_pem_x509_certificates(certificate.authority_pem.encode()))
    verifier = PolicyBuilder().store(store).time(NOW).build_server_verifier(x509.DNSName(NAMES[0]))
    assert verifier.verify(chain[0], chain[1:])
    names = chain[0].extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert isinstance(names, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == NAMES[:2]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == NAMES[2:]


def test_key_and_chain_are_one_file_that_a_server_can_load(tmp_path: Path) -> None:
    path = tmp_path / "tls-combined.pem"
    path.write_text(made().combined_pem)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)


def test_the_private_key_is_not_in_the_representation() -> None:
    assert "PRIVATE" not in repr(made())
