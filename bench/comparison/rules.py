"""What must be equal in two records, what may differ, and what is noted: one table.

What a comparison is about (its subject) may differ: the target, with its options and runtime; the version of a runtime
or of this tool; or, only when asked for, the model's file and the precision it runs in. All else that decides a figure
must be equal. What may disturb one is flagged.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

import msgspec
from msgspec import Struct

from bench.contracts import Scenario
from bench.contracts.scenario import Value
from bench.record.codec import SEALED_SINCE
from bench.record.evidence import took_turns
from bench.record.record import Reason, Record, StoppingRule
from bench.scenarios.kinds import kind_of
from bench.scenarios.parameters import shown_of, texts_of
from bench.words import Sentence, sentence

Subject = Literal["target", "version", "model"]
SUBJECTS: tuple[Subject, ...] = ("target", "version", "model")

WARMER = 10.0  # °C between the hottest sensors
BUSIER = 0.10  # fraction of the machine that others used in the busiest repeat
APART = timedelta(days=1)
ACCOUNTED = frozenset({"processes_differ"})  # makes a figure untrue; a ratio only wide, for its interval holds it
FEW = 5  # with fewer processes a side even perfect separation has a chance above 2 %: at 4, 2 in 70
SPEEDS = 5.0
"""A factor that no machine's own changes of speed explain. The largest seen between two processes of one model is 1.9
(docs/experiments.md); the slow and the fast cores of one processor differ by 3 and more. Of medians and rates only: the
tail of a machine that preempts, and a cold start with or without the disk's cache, differ by more."""


Chosen = tuple[Subject, ...]
Shown = Sentence | str | list[str | Sentence]


def side_words(side: str) -> Sentence | str:
    """``base`` and ``new`` as words for a sentence; the name of one of several new folders as it is."""
    return sentence(f"compare.side.{side}") if side in ("base", "new") else side


class Rule(Struct, frozen=True):
    """One line of the table. ``of`` reads the value; ``None`` if the record does not contain it. The words for what is
    read are ``compare.what.…`` of ``name``; ``plural``: whether they are in the plural.

    ``refuses``: a difference forbids the comparison, and an unknown value is a caveat; otherwise a difference is a
    caveat. ``subject_of``: the subjects under which it may differ freely. ``flagged_for``: those under which a
    difference that is otherwise refused is a caveat; so is one of which ``excused`` says so. ``answers``: it forbids
    to compare the answers, too, where it is the times that may not be. ``show`` makes the value readable; ``told`` the
    difference of two records, where their values alone do not say it. ``applies``: whether two records have it.
    """

    code: str
    of: Callable[[Record], Any]
    refuses: bool = False
    subject_of: tuple[Subject, ...] = ()
    flagged_for: tuple[Subject, ...] = ()
    show: Callable[[Any], Shown] = str
    remedy: Sentence | str = ""
    excused: Callable[[Record, Record, Chosen], bool] = lambda base, new, chosen: False
    answers: bool = False
    plural: bool = False
    told: Callable[[Record, Record], Shown] = lambda base, new: ""
    applies: Callable[[Record, Record], bool] = lambda base, new: True

    @property
    def name(self) -> str:
        """A stable word for what it is of."""
        return self.code.removesuffix("_differs").removesuffix("_differ")

    @property
    def what(self) -> Sentence:
        return sentence(f"compare.what.{self.name}")

    def refusal(self, base: Record, new: Record, chosen: Chosen) -> bool:
        """Whether a difference of the two forbids to compare them."""
        return self.refuses and not set(self.flagged_for) & set(chosen) and not self.excused(base, new, chosen)


def _same_source(base: Record, new: Record, chosen: Chosen) -> bool:
    """Whether two files were made from one source in one precision; or are, as declared, one model in two formats, as
    targets of different runtimes need it."""
    x, y = base.plan.model, new.plan.model
    if x.source is not None and y.source is not None:
        return (x.source.sha256, x.precision) == (y.source.sha256, y.precision)
    same = (x.id, x.precision, x.parameters) == (y.id, y.precision, y.parameters)
    return "target" in chosen and same and x.format != y.format and x.parameters is not None


def _same_sizes(base: Record, new: Record, chosen: Chosen) -> bool:
    """Whether inputs of two models differ by their names only, which are each model's own."""
    x, y = (sorted(map(tuple, shapes_of(record).values())) for record in (base, new))
    return "model" in chosen and x == y


LENGTHS = ("min_duration_ns", "max_duration_ns")
"""Fields of a rule that say how long a repeat measures; the others say by what."""


def _turned_and_plain(base: Record, new: Record, chosen: Chosen) -> bool:
    """Whether one of two records of one preset took turns, whose repeats are more and shorter, or took them until it
    was decided, whose repeats are shorter still: each process gives the same figure, from fewer queries."""
    x, y = base.plan, new.plan
    alike = all(getattr(x.rule, f) == getattr(y.rule, f) for f in x.rule.__struct_fields__ if f not in LENGTHS)
    return alike and x.preset == y.preset and _turns(base) != _turns(new)


def _turns(record: Record) -> tuple[bool, bool]:
    """Whether it took turns, and whether the number of pairs was decided while they were measured."""
    turns = record.plan.alternation
    return turns is not None, turns is not None and turns.until is not None


def _rule_words(base: Record, new: Record) -> Shown:
    """What of two rules differs, and that one record took turns, if only one did."""
    x, y = base.plan, new.plan
    named = [] if x.preset == y.preset else [f"{x.preset} → {y.preset}"]
    fields = [f for f in x.rule.__struct_fields__ if getattr(x.rule, f) != getattr(y.rule, f)]
    said: list[str | Sentence] = [*(named or (f"{f} {_amount(f, x.rule)} → {_amount(f, y.rule)}" for f in fields))]
    if (x.alternation is None) == (y.alternation is None):
        return said
    side = "base" if y.alternation is None else "new"
    return sentence("compare.rule_took_turns", differing=said, side=side_words(side))


def _amount(field: str, rule: StoppingRule) -> str:
    found = getattr(rule, field)
    return f"{found / 1e9:g} s" if field.endswith("_ns") else f"{found:g}"


def _input(record: Record) -> str | None:
    """The hash of the tensors that were fed; of a pipeline that of all files and of what is done with them. A prompt is
    made from the seed, which stands for it."""
    if record.plan.pipeline is not None:
        stages = [(stage.name, stage.does) for stage in record.plan.pipeline.stages]
        fed = record.plan.inputs.sha256 if record.plan.inputs is not None else ""
        return sha256(msgspec.json.encode([record.plan.pipeline.sha256, fed, stages])).hexdigest()
    if record.plan.inputs is not None:
        return record.plan.inputs.sha256
    return f"seed {record.plan.seed}" if record.plan.model.task == "text_generation" else None


def _stops(record: Record) -> bool:
    """Whether generations ended at an end-of-sequence token."""
    return record.plan.asked is not None and record.plan.asked.stop


def _stop_words(stops: bool) -> Sentence:
    return sentence("compare.stop.at_the_end_of_sequence" if stops else "compare.stop.after_the_tokens_asked_for")


def shapes_of(record: Record) -> Any:
    """Input -> shape; empty for text, ``None`` if the record does not contain them."""
    if record.plan.inputs is not None:
        return record.plan.inputs.shapes
    return {} if record.plan.model.task == "text_generation" else None  # the scenario's token counts are its shapes


def machine_of(record: Record) -> Any:
    """The class of machine, by what two of a kind have in common; ``None`` if the processor is not known."""
    host = record.environment.host
    names = ("cpu", "board", "cores_physical", "cores_logical", "cores_usable", "machine", "virtualised")
    memory = host.get("memory_bytes")
    size = round(memory / 2**30) if isinstance(memory, int | float) else None
    return {**{n: host.get(n) for n in names}, "memory_gib": size} if host.get("cpu") else None


def _system(record: Record) -> Any:
    return {
        n: record.environment.host[n] for n in ("os", "os_version", "kernel", "python") if n in record.environment.host
    }


def _placed(record: Record) -> Any:
    return record.placement.nodes if record.placement is not None else None


def _short(value: Any) -> str:
    return str(value)[:12]


def _pairs(value: Mapping[str, Any]) -> Sentence | str:
    """``a=1, b=2``; values that hold several of their own in braces, and none of what is not known."""
    return _listed(value) or sentence("compare.no_entries")


def _listed(value: Mapping[str, Any]) -> str:
    known = {k: f"{{{_listed(v)}}}" if isinstance(v, Mapping) else v for k, v in value.items() if v is not None}
    return ", ".join(f"{k}={v}" for k, v in known.items())


def scenario_text(scenario: Scenario) -> str:
    """Its name, and what of it was asked for: ``single-stream prompt_tokens=64 generate_tokens=32``."""
    return " ".join((scenario.name, *texts_of(_set(scenario))))


def asked_of(scenario: Scenario) -> tuple[str, ...]:
    """What was asked for beside its name, without defaults but for the first parameter's: ``prompt_tokens=64``."""
    parameters = kind_of(scenario).parameters
    usual = {one.name: one.default for one in parameters[1:] if one.default is not None}
    told = {name: value for name, value in _set(scenario).items() if usual.get(name) != value}
    return tuple(shown_of(parameters, told))


def _set(scenario: Scenario) -> dict[str, Value]:
    """Everything that is set, by its name."""
    counts = {f: getattr(scenario, f) for f in ("prompt_tokens", "generate_tokens", "depth_tokens", "lanes")}
    cache = {} if scenario.compile_cache == "none" else {"compile_cache": scenario.compile_cache}
    return {k: v for k, v in counts.items() if v is not None} | dict(scenario.own_parameters) | cache


RULES: tuple[Rule, ...] = (
    Rule("schema_differs", lambda r: r.schema_version, True, remedy=sentence("compare.remedy.schema")),
    Rule("task_differs", lambda r: r.plan.model.task, True),
    Rule(
        "model_differs",
        lambda r: r.plan.model.id,
        True,
        flagged_for=("model",),
        remedy=sentence("compare.remedy.model"),
        answers=True,
    ),
    Rule(
        "artifact_differs",
        lambda r: r.plan.model.sha256,
        True,
        flagged_for=("model",),
        show=_short,
        remedy=sentence("compare.remedy.artifact"),
        excused=_same_source,
        answers=True,
    ),
    Rule(
        "input_differs",
        _input,
        True,
        flagged_for=("model",),
        show=_short,
        remedy=sentence("compare.remedy.input"),
    ),
    Rule(
        "shapes_differ",
        shapes_of,
        True,
        show=_pairs,
        remedy=sentence("compare.remedy.shapes"),
        excused=_same_sizes,
        plural=True,
    ),
    Rule("stop_differs", _stops, True, show=_stop_words),
    Rule("scenario_differs", lambda r: r.plan.scenario, True, show=scenario_text),
    Rule(
        "rule_differs",
        lambda r: (r.plan.preset, r.plan.rule),
        True,
        show=lambda v: str(v[0]),
        remedy=sentence("compare.remedy.rule"),
        excused=_turned_and_plain,
        told=_rule_words,
    ),
    Rule(
        "precision_differs",
        lambda r: r.plan.target.executed_precision,
        True,
        flagged_for=("model",),
        remedy=sentence("compare.remedy.precision"),
    ),
    Rule(
        "kv_cache_differs",
        lambda r: r.plan.target.executed_kv_cache,
        True,
        flagged_for=("model",),
        remedy=sentence("compare.remedy.kv_cache"),
        applies=lambda base, new: any(r.plan.target.executed_kv_cache is not None for r in (base, new)),
    ),
    Rule(
        "target_differs",
        lambda r: r.plan.target.id,
        True,
        subject_of=("target",),
        remedy=sentence("compare.remedy.target"),
    ),
    Rule("options_differ", lambda r: r.plan.target.options_requested, False, ("target",), show=_pairs, plural=True),
    Rule("device_differs", lambda r: r.plan.target.device_name, False, ("target",)),
    Rule("placement_differs", _placed, False, ("target", "model"), show=_pairs),
    Rule("tool_differs", lambda r: r.tool.version, False, ("version",)),
    Rule("runtimes_differ", lambda r: r.environment.runtime, False, ("version", "target"), show=_pairs),
    Rule("driver_differs", lambda r: r.environment.driver or None, False, ("version",), show=_pairs),
    Rule(
        "machine_differs",
        machine_of,
        True,
        flagged_for=("target",),
        show=_pairs,
        remedy=sentence("compare.remedy.machine"),
    ),
    Rule("system_differs", lambda r: _system(r) or None, show=_pairs),
    Rule("power_source_differs", lambda r: r.environment.power_source),
    Rule("governor_differs", lambda r: r.environment.governor),
)
"""What must be equal, what may differ, what is flagged; unequal values of the first kind come first."""


# --------------------------------------------------------------------------------- what equality does not settle


def _runtime(base: Record, new: Record, chosen: Chosen) -> Reason | None:
    """Versions of the distributions that both used."""
    x, y = base.environment.runtime, new.environment.runtime
    changed = [f"{n} {x[n]} → {y[n]}" for n in x if n in y and x[n] != y[n]]
    if not changed or "version" in chosen:  # then it is the subject, which the table has
        return None
    return _flag("runtime_version_differs", sentence("compare.runtime_version_differs", changed=changed))


def _temperature(base: Record, new: Record, chosen: Chosen) -> Reason | None:
    hottest = [max(r.environment.temperature_celsius.values(), default=None) for r in (base, new)]
    a, b = hottest
    if a is None or b is None or abs(a - b) <= WARMER:
        return None
    return _flag("temperature_differs", sentence("compare.temperature_differs", base=a, new=b))


def _load(base: Record, new: Record, chosen: Chosen) -> Reason | None:
    a, b = (
        max((x.cpu_busy_share for x in r.repeats if x.cpu_busy_share is not None), default=None) for r in (base, new)
    )
    if a is None or b is None or abs(a - b) <= BUSIER:
        return None
    told = sentence("compare.load_differs", base=a, new=b)
    return _flag("load_differs", told, sentence("compare.load_differs.remedy"))


def _valid(base: Record, new: Record, chosen: Chosen) -> Reason | None:
    found = []
    for side, record in (("base", base), ("new", new)):
        if record.verdict is None:
            found.append(sentence("compare.no_verdict", side=side_words(side)))
        elif not record.verdict.valid:
            found.append(sentence("compare.not_valid", side=side_words(side), codes=record.verdict.invalidating))
    if not found:
        return None
    told = found[0] if len(found) == 1 else sentence("text.two", first=found[0], second=found[1])
    accounted = all(r.verdict is not None and ACCOUNTED.issuperset(r.verdict.invalidating) for r in (base, new))
    return _flag(
        "not_valid", told, sentence("compare.not_valid.narrow" if accounted else "compare.not_valid.measure_again")
    )


def _few(base: Record, new: Record, chosen: Chosen) -> Reason | None:
    a, b = (sum(repeat.samples is not None for repeat in r.repeats) for r in (base, new))
    if min(a, b) >= FEW or took_turns(base.plan.alternation, new.plan.alternation):
        return None  # of pairs that took turns, which share the machine's speed, a difference may be claimed
    told = sentence("compare.few_repeats", base=a, new=b, speeds=SPEEDS)
    return _flag("few_repeats", told, sentence("compare.few_repeats.remedy", repeats=FEW))


def _apart(base: Record, new: Record, chosen: Chosen) -> Reason | None:
    try:
        times = [datetime.fromisoformat(r.created_utc) for r in (base, new)]
    except ValueError:
        return _flag("time_unknown", sentence("compare.time_unknown"))
    a, b = (t if t.tzinfo else t.replace(tzinfo=UTC) for t in times)
    if abs(a - b) <= APART:
        return None
    return _flag(
        "made_apart", sentence("compare.made_apart", days=abs(a - b).days), sentence("compare.made_apart.remedy")
    )


def _unsealed(base: Record, new: Record, chosen: Chosen) -> Reason | None:
    sides = [side for side, r in (("base", base), ("new", new)) if r.schema_version < SEALED_SINCE]
    if not sides:
        return None
    told = sentence("compare.not_sealed.both")
    if len(sides) == 1:
        told = sentence("compare.not_sealed.one", side=side_words(sides[0]))
    return _flag("not_sealed", told, sentence("compare.not_sealed.remedy"))


def _flag(code: str, told: Sentence, remedy: Sentence | str = "") -> Reason:
    """A reason that does not forbid the comparison."""
    return Reason(code, told, remedy, invalidates=False)


CHECKS: tuple[Callable[[Record, Record, Chosen], Reason | None], ...] = (
    _valid,
    _unsealed,
    _few,
    _runtime,
    _load,
    _temperature,
    _apart,
)
