"""What must be equal in two records, what may differ, and what is noted: one table.

What a comparison is about (its subject) may differ: the target, with its options and runtime; the version of a runtime
or of this tool; or, only when asked for, the model's file and the precision it runs in. All else that decides a figure
must be equal. What may disturb one is flagged.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from msgspec import Struct

from bench.contracts import Scenario
from bench.printable import counted
from bench.record.codec import SEALED_SINCE
from bench.record.record import Reason, Record, StoppingRule

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


class Rule(Struct, frozen=True):
    """One line of the table. ``of`` reads the value; ``None`` if the record does not contain it.

    ``refuses``: a difference forbids the comparison, and an unknown value is a caveat; otherwise a difference is a
    caveat. ``subject_of``: the subjects under which it may differ freely. ``flagged_for``: those under which a
    difference that is otherwise refused is a caveat; so is one of which ``excused`` says so. ``answers``: it forbids
    to compare the answers, too, where it is the times that may not be. ``show`` puts the value in words; ``told`` the
    difference of two records, where their values alone do not say it.
    """

    code: str
    what: str
    of: Callable[[Record], Any]
    refuses: bool = False
    subject_of: tuple[Subject, ...] = ()
    flagged_for: tuple[Subject, ...] = ()
    show: Callable[[Any], str] = str
    remedy: str = ""
    excused: Callable[[Record, Record, Chosen], bool] = lambda base, new, chosen: False
    answers: bool = False
    verb: str = "differs"
    told: Callable[[Record, Record], str] = lambda base, new: ""

    def refusal(self, base: Record, new: Record, chosen: Chosen) -> bool:
        """Whether a difference of the two forbids to compare them."""
        return self.refuses and not set(self.flagged_for) & set(chosen) and not self.excused(base, new, chosen)


def _same_source(base: Record, new: Record, chosen: Chosen) -> bool:
    """Whether two files are, as declared, one model in two formats, as targets of different runtimes need it."""
    x, y = base.plan.model, new.plan.model
    same = (x.id, x.precision, x.parameters) == (y.id, y.precision, y.parameters)
    return "target" in chosen and same and x.format != y.format and x.parameters is not None


def _same_sizes(base: Record, new: Record, chosen: Chosen) -> bool:
    """Whether inputs of two models differ by their names only, which are each model's own."""
    x, y = (sorted(map(tuple, _shapes(record).values())) for record in (base, new))
    return "model" in chosen and x == y


LENGTHS = ("min_duration_ns", "max_duration_ns")
"""Fields of a rule that say how long a repeat measures; the others say by what."""


def _turned_and_plain(base: Record, new: Record, chosen: Chosen) -> bool:
    """Whether one of two records of one preset took turns, whose repeats are more and shorter: each process gives the
    same figure, from fewer queries."""
    x, y = base.plan, new.plan
    alike = all(getattr(x.rule, f) == getattr(y.rule, f) for f in x.rule.__struct_fields__ if f not in LENGTHS)
    return alike and x.preset == y.preset and (x.alternation is None) != (y.alternation is None)


def _rule_words(base: Record, new: Record) -> str:
    """What of two rules differs, and that one record took turns, if only one did."""
    x, y = base.plan, new.plan
    named = [] if x.preset == y.preset else [f"{x.preset} → {y.preset}"]
    fields = [f for f in x.rule.__struct_fields__ if getattr(x.rule, f) != getattr(y.rule, f)]
    differing = [f"{f} {_amount(f, x.rule)} → {_amount(f, y.rule)}" for f in fields]
    said = ", ".join(named or differing)
    if (x.alternation is None) == (y.alternation is None):
        return said
    side = "base" if y.alternation is None else "new"
    return f"{said}; the {side} record took turns with another run, with more and shorter repeats"


def _amount(field: str, rule: StoppingRule) -> str:
    found = getattr(rule, field)
    return f"{found / 1e9:g} s" if field.endswith("_ns") else f"{found:g}"


def _input(record: Record) -> str | None:
    """The hash of the tensors that were fed. A prompt is made from the seed, which stands for it."""
    if record.plan.inputs is not None:
        return record.plan.inputs.sha256
    return f"seed {record.plan.seed}" if record.plan.model.task == "text_generation" else None


def _shapes(record: Record) -> Any:
    if record.plan.inputs is not None:
        return record.plan.inputs.shapes
    return {} if record.plan.model.task == "text_generation" else None  # the scenario's token counts are its shapes


def _machine(record: Record) -> Any:
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


def _pairs(value: Mapping[str, Any]) -> str:
    return ", ".join(f"{k}={_pairs(v) if isinstance(v, Mapping) else v}" for k, v in value.items()) or "none"


def scenario_words(scenario: Scenario) -> str:
    """Its name, and what of it was asked for: ``single-stream prompt_tokens=64 generate_tokens=32``."""
    counts = {f: getattr(scenario, f) for f in ("prompt_tokens", "generate_tokens", "depth_tokens", "lanes")}
    cache = [] if scenario.compile_cache == "none" else [f"{scenario.compile_cache} compile cache"]
    set_ = {k: v for k, v in counts.items() if v is not None} | dict(scenario.own_parameters)
    return " ".join([scenario.name, *(f"{k}={v}" for k, v in set_.items()), *cache])


RULES: tuple[Rule, ...] = (
    Rule(
        "schema_differs", "record's schema", lambda r: r.schema_version, True, remedy="Measure both with one version."
    ),
    Rule("task_differs", "task", lambda r: r.plan.model.task, True),
    Rule(
        "model_differs",
        "model",
        lambda r: r.plan.model.id,
        True,
        flagged_for=("model",),
        remedy="To compare two forms of one model, use --subject model.",
        answers=True,
    ),
    Rule(
        "artifact_differs",
        "model file",
        lambda r: r.plan.model.sha256,
        True,
        flagged_for=("model",),
        show=_short,
        remedy="Measure the same file twice; to compare two forms of one model, use --subject model.",
        excused=_same_source,
        answers=True,
    ),
    Rule(
        "input_differs",
        "input",
        _input,
        True,
        flagged_for=("model",),
        show=_short,
        remedy="Measure both with the same --input or --seed.",
    ),
    Rule(
        "shapes_differ",
        "input shapes",
        _shapes,
        True,
        show=_pairs,
        remedy="Measure both with the same --shape.",
        excused=_same_sizes,
        verb="differ",
    ),
    Rule("scenario_differs", "scenario", lambda r: r.plan.scenario, True, show=scenario_words),
    Rule(
        "rule_differs",
        "preset or its stopping rule",
        lambda r: (r.plan.preset, r.plan.rule),
        True,
        show=lambda v: str(v[0]),
        remedy="Measure both with one version of the tool, and the same --preset and --max-seconds.",
        excused=_turned_and_plain,
        told=_rule_words,
    ),
    Rule(
        "precision_differs",
        "executed precision",
        lambda r: r.plan.target.executed_precision,
        True,
        flagged_for=("model",),
        remedy="Set the target's precision option; to compare two precisions of one model, use --subject model.",
    ),
    Rule(
        "target_differs",
        "target",
        lambda r: r.plan.target.id,
        True,
        subject_of=("target",),
        remedy="To compare targets, use --subject target.",
    ),
    Rule(
        "options_differ",
        "target's options",
        lambda r: r.plan.target.options_requested,
        False,
        ("target",),
        show=_pairs,
        verb="differ",
    ),
    Rule("device_differs", "device", lambda r: r.plan.target.device_name, False, ("target",)),
    Rule("placement_differs", "placement of nodes", _placed, False, ("target", "model"), show=_pairs),
    Rule("tool_differs", "version of the tool", lambda r: r.tool.version, False, ("version",)),
    Rule("runtimes_differ", "runtime", lambda r: r.environment.runtime, False, ("version", "target"), show=_pairs),
    Rule("driver_differs", "driver", lambda r: r.environment.driver or None, False, ("version",), show=_pairs),
    Rule(
        "machine_differs",
        "machine",
        _machine,
        True,
        flagged_for=("target",),
        show=_pairs,
        remedy="Measure both on one machine; to compare devices, use --subject target.",
    ),
    Rule("system_differs", "system", lambda r: _system(r) or None, show=_pairs),
    Rule("power_source_differs", "power source", lambda r: r.environment.power_source),
    Rule("governor_differs", "governor", lambda r: r.environment.governor),
)
"""What must be equal, what may differ, what is flagged; unequal values of the first kind come first."""


# --------------------------------------------------------------------------------- what equality does not settle


def _runtime(base: Record, new: Record, chosen: tuple[Subject, ...]) -> Reason | None:
    """Versions of the distributions that both used."""
    x, y = base.environment.runtime, new.environment.runtime
    changed = [f"{n} {x[n]} → {y[n]}" for n in x if n in y and x[n] != y[n]]
    if not changed or "version" in chosen:  # then it is the subject, which the table has
        return None
    return Reason("runtime_version_differs", f"The runtime's version differs: {', '.join(changed)}.", invalidates=False)


def _temperature(base: Record, new: Record, chosen: tuple[Subject, ...]) -> Reason | None:
    hottest = [max(r.environment.temperature_celsius.values(), default=None) for r in (base, new)]
    a, b = hottest
    if a is None or b is None or abs(a - b) <= WARMER:
        return None
    return Reason("temperature_differs", f"The machine started at {a:.0f} °C and at {b:.0f} °C.", invalidates=False)


def _load(base: Record, new: Record, chosen: tuple[Subject, ...]) -> Reason | None:
    a, b = (
        max((x.cpu_busy_share for x in r.repeats if x.cpu_busy_share is not None), default=None) for r in (base, new)
    )
    if a is None or b is None or abs(a - b) <= BUSIER:
        return None
    message = f"Other processes used up to {a:.0%} of the machine in one record and {b:.0%} in the other."
    return Reason("load_differs", message.replace("%", " %"), "Close other programs.", invalidates=False)


def _valid(base: Record, new: Record, chosen: tuple[Subject, ...]) -> Reason | None:
    found = []
    for side, record in (("base", base), ("new", new)):
        if record.verdict is None:
            found.append(f"the {side} record has no verdict")
        elif not record.verdict.valid:
            found.append(f"the {side} record is not valid ({', '.join(record.verdict.invalidating)})")
    if not found:
        return None
    said = "; ".join(found)
    remedy = "Measure again as its reasons say."
    if all(r.verdict is not None and ACCOUNTED.issuperset(r.verdict.invalidating) for r in (base, new)):
        remedy = "The intervals include that spread; more repeats, or odb run --against, narrow them."
    return Reason("not_valid", f"{said[0].upper()}{said[1:]}.", remedy, invalidates=False)


def _few(base: Record, new: Record, chosen: tuple[Subject, ...]) -> Reason | None:
    a, b = (sum(repeat.samples is not None for repeat in r.repeats) for r in (base, new))
    if min(a, b) >= FEW:
        return None
    message = (
        f"{a} and {counted(b, 'repeat')}: a machine that switches between two speeds can look like a difference, so "
        f"no difference below {SPEEDS:g}× is claimed."
    )
    return Reason("few_repeats", message, f"Measure with --repeats {FEW} or more.", invalidates=False)


def _apart(base: Record, new: Record, chosen: tuple[Subject, ...]) -> Reason | None:
    try:
        times = [datetime.fromisoformat(r.created_utc) for r in (base, new)]
    except ValueError:
        return Reason("time_unknown", "It is unknown when the records were made.", invalidates=False)
    a, b = (t if t.tzinfo else t.replace(tzinfo=UTC) for t in times)
    if abs(a - b) <= APART:
        return None
    message = f"The records were made {counted(abs(a - b).days, 'day')} apart: the machine may have changed in between."
    return Reason("made_apart", message, "Measure both on one day.", invalidates=False)


def _unsealed(base: Record, new: Record, chosen: tuple[Subject, ...]) -> Reason | None:
    sides = [side for side, r in (("base", base), ("new", new)) if r.schema_version < SEALED_SINCE]
    if not sides:
        return None
    message = f"It is unknown whether the {' and the '.join(sides)} record was edited: older schemas have no hash."
    return Reason("not_sealed", message, "Measure again with this version.", invalidates=False)


CHECKS: tuple[Callable[[Record, Record, tuple[Subject, ...]], Reason | None], ...] = (
    _valid,
    _unsealed,
    _few,
    _runtime,
    _load,
    _temperature,
    _apart,
)
