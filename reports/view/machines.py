"""The machines that the records come from, distinguished by properties that do not change between two runs."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from bench.record.record import Environment
from bench.reports.view.rows import Cell, Numbered, Table
from bench.words import units


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
    names = ["Machine"] if len(groups) == 1 else [f"Machine {_letters(i)}" for i in range(len(groups))]
    return tuple(
        Machine(n, _line(g[0].record.environment), _facts(g), tuple(i.number for i in g))
        for n, g in zip(names, groups, strict=True)
    )


def _letters(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else str(index + 1)


def _line(environment: Environment) -> str:
    host = {k: host_fact(k, v)[1] for k, v in environment.host.items() if v is not None}
    system = " ".join(host[k] for k in ("os", "os_version") if k in host)
    return " · ".join(filter(None, (host.get("cpu"), host.get("memory_bytes"), system)))


def _facts(group: Sequence[Numbered]) -> tuple[tuple[str, str], ...]:
    """Host, accelerators, drivers and runtimes; several values of one name are all given."""
    environments = [i.record.environment for i in group]
    facts = [host_fact(k, v) for k, v in environments[0].host.items()]
    facts += _merged([e.accelerator for e in environments], "")
    facts += _merged([e.driver for e in environments], "driver ")
    facts += _merged([e.runtime for e in environments], "")
    return tuple(facts)


def _merged(parts: Sequence[Mapping[str, str]], prefix: str) -> list[tuple[str, str]]:
    names = dict.fromkeys(k for part in parts for k in part)
    return [
        (prefix + units.clean(n), ", ".join(dict.fromkeys(units.clean(part[n]) for part in parts if n in part)))
        for n in names
    ]


def host_fact(name: str, value: str | int | float | None) -> tuple[str, str]:
    """One host fact with its unit taken from its name: ``memory_bytes`` becomes memory, 15.6 GiB."""
    label = units.clean(name).replace("_", " ")
    if value is None:
        return label, units.MISSING
    if name.endswith("_bytes") and isinstance(value, int | float):
        return label.removesuffix(" bytes"), units.size(value)
    if name.endswith("_mhz") and isinstance(value, int | float):
        return label.removesuffix(" mhz"), f"{value:.0f} MHz"
    return label, units.clean(str(value))


def conditions(environment: Environment) -> Table | None:
    """State of the machine just before one run; what could not be read, with the reason."""
    found: list[tuple[str, str, str]] = []
    if environment.power_source is not None:
        found.append(("power source", environment.power_source, ""))
    if environment.battery_percent is not None:
        found.append(("battery", f"{environment.battery_percent:.0f} %", ""))
    if environment.governor is not None:
        found.append(("governor", environment.governor, ""))
    found += [(f"frequency, {k}", f"{v:.0f} MHz", "") for k, v in environment.frequency_mhz.items()]
    found += [(f"temperature, {k}", f"{v:.1f} °C", "") for k, v in environment.temperature_celsius.items()]
    found += [(k.replace("_", " "), _load(k, v), "") for k, v in environment.load.items()]
    found += [(k.replace("_", " "), units.MISSING, str(reason)) for k, reason in environment.unavailable.items()]
    if not found:
        return None
    rows = tuple((Cell(units.clean(a)), Cell(units.clean(b)), Cell(units.clean(c))) for a, b, c in found)
    return Table("Conditions before the run", ("What", "Value", "Why not known"), rows)


def _load(name: str, value: float) -> str:
    return units.percent(value) if name.endswith("_share") else units.number(value)
