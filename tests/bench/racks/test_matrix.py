"""Runs and gaps of a rack as a matrix."""

from bench.racks.matrix import Ordered, rack_of
from bench.racks.rack import Gap, Rack, Row
from bench.record.record import RecordedRun
from tests.support.fleet.racks import measured, rack_runs


def row(rack: Rack, model: str) -> Row:
    (found,) = (one for one in rack.rows if one.model == model)
    return found


def test_a_row_is_a_model_and_a_column_a_device() -> None:
    rack = rack_of(rack_runs())
    assert rack.devices == ("board-1", "board-2", "intel-1", "snapdragon-1")
    assert [one.model for one in rack.rows] == ["mobilenet_v2", "yolov8n"]
    assert set(row(rack, "yolov8n").entries) == {"board-2", "intel-1", "snapdragon-1"}


def test_boards_of_one_class_are_comparable_and_another_machine_is_a_caveat() -> None:
    entries = row(rack_of(rack_runs()), "mobilenet_v2").entries
    answers = {device: (one.against, one.answer) for device, (one,) in entries.items()}
    assert answers == {
        "board-1": ("", None),
        "board-2": ("board-1", "comparable"),
        "intel-1": ("board-1", "comparable_with_caveats"),
        "snapdragon-1": ("board-1", "comparable_with_caveats"),
    }
    assert "machine_differs" in {reason.code for reason in entries["intel-1"][0].reasons}


def test_another_precision_is_a_group_of_its_own_with_the_reason() -> None:
    """A run that failed has no group."""
    entries = row(rack_of(rack_runs()), "yolov8n").entries
    assert {device: one.group for device, (one,) in entries.items()} == {
        "board-2": None,
        "intel-1": 1,
        "snapdragon-1": 2,
    }
    (other,) = entries["snapdragon-1"]
    assert (other.against, other.answer) == ("intel-1", "not_comparable")
    assert ["precision_differs"] == [reason.code for reason in other.reasons]


def test_a_later_run_joins_the_first_group_that_it_may_be_compared_with() -> None:
    runs = [measured(f"board-{n}", "net", "a:npu", 1_000_000, p) for n, p in enumerate(("int8", "float16", "float16"))]
    entries = row(rack_of(runs), "net").entries
    assert [entries[f"board-{n}"][0].group for n in range(3)] == [1, 2, 2]
    assert (entries["board-2"][0].against, entries["board-2"][0].answer) == ("board-1", "comparable")


def test_gaps_stand_in_the_row_of_what_was_ordered() -> None:
    """The ledger's texts name the row, also where the record has another name of the model."""
    run = measured("board-1", "resnet50-v1", "a:npu", 1_000_000)
    ordered = {_order(run): Ordered(model="resnet50.onnx", scenario="single-stream")}
    gap = Gap(state="lost", device="board-2", model="resnet50.onnx", scenario="single-stream")
    whole = Gap(state="left_out", device="board-3")
    rack = rack_of([run], [gap, whole], ordered)
    (only,) = rack.rows
    assert (set(only.entries), set(only.gaps)) == ({"board-1"}, {"board-2"})
    assert (rack.devices, rack.gaps) == (("board-1", "board-2", "board-3"), (gap, whole))


def _order(run: RecordedRun) -> str:
    assert run.record.fleet is not None
    return run.record.fleet.order


def test_runs_of_no_rack_have_a_matrix_too() -> None:
    rack = rack_of([measured("", "net", "a:npu", 1_000_000)])
    assert rack.devices == ("",)
    assert [one.group for one in rack.entries] == [1]
