"""Certificates of a rack, and what is refused before anything is connected."""

import stat
import sys
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.fleet.keys import make_keys
from bench.fleet.security import address_of, party_of
from bench.words import Sentence

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


def refused(keys: Path, now: datetime = NOW) -> str:
    with pytest.raises(InputError) as raised:
        party_of(keys, now=now)
    assert raised.value.remedy
    return code_of(raised.value)


def test_each_party_gets_a_folder_with_all_that_it_needs(keys: Path) -> None:
    files = {path.relative_to(keys).as_posix() for path in keys.rglob("*.pem")}
    parties = {f"{party}/{name}.pem" for party in ("scheduler", "client", "board-1") for name in ("ca", "cert", "key")}
    assert files == {*parties, "authority/ca.pem", "authority/key.pem"}
    assert "board-1" == party_of(keys / "board-1").name


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes of files")
def test_private_keys_are_read_by_their_owner_only(keys: Path) -> None:
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in keys.glob("*/key.pem")}


def test_made_again_only_what_is_missing_is_made(tmp_path: Path) -> None:
    make_keys(tmp_path, ["a"])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.pem")}
    assert [tmp_path / "b"] == make_keys(tmp_path, ["a", "b"])
    assert before == {path: path.read_bytes() for path in before}
    party_of(tmp_path / "b")


def test_the_folder_of_all_parties_is_told_from_that_of_one(keys: Path) -> None:
    with pytest.raises(InputError) as raised:
        party_of(keys)
    assert {"fleet.keys_file_missing"} == {code_of(raised.value)}
    assert all(str(keys / party) in str(raised.value.advice) for party in ("board-1", "client", "scheduler"))


@pytest.mark.parametrize("name", ["../out", "a/b", "scheduler", "con", ""])
def test_a_name_that_no_folder_may_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        make_keys(tmp_path, [name])
    assert [] == [*tmp_path.iterdir()]


def test_a_certificate_is_valid_on_a_device_whose_clock_is_an_hour_off(keys: Path) -> None:
    for hours in (-1, 1):
        party_of(keys / "board-1", now=NOW + timedelta(hours=hours))


def test_an_expired_certificate_is_told_with_its_day(tmp_path: Path) -> None:
    make_keys(tmp_path, ["a"], days=2, now=NOW - timedelta(days=9))
    assert "fleet.certificate_expired" == refused(tmp_path / "a")


def test_a_certificate_of_the_future_is_the_clock(keys: Path) -> None:
    assert "fleet.certificate_early" == refused(keys / "board-1", NOW - timedelta(days=3))


@pytest.mark.parametrize("name", ["ca.pem", "cert.pem", "key.pem"])
def test_a_missing_and_a_damaged_file_are_told(name: str, keys: Path, tmp_path: Path) -> None:
    for path in (keys / "client").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert refused(tmp_path) in ("fleet.certificate_unreadable", "fleet.keys_unreadable")
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


def test_without_certificates_only_what_is_asked_for_by_name() -> None:
    with pytest.raises(InputError) as raised:
        party_of(None)
    assert "fleet.keys_needed" == code_of(raised.value)
    assert {} == party_of(None, insecure=True).arguments()


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
