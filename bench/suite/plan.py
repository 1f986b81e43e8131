"""Suite -> Plan: which run measures what, and which cannot be measured and why. Pure; ``--dry-run`` prints it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.contracts import (
    DefaultModel,
    Device,
    Format,
    Model,
    ModelRequest,
    Scenario,
    ScenarioKind,
    TargetFacts,
    Task,
)
from bench.contracts.names import file_model_id, folder_model_id
from bench.errors import InputError, UnknownName
from bench.plugins import Catalog, PluginRef, load
from bench.reading import is_folder
from bench.record.evidence import Alternation, RepeatRule
from bench.record.record import Failure, StoppingRule
from bench.record.shown.redact import without_paths
from bench.scenarios.batches import each_size
from bench.scenarios.idling import idles
from bench.scenarios.kinds import kind_of
from bench.scenarios.lasting import lasting_of
from bench.suite.built_in_datasets import dataset_folder
from bench.suite.dataset_options import DatasetAsk
from bench.suite.presets import EMULATED_REPEATS, PRESETS, emulated_rule, idling_rule, lasting_rule
from bench.suite.scenario_choice import ScenarioChoice, choose_scenarios
from bench.suite.suite import ModelAsk, Suite, TargetAsk, is_file
from bench.suite.untrusted import Untrusted, refuse_unsafe
from bench.words import Sentence, mapped, sentence

PROMPT_TOKENS, GENERATE_TOKENS = 64, 32
EMULATED_PROMPT_TOKENS, EMULATED_GENERATE_TOKENS = 16, 8
FOLDER = "/"
OWN_MODELS = (".", FOLDER)  # what the names of plugins begin with that take the user's own files and folders


class ModelChoice(Struct, frozen=True):
    """A model the user asked for, and the plugin that takes it. ``task`` of a file is known only once it is read."""

    ask: ModelAsk
    plugin: PluginRef
    task: Task
    formats: tuple[Format, ...]

    @property
    def id(self) -> str:
        if self.plugin.name == FOLDER:
            return folder_model_id(Path(self.ask.source))
        return file_model_id(Path(self.ask.source)) if is_file(self.ask.source) else self.ask.source

    @property
    def dataset(self) -> DatasetAsk | None:
        """The user's labelled samples."""
        ask = self.ask
        return DatasetAsk(dataset_folder(ask.dataset), ask.dataset_options, ask.preprocessing) if ask.dataset else None

    def request(self, seed: int) -> ModelRequest:
        return ModelRequest(self.ask.source, self.ask.format, self.ask.precision, self.ask.shapes, seed)


class TargetChoice(Struct, frozen=True):
    """One device of one target plugin, the options it will get, and what it opens."""

    plugin: PluginRef
    device: Device
    options: dict[str, str]
    formats: tuple[str, ...]
    tasks: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"{self.plugin.name}:{self.device.name}"


class PlannedRun(Struct, frozen=True):
    """One model on one target in one scenario. ``skip`` says why it will not be measured. ``repeats``: the minimum
    number."""

    model: ModelChoice
    target: TargetChoice
    scenario: Scenario
    rule: StoppingRule
    preset: str
    repeats: int
    seed: int
    strict_placement: bool = False
    skip: Failure | None = None
    check_inputs: int | None = None
    alternation: Alternation | None = None
    repeat_rule: RepeatRule | None = None  # None: exactly ``repeats``
    max_seconds: float | None = None  # as asked; None: the preset's
    player: PluginRef | None = None  # of a scenario that is a plugin's
    settings: dict[str, int | float | str] = {}
    profile: bool = False


class Plan(Struct, frozen=True):
    runs: tuple[PlannedRun, ...]
    notes: tuple[str, ...] = ()


def default_models(catalog: Catalog, *tasks: Task) -> tuple[ModelAsk, ...]:
    """The models that are measured if none is named: the built-in models that declare it, tensor models first.
    ``tasks``: only of these tasks."""
    named = [ref for ref in catalog.of("models") if ref.built_in and not ref.name.startswith(OWN_MODELS)]
    found: list[tuple[Task, str]] = []
    for ref in named:
        model: Model = load(ref)
        if isinstance(model, DefaultModel) and model.default:
            found.append((model.task, ref.name))
    return tuple(ModelAsk(name) for task, name in sorted(found) if not tasks or task in tasks)


def choose_models(suite: Suite, catalog: Catalog) -> list[tuple[ModelAsk, PluginRef]]:
    """Each model asked for with the plugin that takes it. Raises ``UnknownName`` or ``InputError``."""
    asks = suite.models or default_models(catalog)
    named = [n for n in catalog.names("models") if not n.startswith(OWN_MODELS)]
    chosen = []
    for ask in asks:
        if ask.source not in named and FOLDER in catalog.names("models") and is_folder(Path(ask.source)):
            chosen.append((ask, catalog.find("models", FOLDER)))
        elif is_file(ask.source):
            suffix = Path(ask.source).suffix.lower()
            if suffix not in catalog.names("models"):
                raise InputError(_no_plugin_takes(ask.source, suffix), files_taken(catalog))
            chosen.append((ask, catalog.find("models", suffix)))
        else:
            if ask.source not in named:
                hint = sentence("suite.file_named_suffix_detector_onnx")
                raise UnknownName(sentence("suite.model"), ask.source, named, hint)
            chosen.append((ask, catalog.find("models", ask.source)))
    return chosen


def files_taken(catalog: Catalog) -> Sentence:
    """Which files and folders may be given as a model."""
    takers = [name for name in catalog.names("models") if name.startswith(".")]
    folders = FOLDER in catalog.names("models")
    if takers:
        return sentence("suite.give_folder_genai_runtime_one" if folders else "suite.give_file", takers=takers)
    return sentence("suite.give_folder" if folders else "suite.give_plugin_for_files")


def _no_plugin_takes(source: str, suffix: str) -> Sentence:
    if not suffix:
        return sentence("suite.no_plugin_takes_files_without_suffix", source=source)
    return sentence("suite.no_plugin_takes_files", source=source, suffix=suffix)


def choose_targets(suite: Suite, catalog: Catalog) -> list[tuple[TargetAsk, PluginRef, str]]:
    """Each target asked for with its plugin and device (``""``: the plugin's default ones). Raises ``UnknownName``."""
    asks = suite.targets or tuple(TargetAsk(name) for name in catalog.names("targets"))
    chosen = []
    for ask in asks:
        plugin, _, device = ask.id.partition(":")
        if plugin not in catalog.names("targets"):
            hint = sentence("suite.targets_written_plugin_device_those")
            raise UnknownName(sentence("suite.target"), ask.id, catalog.names("targets"), hint)
        chosen.append((ask, catalog.find("targets", plugin), device))
    return chosen


def resolve_targets(
    chosen: Sequence[tuple[TargetAsk, PluginRef, str]],
    probed: Mapping[str, TargetFacts],
    suite: Suite,
    every: Sequence[str] = (),
) -> list[TargetChoice]:
    """Match devices and options with what each plugin says it has. Raises ``UnknownName`` for either, and
    ``InputError`` for options of a plugin of ``every`` that is not chosen, and for those that are unsafe to take from
    the file they came from."""
    targets: list[TargetChoice] = []
    for index, (ask, plugin, name) in enumerate(chosen):
        found = probed[plugin.name]
        devices = [device_named(plugin.name, name, found.devices)] if name else _default_devices(found, suite)
        for device in devices:
            known = found.options.get(device.name, {})
            shared = _for_plugin(suite.options, plugin.name, known)
            for key in ask.options:
                if key not in known and found.formats:
                    raise UnknownName(
                        sentence("suite.option_of_device", plugin_name=plugin.name, device_name=device.name), key, known
                    )
            if suite.untrusted is not None and found.formats:
                sent = _sent(
                    suite, suite.untrusted, plugin.name, known, ask if index < suite.untrusted.targets else None
                )
                refuse_unsafe(
                    sent,
                    found.safe_options,
                    origin=suite.untrusted.origin,
                    allowed=suite.untrusted.allowed,
                    can_be_allowed=True,
                )
            given = _for_plugin(_flags(suite), plugin.name, known)
            options = {**shared, **ask.options, **given}
            targets.append(TargetChoice(plugin, device, options, found.formats, found.tasks))
    _check_shared_options(suite, [(c[1].name, probed[c[1].name]) for c in chosen], every)
    return targets


def make_plan(
    suite: Suite, models: Sequence[ModelChoice], targets: Sequence[TargetChoice], catalog: Catalog | None = None
) -> Plan:
    """Pair every model with every target in every scenario. Scenarios of plugins are in ``catalog``."""
    if suite.preset not in PRESETS:
        raise UnknownName(sentence("suite.preset"), suite.preset, PRESETS)
    preset = PRESETS[suite.preset]
    rule = with_time(preset.rule, suite.max_seconds)
    runs: list[PlannedRun] = []
    seen: set[str] = set()
    for choice, asked, only in _scenarios(suite, catalog):
        kind = choice.kind
        for model in (one for one in models if one.ask.source in only or not only):
            scenario = _of_tensors(asked) if model.task == "tensor" and not is_file(model.ask.source) else asked
            for target in targets:
                key = repr((scenario, model, target.id, target.options))
                if key in seen:  # of a grid of token counts, a vision model has one cell
                    continue
                seen.add(key)
                emulated = target.device.emulated
                repeats = repeat_rule(suite.repeats or (1 if kind.lasting else None), preset.repeats, emulated)
                lasting = lasting_of(scenario)
                own = idling_rule(rule, scenario) if idles(scenario) else rule
                own = own if lasting is None else lasting_rule(rule, lasting, repeats.most)
                runs.append(
                    PlannedRun(
                        model,
                        target,
                        scenario,
                        emulated_rule() if emulated else own,
                        preset.name,
                        repeats.fewest,
                        suite.seed,
                        suite.strict_placement,
                        why_skipped(model, target, kind),
                        suite.check_inputs,
                        repeat_rule=repeats,
                        max_seconds=suite.max_seconds,
                        player=choice.plugin,
                        settings=suite.settings,
                        profile=suite.profile,
                    )
                )
    return Plan(tuple(runs))


def _scenarios(suite: Suite, catalog: Catalog | None) -> Iterator[tuple[ScenarioChoice, Scenario, tuple[str, ...]]]:
    """Each scenario of a run, and the models that it is for; none: all."""
    chosen = [choose_scenarios(asked, catalog) for asked in suite.scenarios or (Scenario(),)]
    for index, choice in ((index, choice) for index, choices in enumerate(chosen) for choice in choices):
        only = suite.scenario_models[index] if suite.scenario_models else ()
        for scenario in each_size(choice.scenario):
            yield choice, scenario, only


def _of_tensors(scenario: Scenario) -> Scenario:
    """Without what only text generation has."""
    return msgspec.structs.replace(scenario, prompt_tokens=None, generate_tokens=None, depth_tokens=None)


def repeat_rule(asked: int | None, preset: RepeatRule, emulated: bool) -> RepeatRule:
    """The preset's, unless the user asked for a number or the device is emulated: then exactly so many."""
    if emulated:
        return RepeatRule(EMULATED_REPEATS, EMULATED_REPEATS)
    return preset if asked is None else RepeatRule(asked, asked)


def with_time(rule: StoppingRule, max_seconds: float | None) -> StoppingRule:
    """``rule`` with another maximum for the steady state; the minimum follows where it would be longer."""
    if max_seconds is None:
        return rule
    longest_ns = round(max_seconds * 1e9)
    return msgspec.structs.replace(
        rule, max_duration_ns=longest_ns, min_duration_ns=min(rule.min_duration_ns, longest_ns)
    )


def why_skipped(model: ModelChoice, target: TargetChoice, kind: ScenarioKind) -> Failure | None:
    """The reason a pair cannot be measured, as far as can be told without opening anything."""
    device = target.device
    if not device.usable:
        return Failure(
            "plan",
            "unavailable",
            sentence("suite.not_usable_here", target_id=target.id, reason=mapped(device.reason, without_paths)),
            device.remedy,
        )
    if device.emulated and not kind.emulator:
        message = sentence(
            "suite.emulator_not_representative", target_id=target.id, intent=sentence(f"intent.{kind.intent}")
        )
        remedy = sentence("suite.emulator_proves")
        return Failure("plan", "unsupported_scenario", message, remedy)
    wanted = (model.ask.format,) if model.ask.format else model.formats
    if not set(wanted) & set(target.formats):
        return Failure(
            "plan",
            "unsupported_format",
            sentence(
                "suite.format_not_opened", target=target.id, formats=target.formats, model=model.id, wanted=wanted
            ),
            sentence("suite.export_model", formats=target.formats[0]) if target.formats else "",
        )
    if model.task not in target.tasks and not model.plugin.name.startswith(OWN_MODELS):
        return Failure(
            "plan", "unsupported_task", sentence("suite.task_not_run", target_id=target.id, task=model.task), ""
        )
    return None


def settle_scenario(scenario: Scenario, task: Task, emulated: bool, own_prompts: bool = False) -> Scenario:
    """Fill in the token counts that text generation needs and nothing else does. ``own_prompts``: the user's prompts
    determine their lengths, as do the lines of a pipeline."""
    if task != "text_generation":
        return msgspec.structs.replace(scenario, prompt_tokens=None, generate_tokens=None, depth_tokens=None)
    seeded = scenario.prompt_tokens or (EMULATED_PROMPT_TOKENS if emulated else PROMPT_TOKENS)
    return msgspec.structs.replace(
        scenario,
        prompt_tokens=None if own_prompts or kind_of(scenario).staged else seeded,
        depth_tokens=scenario.depth_tokens or 0,
        generate_tokens=scenario.generate_tokens or (EMULATED_GENERATE_TOKENS if emulated else GENERATE_TOKENS),
    )


def device_named(plugin: str, name: str, devices: Sequence[Device]) -> Device:
    """The device of that name; ``GPU.1`` and ``HETERO:GPU,CPU`` are known by ``GPU`` and ``HETERO``."""
    by_name = {d.name: d for d in devices}
    if name in by_name:
        return by_name[name]
    base = name.replace(".", ":").partition(":")[0]
    if base != name and base in by_name:
        return msgspec.structs.replace(by_name[base], name=name)
    raise UnknownName(sentence("suite.target"), f"{plugin}:{name}", [f"{plugin}:{d}" for d in by_name])


def _default_devices(found: TargetFacts, suite: Suite) -> list[Device]:
    """The usable default devices of a plugin. If there is none and the plugin was named: its first device, so that a
    skipped record says why."""
    usable = [d for d in found.devices if d.usable and d.default]
    return usable or (list(found.devices[:1]) if suite.targets else [])


def _for_plugin(options: Mapping[str, str], plugin: str, known: Collection[str]) -> dict[str, str]:
    """The shared options that ``plugin`` takes: its own ``plugin.key`` over a bare ``key`` that it knows."""
    bare = {k: v for k, v in options.items() if k in known}
    own = {k.removeprefix(f"{plugin}."): v for k, v in options.items() if k.startswith(f"{plugin}.")}
    return {**bare, **{k: v for k, v in own.items() if k in known}}


def _flags(suite: Suite) -> dict[str, str]:
    """The options of the user's own command line, which replace those that a target of the suite's file has itself."""
    if suite.untrusted is None:
        return {}
    return {key: value for key, value in suite.options.items() if key not in suite.untrusted.options}


def _sent(suite: Suite, untrusted: Untrusted, plugin: str, known: Collection[str], ask: TargetAsk | None) -> list[str]:
    """The options of ``plugin`` whose values came from somebody's file: those of ``ask``, a target of that file's, and
    the suite's shared ones, except those replaced by a flag."""
    keys = {key: key for key in suite.options if key in known}
    prefixed = (key for key in suite.options if key.startswith(f"{plugin}."))
    keys |= {key.removeprefix(f"{plugin}."): key for key in prefixed if key.removeprefix(f"{plugin}.") in known}
    own = () if ask is None else tuple(ask.options)
    given = _for_plugin(_flags(suite), plugin, known)
    sent = [*(name for name, key in keys.items() if key in untrusted.options), *own]
    return [name for name in sent if name not in given]


def _check_shared_options(suite: Suite, plugins: Sequence[tuple[str, TargetFacts]], every: Sequence[str]) -> None:
    known: dict[str, set[str]] = {}
    for plugin, probed in plugins:
        known.setdefault(plugin, set()).update(*probed.options.values())
    broken = {plugin for plugin, probed in plugins if not probed.formats}  # before it could say which it has
    for key in suite.options:
        prefix, dot, rest = key.partition(".")
        if dot and prefix in known:
            if rest not in known[prefix] and prefix not in broken:
                raise UnknownName(sentence("suite.option_of_target", prefix=prefix), rest, known[prefix])
        elif dot and prefix in every:
            raise InputError(
                sentence("suite.option_of_no_target", key=key, prefix=prefix),
                sentence("suite.targets_are_of", known=sorted(known)),
            )
        elif not any(key in names for names in known.values()) and known.keys() != broken:
            raise UnknownName(sentence("suite.option"), key, set().union(*known.values()) if known else set())
