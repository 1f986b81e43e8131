"""A model of 500 MB for 20 devices: each byte goes to each device once, also to one that is killed in the midst of it,
and the scheduler's memory is bounded. The bytes are counted on the devices' cables. Needs root, `ip` and 11 GB of disk.

``ODB_RACK_DEVICES`` makes it smaller.
"""

import json
import os
import sys
import time
from pathlib import Path

import pytest
from onnx import TensorProto, helper

import bench.testing.plugins
from bench.digest import sha256_of_file
from bench.fleet.device.agent import ARTIFACTS
from bench.fleet.device.artifacts import PART
from bench.store.records import load_records
from tests.support.fleet.network import NetworkRack, network_rack

pytestmark = [pytest.mark.perf, pytest.mark.process, pytest.mark.timeout(3600)]

DEVICES = int(os.environ.get("ODB_RACK_DEVICES", "20"))
ROWS, COLUMNS = 1000, 125_000
SIZE_BYTES = 4 * ROWS * COLUMNS
MOST_OF_A_FILE = 1.05
"""What may go to a device, by the file's size: TLS, TCP and the orders come on top."""
PLUGIN = str(bench.testing.plugins.__file__)
SUITE = """
preset = "quick"
repeats = 1
max_seconds = 0.2
models = [{{source = "{model}"}}]
targets = [{{id = "null:cpu"}}, {{id = "null:cpu", options = {{latency_us = "100"}}}}]
"""


def test_a_large_model_goes_to_each_device_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two runs on each device need it; one device is killed when it has a part."""
    pytest.importorskip("distributed", reason="needs the extra fleet")
    model, suite, out, told = (tmp_path / name for name in ("large.onnx", "suite.toml", "out", "told.json"))
    data = large(model)
    suite.write_text(SUITE.format(model=model))
    names = [f"board-{number:02}" for number in range(1, DEVICES + 1)]
    with network_rack(tmp_path, "--plugin", PLUGIN, "--target", "null") as rack:
        for name in names:
            rack.add(name)
            rack.wait(lambda name=name: "joined" in rack.log(name), f"{name} joins", 300)
        before, began = {name: rack.sent_bytes(name) for name in names}, time.monotonic()
        rack.begin_client("run", str(suite), "--each", "--json", "-o", str(out), "--plugin", PLUGIN, printed=told)
        killed, had_bytes = kill_in_the_midst(rack, names, sha256_of_file(data))
        rack.wait(lambda: not rack.is_running("client"), "the client ends", 3000)
        seconds = time.monotonic() - began
        sent = {name: (rack.sent_bytes(name) - before[name]) / SIZE_BYTES for name in names}
        memory_bytes = rack.memory_bytes("scheduler")
    with capsys.disabled():
        sys.stdout.write(
            f"\n{SIZE_BYTES / 1e6:.0f} MB to {DEVICES} devices and {len(load_records(out))} runs in {seconds:.0f} s;"
            f" sent of it to a device: {min(sent.values()):.3f} to {max(sent.values()):.3f}; {killed} was killed with"
            f" {had_bytes / 1e6:.0f} MB and was sent {sent[killed]:.3f}; scheduler: {memory_bytes / 1e6:.0f} MB\n"
        )
    said = json.loads(told.read_text())
    assert ([], 2 * DEVICES) == (said["failed"], len(said["records"]))
    assert all(1 <= times <= MOST_OF_A_FILE for times in sent.values()), sent
    assert memory_bytes < 1e9


def kill_in_the_midst(rack: NetworkRack, names: list[str], sha256: str) -> tuple[str, int]:
    """Kill the first device that has a fifth of the file, and begin it anew. Returns its name and what it had."""

    def has(name: str) -> int:
        part = rack.folder / name / ARTIFACTS / f"{sha256}{PART}"
        return part.stat().st_size if part.exists() else 0

    def first() -> str:
        return next((name for name in names if has(name) > SIZE_BYTES / 5), "")

    rack.wait(lambda: bool(first()) or not rack.is_running("client"), "a device has a fifth of the file", 900)
    name = first()
    rack.kill(name)
    had = has(name)
    time.sleep(2)
    rack.begin(name)
    return name, had


def large(model: Path) -> Path:
    """A graph whose one weight lies in a file beside it, which is returned."""
    data = model.with_name(f"{model.name}.data")
    weight = TensorProto(
        name="weight", data_type=TensorProto.FLOAT, dims=[ROWS, COLUMNS], data_location=TensorProto.EXTERNAL
    )
    for key, value in (("location", data.name), ("offset", "0"), ("length", str(SIZE_BYTES))):
        weight.external_data.add(key=key, value=value)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
        for name, size in (("x", ROWS), ("y", COLUMNS))
    ]
    node = helper.make_node("MatMul", ["x", "weight"], ["y"])
    graph = helper.make_graph([node], "large", ends[:1], ends[1:], [weight])
    model.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())
    row = os.urandom(4 * COLUMNS)
    with data.open("wb") as file:
        for _ in range(ROWS):
            file.write(row)
    return data
