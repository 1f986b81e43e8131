"""``odb list``. This module does not import a runtime; targets are queried in separate processes."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.help import Choice, Command
from bench.cli.language import lang_option
from bench.cli.options import echo_json, json_option, plugin_option
from bench.cli.terminal.columns import columns, terminal_width
from bench.printable import clean
from bench.words import Sentence, current, say, sentence, speaking

if TYPE_CHECKING:
    from bench.contracts import TargetFacts
    from bench.plugins import Catalog, Kind

Rows = list[dict[str, Any]]

WIDE = 160  # in a pipe
KINDS = (
    "models",
    "targets",
    "scenarios",
    "presets",
    "reports",
    "sensors",
    "quantisers",
    "runners",
    "tracks",
    "options",
)


@click.command("list", cls=Command, help="cli.help.list", epilog="cli.epilog.list")
@lang_option
@click.argument("what", type=Choice([*KINDS]))
@click.argument("name", required=False)
@plugin_option
@json_option
def command(what: str, name: str | None, plugins: tuple[Path, ...], as_json: bool) -> int:
    """``odb list``."""
    from bench.errors import InputError
    from bench.plugins import discover

    if what == "tracks" and name is not None:
        return one_track(name, as_json)
    if (what == "options") != (name is not None):
        raise InputError(sentence("cli.list_takes_one_target"))
    catalog = discover(plugins)
    with speaking("en" if as_json else current().language):  # for scripts the same in every language
        rows = [told(row) for row in (options_of(catalog, name) if name else LISTS[what](catalog))]
    if as_json:
        echo_json(rows)
    else:
        show([for_people(row) for row in rows])
    return 0


def one_track(name: str, as_json: bool) -> int:
    """``odb list tracks NAME``: a track in full, with what this version can measure of it."""
    from bench.cli.submission import listed_tracks

    track = listed_tracks.track_of(name)
    if as_json:
        with speaking("en"):
            echo_json(listed_tracks.as_json(track))
    else:
        click.echo(listed_tracks.in_full(track, output_width()))
    return 0


def told(row: dict[str, Any]) -> dict[str, Any]:
    """``row`` with its sentences in the language spoken."""
    return {name: str(value) if isinstance(value, Sentence) else value for name, value in row.items()}


def for_people(row: dict[str, Any]) -> dict[str, Any]:
    """A target's row with fewer columns: what it is or why it is not usable, and what to do."""
    if "versions" not in row:
        return row
    emulated = row["usable"] and row["emulated"]
    what = row["description"] if row["usable"] else row["reason"]
    what = say("cli.target_emulated", description=what) if emulated else what
    return {"target": row["target"], "usable": row["usable"], "what": what, "what_to_do": row["remedy"]}


def show(rows: Rows) -> None:
    """A plain table; columns that are empty everywhere are left out."""
    if not rows:
        click.echo(say("cli.none"))
        return
    shown = [c for c in rows[0] if any(row[c] not in ("", None, []) for row in rows)]
    table = [[_text(row[c]) for c in shown] for row in rows]
    click.echo(columns([say(f"cli.column.{c}") for c in shown], table, output_width()))


def output_width() -> int:
    """In cells."""
    return terminal_width() if sys.stdout.isatty() else WIDE


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return say("cli.yes" if value else "cli.no")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else clean(str(value))


def models(catalog: "Catalog") -> Rows:
    return plugin_rows(catalog, "models", lambda p: {"task": p.task, "formats": list(p.formats), "summary": p.summary})


def reports(catalog: "Catalog") -> Rows:
    return plugin_rows(catalog, "reports", lambda p: {"suffix": p.suffix, "summary": str(p.summary)})


def quantisers(catalog: "Catalog") -> Rows:
    """Names that ``odb quantise --for`` takes, with the schemes of each."""

    def described(p: Any) -> dict[str, Any]:
        return {"schemes": list(p.schemes), "formats": list(p.formats), "summary": str(p.summary)}

    return plugin_rows(catalog, "quantisers", described)


def runners(catalog: "Catalog") -> Rows:
    return plugin_rows(catalog, "runners", lambda p: {"formats": list(p.formats), "summary": str(p.summary)})


def plugin_rows(catalog: "Catalog", kind: "Kind", describe: Callable[[Any], dict[str, Any]]) -> Rows:
    """One row a plugin; one that cannot be imported is listed with the reason."""
    from bench.errors import OdbError
    from bench.plugins import load

    rows: Rows = []
    blank: dict[str, Any] = {}
    for ref in catalog.of(kind):
        try:
            described = describe(load(ref))
            blank = dict.fromkeys(described, "")
            rows.append({"name": ref.name, **described, "provider": ref.provider})
        except (OdbError, AttributeError) as error:
            odd = sentence("cli.not_a_plugin", kind=kind, reason=str(error))
            broken = say("cli.broken", reason=error.message if isinstance(error, OdbError) else odd)
            rows.append({"name": ref.name, **blank, "summary": broken, "provider": ref.provider})
    return rows


def targets(catalog: "Catalog") -> Rows:
    """Every device of every target plugin."""
    return target_rows(probed_targets(catalog))


def probed_targets(catalog: "Catalog") -> Mapping[str, "TargetFacts"]:
    """What each target plugin says of this machine. Each is queried in a separate process."""
    from bench.execution.probe import probe_targets, temporary_workspace

    with temporary_workspace() as workspace:
        return probe_targets(catalog, workspace, dict.fromkeys(catalog.names("targets"), ()))


def target_rows(probed: Mapping[str, "TargetFacts"]) -> Rows:
    """One row per device."""
    return [
        {
            "target": f"{name}:{device.name}",
            "usable": device.usable,
            "emulated": device.emulated,
            "description": device.description,
            "reason": device.reason,
            "remedy": device.remedy,
            "opens": list(facts.formats),
            "versions": [f"{k} {v}" for k, v in facts.versions.items()],
        }
        for name, facts in probed.items()
        for device in facts.devices
    ]


def options_of(catalog: "Catalog", target: str) -> Rows:
    """The options of one target, by the runtime's own names, and whether a suite's are taken without leave."""
    from bench.execution.probe import probe_targets, temporary_workspace
    from bench.suite.plan import device_named

    plugin, _, device = target.partition(":")
    catalog.find("targets", plugin)
    with temporary_workspace() as workspace:
        probed = probe_targets(catalog, workspace, {plugin: (device,) if device else ()})[plugin]
    device_named(plugin, device, probed.devices)
    options = sorted(probed.options.get(device, {}).items())
    return [{"name": name, "safe": name in probed.safe_options, "what": text} for name, text in options]


def scenarios(catalog: "Catalog") -> Rows:
    from bench.scenarios.kinds import KINDS
    from bench.suite.scenario_choice import kind_named

    kinds = [*KINDS.values(), *(kind_named(name, catalog) for name in catalog.names("scenarios"))]
    return [{"name": k.name, "summary": k.summary, "parameters": [p.name for p in k.parameters]} for k in kinds]


def presets(catalog: "Catalog") -> Rows:
    from bench.suite.presets import PRESETS

    return [
        {
            "name": p.name,
            "repeats": p.repeats.fewest,
            "repeats_at_most": p.repeats.most,
            "repeats_budget": say("cli.seconds", seconds=(p.repeats.budget_ns or 0) / 1e9),
            "pairs": p.pairs,
            "percentile": p.rule.percentile,
            "precise_to": say("cli.percent", percent=100 * p.rule.precision),
            "steady_state": say(
                "cli.seconds_from_to", low=p.rule.min_duration_ns / 1e9, high=p.rule.max_duration_ns / 1e9
            ),
            "queries": say("unit.from_to", low=p.rule.min_queries, high=p.rule.max_queries),
            "warm_up": say("cli.seconds_at_most", seconds=p.rule.warmup_max_duration_ns / 1e9),
        }
        for p in PRESETS.values()
    ]


def sensors(catalog: "Catalog") -> Rows:
    """Every channel of every sensor on this machine."""
    import msgspec

    from bench.execution.probe import load_sensors
    from bench.machine.channels import discover

    loaded, broken = load_sensors(catalog)
    found = (*discover(loaded, Path("/")), *broken)
    fields = ("sensor", "name", "kind", "domain", "usable", "reason", "remedy")
    return [{f: msgspec.structs.asdict(channel)[f] for f in fields} for channel in found]


def tracks(catalog: "Catalog") -> Rows:
    """The tracks of the challenge."""
    from bench.cli.submission.listed_tracks import rows

    return rows()


LISTS: dict[str, Callable[["Catalog"], Rows]] = {
    "models": models,
    "targets": targets,
    "scenarios": scenarios,
    "presets": presets,
    "reports": reports,
    "sensors": sensors,
    "quantisers": quantisers,
    "runners": runners,
    "tracks": tracks,
}
