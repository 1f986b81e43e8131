"""An ``adb`` that replays the answers of a device, and keeps what is pushed to it in a folder.

Where the answers come from:

- the log of ``benchmark_model``: lp6m/yolov5s_android on GitHub, benchmark/benchmark.md (827d887), a
  Xiaomi Mi 11 with a Snapdragon 888; the lines before ``count=50`` are in the form that the program
  prints elsewhere;
- that of ``onnxruntime_perf_test``: ArmDeveloperEcosystem/arm-learning-paths on GitHub, profiling_example.md of
  performance_onnxruntime_kleidiai_sme2 (830488b), ResNet-50 v2 on one core of an Android phone;
- ``adb devices -l``, ``getprop``, ``dumpsys battery`` and ``dumpsys thermalservice``: written in the forms of Android's
  documentation; the message of a lost device is that of adb 1.0.41, that of a full one as its users report it.
"""

import json
import sys
from pathlib import Path
from typing import Any

SERIAL = "1234ABCD"
LINE = f"{SERIAL}               device usb:1-2 product:venus model:M2011K2G device:venus transport_id:3"
DEVICES = f"List of devices attached\n{LINE}\n\n"
GETPROP = """\
[ro.build.version.release]: [12]
[ro.product.cpu.abi]: [arm64-v8a]
[ro.product.manufacturer]: [Xiaomi]
[ro.product.model]: [M2011K2G]
[ro.serialno]: [1234ABCD]
[ro.soc.manufacturer]: [QTI]
[ro.soc.model]: [SM8350]
"""
BATTERY = """\
Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  level: 87
  scale: 100
  temperature: 284
"""
THERMAL = """\
IsStatusOverride: false
ThermalEventListeners:
Thermal Status: 0
Cached temperatures:
\tTemperature{mValue=99.0, mType=0, mName=CPU0, mStatus=3}
HAL Ready: true
Current temperatures from HAL:
\tTemperature{mValue=62.500004, mType=0, mName=CPU0, mStatus=0}
\tTemperature{mValue=61.000004, mType=1, mName=GPU, mStatus=0}
\tTemperature{mValue=28.4, mType=2, mName=battery, mStatus=0}
\tTemperature{mValue=0.0, mType=2, mName=battery2, mStatus=0}
\tTemperature{mValue=-5700.0, mType=-1, mName=virtual, mStatus=0}
Current cooling devices from HAL:
\tCoolingDevice{mValue=0, mType=5, mName=tpu_cooling}
"""
BENCHMARK_MODEL = """\
STARTING!
Log parameter values verbosely: [0]
Num threads: [4]
Graph: [yolov5s_fp32_640.tflite]
#threads used for CPU inference: [4]
Loaded model yolov5s_fp32_640.tflite
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=2 first=360262 curr=248911 min=248911 max=360262 avg=304586 std=55675

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=50 first=249042 curr=250889 min=247067 max=254474 avg=249684 std=1442

Inference timings in us: Init: 16242, First inference: 360262, Warmup (avg): 304586, Inference (avg): 249684
Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE.
Peak memory footprint (MB): init=4.92969 overall=138.809
"""
PERF_TEST = """\
Setting intra_op_num_threads to 1
Disabling intra-op thread spinning between runs
Session creation time cost: 0.217932 s
First inference time cost: 196 ms
Total inference time cost: 0.49481 s
Total inference requests: 5
Average inference time cost total: 98.961997 ms
Total inference run time: 0.494854 s
Number of inferences per second: 10.104
Avg CPU usage: 11 %
Peak working set size: 271122432 bytes
Avg CPU usage:11
Peak working set size:271122432
Runs:5
Min Latency: 0.0958204 s
Max Latency: 0.101519 s
P50 Latency: 0.0995086 s
P90 Latency: 0.101519 s
P95 Latency: 0.101519 s
P99 Latency: 0.101519 s
P999 Latency: 0.101519 s
"""
SESSION: dict[str, Any] = {
    "devices": DEVICES,
    "getprop": GETPROP,
    "dumpsys battery": BATTERY,
    "dumpsys thermalservice": THERMAL,
    "uname -r": "5.4.147-qgki\n",
    "program": BENCHMARK_MODEL,
    "status": 0,
}


def install(folder: Path, **changes: Any) -> Path:
    """An executable ``adb`` in ``folder/bin``, which answers as ``SESSION`` with ``changes``. Its calls are lines of
    ``folder/calls.jsonl``; what is pushed lies in ``folder/device``."""
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "session.json").write_text(json.dumps({**SESSION, **changes}))
    script = folder / "bin" / "adb"
    script.write_text(
        f"#!{sys.executable} -SEs\nimport sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"import fake_adb\nsys.exit(fake_adb.answer({str(folder)!r}, sys.argv[1:]))\n"
    )
    script.chmod(0o755)
    return folder / "bin"


def calls(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]


def answer(place: str, arguments: list[str]) -> int:
    """Print what adb prints; its status."""
    folder = Path(place)
    session = json.loads((folder / "session.json").read_text())
    with (folder / "calls.jsonl").open("a") as stream:
        stream.write(json.dumps(arguments) + "\n")
    if arguments[:2] == ["devices", "-l"]:
        sys.stdout.write(session["devices"])
        return 0
    serial, verb, *rest = arguments[1:]
    if verb in session.get("lost", ()):
        sys.stderr.write(f"error: device '{serial}' not found\n")
        return 1
    if verb == "push":
        if session.get("full"):
            sys.stderr.write(f"adb: error: failed to copy '{rest[0]}' to '{rest[1]}': remote No space left on device\n")
            return 1
        target = folder / "device" / rest[1].lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path(rest[0]).read_bytes())
        return 0
    command = rest[0].removesuffix(" 2>&1; echo odb-status=$?")
    if command.startswith("cd "):
        if session.get("cut"):
            sys.stdout.write(session["program"][:100])
            return 255
        sys.stdout.write(session["program"])
        sys.stdout.write(f"odb-status={session['status']}\n")
        return 0
    sys.stdout.write(session.get(command, ""))
    sys.stdout.write("odb-status=0\n")
    return 0


def elf(path: Path, machine: int = 183) -> Path:
    """A file that begins as a 64-bit program for ``machine`` does."""
    path.write_bytes(
        b"\x7fELF\x02\x01\x01" + bytes(9) + (3).to_bytes(2, "little") + machine.to_bytes(2, "little") + bytes(44)
    )
    return path
