"""What a record must not carry."""

import pytest

from bench.redact import without_paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cannot open /home/ann/poc/net.onnx: no such file", "cannot open …/net.onnx: no such file"),
        ("'/tmp/x y/z.so' and (/opt/a/b)", "'…/x y/z.so' and (…/b)"),
        (r"load C:\Users\ann\net.onnx failed", "load …/net.onnx failed"),
        ("\x1b[0;93mwarning\x1b[m", "warning"),
        ("1.5 GMAC/s, read/write, and/or", "1.5 GMAC/s, read/write, and/or"),
        ("./relative/net.onnx", "./relative/net.onnx"),
    ],
)
def test_absolute_paths_and_colours_go(text: str, expected: str) -> None:
    """Absolute paths keep their last part, relative ones and units stay as they are."""
    assert expected == without_paths(text)
