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
from conversation_records import chat
from msgspec.structs import replace
from onnx import TensorProto, helper, numpy_helper
from tampered import SEAL, Place, Tampered, by_path, changed, loaded
from whole_records import failed, from_prefixes, offline, several, tensors, text

from bench import __version__
from bench.analysis.rules import rules_digest
from bench.comparison.folders import compare_folders
from bench.contracts import Axis, Parameter, Scenario, ScenarioKind
from bench.errors import InputError
from bench.execution.suite_run import run_suite
from bench.plugins import discover
from bench.record.evidence import RepeatRule
from bench.record.record import Record, RecordedRun, Tool
from bench.store.derived import judged
from bench.store.origins import KEPT, ORIGINS, origin_of
from bench.store.records import save
from bench.suite.presets import PRESETS
from bench.suite.suite import ModelAsk, Suite, TargetAsk
from bench.testing.records import fake_run


def by_points() -> RecordedRun:
    """Queries after pauses of three lengths, of a plugin's scenario, in six processes."""
    pauses = Parameter(name="pause_ms", unit="ms", about="how long", many=True)
    axis = Axis(name="pause", unit="ms", parameter="pause_ms")
    kind = ScenarioKind(
        name="pausing", summary="queries after pauses", parameters=(pauses,), axis=axis, curves=("latency_p50_ns",)
    )
    rng = np.random.default_rng(5)
    parts = [np.exp(rng.normal(15, 0.02, 60)).astype(np.int64) for _ in range(6)]
    scenario = Scenario("pausing", parameters={"pause_ms": (1, 5, 25)}, kind=kind)
    rule = PRESETS["quick"].rule
    run = fake_run(
        "points", parts, arrays=[{"point": np.arange(60) % 3}] * 6, scenario=scenario, rule=rule, inputs=None
    )
    command = f"odb run -m net -t {run.record.plan.target.id} -s pausing:pause_ms=1,5,25 --preset quick --seed 0"
    plan = replace(run.record.plan, command=command, repeat_rule=RepeatRule(6, 6))
    tool = Tool("ondevice-bench", __version__, rules_digest())
    record = replace(run.record, plan=plan, tool=tool, repeats_ended="fixed")
    return judged(replace(run, record=record)).plain()


RECORDS = {
    "tensors": tensors,
    "text": text,
    "prefixes": from_prefixes,
    "offline": offline,
    "several": several,
    "points": by_points,
    "chat": chat,
    "failed": failed,
}


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
@pytest.mark.process
def test_a_changed_value_of_a_measured_record_is_never_shown_unmarked(tmp_path: Path) -> None:
    """A run on a real runtime, judged on a dataset, is read as it was written; then each field is changed."""
    ask = ModelAsk(str(classifier(tmp_path / "net.onnx")), dataset=str(labelled(tmp_path / "samples")))
    for name in ("single-stream", "offline"):
        out = tmp_path / name
        out.mkdir()
        scenario = Scenario(name)
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
        where = f"{path}.{field.encode_name}".lstrip(".")
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
