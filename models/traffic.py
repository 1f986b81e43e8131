"""What one query moves, and what is alive at once: sums over the order of execution that are the same for every format.

``bytes_moved`` is an estimate from the graph, not a bound: an engine that fuses operators moves less, one that computes
in a wider type than the file's moves more. It adds up

* constants that an operator reads, once each, in the type they are stored in: of a table only the rows gathered, of one
  that is cut or gathered before anything is computed only what is left of it, and nothing of one that is never read;
* the activations of the widest operator, inputs plus outputs. Values between a quantisation and its dequantisation
  count as integer engines hold them, in the quantised type. Views (reshape and the like) move nothing.

``live_bytes`` is the largest sum of activations that are alive together when operators run in the order of the file: a
value from the operator that makes it to the last that reads it, a skip connection all the while.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from bench.models.counting import Operator, Value, widest_bytes
from bench.models.dtypes import tensor_bytes

Role = Literal["work", "view", "quantise", "dequantise", "gather"]


class Step(Struct, frozen=True):
    """One operator. ``reads``: names of all inputs; a ``gather``'s first is its table, and a ``view``'s, ``quantise``'s
    or ``dequantise``'s first is its data. ``active``: whether it depends on an input of the graph. ``quantised_dtype``:
    the type in which an integer engine holds results that are wider in the file, as those of a FakeQuantize."""

    reads: tuple[str, ...]
    makes: tuple[str, ...]
    role: Role = "work"
    in_place: bool = False
    active: bool = True
    quantised_dtype: str = ""


class Execution(Struct, frozen=True):
    """A graph in the order of execution. ``values``: by name, constants too. ``constants``: those stored in the file.
    ``inputs`` and ``outputs`` of the graph, by name."""

    steps: tuple[Step, ...]
    values: Mapping[str, Value]
    constants: frozenset[str]
    inputs: frozenset[str]
    outputs: frozenset[str]


def bytes_moved(graph: Execution) -> int | None:
    """As the module says; ``None`` when a size is unknown."""
    widest = widest_bytes(_operators(graph))
    constants = _constants_moved(graph)
    return None if widest is None or constants is None else widest + constants


def live_bytes(graph: Execution) -> int | None:
    """As the module says; ``None`` when a size is unknown.

    An operator in place writes over an input that is not read later. A view shares the memory of its source.
    """
    owner: dict[str, str] = {}
    alive = set(graph.inputs)
    last: dict[str, int] = {}
    for index, step in enumerate(graph.steps):
        if step.active:
            if step.role == "view" and step.reads[0] in alive:
                owner.update({name: owner.get(step.reads[0], step.reads[0]) for name in step.makes})
            alive.update(step.makes)
            last.update({owner.get(name, name): index for name in (*step.reads, *step.makes) if name in alive})
    last.update({owner.get(name, name): len(graph.steps) for name in graph.outputs if name in alive})
    held = {name for name in graph.inputs if name in last}
    sizes = {name: _size(graph, name) for name in {*held, *(owner.get(n, n) for n in alive)} if name in last}
    if None in sizes.values():
        return None
    known = {name: size or 0 for name, size in sizes.items()}
    most = sum(known[name] for name in held)
    for index, step in enumerate(graph.steps):
        if not step.active:
            continue
        made = {owner.get(name, name) for name in step.makes} - held
        read = {owner.get(name, name) for name in step.reads}
        dying = [known[name] for name in held & read if last[name] == index]
        shared = min(max(dying, default=0), sum(known[n] for n in made)) if step.in_place else 0
        held |= made
        most = max(most, sum(known[name] for name in held) - shared)
        held = {name for name in held if last[name] > index}
    return most


def _size(graph: Execution, name: str) -> int | None:
    value = graph.values.get(name)
    return None if value is None else value.size_bytes


# ------------------------------------------------------------------------------------------------- activations


def _operators(graph: Execution) -> list[Operator]:
    """The operators that move activations, with their values as an integer engine holds them."""
    held = _held_as(graph)
    unknown = Value("undefined", None)
    active = _active(graph)
    operators = []
    for step in graph.steps:
        if not step.active or step.role in ("view", "quantise", "dequantise"):
            continue
        table = step.reads[:1] if step.role == "gather" else ()
        reads = {n: held.get(n, unknown) for n in step.reads if n in active and n not in table}
        makes = {n: held.get(n, unknown) for n in step.makes}
        if table and table[0] in active:  # rows of an activation: as many as come out
            reads[f"{table[0]} rows"] = next(iter(makes.values()))
        operators.append(Operator(reads, makes, step.in_place))
    return operators


def _active(graph: Execution) -> set[str]:
    return set(graph.inputs).union(*(step.makes for step in graph.steps if step.active))


def _held_as(graph: Execution) -> dict[str, Value]:
    """Each value, in the quantised type where it is on its way into or out of a quantisation."""
    held = dict(graph.values)
    active = _active(graph)
    readers: dict[str, list[Step]] = defaultdict(list)
    for step in graph.steps:
        for name in step.reads:
            readers[name].append(step)
        if step.quantised_dtype:
            _adopt(held, step.makes, step.quantised_dtype)
        if step.role in ("dequantise", "view") and step.reads[0] in held:
            _adopt(held, step.makes, held[step.reads[0]].dtype)
    for step in reversed(graph.steps):
        source = next((name for name in step.reads if name in active), "")
        if (
            not (step.role == "quantise" or _passes(step, active))
            or source not in held
            or source in graph.outputs
            or not step.makes
        ):
            continue
        dtypes = {held[r.makes[0]].dtype for r in readers[source] if r.makes and r.makes[0] in held}
        if all(r.role == "quantise" or _passes(r, active) for r in readers[source]) and len(dtypes) == 1:
            _narrow(held, source, dtypes.pop())
    return held


def _passes(step: Step, active: set[str]) -> bool:
    """Whether the step works on one activation, element by element: a quantisation behind it reaches through."""
    return step.role == "view" or (step.in_place and sum(name in active for name in step.reads) == 1)


def _adopt(held: dict[str, Value], names: Sequence[str], dtype: str) -> None:
    for name in names:
        if name in held:
            _narrow(held, name, dtype)


def _narrow(held: dict[str, Value], name: str, dtype: str) -> None:
    """Give a value another type, unless that is wider."""
    value = held[name]
    before, after = tensor_bytes(value.dtype, (8,)), tensor_bytes(dtype, (8,))
    if before is not None and after is not None and after <= before:
        held[name] = Value(dtype, value.shape)


# --------------------------------------------------------------------------------------------------- constants


def _constants_moved(graph: Execution) -> int | None:
    readers: dict[str, list[Step]] = defaultdict(list)
    for step in graph.steps:
        for name in dict.fromkeys(step.reads):
            readers[name].append(step)
    total = 0
    for name in graph.constants:
        value = graph.values.get(name)
        moved = None if value is None else _moved(graph, readers, name, value.dtype)
        if moved is None:
            return None
        total += moved
    return total


def _moved(graph: Execution, readers: Mapping[str, list[Step]], name: str, dtype: str) -> int | None:
    """Bytes of a constant, or of what is computed from it alone, that operators read; in the type it is stored in."""
    value = graph.values.get(name)
    whole = None if value is None or value.shape is None else tensor_bytes(dtype, value.shape)
    parts: list[int | None] = []
    for step in readers[name]:
        if not step.active:
            parts += [_moved(graph, readers, made, dtype) for made in step.makes]
        elif step.role == "gather" and step.reads[0] == name:
            made = graph.values.get(step.makes[0])
            parts.append(None if made is None or made.shape is None else tensor_bytes(dtype, made.shape))
        else:
            parts.append(whole)
    known = sum(part for part in parts if part is not None)
    if None in parts:
        return whole
    return known if whole is None else min(whole, known)
