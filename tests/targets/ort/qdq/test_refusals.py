"""Which models the quantisers refuse, and with what remedy. Nothing is imported for it."""

from pathlib import Path
from typing import Any

import pytest

from bench.contracts import Artifact, GraphFacts, Quantiser
from bench.errors import InputError
from bench.plugins import discover, load
from bench.targets.openvino.compression.quantiser import OpenVinoNncf
from bench.targets.ort.qdq.quantiser import OnnxRuntimeQdq

QUANTISERS = (OnnxRuntimeQdq(), OpenVinoNncf())


def artifact(**changes: Any) -> Artifact:
    operators = changes.pop("operators", {"Conv": 3})
    given: dict[str, Any] = {
        "model_id": "m",
        "task": "tensor",
        "format": "onnx",
        "precision": "float32",
        "path": Path("m.onnx"),
        "files": (Path("m.onnx"),),
        "sha256": "0" * 64,
        "size_bytes": 10,
        "facts": GraphFacts((), (), operators),
        "shapes": {},
    }
    return Artifact(**{**given, **changes})


@pytest.mark.parametrize("quantiser", QUANTISERS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"operators": {"Conv": 1, "QuantizeLinear": 2}}, "m.onnx is quantised already: it contains QuantizeLinear"),
        ({"operators": {"QLinearConv": 1}}, "m.onnx is quantised already: it contains QLinearConv"),
        ({"operators": {"FakeQuantize": 1}}, "quantised already"),
        ({"operators": {"EPContext": 1}}, "m.onnx holds a compiled graph"),
        ({"precision": "int8"}, "m.onnx has weights of int8; float32 or float16 is needed"),
        ({"precision": ""}, "m.onnx does not state the type of its weights"),
        ({"task": "text_generation"}, "m.onnx is a language model"),
    ],
)
def test_what_is_refused(quantiser: Quantiser, changes: dict[str, Any], message: str) -> None:
    """Each with what to do instead."""
    with pytest.raises(InputError, match=message) as caught:
        quantiser.refuse(artifact(**changes), "int8")
    assert caught.value.remedy


def test_a_model_of_two_gibibytes_does_not_fit_one_file() -> None:
    """Half of that in float16."""
    for size, precision in ((2**31, "float32"), (2**30, "float16")):
        with pytest.raises(InputError, match=r"would take 2.00 GiB in float32"):
            OnnxRuntimeQdq().refuse(artifact(size_bytes=size, precision=precision), "int8")
    OnnxRuntimeQdq().refuse(artifact(size_bytes=2**30), "int8")


def test_quantisers_are_plugins() -> None:
    """Found by name; each says what it reads, writes and takes."""
    catalog = discover()
    assert {"onnx", "openvino"} <= {*catalog.names("quantisers")}
    for ref in catalog.of("quantisers"):
        quantiser: Quantiser = load(ref)
        assert ["int8", "w8a16", "w4a16"] == [*quantiser.schemes]
        for scheme in quantiser.schemes:
            names = [method.name for method in quantiser.methods(artifact(), scheme)]
            assert len(names) == len(set(names)) >= 2
