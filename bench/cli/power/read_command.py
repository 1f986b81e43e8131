"""``odb power read``."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.help import Command, option
from bench.cli.language import lang_option
from bench.cli.options import echo_json, json_option
from bench.printable import clean
from bench.words import say, units

if TYPE_CHECKING:
    from bench.power.log import Figures, PowerLog

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 60


@click.command("read", cls=Command, help="cli.help.power.read", epilog="cli.epilog.power.read")
@lang_option
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@option("--mapping", metavar="time=COLUMN,power=COLUMN", help="cli.help.power.read.mapping")
@option("--channel", metavar="NAME", default="", help="cli.help.power.read.channel")
@option("--volts", metavar="V", default="", help="cli.help.power.read.volts")
@option("--zone", metavar="ZONE", default="", help="cli.help.power.read.zone")
@json_option
def command(file: Path, mapping: str | None, channel: str, volts: str, zone: str, as_json: bool) -> int:
    """``odb power read``."""
    from bench.power.asking import voltage
    from bench.power.doubts import doubts_of
    from bench.power.log import figures_of
    from bench.power.mapping import parse_mapping, zone_named
    from bench.power.reading import read_log

    if zone:
        zone_named(zone)
    log = read_log(
        file,
        parse_mapping(mapping) if mapping else None,
        channel=channel,
        volts=voltage(volts),
        zone=zone,
    )
    figures, doubts = figures_of(log), doubts_of(log)
    blocked = any(doubt.blocks for doubt in doubts)
    if as_json:
        echo_json(for_scripts(log, figures, doubts))
    else:
        click.echo(shown(log, figures, doubts))
    return 3 if blocked else 0


def shown(log: "PowerLog", figures: "Figures", doubts: "tuple[Any, ...]") -> str:
    """What people read."""
    lines = [
        say("power.shown.file", file=clean(log.name), format=say(f"power.format.{log.format}"), size=log.size_bytes),
        say("power.shown.channel", channel=clean(log.channel), tier=say(f"power.tier.{log.tier}")),
    ]
    lines.append(say(f"power.shown.stands_for.{log.stands_for or 'unstated'}"))
    if log.began:
        lines.append(say(f"power.shown.began.{log.clock}", when=log.began.replace("T", " ")))
    if log.meter:
        lines.append(say("power.shown.meter", meter=clean(", ".join(f"{k} {v}" for k, v in log.meter.items()))))
    lines += ["", *rows(figures)]
    if (picture := drawn(log)) and figures.most_watts is not None:
        lines += ["", picture, say("power.shown.picture", most=units.figure(figures.most_watts, "watts"))]
    if log.marks:
        lines += ["", say("power.shown.marks", marks=clean(", ".join(name for name, _ in log.marks[:12])))]
    others = [name for name in log.channels if name not in (log.channel, f"{log.channel}#1")]
    if others and log.format != "table":
        lines += ["", say("power.shown.others", names=[clean(name) for name in others[:12]], n=len(others))]
    if doubts:
        lines += ["", say("power.shown.doubts"), *(f"  - {doubt.told}" for doubt in doubts)]
    return "\n".join(lines)


def rows(figures: "Figures") -> list[str]:
    """The figures, one a line."""
    from bench.words.cells import padded

    told = [
        ("readings", units.grouped(figures.readings)),
        ("span", units.duration(None if figures.span_s is None else figures.span_s * 1e9)),
        ("interval", units.duration(None if figures.interval_s is None else figures.interval_s * 1e9)),
        ("largest_gap", units.duration(None if figures.largest_gap_s is None else figures.largest_gap_s * 1e9)),
        ("joules", exact_joules(figures.joules)),
        ("mean", units.figure(figures.mean_watts, "watts")),
        ("range", units.span((figures.least_watts, figures.most_watts), lambda watts: units.figure(watts, "watts"))),
    ]
    return [f"  {padded(say(f'power.figure.{name}'), 24)}{value}" for name, value in told]


def exact_joules(value: float | None) -> str:
    """To a hundredth of a joule from one joule on: this figure is checked against others."""
    if value is None or abs(value) < 1:
        return units.joules(value)
    return units.localised(f"{value:,.2f}") + " J"


def drawn(log: "PowerLog") -> str:
    """The power over time in a line, each character the mean of an equal part of the readings."""
    import numpy as np

    watts = log.watts[log.read]
    if len(watts) < 2 or watts.max() <= 0:
        return ""
    parts = np.array_split(watts, min(WIDTH, len(watts)))
    levels = [max(0.0, float(part.mean())) / float(watts.max()) for part in parts]
    return "  " + "".join(BARS[max(0, math.ceil(level * len(BARS)) - 1)] for level in levels)


def for_scripts(log: "PowerLog", figures: "Figures", doubts: "tuple[Any, ...]") -> dict[str, Any]:
    """The log without its readings, its figures and its doubts."""
    import msgspec

    about = {
        name: getattr(log, name)
        for name in (
            "name",
            "sha256",
            "size_bytes",
            "format",
            "tier",
            "channel",
            "channels",
            "clock",
            "volts",
            "meter",
            "stands_for",
        )
    }
    return {
        **about,
        "began": log.began or None,
        "marks": [{"label": label, "reading": first} for label, first in log.marks],
        "figures": msgspec.to_builtins(figures),
        "doubts": [
            {"code": one.code, "blocks": one.blocks, "figures": one.figures, "message": str(one.told)} for one in doubts
        ],
    }
