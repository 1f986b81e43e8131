"""Suite and devices -> orders, and what is left out and why. Pure: the models have been packed, the devices asked.

Devices that say the same of themselves are planned once, so that a rack of a thousand boards costs what one board does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import TargetFacts
from bench.errors import OdbError, UnknownName
from bench.execution.workbench import deadline_s
from bench.fleet.client.parcel import Parcel
from bench.fleet.client.where import Where, refuse_unknown_keys, what_it_lacks
from bench.fleet.device.artifacts import RESERVE_BYTES
from bench.fleet.facts import DeviceFacts
from bench.fleet.orders import Order
from bench.plugins import Catalog, PluginRef
from bench.process.supervisor import STEP_SECONDS
from bench.scenarios.kinds import scenario_text
from bench.suite.plan import ModelChoice, PlannedRun, device_named, make_plan, resolve_targets
from bench.suite.suite import Suite, TargetAsk
from bench.words import Sentence, sentence

SAME_VERSIONS: Mapping[str, int | None] = MappingProxyType({"ondevice-bench": None, "distributed": None, "python": 2})
"""What must be the same on the device and here, by how many parts of the version; ``None``: all."""
CLOCK_OFF_S = 60.0
"""A device whose clock differs by more gets no orders: the times of its records would be wrong."""


MARGIN_S = 60.0
SILENT_S = STEP_SECONDS + MARGIN_S
"""The minimum of ``FleetOrder.silent_s``: a device may be at work on the order of another client, whose limits are not
known here."""
WHERE = "where"
"""Why a device is left out that ``--where`` did not choose."""


class Packed(Struct, frozen=True, kw_only=True):
    """A model of the suite, ready to be sent; or why it is not. ``with_code``: the same with the plugin files that it
    and the scenarios need, for a device that takes code; ``None``: there are none."""

    choice: ModelChoice
    parcel: Parcel
    with_code: Parcel | None = None
    problem: "LeftOut | None" = None


class LeftOut(Struct, frozen=True, kw_only=True):
    """What is not measured, and why. ``device``: empty: on none."""

    device: str = ""
    model: str = ""
    target: str = ""
    scenario: str = ""
    code: str
    reason: Sentence | str
    remedy: Sentence | str = ""


class FleetOrder(Struct, frozen=True, kw_only=True):
    """An order with what people read of it. ``devices``: any of which may carry it out. ``silent_s``: a device that
    has said nothing for longer is asked whether it still answers; no process of the run may take that long. ``run``: as
    one of the devices would plan it."""

    id: str
    order: Order
    model: str
    target: str
    scenario: str
    devices: tuple[str, ...]
    silent_s: float = SILENT_S
    run: PlannedRun | None = None


class FleetPlan(Struct, frozen=True, kw_only=True):
    """``orders``: in the order of the suite. ``places``: where the files that they need are here, by hash."""

    orders: tuple[FleetOrder, ...]
    left_out: tuple[LeftOut, ...]
    places: dict[str, Path] = {}


class Asked(Struct, frozen=True, kw_only=True):
    """What a fleet is to measure. ``versions``: of this client. ``each``: on every fitting device; otherwise on any.
    ``folder``: the mark of the folder that the records are for; empty: none is written."""

    suite: Suite
    catalog: Catalog
    models: tuple[Packed, ...]
    where: Where = {}
    each: bool = False
    versions: Mapping[str, str] = {}
    folder: str = ""


class _Wish(Struct, frozen=True):
    """A run on a class of devices: the suite of its order, and its words."""

    suite: bytes
    parcel: Parcel
    plugins: tuple[str, ...]
    model: str
    target: str
    scenario: str
    silent_s: float
    run: PlannedRun


def plan_fleet(
    asked: Asked, devices: Sequence[DeviceFacts], clock_off_s: Mapping[str, float] | None = None
) -> FleetPlan:
    """``clock_off_s``: by device, how far its clock is ahead of this one's. Raises ``InputError`` for what is wrong on
    every device: a key of ``where`` that none has, an option that no target takes."""
    refuse_unknown_keys(asked.where, devices)
    left_out = [one.problem for one in asked.models if one.problem is not None]
    fitting: list[DeviceFacts] = []
    for facts in devices:
        problem = _unfit(facts, asked, (clock_off_s or {}).get(facts.name, 0.0))
        if problem is None:
            fitting.append(facts)
        else:
            left_out.append(problem)
    _refuse_unknown_options(asked.suite, fitting)
    classes: dict[bytes, list[DeviceFacts]] = {}
    for facts in fitting:
        key = msgspec.json.encode((facts.targets, facts.plugins, facts.takes_plugins), order="deterministic")
        classes.setdefault(key, []).append(facts)
    wishes: dict[tuple[bytes, tuple[str, ...]], tuple[_Wish, tuple[str, ...]]] = {}
    places: dict[str, Path] = {}
    for members in classes.values():
        ours, gaps = _planned(asked, members[0])
        left_out += [replace(gap, device=facts.name) for facts in members for gap in gaps]
        for wish, names, too_large in _placed(ours, members):
            left_out += too_large
            places.update(wish.parcel.places)
            known = wishes.get((wish.suite, wish.plugins))
            wishes[wish.suite, wish.plugins] = (wish, names) if known is None else (known[0], (*known[1], *names))
    orders = []
    for wish, names in wishes.values():
        if asked.each:
            orders += [_order(asked, wish, (name,)) for name in names]
        elif names:
            orders.append(_order(asked, wish, names))
    return FleetPlan(orders=tuple(orders), left_out=tuple(left_out), places=places)


def _placed(
    wishes: Sequence[_Wish], devices: Sequence[DeviceFacts]
) -> Iterator[tuple[_Wish, tuple[str, ...], list[LeftOut]]]:
    """Each run with the devices that have room for its files, and those that have not. Nearly all have room for all,
    and are one tuple then."""
    most = max((wish.parcel.size_bytes for wish in wishes), default=0)
    roomy = tuple(facts.name for facts in devices if most <= _room_bytes(facts))
    others = [facts for facts in devices if most > _room_bytes(facts)]
    for wish in wishes:
        fit = [facts for facts in others if wish.parcel.size_bytes <= _room_bytes(facts)]
        names = (*roomy, *(facts.name for facts in fit)) if fit else roomy
        yield wish, names, [_too_large(facts, wish) for facts in others if facts not in fit]


def _room_bytes(facts: DeviceFacts) -> int:
    """For the files of one order: on the disk, some of which stays free, and in the cache."""
    on_disk = facts.free_bytes + facts.cache_bytes - RESERVE_BYTES
    return min(on_disk, facts.cache_most_bytes) if facts.cache_most_bytes else on_disk


def _order(asked: Asked, wish: _Wish, devices: tuple[str, ...]) -> FleetOrder:
    order = Order(
        suite=wish.suite,
        files=wish.parcel.files,
        device=devices[0] if asked.each else "",
        labels=() if asked.each else tuple(f"{key}={value}" for key, value in sorted(asked.where.items())),
        plugins=wish.plugins,
        folder=asked.folder,
    )
    words = {"model": wish.model, "target": wish.target, "scenario": wish.scenario}
    return FleetOrder(id=order.id, order=order, devices=devices, silent_s=wish.silent_s, run=wish.run, **words)


# ----------------------------------------------------------------------------------------------- whole devices


def _unfit(facts: DeviceFacts, asked: Asked, clock_off_s: float) -> LeftOut | None:
    """Why the device gets no order at all."""
    lacks = what_it_lacks(facts, asked.where)
    if lacks is not None:
        is_named = lacks.code == "fleet.client.another_device"
        remedy = sentence("fleet.client.another_device.remedy" if is_named else "fleet.client.lacks_label.remedy")
        return LeftOut(device=facts.name, code=WHERE, reason=lacks, remedy=remedy)
    for name, parts in SAME_VERSIONS.items():
        here, there = (".".join(one.get(name, "").split(".")[:parts]) for one in (asked.versions, facts.versions))
        if here and there and here != there:
            said = {"name": name, "here": here, "there": there}
            return LeftOut(
                device=facts.name,
                code="versions",
                reason=sentence("fleet.client.other_version", **said),
                remedy=sentence("fleet.client.other_version.remedy", **said),
            )
    if abs(clock_off_s) > CLOCK_OFF_S:
        code = "fleet.client.clock_ahead" if clock_off_s > 0 else "fleet.client.clock_behind"
        return LeftOut(
            device=facts.name,
            code="clock",
            reason=sentence(code, off_ns=round(abs(clock_off_s) * 1e9)),
            remedy=sentence("fleet.client.clock.remedy"),
        )
    return None


def _too_large(facts: DeviceFacts, wish: _Wish) -> LeftOut:
    size_bytes, most_bytes = wish.parcel.size_bytes, facts.cache_most_bytes
    if 0 < most_bytes < size_bytes:
        code, reason = "cache_small", sentence("fleet.cache_small", size_bytes=size_bytes, most_bytes=most_bytes)
    else:
        room = {"free_bytes": facts.free_bytes, "reserve_bytes": RESERVE_BYTES}
        code, reason = "disk_full", sentence("fleet.client.no_room", size_bytes=size_bytes, **room)
    return LeftOut(
        device=facts.name,
        model=wish.model,
        target=wish.target,
        scenario=wish.scenario,
        code=code,
        reason=reason,
        remedy=sentence("fleet.cache_small.remedy" if code == "cache_small" else "fleet.client.no_room.remedy"),
    )


# ------------------------------------------------------------------------------------------ a class of devices


def _planned(asked: Asked, facts: DeviceFacts) -> tuple[tuple[_Wish, ...], tuple[LeftOut, ...]]:
    """What devices like this one can measure, and what they cannot."""
    asks, gaps = _targets_there(asked, facts)
    if not asks:
        return (), tuple(gaps)
    suite = _for_device(asked.suite, asks, facts)
    chosen = [(ask, _ref(ask, facts), ask.id.partition(":")[2]) for ask in asks]
    usable = [one for one in asked.models if one.problem is None]
    try:
        targets = resolve_targets(chosen, facts.targets, suite, sorted(facts.targets))
        plan = make_plan(suite, [one.choice for one in usable], targets, asked.catalog)
    except OdbError as error:
        gaps.append(LeftOut(code="cannot_plan", reason=error.sentence, remedy=error.advice))
        return (), tuple(gaps)
    packed = {id(one.choice): one for one in usable}
    made = [_wish(asked, packed[id(run.model)], run, facts) for run in plan.runs]
    gaps += [one for one in made if isinstance(one, LeftOut)]
    return tuple(one for one in made if not isinstance(one, LeftOut)), tuple(gaps)


def _wish(asked: Asked, packed: Packed, run: PlannedRun, facts: DeviceFacts) -> "_Wish | LeftOut":
    words = {"model": run.model.id, "target": run.target.id, "scenario": scenario_text(run.scenario)}
    if run.skip is not None:
        return LeftOut(code=run.skip.kind, reason=run.skip.sentence, remedy=run.skip.advice, **words)
    code = [Path(ref.location).name for ref in (run.model.plugin, run.player) if ref is not None and ref.from_file]
    lacking = [name for name in dict.fromkeys(code) if name not in {Path(file).name for file in facts.plugins}]
    if lacking and not facts.takes_plugins:
        return LeftOut(
            code="no_plugins",
            reason=sentence("fleet.client.no_plugins", names=lacking),
            remedy=sentence("fleet.client.no_plugins.remedy", name=lacking[0]),
            **words,
        )
    parcel = packed.with_code if lacking and packed.with_code is not None else packed.parcel
    suite = replace(
        asked.suite,
        models=(parcel.ask,),
        targets=(TargetAsk(run.target.id, dict(run.target.options)),),
        scenarios=(run.scenario,),
        scenario_models=(),
        options={},
        untrusted=None,
    )
    silent_s = max(SILENT_S, deadline_s(suite, run) + MARGIN_S)
    return _Wish(msgspec.json.encode(suite), parcel, parcel.code, silent_s=silent_s, run=run, **words)


def _targets_there(asked: Asked, facts: DeviceFacts) -> tuple[list[TargetAsk], list[LeftOut]]:
    """The targets of the suite that the device has, by default all, and why others are left out."""
    files = {ref.name: ref.provider for ref in asked.catalog.of("targets") if ref.from_file}
    asks, gaps = [], []
    for ask in asked.suite.targets or tuple(TargetAsk(name) for name in sorted(facts.targets)):
        plugin, _, name = ask.id.partition(":")
        target = facts.targets.get(plugin)
        try:
            if target is None:
                raise UnknownName(sentence("suite.target"), ask.id, facts.targets)
            if name:
                device_named(plugin, name, target.devices)
            asks.append(ask)
        except UnknownName as error:
            told = sentence("fleet.client.no_target", target=ask.id)
            remedy = sentence("fleet.client.no_target.remedy") if facts.usable else error.advice
            if target is None and plugin in files:
                remedy = sentence("fleet.client.no_target_file.remedy", name=files[plugin])
            gaps.append(LeftOut(target=ask.id, code="no_target", reason=told, remedy=remedy))
    return asks, gaps


def _for_device(suite: Suite, asks: Sequence[TargetAsk], facts: DeviceFacts) -> Suite:
    """``suite`` with the targets that the device has, and of the shared options those that one of them takes."""
    known = _known_options((ask.id.partition(":")[0], facts.targets[ask.id.partition(":")[0]]) for ask in asks)
    untrusted = suite.untrusted
    if untrusted is not None:
        sent = suite.targets[: untrusted.targets]
        untrusted = replace(untrusted, targets=sum(ask in sent for ask in asks))
    options = {key: value for key, value in suite.options.items() if key in known}
    named = tuple(asks) if suite.targets else ()  # of all targets of a device, those that cannot be used go unsaid
    return replace(suite, targets=named, options=options, untrusted=untrusted)


def _refuse_unknown_options(suite: Suite, devices: Iterable[DeviceFacts]) -> None:
    """Raise ``UnknownName`` for a shared option that no target of the rack takes."""
    pairs = [pair for facts in devices for pair in facts.targets.items()]
    known = _known_options(pairs)
    for key in suite.options if pairs else ():
        if key not in known:
            raise UnknownName(sentence("suite.option"), key, known)


def _known_options(targets: "Iterable[tuple[str, TargetFacts]]") -> set[str]:
    """As a suite may write them: ``key`` and ``plugin.key``."""
    names = {(plugin, key) for plugin, facts in targets for options in facts.options.values() for key in options}
    return {key for _, key in names} | {f"{plugin}.{key}" for plugin, key in names}


def _ref(ask: TargetAsk, facts: DeviceFacts) -> PluginRef:
    """The target's plugin, which is on the device and need not be here."""
    name = ask.id.partition(":")[0]
    return PluginRef("targets", name, "", facts.name)
