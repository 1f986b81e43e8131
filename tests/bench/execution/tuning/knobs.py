"""A target with settings to tune, exact in what each is worth: a call spins for a time that the options decide."""

import os
from collections.abc import Callable, Mapping, Sequence

from bench.contracts import (
    Artifact,
    Device,
    Format,
    Intent,
    OpenRequest,
    OwnConfiguration,
    Phase,
    ReferenceSetup,
    Task,
    Tensors,
    TensorSession,
    Tunable,
)
from bench.testing import FakeModel, FakeTensorSession, NullTarget, spin

FACTORS = {"pace": {"2": 0.5}, "round": {"1": 0.8}}
"""By how much each value multiplies the time of a call."""
BASE_US = 2_000.0


class RoundingSession(FakeTensorSession):
    """Gives other outputs than its inputs."""

    def results(self) -> Tensors:
        return {name: array * -3 + 1 for name, array in super().results().items()}


class Knobs(NullTarget):
    """``pace`` 2 is best; ``round`` is faster still, and wrong; ``crash`` ends the process."""

    summary = "a target with settings"
    safe_options = ("pace", "turbo", "round", "crash")

    def devices(self) -> Sequence[Device]:
        return (
            Device("cpu", True, "spins", default=False),
            Device("emu", True, "an emulator", emulated=True, default=False),
        )

    def options(self, device: str) -> Mapping[str, str]:
        return dict.fromkeys(self.safe_options, "a setting")

    def reference_for(self, model_format: Format, task: Task) -> ReferenceSetup | None:
        return ReferenceSetup(device="cpu", options={}, name="knobs:cpu")

    def tunables(self, device: str, artifact: Artifact) -> Sequence[Tunable]:
        return (
            Tunable(name="pace", values=("2",)),
            Tunable(name="round", values=("1",), changes_outputs=True),
            Tunable(name="crash", values=("1",), needs={"pace": "3"}),
        )

    def own_configuration(
        self, device: str, artifact: Artifact, options: Mapping[str, str], intent: Intent
    ) -> OwnConfiguration:
        text = "".join(f"{name}: {value}\n" for name, value in sorted(options.items()))
        return OwnConfiguration(file_name="knobs.txt", text=text, use="turn them by hand")

    def open(self, request: OpenRequest, phase: Phase) -> TensorSession:
        with phase("compile"):
            if "crash" in request.options:
                os._exit(3)
            kind = RoundingSession if "round" in request.options else FakeTensorSession
            facts = request.artifact.facts
            return kind(dict(request.options), "cpu", self.work(request), facts.inputs, facts.outputs)

    def work(self, request: OpenRequest) -> Callable[[], None]:
        duration_us = BASE_US
        for name, value in request.options.items():
            duration_us *= FACTORS.get(name, {}).get(value, 1.0)
        return spin(int(duration_us * 1_000))


PLUGINS = {"targets": {"knobs": Knobs}, "models": {"fake": FakeModel}}
