"""What the passes of one run find out, as each adds it.

A pass has a function ``evidence(so_far, jobs)``: it has its job carried out and returns ``so_far`` with what it adds.
``bench.execution.untimed`` has the passes in their order, ``bench.execution.assemble`` makes a record of what they
found.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from bench.contracts import Artifact, Channel, OpenRequest, Placement, Scenario, SessionFacts, Tensors
from bench.jobs import Runner
from bench.record.evidence import Determinism, RepeatedInput, RepeatsEnded
from bench.record.operators import OperatorProfile
from bench.record.quality import Quality
from bench.record.record import Environment, Failure, Fidelity
from bench.record.runner import FleetDevice, OtherTool
from bench.record.text import Agreement, AnswersChecked, KvCache, TokenizerUsed
from bench.words import Sentence

if TYPE_CHECKING:
    from bench.inputs.prepared import Prepared
    from bench.measure.repeat import Measured
    from bench.passes.compile_caches import CompileCaches
    from bench.quality.judged import Judged
    from bench.suite.plan import PlannedRun

Part = TypeVar("Part")


class TextChecked(Struct, frozen=True):
    """``prompt``: the first prompt's ids. ``forced``: the ids that were fed for their logits (int64 [n]); ``logits``:
    float32 [n, vocab_size] after each, ``None`` if the engine does not expose them. ``comparable``: whether the tokens
    can be compared with another engine's; false if this one put a token of its choice into the cache. ``whole``:
    whether ``forced`` is the whole content of the cache, so that its logits are the ones that the tokens came from;
    false at a depth, or for a text longer than the part that is kept. ``prompts``: the user's own, all as ids;
    ``tokenizer``: what made them of text. ``answers``: of a scenario that is more than one generation after another."""

    prompt: tuple[int, ...]
    forced: Path
    logits: Path | None
    comparable: bool = True
    whole: bool = True
    prompts: Path | None = None
    tokenizer: TokenizerUsed | None = None
    answers: AnswersChecked | None = None


class Checked(Struct, frozen=True):
    """Where a model ran and what came out; ``outputs``: files, one an input set."""

    facts: SessionFacts
    placement: Placement | None
    outputs: tuple[Path, ...]
    token_ids: tuple[int, ...] = ()
    text: TextChecked | None = None
    determinism: Determinism | None = None


class Opening(Struct, frozen=True):
    """What every pass and repeat opens. ``request`` is without a compile cache: ``for_process`` adds that of one
    process."""

    request: OpenRequest
    caches: "CompileCaches"

    def for_process(self) -> OpenRequest:
        """The request of the next process."""
        return self.caches.request(self.request)


class Judgement(Struct, frozen=True):
    """``arrays``: per-sample results by their keys in ``samples.npz``, which ``quality.arrays`` names."""

    quality: Quality
    arrays: Tensors


class Evidence(Struct, frozen=True, kw_only=True):
    """All that was gathered for one run so far; anything may be missing when it ended early.

    ``run``: as it is carried out. ``opened``: what the target opens, where it is not the artifact itself.
    ``set_aside``: indices into ``repeats``. ``began_utc``: when its preparation began. ``record_id``: empty where the
    record gets a new one. ``device_name``: as the target knows it before it opens anything."""

    run: "PlannedRun"
    environment: Environment
    channels: tuple[Channel, ...] = ()
    began_utc: datetime | None = None
    record_id: str = ""
    device_name: Sentence | str = ""
    prepared: "Prepared | None" = None
    scenario: Scenario | None = None
    opening: Opening | None = None
    opened: Artifact | None = None
    checked: Checked | None = None
    fidelity: Fidelity | None = None
    agreement: tuple[Agreement, ...] = ()
    judged: "Judged | None" = None
    judgement: Judgement | None = None
    repeated_input: RepeatedInput | None = None
    kv_cache: KvCache | None = None
    operators: OperatorProfile | None = None
    other_tool: OtherTool | None = None
    fleet: FleetDevice | None = None
    repeats: "tuple[Measured, ...]" = ()
    harness_ns: tuple[int | None, ...] = ()
    cpu_busy_share: tuple[float | None, ...] = ()
    set_aside: tuple[int, ...] = ()
    repeats_ended: RepeatsEnded | None = None
    failure: Failure | None = None
    log_tail: tuple[str, ...] = ()


Step = Callable[[Evidence, Runner], Evidence]
"""A pass, or what is concluded from those before it. Raises ``RunFailure`` where the run ends with it."""


def known(part: Part | None) -> Part:
    """``part`` of the evidence, which a pass before has added. Raises ``LookupError`` where none has."""
    if part is None:
        raise LookupError("a pass needs what no pass before it has found out")
    return part
