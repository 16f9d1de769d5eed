"""TLS certificates that follow from a seed kept in the stack's state, and renew themselves in time.

Nothing but a seed (32 random bytes, a Pulumi secret) is stored. Key and certificate are derived from it, so two
previews with nothing changed in between agree to the last byte, on any machine and any Python. Validity is cut into
windows of half its length: within one window the certificate stays the same, in the next one a new one is made.
Whenever ``pulumi up`` runs, at least half of the validity is left.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_EPOCH = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of secp256r1, SEC 2 v2.0
_AUTHORITY_DAYS = 7300


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server certificate, the authority that clients trust, and the moment it ends (PEM, UTC)."""

    combined_pem: str = field(repr=False)  # private key, certificate, authority
    authority_pem: str
    not_after: datetime.datetime


@dataclass(frozen=True, slots=True)
class _Window:
    number: int
    start: datetime.datetime
    end: datetime.datetime


def issue(seed: bytes, *, names: Sequence[str], validity_days: int, now: datetime.datetime) -> Certificate:
    """The certificate of the window that ``now`` is in.

    Args:
        seed: secret bytes; the same seed gives the same keys.
        names: DNS names and IP addresses; the first one is the subject.
        validity_days: length of the validity; windows have half of it.
        now: any moment, timezone-aware.
    """
    authority_window = _window(now, _AUTHORITY_DAYS)
    authority_key = _key(seed, "authority", authority_window.number)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{names[0]} authority {authority_window.number}")])
    authority = _sign(_authority(issuer, authority_key, authority_window, seed), authority_key)

    window = _window(now, validity_days)
    key = _key(seed, "server", window.number)
    unsigned = _server(issuer=issuer, key=key, authority_key=authority_key, window=window, names=names, seed=seed)
    server = _sign(unsigned, authority_key)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return Certificate(pem + _pem(server) + _pem(authority), _pem(authority), window.end)


def _window(now: datetime.datetime, validity_days: int) -> _Window:
    validity = datetime.timedelta(days=validity_days)
    number = (now - _EPOCH) // (validity / 2)
    start = _EPOCH + number * (validity / 2)
    return _Window(number, start - datetime.timedelta(hours=1), start + validity)


def _key(seed: bytes, purpose: str, number: int) -> ec.EllipticCurvePrivateKey:
    # 64 bytes reduced modulo the order: the bias is below 2**-256 (FIPS 186-5, A.2.1).
    wide = hashlib.shake_256(seed + f"/{purpose}/{number}".encode()).digest(64)
    return ec.derive_private_key(int.from_bytes(wide) % (_CURVE_ORDER - 1) + 1, ec.SECP256R1())


def _builder(
    issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePrivateKey, window: _Window, serial: bytes
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(hashlib.sha256(serial).digest()[:16]) | 1)
        .not_valid_before(window.start)
        .not_valid_after(window.end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _authority(
    issuer: x509.Name, key: ec.EllipticCurvePrivateKey, window: _Window, seed: bytes
) -> x509.CertificateBuilder:
    return (
        _builder(issuer, issuer, key, window, seed + f"authority{window.number}".encode())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )


def _server(
    *,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    authority_key: ec.EllipticCurvePrivateKey,
    window: _Window,
    names: Sequence[str],
    seed: bytes,
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    serial = seed + f"server{window.number}{window.end}{','.join(names)}".encode()
    return (
        _builder(issuer, subject, key, window, serial)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
