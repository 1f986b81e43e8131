"""The tables of one run that generated text; ``None`` if the record lacks that part."""

from bench.record.record import Record
from bench.record.text import Agreement, KvCache, TextGeneration
from bench.reports.view.rows import Cell, Table
from bench.reports.view.tables import plain_row
from bench.reports.words.figures import between, metrics, shown
from bench.words import units

ORIGINS = {"engine": "the same file, unoptimised", "model": "the float32 weights"}


def text_table(record: Record) -> Table | None:
    """Times and rates, with and without the tokenizer; the cache; the cost of a token."""
    found = record.summary.text_generation
    if found is None:
        return None
    rows = [
        *(_timed_row(record, name) for name in ("ttft_ns", "tpot_ns")),
        *(plain_row(f"inter-token latency, {k}", units.duration(v), "every gap") for k, v in found.itl_ns.items()),
        plain_row("issue to last token", units.duration(found.e2e_ns), "median"),
        plain_row(
            "prefill", units.number(found.prefill_tokens_per_s, "tokens/s"), units.counted(found.prompt_tokens, "token")
        ),
        plain_row(
            metrics()["decode_tokens_per_s"].short,
            shown(record, "decode_tokens_per_s"),
            units.counted(found.generated_tokens, "token"),
        ),
        *_tokenized(found),
        *_cache(found.kv_cache),
        *_energy(found),
    ]
    tokens = ", ".join(map(str, found.token_ids[:8])) + (", …" if len(found.token_ids) > 8 else "")
    rows.append(plain_row("first query's tokens", tokens or units.MISSING, "greedy"))
    return Table("Text generation", ("Statistic", "Value", "Note"), tuple(rows))


def _timed_row(record: Record, name: str) -> tuple[Cell, ...]:
    metric, known = metrics()[name], between(record, name)
    note = f"median of queries; 95 % interval {known}" if known else "median of queries"
    return plain_row(f"{metric.title} ({metric.short})", shown(record, name), note)


def _tokenized(found: TextGeneration) -> list[tuple[Cell, ...]]:
    times = found.tokenized
    if times is None:
        return []
    note = f"with the tokenizer, {units.counted(times.queries, 'query', 'queries')}"
    return [
        plain_row("TTFT with tokenisation", units.duration(times.ttft_ns), note),
        plain_row("TPOT with detokenisation", units.duration(times.tpot_ns), note),
        plain_row("issue to last text", units.duration(times.e2e_ns), note),
    ]


def _cache(found: KvCache | None) -> list[tuple[Cell, ...]]:
    if found is None:
        return []
    note = _observed(found) if found.observed_bytes_per_token is not None else units.clean(found.reason)
    return [
        plain_row("KV cache, a token", units.size(found.bytes_per_token), "computed from the layout"),
        plain_row("KV cache, a token", units.size(found.observed_bytes_per_token), note),
    ]


def _observed(found: KvCache) -> str:
    what = "growth of allocated memory" if found.read_from == "heap" else "growth of the process"
    over = f"{what}, over {units.counted(found.observed_tokens or 0, 'token')}"
    if found.observed_ci95 is None:
        return over
    low, high = found.observed_ci95
    return f"{over}; 95 % interval {units.size(low)} to {units.size(high)}"


def _energy(found: TextGeneration) -> list[tuple[Cell, ...]]:
    spent = found.energy
    if spent is None:
        return []
    rows = [
        plain_row("CPU time, a prompt token", seconds(spent.cpu_seconds_per_prompt_token), "activity"),
        plain_row("CPU time, a generated token", seconds(spent.cpu_seconds_per_generated_token), "activity"),
    ]
    if spent.sensor_channel is not None:
        channel = units.clean(spent.sensor_channel)
        rows.append(plain_row("energy, a prompt token", units.joules(spent.joules_per_prompt_token), channel))
        rows.append(plain_row("energy, a generated token", units.joules(spent.joules_per_generated_token), channel))
    return rows


def agreement_table(record: Record) -> Table | None:
    """Tokens and distributions against each reference."""
    found = record.summary.text_generation
    if found is None or not found.agreement:
        return None
    rows = tuple(_agreement_row(one) for one in found.agreement)
    notes = [divergence_words(one) for one in found.agreement]
    note = " ".join(dict.fromkeys(n for n in notes if n))
    columns = ("Compared with", "Equal before the first difference", "Equal in all", "KL divergence", "Top-1")
    return Table("Agreement", columns, rows, note)


def _agreement_row(found: Agreement) -> tuple[Cell, ...]:
    if found.token_prefix is None:
        return plain_row(ORIGINS[found.of], units.MISSING, units.MISSING, units.MISSING, units.clean(found.reason))
    kl = units.MISSING if found.kl_divergence_nats is None else f"{units.digits(found.kl_divergence_nats)} nats"
    return plain_row(
        f"{ORIGINS[found.of]} ({units.clean(found.reference)})",
        f"{found.token_prefix} of {found.tokens_compared}",
        units.percent(found.tokens_equal_share),
        kl,
        units.percent(found.top1_agreement),
    )


def divergence_words(found: Agreement) -> str:
    """The first token that differs, and the logits behind it; empty where all are equal."""
    swap = found.first_divergence
    if swap is None:
        return ""
    said = f"Compared with {ORIGINS[found.of]}, token {swap.index + 1} is {swap.token}, not {swap.reference_token}"
    if swap.logit_gap is None or swap.logit_error is None:
        return f"{said}."
    gap, error = units.digits(swap.logit_gap), units.digits(swap.logit_error)
    return f"{said}: the reference's logits prefer its token by {gap}; here that difference deviates by {error}."


def seconds(value: float | None) -> str:
    """Seconds as a duration."""
    return units.duration(None if value is None else value * 1e9)
