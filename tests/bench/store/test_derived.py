"""A record that is read says what its samples say, whatever its file states."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from judged_runs import steady
from msgspec.structs import replace

from bench import __version__
from bench.analysis.outputs.decided_again import decided_again
from bench.analysis.outputs.fidelity import compare_outputs
from bench.analysis.rules import rules_digest
from bench.analysis.verdict.codes import CODES
from bench.analysis.verdict.judge import judge
from bench.comparison.folders import compare_folders
from bench.errors import InputError
from bench.record.codec import decode, encode
from bench.record.quality import DatasetFacts, Quality, QualityMetric
from bench.record.record import Fidelity, OutputFidelity, PlacementSummary, Reason, Record, RecordedRun, Tool, Verdict
from bench.store.derived import computed
from bench.store.records import load, load_records, save
from bench.suite.presets import PRESETS
from bench.testing.records import MODEL, TARGET, fake_run

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
MS = 1_000_000
FIGURES = {"cold_start_ns": 3e8, "peak_rss_bytes": 1e8, "cpu_seconds": 0.4, "joules": 9.0}


def written(name: str = "a", scale: float = 4, rules: str | None = None, **plan: Any) -> RecordedRun:
    """A run as this tool would write it: five processes of 300 queries, with summary and verdict. ``rules``: those of
    an older version."""
    latency = [(scale * steady(seed)).astype(np.int64) for seed in range(5)]
    run = fake_run(name, latency, figures=[FIGURES] * 5, rule=PRESETS["quick"].rule, **plan)
    tool = (
        Tool("ondevice-bench", __version__, rules_digest()) if rules is None else Tool("ondevice-bench", "0.0.9", rules)
    )
    bare = replace(run.record, tool=tool, plan=replace(run.record.plan, command=""))
    record = computed(bare, run.samples)
    return RecordedRun(replace(record, verdict=judge(RecordedRun(record, run.samples))), run.samples)


def reloaded(folder: Path, run: RecordedRun, change: Callable[[Record], Record] = lambda record: record) -> RecordedRun:
    """The run with its record changed, saved with a seal that fits, and read again."""
    return load(folder / save(folder, change(run.record), run.samples).record_id)


def summary_with(part: str, **fields: Any) -> Callable[[Record], Record]:
    """Changes fields of one part of the summary."""

    def change(record: Record) -> Record:
        summary = record.summary
        changed = replace(getattr(summary, part), **fields) if part else None
        return replace(record, summary=replace(summary, **({part: changed} if part else fields)))

    return change


def codes(run: RecordedRun) -> list[str]:
    assert run.record.verdict is not None
    return [reason.code for reason in run.record.verdict.reasons]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Nothing is corrected, and figures and verdict are the written ones."""
    run = written()
    read = reloaded(tmp_path, run)
    assert ((), run.record.summary, run.record.verdict) == (read.corrections, read.record.summary, read.record.verdict)


FORGERIES: dict[str, tuple[Callable[[Record], Record], str]] = {
    "p50 below the minimum": (summary_with("latency_ns", p50=800_000), "latency_ns.p50"),
    "p50 that could be": (summary_with("latency_ns", p50=3_990_000, p50_ci95=(3_900_000, 4_000_000)), "latency_ns.p50"),
    "interval": (summary_with("latency_ns", p50_ci95=(3_000_000, 3_100_000)), "p50_ci95"),
    "repeats' medians": (summary_with("latency_ns", repeat_p50=(1, 2, 3, 4, 5)), "repeat_p50"),
    "count": (summary_with("latency_ns", n=15_000), "latency_ns.n"),
    "throughput": (summary_with("", throughput_per_s=9999.0), "throughput_per_s"),
    "cold start": (summary_with("", cold_start_ns=5), "cold_start_ns"),
    "memory": (summary_with("memory_bytes", peak_rss=1000), "peak_rss"),
    "energy": (summary_with("energy", joules_per_inference=1e-9), "joules_per_inference"),
    "CPU time": (summary_with("energy", cpu_seconds_per_inference=1e-9), "cpu_seconds_per_inference"),
    "tier": (summary_with("energy", tier="meter"), "energy.tier"),
    "spread": (summary_with("variance", between_process_cv=0.0, within_process_cv=0.0), "variance"),
}


@pytest.mark.parametrize("name", list(FORGERIES))
def test_a_forged_figure_is_not_shown(tmp_path: Path, name: str) -> None:
    """The figure that the samples give is read instead, the run is not valid, and the reason names the field."""
    change, field = FORGERIES[name]
    run = written()
    read = reloaded(tmp_path, run, change)
    assert run.record.summary == read.record.summary
    assert read.record.verdict is not None
    assert (False, "record_edited") == (read.record.verdict.valid, codes(read)[0])
    assert field in read.record.verdict.reasons[0].message


def test_an_emptied_verdict_is_filled(tmp_path: Path) -> None:
    """A busy machine stays the reason, whoever takes it out of the verdict; that it was taken out is a reason too."""
    run = written()
    busy = tuple(replace(repeat, cpu_busy_share=0.8) for repeat in run.record.repeats)
    read = reloaded(tmp_path, run, lambda record: replace(record, repeats=busy, verdict=Verdict(True, False)))
    assert ["record_edited", "host_busy"] == [c for c in codes(read) if CODES[c].invalidates]
    assert read.record.verdict is not None
    assert "verdict as valid (no reason)" in read.record.verdict.reasons[0].message


def test_a_run_without_samples_has_no_figures(tmp_path: Path) -> None:
    """Figures that no samples stand behind are not shown."""
    run = written()
    bare = replace(run.record, repeats=tuple(replace(r, samples=None) for r in run.record.repeats))
    read = load(tmp_path / save(tmp_path, bare, {}).record_id)
    assert (None, None) == (read.record.summary.latency_ns, read.record.summary.throughput_per_s)
    assert "record_edited" in codes(read)


class TestOtherRules:
    """Records of another version, or of other rules, are computed anew and not called edited."""

    def test_a_figure_of_other_rules(self, tmp_path: Path) -> None:
        """A percentile that was interpolated, an interval of another method, a code that is no more: said, no more."""
        old = written(rules="0123456789abcdef")
        assert old.record.summary.latency_ns is not None
        p50 = old.record.summary.latency_ns.p50
        assert p50 is not None

        def older(record: Record) -> Record:
            changed = summary_with("latency_ns", p50=p50 + 999, p50_ci95=(p50 - MS // 10, p50 + MS // 10))(record)
            return replace(changed, verdict=Verdict(True, False, (Reason("a_code_of_old", "Once.", "", False),)))

        read = reloaded(tmp_path, old, older)
        assert old.record.summary == read.record.summary
        assert "recomputed" == codes(read)[0]
        assert read.record.verdict is not None
        assert read.record.verdict.valid

    def test_rules_that_are_not_known_are_called_so(self, tmp_path: Path) -> None:
        """The digest of another version says nothing here; the reader is told so."""
        read = reloaded(tmp_path, written(rules="0123456789abcdef"), summary_with("", throughput_per_s=9999.0))
        assert read.record.verdict is not None
        assert ("recomputed", True) == (codes(read)[0], read.record.verdict.valid)
        assert "0123456789abcdef" in read.record.verdict.reasons[0].message

    @pytest.mark.parametrize("digest", ["0123456789abcdef", ""])
    def test_a_false_digest_excuses_nothing(self, tmp_path: Path, digest: str) -> None:
        """A record of this version follows its rules, whatever digest it states."""
        p50 = summary_with("latency_ns", p50=3_990_000)
        false = replace(written().record.tool, rules=digest)
        read = reloaded(tmp_path, written(), lambda record: replace(p50(record), tool=false))
        assert read.record.verdict is not None
        assert ("record_edited", False) == (codes(read)[0], read.record.verdict.valid)
        assert written().record.summary == read.record.summary

    def test_a_false_digest_is_told(self, tmp_path: Path) -> None:
        """Where all figures are right it does no harm; the verdict says what the digest of this version is."""
        false = replace(written().record.tool, rules="0123456789abcdef")
        read = reloaded(tmp_path, written(), lambda record: replace(record, tool=false))
        assert read.record.verdict is not None
        assert ("recomputed", True) == (codes(read)[0], read.record.verdict.valid)
        message = read.record.verdict.reasons[0].message
        assert (True, True) == ("0123456789abcdef" in message, rules_digest() in message)

    def test_a_false_version_with_the_true_digest(self, tmp_path: Path) -> None:
        """The digest covers the version: such a record was edited, and the true version is shown."""
        false = replace(written().record.tool, version="9.9.9")
        read = reloaded(tmp_path, written(), lambda record: replace(record, tool=false))
        assert ("record_edited", __version__) == (codes(read)[0], read.record.tool.version)

    def test_a_figure_that_no_rules_give(self, tmp_path: Path) -> None:
        """Below the minimum of the samples is below it by any rules: edited."""
        read = reloaded(tmp_path, written(rules=""), summary_with("latency_ns", p50=800_000))
        assert "record_edited" == codes(read)[0]

    @pytest.mark.parametrize("golden", sorted(GOLDEN.glob("record-v*.json")), ids=lambda path: path.stem)
    def test_recorded_files_are_not_called_edited(self, tmp_path: Path, golden: Path) -> None:
        """A record of every schema so far, with samples that fit it, is read."""
        record = decode(golden.read_bytes(), golden.name)
        tokens = record.plan.scenario.generate_tokens or 1
        samples = {}
        for repeat in record.repeats:
            assert repeat.samples is not None
            warm, count = repeat.warmup.queries if repeat.warmup is not None else 0, repeat.samples.queries
            for role, key in repeat.samples.arrays.items():
                shape = (count, tokens) if "token_ns" in role else warm if role == "warmup_latency_ns" else count
                samples[key] = np.full(shape, 5 * MS)
        judged = record.quality.samples if record.quality is not None else {}
        count = record.quality.dataset.samples if record.quality is not None else 0
        values = {metric.name: metric.value for metric in record.quality.metrics} if record.quality else {}
        samples |= {key: np.full(count, values.get(name, 0.0)) for name, key in judged.items()}
        folder = tmp_path / record.record_id
        folder.mkdir()
        old = replace(record, samples_file=None, record_sha256=None, tool=Tool("ondevice-bench", "0.0.1"))
        if record.schema_version == 1:
            np.savez(folder / "samples.npz", **samples)
            data = (folder / "samples.npz").read_bytes()
            from hashlib import sha256

            from bench.record.record import SamplesFile

            facts = SamplesFile("samples.npz", sha256(data).hexdigest(), len(data))
            (folder / "record.json").write_bytes(encode(replace(old, samples_file=facts)))
        else:
            folder.rmdir()
            save(tmp_path, old, samples)
        assert record.record_id == load(folder).record.record_id


class TestWhatCannotBeComputed:
    """Facts that contradict one another are refused, with file and field."""

    def refused(self, folder: Path, change: Callable[[Record], Record]) -> str:
        with pytest.raises(InputError) as caught:
            reloaded(folder, written(), change)
        return caught.value.message

    def test_placement(self, tmp_path: Path) -> None:
        """A node that ran elsewhere and that no list names."""
        forged = PlacementSummary("HTP", {"HTP": 7, "CPU": 1}, None, ())
        message = self.refused(tmp_path, lambda record: replace(record, placement=forged))
        assert "placement.nodes has 1 elsewhere than on HTP, but placement.fallback names 0" in message

    def test_work_beyond_the_models(self, tmp_path: Path) -> None:
        """More multiply-accumulates on the device than the model has."""
        forged = PlacementSummary("HTP", {"HTP": 7}, {"HTP": 11})
        assert "placement.macs" in self.refused(tmp_path, lambda record: replace(record, placement=forged))

    @pytest.mark.parametrize("value", [-5, 10**18])
    def test_times_that_cannot_be(self, tmp_path: Path, value: int) -> None:
        """A phase below 0, or of many years."""

        def change(record: Record) -> Record:
            first = record.repeats[0]
            phases = replace(first.phases_ns, compile=value)
            return replace(record, repeats=(replace(first, phases_ns=phases), *record.repeats[1:]))

        assert f"repeats[0].phases_ns.compile is {value}" in self.refused(tmp_path, change)

    def test_one_array_for_two_processes(self, tmp_path: Path) -> None:
        """The same samples twice are not two processes."""
        change = lambda record: replace(record, repeats=(record.repeats[0],) * 5)  # noqa: E731
        assert "two parts of the record name the same array of samples.npz" in self.refused(tmp_path, change)

    def test_quality_that_its_results_do_not_give(self, tmp_path: Path) -> None:
        """A share of right answers that the results of the samples do not add up to."""
        facts = DatasetFacts("photos", "classification", "a" * 64, 4)
        metric = QualityMetric("top1", 1.0, None, 4, True, "mean", "share")
        quality = Quality(facts, "f" * 64, "null:cpu", metrics=(metric,), samples={"top1": "quality_top1"})
        run = written()
        judged = RecordedRun(run.record, {**run.samples, "quality_top1": np.array([1, 0, 1, 0])})
        with pytest.raises(InputError, match=r"the results of top1 give 0.5, but record.json says 1"):
            reloaded(tmp_path, judged, lambda record: replace(record, quality=quality))


def test_report_and_comparison_show_the_same_figures(tmp_path: Path) -> None:
    """Of many runs, of several sizes and spreads, written by any rules and some of them forged: to the last digit."""
    rng = np.random.default_rng(7)
    for side in ("base", "new"):
        (tmp_path / side).mkdir()
    for i in range(24):
        queries, processes = int(rng.integers(12, 900)), int(rng.integers(1, 6))
        scales = 4 * np.exp(rng.normal(0, 0.2, processes))
        latency = [(s * steady(int(rng.integers(1 << 30)), queries)).astype(np.int64) for s in scales]
        figures = [{name: value * float(rng.lognormal(0, 0.1)) for name, value in FIGURES.items()} for _ in latency]
        tokens = [(array[:, None] * np.linspace(0.1, 1, 8)).astype(np.int64) for array in latency] if i % 3 == 0 else ()
        run = fake_run(f"r{i:02}", latency, tokens, figures)
        model = replace(run.record.plan.model, id=f"net{i}")
        record = replace(run.record, plan=replace(run.record.plan, model=model))
        if i % 4 == 0:
            record = summary_with("latency_ns", p50=1)(computed(record, run.samples))
        for side in ("base", "new"):
            save(tmp_path / side, replace(record, record_id=f"{side}{i:02}"), run.samples)
    compared = compare_folders(tmp_path / "base", [tmp_path / "new"]).comparisons
    changes = {(c.base.record_id, change.metric): (change.base, change.new) for c in compared for change in c.changes}
    shown = {}
    for run in load_records(tmp_path / "base"):
        s = run.record.summary
        assert None not in (s.latency_ns, s.energy, s.memory_bytes)
        found = {
            "latency_p50_ns": s.latency_ns.p50,
            "latency_p90_ns": s.latency_ns.p90,
            "latency_p95_ns": s.latency_ns.p95,
            "latency_p99_ns": s.latency_ns.p99,
            "throughput_per_s": s.throughput_per_s,
            "cold_start_ns": s.cold_start_ns,
            "peak_rss_bytes": s.memory_bytes.peak_rss,
            "joules_per_inference": s.energy.joules_per_inference,
            "total_joules_per_inference": s.energy.total_joules_per_inference,
            "energy_delay_joule_seconds": s.figures["energy_delay_joule_seconds"].value,
            "cpu_seconds_per_inference": s.energy.cpu_seconds_per_inference,
        }
        if s.text_generation is not None:
            found["ttft_ns"], found["tpot_ns"] = s.text_generation.ttft_ns, s.text_generation.tpot_ns
            found["decode_tokens_per_s"] = s.text_generation.decode_tokens_per_s
        shown |= {(run.record.record_id, name): (value, value) for name, value in found.items()}
    assert len(changes) > 24 * 5
    assert changes == {key: shown[key] for key in changes}


def test_the_digest_is_of_the_source() -> None:
    """Sixteen hexadecimal digits, the same each time."""
    assert (16, rules_digest()) == (len(rules_digest()), rules_digest())
    assert int(rules_digest(), 16) >= 0


class TestFidelity:
    """Outputs are called right only where the figures beside it are above the thresholds of the precision that ran."""

    RIGHT = OutputFidelity("y", 0.999999, 60.0, 1e-6)

    def read(self, folder: Path, stated: Fidelity, **target: str) -> tuple[Fidelity, list[str]]:
        run = written(target=replace(TARGET, **target)) if target else written()
        found = reloaded(folder, run, lambda record: replace(record, fidelity=stated))
        assert found.record.fidelity is not None
        return found.record.fidelity, codes(found)

    def test_what_agrees_stays(self, tmp_path: Path) -> None:
        right = Fidelity("ort:cpu", 4, 0.999999, 60.0, outputs=(self.RIGHT,), ok=True, rule="float32")
        found, said = self.read(tmp_path, right)
        assert (right, False) == (found, "output_mismatch" in said)

    @pytest.mark.parametrize("ok", [True, None])
    @pytest.mark.parametrize(
        "output",
        [
            OutputFidelity("y", 0.707803, 1.2, 3.0),
            OutputFidelity("y", 0.99999, 12.0, 3.0),
            OutputFidelity("y", 0.97, None, 3.0),
        ],
    )
    def test_a_mismatch_called_right(self, tmp_path: Path, output: OutputFidelity, ok: bool | None) -> None:
        """Struck from the verdict, or called undecided, it is a mismatch still, and the run is not valid."""
        stated = Fidelity("ort:cpu", 4, output.cosine, output.sqnr_db, outputs=(self.RIGHT, output), ok=ok)
        found, said = self.read(tmp_path, stated)
        assert (False, True, True) == (found.ok, "output_mismatch" in said, "record_edited" in said)

    def test_minima_are_those_of_the_outputs(self, tmp_path: Path) -> None:
        """A worst cosine that is better than an output's own."""
        output = OutputFidelity("y", 0.9999, 41.0, 0.1)
        stated = Fidelity("ort:cpu", 4, 1.0, 90.0, outputs=(self.RIGHT, output), ok=True)
        found, said = self.read(tmp_path, stated)
        assert (0.9999, 41.0, True) == (found.cosine_min, found.sqnr_db_min, "record_edited" in said)

    def test_labels_that_differ(self, tmp_path: Path) -> None:
        """84 % of labels wrong are not right in float32."""
        stated = Fidelity("ort:cpu", 4, outputs=(OutputFidelity("y", equal_fraction=0.16),), ok=True)
        found, _ = self.read(tmp_path, stated)
        assert (False, "84 %" in str(found.reason)) == (found.ok, True)

    def test_tokens_that_differ(self, tmp_path: Path) -> None:
        """The third of eight tokens is another one."""
        found, _ = self.read(tmp_path, Fidelity("ort:cpu", 1, token_prefix=2, tokens_compared=8, ok=True))
        assert found.ok is False

    def test_by_the_precision_that_ran(self, tmp_path: Path) -> None:
        """What float32 may not, float16 may."""
        stated = Fidelity("ort:cpu", 4, 0.995, 20.0, outputs=(OutputFidelity("y", 0.995, 20.0, 0.1),), ok=True)
        for name, precision, ok in (("a", "float16", True), ("b", "float32", False)):
            (tmp_path / name).mkdir()
            assert ok == self.read(tmp_path / name, stated, executed_precision=precision)[0].ok

    @pytest.mark.parametrize(("float_reference", "ok"), [(True, True), (None, True), (False, False)])
    def test_a_model_of_int8_by_what_it_was_compared_with(
        self, tmp_path: Path, float_reference: bool | None, ok: bool
    ) -> None:
        """In float32: a float model explains a cosine of 0.97, its own file on another engine does not. An older record
        does not tell which it was."""
        output = OutputFidelity("y", 0.97, 13.0, 3.0)
        stated = Fidelity("r", 4, 0.97, 13.0, outputs=(output,), ok=True, float_reference=float_reference)
        run = written(model=replace(MODEL, precision="int8"))
        found = reloaded(tmp_path, run, lambda record: replace(record, fidelity=stated))
        assert found.record.fidelity is not None
        assert (ok, not ok) == (found.record.fidelity.ok, "output_mismatch" in codes(found))

    @pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16", "int8", "w8a16", ""])
    def test_what_was_compared_is_decided_the_same_again(self, precision: str) -> None:
        """Of outputs of many kinds and errors of many sizes nothing changes."""
        rng = np.random.default_rng(3)
        decided = []
        for index in range(150):
            shape = [(16,), (1, 40), (2, 3, 4), (1, 1), (3, 200)][index % 5]
            size, inputs = 10.0 ** rng.integers(-9, 3), int(rng.integers(1, 6))
            expected = [size * rng.standard_normal(shape) for _ in range(inputs)]
            noise = 10.0 ** rng.integers(-9, 1)
            actual = [(e + noise * size * rng.standard_normal(shape)).astype(np.float32) for e in expected]
            labels = [rng.integers(0, 9, 50) for _ in expected]
            other = [np.where(rng.random(50) < noise, 1, label) for label in labels]
            fidelity = compare_outputs(
                [{"y": e.astype(np.float32), "k": k} for e, k in zip(expected, labels, strict=True)],
                [{"y": a, "k": k} for a, k in zip(actual, other, strict=True)],
                precision,
                "reference",
                quantised=precision == "int8",
            )
            assert fidelity == decided_again(fidelity, precision, precision == "int8")
            decided.append(fidelity.ok)
        assert {True, False} <= {*decided}
