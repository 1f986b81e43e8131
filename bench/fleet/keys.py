"""Certificates of a rack: an authority of its own, and a folder for each party with all that it needs.

``FOLDER/authority`` stays where it was made; whoever has it can admit devices. ``FOLDER/scheduler``, ``FOLDER/client``
and a folder for each device hold ``ca.pem``, ``cert.pem`` and ``key.pem``, and go to their machines.
"""

import ipaddress
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.bundle.names import wrong_name
from bench.errors import InputError
from bench.fleet.engine import demand_engine
from bench.reading import exists, read_bytes
from bench.words import sentence

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

AUTHORITY, CLIENT, SCHEDULER, WORKER = "authority", "client", "scheduler", "worker"
CA, CERTIFICATE, KEY = "ca.pem", "cert.pem", "key.pem"
DAYS, MOST_DAYS = 825, 36_500
EARLIER = timedelta(days=1)
"""Certificates are valid from a day ago, for devices whose clock is late."""
MOST_KEY_BYTES = 1 << 16


def make_keys(
    folder: Path, names: Iterable[str] = (), hosts: Iterable[str] = (), days: int = DAYS, now: datetime | None = None
) -> list[Path]:
    """Make what ``folder`` lacks: the authority, the scheduler's and the client's folder, and one for each of ``names``
    (``worker`` without any). Returns the folders that were made; what is there is never written over.

    ``hosts``: names and addresses of the scheduler. ``days``: how long new certificates are valid. Raises
    ``InputError`` for a name that no folder may have, and where the folder cannot be written.
    """
    demand_engine()
    names = tuple(names) or (WORKER,)
    for name in names:
        wrong = wrong_name(name)
        if wrong is not None or "/" in name or name.lower() in (AUTHORITY, CLIENT, SCHEDULER):
            raise InputError(sentence("fleet.keys_name", name=name), wrong or sentence("fleet.keys_name.remedy"))
    begin = (now or datetime.now(UTC)) - EARLIER
    end = begin + EARLIER + timedelta(days=days)
    made = []
    try:
        authority = folder / AUTHORITY
        if not exists(authority):
            _write(authority, *_authority(begin, end))
            made.append(authority)
        issuer = _loaded(authority)
        for name in (SCHEDULER, CLIENT, *names):
            if not exists(folder / name):
                _write(folder / name, *_issued(issuer, name, tuple(hosts) if name == SCHEDULER else (), begin, end))
                made.append(folder / name)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(sentence("store.folder_not_writable", folder=folder, strerror=reason)) from None
    return made


def _write(folder: Path, key: "EllipticCurvePrivateKey", certificate: "Certificate", ca: "Certificate") -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    folder.mkdir(parents=True, mode=0o700)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(folder / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private)
    for name, public in ({CA: ca} if certificate is ca else {CA: ca, CERTIFICATE: certificate}).items():
        (folder / name).write_bytes(public.public_bytes(Encoding.PEM))


def _loaded(authority: Path) -> tuple[Any, "Certificate"]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(read_bytes(authority / KEY, MOST_KEY_BYTES), None)
        return key, x509.load_pem_x509_certificate(read_bytes(authority / CA, MOST_KEY_BYTES))
    except (ValueError, TypeError):
        raise InputError(sentence("fleet.keys_unreadable", file=authority / KEY)) from None


def _authority(begin: datetime, end: datetime) -> Any:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder("odb fleet", key, begin, end)
        .issuer_name(_name("odb fleet"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, certificate, certificate


def _issued(
    issuer: tuple[Any, "Certificate"], name: str, hosts: tuple[str, ...], begin: datetime, end: datetime
) -> Any:
    """A key, its certificate, and the authority's. A client's is not valid for a server, so that who has it cannot
    pose as a scheduler."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    signing, ca = issuer
    key = ec.generate_private_key(ec.SECP256R1())
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if name != CLIENT:
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
    builder = (
        _builder(name, key, begin, min(end, ca.not_valid_after_utc))
        .issuer_name(ca.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    return key, builder.sign(signing, hashes.SHA256()), ca


def _builder(name: str, key: "EllipticCurvePrivateKey", begin: datetime, end: datetime) -> Any:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(name: str) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _host(host: str) -> Any:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError:
        raise InputError(sentence("fleet.keys_host", host=host)) from None


def _usage(signs: bool) -> Any:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
