"""Who plays which scenario."""

from collections.abc import Mapping
from types import MappingProxyType

from bench.contracts import Scenario
from bench.errors import PluginError
from bench.measure.players.batch import play_batch
from bench.measure.players.chat import play_chat
from bench.measure.players.concurrent import play_concurrent
from bench.measure.players.end_to_end import play_end_to_end
from bench.measure.players.fixed_rate import play_fixed_rate
from bench.measure.players.multi_stream import play_multi_stream
from bench.measure.players.offline import play_offline
from bench.measure.players.server import play_server
from bench.measure.players.single_stream import play_single_stream
from bench.measure.players.sustained import play_sustained
from bench.measure.players.wake import play_wake
from bench.measure.stage import Player
from bench.plugins import PluginRef, load
from bench.words import sentence

PLAYERS: Mapping[str, Player] = MappingProxyType(
    {
        "single-stream": play_single_stream,
        "offline": play_offline,
        "multi-stream": play_multi_stream,
        "end-to-end": play_end_to_end,
        "server": play_server,
        "fixed-rate": play_fixed_rate,
        "wake": play_wake,
        "batch": play_batch,
        "sustained": play_sustained,
        "chat": play_chat,
        "concurrent": play_concurrent,
    }
)
"""One for each kind in ``bench.scenarios.kinds``."""


def player_of(scenario: Scenario, plugin: PluginRef | None) -> Player:
    """The player of the scenario, from ``plugin`` where it is one's. Raises ``PluginError`` for a plugin without."""
    if plugin is None:
        return PLAYERS[scenario.name]
    player: Player | None = getattr(load(plugin), "play", None)
    if player is None:
        raise PluginError(
            sentence("measure.plugin_scenario_without_play", plugin_name=plugin.name),
            sentence("measure.add_play"),
        )
    return player
