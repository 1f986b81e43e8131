"""The tables of one run that generated text; ``None`` if the record lacks that part."""

from collections.abc import Mapping

from bench.analysis.verdict.answers import differing, first_difference
from bench.record.record import Record
from bench.record.text import Agreement, KvCache, TextGeneration
from bench.reports.view.rows import Cell, Table, columns, out_of
from bench.reports.view.tables import plain_row
from bench.reports.words.figures import between, figure, metrics, shown
from bench.reports.words.names import tier
from bench.scenarios.text import turns_of
from bench.words import say, sentence, units

QUANTISING_OPTIONS = ("DYNAMIC_QUANTIZATION_GROUP_SIZE", "session.qdq_matmulnbits_accuracy_level")
"""Options of runtimes that decide whether activations are quantised on the way to a product."""


def text_table(record: Record) -> Table | None:
    """Times and rates, with and without the tokenizer; the cache; the cost of a token."""
    found = record.summary.text_generation
    if found is None:
        return None
    rows = [
        *(_timed_row(record, name) for name in ("ttft_ns", "tpot_ns")),
        *_gaps(found),
        plain_row(say("report.text.e2e"), units.duration(found.e2e_ns), say("report.text.median")),
        plain_row(
            say("report.text.prefill"),
            units.number(found.prefill_tokens_per_s, "tokens/s"),
            units.counted(found.prompt_tokens, "token"),
        ),
        plain_row(
            str(metrics()["decode_tokens_per_s"].short),
            shown(record, "decode_tokens_per_s"),
            units.counted(found.generated_tokens, "token"),
        ),
        *_tokenized(found),
        *_asked(record, found),
        *_scenario(record, found),
        *_cache(found.kv_cache),
        *_energy(record, found),
    ]
    tokens = ", ".join(map(str, found.token_ids[:8])) + (", …" if len(found.token_ids) > 8 else "")
    rows.append(plain_row(say("report.text.first_tokens"), tokens or units.MISSING, say("report.text.greedy")))
    return Table(say("report.text.caption"), columns("statistic", "value", "note"), tuple(rows))


def _asked(record: Record, found: TextGeneration) -> list[tuple[Cell, ...]]:
    """How the user's text became a prompt, and where generations end, if that is not after a number of tokens."""
    rows, inputs, used = [], record.plan.inputs, found.tokenizer
    if inputs is not None and inputs.source == "prompt_text":
        template = inputs.template
        how = say("report.text.with_template" if template is not None else "report.text.without_template")
        note = say(f"report.text.tokenizer.{used.source}", version=used.version) if used is not None else ""
        rows.append(plain_row(say("report.text.prompts"), how, note))
    if found.stop_token_ids:
        tokens = ", ".join(map(str, found.stop_token_ids))
        rows.append(plain_row(say("report.text.ends"), say("report.text.at_tokens", tokens=tokens), "--stop"))
    return rows


def _scenario(record: Record, found: TextGeneration) -> list[tuple[Cell, ...]]:
    """Of a conversation the tokens that each turn computed; whether the scenario changed an answer."""
    rows: list[tuple[Cell, ...]] = []
    if found.prefilled_tokens:
        tokens = ", ".join(map(str, found.prefilled_tokens))
        rows.append(plain_row(say("report.text.computed"), tokens, say("report.text.computed.note")))
    checked = found.answers
    if checked is None or not checked.other_token_ids:
        return rows
    who = "turn" if turns_of(record.plan.scenario) is not None else "user"
    first = first_difference(checked.token_ids, checked.other_token_ids)
    if first is None:
        said = say(f"report.text.answers.{who}.same", total=len(checked.token_ids))
    else:
        place, token = (index + 1 for index in first)
        figures = {"differing": differing(checked), "total": len(checked.token_ids), "place": place, "token": token}
        said = say(f"report.text.answers.{who}.differ", **figures)
    return [*rows, plain_row(say("report.text.answers"), said, say("report.text.answers.checked"))]


def _gaps(found: TextGeneration) -> list[tuple[Cell, ...]]:
    """Of all gaps between tokens: percentiles, and the mean."""
    each = say("report.text.every_gap")
    named = {k: say("report.mean") if k == "mean" else units.clean(k) for k in found.itl_ns}
    return [
        plain_row(say("report.text.gap", statistic=named[k]), units.duration(v), each) for k, v in found.itl_ns.items()
    ]


def _timed_row(record: Record, name: str) -> tuple[Cell, ...]:
    metric, known = metrics()[name], between(record, name)
    note = say("report.text.of_queries_between", bounds=known) if known else say("report.text.of_queries")
    return plain_row(f"{metric.title} ({metric.short})", shown(record, name), note)


def _tokenized(found: TextGeneration) -> list[tuple[Cell, ...]]:
    times = found.tokenized
    if times is None:
        return []
    note = say("report.text.tokenized", queries=times.queries)
    return [
        plain_row(say("report.text.tokenized_ttft"), units.duration(times.ttft_ns), note),
        plain_row(say("report.text.tokenized_tpot"), units.duration(times.tpot_ns), note),
        plain_row(say("report.text.tokenized_e2e"), units.duration(times.e2e_ns), note),
    ]


def _cache(found: KvCache | None) -> list[tuple[Cell, ...]]:
    if found is None:
        return []
    note = _observed(found) if found.observed_bytes_per_token is not None else units.clean(str(found.reason))
    title = say("report.column.kv_cache")
    rows = [plain_row(title, units.size(found.bytes_per_token), say("report.text.cache_layout"))]
    if found.executed_bytes_per_token not in (None, found.bytes_per_token):
        rows.append(plain_row(title, units.size(found.executed_bytes_per_token), say("report.text.cache_executed")))
    return [*rows, plain_row(title, units.size(found.observed_bytes_per_token), note)]


def _observed(found: KvCache) -> str:
    what = sentence("report.text.heap_growth" if found.read_from == "heap" else "report.text.process_growth")
    over = say("report.text.growth", what=what, tokens=found.observed_tokens or 0)
    if found.observed_ci95 is None:
        return over
    low, high = found.observed_ci95
    return say("report.text.growth_between", growth=over, low=low, high=high)


JOULES = {
    "joules_per_prompt_token": "report.text.joules_prompt",
    "total_joules_per_prompt_token": "report.text.total_joules_prompt",
    "joules_per_generated_token": "report.text.joules_generated",
    "total_joules_per_generated_token": "report.text.total_joules_generated",
}


def _energy(record: Record, found: TextGeneration) -> list[tuple[Cell, ...]]:
    spent = found.energy
    if spent is None:
        return []
    rows = [
        plain_row(say("report.text.cpu_prompt"), seconds(spent.cpu_seconds_per_prompt_token), tier("activity")),
        plain_row(say("report.text.cpu_generated"), seconds(spent.cpu_seconds_per_generated_token), tier("activity")),
    ]
    channel = units.clean(spent.sensor_channel or "")
    for name, code in JOULES.items():
        if figure(record, name) is None and not (channel and not name.startswith("total_")):
            continue
        bounds = between(record, name)
        within = say("report.between95", bounds=bounds) if bounds else ""
        note = "; ".join(filter(None, (channel, within)))
        rows.append(plain_row(say(code), shown(record, name), note))
    return rows


def agreement_table(record: Record) -> Table | None:
    """Tokens and distributions against each reference."""
    found = record.summary.text_generation
    if found is None or not found.agreement:
        return None
    rows = tuple(_agreement_row(one) for one in found.agreement)
    note = differences_words(record)
    heads = columns("compared_with", "equal_before", "equal_all", "kl_divergence", "top1")
    return Table(say("report.agreement.caption"), heads, rows, note)


def _agreement_row(found: Agreement) -> tuple[Cell, ...]:
    origin = say(f"report.origin.{found.of}")
    if found.token_prefix is None:
        return plain_row(origin, units.MISSING, units.MISSING, units.MISSING, units.clean(str(found.reason)))
    kl = units.MISSING if found.kl_divergence_nats is None else f"{units.digits(found.kl_divergence_nats)} nats"
    return plain_row(
        say("report.with_figure", said=origin, figure=units.clean(str(found.reference))),
        out_of(found.token_prefix, found.tokens_compared),
        units.percent(found.tokens_equal_share),
        kl,
        units.percent(found.top1_agreement),
    )


def differences_words(record: Record) -> str:
    """The first differences from each reference, and what this run was computed in; empty where all tokens are
    equal."""
    found = record.summary.text_generation
    told = dict.fromkeys(filter(None, map(_both_words, found.agreement))) if found is not None else {}
    if found is None or not told:
        return ""
    known = ", ".join(_computed_in(record, found))
    return " ".join((*told, say("report.divergence.this_run", computed_in=known))) if known else " ".join(told)


def _both_words(found: Agreement) -> str:
    """The first difference from a reference, and what the reference was computed in."""
    said, known = divergence_words(found), ", ".join(_types(found.reference_types))
    return f"{said} {say('report.divergence.reference', computed_in=known)}" if said and known else said


def _types(types: Mapping[str, str | None]) -> list[str]:
    """Of weights, activations and KV cache the types that are known."""
    kinds = ("weights", "activations", "kv_cache")
    named = {what: types.get(what) for what in kinds}
    return [say(f"report.computed_in.{what}", precision=units.clean(name)) for what, name in named.items() if name]


def _computed_in(record: Record, found: TextGeneration) -> list[str]:
    """What the tokens depend on besides the model, as far as the record has it: types of weights, activations and KV
    cache, options that quantise activations on the way, and what was in the cache."""
    target, source = record.plan.target, record.plan.model.source
    stored = source.stored_as if target.imported_by and source is not None else record.plan.model.precision
    types = {
        "weights": target.executed_weights or stored,
        "activations": target.executed_activations or target.executed_precision,
        "kv_cache": target.executed_kv_cache,
    }
    options = {**target.options_requested, **target.options_effective}
    said = _types(types)
    said += [units.clean(f"{name}={options[name]}") for name in QUANTISING_OPTIONS if name in options]
    return said + ([say(f"report.computed_in.cache_{found.cache_state}")] if found.cache_state else [])


def divergence_words(found: Agreement) -> str:
    """The first token that differs, and the logits behind it; empty where all are equal."""
    swap = found.first_divergence
    if swap is None:
        return ""
    first = {
        "origin": sentence(f"report.origin.{found.of}"),
        "place": swap.index + 1,
        "token": swap.token,
        "reference_token": swap.reference_token,
    }
    if swap.logit_gap is None or swap.logit_error is None:
        return say("report.divergence", **first)
    return say("report.divergence.logits", **first, gap=swap.logit_gap, error=swap.logit_error)


def seconds(value: float | None) -> str:
    """Seconds as a duration."""
    return units.duration(None if value is None else value * 1e9)
