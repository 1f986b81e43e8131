"""Data from other people must not act: options, paths and commands from a model folder, a record or a suite.

Such configuration is data. A target states which of its options are safe (``safe_options``): they do not name files,
load code or write. Only those are accepted from a suite, a record or a model folder; an option that is not listed
counts as unsafe. The flags of the user's own command line are the user's, and are not checked here.

    model folder, record    unsafe options are refused
    suite                   unsafe options are refused unless --allow-unsafe-options names them
"""

from collections.abc import Collection, Iterable

from msgspec import Struct

from bench.contracts import DeclaresSafeOptions
from bench.errors import InputError
from bench.plugins import PluginRef, load
from bench.words import sentence

ALLOW = "--allow-unsafe-options"


class Untrusted(Struct, frozen=True):
    """Which options of a suite did not come from the user's own command line.

    ``origin``: the file they came from, for messages. ``options``: keys of ``Suite.options``. ``targets``: so many of
    ``Suite.targets``, the first ones. ``allowed``: keys that the user let through, as written or without their plugin.
    """

    origin: str
    options: frozenset[str] = frozenset()
    targets: int = 0
    allowed: frozenset[str] = frozenset()


def safe_options(ref: PluginRef) -> frozenset[str]:
    """The options of a target plugin that are safe. Imports the plugin, and no runtime."""
    plugin = load(ref)
    return frozenset(plugin.safe_options) if isinstance(plugin, DeclaresSafeOptions) else frozenset()


def unsafe(options: Iterable[str], safe: Collection[str], allowed: Collection[str] = ()) -> list[str]:
    """Those of ``options`` that are neither safe nor allowed, in their order. ``plugin.key`` is allowed by ``key`` too,
    and ``key`` by ``plugin.key``."""
    bare = {name for word in allowed for name in (word, word.partition(".")[2]) if name}
    return [key for key in options if key not in safe and key not in bare]


def refuse_unsafe(
    options: Iterable[str],
    safe: Collection[str],
    *,
    origin: str,
    allowed: Collection[str] = (),
    can_be_allowed: bool = False,
) -> None:
    """Raise ``InputError`` for the options that are neither ``safe`` nor ``allowed``.

    ``options``: names without a plugin's prefix. ``safe``: see ``safe_options``. ``origin``: file and field, for the
    message. ``can_be_allowed``: whether ``--allow-unsafe-options`` lets them through (a suite's, not a record's).
    """
    found = unsafe(options, safe, allowed)
    if not found:
        return
    names = ", ".join(dict.fromkeys(found))
    remedy = (
        sentence("suite.if_you_trust_the_file", allow=ALLOW, value=",".join(dict.fromkeys(found)))
        if can_be_allowed
        else sentence("suite.give_options_yourself")
    )
    raise InputError(
        sentence("suite.option_not_safe", origin=origin, names=names),
        remedy,
    )
