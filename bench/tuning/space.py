"""The settings that a search may try: combinations of the values that a target declares, and a seeded choice of them.

A setting names only what differs from the target's defaults, so the default is the empty one.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import Intent, Tunable

Setting = tuple[tuple[str, str], ...]
"""Options and their values, by name; hashable. ``()`` is the default."""

DEFAULT: Setting = ()

BATCH = "batch"
"""The name of the tunable that is no option of the target: how many samples a query holds."""

MOST_COUNTED = 1_000_000
"""A larger space is not counted; nobody could try it."""


class Space(Struct, frozen=True):
    """All combinations of ``tunables``."""

    tunables: tuple[Tunable, ...]

    @property
    def size(self) -> int:
        """How many settings there are, the default among them; ``MOST_COUNTED`` where there are more."""
        return sum(1 for _ in islice(self.settings(), MOST_COUNTED))

    def settings(self) -> Iterator[Setting]:
        """Every setting once, the default first; an option whose needs are not met is left out."""
        seen: set[Setting] = set()
        for values in product(*((None, *one.values) for one in self.tunables)):
            chosen = zip(self.tunables, values, strict=True)
            setting = self.met({one.name: value for one, value in chosen if value is not None})
            if setting not in seen:
                seen.add(setting)
                yield setting

    def met(self, options: Mapping[str, str]) -> Setting:
        """``options`` without those whose needs they do not meet."""
        needs = {one.name: one.needs for one in self.tunables}
        kept = dict(options)
        while True:
            unmet = [name for name in kept if any(kept.get(key) != value for key, value in needs.get(name, {}).items())]
            if not unmet:
                return tuple(sorted(kept.items()))
            for name in unmet:
                del kept[name]

    def changes_outputs(self, setting: Setting) -> bool:
        """Whether the target says that the setting may change what the model computes."""
        changing = {one.name for one in self.tunables if one.changes_outputs}
        return any(name in changing for name, _ in setting)


def space_of(
    tunables: Sequence[Tunable], intent: Intent, fixed: Mapping[str, str], effective: Mapping[str, str]
) -> Space:
    """The space for a scenario of that ``intent``. ``fixed``: options that the user set, which are not tuned.
    ``effective``: what is in force by default; a value that changes nothing is left out."""
    found = []
    for one in tunables:
        values = tuple(value for value in one.values if not _same(value, effective.get(one.name)))
        if intent in one.intents and one.name not in fixed and values:
            found.append(replace(one, values=values))
    return Space(tuple(found))


def _same(value: str, held: str | None) -> bool:
    words = {"1": "true", "yes": "true", "0": "false", "no": "false"}
    return held is not None and words.get(value.lower(), value.lower()) == words.get(held.lower(), held.lower())


def chosen(space: Space, count: int, seed: int) -> tuple[Setting, ...]:
    """``count`` settings or the whole space, the default first. Of a larger space: every single change of the default,
    in an order by ``seed``, then combinations of changes drawn at random by it. The same arguments give the same."""
    whole = tuple(islice(space.settings(), count + 1))
    if len(whole) <= count:
        return whole
    rng = random.Random(seed)
    singles = [space.met({one.name: value, **one.needs}) for one in space.tunables for value in one.values]
    singles = [setting for setting in dict.fromkeys(singles) if setting != DEFAULT]
    rng.shuffle(singles)
    found = dict.fromkeys([DEFAULT, *singles][:count])
    while len(found) < count:
        drawn = {one.name: rng.choice((None, *one.values)) for one in space.tunables}
        found[space.met({name: value for name, value in drawn.items() if value is not None})] = None
    return tuple(found)


def text_of(setting: Setting) -> str:
    """``NAME=VALUE NAME=VALUE``; empty for the default."""
    return " ".join(f"{name}={value}" for name, value in setting)
