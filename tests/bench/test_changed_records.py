"""One value of a record changed and the record sealed anew: it is refused, corrected or marked, or it is evidence."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from whole_records import failed, offline, tensors, text

from bench.compare_folders import compare_folders
from bench.derived import OF_LOADING
from bench.errors import InputError
from bench.origins import KEPT, ORIGINS, origin_of
from bench.plugins import discover
from bench.record import Record, RecordedRun
from bench.record_json import decode, encode, sealed
from bench.runner import run_suite
from bench.store import load, save
from bench.suite import ModelAsk, ScenarioAsk, Suite, TargetAsk

RECORDS = {"tensors": tensors, "text": text, "offline": offline, "failed": failed}
SEAL = "record_sha256"
Place = tuple[str | int, ...]
WORDS = {
    "single-stream": "offline",
    "offline": "single-stream",
    "engine": "model",
    "model": "engine",
    "worse": "better",
    "cannot_tell": "same",
    "same": "cannot_tell",
    "ok": "failed",
    "failed": "ok",
    "precise": "budget",
    "fixed": "precise",
    "tensor": "text_generation",
    "text_generation": "tensor",
    "seeded": "file",
    "image": "file",
    "partly seeded": "seeded",
    "warm": "cold",
    "none": "warm",
    "file": "folder",
    "mean": "whole",
    "classification": "detection",
    "quick": "standard",
    "onnx": "tflite",
}
"""For fields that take only such words: another of them."""
NOT_CHANGED = {SEAL}
"""What the test itself writes anew."""


def places(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every number, string and truth value in ``value``, and every list that holds something, with where it is."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from places(part, (*place, key))
    elif isinstance(value, list):
        if value:
            yield place, value
        for index, part in enumerate(value):
            yield from places(part, (*place, index))
    elif value is not None:
        yield place, value


def changed(value: Any, rng: random.Random) -> Any:
    """Another value of the same kind; of a list one element fewer."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + max(1, value // rng.randint(3, 20)) * rng.choice((1, -1) if value > 1 else (1,))
    if isinstance(value, float):
        return value * rng.choice((0.5, 0.8, 1.3, 2.0)) if value else 0.25
    if isinstance(value, list):
        gone = rng.randrange(len(value))
        return value[:gone] + value[gone + 1 :]
    return WORDS.get(value) or value + "x"


def at(value: Any, place: Place) -> Any:
    """What is there; ``None`` where nothing is."""
    for key in place:
        try:
            value = value[key]
        except (LookupError, TypeError):
            return None
    return value


def put(value: Any, place: Place, new: Any) -> Any:
    """A copy of ``value`` with ``new`` at ``place``."""
    copied = json.loads(json.dumps(value))
    at(copied, place[:-1])[place[-1]] = new
    return copied


def path_of(place: Place) -> str:
    """As ``bench.origins`` writes it. What is in lists or mappings of plain values is of its field."""
    mappings = ("memory_bytes", "inputs")
    path, before = "", ""
    for key in place:
        if isinstance(key, int):
            path += "[]"
        elif before in mappings and path in ("repeats[].memory_bytes", "set_aside[].memory_bytes", "plan.asked.inputs"):
            path += "{}"
        else:
            path += f".{key}"
            path = path.lstrip(".")
        before = str(key)
    while path and origin_of(path) is None:
        shorter = path.removesuffix("[]") if path.endswith("[]") else path.rpartition(".")[0]
        path = shorter
    return path


class Tampered:
    """A folder with one record, which is changed again and again."""

    def __init__(self, folder: Path, run: RecordedRun | None = None) -> None:
        """``folder``: the record's own, or where ``run`` is to be saved."""
        self.folder = folder if run is None else folder / save(folder, run.record, run.samples).record_id
        self.raw = json.loads((self.folder / "record.json").read_bytes())
        assert load(self.folder).corrections == ()

    def write(self, place: Place, value: Any) -> None:
        """The changed record with a seal that fits it."""
        raw = put(self.raw, place, value)
        raw[SEAL] = None
        try:
            data = encode(sealed(decode(json.dumps(raw).encode())))
        except InputError:  # the value is none that the field may have
            data = json.dumps(raw).encode()
        (self.folder / "record.json").write_bytes(data)

    def is_shown(self, place: Place, value: Any) -> bool:
        """Whether the changed ``value`` is shown and nothing says so."""
        self.write(place, value)
        try:
            run = load(self.folder)
        except InputError:
            return False
        return at(msgspec.to_builtins(run.record), place) == value and not marked(run)


def loaded(folder: Path) -> tuple[Record | None, str]:
    """The record, or why it is refused."""
    try:
        return load(folder).record, ""
    except InputError as refused:
        return None, refused.message


def marked(run: RecordedRun) -> bool:
    assert run.record.verdict is not None
    return any(reason.code in OF_LOADING for reason in run.record.verdict.reasons)


def by_path(raw: Any) -> dict[str, list[tuple[Place, Any]]]:
    found: dict[str, list[tuple[Place, Any]]] = {}
    for place, value in places(raw):
        if place[0] not in NOT_CHANGED and (path := path_of(place)):
            found.setdefault(path, []).append((place, value))
    return found


def fields() -> dict[str, str]:
    """Every field of the table with where it comes from."""
    return {
        f"{part}.{name}".lstrip("."): origin
        for part, origins in ORIGINS.items()
        for origin, names in origins.items()
        for name in names.split()
    }


@pytest.mark.parametrize("name", list(RECORDS))
def test_a_changed_value_is_never_shown_unmarked(tmp_path: Path, name: str) -> None:
    """Each field of each record, changed at a place drawn by lot: what is computed or checked is refused, corrected or
    marked."""
    assert shown_unmarked(Tampered(tmp_path, RECORDS[name]()), random.Random(name), 1) == {}


def shown_unmarked(tampered: Tampered, rng: random.Random, most: int) -> dict[Place, tuple[str, Any, Any]]:
    """The places where a change of what is computed or checked is not seen: path, value and changed value."""
    shown = {}
    measured = tampered.raw["status"] == "ok"
    for path, found in by_path(tampered.raw).items():
        if path.startswith("plan.") and not measured:
            continue  # of a run that failed it has no second source
        for place, value in rng.sample(found, min(len(found), most)):
            other = changed(value, rng)
            if tampered.is_shown(place, other) and origin_of(path) in ("computed", "checked"):
                shown[place] = (path, value, other)
    return shown


def classifier(path: Path) -> Path:
    """A product of [1, 4] and a constant [4, 6], and its softmax."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 6])
    weights = numpy_helper.from_array(np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32), "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["scores"], "product"),
        helper.make_node("Softmax", ["scores"], ["y"], "best"),
    ]
    graph = helper.make_graph(nodes, "classifier", [x], [y], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def labelled(folder: Path) -> Path:
    """Twenty samples with labels, most of which are wrong."""
    folder.mkdir()
    for index in range(20):
        np.save(folder / f"s{index:02}.npy", np.random.default_rng(index).standard_normal((1, 4)).astype(np.float32))
    (folder / "labels.json").write_text(json.dumps({f"s{index:02}.npy": index % 6 for index in range(20)}))
    return folder


@pytest.mark.real
def test_a_changed_value_of_a_measured_record_is_never_shown_unmarked(tmp_path: Path) -> None:
    """A run on a real runtime, judged on a dataset, is read as it was written; then each field is changed."""
    ask = ModelAsk(str(classifier(tmp_path / "net.onnx")), dataset=str(labelled(tmp_path / "samples")))
    for name in ("single-stream", "offline"):
        out = tmp_path / name
        out.mkdir()
        scenario = ScenarioAsk(name)
        suite = Suite(models=(ask,), targets=(TargetAsk("ort:cpu"),), scenarios=(scenario,), repeats=2, max_seconds=0.1)
        (run,) = run_suite(suite, discover(), out, cache=tmp_path / "cache")
        assert run.record.failure is None
        assert shown_unmarked(Tampered(out / run.record.record_id), random.Random(0), 1) == {}


def test_every_field_of_the_schema_has_an_origin() -> None:
    """A field that is added must be classed; what is in the table is in the schema."""
    assert sorted(schema_fields(Record)) == sorted(fields())


def schema_fields(kind: Any, path: str = "") -> Iterator[str]:
    """Every field that is no part itself, by its path; repeats set aside are as the others."""
    for field in msgspec.structs.fields(kind):
        where = f"{path}.{field.name}".lstrip(".")
        if where == "set_aside":
            continue
        held = part_in(field.type)
        if held is None:
            yield where
        else:
            kind_of_part, wrapped = held
            yield from schema_fields(kind_of_part, where + wrapped)


def part_in(kind: Any) -> tuple[type, str] | None:
    """The part that a field holds, and how many of it: ``""``, ``[]`` or ``{}``."""
    import types
    import typing

    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return next((held for one in arguments if (held := part_in(one)) is not None), None)
    if origin in (tuple, dict):
        held = part_in(arguments[0] if origin is tuple else arguments[1])
        return None if held is None else (held[0], "[]" if origin is tuple else "{}")
    return (kind, "") if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None


def test_the_table_names_parts_that_are_kept() -> None:
    """Each field that is kept as stated has its reason, and nothing else has one."""
    kept = {path for path, origin in fields().items() if origin == "kept"}
    assert [path for path in kept if path not in KEPT and path.rpartition(".")[0] not in KEPT] == []
    wrong = [path for path in KEPT if not any(one == path or one.rpartition(".")[0] == path for one in kept)]
    assert wrong == ["quality.metrics[].value"]  # of metrics of a whole dataset alone


UNREACHED = {SEAL, "summary.latency_ns.p999", "summary.latency_ns.p999_ci95"}
"""Fields that no test above changes: the seal is written anew, and a p99.9 takes thousands of queries."""


def test_the_records_hold_every_field(tmp_path: Path) -> None:
    """The records above exercise each field that is computed or checked."""
    seen = {path for make in RECORDS.values() for path in by_path(Tampered(tmp_path, make()).raw)}
    assert UNREACHED == {path for path, origin in fields().items() if origin in ("computed", "checked")} - seen


def test_report_and_comparison_show_the_same_of_changed_records(tmp_path: Path) -> None:
    """Of records changed at random, what is read is compared: the same figures to the last digit, and a record that
    cannot be read is named."""
    rng = random.Random(7)
    run = tensors()
    (tmp_path / "base").mkdir()
    (tmp_path / "new").mkdir()
    tampered = Tampered(tmp_path / "new", run)
    save(tmp_path / "base", msgspec.structs.replace(run.record, record_id="base"), run.samples)
    every = [one for found in by_path(tampered.raw).values() for one in found]
    outcomes = set()
    for place, value in rng.sample(every, 40):
        tampered.write(place, changed(value, rng))
        read, message = loaded(tampered.folder)
        if read is None:
            with pytest.raises(InputError) as caught:
                compare_folders(tmp_path / "base", [tmp_path / "new"])
            assert message in caught.value.message
            outcomes.add("refused")
            continue
        compared = compare_folders(tmp_path / "base", [tmp_path / "new"]).comparisons
        assert read.summary.latency_ns is not None
        for comparison in compared:
            found = {change.metric: change.new for change in comparison.changes}
            outcomes |= {"compared"} if found else set()
            known = {
                "latency_p50_ns": read.summary.latency_ns.p50,
                "latency_p90_ns": read.summary.latency_ns.p90,
                "throughput_per_s": read.summary.throughput_per_s,
                "cold_start_ns": read.summary.cold_start_ns,
            }
            assert {name: known[name] for name in known if name in found} == {
                name: found[name] for name in known if name in found
            }
    assert {"refused", "compared"} <= outcomes


class TestForgeries:
    """What a forger would change, with the right value shown or the record refused by name."""

    def read(self, folder: Path, make: Any, place: Place, value: Any) -> RecordedRun:
        tampered = Tampered(folder, make())
        assert at(tampered.raw, place) != value
        tampered.write(place, value)
        return load(tampered.folder)

    @pytest.mark.parametrize(
        ("make", "place", "value"),
        [
            (tensors, ("summary", "energy", "bytes_moved"), 46),
            (tensors, ("quality", "paired", 0, "word"), "same"),
            (tensors, ("quality", "paired", 0, "p_value"), 0.9),
            (tensors, ("quality", "paired", 0, "worse_samples"), 1),
            (tensors, ("quality", "metrics", 0, "interval95"), [0.9, 1.0]),
            (tensors, ("quality", "reference", "metrics", 0, "interval95"), [0.0, 0.1]),
            (tensors, ("repeats", 0, "converged"), False),
            (text, ("summary", "text_generation", "agreement", 0, "token_prefix"), 8),
            (text, ("summary", "text_generation", "agreement", 0, "tokens_equal_share"), 1.0),
            (text, ("summary", "text_generation", "agreement", 1, "kl_divergence_nats"), 0.0),
            (text, ("summary", "text_generation", "agreement", 1, "top1_agreement"), 0.5),
            (text, ("fidelity", "token_prefix"), 8),
            (offline, ("repeats", 2, "converged"), False),
            (offline, ("summary", "throughput_per_s"), 999.0),
        ],
    )
    def test_the_right_value_is_shown(self, tmp_path: Path, make: Any, place: Place, value: Any) -> None:
        """Computed again from what the record holds, and the record is called edited."""
        read = self.read(tmp_path, make, place, value)
        assert at(msgspec.to_builtins(make().record), place) == at(msgspec.to_builtins(read.record), place)
        assert read.record.verdict is not None
        assert ("record_edited", False) == (read.record.verdict.reasons[0].code, read.record.verdict.valid)

    @pytest.mark.parametrize(
        ("make", "place", "value", "message"),
        [
            (tensors, ("placement", "macs", "NPU"), 990_000, "placement.macs adds up to 1,090,000"),
            (tensors, ("placement", "nodes", "CPU"), 1, "placement.fallback names 2"),
            (tensors, ("placement", "fallback"), ["Resize a"], "placement.fallback names 1"),
            (tensors, ("repeats", 1, "energy", "channels", 0, "joules"), 0.001, "channels[0].joules is 0.001"),
            (tensors, ("repeats", 1, "energy", "queries"), 3000, "energy.queries is 3000"),
            (tensors, ("quality", "metrics", 0, "value"), 1.0, "the results of top1 give"),
            (tensors, ("quality", "metrics", 0, "higher_is_better"), False, "quality.metrics states top1"),
            (tensors, ("status",), "failed", "status is failed"),
            (tensors, ("plan", "target", "device"), "npu", "plan.target.id is ort:cpu"),
            (text, ("plan", "scenario", "prompt_tokens"), 512, "plan.scenario.prompt_tokens is 512"),
            (offline, ("repeats", 0, "duration_ns"), 1_000_000, "energy.queries is 60"),
            (failed, ("failure",), None, "status is failed"),
        ],
    )
    def test_a_contradiction_is_refused(
        self, tmp_path: Path, make: Any, place: Place, value: Any, message: str
    ) -> None:
        """The file and the fields are named."""
        with pytest.raises(InputError) as caught:
            self.read(tmp_path, make, place, value)
        assert message in caught.value.message
        assert make().record.record_id in caught.value.message

    @pytest.mark.parametrize(
        ("place", "value", "message"),
        [
            (("plan", "rule", "precision"), 0.9, "plan.rule.precision as 0.9, and the preset quick has 0.1"),
            (("plan", "preset"), "strict", "and the preset strict has"),
            (("plan", "seed"), 4, "plan.seed as 4, and its command has --seed 3"),
            (("plan", "strict_placement"), True, "its command has no --strict-placement"),
            (("plan", "scenario", "compile_cache"), "none", "its command has --compile-cache warm"),
        ],
    )
    def test_a_plan_that_says_two_things_is_marked(
        self, tmp_path: Path, place: Place, value: Any, message: str
    ) -> None:
        """A rule that is not the preset's would make any run valid."""
        read = self.read(tmp_path, tensors, place, value)
        assert read.record.verdict is not None
        assert ("record_edited", False) == (read.record.verdict.reasons[0].code, read.record.verdict.valid)
        assert message in read.record.verdict.reasons[0].message

    def test_figures_of_a_reference_without_results_are_not_shown(self, tmp_path: Path) -> None:
        """A record of this version keeps the reference's results: without them neither its metrics nor tests stand."""
        read = self.read(tmp_path, tensors, ("quality", "reference", "samples"), {}).record
        assert read.quality is not None
        assert read.quality.reference is not None
        assert ((), ()) == (read.quality.reference.metrics, read.quality.paired)
        assert read.verdict is not None
        assert "record_edited" == read.verdict.reasons[0].code
