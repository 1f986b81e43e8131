"""Which scenario is meant: one of this project's, or a plugin's."""

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import Scenario, ScenarioKind
from bench.errors import PluginError, UnknownName
from bench.plugins import Catalog, PluginRef, load
from bench.scenarios.kinds import KINDS, settled
from bench.words import sentence


class ScenarioChoice(Struct, frozen=True):
    """A scenario that was asked for, with all its parameters; its kind; the plugin that plays it, where one does."""

    scenario: Scenario
    kind: ScenarioKind
    plugin: PluginRef | None = None


def kind_named(name: str, catalog: Catalog | None = None) -> ScenarioKind:
    """The kind of that name, of this project or of a plugin in ``catalog``, which is imported. Raises ``UnknownName``,
    and ``PluginError`` for a plugin that is none."""
    offered = catalog.names("scenarios") if catalog is not None else ()
    if name in KINDS:
        if name in offered:
            raise PluginError(
                sentence("suite.plugin_scenario_name_scenario_project", name=name), sentence("suite.rename")
            )
        return KINDS[name]
    if catalog is None or name not in offered:
        hint = sentence("suite.plugin_file_scenario_needs_plugin")
        raise UnknownName(sentence("suite.scenario"), name, [*KINDS, *offered], hint)
    kind = getattr(load(catalog.find("scenarios", name)), "kind", None)
    if not isinstance(kind, ScenarioKind) or kind.name != name or not _can_be_read(kind):
        raise PluginError(
            sentence("suite.plugin_scenario_kind_not_scenariokind", name=name),
            sentence("suite.give_class_field_kind_scenariokind", name=name),
        )
    _refuse_unknown_metrics(kind)
    return kind


def _refuse_unknown_metrics(kind: ScenarioKind) -> None:
    """Raise ``PluginError`` for a name in ``leading`` that no metric has: it would never lead."""
    from bench.analysis.metrics import METRICS

    known = [metric.name for metric in METRICS]
    unknown = [name for name in kind.leading if name not in known]
    if unknown:
        told = sentence("suite.plugin_scenario_leading_unknown", name=kind.name, metrics=unknown)
        raise PluginError(told, sentence("suite.plugin_scenario_leading_unknown.remedy", known=known))


def _can_be_read(kind: ScenarioKind) -> bool:
    """Whether a record that holds ``kind`` is read again: its fields have the types that they state."""
    try:
        return bool(msgspec.convert(msgspec.to_builtins(kind), ScenarioKind) == kind)
    except (msgspec.ValidationError, TypeError):
        return False


def choose_scenarios(asked: Scenario, catalog: Catalog | None) -> tuple[ScenarioChoice, ...]:
    """What was asked, as so many runs as its kind makes of it; see ``ScenarioKind.each``."""
    choice = choose_scenario(asked, catalog)
    own, each = choice.scenario.own_parameters, choice.kind.each
    words = next((one.words for one in choice.kind.parameters if one.name == each), ())
    if not words or each in own:
        return (choice,)
    return tuple(replace(choice, scenario=replace(choice.scenario, parameters={**own, each: word})) for word in words)


def choose_scenario(asked: Scenario, catalog: Catalog | None) -> ScenarioChoice:
    """What was asked, with the defaults of its kind; of a plugin's with the kind itself, for the record."""
    kind = kind_named(asked.name, catalog)
    scenario = settled(asked, kind)
    if catalog is None or kind.name in KINDS:
        return ScenarioChoice(scenario, kind)
    return ScenarioChoice(replace(scenario, kind=kind), kind, catalog.find("scenarios", kind.name))
