"""Passwords made by Pulumi, kept in its state as secrets, and handed on as Kubernetes Secrets only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pulumi
import pulumi_kubernetes.core.v1 as core
import pulumi_kubernetes.meta.v1 as meta
import pulumi_random as random

from components.site import Site, child

USERNAME, PASSWORD = "username", "password"
_ITERATIONS = 1000  # the least that Trino accepts: it hashes again for every connection


def password(name: str, site: Site, parent: pulumi.Resource, length: int = 32) -> pulumi.Output[str]:
    """A password of letters and digits; another one when ``credentialsRotation`` changes."""
    made = random.RandomPassword(
        f"{site.prefix}-{name}",
        length=length,
        special=False,
        keepers={"rotation": site.settings.credentials_rotation},
        opts=child(parent),
    )
    return made.result


def seed(name: str, site: Site, parent: pulumi.Resource) -> pulumi.Output[str]:
    """32 random bytes in base64, kept for good: what is derived from them has its own renewal."""
    return random.RandomBytes(f"{site.prefix}-{name}", length=32, opts=child(parent)).base64


def secret(
    name: str,
    data: Mapping[str, pulumi.Input[str]],
    *,
    namespace: pulumi.Input[str],
    labels: Mapping[str, str],
    site: Site,
    parent: pulumi.Resource,
) -> core.Secret:
    """A Secret; its values are secrets of the stack's state too."""
    return core.Secret(
        f"{site.prefix}-{name}",
        metadata=meta.ObjectMetaArgs(name=name, namespace=namespace, labels=dict(labels)),
        type="Opaque",
        string_data={key: pulumi.Output.secret(value) for key, value in data.items()},
        opts=child(parent),
    )


def trino_password_line(user: str, plain: str) -> str:
    """One line of Trino's ``password.db``.

    PBKDF2 with SHA-1, the only variant that it reads. The salt follows from user and password, so that the line stays
    the same until the password changes; the passwords are long and random, so nobody can look them up.
    """
    salt = hashlib.sha256(f"salt/{user}/{plain}".encode()).digest()[:16]
    derived = hashlib.pbkdf2_hmac("sha1", plain.encode(), salt, _ITERATIONS, 20)
    return f"{user}:{_ITERATIONS}:{salt.hex()}:{derived.hex()}\n"
