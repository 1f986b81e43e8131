"""The scenarios of this project in one table, and what is asked of one as text: ``-s name:key=value,key=value``.

A kind's player is in ``bench.measure.players``, its words are in ``reports/words/scenarios.py``. A kind of a plugin is
in its records, since they are read where the plugin is not.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from bench.contracts import Axis, Parameter, Scenario, ScenarioKind
from bench.contracts.scenario import Value
from bench.errors import InputError, UnknownName
from bench.scenarios import parameters as values_
from bench.scenarios.staged import HOP, INPUTS, PIPELINE
from bench.words import sentence

MOST_TURNS, MOST_USERS = 256, 256
FIELDS = ("prompt_tokens", "generate_tokens", "lanes", "depth_tokens")
"""The parameters that are fields of ``Scenario``; all others are in its ``parameters``."""

PROMPT_TOKENS = Parameter(name="prompt_tokens", unit="tokens", about=sentence("scenario.about.prompt_tokens"))
GENERATE_TOKENS = Parameter(name="generate_tokens", unit="tokens", about=sentence("scenario.about.generate_tokens"))
DEPTH_TOKENS = Parameter(name="depth_tokens", unit="tokens", about=sentence("scenario.about.depth_tokens"), least=0)
LANES = Parameter(name="lanes", unit="queries", about=sentence("scenario.about.lanes"))
AUTO = "auto"
RATE = Parameter(
    name="rate_per_s",
    short="rate",
    unit="queries_per_s",
    about=sentence("scenario.about.rate"),
    least=0.1,
    most=100_000,
    whole=False,
    default=AUTO,
    words=(AUTO,),
)
BOUND = Parameter(
    name="latency_ms",
    short="latency",
    unit="ms",
    about=sentence("scenario.about.latency"),
    least=0.001,
    most=3_600_000,
    whole=False,
    default=15,
)
PERCENTILE = Parameter(
    name="percentile",
    unit="percent",
    about=sentence("scenario.about.percentile"),
    least=50,
    most=99.9,
    whole=False,
    default=99,
)
FRAMES = Parameter(
    name="rate_per_s",
    short="rate",
    unit="frames_per_s",
    about=sentence("scenario.about.frames"),
    least=0.1,
    most=100_000,
    whole=False,
    default=30,
)
DEADLINE = Parameter(
    name="deadline_ms",
    short="deadline",
    unit="ms",
    about=sentence("scenario.about.deadline"),
    least=0.001,
    most=3_600_000,
    whole=False,
)
DROP = Parameter(
    name="drop",
    unit="",
    about=sentence("scenario.about.drop"),
    default="oldest",
    words=("oldest", "newest", "none"),
    numeric=False,
)
STREAMS = Parameter(name="streams", unit="samples", about=sentence("scenario.about.streams"), most=10_000, default=8)
IDLE = Parameter(
    name="idle_ms",
    short="idle",
    unit="ms",
    about=sentence("scenario.about.idle"),
    most=3_600_000,
    many=True,
    default=(1_000, 10_000, 60_000),
)
WAKES = Parameter(name="wakes", unit="queries", about=sentence("scenario.about.wakes"), most=1_000, default=3)
SIZES = Parameter(
    name="sizes",
    unit="samples",
    about=sentence("scenario.about.sizes"),
    most=4_096,
    many=True,
    default=(1, 2, 4, 8),
)
SIDES = Parameter(name="sides", unit="pixels", about=sentence("scenario.about.sides"), most=16_384, many=True)

MINUTES = Parameter(
    name="minutes", unit="min", about=sentence("scenario.about.minutes"), least=2, most=1440, default=20
)
RATE_IF_ANY = Parameter(
    name="rate_per_s",
    short="rate",
    unit="queries/s",
    about=sentence("scenario.about.rate"),
    least=0.1,
    most=10_000,
    whole=False,
)
COOLDOWN = Parameter(
    name="cooldown_s",
    unit="s",
    about=sentence("scenario.about.cooldown"),
    least=0,
    most=3600,
    whole=False,
    short="cooldown",
)
TURNS = Parameter(
    name="turns", unit="turns", about=sentence("scenario.about.turns"), least=2, most=MOST_TURNS, default=8
)
PREFIX_CACHE = Parameter(
    name="prefix_cache",
    short="cache",
    unit="",
    about=sentence("scenario.about.prefix_cache"),
    words=("on", "off"),
    numeric=False,
)
USERS = Parameter(name="users", unit="users", about=sentence("scenario.about.users"), most=MOST_USERS, default=4)

COMPILE_CACHE = "compile_cache"
CACHES = ("none", "cold", "warm")

KINDS: Mapping[str, ScenarioKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            ScenarioKind(
                name="single-stream",
                summary=sentence("scenario.summary.single-stream"),
                tasks=("tensor", "text_generation"),
                parameters=(PROMPT_TOKENS, GENERATE_TOKENS, DEPTH_TOKENS),
                leading=("tpot_ns", "latency_p50_ns"),
            ),
            ScenarioKind(
                name="offline",
                summary=sentence("scenario.summary.offline"),
                parameters=(LANES,),
                intent="throughput",
                leading=("throughput_per_s",),
                beside=("latency_p50_ns",),
                percentile=False,
                emulator=False,
            ),
            ScenarioKind(
                name="multi-stream",
                summary=sentence("scenario.summary.multi-stream"),
                parameters=(STREAMS,),
                leading=("latency_p99_ns", "latency_p50_ns"),
                beside=("latency_p50_ns",),
                emulator=False,
                samples="streams",
            ),
            ScenarioKind(
                name="end-to-end",
                summary=sentence("scenario.summary.end-to-end"),
                tasks=("tensor", "text_generation"),
                parameters=(PIPELINE, HOP, INPUTS, GENERATE_TOKENS),
                leading=("time_per_input_ns", "latency_p50_ns"),
                percentile=False,
                beside=("network_fraction", "overlapped_per_s", "ttft_ns", "tpot_ns"),
                emulator=False,
                staged=True,
            ),
            ScenarioKind(
                name="server",
                summary=sentence("scenario.summary.server"),
                parameters=(RATE, BOUND, PERCENTILE, LANES),
                leading=("largest_rate_per_s", "in_time_fraction"),
                beside=("latency_p50_ns", "latency_p99_ns"),
                percentile=False,
                emulator=False,
                axis=Axis(name="rate", unit=RATE.unit, of="found", parameter=RATE.name),
                curves=("in_time_fraction", "latency_p99_ns"),
                open_loop=True,
            ),
            ScenarioKind(
                name="fixed-rate",
                summary=sentence("scenario.summary.fixed-rate"),
                parameters=(FRAMES, DEADLINE, DROP, LANES),
                leading=("in_time_fraction", "latency_p50_ns"),
                beside=("dropped_fraction", "latency_p50_ns", "latency_p99_ns"),
                percentile=False,
                emulator=False,
                open_loop=True,
            ),
            ScenarioKind(
                name="wake",
                summary=sentence("scenario.summary.wake"),
                parameters=(IDLE, WAKES),
                leading=("wake_p50_ns",),
                beside=("wake_ratio", "keep_awake_cpu_seconds", "keep_awake_watts"),
                percentile=False,
                emulator=False,
                axis=Axis(name="idle", unit="ms", parameter="idle_ms", zero=True),
                curves=("latency_p50_ns", "wake_ratio", "waking_ns", "cpu_seconds_per_second"),
                idling=(IDLE.name, WAKES.name),
            ),
            ScenarioKind(
                name="batch",
                summary=sentence("scenario.summary.batch"),
                parameters=(SIZES, SIDES),
                leading=("samples_per_s", "latency_p50_ns"),
                beside=("latency_p50_ns",),
                emulator=False,
                samples="sizes",
            ),
            ScenarioKind(
                name="sustained",
                summary=sentence("scenario.summary.sustained"),
                tasks=("tensor", "text_generation"),
                parameters=(MINUTES, RATE_IF_ANY, COOLDOWN, PROMPT_TOKENS, GENERATE_TOKENS, DEPTH_TOKENS),
                leading=("steady_tokens_per_s", "steady_rate_per_s", "retained_fraction", "latency_p50_ns"),
                beside=("retained_fraction", "time_to_throttle_ns", "tpot_ns", "latency_p50_ns"),
                percentile=False,
                emulator=False,
                lasting="minutes",
                axis=Axis(name="minute", unit="min", of="counted", parameter="minutes"),
                curves=(
                    "rate_of_minute_per_s",
                    "tokens_of_minute_per_s",
                    "latency_p50_ns",
                    "ttft_ns",
                    "tpot_ns",
                    "temperature_celsius",
                    "clock_mhz",
                    "power_watts",
                    "busy_fraction",
                ),
            ),
            ScenarioKind(
                name="chat",
                summary=sentence("scenario.summary.chat"),
                tasks=("text_generation",),
                parameters=(TURNS, PREFIX_CACHE, PROMPT_TOKENS, GENERATE_TOKENS),
                leading=("ttft_last_turn_ns", "latency_p50_ns"),
                beside=("tpot_ns",),
                percentile=False,
                emulator=False,
                axis=Axis(name="turn", unit="", of="counted", parameter="turns"),
                curves=("ttft_ns", "tpot_ns"),
                rounds=True,
                each="prefix_cache",
            ),
            ScenarioKind(
                name="concurrent",
                summary=sentence("scenario.summary.concurrent"),
                tasks=("text_generation",),
                parameters=(USERS, PROMPT_TOKENS, GENERATE_TOKENS),
                intent="throughput",
                leading=("tokens_per_s", "throughput_per_s"),
                beside=("ttft_p95_ns", "itl_p95_ns"),
                percentile=False,
                emulator=False,
                axis=Axis(name="user", unit="", of="counted", parameter="users"),
                curves=("ttft_ns", "itl_p95_ns"),
            ),
        )
    }
)
_COMMON = {parameter.name: parameter for parameter in (PROMPT_TOKENS, GENERATE_TOKENS, LANES, DEPTH_TOKENS)}


UNKNOWN = ScenarioKind(name="", summary=sentence("scenario.summary.unknown"))


def kind_of(scenario: Scenario) -> ScenarioKind:
    """What is known of the scenario's kind. ``UNKNOWN`` for a name that is not one of this project's, if the scenario
    does not contain its kind; no record that is read has such a name."""
    return KINDS.get(scenario.name) or scenario.own_kind or UNKNOWN


def check_known(scenario: Scenario) -> None:
    """Raise ``InputError`` for a scenario of a record that does not say what kind it is, or says it twice, and for
    parameters that its kind does not have."""
    kind, remedy = kind_of(scenario), sentence("scenario.file_edited")
    if kind is UNKNOWN:
        known = ", ".join(KINDS)
        raise InputError(sentence("scenario.kind_missing", scenario_name=scenario.name, known=known), remedy)
    if kind.name != scenario.name or (scenario.name in KINDS and scenario.own_kind is not None):
        raise InputError(sentence("scenario.kind_of_another", scenario_name=scenario.name), remedy)
    if scenario.own_parameters:
        check_scenario(scenario, kind)


def parameters_of(scenario: Scenario) -> dict[str, Value]:
    """Every parameter that is set, by its name."""
    fields = {name: value for name in FIELDS if (value := getattr(scenario, name)) is not None}
    return {**fields, **scenario.own_parameters}


def samples_of(scenario: Scenario) -> int:
    """How many samples one query holds."""
    name = kind_of(scenario).samples
    return int(scenario.numbers(name)[0]) if name in scenario.own_parameters else 1


def settled(scenario: Scenario, kind: ScenarioKind) -> Scenario:
    """``scenario`` with the defaults of its kind for parameters that have one. Who asks for sides of pictures asks for
    these alone: the batch size is then 1."""
    absent = {p.name: p.default for p in kind.parameters if p.default is not None and p.name not in FIELDS}
    if SIZES.name in absent and SIDES.name in scenario.own_parameters:
        absent[SIZES.name] = (1,)
    return scenario if not absent else replace(scenario, parameters={**absent, **scenario.own_parameters})


def check_scenario(scenario: Scenario, kind: ScenarioKind) -> None:
    """Raise ``InputError`` for a parameter that the kind does not have, or whose value is out of bounds. The fields of
    ``Scenario`` may be set of any kind: flags set them for all scenarios of a command."""
    own = {parameter.name: parameter for parameter in kind.parameters}
    for name, value in parameters_of(scenario).items():
        if name not in own and name not in _COMMON:
            raise UnknownName(sentence("scenario.parameter_of", scenario=scenario.name), name, _names(kind))
        values_.check(sentence("scenario.named", name=scenario.name), own.get(name) or _COMMON[name], value)


def _names(kind: ScenarioKind) -> list[str]:
    return [*values_.names(kind.parameters), COMPILE_CACHE]


def scenario_name(text: str) -> str:
    """The name in ``name:key=value,key=value``."""
    return text.partition(":")[0].strip()


def parse_scenario(text: str, kind: ScenarioKind) -> Scenario:
    """``name:key=value,key=value`` of a ``kind``. Raises ``InputError`` naming the flag and what it cannot read."""
    _, colon, rest = text.partition(":")
    values: dict[str, object] = {}
    for key, value in values_.pairs(rest) if colon else ():
        parameter = values_.named(kind.parameters, key)
        listed = parameter is not None and parameter.many
        if not key or not value or ("," in value and not listed):
            example = kind.parameters[0].name if kind.parameters else COMPILE_CACHE
            raise InputError(
                sentence("scenario.expected_name_key_value_key", text=text),
                sentence("scenario.as_in_s", kind_name=kind.name, example=example),
            )
        if parameter is None and key != COMPILE_CACHE:
            raise UnknownName(sentence("scenario.parameter_of", scenario=kind.name), key, _names(kind))
        name = COMPILE_CACHE if parameter is None else parameter.name
        if name in values:
            raise InputError(sentence("scenario.given_twice", text=text, key=key), sentence("scenario.give_once"))
        values[name] = _cache(value) if parameter is None else values_.value_from(f"-s {text}: {key}", parameter, value)
    return with_values(Scenario(kind.name), values)


def with_values(scenario: Scenario, values: Mapping[str, object]) -> Scenario:
    """``scenario`` with ``values``, each in the field of its name or among the ``parameters``."""
    fields = {name: value for name, value in values.items() if name in (*FIELDS, COMPILE_CACHE)}
    own = {name: value for name, value in values.items() if name not in fields}
    parameters = {"parameters": {**scenario.own_parameters, **own}} if own else {}
    return replace(scenario, **fields, **parameters)


def _cache(value: str) -> str:
    if value not in CACHES:
        raise UnknownName(sentence("scenario.compile_cache"), value, CACHES)
    return value


def scenario_text(scenario: Scenario) -> str:
    """In the form of ``-s``, without the parameters that have separate flags."""
    own = ",".join(values_.texts_of(scenario.own_parameters))
    return f"{scenario.name}:{own}" if own else scenario.name
