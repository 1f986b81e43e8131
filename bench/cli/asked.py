"""What the flags of ``odb run`` ask for, as models and scenarios of a suite."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.words import sentence

if TYPE_CHECKING:
    from bench.contracts import Scenario
    from bench.plugins import Catalog
    from bench.suite.suite import ModelAsk, Suite
    from bench.suite.untrusted import Untrusted


def asked_suite(given: "Mapping[str, Any]", catalog: "Catalog | None" = None, base: "Suite | None" = None) -> "Suite":
    """The suite that flags ask for, each under its parameter's name. ``catalog`` has the scenarios of plugins.
    ``base``: what they change; else the suite's file, if there is one."""
    import msgspec

    from bench.settings import asked_settings
    from bench.suite.pipeline import asked_pipeline
    from bench.suite.suite import Suite, TargetAsk, load_suite, parse_pair

    suite = base or (load_suite(given["suite_file"], catalog) if given["suite_file"] else Suite())
    grid = Grid(*(given[name] for name in ("prompt_tokens", "generate_tokens", "depth", "compile_cache", "lanes")))
    named = with_pipeline([*suite.models, *asked_models(given["models"])], given.get("pipeline_inputs") or ())
    judged = with_quality(named, given["datasets"], given["dataset_options"], given["references"])
    scenarios = (*given["scenarios"], *asked_pipeline(given))
    fed = with_tensors(judged, given["shapes"], given["inputs"], given["preprocessing"], catalog)
    numbers = ("preset", "repeats", "max_seconds", "seed", "check_inputs")
    asked = {name: given[name] for name in numbers} | {"timeout_s": given["timeout"]}
    changes = {
        "models": with_precisions(asked_prompts(fed, given), given["precision"]),
        "targets": (*suite.targets, *(TargetAsk(t) for t in given["targets"])),
        "scenarios": asked_scenarios(suite, scenarios, grid, catalog),
        "scenario_models": models_of_scenarios(suite, scenarios, grid),
        "options": {**suite.options, **dict(parse_pair("-O", o) for o in given["options"])},
        "strict_placement": given["strict_placement"] or suite.strict_placement,
        "profile": given["profile"] or suite.profile,
        "settings": {**suite.settings, **asked_settings(given)},
        **{name: value for name, value in asked.items() if value is not None},
        "untrusted": _untrusted(suite, given),
    }
    return msgspec.structs.replace(suite, **changes)


def _untrusted(suite: "Suite", given: "Mapping[str, Any]") -> "Untrusted | None":
    """What of the suite came from its file, and what of that the user lets through. The flags are the user's own."""
    import msgspec

    from bench.errors import InputError
    from bench.suite.suite import parse_pair
    from bench.suite.untrusted import ALLOW

    named = given.get("allow_unsafe_options")
    if suite.untrusted is None:
        if named:
            raise InputError(sentence("cli.only_for_a_suite", flag=ALLOW), sentence("cli.leave_it_out"))
        return None
    flags = {parse_pair("-O", option)[0] for option in given["options"]}
    return msgspec.structs.replace(
        suite.untrusted,
        options=suite.untrusted.options - flags,
        allowed=frozenset(words(ALLOW, named)) if named else frozenset(),
    )


def asked_models(names: Sequence[str]) -> "list[ModelAsk]":
    from bench.suite.suite import ModelAsk

    return [ModelAsk(name) for name in names]


def with_tensors(
    models: "Sequence[ModelAsk]",
    shapes: Sequence[str],
    inputs: Sequence[str],
    preprocessing: str | None,
    catalog: "Catalog | None" = None,
) -> "tuple[ModelAsk, ...]":
    """Give each model the shapes and inputs meant for it: ``MODEL:NAME=…`` for one, ``NAME=…`` for all that have an
    input of that name. Raises ``UnknownName`` where none has."""
    import msgspec

    from bench.errors import InputError
    from bench.plugins import discover
    from bench.suite.plan import default_models
    from bench.suite.suite import parse_input, parse_shape
    from bench.words import sentence

    if not shapes and not inputs and not preprocessing:
        return tuple(models)
    models = models or default_models(discover())
    given = []
    for model in models:
        own, others = _names(model, models)
        mine, files = meant_for(shapes, own, others), meant_for(inputs, own, others)
        pairs = [parse_input(file) for file in files]
        twice = next((pair for i, pair in enumerate(pairs) if pair[0] in {name for name, _ in pairs[:i]}), None)
        if twice is not None:
            text = "=".join(filter(None, twice))
            raise InputError(sentence("suite.input_given_twice", text=text), sentence("suite.give_each_input_once"))
        given.append(
            msgspec.structs.replace(
                model,
                shapes={**model.shapes, **dict(parse_shape(s) for s in mine)},
                inputs={**model.inputs, **dict(pairs)},
                preprocessing=preprocessing or model.preprocessing,
            )
        )
    if preprocessing and not any(m.inputs or m.dataset or m.pipeline_inputs for m in given):
        raise InputError(sentence("cli.preprocessing_without_images"))
    plain = {
        flag: {parse(text)[0] for text in for_all(texts, models)}
        for flag, texts, parse in (("--shape", shapes, parse_shape), ("--input", inputs, parse_input))
    }
    return _of_those_that_have_them(given, plain, catalog or discover())


def _of_those_that_have_them(
    models: "Sequence[ModelAsk]", plain: "Mapping[str, Collection[str]]", catalog: "Catalog"
) -> "tuple[ModelAsk, ...]":
    """``models``, several, without the shapes and inputs of ``plain`` (flag -> the names that were given for all) that
    are those of other models. A file with several inputs names them itself and goes to all."""
    import msgspec

    from bench.errors import UnknownName
    from bench.execution.model_files import inputs_of_models
    from bench.scripting.places import cache_folder

    named = {flag: {name for name in names if name} for flag, names in plain.items()}
    if len(models) < 2 or not any(named.values()):
        return tuple(models)
    inputs = inputs_of_models(models, catalog, cache_folder())
    known = frozenset().union(*(names for names in inputs if names is not None))
    for flag, names in named.items():
        strange = sorted(names - known) if None not in inputs else []
        if strange:
            raise UnknownName(sentence("cli.input_of_any_model", flag=flag), strange[0], known)
    found = []
    for model, has in zip(models, inputs, strict=True):
        others = {flag: names - (has if has is not None else names) for flag, names in named.items()}
        shapes = {name: shape for name, shape in model.shapes.items() if name not in others["--shape"]}
        files = {name: file for name, file in model.inputs.items() if name not in others["--input"]}
        found.append(msgspec.structs.replace(model, shapes=shapes, inputs=files))
    return tuple(found)


def with_pipeline(models: "Sequence[ModelAsk]", inputs: Sequence[str]) -> "list[ModelAsk]":
    """Give each model the files of its pipeline: ``MODEL:FOLDER`` for one, ``FOLDER`` for all."""
    import msgspec

    from bench.errors import InputError

    if inputs and not models:
        raise InputError(sentence("cli.inputs_without_model"), sentence("cli.name_one", flag="-m"))
    given = []
    for model in models:
        mine = meant_for(inputs, *_names(model, models))
        given.append(msgspec.structs.replace(model, pipeline_inputs=mine[-1]) if mine else model)
    return given


def with_quality(
    models: "Sequence[ModelAsk]", datasets: Sequence[str], options: str | None, references: Sequence[str]
) -> "tuple[ModelAsk, ...]":
    """Give each model its dataset and its float reference: ``MODEL:DIR`` for one, ``DIR`` for all."""
    import msgspec

    from bench.errors import InputError

    if not models and (datasets or references):
        raise InputError(sentence("cli.dataset_without_model"), sentence("cli.name_one", flag="-m"))
    if options is not None and not datasets and not any(model.dataset or model.pipeline_inputs for model in models):
        raise InputError(sentence("cli.dataset_options_without_dataset"), sentence("cli.name_one", flag="--dataset"))
    given = []
    for model in models:
        own, others = _names(model, models)
        folders, files = meant_for(datasets, own, others), meant_for(references, own, others)
        changes = {"dataset": folders, "reference": files}
        asked = msgspec.structs.replace(model, **{field: found[-1] for field, found in changes.items() if found})
        stated = options is not None and (asked.dataset or asked.pipeline_inputs)
        given.append(msgspec.structs.replace(asked, dataset_options=options) if stated else asked)
    return tuple(given)


def _names(model: "ModelAsk", models: "Sequence[ModelAsk]") -> tuple[set[str], set[str]]:
    """What a model may be called by, and what the others are."""
    from bench.contracts.names import file_model_id

    own = {file_model_id(Path(model.source)), model.source}
    return own, {n for m in models for n in (file_model_id(Path(m.source)), m.source)} - own


def meant_for(texts: Iterable[str], own: Collection[str], others: Collection[str]) -> list[str]:
    """Values of a flag that may begin with ``MODEL:``, for the model that is called one of ``own``: without its name.
    Values that begin with the name of one of the ``others`` are left out; those that name no model stay."""
    found = []
    for text in texts:
        names = [name for name in {*own, *others} if text.startswith(f"{name}:")]
        named = max(names, key=len, default=None)  # a name may hold a colon itself
        if named is None:
            found.append(text)
        elif named in own:
            found.append(text.removeprefix(f"{named}:"))
    return found


def for_all(texts: Iterable[str], models: "Sequence[ModelAsk]") -> list[str]:
    """Values of a flag that name none of the models."""
    names = {name for model in models for name in _names(model, models)[0]}
    return [text for text in texts if not any(text.startswith(f"{name}:") for name in names)]


def with_prompts(models: "Sequence[ModelAsk]", ids: str | None, file: Path | None) -> "tuple[ModelAsk, ...]":
    """Give every model the user's own prompts; without any, the built-in language model."""
    import msgspec

    from bench.errors import InputError
    from bench.plugins import discover
    from bench.suite.plan import default_models

    if ids is None and file is None:
        return tuple(models)
    if ids is not None and file is not None:
        raise InputError(sentence("cli.prompts_and_prompt_ids"), sentence("cli.ids_in_the_file"))
    given = models or default_models(discover(), "text_generation")
    changes = {
        "prompt_ids": numbers("--prompt-ids", ids, 0) if ids is not None else (),
        "prompts": str(file) if file else "",
    }
    return tuple(msgspec.structs.replace(model, **changes) for model in given)


def asked_prompts(models: "Sequence[ModelAsk]", given: "Mapping[str, Any]") -> "tuple[ModelAsk, ...]":
    """Give every model the user's own prompts, and how they are used: ``--chat`` and ``--stop``, which also hold for
    models that have their prompts from a suite. Without a model, the built-in language model."""
    import msgspec

    from bench.plugins import discover
    from bench.suite.plan import default_models

    asked = with_prompts(models, given.get("prompt_ids"), given.get("prompts"))
    switches = {name: True for name in ("chat", "stop") if given.get(name)}
    if not switches:
        return asked
    asked = asked or tuple(default_models(discover(), "text_generation"))
    return tuple(msgspec.structs.replace(model, **switches) for model in asked)


def with_precisions(models: "Sequence[ModelAsk]", precisions: str | None) -> "tuple[ModelAsk, ...]":
    """Every model once for each precision asked for, that is built in or made from a source; others come in the one
    they have."""
    import msgspec

    from bench.plugins import discover
    from bench.reading import is_folder
    from bench.suite.found_files import is_made_from
    from bench.suite.plan import default_models
    from bench.suite.suite import is_file

    def fixed(source: str) -> bool:
        return (is_file(source) or is_folder(Path(source))) and not is_made_from(Path(source))

    if precisions is None:
        return tuple(models)
    given = models or default_models(discover())
    asked = words("--precision", precisions)
    return tuple(
        msgspec.structs.replace(model, precision=precision)
        for model in given
        for precision in ((model.precision,) if fixed(model.source) else asked)
    )


class Grid(NamedTuple):
    """The flags that every scenario is multiplied by: lists in the words of llama-bench, ``128,512``."""

    prompt_tokens: str | None = None
    generate_tokens: str | None = None
    depth: str | None = None
    compile_cache: str | None = None
    lanes: int | None = None


def asked_scenarios(
    suite: "Suite", texts: Sequence[str], grid: Grid, catalog: "Catalog | None" = None
) -> "tuple[Scenario, ...]":
    """The suite's scenarios or those of ``texts`` (``name:key=value,…``), each for every combination that the grid
    lists."""
    import msgspec

    from bench.contracts import Scenario
    from bench.scenarios.kinds import parse_scenario, scenario_name
    from bench.suite.scenario_choice import kind_named

    named = tuple(parse_scenario(text, kind_named(scenario_name(text), catalog)) for text in texts)
    base = named or suite.scenarios or (Scenario(),)
    return tuple(msgspec.structs.replace(scenario, **cell) for scenario in base for cell in _cells(grid))


def models_of_scenarios(suite: "Suite", texts: Sequence[str], grid: Grid) -> tuple[tuple[str, ...], ...]:
    """The models of each of ``asked_scenarios``: those of the suite's scenarios; ``texts`` are for all models."""
    return () if texts else tuple(only for only in suite.scenario_models for _ in _cells(grid))


def _cells(grid: Grid) -> list[dict[str, object]]:
    """Every combination that the grid lists, as fields of ``Scenario``."""
    from bench.errors import UnknownName
    from bench.scenarios.kinds import CACHES

    caches = words("--compile-cache", grid.compile_cache) if grid.compile_cache is not None else ()
    for cache in caches:
        if cache not in CACHES:
            raise UnknownName(sentence("cli.compile_cache"), cache, CACHES)
    axes: dict[str, tuple[object, ...]] = {
        "prompt_tokens": _axis("--prompt-tokens", grid.prompt_tokens, 1),
        "generate_tokens": _axis("--generate-tokens", grid.generate_tokens, 1),
        "depth_tokens": _axis("--depth", grid.depth, 0),
        "compile_cache": caches,
        "lanes": () if grid.lanes is None else (grid.lanes,),
    }
    given = {field: values for field, values in axes.items() if values}
    return [dict(zip(given, values, strict=True)) for values in product(*given.values())]


def _axis(flag: str, text: str | None, least: int) -> tuple[int, ...]:
    return () if text is None else tuple(dict.fromkeys(numbers(flag, text, least)))


def words(flag: str, text: str) -> tuple[str, ...]:
    """``a,b`` as words, each once. Raises ``InputError`` naming the flag."""
    from bench.errors import InputError

    found = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    if "" in found:
        raise InputError(sentence("cli.expected_words", flag=flag, text=text))
    return found


def numbers(flag: str, text: str, least: int) -> tuple[int, ...]:
    """``128,512`` as numbers. Raises ``InputError`` naming the flag."""
    from bench.errors import InputError

    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and len(part) <= 9 for part in parts) or any(int(part) < least for part in parts):
        raise InputError(
            sentence("cli.expected_numbers", flag=flag, text=text, low=least, high=999_999_999),
            sentence("cli.example", command=f"{flag} 128,512"),
        )
    return tuple(int(part) for part in parts)
