"""A target that stands for several chips, each of which behaves in its own way. Loaded with --plugin by the tests."""

import ctypes
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.contracts import (
    Artifact,
    Compiled,
    Device,
    Foretold,
    NodePlacement,
    OpenRequest,
    Peaks,
    Phase,
    Placement,
    Published,
    SessionFacts,
    TensorSession,
    TokenSession,
    Variant,
)
from bench.errors import RunFailure
from bench.testing import FakeModel, FakeTensorSession, NullTarget

PEAK = Peaks(
    operations_per_s=Published(value=1000.0, document="a data sheet", url="https://example.org", read="2026-01-02")
)
CHIPS = ("dear", "cheap", "twin", "half", "old", "breaks", "hangs", "unplaced")


class Session(FakeTensorSession):
    """Half of its nodes are left over on the chip ``half``."""

    def placement(self) -> Placement:
        devices = ["ACC", "CPU" if self.options["chip"] == "half" else "ACC"]
        return Placement("ACC", tuple(NodePlacement(f"n{i}", f"Op{i}", d) for i, d in enumerate(devices)), "fake")

    def facts(self) -> SessionFacts:
        return SessionFacts(
            device_name="", options_effective=self.options, versions={"fake": "1"}, executed_precision="float16"
        )


class Varied(NullTarget):
    """``varied:emu`` plays chips; ``varied:away`` is not here."""

    varied_devices: Sequence[str] = ("emu",)
    order_of_variants = "Order: as the test has it."

    def devices(self) -> Sequence[Device]:
        emulator = Device("emu", True, "plays chips", emulated=True, default=False)
        return (emulator, Device("away", False, "", "it is not here", "Plug it in.", default=False))

    def options(self, device: str) -> Mapping[str, str]:
        return {"chip": "which", "colour": "none"}

    def variants(self, device: str) -> Sequence[Variant]:
        if device == "away":
            return (Variant(name="away", title="Far Away"),)
        order = {"cheap": 0, "twin": 1, "half": 2, "old": 3, "dear": 4, "breaks": 5, "hangs": 6}
        chips = [chip for chip in CHIPS if chip not in os.environ.get("VARIED_WITHOUT", "hangs").split(",")]
        return tuple(
            Variant(
                name=chip,
                title=f"The {chip.title()}",
                part=f"P-{index}",
                generation="v1",
                options={"chip": chip},
                order=order.get(chip),
                peaks=PEAK if chip in ("cheap", "dear") else Peaks(),
            )
            for index, chip in enumerate(chips)
        )

    def check(self, artifact: Artifact, device: str, options: Mapping[str, str]) -> None:
        if options.get("chip") == "old":
            raise RunFailure("unsupported_precision", "The Old cannot do it", "Quantise it.", "plan")

    def open(self, request: OpenRequest, phase: Phase) -> TensorSession | TokenSession:
        with phase("compile"):
            if request.options["chip"] == "breaks" and not os.environ.get("VARIED_GENTLE"):
                ctypes.string_at(0)
            if request.options["chip"] == "breaks":
                raise RunFailure("runtime_error", "the compiler gave up", "", "compile")
            if request.options["chip"] == "hangs":
                Path(os.environ["VARIED_MARK"]).touch()
                time.sleep(300)
            facts = request.artifact.facts
            return Session(dict(request.options), "varied", lambda: None, facts.inputs, facts.outputs)

    def compiled(self, request: OpenRequest) -> Compiled:
        chip = request.options["chip"]
        program = {"cheap": "same", "twin": "same", "dear": "other"}.get(chip, "")
        return Compiled(size_bytes=1000, vtcm_bytes=10, constant_bytes=100, program_sha256=program)

    def foretell(self, artifact: Artifact, device: str, options: dict[str, str]) -> Foretold:
        return Foretold(findings=("Its shapes are static.",))


PLUGINS = {"targets": {"varied": Varied}, "models": {"one": FakeModel}}
