"""Power proxies per token: the cost of a prompt token and of a generated token.

A query of one token costs its prompt's tokens, and those of its context where that is computed before each query; a
query of n costs n - 1 generated tokens more. So the first comes from a pass that generates one token a query, the
second from the difference.
"""

from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
from msgspec import Struct

from bench.analysis.energy import Sensed, cpu_seconds, sensed
from bench.analysis.run_processes import Processes
from bench.analysis.text import BEGINNING, counts
from bench.record.energy import RepeatEnergy
from bench.record.text import TokenEnergy

Values = list[float | None]


class TokensCost(Struct, frozen=True):
    """Of each process, ``None`` where it was not measured: CPU seconds, joules above idle
    and joules with idle inside, of a prompt token and of a generated one. ``channel``: what the joules above idle are
    of, ``total_channel`` the others; ``None`` where no one channel was read in every window."""

    cpu_prompt: Values
    cpu_generated: Values
    prompt: Values
    generated: Values
    total_prompt: Values
    total_generated: Values
    channel: str | None
    total_channel: str | None


def tokens_cost(run: Processes) -> TokensCost | None:
    """``None`` without a prefill pass, where prompts differ in length, and where an engine kept a prefix: then what one
    costs cannot be told from what another does."""
    taken_in, generated = _taken_in(run), _generated(run)
    pairs = [(p.repeat.energy, p.repeat.prefill_energy) for p in run.each]
    if not taken_in or not any(whole is not None and prefill is not None for whole, prefill in pairs):
        return None
    if any((process.shared_tokens > BEGINNING).any() for process in run.each):
        return None
    found = [_both(*pair) for pair in pairs]
    windows = [one for each in found if each is not None for one in each]
    one, whole = ({getattr(w, field) for w in windows} for field in ("channel", "total_channel"))
    channel, total_channel = (names.pop() if len(names) == 1 else None for names in (one, whole))
    cpu = [(_cpu(whole), _cpu(prefill)) for whole, prefill in pairs]
    nothing: list[tuple[float | None, float | None]] = [(None, None)] * len(pairs)
    above = nothing if channel is None else [(None, None) if f is None else _first(f, "joules") for f in found]
    total = nothing if total_channel is None else [(None, None) if f is None else _first(f, "totals") for f in found]
    (cpu_prompt, cpu_more), (prompt, more), (total_prompt, total_more) = (
        _split(costs, taken_in, generated) for costs in (cpu, above, total)
    )
    return TokensCost(cpu_prompt, cpu_more, prompt, more, total_prompt, total_more, channel, total_channel)


def token_energy(run: Processes) -> TokenEnergy | None:
    """Medians over repeats; a part that is below 0 is noise, and null."""
    cost = run.once(tokens_cost)
    if cost is None:
        return None
    return TokenEnergy(
        cpu_seconds_per_prompt_token=_middle(cost.cpu_prompt),
        cpu_seconds_per_generated_token=_middle(cost.cpu_generated),
        joules_per_prompt_token=_middle(cost.prompt),
        joules_per_generated_token=_middle(cost.generated),
        sensor_channel=cost.channel,
    )


def _taken_in(run: Processes) -> int:
    lengths = {int(n) for process in run.each for n in np.unique(process.prompt_tokens)}
    reused = {process.repeat.context_reused for process in run.each}
    if run.scenario is None or len(lengths) > 1 or len(reused) > 1:
        return 0
    context = 0 if reused == {True} else run.scenario.depth_tokens or 0
    return (lengths.pop() if lengths else run.scenario.prompt_tokens or 0) + context


def _generated(run: Processes) -> int:
    """Beyond the first."""
    arrays = [p.token_ns for p in run.each if p.token_ns.ndim == 2 and p.token_ns.size]
    return min((int(counts(array).min()) for array in arrays), default=1) - 1


def _both(whole: RepeatEnergy | None, prefill: RepeatEnergy | None) -> tuple[Sensed, Sensed] | None:
    return None if whole is None or prefill is None else (sensed([[whole]]), sensed([[prefill]]))


def _first(pair: tuple[Sensed, Sensed], field: str) -> tuple[float | None, float | None]:
    whole, prefill = (getattr(one, field)[0] for one in pair)
    return whole, prefill


def _cpu(energy: RepeatEnergy | None) -> float | None:
    return None if energy is None else cpu_seconds([energy])


def _split(pairs: Sequence[tuple[float | None, float | None]], taken_in: int, generated: int) -> tuple[Values, Values]:
    """Of a prompt token, and of a generated one."""
    prompt = _share(pairs, lambda whole, prefill: prefill / taken_in)
    if generated <= 0:
        return prompt, [None] * len(pairs)
    return prompt, _share(pairs, lambda whole, prefill: (whole - prefill) / generated)


def _share(pairs: Sequence[tuple[float | None, float | None]], of: Callable[[float, float], float]) -> Values:
    return [None if whole is None or prefill is None else of(whole, prefill) for whole, prefill in pairs]


def _middle(values: Values) -> float | None:
    known = [value for value in values if value is not None]
    middle = median(known) if known else None
    return middle if middle is not None and middle > 0 else None
