"""What a session returns, checked against what the contracts state, so that an error names the plugin's class, the
method and the field. The calls of the timed loop are the session's own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from bench.contracts.model import Tensors
from bench.contracts.profile import Profile, ProfilingSession
from bench.contracts.session import (
    Levels,
    Normaliser,
    NormalisingSession,
    Placement,
    RefillingSession,
    Session,
    SessionFacts,
    TensorSession,
)
from bench.errors import PluginError
from bench.words import Sentence, sentence

S = TypeVar("S", bound=Struct)
SHOWN = 80
"""Characters of a wrong value that are shown."""


class CheckedSession:
    """``session`` with its answers checked. Raises ``PluginError`` for one that the contracts do not allow."""

    def __init__(self, session: TensorSession) -> None:
        self._session, self.inputs, self.outputs = session, session.inputs, session.outputs

    def facts(self) -> SessionFacts:
        return facts_of(self._session)

    def placement(self) -> Placement | None:
        return placement_of(self._session)

    def bind(self, feeds: Tensors) -> Callable[[], None]:
        call = self._session.bind(feeds)
        if not callable(call):
            raise _wrong(self._session, "bind", call, "Callable[[], None]")
        return call

    def bind_parallel(self, feeds: Tensors, lanes: int | None) -> Sequence[Callable[[], None]]:
        calls = self._session.bind_parallel(feeds, lanes)
        if not isinstance(calls, Sequence) or not calls or not all(map(callable, calls)):
            raise _wrong(self._session, "bind_parallel", calls, "Sequence[Callable[[], None]]")
        return calls

    def results(self) -> Tensors:
        found = self._session.results()
        if not isinstance(found, Mapping):
            raise _wrong(self._session, "results", found, "Mapping[str, ndarray]")
        for name, value in found.items():
            if not isinstance(name, str) or not hasattr(value, "dtype"):
                raise _wrong_part(self._session, "results", name, value)
        return found


def refill_of(session: TensorSession) -> Callable[[Tensors], None] | None:
    """``refill`` of a session that has it, checked or not."""
    inner = _inner(session)
    return inner.refill if isinstance(inner, RefillingSession) else None


def normaliser_of(session: TensorSession, levels: Levels) -> Normaliser | None:
    """``normaliser`` of a session that has it, checked or not; ``None`` of another. Raises ``PluginError`` for an
    answer that is none."""
    inner = _inner(session)
    found = inner.normaliser(levels) if isinstance(inner, NormalisingSession) else None
    if found is not None and not isinstance(found, Normaliser):
        raise _wrong(inner, "normaliser", found, "Normaliser | None")
    return found


def _inner(session: TensorSession) -> TensorSession:
    return session._session if isinstance(session, CheckedSession) else session


def facts_of(session: Session) -> SessionFacts:
    """``session.facts()``. Raises ``PluginError`` for what is none, or has a field of the wrong type."""
    return _as_stated(session, "facts", session.facts(), SessionFacts)


def placement_of(session: Session) -> Placement | None:
    """``session.placement()``. Raises as ``facts_of``."""
    found = session.placement()
    return None if found is None else _as_stated(session, "placement", found, Placement)


def profiles_of(session: ProfilingSession) -> Mapping[str, Profile]:
    """``session.profiles()``. Raises as ``facts_of``, and for an operator with a number of times that is not that of
    the executions."""
    found = session.profiles()
    if not isinstance(found, Mapping):
        raise _wrong(session, "profiles", found, "Mapping[str, Profile]")
    for part, profile in found.items():
        _as_stated(session, "profiles", profile, Profile)
        each = 1 if profile.averaged else profile.executions
        for one in profile.operators:
            for name, values in (("times_ns", one.times_ns), ("cycles", one.cycles)):
                if len(values) not in (0, each):
                    raise _wrong_part(session, "profiles", f"{part}: {one.name}: {name}", values)
    return found


def token_of(session: object, token: object) -> int:
    """A token id that a session generated. Raises ``PluginError`` for what is no whole number from 0 on."""
    if not hasattr(token, "__index__") or (known := int(token.__index__())) < 0:
        told = sentence("contract.no_token", session=_named(session), token=_shown(token))
        raise PluginError(told, sentence("contract.remedy"))
    return known


def _as_stated(session: object, method: str, found: object, kind: type[S]) -> S:
    if not isinstance(found, kind):
        raise _wrong(session, method, found, kind.__name__)
    for field in msgspec.structs.fields(kind):
        value: Any = getattr(found, field.name)
        try:
            msgspec.convert(msgspec.to_builtins(value), field.type)
        except (TypeError, ValueError):
            raise _wrong_part(session, method, field.name, value) from None
    return found


def _wrong(session: object, method: str, found: object, expected: str) -> PluginError:
    told = sentence(
        "contract.wrong_type", session=_named(session), method=method, kind=type(found).__name__, expected=expected
    )
    return PluginError(told, sentence("contract.remedy"))


def _wrong_part(session: object, method: str, field: object, value: object) -> PluginError:
    told: Sentence = sentence(
        "contract.wrong_field", session=_named(session), method=method, field=str(field), value=_shown(value)
    )
    return PluginError(told, sentence("contract.remedy"))


def _named(session: object) -> str:
    """Its class, with the plugin's module."""
    return f"{type(session).__module__}.{type(session).__qualname__}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
