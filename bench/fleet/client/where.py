"""``--where soc=qcs8550,npu=intel*``: which devices of a rack are meant."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from bench.errors import InputError, UnknownName
from bench.fleet.facts import DeviceFacts
from bench.words import Sentence, sentence

NAME, TARGET = "device", "target"
"""Keys besides the labels: the device's name in the rack, and a target that can be used there."""

Where = Mapping[str, str]


def parse_where(text: str | None) -> dict[str, str]:
    """``key=value,…`` as a dictionary. A value may hold ``*`` and ``?``; capitals do not count. Raises
    ``InputError``."""
    asked: dict[str, str] = {}
    for part in (text or "").split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if text is None:
            break
        if not equals or not key or not value:
            raise InputError(sentence("fleet.client.where_form", text=part), sentence("fleet.client.where_form.remedy"))
        if key in asked:
            raise InputError(sentence("fleet.client.where_twice", key=key), sentence("fleet.client.where_form.remedy"))
        asked[key] = value
    return asked


def refuse_unknown_keys(where: Where, devices: Iterable[DeviceFacts]) -> None:
    """Raise ``UnknownName`` for a key that no device of the rack has a label for."""
    known = {NAME, TARGET, *(key for facts in devices for key in facts.labels)}
    for key in where:
        if key not in known:
            raise UnknownName(sentence("fleet.client.label"), key, known, sentence("fleet.client.lacks_label.remedy"))


def what_it_lacks(facts: DeviceFacts, where: Where) -> Sentence | None:
    """What of ``where`` the device does not have, and what it has instead; ``None`` for a device that is meant."""
    for key, wanted in where.items():
        has = _values(facts, key)
        if not any(fnmatchcase(value.casefold(), wanted.casefold()) for value in has):
            if key == NAME:  # the same of all others, so that a large rack is told in one line
                return sentence("fleet.client.another_device", wanted=wanted)
            if not has:
                return sentence("fleet.client.lacks_label", key=key, wanted=wanted)
            return sentence("fleet.client.other_label", key=key, wanted=wanted, has=has)
    return None


def _values(facts: DeviceFacts, key: str) -> list[str]:
    if key == NAME:
        return [facts.name]
    if key == TARGET:
        return [*facts.usable]
    value = facts.labels.get(key, "")
    return [value] if value else []
