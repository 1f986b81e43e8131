"""`odb fleet keys`, `scheduler` and `worker`: what they refuse before anything is connected."""

from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.cli.group import odb
from bench.errors import InputError
from bench.fleet.keys import make_keys
from bench.machine.lease import leased

pytestmark = pytest.mark.skipif(
    not (find_spec("cryptography") and find_spec("distributed")), reason="the extra fleet is not installed"
)


def fleet(*arguments: object) -> Result:
    return CliRunner().invoke(odb, ["fleet", *map(str, arguments)], standalone_mode=False)


def refused(result: Result) -> str:
    assert isinstance(result.exception, InputError), result.exception
    assert result.exception.remedy
    return result.exception.message


def worker(*arguments: object) -> str:
    return refused(fleet("worker", "--scheduler", *arguments))


REVOKE_A = ("--revoke", "a")


def test_keys_says_what_it_made_and_where_it_goes(tmp_path: Path) -> None:
    told = fleet("keys", tmp_path / "rack", "--name", "board-1", "--host", "localhost").output.splitlines()
    made = [line.split()[1].rstrip(":").rpartition("/")[2] for line in told]
    assert ["authority", "scheduler", "client", "board-1"] == made
    assert "nothing was written" in fleet("keys", tmp_path / "rack", "--name", "board-1").output


def test_keys_says_who_is_revoked_already(tmp_path: Path) -> None:
    """That is no error, also beside another name; a name that never was is one."""
    make_keys(tmp_path, ["a", "b"])
    first, second, both = (
        fleet("keys", tmp_path, *names) for names in (REVOKE_A, REVOKE_A, (*REVOKE_A, "--revoke", "b"))
    )
    before = "a is revoked already; nothing was written for it\n"
    assert (before not in first.output, before == second.output, both.output.endswith(before)) == (True, True, True)
    assert "start its process again" in first.output
    assert "start its process again" in both.output
    assert not (tmp_path / "b").exists()
    assert "party" in refused(fleet("keys", tmp_path, *REVOKE_A, "--revoke", "c"))


def test_a_worker_needs_certificates_unless_told_otherwise(tmp_path: Path) -> None:
    assert "--keys" in worker("tls://127.0.0.1:1")
    assert "TLS" in worker("tcp://127.0.0.1:1")
    assert "name" in worker("127.0.0.1:1", "--insecure")
    assert "no such file" in worker("127.0.0.1:1", "--keys", tmp_path)


def test_an_expired_certificate_is_refused_by_both(tmp_path: Path) -> None:
    make_keys(tmp_path, ["board"], days=1, now=datetime.now(UTC) - timedelta(days=9))
    assert "expired" in worker("127.0.0.1:1", "--keys", tmp_path / "board")
    assert "expired" in refused(fleet("scheduler", "--keys", tmp_path / "scheduler"))


def test_a_second_worker_of_a_device_is_told_who_has_it(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys", ["board"])
    options = ("--keys", tmp_path / "keys" / "board", "--folder", tmp_path / "spool", "--lease", tmp_path / "lease")
    with leased(tmp_path / "lease", {"device": "other", "scheduler": "tls://elsewhere:8786"}):
        told = worker("127.0.0.1:1", *options)
    assert "device other" in told
    assert "tls://elsewhere:8786" in told


def test_a_port_that_is_none_is_refused(tmp_path: Path) -> None:
    """And not taken for any that is free."""
    make_keys(tmp_path, [], days=1)
    result = fleet("scheduler", "--keys", tmp_path / "scheduler", "--port", "99999")
    assert isinstance(result.exception, InputError)
    assert "0 to 65535" in result.exception.message


def test_a_name_that_another_device_has_is_told_once() -> None:
    """What Dask says of it has the time in it."""
    from bench.fleet.device.serving import _not_admitted

    said = "Unexpected response from register: {'status': 'error', 'message': 'name taken, board', 'time': %s}"
    first, second = (_not_admitted("board", "tls://rack:8786", said % time) for time in (1.5, 2.5))
    assert first == second
    assert "odb fleet keys" in str(first)
    assert "no TLS" in str(_not_admitted("board", "tls://rack:8786", "no TLS"))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    make_keys(tmp_path, ["board"])
    (tmp_path / "file").touch()
    told = worker("127.0.0.1:1", "--keys", tmp_path / "board", "--folder", tmp_path / "file" / "x")
    assert "cannot be written" in told
    assert not told.startswith("-o")


def test_versions_that_do_not_matter_are_not_told(recwarn: pytest.WarningsRecorder) -> None:
    """Dask warns of every package that differs between parties, as on any real rack."""
    import warnings

    from distributed.versions import VersionMismatchWarning

    from bench.fleet.engine import set_up_engine

    set_up_engine()
    warnings.warn(VersionMismatchWarning("Mismatched versions found\n\n| pandas |"), stacklevel=1)
    assert [] == [one for one in recwarn if "Mismatched" in str(one.message)]


def test_what_cannot_be_reached_is_told_by_the_lowest_layer_that_says_why() -> None:
    """The time ran out without a word, after the connection was refused."""
    from bench.fleet.engine import said_by

    refused = OSError("timed out")
    refused.__cause__ = ConnectionRefusedError(111, "Connection refused")
    refused.__cause__.__cause__ = TimeoutError()
    assert "[Errno 111] Connection refused" == said_by(refused)
    assert "TimeoutError" == said_by(TimeoutError())
