"""``odb doctor``."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from bench.cli.help import Command
from bench.cli.language import lang_option
from bench.cli.options import console, echo_json, json_option, plugin_option
from bench.printable import clean
from bench.words import Sentence, say, sentence, speaking

if TYPE_CHECKING:
    from bench.contracts import TargetFacts
    from bench.plugins import Catalog

State = Literal["ok", "warning", "unavailable"]

COLORS: Mapping[State, str] = MappingProxyType({"ok": "green", "warning": "yellow", "unavailable": "dim"})


class Found(NamedTuple):
    """One line of the doctor. ``topic``: a stable name for scripts. ``title``: what people read in its place."""

    topic: str
    title: Sentence
    state: State
    message: Sentence | str
    remedy: Sentence | str = ""

    def for_scripts(self) -> dict[str, str]:
        return {
            "topic": self.topic,
            "state": self.state,
            "message": str(self.message),
            "remedy": str(self.remedy),
        }


@click.command("doctor", cls=Command, help="cli.help.doctor")
@lang_option
@plugin_option
@json_option
def command(plugins: tuple[Path, ...], as_json: bool) -> int:
    """``odb doctor``."""
    from bench.cli.list_command import probed_targets
    from bench.plugins import discover

    catalog = discover(plugins)
    probed = probed_targets(catalog)
    targets = target_findings(probed)
    findings = [
        *machine_findings(),
        *targets,
        *requirement_findings(probed),
        *sensor_findings(catalog),
        *process_findings(),
        *telemetry_findings(),
    ]
    if as_json:
        with speaking("en"):  # the same in every language
            echo_json([one.for_scripts() for one in findings])
    else:
        show(findings)
    return 0 if any(one.state == "ok" for one in targets) else 3


def show(findings: Sequence[Found]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "what", "", box=None, pad_edge=False, show_header=False)
    table.columns[1].no_wrap = True
    for one in findings:
        text = escape(clean(str(one.message)))
        if remedy := str(one.remedy):
            text += f"\n[dim]→ {escape(clean(remedy))}[/]"
        mark = f"[{COLORS[one.state]}]{escape(say(f'cli.state.{one.state}'))}[/]"
        table.add_row(mark, escape(clean(str(one.title))), text)
    console(markup=True).print(table)


def machine_findings() -> list[Found]:
    """Power source, governor, load, temperatures, virtualisation, accelerators' drivers."""
    from bench.machine.environment import capture
    from bench.machine.findings import remedies

    environment = capture()
    host = environment.host
    cpu, cores, system = host.get("cpu") or sentence("cli.unknown_cpu"), host.get("cores_physical"), host.get("os")
    machine = sentence("cli.machine", cpu=cpu, cores=cores, system=system)
    rest = [
        Found(f.topic, sentence(f"cli.topic.{f.topic}"), f.state, f.message, f.remedy) for f in remedies(environment)
    ]
    return [Found("machine", sentence("cli.topic.machine"), "ok", machine), *rest]


def target_findings(probed: Mapping[str, "TargetFacts"]) -> list[Found]:
    """A line per device."""
    from bench.cli.list_command import target_rows

    found = []
    for row in target_rows(probed):
        message = row["reason"]
        if row["usable"]:
            code = "cli.target_emulated" if row["emulated"] else "cli.target"
            message = sentence(code, description=row["description"])
        title = sentence("cli.topic.target", target=row["target"])
        state: State = "ok" if row["usable"] else "unavailable"
        found.append(Found(f"target {row['target']}", title, state, message, row["remedy"]))
    return found


def requirement_findings(probed: Mapping[str, "TargetFacts"]) -> list[Found]:
    """A line for each thing that a device needs of the machine: ``qnn:htp: FastRPC node``."""
    states: Mapping[str, State] = {"ok": "ok", "doubtful": "warning", "missing": "unavailable"}
    found = []
    for plugin, facts in probed.items():
        for one in facts.requirements:
            target = f"{plugin}:{one.device}"
            title = sentence("cli.topic.requirement", target=target, what=one.title)
            found.append(Found(f"target {target} {one.name}", title, states[one.state], one.message, one.remedy))
    return found


def sensor_findings(catalog: "Catalog") -> list[Found]:
    from bench.cli.list_command import sensors

    found = []
    for row in sensors(catalog):
        title = sentence("cli.topic.sensor", sensor=row["sensor"], channel=row["name"])
        state: State = "ok" if row["usable"] else "unavailable"
        message = sentence(f"cli.sensor.{row['kind']}", domain=row["domain"]) if row["usable"] else row["reason"]
        found.append(Found(f"sensor {row['sensor']} {row['name']}", title, state, message, row["remedy"]))
    if found:
        return found
    none = sentence("cli.no_sensor")
    return [Found("sensors", sentence("cli.topic.sensors"), "unavailable", none, sentence("cli.no_sensor.remedy"))]


def process_findings() -> list[Found]:
    """What the measuring itself depends on: the memory high-water mark, and the clock."""
    from bench.measure.memory import MemoryProbe

    resettable = MemoryProbe().reset_peak()
    peaks = sentence("cli.peaks_by_phase" if resettable else "cli.peaks_of_process")
    memory_state: State = "ok" if resettable else "warning"
    resolution_ns = time.get_clock_info("perf_counter").resolution * 1e9
    resolves = sentence("cli.clock_resolves", resolution_ns=resolution_ns)
    clock_state: State = "ok" if resolution_ns <= 1_000 else "warning"
    return [
        Found("memory peak by phase", sentence("cli.topic.memory_peak"), memory_state, peaks),
        Found("clock", sentence("cli.topic.clock"), clock_state, resolves),
    ]


def telemetry_findings() -> list[Found]:
    """Whether runtimes are kept from reporting to their makers while they are measured."""
    from bench.process.telemetry import turned_on_by_environment

    title, remedy = sentence("cli.topic.telemetry"), sentence("cli.telemetry.remedy")
    on = [Found("telemetry", title, "warning", reason, remedy) for reason in turned_on_by_environment()]
    return on or [Found("telemetry", title, "ok", sentence("cli.telemetry_off"))]
