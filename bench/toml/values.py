"""Converts what a TOML file says to its type, with errors in TOML's own words: where, what is expected, and how that is
written."""

import re
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from bench.errors import InputError, UnknownName
from bench.words import Sentence, sentence

T = TypeVar("T")
Step = str | int | None
"""Into a value: a key of a table, the place in an array, or ``None`` for a key that is not told."""

STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
PLACE = re.compile(r"(.*) - at (`key` in )?`\$(.*)`", re.DOTALL)
"""What is wrong, whether with a key of the table there and not with its value, and where."""
UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
WRONG_TYPE = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
NO_SUCH = re.compile(r"Invalid enum value '?(.*?)'?", re.DOTALL)
KINDS = {
    "object": "table",
    "array": "array",
    "str": "string",
    "int": "integer",
    "float": "number",
    "decimal": "decimal",
    "bool": "boolean",
    "datetime": "time",
    "date": "time",
    "time": "time",
}
"""msgspec's names of types, which are JSON's, to those of TOML that ``toml.*`` has words for; TOML has no null."""
MOST_TOLD = 500
LONGEST_EXAMPLE = 80


def converted(raw: Any, kind: type[T], file: str, under: Sequence[Step] = ()) -> T:
    """``raw``, which is in ``file`` at ``under``, as ``kind``. Raises ``InputError`` naming file, table and key, and
    ``UnknownName`` with the nearest for a key that the type does not have."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        told, of_name, own = _parted(str(error), raw)
        raise _refused(told, of_name, inspect.type_info(kind), file, under, own, _at(raw, own)) from None


def _parted(error: str, raw: Any) -> tuple[str, bool, list[Step]]:
    """What msgspec says is wrong with ``raw``, whether that is the name of a key, and where it is. The name of an
    unknown key at the top, of which it says no place, may itself look like a place."""
    unknown = UNKNOWN.fullmatch(error)
    found = None if unknown and isinstance(raw, dict) and unknown[1] in raw else PLACE.fullmatch(error)
    if found is None:
        return error, False, []
    own = [name or (int(at) if at.isdigit() else None) for name, at in STEP.findall(found[3])]
    return found[1], found[2] is not None, own


def _refused(
    told: str,
    of_name: bool,
    kind: inspect.Type,
    file: str,
    under: Sequence[Step],
    own: Sequence[Step],
    value: object,
) -> InputError:
    """The error for what msgspec ``told`` of the ``value`` at ``own`` in what should be of this ``kind``. ``of_name``:
    the name of a key in that is wrong."""
    names = [step for step in under if isinstance(step, str)]
    key, of_key = (names[-1] if names else ""), kind
    for step in own:
        kind = _inside(kind, step)
        key, of_key = (step, kind) if isinstance(step, str) else (key, of_key)
    struct = _table(kind)
    table, rest = _place([*under, *own], struct is not None, told.startswith("Object "))
    where = sentence("toml.place", file=file, table=table) if table else file
    fields = {field.encode_name: field.type for field in struct.fields} if struct else {}
    if found := UNKNOWN.fullmatch(told):
        place = sentence("toml.place", file=where, table=rest) if rest else where
        return UnknownName(sentence("suite.key_in", where=place), _short(found[1]), fields)
    top = len(names) + sum(isinstance(step, str) for step in own) == 1
    given = value if isinstance(value, str) and len(value) <= LONGEST_EXAMPLE else ""
    remedy = _written(key, of_key, top, given) if key else ""
    problem: Sentence | str
    if found := re.fullmatch(r"Object missing required field `(.*)`", told):
        problem, remedy = sentence("toml.missing", key=found[1]), _written(found[1], fields[found[1]], not own)
    elif found := WRONG_TYPE.fullmatch(told):
        problem = sentence(
            "toml.expected", expected=_named(found[1]), found=_named(found[2].replace("float", "decimal"))
        )
    elif (found := NO_SUCH.fullmatch(told)) and (choices := _choices(_of_names(kind) if of_name else kind)):
        problem = sentence("toml.none_of", value=_short(found[1]), values=choices)
    else:
        problem = _short(told)
    if of_name:
        problem = sentence("toml.of_key", problem=problem)
    message = sentence("text.at", where=rest, message=problem) if rest else problem
    return InputError(sentence("text.at", where=where, message=message), remedy)


def _place(path: Sequence[Step], of_table: bool, of_key: bool) -> tuple[Sentence | str, str]:
    """The table at the top of the file that the ``path`` leads into, and the keys in it. ``of_table``: it ends at a
    table; ``of_key``: something is wrong with the keys of that."""
    names = [step for step in path if isinstance(step, str)]
    if len(path) > 1 and isinstance(path[1], int) and (len(names) > 1 or of_table):
        return sentence("toml.table_number", name=names[0], number=path[1] + 1), ".".join(names[1:])
    if len(names) > 1 or (names and of_key):
        return f"[{names[0]}]", ".".join(names[1:])
    return "", "".join(names)


def _written(key: str, kind: inspect.Type, top: bool, given: str = "") -> Sentence:
    """How ``key`` of this ``kind`` is written; tables at the ``top`` of the file under a line of their own. ``given``:
    the text that stands in the place of a table."""
    kind = _first(kind)
    item = _first(_inside(kind, 0))
    if top and isinstance(kind, inspect.StructType):
        return sentence("toml.write_table", header=f"[{key}]", keys=_pairs(kind, given))
    if top and isinstance(item, inspect.StructType):
        return sentence("toml.write_table", header=f"[[{key}]]", keys=_pairs(item, given))
    return sentence("toml.write", example=f"{key} = {_example(kind)}")


def _example(kind: inspect.Type) -> str:
    kind = _first(kind)
    match kind:
        case inspect.StructType():
            return f"{{ {_pairs(kind)} }}"
        case inspect.DictType():
            return f"{{ name = {_example(kind.value_type)} }}"
        case inspect.ListType() | inspect.VarTupleType() | inspect.TupleType():
            return f"[{_example(_inside(kind, 0))}]"
        case inspect.LiteralType():
            return f'"{kind.values[0]}"'
        case inspect.BoolType():
            return "true"
        case inspect.IntType():
            return "1"
        case inspect.FloatType():
            return "1.5"
    return '"…"'


def _pairs(kind: inspect.StructType, given: str = "") -> str:
    """The keys that such a table must have, or else its first; that has the text ``given``, if it may be one."""
    first, *others = [field for field in kind.fields if field.required] or kind.fields[:1]
    of_first = f'"{given}"' if given and isinstance(first.type, inspect.StrType) else _example(first.type)
    return ", ".join(
        [f"{first.encode_name} = {of_first}", *(f"{one.encode_name} = {_example(one.type)}" for one in others)]
    )


def _at(raw: Any, path: Sequence[Step]) -> object:
    """The value at ``path``; ``None`` where the path does not tell a key."""
    for step in path:
        raw = None if step is None or raw is None else raw[step]
    return raw


def _first(kind: inspect.Type) -> inspect.Type:
    """The type itself; of several, the first that is not null."""
    several = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return next((one for one in several if not isinstance(one, inspect.NoneType)), kind)


def _choices(kind: inspect.Type) -> list[str]:
    """The values that may be chosen, those of all the types where it is one of several; none where it is no choice."""
    several = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return [str(value) for one in several if isinstance(one, inspect.LiteralType) for value in one.values]


def _of_names(kind: inspect.Type) -> inspect.Type:
    """What the names of keys must be in a table that takes any which are that."""
    kind = _first(kind)
    return kind.key_type if isinstance(kind, inspect.DictType) else inspect.AnyType()


def _table(kind: inspect.Type) -> inspect.StructType | None:
    """The table with known keys, where the type is one, or one of several."""
    several = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return next((one for one in several if isinstance(one, inspect.StructType)), None)


def _inside(kind: inspect.Type, step: Step) -> inspect.Type:
    """The type one ``step`` into a value, ``AnyType`` where it has nothing there."""
    if isinstance(step, str) and (struct := _table(kind)):
        return next((field.type for field in struct.fields if field.encode_name == step), inspect.AnyType())
    kind = _first(kind)
    if isinstance(kind, inspect.DictType):
        return kind.value_type
    if isinstance(kind, inspect.TupleType) and isinstance(step, int):
        return kind.item_types[step]
    return kind.item_type if isinstance(kind, inspect.ListType | inspect.VarTupleType) else inspect.AnyType()


def _named(told: str) -> Sentence | str:
    """``int | null`` as TOML has it: an integer; ``int | float`` is a number."""
    kinds = list(dict.fromkeys(KINDS[name] for name in told.split(" | ") if name in KINDS))
    kinds = [kind for kind in kinds if kind != "integer" or "number" not in kinds]
    if not kinds:
        return told
    named, *others = [sentence(f"toml.{kind}") for kind in kinds]
    for other in others:
        named = sentence("toml.either", first=named, second=other)
    return named


def _short(told: str) -> str:
    """What is wrong, without the middle of a name that is very long."""
    return told if len(told) <= MOST_TOLD else f"{told[: MOST_TOLD // 2]}…{told[-MOST_TOLD // 2 :]}"
