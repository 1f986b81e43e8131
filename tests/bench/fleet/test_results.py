"""The folder of a fleet's run as a rack: records, and from the ledger what is missing."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.fleet.results import PAGE, read_rack, readable, write_page
from bench.racks.rack import Gap
from bench.store.records import save
from tests.support.fleet.racks import planned, rack_folder, rack_runs, write_ledger

LEFT_OUT = {"kind": "left_out", "device": "old-1", "code": "away", "reason": "It is away."}


def test_every_record_and_every_gap(tmp_path: Path) -> None:
    rack = read_rack(rack_folder(tmp_path / "out"))
    assert len(rack.entries) == len(rack_runs())
    assert [(gap.state, gap.device, gap.model) for gap in rack.gaps] == [
        ("lost", "board-1", "yolov8n"),
        ("refused", "board-3", "mobilenet_v2"),
        ("waiting", "board-3", "yolov8n"),
        ("left_out", "snapdragon-1", "smollm2-135M"),
        ("left_out", "old-1", ""),
    ]
    assert (str(rack.gaps[0].reason), rack.gaps[0].code) == ("The device board-1 has been away for 120 s.", "away")


def test_what_came_in_the_end_is_no_gap(tmp_path: Path) -> None:
    """A run that was lost and measured again; a device and a run that were left out until they were ordered."""
    run, *_ = rack_runs()
    save(tmp_path, run.record, run.samples)
    text = write_ledger(tmp_path, [run]).read_text()
    order = {"order": "order-mobilenet_v2-openvino-NPU-intel-1", "device": "intel-1"}
    left_out = {**planned("", "intel-1", "mobilenet_v2", "openvino:NPU"), "kind": "left_out", "code": "disk_full"}
    early = write_ledger(tmp_path, [], {**LEFT_OUT, "device": "intel-1"}, left_out, {"kind": "lost", **order})
    early.write_text(early.read_text() + text + early.read_text())
    assert read_rack(tmp_path).gaps == ()


def test_a_target_that_a_device_lacks_is_a_gap_beside_its_other_runs(tmp_path: Path) -> None:
    lacked = {"kind": "left_out", "device": "intel-1", "target": "qnn:htp", "code": "no_target", "reason": "None."}
    there = {"kind": "left_out", "device": "intel-1", "target": "openvino:NPU", "code": "no_target", "reason": "None."}
    run, *_ = rack_runs()
    save(tmp_path, run.record, run.samples)
    write_ledger(tmp_path, [run], lacked, there)
    assert [(gap.state, gap.device, gap.target) for gap in read_rack(tmp_path).gaps] == [
        ("left_out", "intel-1", "qnn:htp")
    ]


def test_a_record_that_is_gone_or_changed_is_named(tmp_path: Path) -> None:
    out = rack_folder(tmp_path / "out")
    gone, changed = (out / f"mobilenet_v2-qnn-htp-board-{n}" for n in (1, 2))
    gone.rename(tmp_path / "elsewhere")
    (changed / "record.json").write_text("{}")
    found = [gap for gap in read_rack(out).gaps if gap.state == "unreadable"]
    assert [gap.device for gap in found] == ["board-1", "board-2"]
    assert "mobilenet_v2-qnn-htp-board-1" in str(found[0].reason)
    assert str(found[1].reason)
    assert all("another -o" in str(gap.remedy) for gap in found)
    read, errors = readable(sorted(out.glob("mobilenet_v2-*")))
    assert (2, 1) == (len(read), len(errors))


@pytest.mark.parametrize(("asked", "told"), [("x", "began it"), ("y", "no device has begun it")])
def test_what_a_device_has_begun_stays_begun_when_it_is_asked_again(asked: str, told: str, tmp_path: Path) -> None:
    """By the same command, as after Ctrl-C; another device has not begun it."""
    began, sent = ({"kind": kind, "order": "a", "device": name} for kind, name in (("began", "x"), ("sent", asked)))
    write_ledger(tmp_path, [], planned("a", "", "net", "null:cpu"), began, sent)
    (gap,) = read_rack(tmp_path).gaps
    assert told in str(gap.reason)


def test_a_ledger_without_a_record_is_all_gaps(tmp_path: Path) -> None:
    write_ledger(tmp_path, [], planned("a", "", "net", "null:cpu"), {"kind": "began", "order": "a", "device": "x"})
    rack = read_rack(tmp_path)
    assert (rack.entries, [(gap.state, gap.device) for gap in rack.gaps]) == ((), [("waiting", "x")])


def test_records_of_no_fleet_are_a_rack_without_gaps(tmp_path: Path) -> None:
    for run in rack_runs():
        save(tmp_path, run.record, run.samples)
    assert read_rack(tmp_path).gaps == ()


def test_a_folder_without_either_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no records"):
        read_rack(tmp_path)


def test_the_page_replaces_the_last(tmp_path: Path) -> None:
    out = rack_folder(tmp_path / "out")
    (out / PAGE).write_text("old")
    assert write_page(out) == out / "fleet.html"
    assert "mobilenet_v2" in (out / PAGE).read_text(encoding="utf-8")
    assert len(read_rack(out).entries) == len(rack_runs())


def test_gaps_have_no_order_where_none_was_made(tmp_path: Path) -> None:
    write_ledger(tmp_path, [], LEFT_OUT, LEFT_OUT)
    assert read_rack(tmp_path).gaps == (Gap(state="left_out", device="old-1", code="away", reason="It is away."),)


def test_a_device_that_was_not_asked_for_is_no_gap(tmp_path: Path) -> None:
    """One that ``--where`` did not choose; where it chose none, each says what it lacks."""
    other = {"kind": "left_out", "device": "intel-1", "code": "where", "reason": "It has room=4, not 3."}
    run, *_ = rack_runs()
    save(tmp_path, run.record, run.samples)
    write_ledger(tmp_path, [run], {**other, "device": "board-9"})
    found = read_rack(tmp_path)
    assert ((), (run.record.device,)) == (found.gaps, found.devices)
    write_ledger(tmp_path / "none", [], other)
    assert ["intel-1"] == [gap.device for gap in read_rack(tmp_path / "none").gaps]
