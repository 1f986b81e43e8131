"""One ``odb fleet run``: what was left by an earlier one, the plan, and its dispatch."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bench.errors import InputError
from bench.fleet.client.dispatch import Dispatch
from bench.fleet.client.fetching import Keep, Keeper, Unverified, brought
from bench.fleet.client.patience import Busy, Patience
from bench.fleet.client.planning import Asked, FleetPlan, LeftOut, plan_fleet
from bench.fleet.client.rack import Asked as Device
from bench.fleet.client.rack import Away, Garbled, Rack
from bench.fleet.client.watching import FleetWatcher
from bench.fleet.ledger import DONE, LEDGER, Ledger, Line, under_way
from bench.words import sentence


class Outcome(Struct, frozen=True, kw_only=True):
    """``fetched``: folders of the records of this plan's orders, and of what was fetched of earlier ones. ``failed``:
    the last line of each order of the plan without one."""

    plan: FleetPlan
    fetched: tuple[Path, ...]
    failed: tuple[Line, ...]


async def planned(rack: Rack, asked: Asked) -> tuple[FleetPlan, list[Device]]:
    """The plan on the devices that are there, and what they said. Raises ``InputError`` where there is none."""
    names = sorted(await rack.names())
    if not names:
        raise InputError(sentence("fleet.client.no_devices"), sentence("fleet.client.no_devices.remedy"))
    found, silent = await rack.ask(names)
    return _plan(asked, found, silent), found


async def measured(
    rack: Rack, asked: Asked, out: Path, watcher: FleetWatcher | None = None, patience: Patience | None = None
) -> Outcome:
    """Have everything that is left of the suite measured; records and ledger are in ``out``. Devices that an earlier
    client sent orders to, and that are not there, are waited for before anything is planned. Raises ``InputError``."""
    watcher, patience = watcher or FleetWatcher(), patience or Patience()
    ledger = Ledger(out / LEDGER)
    try:
        asked = replace(asked, folder=ledger.mark)
        waited = under_way(ledger.standings)
        absent = sorted(set(waited) - set(await rack.names()))
        await asyncio.gather(*(_returned(rack, device, watcher, patience) for device in absent))
        plan, found = await planned(rack, asked)
        for gap in plan.left_out:
            ledger.add(
                Line(
                    kind="left_out",
                    device=gap.device,
                    model=gap.model,
                    target=gap.target,
                    scenario=gap.scenario,
                    code=gap.code,
                    reason=gap.reason,
                    remedy=gap.remedy,
                )
            )
        ours = {order.id for order in plan.orders}
        for device, orders in waited.items():
            for order in sorted(orders - ours) if device in absent else ():
                ledger.add(
                    Line(
                        kind="lost",
                        order=order,
                        device=device,
                        code="away",
                        reason=sentence("fleet.client.stayed_away", device=device, grace_s=patience.grace_s),
                        remedy=sentence("fleet.client.stayed_away.remedy"),
                    )
                )
        keep = Keeper(out)
        answered = {one.facts.name for one in found}
        for device in sorted(answered & waited.keys()):
            await _fetch_others(rack, device, waited[device] - ours, ledger, keep, patience)
        others = tuple(order for orders in waited.values() for order in sorted(orders - ours))
        dispatch = Dispatch(rack, plan, ledger, keep, watcher, patience)
        for one in found:
            await dispatch.forget_done(one.facts.name, one.state.finished)
        looking = [] if asked.each else [asyncio.create_task(_admit_newcomers(rack, asked, found, dispatch, patience))]
        try:
            await dispatch.run()
        finally:
            for task in looking:
                task.cancel()
            await asyncio.gather(*looking, return_exceptions=True)
        return _outcome(plan, ledger, out, others)
    finally:
        ledger.close()


async def _fetch_others(
    rack: Rack, device: str, orders: Collection[str], ledger: Ledger, keep: Keep, patience: Patience
) -> None:
    """What the device has finished of orders of this folder that are not planned now, as one that is left out since its
    clock or a version differs. What cannot be fetched stays there. Raises ``InputError`` where it cannot be written
    here."""
    with suppress(Away, Garbled, Unverified, Busy):
        for order_id in (await rack.holdings(device)).finished if orders else ():
            if order_id in orders:
                place = await brought(rack, keep, device, order_id, await rack.result(device, order_id), patience)
                ledger.add(Line(kind="fetched", order=order_id, device=device, record=place.name))
                await rack.acknowledge(device, order_id)
                ledger.add(Line(kind="acknowledged", order=order_id, device=device))


async def _admit_newcomers(
    rack: Rack, asked: Asked, found: Sequence[Device], dispatch: Dispatch, patience: Patience
) -> None:
    """Have devices take part that join later. One that may not, as of another version, is looked at again when it has
    gone and come back."""
    looked_at: set[str] = set()
    while True:
        await asyncio.sleep(patience.join_s)
        names = {*await rack.names()}
        looked_at &= names
        joined, _ = await rack.ask(sorted(names - looked_at - dispatch.devices))
        orders = _plan(asked, [*found, *joined], ()).orders if joined else ()
        for name in (one.facts.name for one in joined):
            looked_at.add(name)
            dispatch.admit(name, {order.id for order in orders if name in order.devices})


async def _returned(rack: Rack, device: str, watcher: FleetWatcher, patience: Patience) -> None:
    watcher.away(device)
    try:
        await asyncio.wait_for(rack.back(device), patience.grace_s)
        watcher.back(device)
    except (TimeoutError, Away):
        return


def _plan(asked: Asked, found: Sequence[Device], silent: Sequence[str]) -> FleetPlan:
    """The plan, with the devices that did not answer among what is left out."""
    plan = plan_fleet(asked, [one.facts for one in found], {one.facts.name: one.clock_off_s for one in found})
    gaps = [
        LeftOut(
            device=name,
            code="no_answer",
            reason=sentence("fleet.client.no_answer", device=name),
            remedy=sentence("fleet.client.no_answer.remedy"),
        )
        for name in silent
    ]
    return FleetPlan(orders=plan.orders, left_out=(*plan.left_out, *gaps), places=plan.places)


def _outcome(plan: FleetPlan, ledger: Ledger, out: Path, others: Collection[str]) -> Outcome:
    """``others``: earlier orders that are not in the plan."""
    ours = [ledger.standing(order.id) for order in plan.orders]
    every = (*ours, *(ledger.standing(order) for order in others))
    return Outcome(
        plan=plan,
        fetched=tuple(out / one.record for one in every if one.last in DONE),
        failed=tuple(one.line for one in ours if one.last not in DONE and one.line is not None),
    )
