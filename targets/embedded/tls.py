"""Certificates and password hashes for one embedded run.

Both are made anew for each run and die with its state directory, so nothing here is ever a long-lived secret.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALIDITY = dt.timedelta(days=30)
CLOCK_SKEW = dt.timedelta(hours=1)
HASH_ITERATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Certificates:
    """``ca_file`` is what clients trust; ``server_pem`` holds the server's key and certificate (mode 0600)."""

    ca_file: Path
    server_pem: Path


def issue(directory: Path) -> Certificates:
    """Make a certificate authority and one server certificate for this machine's loopback names.

    The authority's private key is never written: nobody can issue a second certificate clients would trust.

    Args:
        directory: where ``ca.pem`` and ``server.pem`` are written.
    """
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("query-engine-reliability embedded CA")
    ca = _builder(ca_name, ca_name, ca_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    key = ec.generate_private_key(ec.SECP256R1())
    server = _server_builder(ca_name, key.public_key())
    certificates = Certificates(directory / "ca.pem", directory / "server.pem")
    ca_pem = ca.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    server_pem = server.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    write_private(certificates.ca_file, ca_pem)
    write_private(certificates.server_pem, _key_pem(key) + server_pem)
    return certificates


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + VALIDITY)
    )


def _server_builder(issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    names = x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")),
            x509.IPAddress(ipaddress.IPv6Address("::1")),
        ]
    )
    return (
        _builder(_name("localhost"), issuer, key)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def password_entry(user: str, password: str) -> str:
    """One line of Trino's ``password.db``.

    Trino's file authenticator takes bcrypt or PBKDF2; its PBKDF2 is the one with SHA-1 (``iterations:salt:hash``, hex).
    """
    salt = secrets.token_bytes(16)
    digest = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, HASH_ITERATIONS, dklen=32)
    return f"{user}:{HASH_ITERATIONS}:{salt.hex()}:{digest.hex()}\n"


def write_private(path: Path, content: bytes | str) -> Path:
    """Write a file only its owner can read, never readable by others even for a moment."""
    data = content.encode() if isinstance(content, str) else content
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return path
