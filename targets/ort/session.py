"""A tensor session over ONNX Runtime, shared by the ``ort`` and ``qnn`` plugins.

A timed call is one ``run_with_iobinding``: about 2 µs of Python and binding on a no-op graph, compared with 9 µs for
``run``. How inputs and outputs are held is in ``onnxruntime_queries``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import (
    CompileCache,
    NodePlacement,
    Placement,
    Precisions,
    Profile,
    SessionFacts,
    Tensors,
    TensorSpec,
)
from bench.entry_points import versions
from bench.errors import RunFailure
from bench.targets.feeds import owned, refuse_unlike
from bench.targets.ort.errors import RENAMED
from bench.targets.ort.profile import ProfiledRuns
from bench.targets.ort.queries import BoundQuery, PlainQuery, element_of, query_of
from bench.words import Sentence, sentence

ASSIGNMENT_KEY = "session.record_ep_graph_assignment_info"


class Opened(Struct, frozen=True):
    """Facts that a plugin knows about the session it opened.

    ``devices``: execution provider -> the device name it stands for. ``requested``: the requested device; any other is
    a fallback. ``components``: parts of a distribution with separate versions. ``chosen``: options that the plugin set
    for a strict placement. ``remedies``: how to move the nodes that are not on ``requested``. ``runs``: of the
    sessions, where they profile.
    """

    devices: dict[str, str]
    requested: str
    device_name: Sentence | str
    executed_precision: str
    effective_options: dict[str, str]
    distributions: tuple[str, ...]
    components: dict[str, str] = {}
    lanes: Callable[[], int] = lambda: 1  # asked only where several queries are in flight
    inspected: bool = False
    compile_cache: CompileCache = "none"
    precisions: Precisions = Precisions("", "")
    chosen: str = ""
    remedies: Callable[[tuple[NodePlacement, ...]], tuple[Sentence | str, ...]] = lambda nodes: ()
    runs: ProfiledRuns | None = None


class OrtFacts:
    """Facts that both kinds of ONNX Runtime session report."""

    def __init__(self, sessions: "Sequence[Any]", opened: Opened) -> None:
        self._sessions = sessions if opened.runs is None else [opened.runs.watched(session) for session in sessions]
        self._opened = opened

    def placement(self) -> Placement | None:
        """Nodes as the graph was divided between execution providers; ``None`` unless opened to be inspected."""
        if not self._opened.inspected:
            return None
        nodes = assigned_nodes(self._sessions[0], self._opened.devices)
        source = "ONNX Runtime get_provider_graph_assignment_info"
        if self._opened.chosen:
            source += f"; for the strict placement {self._opened.chosen} was set"
        return Placement(self._opened.requested, nodes, source, self._opened.remedies(nodes))

    def profile_part(self, name: str) -> None:
        if self._opened.runs is not None:
            self._opened.runs.part(name)

    def profiles(self) -> Mapping[str, Profile]:
        return {} if self._opened.runs is None else self._opened.runs.profiles(self._opened.devices)

    def facts(self) -> SessionFacts:
        import onnxruntime

        opened = self._opened
        return SessionFacts(
            device_name=opened.device_name,
            options_effective=opened.effective_options,
            versions={
                "onnxruntime": onnxruntime.__version__,
                **versions(opened.distributions),
                **opened.components,
            },
            executed_precision=opened.executed_precision,
            precisions=opened.precisions,
            compile_cache=opened.compile_cache,
        )


class OrtTensorSession(OrtFacts):
    """One ``onnxruntime.InferenceSession``. ``stated``: the inputs as the file's facts state them."""

    def __init__(self, session: Any, opened: Opened, stated: Sequence[TensorSpec] = ()) -> None:
        super().__init__((session,), opened)
        self.inputs: Sequence[TensorSpec] = with_ranks(specs(session.get_inputs()), stated)
        self.outputs: Sequence[TensorSpec] = specs(session.get_outputs())
        self._queries: list[BoundQuery | PlainQuery] = []

    def bind(self, feeds: Tensors) -> Callable[[], None]:
        return self._bind(feeds, 1)[0]

    def bind_parallel(self, feeds: Tensors, lanes: int | None) -> Sequence[Callable[[], None]]:
        """One IOBinding a lane on the one session; ``run_with_iobinding`` releases the GIL."""
        return self._bind(feeds, self._opened.lanes() if lanes is None else lanes)

    def refill(self, feeds: Tensors) -> None:
        if not self._queries:
            raise RunFailure("bad_input", sentence("target.no_inputs_bound"))
        refuse_unlike(feeds, self._queries[0].arrays, self.inputs)
        self._queries[0].refill(feeds)

    def results(self) -> Tensors:
        if not self._queries:
            raise RunFailure("bad_input", sentence("target.no_inputs_bound"))
        return {spec.name: array for spec, array in zip(self.outputs, self._queries[0].results(), strict=True)}

    def _bind(self, feeds: Tensors, lanes: int) -> Sequence[Callable[[], None]]:
        session = self._sessions[0]
        self._queries = [query_of(session, owned(feeds, self.inputs), self.inputs, self.outputs) for _ in range(lanes)]
        return self._queries


def specs(arguments: Iterable[Any]) -> tuple[TensorSpec, ...]:
    """ONNX Runtime's ``NodeArg`` list as specs; one listed twice counts once. Raises ``RunFailure`` for a sequence, map
    or optional."""
    once = {argument.name: argument for argument in arguments}.values()
    return tuple(
        TensorSpec(
            name=argument.name,
            dtype=_element(argument.name, argument.type),
            shape=tuple(
                d if isinstance(d, int) and d >= 0 else (d if isinstance(d, str) else None) for d in argument.shape
            ),
        )
        for argument in once
    )


def with_ranks(told: Sequence[TensorSpec], stated: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """``told`` by the runtime, which writes an input of unknown rank as a scalar: its shape as ``stated``."""
    shapes = {spec.name: spec.shape for spec in stated if spec.shape}
    return tuple(spec if spec.shape else replace(spec, shape=shapes.get(spec.name, ())) for spec in told)


def _element(name: str, onnx_type: str) -> str:
    element = element_of(onnx_type)
    if element is None:
        raise RunFailure(
            "unsupported_format",
            sentence("ort.not_a_tensor", name=name, type=onnx_type),
            sentence("ort.export_without_it"),
            phase="compile",
        )
    return element


def assigned_nodes(session: Any, devices: Mapping[str, str]) -> tuple[NodePlacement, ...]:
    """Each node of the graph at partitioning time with the device its execution provider stands for.

    The layout transformer renames a node ``conv`` to ``conv_token_7``; it is given its own name back.
    """
    return tuple(
        NodePlacement(
            name=RENAMED.sub("", node.name), op=node.op_type, device=devices.get(subgraph.ep_name, subgraph.ep_name)
        )
        for subgraph in session.get_provider_graph_assignment_info()
        for node in subgraph.get_nodes()
    )
