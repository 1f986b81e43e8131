"""A model with a judge of its own, and a target that answers wrong now and then. Loaded with --plugin by the tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.contracts import ModelRequest, OpenRequest, Phase, Tensors, TensorSession, TokenSession
from bench.errors import InputError
from bench.testing import FakeModel, FakeTensorSession, NullTarget


class Skewed(FakeTensorSession):
    """Copies its inputs to its outputs, but turns round those whose first value is not above 0."""

    def results(self) -> Tensors:
        (array,) = super().results().values()
        return {"y": array[:, ::-1] if array[0, 0] <= 0 else array}


class SkewedTarget(NullTarget):
    """The target ``skewed:cpu``."""

    def open(self, request: OpenRequest, phase: Phase) -> TensorSession | TokenSession:
        with phase("compile"):
            facts = request.artifact.facts
            return Skewed(dict(request.options), "skewed", self.work(request), facts.inputs, facts.outputs)


class Spring(FakeModel):
    """Judged by how far its first output is from the angle expected, and by whether it points up."""

    lower_is_better = ("distance",)

    def judge(self, outputs: Tensors, expected: Any) -> Mapping[str, float]:
        if not isinstance(expected, dict) or "angle" not in expected:
            raise InputError("no angle is expected")
        first = float(outputs["x"][0, 0])
        return {"distance": abs(first - expected["angle"]), "upright": float(first > 0)}


class Fickle(Spring):
    """The file on disk changes each time it is looked at: what was judged is not what was planned."""

    def prepare(self, request: ModelRequest, cache: Path) -> Any:
        from msgspec.structs import replace

        return replace(super().prepare(request, cache), sha256="0" * 64)


PLUGINS = {"targets": {"skewed": SkewedTarget}, "models": {"spring": Spring, "fickle": Fickle}}
