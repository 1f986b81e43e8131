"""Whether a device begins an order: what is in the way, and which files it lacks."""

from collections.abc import Callable
from pathlib import Path

from bench.errors import InputError
from bench.fleet.device.artifacts import RESERVE_BYTES, Artifacts, NoRoom, no_room
from bench.fleet.facts import DeviceFacts
from bench.fleet.orders import Order, Refused, Wanted
from bench.words import Sentence, sentence


def not_taken(
    order: Order, facts: DeviceFacts, artifacts: Artifacts, folder: Path, free: Callable[[Path], int]
) -> Wanted | Refused | None:
    """Why the order is not begun; ``None``: nothing is in the way, and its files are held until they are let go.
    ``folder``: where its results will be."""
    named = {file.name for file in order.files}
    try:
        if strange := [name for name in order.plugins if name not in named]:
            raise InputError(sentence("fleet.plugin_not_sent", names=strange))
        if order.plugins and not facts.takes_plugins:
            told = sentence("fleet.no_plugins", device=facts.name, names=list(order.plugins))
            return refused(facts.name, order.id, "no_plugins", told, sentence("fleet.no_plugins.remedy"))
        if missing := artifacts.wanted(order.id, {file.sha256: file.size_bytes for file in order.files}):
            return Wanted(order=order.id, device=facts.name, sha256=tuple(missing))
    except InputError as error:
        code = "disk_full" if isinstance(error, NoRoom) else "wrong_file"
        return refused(facts.name, order.id, code, error.sentence, error.advice)
    if (left := free(folder)) < RESERVE_BYTES:
        artifacts.let_go(order.id)
        told = no_room(left, 0)
        return refused(facts.name, order.id, "disk_full", told)
    return None


def refused(device: str, order_id: str, code: str, reason: Sentence | str, remedy: Sentence | str = "") -> Refused:
    """With what to do about a full disk, where nothing better is known."""
    if code == "disk_full":
        remedy = remedy or sentence("fleet.disk_full.remedy")
    return Refused(order=order_id, device=device, code=code, reason=reason, remedy=remedy)
