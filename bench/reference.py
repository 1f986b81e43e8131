"""The run that every other is checked against: fp32 on the CPU, nothing optimised, in a process and pass of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bench.jobs import Checked, CheckJob, Failed
from bench.plugins import Catalog, load
from bench.record import Fidelity
from bench.supervisor import run_job

if TYPE_CHECKING:
    import numpy as np


class ReferenceTarget(Struct, frozen=True):
    """A target that may serve, and the options under which it does."""

    plugin: str
    device: str
    options: dict[str, str]
    name: str


REFERENCES = (
    ReferenceTarget(
        "ort", "cpu", {"graph_optimization_level": "ORT_DISABLE_ALL"}, "ort:cpu, fp32, graph optimisation off"
    ),
    ReferenceTarget(
        "openvino", "CPU", {"INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "ACCURACY"}, "openvino:CPU, f32"
    ),
)
"""The first that opens the artifact's format is the reference; the second is for formats the first cannot read."""


class References:
    """Runs a reference once for each artifact and inputs, and compares others with it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._done: dict[tuple[Any, ...], tuple[str, Checked | Failed]] = {}

    def compare(self, job: CheckJob, checked: Checked, deadline_s: float, folder: Callable[[], Path]) -> Fidelity:
        """Fidelity of what ``job`` produced. When no reference can run, says why instead."""
        from bench.measure.fidelity import compare_outputs

        name, reference = self._reference(job, deadline_s, folder)
        if isinstance(reference, Failed):
            return Fidelity(name, reason=f"the reference did not run: {reference.failure.message}")
        precision = checked.facts.executed_precision
        return compare_outputs(_outputs(reference), _outputs(checked), precision, name)

    def _reference(self, job: CheckJob, deadline_s: float, folder: Callable[[], Path]) -> tuple[str, Checked | Failed]:
        artifact = job.request.artifact
        key = (artifact.sha256, tuple(sorted(artifact.shapes.items())), job.feeds, job.scenario, job.seed)
        if key not in self._done:
            self._done[key] = self._run(job, deadline_s, folder)
        return self._done[key]

    def _run(self, job: CheckJob, deadline_s: float, folder: Callable[[], Path]) -> tuple[str, Checked | Failed]:
        artifact = job.request.artifact
        for reference in REFERENCES:
            if reference.plugin not in self._catalog.names("targets"):
                continue
            plugin = self._catalog.find("targets", reference.plugin)
            if artifact.format not in load(plugin).formats:
                continue
            request = msgspec.structs.replace(job.request, device=reference.device, options=reference.options)
            event = run_job(CheckJob(folder(), plugin, request, job.scenario, job.feeds, job.seed), deadline_s).event
            assert isinstance(event, Checked | Failed)
            return reference.name, event
        return "none", no_reference(artifact.format)


def no_reference(format_: str) -> Failed:
    """The outcome where no runtime here can serve as one."""
    from bench.record import Failure

    return Failed(Failure("check", "unavailable", f"no reference runtime here opens {format_}", "Install openvino."))


def _outputs(checked: Checked) -> "list[dict[str, np.ndarray[Any, Any]]]":
    from bench.measure.feeds import load_feeds

    return [dict(load_feeds(path)) for path in checked.outputs]
