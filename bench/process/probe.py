"""Asks a target plugin, in a separate process, for its devices on this machine."""

from msgspec.structs import replace

from bench.contracts import RequiringTarget, Target, TargetFacts
from bench.entry_points import versions
from bench.jobs import Job, Worker
from bench.machine.emulation import emulation
from bench.plugins import load
from bench.suite.untrusted import safe_options

EVERY = "*"


class ProbeJob(Job[TargetFacts], frozen=True):
    """Which devices does the target have, and which options do the named ones take? ``""`` names the default ones,
    ``EVERY`` all that can be used."""

    devices_with_options: tuple[str, ...] = ()

    def play(self, worker: Worker) -> TargetFacts:
        """Imports the target's runtime. Every device of a processor that is itself emulated is emulated."""
        target: Target = load(self.plugin)
        emulated = emulation().emulated is True
        devices = tuple(replace(d, emulated=d.emulated or emulated) for d in target.devices())
        default = [d.name for d in devices if d.usable and d.default]
        several = {"": default, EVERY: [d.name for d in devices if d.usable]}
        named = [d for name in self.devices_with_options for d in several.get(name, [name])]
        options = {device: dict(target.options(device)) for device in named}
        safe = tuple(sorted(safe_options(self.plugin)))
        return TargetFacts(
            devices=devices,
            options=options,
            formats=tuple(target.formats),
            tasks=tuple(target.tasks),
            versions=versions(target.requires),
            safe_options=safe,
            requirements=tuple(target.requirements()) if isinstance(target, RequiringTarget) else (),
        )
