"""Times of layers from OpenVINO's performance counters (``PERF_COUNT``).

The plugins of CPU and GPU give each layer's mean over all executions since the model was compiled, in whole
microseconds (``PerfCount::avg`` and ``PerfCounter::realTime_avg`` in their sources). Means times executions are
therefore read where a part begins and ends, and subtracted. With several streams each has its own counters, and a
request gives those of one of them. Other plugins give the times of the last execution, which are read after each.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct

from bench.contracts import NodePlacement, Profile, ProfiledOperator
from bench.errors import RunFailure
from bench.targets.openvino.devices import family
from bench.targets.openvino.graph import ExecutedNode, own_name
from bench.words import sentence

SOURCE = "OpenVINO PERF_COUNT"
AVERAGING = frozenset(("CPU", "GPU"))
"""Families of devices whose counters are means since the model was compiled."""
REFERENCE = re.compile(r"(^|[_:])ref([_:]|$)")
SUBGRAPH = re.compile(r"^subgraph\d+: ")
"""What HETERO puts before the name of a layer."""


class Layer(Struct, frozen=True):
    """A layer as the counters name it. Names are not unique: GPU layers may share one."""

    name: str
    op: str
    kernel: str


Counters = Mapping[Layer, int]
"""Microseconds of each layer that was executed."""
Part = list[Counters]


def counters(infos: Sequence[Any]) -> Counters:
    """The layers that were executed, of ``InferRequest.get_profiling_info()``."""
    found: dict[Layer, int] = {}
    for info in infos:
        if str(info.status).rpartition(".")[2] != "EXECUTED":
            continue
        layer = Layer(SUBGRAPH.sub("", info.node_name), info.node_type, info.exec_type)
        found[layer] = found.get(layer, 0) + round(info.real_time.total_seconds() * 1e6)
    return found


def layer_clock(compiled_model: Any) -> "LayerClock":
    """For a model that was compiled with ``PERF_COUNT``. Raises ``RunFailure`` for several streams."""
    supported = compiled_model.get_property("SUPPORTED_PROPERTIES")
    streams = int(compiled_model.get_property("NUM_STREAMS")) if "NUM_STREAMS" in supported else 1
    if streams > 1:
        raise RunFailure(
            "unsupported_scenario",
            sentence("openvino.profile_of_streams", streams=streams),
            sentence("openvino.profile_one_stream"),
            "compile",
        )
    devices = [str(device).strip("()") for device in compiled_model.get_property("EXECUTION_DEVICES")]
    return LayerClock(averaging=all(family(device) in AVERAGING for device in devices))


class LayerClock:
    """The counters of one compiled model. ``averaging``: its plugin gives means."""

    def __init__(self, averaging: bool) -> None:
        self._averaging = averaging
        self._executed = 0
        self._read: Callable[[], Counters] = dict
        self._part = ""
        self._began: tuple[int, Counters] = (0, {})
        self._sums: dict[str, tuple[int, dict[Layer, int]]] = {}
        self._each: dict[str, Part] = {}

    def watched(self, request: Any) -> "WatchedRequest":
        """``request``, with its executions counted."""
        self._read = lambda: counters(request.get_profiling_info())
        return WatchedRequest(request, self._executed_once)

    def part(self, name: str) -> None:
        """Ends the part before, and begins or continues ``name``."""
        if self._averaging:
            now = self._executed, self._totals()
            if self._part:
                self._add(now)
            self._began = now
        self._part = name

    def profiles(self, named: Callable[[Layer], ProfiledOperator]) -> dict[str, Profile]:
        """All parts. ``named``: the operator of a layer, without times."""
        self.part("")
        if self._averaging:
            return {name: _mean(*found, named) for name, found in self._sums.items() if found[0]}
        return {name: _single(each, named) for name, each in self._each.items() if each}

    def _executed_once(self) -> None:
        self._executed += 1
        if self._part and not self._averaging:
            self._each.setdefault(self._part, []).append(self._read())

    def _totals(self) -> Counters:
        if not self._executed:
            return {}
        return {layer: mean * self._executed for layer, mean in self._read().items()}

    def _add(self, now: tuple[int, Counters]) -> None:
        (before, began), (executed, totals) = self._began, now
        count, sums = self._sums.get(self._part, (0, {}))
        for layer, total in totals.items():
            sums[layer] = sums.get(layer, 0) + max(0, total - began.get(layer, 0))
        self._sums[self._part] = count + executed - before, sums


class WatchedRequest:
    """An ``InferRequest`` whose executions are counted."""

    def __init__(self, request: Any, executed: Callable[[], None]) -> None:
        self._request, self._executed = request, executed

    def infer(self, *inputs: Any, **how: Any) -> Any:
        found = self._request.infer(*inputs, **how)
        self._executed()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)


def _mean(executions: int, sums: Mapping[Layer, int], named: Callable[[Layer], ProfiledOperator]) -> Profile:
    operators = (_timed(named(layer), (round(total * 1_000 / executions),)) for layer, total in sums.items())
    return Profile(source=SOURCE, executions=executions, operators=tuple(operators), averaged=True)


def _single(each: Part, named: Callable[[Layer], ProfiledOperator]) -> Profile:
    layers = dict.fromkeys(layer for counted in each for layer in counted)
    operators = (_timed(named(layer), tuple(one.get(layer, 0) * 1_000 for one in each)) for layer in layers)
    return Profile(source=SOURCE, executions=len(each), operators=tuple(operators))


def _timed(operator: ProfiledOperator, times_ns: tuple[int, ...]) -> ProfiledOperator:
    return ProfiledOperator(
        name=operator.name,
        op=operator.op,
        device=operator.device,
        kernel=operator.kernel,
        times_ns=times_ns,
        reference_kernel=operator.reference_kernel,
    )


def naming(
    nodes: Sequence[ExecutedNode],
    device: str,
    weighed: Collection[str],
    sources: Mapping[str, str],
    split: Sequence[NodePlacement] = (),
) -> Callable[[Layer], ProfiledOperator]:
    """How layers are called: as the node of the model that they compute, where the runtime graph tells it. ``device``:
    where they run, except for those in ``split``."""
    devices = {node.name: node.device for node in split}
    by_name = {node.name: node for node in nodes}
    known = {name for node in nodes for name in node.originals if name in weighed}

    def named(layer: Layer) -> ProfiledOperator:
        node = by_name.get(layer.name)
        own = node.originals if node is not None else (layer.name,)
        return ProfiledOperator(
            name=own_name(node, weighed, sources, known) if node is not None else layer.name,
            op=layer.op,
            device=next((devices[name] for name in own if name in devices), "" if devices else device),
            kernel=layer.kernel,
            reference_kernel=REFERENCE.search(layer.kernel) is not None,
        )

    return named
