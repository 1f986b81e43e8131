"""The keys of a rack: its authorities, and a folder for each party with all that it needs.

``FOLDER/authority`` stays where it was made; whoever has it can admit devices. It has ``ROLE.pem`` and
``ROLE.key.pem`` of each role's authority, ``ROLE.revoked.pem`` with what that has revoked, and the certificates in
``issued``. The folders of the scheduler, the clients and the devices hold ``ca.pem`` (the authorities whose parties
this one listens to), ``cert.pem``, ``key.pem`` and ``revoked.pem``, and go to their machines.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from bench.bundle.names import wrong_name
from bench.errors import InputError, UnknownName
from bench.fleet.certificates import LISTENS_TO, ROLES, Issuer, Role, authority, issued, revocations, role_of
from bench.fleet.engine import demand_engine
from bench.reading import exists, is_file, read_bytes
from bench.store.records import write_atomically
from bench.words import sentence

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, CertificateRevocationList

AUTHORITY, CLIENT, SCHEDULER, WORKER = "authority", "client", "scheduler", "worker"
CA, CERTIFICATE, KEY, REVOKED, ISSUED = "ca.pem", "cert.pem", "key.pem", "revoked.pem", "issued"
WITHDRAWN = "withdrawn"
DAYS, AUTHORITY_DAYS, MOST_DAYS = 825, 3_650, 36_500
EARLIER = timedelta(days=1)
"""Certificates are valid from a day ago, for devices whose clock is late."""
MOST_KEY_BYTES = 1 << 16
MOST_LIST_BYTES = 1 << 24


def make_keys(
    folder: Path,
    names: Iterable[str] = (),
    hosts: Iterable[str] = (),
    days: int = DAYS,
    now: datetime | None = None,
    clients: Iterable[str] = (),
) -> list[Path]:
    """Make what ``folder`` lacks: the authorities, the scheduler's folder, and one for each of ``names``, which are
    devices, and of ``clients``; a new rack without any gets ``worker`` and ``client``. Returns the folders that were
    made; what is there is never written over.

    ``hosts``: names and addresses of the scheduler. ``days``: how long new certificates are valid; authorities are for
    ten years at least, so that parties can be renewed without a new rack. Raises ``InputError`` for a name that no
    folder may have, and where the folder cannot be written.
    """
    demand_engine()
    parties: list[tuple[str, Role]] = [(SCHEDULER, "scheduler")]
    is_new = not exists(folder / AUTHORITY)
    parties += [(name, "client") for name in tuple(clients) or ((CLIENT,) if is_new else ())]
    parties += [(name, "device") for name in tuple(names) or ((WORKER,) if is_new else ())]
    for name, role in parties[1:]:
        wrong, taken = wrong_name(name), (AUTHORITY, SCHEDULER, *((CLIENT,) if role == "device" else ()))
        if wrong is not None or "/" in name or name.lower() in taken or (name, _other(role)) in parties:
            raise InputError(sentence("fleet.keys_name", name=name), wrong or sentence("fleet.keys_name.remedy"))
    begin = (now or datetime.now(UTC)) - EARLIER
    end = begin + EARLIER + timedelta(days=days)
    made = []
    with _writing(folder):
        if is_new:
            _make_authorities(folder / AUTHORITY, begin, max(end, begin + EARLIER + timedelta(days=AUTHORITY_DAYS)))
            made.append(folder / AUTHORITY)
        for name, role in parties:
            if not exists(folder / name):
                _make_party(folder, name, role, hosts if role == "scheduler" else (), begin, end)
                made.append(folder / name)
    return made


def revoke(folder: Path, names: Iterable[str], now: datetime | None = None) -> list[Path]:
    """From now on no party that has the new lists lets in those of ``names``, whose folders here are removed; the same
    name may be issued anew. Returns the new lists, which go to their machines: the scheduler's, where a scheduler is
    revoked every other's. Raises ``UnknownName`` for what was not issued, or ``is_revoked``; ``InputError`` where it
    cannot be written."""
    from cryptography import x509

    demand_engine()
    now = now or datetime.now(UTC)
    known, serials, named = folder / AUTHORITY / ISSUED, dict[str, list[int]](), [*dict.fromkeys(names)]
    for name in named:
        if wrong_name(name) is not None or not is_file(known / f"{name}.pem"):
            raise UnknownName(sentence("fleet.party"), name, [path.stem for path in known.glob("*.pem")])
        certificate = x509.load_pem_x509_certificate(read_bytes(known / f"{name}.pem", MOST_KEY_BYTES))
        serials.setdefault(role_of(certificate.issuer), []).append(certificate.serial_number)
    with _writing(folder):
        for role in ROLES:
            added, place = serials.get(role, ()), folder / AUTHORITY / f"{role}.{REVOKED}"
            before = x509.load_pem_x509_crl(read_bytes(place, MOST_LIST_BYTES))
            write_atomically(place, _pem(revocations(_issuer(folder, role), before, added, now - EARLIER, now)))
        lists = [place for place in sorted(folder.glob(f"*/{REVOKED}")) if place.parent.name not in named]
        for place in lists:
            write_atomically(place, _lists(folder))
        for name in named:
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in named:  # last: what was not moved is revoked anew when asked again
            _withdrawn(folder, name).parent.mkdir(exist_ok=True, mode=0o700)
            (known / f"{name}.pem").replace(_withdrawn(folder, name))
    of_all = SCHEDULER in named
    return [place for place in lists if of_all or place.parent.name == SCHEDULER]


def is_revoked(folder: Path, name: str) -> bool:
    """Whether ``name`` was revoked, and not issued anew."""
    issued_now = folder / AUTHORITY / ISSUED / f"{name}.pem"
    return wrong_name(name) is None and is_file(_withdrawn(folder, name)) and not is_file(issued_now)


def _withdrawn(folder: Path, name: str) -> Path:
    """Where the last certificate of that name is kept after it was revoked."""
    return folder / AUTHORITY / WITHDRAWN / f"{name}.pem"


def _other(role: Role) -> Role:
    return "device" if role == "client" else "client"


def _make_authorities(place: Path, begin: datetime, end: datetime) -> None:
    """A new rack."""
    rack = f"odb fleet {token_hex(4)}"
    (place / ISSUED).mkdir(parents=True, mode=0o700)
    for role in ROLES:
        issuer = authority(rack, role, begin, end)
        _write_key(place / f"{role}.{KEY}", issuer[0])
        (place / f"{role}.pem").write_bytes(_pem(issuer[1]))
        (place / f"{role}.{REVOKED}").write_bytes(_pem(revocations(issuer, (), (), begin, begin)))


def _make_party(folder: Path, name: str, role: Role, hosts: Iterable[str], begin: datetime, end: datetime) -> None:
    key, certificate = issued(_issuer(folder, role), name, hosts, begin, end)
    trusted = [read_bytes(folder / AUTHORITY / f"{one}.pem", MOST_KEY_BYTES) for one in LISTENS_TO[role]]
    (folder / AUTHORITY / ISSUED / f"{name}.pem").write_bytes(_pem(certificate))
    place = folder / name
    place.mkdir(mode=0o700)
    _write_key(place / KEY, key)
    for file, data in ((CERTIFICATE, _pem(certificate)), (CA, b"".join(trusted)), (REVOKED, _lists(folder))):
        (place / file).write_bytes(data)


def _issuer(folder: Path, role: Role) -> Issuer:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    place = folder / AUTHORITY
    try:
        key = load_pem_private_key(read_bytes(place / f"{role}.{KEY}", MOST_KEY_BYTES), None)
        certificate = x509.load_pem_x509_certificate(read_bytes(place / f"{role}.pem", MOST_KEY_BYTES))
    except (ValueError, TypeError):
        raise InputError(sentence("fleet.keys_unreadable", file=place / f"{role}.{KEY}")) from None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise InputError(sentence("fleet.keys_unreadable", file=place / f"{role}.{KEY}"))
    return key, certificate


def _lists(folder: Path) -> bytes:
    """What all authorities have revoked."""
    return b"".join(read_bytes(folder / AUTHORITY / f"{role}.{REVOKED}", MOST_LIST_BYTES) for role in ROLES)


def _write_key(place: Path, key: "EllipticCurvePrivateKey") -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private)


def _pem(made: "Certificate | CertificateRevocationList") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return made.public_bytes(Encoding.PEM)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Raises ``InputError`` where what is in the block cannot be written."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(sentence("store.folder_not_writable", folder=folder, strerror=reason)) from None
