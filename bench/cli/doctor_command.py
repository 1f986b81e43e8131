"""``odb doctor``."""

from pathlib import Path
from typing import Any

import click

from bench.cli.help import Command
from bench.cli.language import lang_option
from bench.cli.options import console, echo_json, json_option, plugin_option
from bench.printable import clean

MARKS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "unavailable": "[dim]unavailable[/]"}


@click.command("doctor", cls=Command, help="cli.help.doctor")
@lang_option
@plugin_option
@json_option
def command(plugins: tuple[Path, ...], as_json: bool) -> int:
    """``odb doctor``."""
    from bench.plugins import discover

    catalog = discover(plugins)
    findings = [
        *machine_findings(),
        *target_findings(catalog),
        *sensor_findings(catalog),
        *process_findings(),
        *telemetry_findings(),
    ]
    if as_json:
        echo_json(findings)
    else:
        show(findings)
    usable = any(f["topic"].startswith("target ") and f["state"] == "ok" for f in findings)
    return 0 if usable else 3


def show(findings: list[dict[str, str]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "what", "", box=None, pad_edge=False, show_header=False)
    table.columns[1].no_wrap = True
    for finding in findings:
        text = escape(clean(finding["message"]))
        if finding["remedy"]:
            text += f"\n[dim]→ {escape(clean(finding['remedy']))}[/]"
        table.add_row(MARKS[finding["state"]], escape(finding["topic"]), text)
    console().print(table)


def finding(topic: str, state: str, message: str, remedy: str = "") -> dict[str, str]:
    return {"topic": topic, "state": state, "message": message, "remedy": remedy}


def machine_findings() -> list[dict[str, str]]:
    """Power source, governor, load, temperatures, virtualisation, accelerators' drivers."""
    import msgspec

    from bench.machine.environment import capture
    from bench.machine.findings import remedies

    environment = capture()
    host = environment.host
    machine = f"{host.get('cpu') or 'unknown CPU'}, {host.get('cores_physical')} cores, {host.get('os')}"
    rest: list[dict[str, Any]] = [msgspec.structs.asdict(f) for f in remedies(environment)]
    return [finding("machine", "ok", machine), *rest]


def target_findings(catalog: Any) -> list[dict[str, str]]:
    from bench.cli.list_command import targets

    return [
        finding(
            f"target {row['target']}",
            "ok" if row["usable"] else "unavailable",
            (row["description"] + (" (emulated)" if row["emulated"] else "")) if row["usable"] else row["reason"],
            row["remedy"],
        )
        for row in targets(catalog)
    ]


def sensor_findings(catalog: Any) -> list[dict[str, str]]:
    from bench.cli.list_command import sensors

    return [
        finding(
            f"sensor {row['sensor']} {row['name']}",
            "ok" if row["usable"] else "unavailable",
            f"{row['kind']} of {row['domain']}" if row["usable"] else row["reason"],
            row["remedy"],
        )
        for row in sensors(catalog)
    ] or [
        finding(
            "sensors",
            "unavailable",
            "no energy or power sensor was found; energy is reported as CPU seconds and as MACs and bytes",
            "On Intel and AMD Linux machines: modprobe intel_rapl_msr. Virtual machines have none.",
        )
    ]


def process_findings() -> list[dict[str, str]]:
    """What the measuring itself depends on: the memory high-water mark, and the clock."""
    import time

    from bench.measure.memory import MemoryProbe

    resettable = MemoryProbe().reset_peak()
    resolution_ns = time.get_clock_info("perf_counter").resolution * 1e9
    return [
        finding("memory peak by phase", "ok", "the kernel resets the high-water mark, so each phase has its own")
        if resettable
        else finding("memory peak by phase", "warning", "cannot be reset here: peaks are those of the process so far"),
        finding("clock", "ok" if resolution_ns <= 1_000 else "warning", f"perf_counter resolves {resolution_ns:g} ns"),
    ]


def telemetry_findings() -> list[dict[str, str]]:
    """Whether runtimes are kept from reporting to their makers while they are measured."""
    from bench.process.telemetry import turned_on_by_environment

    return [
        finding("telemetry", "warning", reason, "Remove that from the environment; see docs/privacy.md.")
        for reason in turned_on_by_environment()
    ] or [finding("telemetry", "ok", "OpenVINO's and ONNX Runtime's are off in every process of odb")]
