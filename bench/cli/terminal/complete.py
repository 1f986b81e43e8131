"""What the shell offers after an option of ``odb run``. Imports no runtime: a key press must be answered at once."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

DEVICES = {
    "openvino": ("CPU", "GPU", "NPU", "AUTO", "HETERO:"),
    "ort": ("cpu",),
    "qnn": ("htp", "gpu", "htp-emu"),
}
"""Of the built-in targets, to save the second it takes to ask them; others complete up to their colon."""


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Built-in models by name, then files."""
    from click.shell_completion import CompletionItem

    from bench.plugins import discover

    names = [n for n in discover().names("models") if not n.startswith((".", "/")) and n.startswith(incomplete)]
    return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]


def targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """``plugin:device`` of every installed target plugin."""
    from click.shell_completion import CompletionItem

    from bench.plugins import discover

    ids = [f"{plugin}:{d}" for plugin in discover().names("targets") for d in DEVICES.get(plugin, ("",))]
    return [CompletionItem(i) for i in ids if i.startswith(incomplete)]


def scenarios(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Scenario names."""
    from click.shell_completion import CompletionItem

    from bench.suite.suite import SCENARIOS

    return [CompletionItem(name, help=text) for name, text in SCENARIOS.items() if name.startswith(incomplete)]
