"""Certificates of a rack: an authority for each role, what they issue, and the lists of what they have revoked.

Each role has an authority of its own, and each party is given those that it listens to: who has the key of a device
cannot pose as a scheduler, since no party takes its authority for one. cryptography is imported within functions, so
that a command that only asks for help does not wait for it.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

from bench.errors import InputError
from bench.words import sentence

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, CertificateRevocationList, Name, RevokedCertificate

Role = Literal["scheduler", "device", "client"]
ROLES: tuple[Role, ...] = get_args(Role)
LISTENS_TO: Mapping[Role, tuple[Role, ...]] = MappingProxyType(
    {"scheduler": ("device", "client"), "device": ("scheduler",), "client": ("scheduler",)}
)
"""Whose certificates a party takes, whoever of the two connects."""

Issuer = tuple["EllipticCurvePrivateKey", "Certificate"]
"""An authority: its private key and its certificate."""


def authority(rack: str, role: Role, begin: datetime, end: datetime) -> Issuer:
    """A new authority of that role. ``rack``: what all authorities of one rack have in common."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), _name(role, rack)
    certificate = (
        _builder(name, name, key, begin, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def issued(issuer: Issuer, name: str, hosts: Iterable[str], begin: datetime, end: datetime) -> Issuer:
    """A key and its certificate. A client's is not valid for a server; a device's is, since the scheduler connects to
    it. Raises ``InputError`` for a host that is none."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    signing, ca = issuer
    key = ec.generate_private_key(ec.SECP256R1())
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if role_of(ca.subject) != "client":
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
    builder = (
        _builder(_name(name), ca.subject, key, begin, min(end, ca.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    known = [_host(host) for host in hosts]
    if known:
        builder = builder.add_extension(x509.SubjectAlternativeName(known), critical=False)
    return key, builder.sign(signing, hashes.SHA256())


def revocations(
    issuer: Issuer, before: "Iterable[RevokedCertificate]", serials: Iterable[int], begin: datetime, now: datetime
) -> "CertificateRevocationList":
    """The list of what that authority has revoked: ``before``, and from ``now`` on ``serials``. It holds from ``begin``
    to the authority's own end, since a list that is out of date would shut everybody out."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    signing, ca = issuer
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.subject)
        .last_update(begin)
        .next_update(ca.not_valid_after_utc)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    for one in before:
        builder = builder.add_revoked_certificate(one)
    for serial in serials:
        added = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
        builder = builder.add_revoked_certificate(added)
    return builder.sign(signing, hashes.SHA256())


def rack_of(name: "Name") -> str:
    """What the authorities of one rack have in common; empty for one of another kind."""
    return _part(name, "ORGANIZATION_NAME")


def role_of(authority: "Name") -> str:
    """The role whose authority that is."""
    return _part(authority, "COMMON_NAME")


def name_of(certificate: "Certificate") -> str:
    """The party's name."""
    return _part(certificate.subject, "COMMON_NAME")


def _part(name: "Name", part: str) -> str:
    from cryptography.x509.oid import NameOID

    return next((str(one.value) for one in name.get_attributes_for_oid(getattr(NameOID, part))), "")


def _builder(subject: "Name", issuer: "Name", key: "EllipticCurvePrivateKey", begin: datetime, end: datetime) -> Any:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(name: str, rack: str = "") -> "Name":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    of_rack = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, rack)] if rack else []
    return x509.Name([*of_rack, x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


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
