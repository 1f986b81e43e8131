"""The scenarios of this project in one table, and what is asked of one as text: ``-s name:key=value,key=value``.

A kind's player is in ``bench.measure.players``, its words are in ``reports/words/scenarios.py``. A kind of a plugin is
in its records, since they are read where the plugin is not.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from bench.contracts import Parameter, Scenario, ScenarioKind
from bench.errors import InputError, UnknownName
from bench.words import Sentence, sentence

FIELDS = ("prompt_tokens", "generate_tokens", "lanes", "depth_tokens")
"""The parameters that are fields of ``Scenario``; all others are in its ``parameters``."""

PROMPT_TOKENS = Parameter(name="prompt_tokens", unit="tokens", about=sentence("scenario.about.prompt_tokens"))
GENERATE_TOKENS = Parameter(name="generate_tokens", unit="tokens", about=sentence("scenario.about.generate_tokens"))
DEPTH_TOKENS = Parameter(name="depth_tokens", unit="tokens", about=sentence("scenario.about.depth_tokens"), least=0)
LANES = Parameter(name="lanes", unit="queries", about=sentence("scenario.about.lanes"))
STREAMS = Parameter(name="streams", unit="samples", about=sentence("scenario.about.streams"), most=10_000, default=8)

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
                percentile=False,
                emulator=False,
            ),
            ScenarioKind(
                name="multi-stream",
                summary=sentence("scenario.summary.multi-stream"),
                parameters=(STREAMS,),
                leading=("latency_p99_ns", "latency_p50_ns"),
                emulator=False,
                samples="streams",
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


def parameters_of(scenario: Scenario) -> dict[str, int | float]:
    """Every parameter that is set, by its name."""
    fields = {name: value for name in FIELDS if (value := getattr(scenario, name)) is not None}
    return {**fields, **scenario.own_parameters}


def samples_of(scenario: Scenario) -> int:
    """How many samples one query holds: how often the model runs for it."""
    return int(scenario.own_parameters.get(kind_of(scenario).samples, 1))


def settled(scenario: Scenario, kind: ScenarioKind) -> Scenario:
    """``scenario`` with the defaults of its kind for parameters that have one."""
    absent = {p.name: p.default for p in kind.parameters if p.default is not None and p.name not in FIELDS}
    return scenario if not absent else replace(scenario, parameters={**absent, **scenario.own_parameters})


def check_scenario(scenario: Scenario, kind: ScenarioKind) -> None:
    """Raise ``InputError`` for a parameter that the kind does not have, or whose value is out of bounds. The fields of
    ``Scenario`` may be set of any kind: flags set them for all scenarios of a command."""
    own = {parameter.name: parameter for parameter in kind.parameters}
    for name, value in parameters_of(scenario).items():
        if name not in own and name not in _COMMON:
            raise UnknownName(sentence("scenario.parameter_of", scenario=scenario.name), name, _names(kind))
        _check_value(sentence("scenario.named", name=scenario.name), (own.get(name) or _COMMON[name]), value)


def _check_value(origin: Sentence | str, parameter: Parameter, value: int | float) -> None:
    name, least, most = parameter.name, parameter.least, parameter.most
    if not math.isfinite(value) or (parameter.whole and value != int(value)):
        code = "scenario.not_a_whole_number" if parameter.whole else "scenario.not_a_finite_number"
        raise InputError(sentence(code, origin=origin, name=name, value=value))
    if value < least:
        raise InputError(sentence("scenario.below_minimum", origin=origin, name=name, least=least, value=value))
    if value > most:
        raise InputError(sentence("scenario.above_maximum", origin=origin, name=name, most=most))


def _names(kind: ScenarioKind) -> list[str]:
    return [*(parameter.name for parameter in kind.parameters), COMPILE_CACHE]


def scenario_name(text: str) -> str:
    """The name in ``name:key=value,key=value``."""
    return text.partition(":")[0].strip()


def parse_scenario(text: str, kind: ScenarioKind) -> Scenario:
    """``name:key=value,key=value`` of a ``kind``. Raises ``InputError`` naming the flag and what it cannot read."""
    _, colon, rest = text.partition(":")
    values: dict[str, int | float | str] = {}
    for pair in rest.split(",") if colon else ():
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not key or not equals or not value:
            example = kind.parameters[0].name if kind.parameters else COMPILE_CACHE
            raise InputError(
                sentence("scenario.expected_name_key_value_key", text=text),
                sentence("scenario.as_in_s", kind_name=kind.name, example=example),
            )
        if key not in _names(kind):
            raise UnknownName(sentence("scenario.parameter_of", scenario=kind.name), key, _names(kind))
        if key in values:
            raise InputError(sentence("scenario.given_twice", text=text, key=key), sentence("scenario.give_once"))
        values[key] = _cache(value) if key == COMPILE_CACHE else _number(f"-s {text}: {key}", value)
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


def _number(origin: str, text: str) -> int | float:
    """A number, of so many digits at most as all bounds have."""
    try:
        return int(text) if text.lstrip("+-").isdecimal() and len(text) <= 20 else float(text)
    except ValueError:
        raise InputError(sentence("scenario.expected_number_not", origin=origin, text=text)) from None


def scenario_text(scenario: Scenario) -> str:
    """In the form of ``-s``, without the parameters that have separate flags."""
    own = ",".join(f"{name}={value}" for name, value in scenario.own_parameters.items())
    return f"{scenario.name}:{own}" if own else scenario.name
