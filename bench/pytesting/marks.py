"""What the marker ``odb`` of a test, its class or its module says."""

from collections.abc import Collection, Sequence
from typing import Any

import pytest
from msgspec import Struct

from bench.contracts import Scenario
from bench.errors import InputError, UnknownName
from bench.pytesting.limits import share_of
from bench.scripting.measuring import Asked, Folder
from bench.words import sentence

OWN = ("tolerance", "accept", "fail_on", "scenario", "plugins")


class Marked(Struct, frozen=True, kw_only=True):
    """``tolerance``, ``accept`` and ``fail_on`` as the assertions take them; ``scenario``, ``plugins`` and ``asked`` as
    ``run`` does."""

    tolerance: float | str | None = None
    accept: str | Collection[str] = ()
    fail_on: str | Collection[str] | None = None
    scenario: str | Scenario | None = None
    plugins: Folder | Sequence[Folder] = ()
    asked: Asked = {}


def marked(node: pytest.Item) -> Marked:
    """The markers of the node, of which the nearest says most. Raises ``InputError``."""
    given: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers("odb"))):
        if marker.args:
            raise InputError(sentence("pytest.marker_positional"))
        given |= marker.kwargs
    known = {*OWN, *Asked.__annotations__}
    for name in given:
        if name not in known:
            raise UnknownName(sentence("pytest.marker_argument"), name, known)
    if given.get("tolerance") is not None:
        share_of("tolerance", given["tolerance"])
    asked: Any = {name: value for name, value in given.items() if name not in OWN}
    return Marked(asked=asked, **{name: value for name, value in given.items() if name in OWN})
