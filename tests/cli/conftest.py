"""What the tests of ``odb run --against`` share."""

from pathlib import Path

import pytest
from against_room import PLUGIN, odb_run


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of two models on two targets, and its records in ``old``; made once."""
    room = tmp_path_factory.mktemp("room")
    (room / "plugin.py").write_text(PLUGIN)
    (room / "suite.toml").write_text(
        'repeats = 1\nmax_seconds = 0.2\n[[models]]\nsource = "fake"\n[[models]]\nsource = "tiny"\n'
        '[[targets]]\nid = "null:cpu"\n[[targets]]\nid = "other:cpu"\noptions = { turbo = "on" }\n'
    )
    done = odb_run(room / "suite.toml", "--plugin", room / "plugin.py", "-o", room / "old")
    assert done.exception is None
    return room


@pytest.fixture
def here(measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder of its own that holds the suite, the plugin and the records."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ODB_CACHE", str(tmp_path / "cache"))
    for name in ("plugin.py", "suite.toml"):
        (tmp_path / name).write_text((measured / name).read_text())
    (tmp_path / "old").mkdir()
    for folder in measured.glob("old/*/"):
        target = tmp_path / "old" / folder.name
        target.mkdir()
        for file in folder.iterdir():
            (target / file.name).write_bytes(file.read_bytes())
    return tmp_path
