"""The repeat of a language model: first token, whole generations, then passes that would have disturbed them.

- steady: whole generations from newly filled caches, with a timestamp per token
- tokenized pass: the same work with the tokenizer inside the timed part, where the session has one
- prefill pass: generations of one token, which cost a prompt without its answer

The two passes are left out where queries are not alike or one at a time, and where another process takes turns.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import DecoderSpec, OpenRequest, Scenario, Tokenizer
from bench.errors import RunFailure
from bench.inputs.prompts import Lengths, Query, behind_one_context, encoded, load_prompts, queries
from bench.inputs.tokenizer_file import tokenizer_of
from bench.measure.energy import EnergyMeter
from bench.measure.long_run import LongRun
from bench.measure.loop import time_generations
from bench.measure.phases import PhaseRecorder
from bench.measure.players.single_stream import token_times
from bench.measure.stage import Player, Stage, Steady, Text, Watched
from bench.measure.staged.queries import Staged
from bench.measure.text_driver import Generator, OpenedText
from bench.record.energy import RepeatEnergy
from bench.record.inputs import PipelineFacts
from bench.record.record import StoppingRule
from bench.record.samples import NEVER
from bench.stats.convergence import asks_convergence
from bench.stats.timeline import Timeline
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

OTHER_SEEDS = 1 << 32  # prompts in addition to the measured ones
PASS_QUERIES, LEAST_PASS_QUERIES = 6, 2
"""Queries of each pass after the steady state: with 6 of them two repeats reach the minimum count of a median, with 2
six. The least is enough once a pass has taken as long as the rule allows the steady state."""


def lengths(request: OpenRequest, scenario: Scenario) -> Lengths:
    """Of seeded prompts."""
    return Lengths(scenario.prompt_tokens or request.prompt_tokens, scenario.depth_tokens or 0)


def decoder_of(request: OpenRequest) -> DecoderSpec:
    """Raises ``RunFailure`` for a session that decodes although the model is not a language model."""
    if request.artifact.decoder is None:
        raise RunFailure("plugin_error", sentence("measure.decodes_without_text", model_id=request.artifact.model_id))
    return request.artifact.decoder


def distinct_queries(
    request: OpenRequest, scenario: Scenario, seed: int, most: int, prefill_tokens: int | None = None
) -> Iterator[Query]:
    """Prompts of the scenario's length, of ``most`` tokens at most, that never come twice and that the measured queries
    do not hold. ``prefill_tokens``: as many as a fixed graph computes at once, which are cheaper than fewer."""
    decoder = decoder_of(request)
    prompt = prefill_tokens or min(lengths(request, scenario).prompt, decoder.context_length // 2, most)
    return queries((), decoder, Lengths(prompt, 0), OTHER_SEEDS + seed)


class Generation(Struct, frozen=True, kw_only=True):
    """What a repeat is asked to generate. ``prompts``: the user's own, as ids, else they are seeded. ``tokenizer``: as
    in ``MeasureJob``."""

    request: OpenRequest
    scenario: Scenario
    rule: StoppingRule
    seed: int
    prompts: Path | None
    tokenizer: Path | None = None


def play_generation(
    asked: Generation,
    session: OpenedText,
    recorder: PhaseRecorder,
    steady_phase: Callable[[], AbstractContextManager[None]],
    watched: Watched,
    player: Player,
    long: LongRun,
    staged_of: Callable[[OpenedText], Staged] | None = None,
) -> tuple[Callable[[], None], Steady, PipelineFacts | None]:
    """First token, then the scenario. Returns one query as a call, what was measured, and what the stages are of a
    scenario that has a pipeline, which ``staged_of`` opens. In others a tokenizer is loaded after the steady state, so
    that its memory is not the model's."""
    tokens, decoder = asked.scenario.generate_tokens or 1, decoder_of(asked.request)
    given = encoded(load_prompts(asked.prompts), decoder, None)
    endless = queries(given, decoder, lengths(asked.request, asked.scenario), asked.seed)
    one_context = session.rewinds or (session.keeps_prefixes and not given)  # own prompts would be found there, too
    if one_context:
        endless = behind_one_context(endless)
    reused = one_context if lengths(asked.request, asked.scenario).depth else None
    first = next(endless)
    recorder.look("ready")
    ids = _first_generation(session, first, tokens, recorder)

    def run(count: int, timeline: Timeline) -> None:
        time_generations(session, endless, tokens, count, timeline)

    def again() -> None:
        run(1, Timeline())

    staged = None if staged_of is None else staged_of(session)
    stage = Stage(
        scenario=asked.scenario,
        rule=asked.rule,
        watched=watched,
        run=run,
        staged=staged,
        call=again,
        lanes=no_lanes,
        steady=steady_phase,
        long=long,
        text=Text(
            session=session,
            decoder=decoder,
            endless=endless,
            tokens=tokens,
            lengths=lengths(asked.request, asked.scenario),
            seed=asked.seed,
            given=given,
            stop_tokens=asked.request.stop_tokens,
        ),
    )
    steady = player(stage)
    if staged is not None:
        return staged.in_turn(), replace(steady, token_ids=ids, context_reused=reused), staged.facts
    in_turns = watched.take_turn is not None
    alone = "point" not in steady.arrays  # queries that are alike, one at a time
    if in_turns or not alone or not asks_convergence(asked.rule):  # not requested, or it is the other process' turn
        return again, replace(steady, token_ids=ids, context_reused=reused), None
    arrays = dict(steady.arrays)
    tokenizer, _ = tokenizer_of(session.tokenizer(), asked.tokenizer, asked.request.artifact.source)
    if tokenizer is not None:
        arrays["tokenized_token_ns"] = _tokenized(session, tokenizer, endless, tokens, asked.rule)
    prefill = _prefill_pass(session, endless, watched.meter, asked.rule)
    steady = replace(steady, arrays=arrays, token_ids=ids, prefill_energy=prefill, context_reused=reused)
    return again, steady, None


def _first_generation(session: OpenedText, first: Query, tokens: int, recorder: PhaseRecorder) -> tuple[int, ...]:
    """The tokens of the first prompt, and the phase up to the first of them. The process has generated nothing before,
    so that they do not depend on what an engine keeps of earlier queries."""
    ids: list[int] = []
    session.fill(first.context)
    with recorder.until("first_inference") as first_token_came:

        def on_token(token: int) -> None:
            first_token_came()
            ids.append(token)

        session.generate(first.prompt, tokens, on_token)
    return session.token_ids(ids)


def no_lanes(count: int | None) -> NoReturn:
    """A session of text generates for one query at a time. Raises ``RunFailure``."""
    raise RunFailure(
        "unsupported_scenario",
        sentence("measure.text_generation_no_lanes"),
        sentence("measure.measure_single_stream"),
        "steady",
    )


def pass_queries(
    endless: Iterator[Query], rule: StoppingRule, clock: Callable[[], int] = perf_counter_ns
) -> Iterator[Query]:
    """The queries of a pass after the steady state: ``PASS_QUERIES``, or ``LEAST_PASS_QUERIES`` and more until the time
    is used up."""
    begin_ns = clock()
    for number in range(PASS_QUERIES):
        if number >= LEAST_PASS_QUERIES and clock() - begin_ns >= rule.max_duration_ns:
            return
        yield next(endless)


def _prefill_pass(
    generator: Generator, endless: Iterator[Query], meter: EnergyMeter, rule: StoppingRule
) -> RepeatEnergy:
    """What queries of one token take."""
    timeline = Timeline()
    meter.start()
    for query in pass_queries(endless, rule):
        time_generations(generator, iter([query]), 1, 1, timeline)
    return meter.stop(len(timeline.done_ns))


def _tokenized(
    generator: Generator, tokenizer: Tokenizer, endless: Iterator[Query], tokens: int, rule: StoppingRule
) -> "Array":
    """As ``token_ns``, with the prompt's text encoded and every token decoded inside the timed part.

    The work stays as asked: the ids generated from are the query's own, whatever its text is encoded to.
    """
    timeline = Timeline()
    for query in pass_queries(endless, rule):
        decode = tokenizer.stream()
        text = _text(tokenizer, query.prompt)
        generator.fill(query.context)
        _time_with_text(generator, tokenizer, query, text, decode, tokens, timeline)
    return token_times(timeline)


def _time_with_text(
    generator: Generator,
    tokenizer: Tokenizer,
    query: Query,
    text: str,
    decode: Callable[[int], str],
    tokens: int,
    timeline: Timeline,
) -> None:
    stamps, clock = timeline.token_ns, perf_counter_ns

    def on_token(token: int) -> None:
        decode(token)
        stamps.append(clock())

    before = len(stamps)
    t0 = clock()
    tokenizer.encode(text)
    generator.generate(query.prompt, tokens, on_token)
    if len(stamps) == before:
        raise RunFailure(
            "runtime_error",
            sentence("measure.engine_generated_no_token"),
            sentence("measure.try_another_prompt"),
            "after",
        )
    timeline.issued_ns.append(t0)
    timeline.done_ns.append(stamps[-1])
    stamps.extend([NEVER] * (tokens - (len(stamps) - before)))


def _text(tokenizer: Tokenizer, ids: "Array") -> str:
    decode = tokenizer.stream()
    return "".join(decode(int(token)) for token in ids)
