"""The one run that a record holds, as a suite that measures it again.

It is built from the record's typed fields alone: ``plan.command`` is for people, and is not read. Records from other
people are data: options that may name a file, load code or write are refused, and files are found by their hash
(``bench.suite.found_files``). If an older record, without ``plan.asked``, lacks a value, the error names it.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import Scenario
from bench.errors import InputError, UnknownName
from bench.plugins import Catalog
from bench.record.asked import Asked, NamedFile
from bench.record.record import PlanPart, Record
from bench.settings import check_known_settings
from bench.suite.found_files import SUFFIXES, Places, found_file, found_model
from bench.suite.plan import OWN_MODELS
from bench.suite.presets import PRESETS, emulated_rule, shorter_rule
from bench.suite.scenario_choice import kind_named
from bench.suite.suite import ModelAsk, Suite, TargetAsk
from bench.suite.untrusted import refuse_unsafe, safe_options
from bench.words import Sentence, sentence


class Given(Struct, frozen=True):
    """What the user gave on the command line. ``flags``: names of parameters that replace values missing in a record.
    ``options``: option -> value; a record may repeat these even if they are unsafe."""

    flags: Collection[str] = ()
    options: Mapping[str, str] = {}


def base_suite(record: Record, folder: Path, catalog: Catalog, places: Places, given: Given) -> Suite:
    """The suite that measures ``record``, which was read from ``folder``, again; the number of repeats is left to the
    preset. Raises ``InputError`` naming the field that is insufficient or refused."""
    plan, origin = record.plan, f"{folder}/record.json"
    if plan.model.sha256 is None:
        raise InputError(sentence("suite.model_sha_null", origin=origin), sentence("suite.measure_again"))
    target = _target(plan, origin, catalog, given)
    asked = plan.asked or _older(record, catalog, origin, places, given)
    check_known_settings(asked.settings, f"{origin}: plan.asked.settings")
    return Suite(
        models=(_model(record, asked, origin, catalog, places, given),),
        targets=(target,),
        scenarios=(_scenario(plan, asked, origin, catalog),),
        preset=_preset(plan.preset, origin),
        seed=plan.seed,
        strict_placement=plan.strict_placement,
        max_seconds=asked.max_seconds,
        check_inputs=asked.check_inputs,
        settings=dict(asked.settings),
    )


def _preset(name: str, origin: str) -> str:
    if name not in PRESETS:
        raise InputError(sentence("suite.plan_preset_none", origin=origin, name=name, presets=PRESETS))
    return name


def _target(plan: PlanPart, origin: str, catalog: Catalog, given: Given) -> TargetAsk:
    target = plan.target
    if target.id != f"{target.plugin}:{target.device}":
        raise InputError(sentence("suite.plan_target_id_not_plugin", origin=origin, target_id=target.id))
    if target.plugin not in catalog.names("targets"):
        raise InputError(
            sentence("suite.plan_target_plugin_unknown_target", origin=origin, plugin=target.plugin),
            sentence("suite.if_plugin_file_give_plugin", known=catalog.names("targets")),
        )
    ref = catalog.find("targets", target.plugin)
    sent = [key for key, value in target.options_requested.items() if given.options.get(key) != value]
    refuse_unsafe(sent, safe_options(ref), origin=f"{origin}: plan.target.options_requested")
    return TargetAsk(target.id, dict(target.options_requested))


def _scenario(plan: PlanPart, asked: Asked, origin: str, catalog: Catalog) -> Scenario:
    try:
        kind_named(plan.scenario.name, catalog)
    except UnknownName as error:
        where = f"{origin}: plan.scenario.name"
        raise InputError(sentence("text.at", where=where, message=error.sentence), error.advice) from None
    return replace(plan.scenario, lanes=asked.lanes)


def _model(record: Record, asked: Asked, origin: str, catalog: Catalog, places: Places, given: Given) -> ModelAsk:
    field = f"{origin}: plan.asked"

    def file(named: NamedFile | None, name: str, flag: str, flags: Collection[str]) -> str:
        """Where the record's file is; nothing where it names none, or the user names one himself."""
        if named is None or set(flags) & set(given.flags):
            return ""
        return str(found_file(named, f"{field}.{name}", places, flag))

    inputs = {
        name: file(named, f"inputs.{name or 'npz'}", f"--input {name + '=' if name else ''}FILE", ())
        for name, named in asked.inputs.items()
    }
    own_prompts = {"prompt_ids", "prompts", "prompt_tokens"} & set(given.flags)
    return ModelAsk(
        source=_source(record, asked, f"{field}.model" if record.plan.asked else origin, catalog, places),
        format=asked.format,
        precision=asked.precision,
        shapes=dict(asked.shapes),
        inputs=inputs,
        preprocessing=asked.preprocessing,
        prompt_ids=() if own_prompts else asked.prompt_ids,
        prompts=file(asked.prompts, "prompts", "--prompts FILE", ("prompt_ids", "prompts", "prompt_tokens")),
        dataset=file(asked.dataset, "dataset", "--dataset DIR", ("datasets",)),
        dataset_options=asked.dataset_options,
        reference=file(asked.reference, "reference", "--reference FILE", ("references",)),
        chat=asked.chat and not own_prompts - {"prompts"},
        stop=asked.stop,
        pipeline_inputs=file(asked.pipeline_inputs, "pipeline_inputs", "--inputs DIR", ("pipeline_inputs",)),
    )


def _source(record: Record, asked: Asked, origin: str, catalog: Catalog, places: Places) -> str:
    model = record.plan.model
    assert model.named_sha256 is not None
    if asked.kind == "built_in":
        if asked.model.name not in _built_in(catalog):
            raise InputError(
                sentence("suite.not_a_built_in_model", origin=origin, model_name=asked.model.name),
                sentence("suite.if_plugin_file_see_list"),
            )
        return asked.model.name
    names = [asked.model.name]
    if record.plan.asked is None:
        names = [f"{model.id}{suffix}" for suffix in SUFFIXES.get(model.format or "", ())] + [model.id]
    found = found_model(names, model.named_sha256, model.named_size_bytes, origin, places)
    return str(found) if found.parent != Path() or found.is_file() else f"./{found}"


def _built_in(catalog: Catalog) -> list[str]:
    return [name for name in catalog.names("models") if not name.startswith(OWN_MODELS)]


# ------------------------------------------------------------------------- records from before plan.asked


def _older(record: Record, catalog: Catalog, origin: str, places: Places, given: Given) -> Asked:
    """What follows from the other typed fields. Raises ``InputError`` naming one that is insufficient."""
    plan, fed = record.plan, record.plan.inputs
    own = fed.source if fed is not None else "seeded"
    flags = set(given.flags)
    if own in ("file", "image") and "inputs" not in flags:
        raise _untold(sentence("suite.input_files_not_recorded", own=own), origin, "--input")
    if own in ("prompt_ids", "prompt_text") and not flags & {"prompt_ids", "prompts"}:
        raise _untold(sentence("suite.prompts_not_recorded", own=own), origin, "--prompts")
    if record.quality is not None and "datasets" not in flags:
        raise _untold(sentence("suite.quality_dataset_not_say_folder"), origin, "--dataset")
    built_in = plan.model.id in _built_in(catalog) and not places.only_files
    shapes = dict(fed.shapes) if fed is not None and plan.model.task == "tensor" and not built_in else {}
    return Asked(
        kind="built_in" if built_in else "file",
        model=NamedFile(plan.model.id),
        precision=plan.model.precision if built_in else None,
        shapes=shapes,
        preprocessing=fed.preprocessing if fed is not None and own == "image" else "",
        max_seconds=_seconds(plan),
    )


def _untold(why: Sentence, origin: str, flag: str) -> InputError:
    return InputError(
        sentence("suite.plan_asked_missing", origin=origin, why=why),
        sentence("suite.name_them", flag=flag),
    )


def _seconds(plan: PlanPart) -> float | None:
    """The longest steady state, where it is another than the preset's."""
    if plan.preset not in PRESETS:
        return None
    rule = PRESETS[plan.preset].rule
    turns = plan.alternation
    own = rule if turns is None else shorter_rule(rule, until=turns.until is not None)
    longest = plan.rule.max_duration_ns
    return None if longest in (own.max_duration_ns, emulated_rule().max_duration_ns) else longest / 1e9
