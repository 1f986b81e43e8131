"""The summary: every figure from known samples, and None where nothing stands behind it."""

from statistics import geometric_mean

import numpy as np
import pytest

from bench.analysis.summary import cold_start, latency, summarise, throughput
from bench.analysis.text import TokenTimes, text_generation
from bench.record.energy import EnergySummary
from bench.record.memory import MemorySummary
from bench.record.record import Phases, Repeat, SampleArrays, Scenario
from bench.stats import percentiles, processes
from bench.stats.processes import ordered

SINGLE = Scenario("single-stream")
OFFLINE = Scenario("offline")
CHAT = Scenario("single-stream", prompt_tokens=16, generate_tokens=4)


def repeat(
    index: int, queries: int, duration_ns: int | None = None, roles: tuple[str, ...] = ("latency_ns",)
) -> Repeat:
    """A repeat whose arrays are called ``r<index>/<role>``."""
    arrays = SampleArrays(queries, {role: f"r{index}/{role}" for role in roles})
    return Repeat(Phases(), samples=arrays, duration_ns=duration_ns)


class TestLatency:
    def test_pools_the_repeats(self) -> None:
        """Count, mean and extremes are over all samples; each process keeps its own median."""
        found = latency(ordered([np.array([1, 2, 3]), np.array([10, 20])]))
        assert (found.n, found.mean, found.min, found.max) == (5, 7, 1, 20)
        assert found.repeat_p50 == (2, 20)

    @pytest.mark.parametrize(("p", "field"), [(50, "p50"), (90, "p90"), (95, "p95"), (99, "p99"), (99.9, "p999")])
    def test_percentile_needs_its_samples(self, p: float, field: str) -> None:
        """A percentile is stated from LoadGen's least count on, over all repeats, and not one sample below."""
        least = processes.MIN_SAMPLES[p]
        samples = np.arange(1_000, 1_000 + least)
        assert percentiles.percentile(samples, p) == getattr(latency(ordered([samples])), field)
        assert getattr(latency(ordered([samples[:5], samples[5:-1]])), field) is None

    @pytest.mark.parametrize(("p", "field"), [(90, "p90"), (95, "p95"), (99, "p99"), (99.9, "p999")])
    def test_a_tail_of_few_samples_is_that_of_all(self, p: float, field: str) -> None:
        """Of few samples a process' own p99 is its greatest: one short of the least count, all are one pool."""
        least = processes.MIN_SAMPLES[p]
        enough, few = np.arange(1_000, 1_000 + least), np.arange(5_000, 5_000 + least - 1)
        assert percentiles.percentile(np.concatenate([enough, few]), p) == getattr(
            latency(ordered([enough, few])), field
        )
        each = [percentiles.percentile(part, p) for part in (enough, enough + 4_000)]
        assert round(geometric_mean(each)) == getattr(latency(ordered([enough, enough + 4_000])), field)

    def test_a_fast_process_weighs_no_more(self) -> None:
        """In the same time it runs four times the queries; the figure is that of a process, not of a query."""
        assert 2_000 == latency(ordered([np.full(400, 1_000), np.full(100, 4_000)])).p50

    def test_no_process_no_weight(self) -> None:
        """An empty repeat is none."""
        parts = [np.arange(1, 40), np.empty(0, np.int64)]
        assert percentiles.percentile(parts[0], 50) == processes.process_percentile(parts, 50)
        assert processes.process_percentile([], 50) is None

    def test_interval_is_between_processes(self) -> None:
        """The interval of the p50 is that between processes."""
        repeats = [np.full(50, middle) for middle in (1000, 1100, 1200)]
        assert processes.between_process_interval(repeats) == latency(ordered(repeats)).p50_ci95

    @pytest.mark.parametrize(("p", "field"), [(50, "p50"), (90, "p90"), (95, "p95"), (99, "p99"), (99.9, "p999")])
    def test_every_percentile_has_its_interval(self, p: float, field: str) -> None:
        """As soon as it is stated, and bounded on both sides; it holds the figure."""
        rng = np.random.default_rng(7)
        repeats = [np.round(1e6 * np.exp(rng.normal(0, 0.1, 5_000))).astype(np.int64) for _ in range(3)]
        found = latency(ordered(repeats))
        interval = getattr(found, f"{field}_ci95")
        assert processes.between_process_interval(repeats, p) == interval
        assert interval[0] < getattr(found, field) < interval[1]
        few = [part[: processes.MIN_SAMPLES[p] // 3 - 1] for part in repeats]
        assert (None, None) == (getattr(latency(ordered(few)), field), getattr(latency(ordered(few)), f"{field}_ci95"))

    def test_no_interval_without_its_percentile(self) -> None:
        """Where the p50 is not stated, neither is its interval."""
        found = latency(ordered([np.arange(1, 11)]))
        assert (found.p50, found.p50_ci95) == (None, None)

    def test_nothing_measured(self) -> None:
        """No arrays, no latency."""
        assert latency(ordered([])) is None


class TestThroughput:
    def test_single_stream(self) -> None:
        """One after another: the inverse of the mean latency, the geometric mean over repeats."""
        parts = [np.array([10_000_000, 30_000_000]), np.array([5_000_000])]
        samples = {"r0/latency_ns": parts[0], "r1/latency_ns": parts[1]}
        assert throughput([repeat(0, 2), repeat(1, 1)], samples, SINGLE) == pytest.approx(100)

    def test_offline(self) -> None:
        """In flight: completed over the time they took, the geometric mean over repeats; latencies do not enter."""
        repeats = [repeat(0, 100, 10**9), repeat(1, 800, 2 * 10**9)]
        assert throughput(repeats, {}, OFFLINE) == pytest.approx(200)

    def test_offline_without_duration(self) -> None:
        """A repeat whose time is not known has no rate."""
        assert throughput([repeat(0, 100)], {}, OFFLINE) is None

    def test_nothing_measured(self) -> None:
        """No queries, no rate."""
        assert throughput([], {}, SINGLE) is None
        assert throughput([Repeat(Phases(), duration_ns=5)], {}, OFFLINE) is None


class TestColdStart:
    def test_sums_phases(self) -> None:
        """Import, read, compile and first inference add up; spawning the process is the harness' and does not."""
        repeats = [Repeat(Phases(1000, 1, 2, 3, 4 + extra)) for extra in (0, 30)]
        assert cold_start(repeats) == 20

    def test_phase_that_does_not_exist(self) -> None:
        """A runtime without a phase of its own for reading has a cold start all the same."""
        assert cold_start([Repeat(Phases(runtime_import=5, compile=6, first_inference=7))]) == 18

    def test_no_first_inference(self) -> None:
        """Without a first output there is no cold start."""
        assert cold_start([Repeat(Phases(runtime_import=5, compile=6))]) is None
        assert cold_start([]) is None


class TestTextGeneration:
    TOKENS = np.array([[100, 110, 130, 160]] * 6) * 1_000_000

    def test_by_hand(self) -> None:
        """Tokens at 100, 110, 130 and 160 ms: TTFT 100 ms, TPOT 20 ms, gaps of 10, 20 and 30 ms."""
        found = text_generation(TokenTimes([self.TOKENS, self.TOKENS]), CHAT, (7, 8))
        assert (found.prompt_tokens, found.generated_tokens, found.token_ids) == (16, 4, (7, 8))
        assert (found.ttft_ns, found.tpot_ns) == (100_000_000, 20_000_000)
        assert processes.between_process_interval([self.TOKENS[:, 0]] * 2) == found.ttft_ns_ci95
        assert processes.between_process_interval([np.full(6, 20_000_000)] * 2) == found.tpot_ns_ci95
        assert found.itl_ns == {"p50": 20_000_000, "p90": None, "p99": None, "mean": 20_000_000}
        assert (found.prefill_tokens_per_s, found.decode_tokens_per_s) == (160, 50)

    def test_gaps_are_samples_of_their_own(self) -> None:
        """A hundred generations of four tokens have the gaps for a p90, and 300 are not enough for a p99."""
        found = text_generation(TokenTimes([np.tile(self.TOKENS[:1], (100, 1))]), CHAT)
        assert (found.itl_ns["p90"], found.itl_ns["p99"]) == (30_000_000, None)

    def test_too_few_queries(self) -> None:
        """Six generations have no median TTFT or TPOT, and no rates from them."""
        found = text_generation(TokenTimes([self.TOKENS]), CHAT)
        assert (found.ttft_ns, found.tpot_ns) == (None, None)
        assert (found.ttft_ns_ci95, found.tpot_ns_ci95) == (None, None)
        assert (found.prefill_tokens_per_s, found.decode_tokens_per_s) == (None, None)

    def test_one_token(self) -> None:
        """One token has a time to first token, and neither gaps nor time per output token."""
        found = text_generation(TokenTimes([np.full((20, 1), 100)]), CHAT)
        assert (found.ttft_ns, found.tpot_ns, found.decode_tokens_per_s) == (100, None, None)
        assert found.itl_ns == {"p50": None, "p90": None, "p99": None, "mean": None}

    def test_repeats_of_unequal_length(self) -> None:
        """The fewest tokens of any repeat are those generated."""
        assert text_generation(TokenTimes([self.TOKENS, self.TOKENS[:, :3]]), CHAT).generated_tokens == 3

    def test_tokens_that_never_came(self) -> None:
        """A query cut short counts what it gave: TPOT over its own tokens, no gap to what never came."""
        short = np.array([[100, 110, -1, -1]] * 12) * 1_000_000
        short[short < 0] = -1
        found = text_generation(TokenTimes([short]), CHAT)
        assert (found.generated_tokens, found.tpot_ns, found.e2e_ns) == (2, 10_000_000, 110_000_000)
        assert found.itl_ns["p50"] == 10_000_000

    def test_prompts_of_their_own_lengths(self) -> None:
        """Prompts are told by their median length, and prefill by the rate of each, the mean over repeats."""
        long = self.TOKENS + 900_000_000
        lengths = [np.full(6, 10), np.full(6, 1000)]
        found = text_generation(TokenTimes([self.TOKENS, long, self.TOKENS], (), [*lengths, lengths[0]]), CHAT)
        assert (10, pytest.approx((100 * 1000 * 100) ** (1 / 3))) == (found.prompt_tokens, found.prefill_tokens_per_s)

    def test_every_process_weighs_alike(self) -> None:
        """A process four times as slow runs a quarter of the queries: rates and gaps are means of both."""
        slow, fast = np.tile(4 * self.TOKENS[:2], (30, 1)), np.tile(self.TOKENS[:2], (120, 1))
        lengths = [np.arange(10, 10 + len(part)) % 20 + 10 for part in (slow, fast)]
        found = text_generation(TokenTimes([slow, fast], (), lengths), CHAT)
        assert (found.ttft_ns, found.itl_ns["p50"], found.itl_ns["p90"]) == (200_000_000, 40_000_000, 60_000_000)
        rates = [np.median(1e9 * n / part[:, 0]) for n, part in zip(lengths, (slow, fast), strict=True)]
        assert pytest.approx(geometric_mean(rates)) == found.prefill_tokens_per_s

    def test_with_the_tokenizer(self) -> None:
        """The pass with the tokenizer has figures of its own, beside those without."""
        found = text_generation(TokenTimes([self.TOKENS] * 2, [self.TOKENS + 2_000_000] * 2), CHAT)
        assert (found.ttft_ns, found.tokenized.ttft_ns, found.tokenized.queries) == (100_000_000, 102_000_000, 12)
        assert (found.e2e_ns, found.tokenized.e2e_ns) == (160_000_000, 162_000_000)

    @pytest.mark.parametrize("arrays", [[], [np.empty((3, 0), np.int64)], [np.arange(5)]])
    def test_no_tokens(self, arrays: list[np.ndarray]) -> None:
        """Without token times it was not a text generation."""
        assert text_generation(TokenTimes(arrays), CHAT) is None


class TestSummarise:
    def test_reads_the_arrays_that_repeats_name(self) -> None:
        """Arrays of other repeats or roles do not enter."""
        samples = {
            "r0/latency_ns": np.arange(1, 13),
            "r0/warmup_latency_ns": np.full(5, 10**9),
            "r7/latency_ns": np.full(5, 10**9),
        }
        found = summarise([repeat(0, 12, roles=("latency_ns", "warmup_latency_ns"))], samples, SINGLE)
        assert (found.latency_ns.n, found.latency_ns.max) == (12, 12)
        assert found.text_generation is None

    def test_text_generation(self) -> None:
        """Token times give a text generation beside the latency of whole generations."""
        tokens = np.tile(TestTextGeneration.TOKENS, (2, 1))
        samples = {"r0/token_ns": tokens, "r0/latency_ns": tokens[:, -1]}
        found = summarise([repeat(0, 12, roles=("latency_ns", "token_ns"))], samples, CHAT, token_ids=[1, 2, 3, 4])
        assert found.latency_ns.p50 == 160_000_000
        assert found.text_generation.token_ids == (1, 2, 3, 4)

    def test_carries_memory_and_energy(self) -> None:
        """Summaries made elsewhere are carried as they are."""
        memory, energy = MemorySummary(peak_rss=5), EnergySummary(tier="model")
        found = summarise([], {}, SINGLE, memory=memory, energy=energy)
        assert (found.memory_bytes, found.energy) == (memory, energy)

    @pytest.mark.parametrize("repeats", [[], [Repeat(Phases())], [repeat(0, 3)]])
    def test_nothing_measured(self, repeats: list[Repeat]) -> None:
        """Without repeats, arrays or the samples they name, every figure is None."""
        found = summarise(repeats, {}, SINGLE)
        assert (found.latency_ns, found.throughput_per_s, found.cold_start_ns) == (None, None, None)
