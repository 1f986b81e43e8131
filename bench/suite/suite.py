"""What the user asked for: a ``Suite``, from a TOML file, from flags, or from both.

``load_suite`` reads the file, ``parse_*`` read single flags. Nothing here looks at a model, a runtime or the machine.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bench import reading
from bench.contracts import Format, Scenario
from bench.errors import InputError, UnknownName
from bench.plugins import Catalog
from bench.reading import read_text
from bench.scenarios import parameters as values_
from bench.scenarios.kinds import COMPILE_CACHE, FIELDS, check_scenario
from bench.settings import setting_names, suite_settings
from bench.suite.built_in_datasets import BUILT_IN, dataset_folder
from bench.suite.dataset_options import parse_options
from bench.suite.pipeline import TABLE, PipelineTable, check_inputs, scenario_of, with_table
from bench.suite.preprocessing import parse_preprocessing
from bench.suite.scenario_choice import kind_named
from bench.suite.untrusted import Untrusted
from bench.toml.parsing import parsed
from bench.toml.values import converted
from bench.words import sentence


class Ask(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of what a TOML file may hold: frozen, and an unknown key is an error."""


class ModelAsk(Ask, frozen=True):
    """One model. ``source``: a built-in's name or a file's path. ``inputs``: tensor name -> ``.npy`` or image file.
    ``dataset``: a folder of labelled samples, ``dataset_options`` how to read it; see docs/quality.md. ``reference``: a
    float model of the same task whose outputs and quality this one's are compared with.

    Of a language model: ``prompt_ids`` is a prompt of token ids, ``prompts`` a ``.txt`` or ``.jsonl`` file of prompts.
    ``chat``: they are put into the model's chat template. ``stop``: a generation ends at an end-of-sequence token.
    ``pipeline_inputs``: a folder of files, or one, that go through all stages of ``end-to-end``; else the ``dataset``.
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
    chat: bool = False
    stop: bool = False
    pipeline_inputs: str = ""


class TargetAsk(Ask, frozen=True):
    """One target, ``plugin:device``, and the options for it alone."""

    id: str
    options: dict[str, str] = {}


class Suite(Ask, frozen=True):
    """Everything one ``odb run`` is asked to do. No ``models``: the built-in ones. No ``targets``: all this machine
    has.

    ``options`` go to every target that knows the key; ``plugin.key`` names one plugin. ``check_inputs``: on how many
    inputs outputs are compared with the reference. ``untrusted``: what of it came from a file; a file cannot say this.
    ``settings``: of ``bench.settings``, each by its field; a file has a key for each. ``scenario_models``: of each
    scenario the sources of the models that it is played with, all where there are none; a file has them in
    ``[[scenarios]]`` as ``models``. ``profile``: the time of each operator is
    recorded, in a pass of its own.
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
    settings: dict[str, int | float | str] = {}
    scenario_models: tuple[tuple[str, ...], ...] = ()
    profile: bool = False


def load_suite(file: Path, catalog: Catalog | None = None) -> Suite:
    """Read a suite. Relative paths in it are relative to its folder, and its options count as ``untrusted``. Scenarios
    of plugins are in ``catalog``. Raises ``InputError`` naming file and field."""
    try:
        if not file.exists():
            raise InputError(sentence("suite.no_such_file", file=file), sentence("suite.no_such_file.remedy"))
        raw = parsed(read_text(file), f"{file}")
    except OSError as error:  # of a name that no file can have
        raise InputError(sentence("suite.cannot_read", file=file, value=error.strerror or error)) from None
    _check_keys(raw, f"{file}")
    around = converted(raw[TABLE], PipelineTable, f"{file}", (TABLE,)) if TABLE in raw else None
    if around is not None and isinstance(tables := raw.get("scenarios", []), list):
        raw = {**raw, "scenarios": [*tables, scenario_of(around)]}
    settings = suite_settings(raw, f"{file}")
    plain = {key: value for key, value in raw.items() if key not in setting_names() and key != TABLE}
    suite = converted(_with_parameters(plain, f"{file}", catalog), Suite, f"{file}")
    played = [one.models for one in converted(raw, _Played, f"{file}").scenarios]
    folder = file.resolve().parent
    for model in suite.models:
        if model.prompts and model.prompt_ids:
            raise InputError(
                sentence("suite.prompts_and_prompt_ids", file=file, source=model.source),
                sentence("cli.ids_in_the_file"),
            )
    models = tuple(
        msgspec.structs.replace(
            m,
            source=_beside(folder, m.source),
            inputs={name: _beside(folder, path) for name, path in m.inputs.items()},
            prompts=str(folder / m.prompts) if m.prompts else "",
            dataset=_dataset(folder, m.dataset),
            reference=str(folder / m.reference) if m.reference else "",
            pipeline_inputs=str(folder / reading.with_slashes(folder, m.pipeline_inputs)) if m.pipeline_inputs else "",
        )
        for m in suite.models
    )
    models = models if around is None else tuple(with_table(model, around, folder) for model in models)
    sent = Untrusted(str(file), frozenset(suite.options), len(suite.targets))
    only = tuple(tuple(_beside(folder, source) for source in sources) for sources in played if any(played))
    checked = msgspec.structs.replace(suite, models=models, untrusted=sent, settings=settings, scenario_models=only)
    check(checked, catalog)
    return checked


def _dataset(folder: Path, named: str) -> str:
    """A folder relative to the suite's, or the name of a built-in dataset."""
    beside = folder / reading.with_slashes(folder, named)
    return named if not named or (named in BUILT_IN and not reading.is_folder(beside)) else str(beside)


def check(suite: Suite, catalog: Catalog | None = None) -> None:
    """Raise ``InputError`` for what can be told from the suite alone, and from the plugins of its scenarios."""
    _check_unicode(msgspec.to_builtins(suite))
    for scenario in suite.scenarios:
        check_scenario(scenario, kind_named(scenario.name, catalog))
    for field in ("repeats", "check_inputs", "seed"):
        count = getattr(suite, field)
        if count is not None and not isinstance(count, int):
            raise InputError(sentence("suite.must_whole", field=field, value=str(count)))
    if not 0 <= suite.seed < 1 << 63:
        raise InputError(sentence("suite.seed_must_more_below"))
    sources = [model.source for model in suite.models]
    for source in (source for only in suite.scenario_models for source in only):
        if source not in sources:
            raise UnknownName(sentence("suite.model_of_scenario"), source, sources)
    for field in ("repeats", "check_inputs"):
        count = getattr(suite, field)
        if count is not None and count < 1:
            raise InputError(sentence("suite.must_more_not", field=field, count=count))
        if count is not None and count > MOST_COUNT:
            raise InputError(sentence("suite.must_most", field=field, most_count=MOST_COUNT, count=count))
    for field in ("max_seconds", "timeout_s"):
        seconds = getattr(suite, field)
        if seconds is not None and not 0 < seconds < MOST_SECONDS:
            raise InputError(sentence("suite.must_above_finite_not", field=field, seconds=seconds))
    check_inputs(suite.models, suite.scenarios)
    for model in suite.models:
        if is_file(model.source) and not reading.exists(Path(model.source)):
            raise InputError(
                sentence("suite.model_no_such_file", source=model.source), sentence("suite.check_path_see_odb_list")
            )
        if model.preprocessing:
            parse_preprocessing(model.preprocessing)
        for name, path in model.inputs.items():
            if not reading.exists(Path(path)):
                raise InputError(
                    sentence("suite.input_no_such_file", name=name, path=path),
                    sentence("suite.path_relative_current_folder"),
                )
        if model.prompts and not reading.is_file(Path(model.prompts)):
            raise InputError(
                sentence("suite.prompts_no_such_file", prompts=model.prompts),
                sentence("suite.path_relative_current_folder"),
            )
        if model.chat and not (model.prompts or model.pipeline_inputs):
            raise InputError(
                sentence("suite.chat_without_prompts", source=model.source), sentence("suite.give_prompts")
            )
        if (model.prompts or model.prompt_ids) and any(s.prompt_tokens is not None for s in suite.scenarios):
            raise InputError(
                sentence("suite.prompts_and_prompt_tokens", source=model.source),
                sentence("suite.leave_out_prompt_tokens_prompts"),
            )
        _check_quality(model)


def _check_unicode(value: Any) -> None:
    """Raise ``InputError`` for a name that is not UTF-8: runtimes cannot find such a file, and a record cannot name
    it."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(value).decode("utf-8", "backslashreplace")
            raise InputError(sentence("suite.not_utf8", shown=shown), sentence("suite.rename_with_convmv")) from None
    elif isinstance(value, dict):
        _check_unicode([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for item in value:
            _check_unicode(item)


def _check_quality(model: ModelAsk) -> None:
    """What can be told of a dataset and a float reference before anything is opened."""
    if model.dataset and not reading.is_folder(dataset_folder(model.dataset)):
        raise InputError(
            sentence("suite.dataset_no_such_folder", dataset=model.dataset),
            sentence("suite.path_relative_current_folder"),
        )
    if model.dataset_options and not (model.dataset or model.pipeline_inputs):
        raise InputError(
            sentence("suite.model_dataset_options_without_dataset", source=model.source),
            sentence("suite.name_one_dataset"),
        )
    parse_options(model.dataset_options)
    reference = Path(model.reference)
    if model.reference and not (reading.is_file(reference) or reading.is_folder(reference)):
        raise InputError(
            sentence("suite.reference_no_such_file", reference=model.reference), sentence("suite.name_float_model_file")
        )


MODELS = "models"  # in [[scenarios]]
MOST_COUNT = 10_000  # processes of a run, inputs that are checked: each takes a second or so
MOST_SECONDS = 1e9  # thirty years


def is_file(source: str) -> bool:
    """Whether a model's source names a file rather than a built-in: it has a folder, or a suffix. A suffix begins with
    a letter, so the part after the dot of a version, as in ``qwen2.5-0.5B``, is not one."""
    return Path(source).suffix[1:2].isalpha() or any(separator in source for separator in (os.sep, "/", "\\"))


def parse_pair(flag: str, text: str) -> tuple[str, str]:
    """``key=value``. Raises ``InputError`` naming the flag."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        form = sentence("suite.input_form") if flag == "--input" else "key=value"
        raise InputError(sentence("suite.option_form_expected", flag=flag, text=text, form=form))
    return key.strip(), value.strip()


def parse_input(text: str) -> tuple[str, str]:
    """``NAME=FILE`` as name and file, or the file of an archive that names its arrays, under an empty name. Names and
    files may contain ``=``: of several, the first after which a file of that name exists divides them. Raises
    ``InputError``."""
    if text.endswith(".npz") and ("=" not in text or reading.is_file(Path(text))):
        return "", text
    places = [place for place, sign in enumerate(text) if sign == "=" and text[:place].strip()]
    parts = ((text[:place].strip(), text[place + 1 :].strip()) for place in places)
    return next((part for part in parts if reading.is_file(Path(part[1]))), None) or parse_pair("--input", text)


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """``name=1,3,224,224``; ``name=`` is a scalar. Raises ``InputError``."""
    name, equals, dims = text.rpartition("=")  # a name may contain the sign, sizes do not
    if not equals or not name.strip():
        name, dims = parse_pair("--shape", text)
    name, dims = name.strip(), dims.strip()
    try:
        shape = tuple(int(d) for d in dims.split(",")) if dims else ()
    except ValueError:
        raise InputError(sentence("suite.shape_expected_whole_numbers_shape", text=text, name=name)) from None
    if any(not 0 <= d < 1 << 31 for d in shape):
        raise InputError(sentence("suite.shape_every_dimension_must_more", text=text))
    return name, shape


def _beside(folder: Path, path: str) -> str:
    return str(folder / reading.with_slashes(folder, path)) if is_file(path) else path


def _check_keys(raw: dict[str, Any], file: str) -> None:
    """A suite's own keys are not the fields of ``Suite``."""
    fields = {*Suite.__struct_fields__, *setting_names(), TABLE} - {"untrusted", "settings", "scenario_models"}
    for key in raw:
        if key not in fields:
            raise UnknownName(sentence("suite.key_in", where=file), key, fields)


def _with_parameters(raw: dict[str, Any], where: str, catalog: Catalog | None) -> dict[str, Any]:
    """``raw`` with what ``[[scenarios]]`` say in the fields of ``Scenario``."""
    tables = raw.get("scenarios")
    if not isinstance(tables, list):
        return raw
    return raw | {"scenarios": [scenario_table(table, where, index, catalog) for index, table in enumerate(tables, 1)]}


class _PlayedWith(Struct):
    """A table of ``[[scenarios]]``: the models that it is played with."""

    models: tuple[str, ...] = ()


class _Played(Struct):
    scenarios: tuple[_PlayedWith, ...] = ()


def scenario_table(table: Any, where: str, number: int, catalog: Catalog | None) -> Any:
    """A table of ``[[scenarios]]`` as the fields of ``Scenario``. Raises ``UnknownName`` for its name and its keys."""
    name = table.get("name", Scenario().name) if isinstance(table, dict) else None
    if not isinstance(name, str):
        return table
    parameters = kind_named(name, catalog).parameters
    known = {"name", MODELS, COMPILE_CACHE, *FIELDS, *values_.names(parameters)}
    origin = sentence("suite.scenario_number", where=where, number=number)
    plain: dict[str, Any] = {}
    own: dict[str, object] = {}
    for key, value in table.items():
        parameter = values_.named(parameters, key)
        if parameter is None and key not in known:
            raise UnknownName(sentence("suite.key_in_scenario_number", where=where, number=number), key, known)
        if parameter is None or parameter.name in FIELDS:
            plain[key] = value
        elif parameter.name in own:
            raise InputError(sentence("suite.key_twice", origin=origin, key=key), sentence("scenario.give_once"))
        else:
            own[parameter.name] = values_.value_from(
                sentence("scenario.item", origin=origin, name=key), parameter, value
            )
    plain.pop(MODELS, None)
    return plain | ({"parameters": own} if any(one.name not in FIELDS for one in parameters) else {})
