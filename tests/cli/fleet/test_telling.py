"""What a log says while a rack measures: each run that begins, waits or ends, and something now and then."""

import asyncio
import io
import time
from pathlib import Path

from bench.cli.fleet.telling import Lines, heard
from bench.fleet.client.dispatch import Dispatch
from bench.fleet.client.patience import Patience
from bench.fleet.ledger import LEDGER, Ledger
from bench.fleet.orders import OrderFile
from tests.bench.fleet.test_dispatch import Kept, order, plan
from tests.support.fleet.simulated import Simulated, SimulatedRack


def test_a_log_has_a_line_for_each_run_that_begins_waits_or_ends(tmp_path: Path) -> None:
    """That a device takes no files is asked for again and again, and told once."""
    (tmp_path / "net.onnx").write_bytes(b"weights")
    file = OrderFile(name="model/net.onnx", sha256="f00", size_bytes=7)
    rack = SimulatedRack([Simulated("a", busy_puts=5, dies=1, refuses=["wrong_file"])])
    made = plan(order(1, ("a",)), order(2, ("a",), files=(file,)), places={"f00": tmp_path / "net.onnx"})
    stream = io.StringIO()
    ledger = Ledger(tmp_path / LEDGER)
    asyncio.run(Dispatch(rack, made, ledger, Kept(), Lines(stream), Patience(pause_s=0.001, busy_s=0.0)).run())
    ledger.close()
    waits = "waiting until the device takes files: it measures for others, or keeps the room in its cache for theirs"
    assert [
        "[0/2] runs: 2; devices: 1",
        "[1/2] refused by a: m null:cpu s: because",
        f"[1/2] a: m null:cpu s: {waits}",
        "[1/2] a: m null:cpu s: begun",
        "[1/2] lost on a: m null:cpu s: it died",
        "[1/2] a: m null:cpu s: begun",
        "[2/2] a: m null:cpu s: fetched",
    ] == stream.getvalue().splitlines()


def test_a_log_that_was_silent_says_what_goes_on_and_for_how_long() -> None:
    now_s, stream = 0.0, io.StringIO()
    lines = Lines(stream, lambda: now_s)
    orders = [order(number, (device,)) for number, device in enumerate("abcdefg")]
    lines.planned(plan(*orders), 0)
    for one in orders:
        lines.sent(one, one.devices[0])
        now_s += 10.0
    lines.waits(orders[1], "b", "waiting for pid 7")
    lines.away("c")
    now_s = 100.0
    assert 30.0 == lines.silent_s()
    lines.still()
    assert 0.0 == lines.silent_s()
    assert [
        "[0/7] a: m null:cpu s: not begun yet, for 1:40",
        "[0/7] d: m null:cpu s: not begun yet, for 1:10",
        "[0/7] e: m null:cpu s: not begun yet, for 1:00",
        "[0/7] f: m null:cpu s: not begun yet, for 0:50",
        "[0/7] g: m null:cpu s: not begun yet, for 0:40",
        "[0/7] other devices: 2",
    ] == stream.getvalue().splitlines()[-6:]


def test_a_run_that_goes_on_is_not_told_as_not_begun() -> None:
    """After the command was repeated the order is sent again, and the device measures it already."""
    now_s, stream = 0.0, io.StringIO()
    lines, one = Lines(stream, lambda: now_s), order(1, ("a",))
    lines.planned(plan(one), 0)
    lines.sent(one, "a")
    lines.goes_on(one, "a")
    now_s = 60.0
    lines.still()
    lines.fetched(one, "a", Path("r"))
    lines.still()
    assert [
        "[0/1] a: m null:cpu s, for 1:00",
        "[1/1] a: m null:cpu s: fetched",
        "[1/1] no device is at work",
    ] == stream.getvalue().splitlines()[1:]


def test_a_log_hears_of_a_silence_by_itself_and_a_reader_may_leave() -> None:
    class Left(io.StringIO):
        lines = 0

        def write(self, text: str) -> int:
            self.lines += 1
            raise BrokenPipeError

    stream = Left()
    with heard(Lines(stream), silent_s=0.01):
        end = time.monotonic() + 10
        while not stream.lines and time.monotonic() < end:
            time.sleep(0.01)
    assert stream.lines
