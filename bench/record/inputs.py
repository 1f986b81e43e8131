"""The parts of the record that say which model was measured, and what was fed to it."""

from math import prod
from typing import Literal

from bench.contracts import Lineage, TensorSpec
from bench.record.part import Part
from bench.words import Sentence, sentence


class ModelSource(Part, frozen=True):
    """What the user named, where the model's files were made from it, as ``Artifact.source`` has it. ``name``: of the
    file or folder; ``files``: names of those that were read."""

    format: str
    name: str
    files: tuple[str, ...]
    sha256: str
    size_bytes: int
    stored_as: str
    kept: bool = True


class ModelGraph(Part, frozen=True):
    """One graph of a decoder that is several, as ``Stage`` has it. ``file``: relative to the model's folder;
    ``provider``: what the folder asks for it, "" of the CPU; ``compiled``: for what it was compiled, "" of a graph of
    operators."""

    name: str
    file: str
    sha256: str
    size_bytes: int
    on_prompt: bool = True
    on_token: bool = True
    provider: str = ""
    compiled: str = ""


class PlannedModel(Part, frozen=True):
    """Facts about the file. ``peak_activation_bytes``: the widest operator's activations; ``live_activation_bytes``:
    the largest sum alive at the same time in the order of execution; ``bytes_moved``: an estimate of one query's
    traffic. ``graphs``: of a decoder that is several, in the order in which they run. ``lineage``: what the file
    states that it was made from."""

    id: str
    task: str
    format: str | None = None
    precision: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    parameters: int | None = None
    macs: int | None = None
    weight_bytes: int | None = None
    peak_activation_bytes: int | None = None
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    live_activation_bytes: int | None = None
    bytes_moved: int | None = None
    source: ModelSource | None = None
    graphs: tuple[ModelGraph, ...] = ()
    lineage: Lineage | None = None

    @property
    def named_sha256(self) -> str | None:
        """Of the files that the user named: of the source, where the model's files were made from one."""
        return self.sha256 if self.source is None else self.source.sha256

    @property
    def named_size_bytes(self) -> int | None:
        """The same for the size."""
        return self.size_bytes if self.source is None else self.source.size_bytes


class FedInput(Part, frozen=True):
    """One input of the graph. ``source``: ``seeded`` if the user did not give it. ``values``: a description.
    ``decides_work``: its values determine how much work the graph does, such as a length, a number of steps or a
    branch. ``rows``: the number of rows of the table that it indexes, if the graph shows it."""

    name: str
    dtype: str
    source: Literal["seeded", "file", "image"]
    values: Sentence | str = ""
    decides_work: bool = False
    rows: int | None = None

    @property
    def told(self) -> Sentence:
        """``x_lens (int64: random whole numbers, 0 or 1)``."""
        return sentence("record.fed_input", input=self.name, dtype=self.dtype, values=self.values)


class TemplateUsed(Part, frozen=True):
    """The model's chat template that text prompts were put into. ``file``: where it was found, beside the model;
    ``sha256``: of its text."""

    file: str
    sha256: str


class PipelineStage(Part, frozen=True):
    """One stage of a pipeline. ``does``: in a phrase; ``by``: library -> version."""

    name: str
    does: Sentence | str
    by: dict[str, str] = {}


class NotTaken(Part, frozen=True):
    """A file that a pipeline cannot use, and why."""

    file: str
    reason: Sentence | str


class PipelineInput(Part, frozen=True):
    """One input of a pass. ``name``: of its file, with the place in it if it is a part; ``bytes``: of a whole file."""

    name: str
    bytes: int | None = None


class PipelineFacts(Part, frozen=True):
    """What ``end-to-end`` timed. ``kind``: of ``bench.scenarios.staged.PIPELINES``; ``stages``: in their order.
    ``inputs``: how many a pass takes, from ``files`` files with the hash ``sha256``; ``each``: they in their order;
    ``files_found``, ``inputs_found``: of so many, evenly spaced, where there were more. ``bound_each``: the session
    binds every input anew, since it cannot refill its buffers."""

    kind: str
    stages: tuple[PipelineStage, ...]
    inputs: int
    files: int
    sha256: str
    not_taken: tuple[NotTaken, ...] = ()
    bound_each: bool = False
    files_found: int | None = None
    inputs_found: int | None = None
    each: tuple[PipelineInput, ...] = ()


class InputFacts(Part, frozen=True):
    """The tensors that were fed. ``source``: ``seeded``, ``file``, ``image``; ``partly seeded`` where some inputs were
    given and the rest made up; ``sha256`` covers their bytes. Of a language model the user's prompts: ``prompt_ids`` or
    ``prompt_text``, as given; ``template``: what texts were put into, null where they were taken as they are. ``fed``:
    one entry an input."""

    source: str
    sha256: str
    shapes: dict[str, tuple[int, ...]]
    preprocessing: str = ""
    fed: tuple[FedInput, ...] = ()
    template: TemplateUsed | None = None


def made_up_work(inputs: InputFacts | None) -> tuple[FedInput, ...]:
    """The inputs that decide how much is computed, and were not given."""
    fed = () if inputs is None else inputs.fed
    return tuple(one for one in fed if one.decides_work and one.source == "seeded")


def made_up_controls(inputs: InputFacts | None) -> Sentence | str:
    """What to do where a run failed on inputs that control it and that nobody gave: those that decide how much is done,
    and lone integers and flags. Empty where there are none."""
    if inputs is None:
        return ""
    seeded = [one for one in inputs.fed if one.source == "seeded"]
    made_up = [one for one in seeded if one.decides_work or _control(one, inputs.shapes.get(one.name, ()))]
    if not made_up:
        return ""
    flags = " ".join(f"--input {one.name}=FILE.npy" for one in made_up)
    return sentence("record.made_up_controls", inputs=[one.told for one in made_up], flags=flags)


def _control(one: FedInput, shape: tuple[int, ...]) -> bool:
    """A lone integer or flag, as a sampling rate or a switch is."""
    return prod(shape) == 1 and (one.dtype == "bool" or "int" in one.dtype)
