"""A tensor session over one OpenVINO compiled model.

Input tensors share memory with arrays the session owns and are set once on an ``InferRequest``; a timed call is
``infer`` without arguments, with outputs shared: about 10 µs on a no-op graph, against 89 µs when a dictionary is
passed each time. Without ``share_outputs`` every call would also copy all outputs to numpy.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contracts import (
    CompileCache,
    Levels,
    NodePlacement,
    Normaliser,
    Placement,
    Profile,
    SessionFacts,
    Tensors,
    TensorSpec,
)
from bench.contracts.element_types import EXTENDED, PACKED_BITS, STRING, from_packed_bytes, numpy_type, packed_bytes
from bench.entry_points import versions
from bench.errors import RunFailure
from bench.targets.feeds import owned, refuse_unfit
from bench.targets.openvino.graph import ExecutedNode, kv_cache_bits, placed, precision, precisions
from bench.targets.openvino.profile import LayerClock, naming
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

LONGEST_OPTION = 200
OWN_NAMES = {
    "bfloat16": "bf16",
    "float8_e4m3fn": "f8e4m3",
    "float8_e5m2": "f8e5m2",
    "float8_e8m0fnu": "f8e8m0",
    "float4_e2m1fn": "f4e2m1",
    "int4": "i4",
    "uint4": "u4",
    "uint2": "u2",
}
NAMES = {own: name for name, own in OWN_NAMES.items()}


class Compiled(Struct, frozen=True):
    """A compiled model and what was found out about it when it was opened.

    ``device`` is where it runs, ``split`` the placement of a graph on several devices. ``sources`` leads from a
    node of the model to the one whose MACs it continues (``weighed_sources``); empty unless inspected. ``own_options``:
    in force, of this project's target and not of the runtime. ``clock``: the times of its layers, if requested.
    """

    model: Any
    device: str
    device_name: str
    node_macs: dict[str, int]
    sources: dict[str, str]
    preferred_names: tuple[str, ...]
    split: tuple[NodePlacement, ...] | None = None
    caching: bool = False
    own_options: dict[str, str] = {}
    clock: LayerClock | None = None

    def request(self) -> Any:
        """A new ``InferRequest``."""
        made = self.model.create_infer_request()
        return made if self.clock is None else self.clock.watched(made)


class OpenVinoFacts:
    """Facts that both kinds of OpenVINO session report."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled

    def placement(self) -> Placement | None:
        """Executed nodes by device; ``None`` where the plugin keeps its runtime graph to itself."""
        if self._compiled.split is not None:
            return Placement(self._compiled.device, self._compiled.split, "OpenVINO Core.query_model")
        nodes = self._executed()
        if not nodes:
            return None
        where = placed(nodes, self._compiled.device, self._compiled.node_macs, self._compiled.sources)
        return Placement(self._compiled.device, where, "OpenVINO runtime graph and EXECUTION_DEVICES")

    def facts(self) -> SessionFacts:
        import openvino

        held, nodes = properties(self._compiled.model), self._executed()
        return SessionFacts(
            device_name=self._compiled.device_name,
            options_effective=held | self._compiled.own_options,
            versions={"openvino": openvino.get_version(), **versions(("openvino",))},
            executed_precision=precision(nodes, held.get("INFERENCE_PRECISION_HINT", "")),
            precisions=precisions(nodes),
            compile_cache=self._compile_cache(),
            kv_cache_bits=kv_cache_bits(held),
        )

    def profile_part(self, name: str) -> None:
        if self._compiled.clock is not None:
            self._compiled.clock.part(name)

    def profiles(self) -> Mapping[str, Profile]:
        compiled = self._compiled
        if compiled.clock is None:
            return {}
        named = naming(self._executed(), compiled.device, compiled.node_macs, compiled.sources, compiled.split or ())
        return compiled.clock.profiles(named)

    def _compile_cache(self) -> CompileCache:
        if not self._compiled.caching:
            return "none"
        return "warm" if self._compiled.model.get_property("LOADED_FROM_CACHE") else "cold"

    def _executed(self) -> list[ExecutedNode]:
        from bench.targets.openvino.graph import executed_nodes

        try:
            return executed_nodes(self._compiled.model.get_runtime_model())
        except RuntimeError:  # the plugin does not offer it
            return []


class OpenVinoTensorSession(OpenVinoFacts):
    """Tensors in, tensors out, on any OpenVINO device."""

    def __init__(self, compiled: Compiled) -> None:
        super().__init__(compiled)
        names = compiled.preferred_names
        self.inputs: Sequence[TensorSpec] = tuple(port_spec(port, names) for port in compiled.model.inputs)
        self.outputs: Sequence[TensorSpec] = tuple(port_spec(port, names) for port in compiled.model.outputs)
        self._lanes: list[Lane] = []

    def bind(self, feeds: Tensors) -> Callable[[], None]:
        self._lanes = [self._lane(feeds)]
        return partial(self._lanes[0].request.infer, share_outputs=True)

    def bind_parallel(self, feeds: Tensors, lanes: int | None) -> Sequence[Callable[[], None]]:
        """One ``InferRequest`` a lane; as many as ``OPTIMAL_NUMBER_OF_INFER_REQUESTS`` unless ``lanes`` is given."""
        count = lanes or int(self._compiled.model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._lanes = [self._lane(feeds) for _ in range(count)]
        return [partial(_started_and_awaited, lane.request) for lane in self._lanes]

    def refill(self, feeds: Tensors) -> None:
        if not self._lanes:
            raise RunFailure("bad_input", sentence("target.no_inputs_bound"))
        lane = self._lanes[0]
        refuse_unfit(feeds, self.inputs)
        for index, spec in enumerate(self.inputs):
            if spec.dtype in EXTENDED or spec.dtype == STRING:
                lane.request.set_input_tensor(index, tensor_of(owned(feeds, self.inputs)[spec.name]))
            else:
                lane.arrays[spec.name][...] = feeds[spec.name]

    def results(self) -> Tensors:
        if not self._lanes:
            raise RunFailure("bad_input", sentence("target.no_inputs_bound"))
        request = self._lanes[0].request
        return {spec.name: array_of(request.get_output_tensor(i)) for i, spec in enumerate(self.outputs)}

    def normaliser(self, levels: Levels) -> Normaliser | None:
        """``PrePostProcessor``, on the CPU."""
        from bench.targets.openvino.pictures.normalising import prepared_by_openvino

        return prepared_by_openvino(levels)

    def _lane(self, feeds: Tensors) -> "Lane":
        arrays = owned(feeds, self.inputs)
        request = self._compiled.request()
        for index, spec in enumerate(self.inputs):
            request.set_input_tensor(index, tensor_of(arrays[spec.name]))
        return Lane(request, arrays)


class Lane(Struct, frozen=True):
    """One query's request. ``arrays`` own the memory that its input tensors point into."""

    request: Any
    arrays: "Mapping[str, np.ndarray[Any, Any]]"


def tensor_of(array: "np.ndarray[Any, Any]") -> Any:
    """The array as an OpenVINO tensor that shares its memory, except for text and packed types, which are copied."""
    import openvino

    if array.dtype.kind in "OU":
        return openvino.Tensor(array.astype(str))
    if array.dtype.name not in EXTENDED:
        return openvino.Tensor(array, shared_memory=True)
    kind = getattr(openvino.Type, OWN_NAMES[array.dtype.name])
    if array.dtype.name in PACKED_BITS or array.dtype.itemsize == 1:
        tensor = openvino.Tensor(kind, openvino.Shape(list(array.shape)))
        if array.size:
            tensor.data.reshape(-1).view("u1")[...] = packed_bytes(array)
        return tensor
    return openvino.Tensor(array.view(f"u{array.dtype.itemsize}"), openvino.Shape(list(array.shape)), kind)


def array_of(tensor: Any) -> "np.ndarray[Any, Any]":
    """A copy of the tensor's elements in numpy's type for them; text as Python objects. OpenVINO shows the bytes of a
    type that numpy has not under another type."""
    import numpy as np

    name = element_name(tensor.element_type)
    if name == STRING:
        return np.asarray(tensor.str_data, object)
    if name in EXTENDED:
        data = np.ascontiguousarray(tensor.data).reshape(-1).view(np.uint8)
        return from_packed_bytes(data, name, tuple(tensor.shape))
    copied: np.ndarray[Any, Any] = tensor.data.copy()
    return copied


def elements_of(tensor: Any) -> "np.ndarray[Any, Any]":
    """The tensor's elements where they are, in numpy's type for them; for types of whole bytes. OpenVINO shows bfloat16
    as float16, whose bits mean other numbers."""
    import numpy as np

    name = element_name(tensor.element_type)
    data = np.asarray(tensor.data)
    return data.view(numpy_type(name)) if name in EXTENDED else data


def _started_and_awaited(request: Any) -> None:
    request.start_async()
    request.wait()


def port_spec(port: Any, preferred: Sequence[str]) -> TensorSpec:
    """A port of a model. If a tensor has several names, the one in ``preferred`` is used; without any, the node's
    name."""
    dimensions = (d.get_length() if d.is_static else None for d in port.get_partial_shape())
    return TensorSpec(port_name(port, preferred), element_name(port.get_element_type()), tuple(dimensions))


def port_name(port: Any, preferred: Sequence[str]) -> str:
    names = port.get_names()
    known = [name for name in preferred if name in names]
    if known:
        return known[0]
    return str(port.get_any_name()) if names else str(port.get_node().get_friendly_name())


def element_name(element: Any) -> str:
    """numpy's name of an OpenVINO element type; its own name where numpy has none."""
    own = str(element.get_type_name())
    if own == STRING or own in NAMES:
        return NAMES.get(own, own)
    try:
        return str(element.to_dtype().__name__ if isinstance(element.to_dtype(), type) else element.to_dtype().name)
    except (RuntimeError, KeyError):
        return own


def properties(compiled_model: Any) -> dict[str, str]:
    """Every property the compiled model lets be read, as text; those of the devices behind AUTO or HETERO as
    ``CPU.NUM_STREAMS``. Lists of properties and very long values are left out."""
    held: dict[str, str] = {}
    for name in compiled_model.get_property("SUPPORTED_PROPERTIES"):
        if name == "SUPPORTED_PROPERTIES":
            continue
        try:
            value = compiled_model.get_property(name)
        except (RuntimeError, TypeError):  # listed, but not readable for this model
            continue
        if name == "DEVICE_PROPERTIES" and isinstance(value, dict):
            held |= {f"{d}.{key}": plain(inner) for d, own in value.items() for key, inner in dict(own).items()}
        else:
            held[name] = plain(value)
    return {
        key: text for key, text in held.items() if len(text) <= LONGEST_OPTION and "SUPPORTED_PROPERTIES" not in key
    }


def plain(value: Any) -> str:
    """An OpenVINO property value as the string that would set it."""
    if isinstance(value, bool):
        return "YES" if value else "NO"
    if hasattr(value, "get_type_name"):
        return str(value.get_type_name())
    if isinstance(value, (list, tuple, set)):
        return ",".join(plain(item) for item in value)
    return str(getattr(value, "name", value))
