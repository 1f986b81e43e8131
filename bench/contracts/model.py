"""What a model plugin implements: ``Model``, the ``Artifact`` that it makes, and the tensors of a graph."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from msgspec import Struct

from bench.contracts.decoder import DecoderSpec
from bench.contracts.graph_roles import GraphRoles
from bench.contracts.quantising.lineage import Lineage
from bench.words import Sentence

if TYPE_CHECKING:
    import numpy as np


Tensors = Mapping[str, "np.ndarray[Any, Any]"]


Shapes = Mapping[str, tuple[int, ...]]


Task = Literal["tensor", "text_generation"]


Format = Literal["onnx", "openvino_ir", "tflite"]


class Quantisation(Struct, frozen=True):
    """What an integer tensor means: ``scale`` × (value − ``zero_point``), one pair for the whole tensor."""

    scale: float
    zero_point: int = 0


class TensorSpec(Struct, frozen=True):
    """One input or output of a graph.

    ``dtype`` is numpy's name, where numpy has none that of ``ml_dtypes`` (``bfloat16``, ``int4`` …), or ``string``. A
    dimension is an int, a symbol (``"batch"``), or ``None`` where the file gives neither. ``quantisation``: of an
    integer input or output, as stated in the file; ``None`` if it is not stated.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]
    quantisation: Quantisation | None = None

    @property
    def static(self) -> bool:
        return all(isinstance(d, int) for d in self.shape)


class GraphFacts(Struct, frozen=True):
    """Facts about a model file, for one query at the stated input shapes. ``None``: unknown.

    ``macs``: multiply-accumulates of convolutions and matrix products. ``weight_bytes``: all constants as stored.
    ``peak_activation_bytes``: the widest operator's activation inputs plus outputs, those updated in place counted
    once. ``node_macs``: MACs by node name, to state a placement in MACs. ``live_activation_bytes``: the largest sum of
    activations that are alive at the same time in the file's order of execution. ``bytes_moved``: constants read and
    the widest operator's activations, as docs/measuring.md says; where it is ``None``, the sum of ``weight_bytes`` and
    ``peak_activation_bytes`` is used instead. ``draws``: the operators that draw random numbers on every run, branches
    and bodies of loops included.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: dict[str, int] = {}
    parameters: int | None = None
    macs: int | None = None
    weight_bytes: int | None = None
    peak_activation_bytes: int | None = None
    node_macs: dict[str, int] = {}
    live_activation_bytes: int | None = None
    bytes_moved: int | None = None
    roles: GraphRoles = GraphRoles()
    draws: tuple[str, ...] = ()


SourceFormat = Literal["gguf", "huggingface"]


class Source(Struct, frozen=True):
    """What the user named, where the files of an artifact were made from it.

    ``path`` is a file or a folder; ``files`` are all that were read, ``sha256`` covers their contents in that order.
    ``stored_as``: the type of most of its weights, in its own words (``Q4_1``, ``BF16``). ``kept``: whether the
    artifact's weights have its values; otherwise they were rounded to the artifact's precision.
    """

    format: SourceFormat
    path: Path
    files: tuple[Path, ...]
    sha256: str
    size_bytes: int
    stored_as: str
    kept: bool = True


class Artifact(Struct, frozen=True):
    """A model as files on disk, ready for a target to open.

    ``path`` is the file to open; ``files`` are all that belong to it (external data, ``.bin``), ``path`` first.
    ``sha256`` covers the contents of ``files`` in that order. ``precision`` is that of the weights as stored
    (``float32``, ``int8`` …; "" if the file does not state it), which may differ from what a target executes.
    ``shapes`` fixes every input's shape. ``decoder`` is set exactly when ``task`` is ``text_generation``. ``source`` is
    set where ``files`` were made from files of another format; ``lineage`` where they state what they were made from.
    """

    model_id: str
    task: Task
    format: Format
    precision: str
    path: Path
    files: tuple[Path, ...]
    sha256: str
    size_bytes: int
    facts: GraphFacts
    shapes: dict[str, tuple[int, ...]]
    decoder: DecoderSpec | None = None
    source: Source | None = None
    lineage: Lineage | None = None


class ModelRequest(Struct, frozen=True):
    """What the user asked of one model. ``source`` is a built-in's name, or the path of a file. ``side``: height and
    width of its pictures, where the file leaves them open, whatever ``shapes`` says."""

    source: str
    format: Format | None = None
    precision: str | None = None
    shapes: dict[str, tuple[int, ...]] = {}
    seed: int = 0
    side: int | None = None


@runtime_checkable
class DefaultModel(Protocol):
    """What a model of this project may offer beyond ``Model``."""

    default: bool
    """Whether ``odb run`` measures it when no model is named."""


class Model(Protocol):
    """A model that can be prepared on disk.

    The entry point's name is the model's id; a name that starts with a dot (``.onnx``) takes the user's own files
    of that suffix.
    """

    @property
    def summary(self) -> Sentence | str:
        """What it is, in one line."""

    task: Task
    formats: Sequence[Format]
    precisions: Sequence[str]

    def prepare(self, request: ModelRequest, cache: Path) -> Artifact:
        """Build or read the model. Runs in a separate process; may be slow; must be deterministic.

        Raises ``InputError`` for a file or shape that cannot be used.
        """
        ...


@runtime_checkable
class Judge(Protocol):
    """What a model may offer beyond ``Model``: how good its answers are, where no built-in metric says so."""

    def judge(self, outputs: Tensors, expected: Any) -> Mapping[str, float]:
        """Scores of one sample by name, the same names for every sample; a dataset's score is their mean.

        ``outputs``: the model's, by their names in the file. ``expected``: the sample's label as ``labels.json`` has
        it, or the arrays of its ``.expected.npz``. Higher is better, except for the names in an attribute
        ``lower_is_better``. Runs in a separate, untimed process. Raises ``InputError`` for a sample that cannot be
        scored.
        """
        ...


@runtime_checkable
class Alterable(Protocol):
    """What a model may offer beyond ``Model``: a copy of it with other weights, for audits."""

    def altered(self, request: ModelRequest, folder: Path, seed: int) -> Path:
        """Write a copy of the model's files into ``folder``, its weights permuted by ``seed``: as much work, other
        answers. Returns the file or folder to open. Runs in a separate process. Raises ``InputError`` where nothing
        can be permuted."""
        ...


@runtime_checkable
class Describable(Protocol):
    """What a model may offer beyond ``Model``: what is known of it before it is built, for ``--dry-run``."""

    def described(self, request: ModelRequest, folder: Path) -> Artifact | None:
        """The artifact that ``prepare`` would make, without its graph: ``path`` does not exist, checksums are empty,
        and ``facts`` may lack operators. What lies beside the graph (tokenizer, chat template) is written into
        ``folder``, which is empty. ``None`` where ``prepare`` itself builds nothing.

        Quick; runs in a separate process. Raises ``InputError`` as ``prepare`` does, as far as it is known without
        the weights.
        """
        ...


PipelineStageName = Literal["decode", "preprocess", "infer", "postprocess"]
STAGES: tuple[PipelineStageName, ...] = ("decode", "preprocess", "infer", "postprocess")
"""In the order in which an input passes through them. ``infer`` is the session's: inputs set, run, outputs read."""


class Pipeline(Protocol):
    """What is done around the network for one input. Each method may be called on a thread of its own, by one thread at
    a time, and raises ``InputError`` for what it cannot use."""

    def inputs(self, files: Sequence[Path]) -> Sequence[Any]:
        """What ``decode`` is given one after another: the files, or parts of them such as the windows of a
        recording."""
        ...

    def decode(self, item: Any) -> Any:
        """The input as it is in memory: pixels, samples of sound, text."""
        ...

    def preprocess(self, decoded: Any) -> Tensors:
        """An array for each input of the model, of the types and shapes that its file states."""
        ...

    def postprocess(self, outputs: Tensors, decoded: Any) -> Any:
        """The answer. ``outputs`` have the names in the model's file, and quantised ones their real values."""
        ...


@runtime_checkable
class PipelinedModel(Protocol):
    """What a model may offer beyond ``Model``: its own stages around the network (``-s end-to-end:pipeline=own``)."""

    def pipeline(self, artifact: Artifact) -> Pipeline:
        """The stages around ``artifact``. Runs in the process that measures, untimed."""
        ...
