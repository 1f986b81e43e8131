"""What a record must not carry."""

from pathlib import Path

import pytest

from bench.redact import _own_folders, without_paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cannot open /home/ann/poc/net.onnx: no such file", "cannot open …/net.onnx: no such file"),
        ("'/tmp/x y/z.so' and (/opt/a/b)", "'…/x y/z.so' and (…/b)"),
        (r"load C:\Users\ann\net.onnx failed", "load …/net.onnx failed"),
        ("/home/John Smith/models/net.onnx", "…/net.onnx"),
        ("/Users/O'Brien/models/x.onnx is short", "…/x.onnx is short"),
        (r"C:\Users\John Smith\models\net.onnx", "…/net.onnx"),
        ("cannot write /home/alice", "cannot write …"),
        ("node /model/layers.0/attn/Add is Add", "node /model/layers.0/attn/Add is Add"),
        ("\x1b[0;93mwarning\x1b[m", "warning"),
        ("1.5 GMAC/s, read/write, and/or", "1.5 GMAC/s, read/write, and/or"),
        ("./relative/net.onnx", "./relative/net.onnx"),
    ],
)
def test_absolute_paths_and_colours_go(text: str, expected: str) -> None:
    """Absolute paths keep their last part, relative ones and units stay as they are."""
    assert expected == without_paths(text)


def test_this_users_own_folders_go_wherever_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home in an unusual place is known by asking, not by its name."""
    _own_folders.cache_clear()
    monkeypatch.setattr(Path, "home", lambda: Path("/strange/place/ann"))
    try:
        assert without_paths("read /strange/place/ann/x/net.onnx") == "read …/net.onnx"
    finally:
        _own_folders.cache_clear()
