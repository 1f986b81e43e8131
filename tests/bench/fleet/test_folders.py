"""Folders on a device: of agents that were killed, and of orders that are removed while somebody reads them."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest

from bench.fleet.device.spool import FILES, ORDER, RESULT, Spool
from bench.fleet.orders import ID_DIGITS
from bench.scratch import OWNER, scratch_folder

ID = "0" * ID_DIGITS


class Idle:
    """An agent that does nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *given: None


@pytest.fixture
def serving() -> Any:
    """Needs the extra fleet."""
    pytest.importorskip("distributed")
    from bench.fleet.device import serving

    return serving


def test_an_agent_removes_the_folders_of_killed_ones(
    serving: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those of agents that live, nor what only has such a name."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def at_once(*given: object) -> None:
        return None

    monkeypatch.setattr(serving, "_stay_joined", at_once)
    killed, other = (tmp_path / f"{serving.SCRATCH}{name}" for name in ("killed", "other"))
    for folder in (killed, other):
        (folder / "dask-scratch-space").mkdir(parents=True)
    (killed / OWNER).touch()
    with scratch_folder(serving.SCRATCH) as living:
        asyncio.run(serving.serve(Idle(), "tls://nowhere:1", None, None, print))
        assert {living, other} == {*tmp_path.iterdir()}


@pytest.fixture
def read_order(tmp_path: Path) -> Path:
    """The folder of an order in which somebody reads, as on Windows: it keeps its name, and the file that is read."""
    folder = tmp_path / ID
    (folder / FILES).mkdir(parents=True)
    for name in (ORDER, RESULT, f"{FILES}/model.onnx"):
        (folder / name).touch()
    return folder


def test_an_order_that_is_read_is_none_any_more(read_order: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its folder can be neither renamed nor removed, what makes it an order goes first."""

    def in_use(*given: object, **more: object) -> None:
        raise PermissionError(13, "The process cannot access the file because it is being used by another process")

    spool = Spool(read_order.parent)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", in_use)
        patched.setattr("bench.fleet.device.spool.shutil.rmtree", lambda *given, **more: None)
        spool.remove(ID)
    assert [FILES] == [path.name for path in read_order.iterdir()]
    spool.remove(ID)
    assert [] == [*read_order.parent.iterdir()]
    spool.remove(ID)  # of what is not there
