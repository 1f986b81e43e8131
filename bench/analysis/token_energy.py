"""Power proxies per token: the cost of a prompt token and of a generated token."""

from collections.abc import Callable, Sequence
from statistics import median

from bench.analysis.energy import sensed
from bench.contracts import Scenario
from bench.record.energy import RepeatEnergy
from bench.record.record import Repeat
from bench.record.text import TextGeneration, TokenEnergy


def token_energy(repeats: Sequence[Repeat], text: TextGeneration, scenario: Scenario) -> TokenEnergy | None:
    """Medians over repeats. A query of one token costs its prompt's tokens, those filled in at depth among them; a
    query of n costs n − 1 generated tokens more. ``None`` without a prefill pass; a part below 0 is noise, and null.
    """
    pairs = [(r.energy, r.prefill_energy) for r in repeats if r.energy is not None and r.prefill_energy is not None]
    taken_in = text.prompt_tokens + (scenario.depth_tokens or 0)
    if not pairs or not taken_in:
        return None
    cpu = [(_cpu(whole), _cpu(prefill)) for whole, prefill in pairs]
    channels = {sensed([[e]]).channel for pair in pairs for e in pair}
    joules = [(_joules(whole), _joules(prefill)) for whole, prefill in pairs] if len(channels) == 1 else []
    generated = text.generated_tokens - 1
    return TokenEnergy(
        _share(cpu, lambda whole, prefill: prefill / taken_in),
        _share(cpu, lambda whole, prefill: (whole - prefill) / generated) if generated > 0 else None,
        _share(joules, lambda whole, prefill: prefill / taken_in),
        _share(joules, lambda whole, prefill: (whole - prefill) / generated) if generated > 0 else None,
        channels.pop() if len(channels) == 1 else None,
    )


def _cpu(energy: RepeatEnergy) -> float | None:
    return energy.cpu_seconds / energy.queries if energy.cpu_seconds is not None and energy.queries else None


def _joules(energy: RepeatEnergy) -> float | None:
    return sensed([[energy]]).joules[0]


def _share(pairs: Sequence[tuple[float | None, float | None]], of: Callable[[float, float], float]) -> float | None:
    found = [of(whole, prefill) for whole, prefill in pairs if whole is not None and prefill is not None]
    middle = median(found) if found else None
    return middle if middle is not None and middle > 0 else None
