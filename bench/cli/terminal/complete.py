"""What the shell offers after an option of ``odb run``. Imports no runtime: a key press must be answered at once."""

from typing import TYPE_CHECKING

import click

from bench.words import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

    from bench.plugins import PluginRef


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Built-in models by name, then files."""
    from click.shell_completion import CompletionItem

    from bench.plugins import discover

    names = [n for n in discover().names("models") if not n.startswith((".", "/")) and n.startswith(incomplete)]
    return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]


def targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """``plugin:device`` of every installed target plugin whose name fits; of one that names no devices up to the
    colon."""
    from click.shell_completion import CompletionItem

    from bench.plugins import discover

    wanted = incomplete.partition(":")[0]
    ids = [
        f"{ref.name}:{device}"
        for ref in discover().of("targets")
        if ref.name.startswith(wanted)
        for device in _devices(ref)
    ]
    return [CompletionItem(i) for i in ids if i.startswith(incomplete)]


def quantisers(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Names of the quantisers that are installed."""
    from click.shell_completion import CompletionItem

    from bench.plugins import discover

    return [CompletionItem(name) for name in discover().names("quantisers") if name.startswith(incomplete)]


def scenarios(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Scenario names."""
    from click.shell_completion import CompletionItem

    from bench.plugins import discover
    from bench.scenarios.kinds import KINDS

    helps = dict.fromkeys(discover().names("scenarios"), say("cli.of_a_plugin"))
    helps |= {k.name: str(k.summary) for k in KINDS.values()}
    return [CompletionItem(name, help=text) for name, text in helps.items() if name.startswith(incomplete)]


def tracks(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """The tracks of this project."""
    from click.shell_completion import CompletionItem

    from bench.submission.track import track_names

    return [CompletionItem(name) for name in track_names() if name.startswith(incomplete)]


def _devices(ref: "PluginRef") -> "Sequence[str]":
    """What the plugin states without its runtime: to ask that takes a second."""
    from bench.contracts import CompletesDevices
    from bench.errors import OdbError
    from bench.plugins import load

    try:
        plugin = load(ref)
    except OdbError:
        return ("",)
    return plugin.device_names if isinstance(plugin, CompletesDevices) else ("",)
