"""What a session returns is of the types that the contracts state; an error names class, method and field."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.contracts import NodePlacement, Placement, Precisions, SessionFacts, TensorSpec
from bench.contracts.answers import CheckedSession
from bench.errors import PluginError
from bench.words import sentence

FACTS = SessionFacts(device_name="chip", versions={"sdk": "1"}, precisions=Precisions("int8", "int8"))
TENSORS = (TensorSpec("x", "float32", (1,)),)


class Session:
    """Returns what the test gives it."""

    inputs = outputs = TENSORS

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def facts(self) -> SessionFacts:
        return self.answers["facts"]  # type: ignore[no-any-return]

    def placement(self) -> Placement | None:
        return self.answers["placement"]  # type: ignore[no-any-return]

    def bind(self, feeds: Any) -> Any:
        return self.answers["bind"]

    def bind_parallel(self, feeds: Any, lanes: int | None) -> Any:
        return self.answers["bind_parallel"]

    def results(self) -> Any:
        return self.answers["results"]


def asked(method: str, answer: Any) -> Any:
    """What a checked session gives for that answer of the plugin's."""
    session = CheckedSession(Session(**{method: answer}))
    arguments: dict[str, tuple[Any, ...]] = {"bind": ({},), "bind_parallel": ({}, None)}
    return getattr(session, method)(*arguments.get(method, ()))


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("facts", FACTS),
        ("facts", replace(FACTS, device_name=sentence("qnn.unnamed_chip"), kv_cache_bits=(8, 8))),
        ("placement", None),
        ("placement", Placement("npu", (NodePlacement("conv", "Conv", "npu"),))),
        ("results", {"y": np.zeros(1)}),
        ("bind", len),
        ("bind_parallel", [len, len]),
    ],
)
def test_a_right_answer_is_given_on(method: str, answer: Any) -> None:
    """The very object: nothing is copied or wrapped, least of all the call that is timed."""
    assert answer is asked(method, answer)


@pytest.mark.parametrize(
    ("method", "answer", "told"),
    [
        ("facts", {"device_name": "chip"}, r"facts\(\) returned a value of type dict instead of SessionFacts"),
        ("facts", None, r"facts\(\) returned a value of type NoneType instead of SessionFacts"),
        ("facts", replace(FACTS, executed_precision=8), r"facts\(\): .* of executed_precision has .* type: 8"),
        ("facts", replace(FACTS, versions={"sdk": 2}), r"of versions has .*\{'sdk': 2\}"),
        ("facts", replace(FACTS, versions={"sdk": object}), r"of versions has"),
        ("facts", replace(FACTS, compile_cache="perhaps"), r"of compile_cache has .*'perhaps'"),
        ("placement", ["npu"], r"placement\(\) returned a value of type list instead of Placement"),
        ("placement", Placement("npu", nodes=("conv",)), r"placement\(\): the value of nodes"),  # type: ignore[arg-type]
        ("bind", None, r"bind\(\) returned a value of type NoneType instead of Callable"),
        ("bind_parallel", None, r"bind_parallel\(\) returned a value of type NoneType"),
        ("bind_parallel", [], r"bind_parallel\(\) returned a value of type list"),
        ("bind_parallel", [len, 3], r"bind_parallel\(\) returned a value of type list"),
        ("results", [np.zeros(1)], r"results\(\) returned a value of type list instead of Mapping"),
        ("results", {"y": "z" * 200}, r"results\(\): the value of y has the wrong type: 'zz*…"),
    ],
)
def test_a_wrong_answer_is_the_plugins_error(method: str, answer: Any, told: str) -> None:
    """Named with the class and its module, which are the plugin's."""
    with pytest.raises(PluginError, match=told) as raised:
        asked(method, answer)
    assert f"{Session.__module__}.Session.{method}" in raised.value.message
    assert len(raised.value.message) < 250
