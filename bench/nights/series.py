"""Which records are the same measurement, made on different nights.

A series is a model on a target, in a scenario, with inputs of given shapes, options and settings, on a class of
machine, in a rack on one device of it. What changes between two nights of it - the model's bytes, a runtime, a driver -
is an event in the series (``bench.nights.events``) and never a new one; otherwise the night that something became
slower would have no base."""

import hashlib
import re
from typing import Any

import msgspec
from msgspec import Struct

from bench.comparison.rules import machine_of, scenario_text, shapes_of
from bench.reading import names_a_device
from bench.record.record import Record

ID_DIGITS = 12


class Series(Struct, frozen=True, kw_only=True, order=True):
    """``model``: its id. ``precision``: of the weights that were asked for or found. ``scenario``: its name and what
    of it was asked for. ``shapes``, ``options``, ``settings``: ``name=value``, sorted. ``machine``: the class of
    machine in words; empty if the record does not contain the processor. ``device``: its name in a rack, empty outside
    of one: two boards of one class are two series."""

    model: str
    target: str
    scenario: str
    precision: str = ""
    shapes: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    machine: str = ""
    device: str = ""

    @property
    def id(self) -> str:
        """Short and stable: a part of its name in letters, and of the hash of all fields. A series of no rack has the
        id that it had before there were racks."""
        fields = {name: value for name, value in msgspec.structs.asdict(self).items() if value or name != "device"}
        digest = hashlib.sha256(msgspec.json.encode(fields)).hexdigest()[:ID_DIGITS]
        words = re.sub(r"[^A-Za-z0-9_.]+", "-", f"{self.model}-{self.target}").strip("-.")[:40]
        return f"_{words}-{digest}" if names_a_device(words) else f"{words}-{digest}"

    @property
    def name(self) -> str:
        """For people: the parts that differ within most histories."""
        model = f"{self.model} {self.precision}" if self.precision else self.model
        device = (self.device,) if self.device else ()
        return " · ".join((model, self.target, self.scenario, *self.options, *self.settings, *device))

    @property
    def place(self) -> str:
        """What may change under all series of it at once: the device of a rack, or the class of machine."""
        return f"{self.device}: {self.machine}" if self.device else self.machine


def series_of(record: Record) -> Series:
    """The series that ``record`` belongs to."""
    plan = record.plan
    asked = plan.asked.settings if plan.asked is not None else {}
    return Series(
        model=plan.model.id,
        precision=plan.model.precision or "",
        target=plan.target.id,
        scenario=scenario_text(plan.scenario),
        shapes=_listed(shapes_of(record) or {}),
        options=_listed(plan.target.options_requested),
        settings=_listed(asked),
        machine=_words(machine_of(record)),
        device=record.device,
    )


def _listed(values: dict[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(f"{name}={_text(value)}" for name, value in values.items()))


def _text(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _words(machine: dict[str, Any] | None) -> str:
    if machine is None:
        return ""
    known = {name: value for name, value in machine.items() if value not in (None, False)}
    cpu = known.pop("cpu")
    return ", ".join((str(cpu), *(f"{name}={value}" for name, value in sorted(known.items()))))
