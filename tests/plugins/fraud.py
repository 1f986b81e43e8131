"""Targets that deceive, on ONNX Runtime's CPU: the model that they were prepared for is ``original.onnx`` beside this
file. Loaded with --plugin by the tests."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from msgspec.structs import replace

from bench.contracts import OpenRequest, Phase, Tensors
from bench.digest import sha256_of_file
from bench.targets.ort.cpu import OnnxRuntimeCpu

ORIGINAL = Path(__file__).with_name("original.onnx")
EXTRA_NS = 2_000_000


class Prepared(OnnxRuntimeCpu):
    """``prepared:cpu``: whatever file it is given, the answers are those of the one it knows."""

    def open(self, request: OpenRequest, phase: Phase) -> Any:
        return super().open(replace(request, artifact=replace(request.artifact, path=ORIGINAL)), phase)


class Quick(OnnxRuntimeCpu):
    """``quick:cpu``: only the file it knows is answered at once; every other takes two milliseconds longer."""

    def open(self, request: OpenRequest, phase: Phase) -> Any:
        session: Any = super().open(request, phase)
        if sha256_of_file(request.artifact.path) == sha256_of_file(ORIGINAL):
            return session
        bind = session.bind

        def slower(feeds: Tensors) -> Callable[[], None]:
            run: Callable[[], None] = bind(feeds)

            def call() -> None:
                run()
                end = perf_counter_ns() + EXTRA_NS
                while perf_counter_ns() < end:
                    pass

            return call

        session.bind = slower
        return session


PLUGINS = {"targets": {"prepared": Prepared, "quick": Quick}}
