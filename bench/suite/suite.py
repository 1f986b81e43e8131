"""What the user asked for: a ``Suite``, from a TOML file, from flags, or from both.

``load_suite`` reads the file, ``parse_*`` read single flags. Nothing here looks at a model, a runtime or the machine.
"""

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bench import reading
from bench.contracts import Format, Scenario
from bench.errors import InputError, UnknownName
from bench.plugins import Catalog
from bench.reading import read_text
from bench.scenarios import COMPILE_CACHE, FIELDS, check_scenario
from bench.suite.dataset_options import parse_options
from bench.suite.preprocessing import parse_preprocessing
from bench.suite.scenario_choice import kind_named
from bench.suite.untrusted import Untrusted


class Ask(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of what a TOML file may hold: frozen, and an unknown key is an error."""


class ModelAsk(Ask, frozen=True):
    """One model. ``source``: a built-in's name or a file's path. ``inputs``: tensor name -> ``.npy`` or image file.
    ``dataset``: a folder of labelled samples, ``dataset_options`` how to read it; see docs/quality.md. ``reference``: a
    float model of the same task whose outputs and quality this one's are compared with.

    Of a language model: ``prompt_ids`` is a prompt of token ids, ``prompts`` a ``.txt`` or ``.jsonl`` file of prompts.
    """

    source: str
    format: Format | None = None
    precision: str | None = None
    shapes: dict[str, tuple[int, ...]] = {}
    inputs: dict[str, str] = {}
    preprocessing: str = ""
    prompt_ids: tuple[int, ...] = ()
    prompts: str = ""
    dataset: str = ""
    dataset_options: str = ""
    reference: str = ""


class TargetAsk(Ask, frozen=True):
    """One target, ``plugin:device``, and the options for it alone."""

    id: str
    options: dict[str, str] = {}


class Suite(Ask, frozen=True):
    """Everything one ``odb run`` is asked to do. No ``models``: the built-in ones. No ``targets``: all this machine
    has.

    ``options`` go to every target that knows the key; ``plugin.key`` names one plugin. ``check_inputs``: on how many
    inputs outputs are compared with the reference. ``untrusted``: what of it came from a file; a file cannot say this.
    """

    name: str = ""
    models: tuple[ModelAsk, ...] = ()
    targets: tuple[TargetAsk, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
    options: dict[str, str] = {}
    preset: str = "quick"
    repeats: int | None = None
    seed: int = 0
    strict_placement: bool = False
    timeout_s: float | None = None
    max_seconds: float | None = None
    check_inputs: int | None = None
    untrusted: Untrusted | None = None


def load_suite(file: Path, catalog: Catalog | None = None) -> Suite:
    """Read a suite. Relative paths in it are relative to its folder, and its options count as ``untrusted``. Scenarios
    of plugins are in ``catalog``. Raises ``InputError`` naming file and field."""
    try:
        if not file.exists():
            raise InputError(f"{file}: no such file")
        raw = tomllib.loads(read_text(file))
    except OSError as error:  # of a name that no file can have
        raise InputError(f"{file}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits, thousands of brackets
        raise InputError(f"{file}: not TOML: {str(error)[:200]}") from None
    _check_keys(raw, Suite, f"{file}")
    try:
        suite = msgspec.convert(_with_parameters(raw, f"{file}", catalog), Suite)
    except msgspec.ValidationError as error:
        raise InputError(f"{file}: {error}") from None
    folder = file.resolve().parent
    models = tuple(
        msgspec.structs.replace(
            m,
            source=_beside(folder, m.source),
            inputs={name: _beside(folder, path) for name, path in m.inputs.items()},
            prompts=str(folder / m.prompts) if m.prompts else "",
            dataset=str(folder / m.dataset) if m.dataset else "",
            reference=str(folder / m.reference) if m.reference else "",
        )
        for m in suite.models
    )
    sent = Untrusted(str(file), frozenset(suite.options), len(suite.targets))
    checked = msgspec.structs.replace(suite, models=models, untrusted=sent)
    check(checked, catalog)
    return checked


def check(suite: Suite, catalog: Catalog | None = None) -> None:
    """Raise ``InputError`` for what can be told from the suite alone, and from the plugins of its scenarios."""
    _check_unicode(msgspec.to_builtins(suite))
    for scenario in suite.scenarios:
        check_scenario(scenario, kind_named(scenario.name, catalog))
    if not 0 <= suite.seed < 1 << 63:
        raise InputError("seed must be 0 or more, and below 2**63")
    for field in ("repeats", "check_inputs"):
        count = getattr(suite, field)
        if count is not None and count < 1:
            raise InputError(f"{field} must be 1 or more, not {count}")
        if count is not None and count > MOST_COUNT:
            raise InputError(f"{field} must be at most {MOST_COUNT:,}")
    for field in ("max_seconds", "timeout_s"):
        seconds = getattr(suite, field)
        if seconds is not None and not 0 < seconds < MOST_SECONDS:
            raise InputError(f"{field} must be above 0 and finite, not {seconds}")
    for model in suite.models:
        if is_file(model.source) and not reading.exists(Path(model.source)):
            raise InputError(f"model {model.source}: no such file", "Check the path, or see `odb list models`.")
        if model.preprocessing:
            parse_preprocessing(model.preprocessing)
        for name, path in model.inputs.items():
            if not reading.exists(Path(path)):
                raise InputError(f"input {name}={path}: no such file", "A path is relative to the current folder.")
        if model.prompts and not reading.is_file(Path(model.prompts)):
            raise InputError(f"prompts {model.prompts}: no such file", "A path is relative to the current folder.")
        if (model.prompts or model.prompt_ids) and any(s.prompt_tokens is not None for s in suite.scenarios):
            raise InputError(
                f"model {model.source}: has prompts of its own, and prompt_tokens asks for seeded ones",
                "Leave out --prompt-tokens, or the prompts.",
            )
        _check_quality(model)


def _check_unicode(value: Any) -> None:
    """Raise ``InputError`` for a name that is no UTF-8: no runtime finds such a file, and no record can name it."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(value).decode("utf-8", "backslashreplace")
            raise InputError(f"{shown}: is not UTF-8", "Rename the file or folder; convmv renames many.") from None
    elif isinstance(value, dict):
        _check_unicode([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for item in value:
            _check_unicode(item)


def _check_quality(model: ModelAsk) -> None:
    """What can be told of a dataset and a float reference before anything is opened."""
    if model.dataset and not reading.is_folder(Path(model.dataset)):
        raise InputError(f"dataset {model.dataset}: no such folder", "A path is relative to the current folder.")
    if model.dataset_options and not model.dataset:
        raise InputError(f"model {model.source}: dataset_options without a dataset", "Name one with --dataset.")
    parse_options(model.dataset_options)
    if model.reference and not reading.is_file(Path(model.reference)):
        raise InputError(f"reference {model.reference}: no such file", "Name a float model's file.")


MOST_COUNT = 1_000_000_000
MOST_SECONDS = 1e9  # thirty years


def is_file(source: str) -> bool:
    """Whether a model's source names a file rather than a built-in: it has a folder, or a suffix. What follows the dot
    of a version, as in ``qwen2.5-0.5B``, is no suffix: that begins with a letter."""
    return Path(source).suffix[1:2].isalpha() or os.sep in source or "/" in source


def parse_pair(flag: str, text: str) -> tuple[str, str]:
    """``key=value``. Raises ``InputError`` naming the flag."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        form = "NAME=FILE, as in --input image=photo.jpg" if flag == "--input" else "key=value"
        raise InputError(f"{flag} {text}: expected {form}")
    return key.strip(), value.strip()


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """``name=1,3,224,224``; ``name=`` is a scalar. Raises ``InputError``."""
    name, dims = parse_pair("--shape", text)
    try:
        shape = tuple(int(d) for d in dims.split(",")) if dims else ()
    except ValueError:
        raise InputError(f"--shape {text}: expected whole numbers, as in --shape {name}=1,3,224,224") from None
    if any(not 0 <= d < 1 << 31 for d in shape):
        raise InputError(f"--shape {text}: every dimension must be 0 or more, and below 2**31")
    return name, shape


def _beside(folder: Path, path: str) -> str:
    return str(folder / path) if is_file(path) else path


def _check_keys(raw: Any, kind: type[Struct], where: str) -> None:
    """msgspec names an unknown key but not its nearest neighbour; this does, before it converts."""
    fields = {f.encode_name: f.type for f in msgspec.structs.fields(kind) if f.name != "untrusted"}
    for key in raw:
        if key not in fields:
            raise UnknownName(f"key in {where}", key, fields)
    for key, part in (("models", ModelAsk), ("targets", TargetAsk)):
        if kind is Suite and isinstance(raw.get(key), list):
            for index, item in enumerate(_tables(raw[key])):
                _check_keys(item, part, f"{where} [[{key}]] number {index + 1}")


def _with_parameters(raw: dict[str, Any], where: str, catalog: Catalog | None) -> dict[str, Any]:
    """``raw`` with what ``[[scenarios]]`` say in the fields of ``Scenario``."""
    tables = raw.get("scenarios")
    if not isinstance(tables, list):
        return raw
    return raw | {"scenarios": [_scenario(table, where, index, catalog) for index, table in enumerate(tables, 1)]}


def _scenario(table: Any, where: str, number: int, catalog: Catalog | None) -> Any:
    name = table.get("name", Scenario().name) if isinstance(table, dict) else None
    if not isinstance(name, str):
        return table
    own = {parameter.name for parameter in kind_named(name, catalog).parameters}
    known = {"name", COMPILE_CACHE, *FIELDS, *own}
    for key in table:
        if key not in known:
            raise UnknownName(f"key in {where} [[scenarios]] number {number}", key, known)
    return {key: value for key, value in table.items() if key not in own or key in FIELDS} | (
        {"parameters": {key: table[key] for key in own - set(FIELDS) if key in table}} if own - set(FIELDS) else {}
    )


def _tables(items: Iterable[Any]) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)]
