"""``odb compare``: what it prints, writes and answers, and what it says of records that cannot be used."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from bench.cli.compare_command import command
from bench.errors import InputError
from bench.record.codec import decode
from bench.record.quality import DatasetFacts, Quality, QualityMetric
from bench.record.record import Failure, RecordedRun
from bench.store.records import save
from bench.testing.records import MODEL, fake_run

MS = 1_000_000


def processes(p50_ms: float, count: int = 5) -> list[np.ndarray]:
    """Processes half a per cent apart."""
    return [np.full(20, round(p50_ms * MS * (1 + 0.005 * i))) for i in range(count)]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """``write(folder, model=median in ms, …)``: a folder with one record of each model; returns it."""

    def written(folder: str, **models: float) -> Path:
        path = tmp_path / folder
        path.mkdir(exist_ok=True)
        for model, p50_ms in models.items():
            run = fake_run(f"{model}-of-{folder}", processes(p50_ms), model=replace(MODEL, id=model))
            save(path, run.record, run.samples)
        return path

    return written


def odb_compare(*arguments: Any) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], standalone_mode=False)


def failed(run: RecordedRun) -> RecordedRun:
    return replace(
        run, record=replace(run.record, status="failed", failure=Failure("steady", "crashed", "it crashed", ""))
    )


def test_slower_is_exit_1(write: Callable[..., Path]) -> None:
    """5 % slower: said in the first line, with the interval, and status 1."""
    done = odb_compare(write("base", net=4), write("new", net=4.2))
    assert 1 == done.return_value
    assert done.stdout.startswith("net on null:cpu: slower than base, assuming the machine's speed did not change\n")
    assert "4.04 ms → 4.24 ms, +5.0 %, slower. 95 % interval +3.8 % to +6.2 %." in done.stdout


@pytest.mark.parametrize("p50_ms", [4.0, 3.6])
def test_same_or_faster_is_exit_0(write: Callable[..., Path], p50_ms: float) -> None:
    """Nothing is worse."""
    assert 0 == odb_compare(write("base", net=4), write("new", net=p50_ms)).return_value


def test_the_tolerance_is_the_users(write: Callable[..., Path]) -> None:
    """The same 5 % are the same within 10 %."""
    done = odb_compare(write("base", net=4), write("new", net=4.2), "--tolerance", "10")
    assert (0, True) == (done.return_value, "the same within ±10 %" in done.stdout)


def test_folders_are_matched_and_the_rest_is_listed(write: Callable[..., Path]) -> None:
    """Two pairs and two records without a partner, each with its side."""
    done = odb_compare(write("base", a=4, b=4, gone=4), write("new", a=4, b=3, fresh=4), "--json")
    found = json.loads(done.stdout)
    assert ["a", "b"] == [c["new"]["model"] for c in found["comparisons"]]
    assert [("new", "fresh"), ("base", "gone")] == [(u["side"], u["model"]) for u in found["unmatched"]]


@pytest.mark.parametrize(
    ("accept", "status"), [((), 3), (("--accept", "unmatched"), 0), (("--accept", "cannot-tell"), 3)]
)
def test_a_lost_record_is_not_fine(write: Callable[..., Path], accept: tuple[str, ...], status: int) -> None:
    """Two models are missing from the new night beside a pair that is the same: status 3, by name, unless accepted."""
    done = odb_compare(write("base", a=4, b=4, c=4), write("new", a=4), "--json", *accept)
    found = json.loads(done.stdout)
    assert (status, status) == (done.return_value, found["result"]["status"])
    assert [True, True] == [one["lost"] for one in found["unmatched"]]
    counted = found["result"]["accepted" if status == 0 else "not_decided"]
    assert {"unmatched": 2} == counted


def test_a_new_record_without_a_base_is_fine(write: Callable[..., Path]) -> None:
    """It is named, and no loss."""
    done = odb_compare(write("base", a=4), write("new", a=4, fresh=4), "--json")
    found = json.loads(done.stdout)
    assert (0, [False]) == (done.return_value, [one["lost"] for one in found["unmatched"]])


def test_a_pair_that_may_not_be_compared_is_not_fine(write: Callable[..., Path]) -> None:
    """Another file under the same name beside a pair that is the same: status 3, and said in words and in JSON."""
    base, new = write("base", a=4, b=4), write("new", a=4)
    run = fake_run("b-of-new", processes(9), model=replace(MODEL, id="b", sha256="9" * 64))
    save(new, run.record, run.samples)
    done = odb_compare(base, new)
    assert 3 == done.return_value
    assert "not everything was decided. To let that pass: --accept not-comparable." in " ".join(done.stdout.split())
    found = json.loads(odb_compare(base, new, "--json", "--accept", "not-comparable").stdout)
    assert 0 == found["result"]["status"]
    assert {"a": ("decided", None), "b": ("accepted", "not-comparable")} == {
        c["new"]["model"]: (c["outcome"], c["not_decided"]) for c in found["comparisons"]
    }


def test_noise_is_not_fine(write: Callable[..., Path], tmp_path: Path) -> None:
    """What cannot be told apart passes for nothing but itself."""
    run = fake_run("a-of-new", [np.full(20, ms * MS) for ms in (3, 4, 5, 6, 4)], model=replace(MODEL, id="a"))
    (tmp_path / "new").mkdir()
    save(tmp_path / "new", run.record, run.samples)
    base = write("base", a=4)
    assert 3 == odb_compare(base, tmp_path / "new").return_value
    assert 0 == odb_compare(base, tmp_path / "new", "--accept", "cannot-tell").return_value


def test_an_unknown_name_to_accept_is_refused(write: Callable[..., Path]) -> None:
    """With the names there are."""
    error = odb_compare(write("base", a=4), write("new", a=4), "--accept", "everything").exception
    assert isinstance(error, InputError)
    assert "everything" in error.message


@pytest.mark.parametrize("count", [1, 5])
def test_what_may_not_be_believed_is_no_comparison(tmp_path: Path, count: int) -> None:
    """Ten times as slow, of one process a side or on a busy machine: nothing is claimed, and why is said, status 3."""
    for name, p50_ms in (("base", 4.0), ("new", 40.0)):
        run = fake_run(name, processes(p50_ms, count))
        repeats = tuple(replace(repeat, cpu_busy_share=0.5 if count == 5 else 0.0) for repeat in run.record.repeats)
        (tmp_path / name).mkdir()
        save(tmp_path / name, replace(run.record, repeats=repeats), run.samples)
    done = odb_compare(tmp_path / "base", tmp_path / "new")
    why = "not decided yet" if count == 1 else "with a record that is not valid"
    assert (3, True) == (done.return_value, f"\n1 pair: 1 {why}.\n" in done.stdout)
    assert (count == 5) == ("not decided: a record is not valid" in done.stdout)


def test_times_beyond_measure_are_refused(write: Callable[..., Path]) -> None:
    """Of a hundred days and more, whose sum would overflow: the record is named, the rest compared, status 2."""
    base, new = write("base", a=4, b=4), write("new", a=4)
    run = fake_run("b-of-new", [np.full(20, 2**62)] * 5, model=replace(MODEL, id="b"))
    save(new, run.record, run.samples)
    alone = odb_compare(base / "b-of-base", new / "b-of-new")
    assert "latency_ns_0 in samples.npz holds times of over a hundred days" in str(alone.exception)
    done = odb_compare(base, new)
    assert (2, True) == (done.return_value, "a on null:cpu: the same" in done.stdout)


def test_several_new_folders(write: Callable[..., Path]) -> None:
    """Each is held against the same base, and names its own records that have no partner."""
    base = write("base", a=4, b=4)
    done = odb_compare(base, write("monday", a=4, x=4), write("tuesday", a=5, b=4), "--json")
    found = json.loads(done.stdout)
    assert ["a-of-monday", "a-of-tuesday", "b-of-tuesday"] == [c["new"]["record_id"] for c in found["comparisons"]]
    assert [("monday", "x"), ("base", "b")] == [(u["side"], u["model"]) for u in found["unmatched"]]
    assert [False, True, False] == [c["worse"] for c in found["comparisons"]]


def test_several_new_folders_are_told_apart(write: Callable[..., Path], tmp_path: Path) -> None:
    """By their names; by their paths where the names are alike; one alone needs none."""
    base, monday, tuesday = write("base", a=4), write("monday", a=4), write("tuesday", a=5)
    slower = "slower than base, assuming the machine's speed did not change"
    titles = [line for line in odb_compare(base, monday, tuesday).stdout.splitlines() if line.startswith("a on")]
    assert [
        "a on null:cpu (folder monday): the same within ±3 %",
        f"a on null:cpu (folder tuesday): {slower}",
    ] == titles
    again = tmp_path / "again" / "monday"
    shutil.copytree(monday, again)
    found = json.loads(odb_compare(base, monday, again, "--json").stdout)
    assert [str(monday), str(again)] == [c["new"]["folder"] for c in found["comparisons"]]
    assert f"a on null:cpu: {slower}\n" in odb_compare(base, tuesday).stdout


def test_json_has_the_figures_of_every_process(write: Callable[..., Path]) -> None:
    """Enough to compute everything again, and no points for drawing."""
    found = json.loads(odb_compare(write("base", net=4), write("new", net=4.2), "--json").stdout)
    (comparison,) = found["comparisons"]
    p50 = comparison["changes"][0]
    assert ("latency_p50_ns", "slower", False) == (p50["metric"], p50["word"], p50["gain"])
    assert [4_000_000, 4_020_000, 4_040_000, 4_060_000, 4_080_000] == p50["base_values"]
    assert ("comparable", [], True) == (
        comparison["comparability"]["answer"],
        comparison["base"]["curves"],
        found["worse"],
    )


@pytest.mark.parametrize(("suffix", "start"), [("md", b"# Compared"), ("json", b"{"), ("html", b"<!doctype html>")])
def test_the_suffix_chooses_the_format(write: Callable[..., Path], tmp_path: Path, suffix: str, start: bytes) -> None:
    """-o page.html writes a page; nothing goes to stdout; an existing file is kept unless forced."""
    sides, out = (write("base", net=4), write("new", net=4)), tmp_path / f"out.{suffix}"
    done = odb_compare(*sides, "-o", out)
    assert (0, "", True) == (done.return_value, done.stdout, out.read_bytes().startswith(start))
    assert isinstance(odb_compare(*sides, "-o", out).exception, InputError)
    assert 0 == odb_compare(*sides, "-o", out, "--force").return_value


def test_nothing_comparable_is_exit_3(write: Callable[..., Path], tmp_path: Path) -> None:
    """Two targets under --subject version: refused, why, and no figure of a difference."""
    base, run = write("base", net=4), fake_run("n", processes(8))
    target = replace(run.record.plan.target, id="other:npu", plugin="other", device="npu")
    save(
        tmp_path,
        replace(run.record, plan=replace(run.record.plan, target=target, model=replace(MODEL, id="net"))),
        run.samples,
    )
    done = odb_compare(base, tmp_path / "n", "--subject", "version")
    assert 3 == done.return_value
    assert "target_differs: The target differs: null:cpu and other:npu." in done.stdout
    assert "×" not in done.stdout
    assert 1 == odb_compare(base, tmp_path / "n").return_value


@pytest.mark.process
def test_what_no_longer_works_is_exit_1(write: Callable[..., Path], tmp_path: Path) -> None:
    """A crash where there was a figure is worse than a slowdown."""
    run = failed(fake_run("n", processes(4), model=replace(MODEL, id="net")))
    save(tmp_path, run.record, run.samples)
    done = odb_compare(write("base", net=4), tmp_path / "n")
    assert (1, True) == (done.return_value, done.stdout.startswith("net on null:cpu: no longer works\n"))


def test_records_one_after_the_other_promise_less(write: Callable[..., Path]) -> None:
    """Two moments of a machine are compared: no share of wrong answers is promised, and turns are recommended."""
    text = " ".join(odb_compare(write("base", net=4), write("new", net=4.2)).stdout.split())
    assert "a change of its speed looks like a difference. Only odb run --against" in text
    assert "% of comparisons" not in text


def test_why_nothing_is_claimed_is_said_at_the_terminal(tmp_path: Path) -> None:
    """Each note once, with the metrics that it is about."""
    for side in ("base", "new"):
        run = fake_run(f"net-of-{side}", processes(4, count=1))
        (tmp_path / side).mkdir()
        save(tmp_path / side, run.record, run.samples)
    text = " ".join(odb_compare(tmp_path / "base", tmp_path / "new").stdout.split())
    assert 1 == text.count("latency p50, throughput: The spread between processes is unknown with one process")


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_what_no_longer_runs_is_worse(write: Callable[..., Path], tmp_path: Path, status: str) -> None:
    """Also where it is skipped, say because its device is gone, and beside a pair that is the same."""
    run = fake_run("n", processes(4), model=replace(MODEL, id="a"))
    failure = Failure("plan" if status == "skipped" else "compile", "unavailable", "no NPU found", "")
    new = write("new", b=4)
    save(new, replace(run.record, status=status, failure=failure, repeats=()), {})
    assert 1 == odb_compare(write("base", a=4, b=4), new).return_value


def test_quality_is_read_from_disk(tmp_path: Path) -> None:
    """Records that hold per-sample results of a dataset are compared, in speed and in quality."""
    for side, wrong in (("base", 0), ("new", 30)):
        run = fake_run(f"net-of-{side}", processes(4))
        metric = QualityMetric("top1", 1 - wrong / 100, None, 100, True, "mean", "share")
        facts = DatasetFacts("photos", "classification", "d" * 64, 100)
        quality = Quality(facts, "f" * 64, "null:cpu", metrics=(metric,), samples={"top1": "quality_top1"})
        flags = (np.arange(100) >= wrong).astype(np.int8)
        record = replace(run.record, quality=quality)
        (tmp_path / side).mkdir()
        save(tmp_path / side, record, {**run.samples, "quality_top1": flags})
    done = odb_compare(tmp_path / "base", tmp_path / "new", "--json")
    (found,) = json.loads(done.stdout)["comparisons"]
    assert (1, "same") == (done.return_value, found["changes"][0]["word"])
    assert ["worse"] == [change["word"] for change in found["quality"]["changes"]]


class TestBadRecords:
    @pytest.mark.parametrize(
        ("spoil", "words"),
        [
            (lambda f: (f / "samples.npz").unlink(), "samples.npz: cannot be read"),
            (lambda f: (f / "samples.npz").write_bytes(b"PK"), "hash differs"),
            (lambda f: (f / "record.json").write_bytes((f / "record.json").read_bytes()[:300]), "not JSON"),
            (lambda f: edit(f, '"schema_version": 2', '"schema_version": 99'), "schema_version 99 is newer"),
            (lambda f: edit(f, '"schema_version": 2,', ""), "no schema_version"),
            (lambda f: edit(f, '"queries": 20', '"queries": "many"'), r"Expected `int | float`, got `str`"),
            (lambda f: edit(f, '"queries": 20', '"queries": 21'), "its content differs from record_sha256"),
            (lambda f: edit(f, '"valid": true', '"valid": false'), "its content differs from record_sha256"),
            (lambda f: edit(f, '"record_sha256": "', '"record_sha256": "0'), "its content differs from record_sha256"),
            (lambda f: edit(f, '"name": "samples.npz"', '"name": "../samples.npz"'), "record_sha256"),
            (lambda f: (f / "record.json").write_bytes(b""), "record.json: not JSON"),
            (lambda f: (f / "record.json").write_bytes(b"\xff\xfe"), "record.json: not JSON"),
            (lambda f: (f / "record.json").write_text("[]"), "no schema_version"),
            (lambda f: (f / "record.json").write_text("[" * 200_000), "record.json: not JSON"),
            (lambda f: (f / "record.json").unlink(), "record.json: cannot be read"),
            (lambda f: forge(f, lambda a: a[:10]), "is an array of [10], but record.json says 20 queries"),
            (lambda f: forge(f, lambda a: a[None]), "is an array of [1, 20], but record.json says 20 queries"),
            (lambda f: forge(f, lambda a: a.astype(float) * np.nan), "latency_ns_0 in samples.npz is float64"),
            (lambda f: forge(f, lambda a: a.astype(float)), "latency_ns_0 in samples.npz is float64"),
            (lambda f: forge(f, lambda a: -a), "latency_ns_0 in samples.npz holds negative times"),
            (
                lambda f: forge(f, lambda a: a.astype("U8")),
                "latency_ns_0 is not an array of plain numbers",
            ),
            (lambda f: forge(f, lambda a: a, rename="other"), "samples.npz holds no latency_ns_0"),
        ],
    )
    def test_a_bad_record_is_named_and_the_rest_compared(
        self, write: Callable[..., Path], spoil: Callable[[Path], Any], words: str
    ) -> None:
        """Status 2, the file on stderr and in the report, and the other pair is compared."""
        base, new = write("base", a=4, b=4), write("new", a=4, b=4)
        spoil(new / "b-of-new")
        done = odb_compare(base, new, "--json")
        found = json.loads(done.stdout)
        assert (2, ["a"]) == (done.return_value, [c["new"]["model"] for c in found["comparisons"]])
        assert "b-of-new" in json.dumps(found["problems"][0]["message"])
        assert words in done.stderr

    def test_records_of_two_machines_are_refused(self, write: Callable[..., Path]) -> None:
        """The same target on another processor: no difference is stated unless devices are the subject."""
        base, new = write("base", a=4, b=4), write("new", b=4)
        run = fake_run("a-of-new", processes(5), model=replace(MODEL, id="a"))
        host = {**run.record.environment.host, "cpu": "another processor"}
        record = replace(run.record, environment=replace(run.record.environment, host=host))
        save(new, record, run.samples)
        found = json.loads(odb_compare(base, new, "--json").stdout)
        answers = {c["new"]["model"]: (c["comparability"]["answer"], len(c["changes"])) for c in found["comparisons"]}
        assert {"a": ("not_comparable", 0), "b": ("comparable", 2)} == answers
        allowed = json.loads(odb_compare(base, new, "--json", "--subject", "target").stdout)
        assert {"comparable_with_caveats", "comparable"} == {
            c["comparability"]["answer"] for c in allowed["comparisons"]
        }

    def test_negative_samples_are_refused(self, write: Callable[..., Path]) -> None:
        """They agree with their hash and are no times all the same."""
        base, new = write("base", a=4, b=4), write("new", a=4)
        run = fake_run("b-of-new", [-array for array in processes(4)], model=replace(MODEL, id="b"))
        save(new, run.record, run.samples)
        done = odb_compare(base, new)
        assert 2 == done.return_value
        assert "latency_ns_0 in samples.npz holds negative times" in done.stderr

    def test_worse_goes_before_bad(self, write: Callable[..., Path]) -> None:
        """A regression is not hidden by a record that cannot be read."""
        base, new = write("base", a=4, b=4), write("new", a=5, b=4)
        (new / "b-of-new" / "samples.npz").unlink()
        assert 1 == odb_compare(base, new).return_value

    @pytest.mark.parametrize("bad", ["gone", "empty", "broken"])
    def test_one_bad_folder_of_several(self, write: Callable[..., Path], tmp_path: Path, bad: str) -> None:
        """The folders beside it are compared, and it is named."""
        (tmp_path / "empty").mkdir()
        (write("broken", a=4) / "a-of-broken" / "samples.npz").unlink()
        done = odb_compare(write("base", a=4), tmp_path / bad, write("new", a=4), "--json")
        assert (2, 1) == (done.return_value, len(json.loads(done.stdout)["comparisons"]))
        assert f"{tmp_path / bad}" in done.stderr

    @pytest.mark.parametrize("missing", ["gone", "empty"])
    def test_no_records_at_all(self, write: Callable[..., Path], tmp_path: Path, missing: str) -> None:
        """A folder that is not there, or holds none."""
        (tmp_path / "empty").mkdir()
        error = odb_compare(write("base", a=4), tmp_path / missing).exception
        assert isinstance(error, InputError)
        assert str(tmp_path / missing) in error.message

    def test_only_bad_records(self, write: Callable[..., Path]) -> None:
        """Where none can be read there is nothing to report: the first reason is the error."""
        base, new = write("base", a=4), write("new", a=4)
        (new / "a-of-new" / "samples.npz").unlink()
        error = odb_compare(base, new).exception
        assert isinstance(error, InputError)
        assert "none of its records can be read" in error.message


@pytest.mark.parametrize("tolerance", ["0", "-1", "101", "nan"])
def test_a_tolerance_is_a_percentage(write: Callable[..., Path], tolerance: str) -> None:
    """Above 0, up to 100."""
    error = odb_compare(write("base", a=4), write("new", a=4), "--tolerance", tolerance).exception
    assert isinstance(error, InputError)
    assert error.message.startswith(f"--tolerance {tolerance}:")


def forge(folder: Path, change: Callable[[np.ndarray], np.ndarray], rename: str = "") -> None:
    """Write the samples otherwise, with their hash and the record's seal computed anew."""
    record = decode((folder / "record.json").read_bytes())
    with np.load(folder / "samples.npz") as archive:
        samples = {(rename + key if "latency" in key else key): change(archive[key]) for key in archive.files}
    shutil.rmtree(folder)
    save(folder.parent, replace(record, samples_file=None), samples)


def edit(folder: Path, old: str, new: str) -> None:
    """Change a record by hand, as somebody might."""
    file = folder / "record.json"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
