"""The command line calls the functions of ``import bench``, so that a script and a command give the same result."""

from pathlib import Path

import pytest

from bench.cli.group import odb


class CalledError(Exception):
    """In the place of the function's work."""


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("bench.scripting.measuring.run", ["run", "-m", "mobilenet_v2", "-t", "ort:cpu", "-o", "out"]),
        ("bench.scripting.loading.load", ["report", "out"]),
        ("bench.scripting.comparing.compare", ["compare", "out", "out"]),
    ],
)
def test_a_command_calls_the_public_function(
    function: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``odb run``, ``odb report`` and ``odb compare`` do nothing of this themselves."""

    def called(*given: object, **named: object) -> None:
        raise CalledError

    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(function, called)
    with pytest.raises(CalledError):
        odb.main(arguments, standalone_mode=False)
