"""TLS between the parties of a rack, checked before anything is connected.

Dask has one file of authorities for a party, which here has those of the roles that the party listens to. A scheduler
that shows the certificate of a device is refused in the handshake, and so is a client that connects to a device.
"""

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.fleet.certificates import ROLES, Role, name_of, rack_of, role_of
from bench.fleet.engine import set_up_engine
from bench.fleet.keys import CA, CERTIFICATE, KEY, MOST_KEY_BYTES, REVOKED
from bench.reading import is_file, read_bytes
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from distributed import Security

PORT = 8786
SCHEMES = ("tls", "tcp")


class Party:
    """One end of the rack. ``security``: of Dask; ``None`` without TLS. ``name``: in its certificate; empty without."""

    def __init__(self, security: "Security | None", name: str = "") -> None:
        self.security, self.name = security, name

    def arguments(self) -> dict[str, Any]:
        """Those of a Dask ``Client``, ``Worker`` or ``Scheduler``."""
        return {} if self.security is None else {"security": self.security}


def party_of(keys: Path | None, role: Role, insecure: bool = False, now: datetime | None = None) -> Party:
    """The party whose certificate is in the folder ``keys``. Sets up Dask in this process.

    Raises ``InputError`` for a folder that lacks a file, a certificate that is expired, not valid yet, of another rack
    or of another role, a key that does not fit, and without a folder unless ``insecure``.
    """
    set_up_engine()
    if keys is None:
        if not insecure:
            raise InputError(sentence("fleet.keys_needed"), sentence("fleet.keys_needed.remedy"))
        return Party(None)
    certificate = checked(keys, role, now or datetime.now(UTC))
    return Party(_security(keys), name_of(certificate))


def _security(keys: Path) -> "Security":
    """Of Dask, which besides looks at every handshake whether the other's certificate is revoked."""
    from distributed import Security

    class Revoking(Security):  # type: ignore[misc]
        def get_connection_args(self, role: str) -> dict[str, Any]:
            return looking(super().get_connection_args(role))

        def get_listen_args(self, role: str) -> dict[str, Any]:
            return looking(super().get_listen_args(role))

    def looking(arguments: dict[str, Any]) -> dict[str, Any]:
        context: ssl.SSLContext = arguments["ssl_context"]
        context.load_verify_locations(keys / REVOKED)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        return arguments

    files = {
        f"tls_{role}_{part}": str(keys / name)
        for role in ("scheduler", "worker", "client")
        for part, name in (("cert", CERTIFICATE), ("key", KEY))
    }
    return Revoking(
        tls_ca_file=str(keys / CA), require_encryption=True, tls_min_version=ssl.TLSVersion.TLSv1_3, **files
    )


def address_of(scheduler: str, insecure: bool) -> str:
    """``tls://host:port`` of what the user gave: the scheme and the port may be missing. Raises ``InputError`` for
    another scheme, for ``tcp`` unless ``insecure``, and for ``tls`` if it is."""
    scheme, found, rest = scheduler.rpartition("://")
    scheme = scheme if found else ("tcp" if insecure else "tls")
    if scheme not in SCHEMES or not rest:
        raise InputError(sentence("fleet.address", address=scheduler), sentence("fleet.address.remedy"))
    if scheme == "tcp" and not insecure:
        raise InputError(
            sentence("fleet.address_insecure", address=scheduler), sentence("fleet.address_insecure.remedy")
        )
    if insecure and scheme != "tcp":
        raise InputError(sentence("fleet.address_secure", address=scheduler), sentence("fleet.address_secure.remedy"))
    host, colon, port = rest.rpartition(":")
    if not colon or rest.endswith("]"):
        host, port = rest, str(PORT)
    if not port.isdigit() or not 0 < int(port) < 1 << 16 or not host:
        raise InputError(sentence("fleet.address", address=scheduler), sentence("fleet.address.remedy"))
    return f"{scheme}://{host}:{port}"


def checked(keys: Path, role: Role, now: datetime) -> "Certificate":
    """The certificate in that folder, if the files are there, valid, of one rack and of that role. Raises
    ``InputError``."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    for name in (CA, CERTIFICATE, KEY, REVOKED):
        if not is_file(keys / name):
            missing = sentence("fleet.keys_file_missing", file=keys / name)
            parties = sorted(str(folder) for folder in keys.glob("*") if is_file(folder / CERTIFICATE))
            if parties:
                raise InputError(missing, sentence("fleet.keys_of_all.remedy", folders=parties))
            raise _wrong(missing)
    try:
        certificate = x509.load_pem_x509_certificate(read_bytes(keys / CERTIFICATE, MOST_KEY_BYTES))
        authorities = x509.load_pem_x509_certificates(read_bytes(keys / CA, MOST_KEY_BYTES))
    except ValueError:
        raise _wrong(sentence("fleet.certificate_unreadable", folder=keys)) from None
    try:
        ssl.create_default_context(cafile=keys / REVOKED)
    except ssl.SSLError:
        raise _wrong(sentence("fleet.revoked_unreadable", file=keys / REVOKED)) from None
    try:
        key = load_pem_private_key(read_bytes(keys / KEY, MOST_KEY_BYTES), None)
    except (ValueError, TypeError):
        raise _wrong(sentence("fleet.keys_unreadable", file=keys / KEY)) from None
    if key.public_key() != certificate.public_key():
        raise _wrong(sentence("fleet.key_of_another", file=keys / KEY))
    if {rack_of(one.subject) for one in authorities} != {rack_of(certificate.issuer)}:
        raise _wrong(sentence("fleet.certificate_of_another", file=keys / CERTIFICATE))
    for one, file in (*((ca, CA) for ca in authorities), (certificate, CERTIFICATE)):
        if now > one.not_valid_after_utc:
            until = f"{one.not_valid_after_utc:%Y-%m-%d}"
            told = sentence("fleet.certificate_expired", file=keys / file, until=until)
            if now > min(ca.not_valid_after_utc for ca in authorities):
                raise InputError(told, sentence("fleet.authority_expired.remedy"))
            of = role_of(certificate.issuer)
            if of not in ROLES:  # of keys that odb did not make
                raise InputError(told, sentence("fleet.keys_wrong.remedy"))
            raise InputError(told, sentence(f"fleet.certificate_expired.remedy.{of}", name=name_of(certificate)))
        if now < one.not_valid_before_utc:
            begin, shown = f"{one.not_valid_before_utc:%Y-%m-%d %H:%M}", f"{now:%Y-%m-%d %H:%M}"
            raise InputError(
                sentence("fleet.certificate_early", file=keys / file, begin=begin, now=shown),
                sentence("fleet.certificate_early.remedy"),
            )
    if (found := role_of(certificate.issuer)) != role:
        raise InputError(
            sentence(
                f"fleet.certificate_not_of.{role}", file=keys / CERTIFICATE, name=name_of(certificate), role=found
            ),
            sentence("fleet.certificate_role.remedy"),
        )
    return certificate


def _wrong(problem: Sentence) -> InputError:
    return InputError(problem, sentence("fleet.keys_wrong.remedy"))
