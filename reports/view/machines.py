"""The machines that the records come from, distinguished by properties that do not change between two runs."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct

from bench.record.record import Environment
from bench.reports.view.rows import Cell, Numbered, Table, columns
from bench.reports.words.names import known
from bench.words import Sentence, say, units


class Machine(Struct, frozen=True):
    """``line``: processor, memory, system; ``facts``: label and value; ``runs``: the numbers of those made on it."""

    name: str
    line: str
    facts: tuple[tuple[str, str], ...]
    runs: tuple[int, ...]


def machines(items: Sequence[Numbered]) -> tuple[Machine, ...]:
    """In order of first appearance: ``Machine``, or ``Machine A``, ``Machine B`` …"""
    groups: list[list[Numbered]] = []
    for item in items:
        host = item.record.environment.host
        group = next((g for g in groups if g[0].record.environment.host == host), None)
        if group is None:
            groups.append([item])
        else:
            group.append(item)
    names = [say("report.machine") for _ in groups]
    if len(groups) > 1:
        names = [say("report.machine_lettered", letter=_letters(i)) for i in range(len(groups))]
    return tuple(
        Machine(n, host_words(g[0].record.environment.host), _facts(g), tuple(i.number for i in g))
        for n, g in zip(names, groups, strict=True)
    )


def _letters(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else str(index + 1)


def host_words(facts: Mapping[str, str | int | float | None]) -> str:
    """Processor, memory and system of a host; empty where none is known."""
    host = {k: host_fact(k, v)[1] for k, v in facts.items() if v is not None}
    system = " ".join(host[k] for k in ("os", "os_version") if k in host)
    return " · ".join(filter(None, (host.get("cpu"), host.get("memory_bytes"), system)))


def _facts(group: Sequence[Numbered]) -> tuple[tuple[str, str], ...]:
    """Host, accelerators, drivers and runtimes; several values of one name are all given."""
    environments = [i.record.environment for i in group]
    facts = [host_fact(k, v) for k, v in environments[0].host.items()]
    facts += _merged([e.accelerator for e in environments])
    drivers = _merged([e.driver for e in environments])
    facts += [(say("report.driver", name=name), version) for name, version in drivers]
    facts += _merged([e.runtime for e in environments])
    return tuple(facts)


def _merged(parts: Sequence[Mapping[str, Sentence | str]]) -> list[tuple[str, str]]:
    names = dict.fromkeys(k for part in parts for k in part)
    return [
        (units.clean(n), ", ".join(dict.fromkeys(units.clean(part[n]) for part in parts if n in part))) for n in names
    ]


def host_fact(name: str, value: str | int | float | None) -> tuple[str, str]:
    """One host fact with its unit taken from its name: ``memory_bytes`` becomes memory, 15.6 GiB."""
    label = field_name(name)
    if value is None:
        return label, units.MISSING
    if isinstance(value, bool):
        return label, say("report.yes" if value else "report.no")
    if isinstance(value, int | float):
        for ending, shown in _MEASURED.items():
            if name.endswith(ending):
                return field_name(name.removesuffix(ending)), shown(value)
    return label, units.clean(str(value))


_MEASURED: Mapping[str, Callable[[float], str]] = MappingProxyType(
    {"_bytes": units.size, "_mhz": lambda value: f"{value:.0f} MHz"}
)
"""What a fact is measured in, by the end of its name."""


def field_name(name: str) -> str:
    """Of a field of ``Environment``, or of one of its parts: ``cores physical`` of ``cores_physical``."""
    return known(f"report.machine.{name.removeprefix('host.')}", name.replace("_", " "))


def conditions(environment: Environment) -> Table | None:
    """State of the machine just before one run; what could not be read, with the reason."""
    found: list[tuple[str, str, str]] = []
    if environment.power_source is not None:
        source = known(f"report.power_source.{environment.power_source}", environment.power_source)
        found.append((field_name("power_source"), source, ""))
    if environment.battery_percent is not None:
        found.append((field_name("battery"), say("report.battery", percent=environment.battery_percent), ""))
    if environment.governor is not None:
        found.append((field_name("governor"), environment.governor, ""))
    for k, v in environment.frequency_mhz.items():
        found.append((say("report.frequency", of=known(f"report.frequency.{k}", k)), f"{v:.0f} MHz", ""))
    for k, v in environment.temperature_celsius.items():
        found.append((say("report.temperature", of=units.clean(k)), f"{v:.1f} °C", ""))
    found += [(field_name(k), _load(k, v), "") for k, v in environment.load.items()]
    found += [(field_name(k), units.MISSING, str(reason)) for k, reason in environment.unavailable.items()]
    if not found:
        return None
    rows = tuple((Cell(units.clean(a)), Cell(units.clean(b)), Cell(units.clean(c))) for a, b, c in found)
    return Table(say("report.conditions.caption"), columns("what", "value", "why_unknown"), rows)


def _load(name: str, value: float) -> str:
    return units.percent(value) if name.endswith("_share") else units.number(value)
