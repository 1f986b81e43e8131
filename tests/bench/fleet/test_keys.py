"""Certificates of a rack, and what is refused before anything is connected."""

import errno
import shutil
import socket
import stat
import sys
import threading
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.fleet.certificates import ROLES, Role
from bench.fleet.keys import is_revoked, make_keys, revoke
from bench.fleet.scheduler import is_allowed
from bench.fleet.security import _security, address_of, party_of
from bench.store.records import write_atomically
from bench.words import Sentence, speaking

pytestmark = pytest.mark.skipif(
    not (find_spec("cryptography") and find_spec("distributed")), reason="the extra fleet is not installed"
)
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rack")
    make_keys(folder, ["board-1"], ["localhost", "127.0.0.1"])
    return folder


def code_of(error: InputError) -> str:
    assert isinstance(error.sentence, Sentence)
    return error.sentence.code


def refused(keys: Path, now: datetime = NOW, role: Role = "device") -> str:
    with pytest.raises(InputError) as raised:
        party_of(keys, role, now=now)
    assert raised.value.remedy
    return code_of(raised.value)


def test_each_party_gets_a_folder_with_all_that_it_needs(keys: Path) -> None:
    files = {path.relative_to(keys).as_posix() for path in keys.rglob("*.pem")}
    parties, names = ("scheduler", "client", "board-1"), ("ca", "cert", "key", "revoked")
    of_parties = {f"{party}/{name}.pem" for party in parties for name in names}
    of_roles = {f"authority/{role}{name}.pem" for role in ROLES for name in ("", ".key", ".revoked")}
    assert files == {*of_parties, *of_roles, *(f"authority/issued/{party}.pem" for party in parties)}
    assert "board-1" == party_of(keys / "board-1", "device").name


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes of files")
def test_private_keys_are_read_by_their_owner_only(keys: Path) -> None:
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in keys.glob("*/*key.pem")}


def test_made_again_only_what_is_missing_is_made(tmp_path: Path) -> None:
    make_keys(tmp_path, ["a"])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.pem")}
    assert [tmp_path / "b"] == make_keys(tmp_path, ["a", "b"])
    assert before == {path: path.read_bytes() for path in before}
    party_of(tmp_path / "b", "device")


def test_the_folder_of_all_parties_is_told_from_that_of_one(keys: Path) -> None:
    with pytest.raises(InputError) as raised:
        party_of(keys, "client")
    assert {"fleet.keys_file_missing"} == {code_of(raised.value)}
    assert all(str(keys / party) in str(raised.value.advice) for party in ("board-1", "client", "scheduler"))


@pytest.mark.parametrize("name", ["../out", "a/b", "scheduler", "con", ""])
def test_a_name_that_no_folder_may_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        make_keys(tmp_path, [name])
    assert [] == [*tmp_path.iterdir()]


def test_a_certificate_is_valid_on_a_device_whose_clock_is_an_hour_off(keys: Path) -> None:
    for hours in (-1, 1):
        party_of(keys / "board-1", "device", now=NOW + timedelta(hours=hours))


def test_an_expired_certificate_is_told_with_its_day(tmp_path: Path) -> None:
    make_keys(tmp_path, ["a"], days=2, now=NOW - timedelta(days=9))
    assert "fleet.certificate_expired" == refused(tmp_path / "a")


def test_what_helps_against_an_expired_certificate_depends_on_its_authority(tmp_path: Path) -> None:
    """Nothing that exists is written over: the folder of the party is removed, or all keys are made in another."""
    make_keys(tmp_path, days=2, now=NOW - timedelta(days=9))
    make_keys(tmp_path, ["late"], days=2, now=NOW - timedelta(days=9))
    for later, told in ((0, "remove the folder of this device"), (3_700, "in another folder")):
        with pytest.raises(InputError, match="expired") as raised:
            party_of(tmp_path / "late", "device", now=NOW + timedelta(days=later))
        assert told in str(raised.value.remedy)


def test_an_expired_certificate_is_told_with_the_option_that_makes_it_anew(tmp_path: Path) -> None:
    """Without it, the command makes none of a device or client that a rack had."""
    make_keys(tmp_path, ["a"], ["host"], days=2, now=NOW - timedelta(days=9), clients=["ci"])
    parties: tuple[tuple[str, Role, str], ...] = (
        ("a", "device", "--name a"),
        ("ci", "client", "--client ci"),
        ("scheduler", "scheduler", "--host"),
    )
    for party, role, option in parties:
        with speaking("en"), pytest.raises(InputError) as raised:
            party_of(tmp_path / party, role, now=NOW)
        assert option in str(raised.value.remedy)


def test_a_party_can_be_renewed_after_the_first_certificates_have_ended(tmp_path: Path) -> None:
    """The authority does not end with them."""
    make_keys(tmp_path, ["a"], days=2, now=NOW - timedelta(days=9))
    shutil.rmtree(tmp_path / "a")
    make_keys(tmp_path, ["a"], days=90, now=NOW)
    party_of(tmp_path / "a", "device", now=NOW + timedelta(days=60))


def test_a_certificate_of_the_future_is_the_clock(keys: Path) -> None:
    assert "fleet.certificate_early" == refused(keys / "board-1", NOW - timedelta(days=3))


@pytest.mark.parametrize("name", ["ca.pem", "cert.pem", "key.pem", "revoked.pem"])
def test_a_missing_and_a_damaged_file_are_told(name: str, keys: Path, tmp_path: Path) -> None:
    for path in (keys / "client").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert refused(tmp_path) in ("fleet.certificate_unreadable", "fleet.keys_unreadable", "fleet.revoked_unreadable")
    (tmp_path / name).unlink()
    assert "fleet.keys_file_missing" == refused(tmp_path)


def test_a_key_and_an_authority_of_others_are_told(keys: Path, tmp_path: Path) -> None:
    for path in (keys / "client").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "key.pem").write_bytes((keys / "board-1" / "key.pem").read_bytes())
    assert "fleet.key_of_another" == refused(tmp_path)
    make_keys(tmp_path / "other")
    (tmp_path / "key.pem").write_bytes((keys / "client" / "key.pem").read_bytes())
    (tmp_path / "ca.pem").write_bytes((tmp_path / "other" / "client" / "ca.pem").read_bytes())
    assert "fleet.certificate_of_another" == refused(tmp_path)


def test_keys_of_another_role_are_told_before_anything_is_connected(keys: Path) -> None:
    folders: dict[Role, str] = {"scheduler": "scheduler", "device": "board-1", "client": "client"}
    for role in ROLES:
        for holder, folder in folders.items():
            if holder == role:
                party_of(keys / folder, role)
            else:
                assert f"fleet.certificate_not_of.{role}" == refused(keys / folder, role=role)


LISTENING = {("scheduler", "board"), ("scheduler", "client"), ("board", "scheduler")}
"""Who listens, and to whom; nobody else connects."""


def test_each_party_takes_only_the_roles_that_it_listens_to(keys: Path) -> None:
    """A device that shows its certificate as a scheduler's is refused by another device and by a client; a client is
    refused by a device."""
    make_keys(keys, ["board-2"])
    parties = ("scheduler", "board-1", "board-2", "client")
    connected = {(one, other) for one in parties for other in parties if shakes_hands(keys / one, keys / other)}
    assert {(one.partition("-")[0], other.partition("-")[0]) for one, other in connected} == LISTENING


def test_a_revoked_party_is_refused_by_those_who_have_the_list(tmp_path: Path) -> None:
    """Others go on, and the name can be issued anew."""
    make_keys(tmp_path, ["a", "b"], clients=["ci", "alice"])
    for name in ("a", "ci"):
        shutil.copytree(tmp_path / name, tmp_path / "stolen" / name)
    assert [tmp_path / "scheduler" / "revoked.pem"] == revoke(tmp_path, ["a"])
    assert [True, False, False] == [is_revoked(tmp_path, name) for name in ("a", "b", "c")]
    revoke(tmp_path, ["ci"])
    let_in = {name: shakes_hands(tmp_path / "scheduler", tmp_path / name) for name in ("b", "alice", "stolen/a")}
    assert {"b": True, "alice": True, "stolen/a": False} == let_in
    assert not shakes_hands(tmp_path / "scheduler", tmp_path / "stolen" / "ci")
    assert not shakes_hands(tmp_path / "stolen" / "a", tmp_path / "scheduler")
    assert [tmp_path / "a"] == make_keys(tmp_path, ["a"])
    assert not is_revoked(tmp_path, "a")
    assert shakes_hands(tmp_path / "scheduler", tmp_path / "a")


def test_a_revoked_scheduler_is_refused_by_all(tmp_path: Path) -> None:
    make_keys(tmp_path, ["a"])
    shutil.copytree(tmp_path / "scheduler", tmp_path / "elsewhere" / "stolen")
    assert {tmp_path / name / "revoked.pem" for name in ("a", "client")} == {*revoke(tmp_path, ["scheduler"])}
    assert not shakes_hands(tmp_path / "a", tmp_path / "elsewhere" / "stolen")
    assert not shakes_hands(tmp_path / "elsewhere" / "stolen", tmp_path / "client")
    make_keys(tmp_path)
    assert shakes_hands(tmp_path / "a", tmp_path / "scheduler")


@pytest.mark.parametrize("stuck", ["authority/client.revoked.pem", "client/revoked.pem", "scheduler/revoked.pem"])
def test_a_revocation_that_ended_half_way_is_done_when_asked_again(
    stuck: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until all lists are written nobody counts as revoked."""
    make_keys(tmp_path, ["a"])
    shutil.copytree(tmp_path / "a", tmp_path / "elsewhere" / "stolen")

    def write(place: Path, data: bytes) -> None:
        if place == tmp_path / stuck:
            raise OSError(errno.ENOSPC, "No space")
        write_atomically(place, data)

    with monkeypatch.context() as patched:
        patched.setattr("bench.fleet.keys.write_atomically", write)
        with pytest.raises(InputError):
            revoke(tmp_path, ["a"])
    assert not is_revoked(tmp_path, "a")
    assert [tmp_path / "scheduler" / "revoked.pem"] == revoke(tmp_path, ["a"])
    assert is_revoked(tmp_path, "a")
    assert not (tmp_path / "a").exists()
    assert not shakes_hands(tmp_path / "scheduler", tmp_path / "elsewhere" / "stolen")
    assert [tmp_path / "a"] == make_keys(tmp_path, ["a"])
    assert shakes_hands(tmp_path / "scheduler", tmp_path / "a")


def test_who_was_not_issued_cannot_be_revoked(tmp_path: Path) -> None:
    make_keys(tmp_path, ["a"])
    for name in ("b", "../scheduler", ""):
        with pytest.raises(InputError):
            revoke(tmp_path, ["a", name])
    assert (tmp_path / "a").is_dir()


def test_a_device_may_join_and_tell_under_its_name_and_submit_nothing() -> None:
    assert is_allowed("device", "a", {"op": "register-worker", "name": "a"})
    assert not is_allowed("device", "a", {"op": "register-worker", "name": "b"})
    assert not is_allowed("device", "a", {"op": "register-worker"})
    for device, allowed in (("a", True), ("b", False)):
        event = {"op": "log-event", "topic": "t", "msg": {"device": device, "state": "began"}}
        assert allowed is is_allowed("device", "a", event)
    assert is_allowed("device", "a", {"op": "log-event", "topic": "workers", "msg": "closing"})
    for op in ("register-client", "update-graph", "broadcast", "run_function", "register_worker_plugin", "proxy"):
        assert not is_allowed("device", "a", {"op": op})
        assert is_allowed("client", "c", {"op": op})
    assert not is_allowed("client", "a", {"op": "register-worker", "name": "a"})
    assert not is_allowed("", "", {"op": "identity"})


def shakes_hands(server: Path, client: Path) -> bool:
    """Whether both ends of a TLS connection, with the contexts that Dask gets, take each other's certificate."""
    sides = socket.socketpair()
    contexts = [_security(server).get_listen_args("worker"), _security(client).get_connection_args("worker")]
    took = [False, False]

    def end(index: int) -> None:
        with sides[index] as plain:
            try:
                with contexts[index]["ssl_context"].wrap_socket(plain, server_side=index == 0) as secure:
                    secure.sendall(b"x")
                    took[index] = secure.recv(1) == b"x"  # in TLS 1.3 the server's refusal comes after the handshake
            except OSError:
                pass

    threads = [threading.Thread(target=end, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return all(took)


def test_without_certificates_only_what_is_asked_for_by_name() -> None:
    with pytest.raises(InputError) as raised:
        party_of(None, "client")
    assert "fleet.keys_needed" == code_of(raised.value)
    assert {} == party_of(None, "client", insecure=True).arguments()


def test_addresses() -> None:
    asked = {
        "tls://rack:1": "tls://rack:1",
        "rack": "tls://rack:8786",
        "10.0.0.1:9": "tls://10.0.0.1:9",
        "tls://[::1]": "tls://[::1]:8786",
    }
    assert [*asked.values()] == [address_of(text, False) for text in asked]
    assert "tcp://rack:8786" == address_of("rack", True)
    for text, insecure in (("tcp://rack:1", False), ("tls://rack:1", True), ("ssh://rack", False), ("rack:0", False)):
        with pytest.raises(InputError):
            address_of(text, insecure)
