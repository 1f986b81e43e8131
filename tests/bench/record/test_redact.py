"""What a record must not carry."""

from pathlib import Path

import pytest

from bench.record.shown.redact import _own_folders, option_without_paths, without_paths


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
        (r"RuntimeError: C:\\Users\\ann\\x", "RuntimeError: …/x"),
        (r"C:\\Users\\ann", "…"),
        ("WindowsPath('C:/Users/ann/y')", "WindowsPath('…/y')"),
        (r"D:\ann", "…"),
        (r"D:\\ann\\models\\net.onnx", "…/net.onnx"),
        (r"\\server\ann\net.onnx", "…/net.onnx"),
        (r"\\\\server\\ann\\net.onnx", "…/net.onnx"),
        ("//nas/ann/net.onnx", "…/net.onnx"),
        ("/scratch/ann/x and /gpfs/ann", "…/x and …"),
        ("/net/ann/x, /cluster/ann/Model", "…/x, …/Model"),
        ("'/any_root/ann/x.so': cannot open", "'…/x.so': cannot open"),
        ("file:///any_root/ann/net.onnx", "file:…/net.onnx"),
        ("gcc -I/opt/x/y", "gcc -I…/y"),
        ("~ann/x and ~/y/z", "…/x and …/z"),
        ("ann@host.corp: no route", "…: no route"),
        ("scp ann@10.1.2.3:x", "scp …:x"),
        ("scp ann@build:/any_root/ann/x", "scp …:…/x"),
        ("memcpy@GLIBC_2.14, x@1.2.3, @octocat", "memcpy@GLIBC_2.14, x@1.2.3, @octocat"),
        ("/conv1/Conv_output_0 and /layers.0/act", "/conv1/Conv_output_0 and /layers.0/act"),
        ("see https://onnxruntime.ai/docs/build", "see https://onnxruntime.ai/docs/build"),
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


def test_the_value_of_an_option_names_no_node() -> None:
    """What begins like an absolute path is one there, wherever it stands in the value."""
    values = ("/model/ann/Add", "Relu:/any_root/ann/Ops:f:CPU", "a=/x/y;b=/z", "1;2;3-4")
    assert ["…/Add", "Relu:…/Ops:f:CPU", "a=…;b=/z", "1;2;3-4"] == [option_without_paths(value) for value in values]


def test_a_folder_of_this_machine_names_no_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that looks like a node's, below a root that is there."""
    assert "/model/ann/Add" == without_paths("/model/ann/Add")
    monkeypatch.setattr("bench.record.shown.redact._is_folder", lambda root: root == "/model")
    assert "…/Add" == without_paths("/model/ann/Add")
