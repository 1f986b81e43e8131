"""NPUs and GPUs by Windows' performance counters, on answers with the bytes that Windows lays out. Names and figures
are those of public reports; Windows itself was never asked."""

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from energies import energy_summary
from fake_windows import (
    COMPUTE_ONLY,
    GPU,
    GPU_ENGINE,
    NPU,
    NPU_ENGINE,
    RENDER,
    SOFTWARE,
    FakeWindows,
    battery_state,
    core_ultra,
    counter_items,
    libraries,
    pwh,
)
from judged_runs import repeats_with, run_of, sound_record

from bench.analysis.verdict.judge import judge
from bench.cli.doctor_command import sensor_findings
from bench.contracts import Channel, Sensor
from bench.machine.channels import discover
from bench.machine.sensors.windows_adapters import RUNNING_TIME, WindowsAdapters
from bench.machine.sensors.windows_battery import WindowsBattery
from bench.machine.sensors.windows_energy import WindowsEnergy
from bench.machine.windows import emi
from bench.machine.windows.calls import WindowsCalls
from bench.machine.windows.pdh import engine_of, raw_values
from bench.measure.energy import EnergyMeter
from bench.plugins import discover as catalog
from bench.record.energy import RepeatEnergy

HERE = Path("/")


def metered(sensor: Sensor, name: str, change: Callable[[], None], seconds: float = 1.0) -> RepeatEnergy:
    """One window of ``seconds`` in which ``change`` happens."""
    sensors = {name: sensor}
    clock_ns = itertools.count(0, round(seconds * 1e9)).__next__
    meter = EnergyMeter(sensors, discover(sensors, HERE), HERE, {}, clock_ns=clock_ns)
    meter.start()
    change()
    return meter.stop(10)


def busy(fake: FakeWindows, change: Mapping[str, int], seconds: float = 10.0) -> RepeatEnergy:
    clock = itertools.count(0.0, seconds)
    sensor = WindowsAdapters(fake, lambda: next(clock))

    def work() -> None:
        fake.counters[RUNNING_TIME] = {**fake.counters[RUNNING_TIME], **change}

    return metered(sensor, "windows_adapters", work, seconds)


class TestAdapters:
    def test_the_npu_is_told_by_its_adapter_and_not_by_its_engine(self) -> None:
        """A GPU's own ``Neural`` engine read 99.8 % with the NPU idle."""
        fake = core_ultra()
        window = busy(fake, {f"pid_5678_{GPU_ENGINE.format(2, 'Neural')}": 998_000_000 + 30_000_000})
        assert [("Intel(R) Arc(TM) 140V GPU", "gpu", 3.0), ("Intel(R) AI Boost", "npu", 0.0)] == [
            (c.name, c.domain, c.busy_seconds) for c in window.channels if c.memory_bytes is None
        ]

    @pytest.mark.parametrize("engine", ["Neural", "Compute", "compute_0", "High Priority Compute", "Inference"])
    def test_an_npu_works_under_whatever_name_its_driver_gives(self, engine: str) -> None:
        """OpenVINO's is ``Neural``, other drivers' ``Compute`` (winml-cli#640)."""
        fake = core_ultra()
        instance = f"pid_9012_{NPU_ENGINE.replace('Neural', engine)}"
        fake.counters[RUNNING_TIME] = {instance: 50_000_000}
        window = busy(fake, {instance: 50_000_000 + 25_000_000})
        (npu,) = [c for c in window.channels if c.domain == "npu" and c.memory_bytes is None]
        assert 2.5 == npu.busy_seconds

    def test_memory_in_use_is_dedicated_and_shared(self) -> None:
        window = busy(core_ultra(), {})
        assert {"Intel(R) AI Boost memory": 402_653_184, "Intel(R) Arc(TM) 140V GPU memory": 805_306_368} == {
            c.name: c.memory_bytes for c in window.channels if c.memory_bytes is not None
        }

    def test_a_process_that_ends_takes_nothing_away(self) -> None:
        """A sum over living processes would go backwards; one that begins counts from its start."""
        fake = core_ultra()
        fake.counters[RUNNING_TIME] = {f"pid_1_{NPU_ENGINE}": 90_000_000, f"pid_9012_{NPU_ENGINE}": 50_000_000}
        clock = itertools.count(0.0, 10.0)
        sensor = WindowsAdapters(fake, lambda: next(clock))

        def change() -> None:
            fake.counters[RUNNING_TIME] = {f"pid_9012_{NPU_ENGINE}": 60_000_000, f"pid_2_{NPU_ENGINE}": 5_000_000}

        window = metered(sensor, "windows_adapters", change, 10.0)
        assert [1.5] == [c.busy_seconds for c in window.channels if c.name == "Intel(R) AI Boost"]

    @pytest.mark.parametrize("step", [-138_000_000, 28_700_000_000])
    def test_running_time_that_cannot_be_is_lost(self, step: int) -> None:
        """Backwards, or 2,870 s in 10: seen with OpenVINO on an Arc 130V. The verdict says ``sensor_lost``."""
        fake = core_ultra()
        fake.counters[RUNNING_TIME][f"pid_9012_{NPU_ENGINE}"] = 500_000_000
        window = busy(fake, {f"pid_9012_{NPU_ENGINE}": 500_000_000 + step})
        (npu,) = [c for c in window.channels if c.name == "Intel(R) AI Boost"]
        assert (None, True) == (npu.busy_seconds, npu.lost)
        assert energy_summary([window], None, None, ()).npu_busy_seconds_per_inference is None
        assert "sensor_lost" in {
            reason.code for reason in judge(run_of(repeats_with(sound_record(), energy=window))).reasons
        }

    def test_a_count_that_went_backwards_is_not_believed_again(self) -> None:
        """What is between the leaps may look right."""
        fake = core_ultra()
        clock = itertools.count(0.0, 10.0)
        sensor = WindowsAdapters(fake, lambda: next(clock))
        (npu,) = [c for c in sensor.channels(HERE) if c.name == "Intel(R) AI Boost"]
        instance = f"pid_9012_{NPU_ENGINE}"
        assert 0.0 == sensor.read(HERE, npu)
        for value in (40_000_000, 60_000_000):
            fake.counters[RUNNING_TIME][instance] = value
            with pytest.raises(OSError, match="went backwards"):
                sensor.read(HERE, npu)

    def test_a_driver_without_a_name_and_two_alike(self) -> None:
        fake = core_ultra()
        fake.kinds = {NPU: (COMPUTE_ONLY, ""), GPU: (RENDER, "Arc"), (0, 7): (RENDER, "Arc")}
        fake.counters[RUNNING_TIME]["pid_1_luid_0x00000000_0x00000007_phys_0_eng_0_engtype_3D"] = 1
        names = [c.name for c in WindowsAdapters(fake).channels(HERE) if c.kind == "busy"]
        assert ["Arc", "Arc (2)", "npu"] == names

    def test_an_adapter_in_software_is_left_out(self) -> None:
        """Microsoft's basic renderer."""
        fake = core_ultra()
        fake.kinds[GPU] = (RENDER | SOFTWARE, "Microsoft Basic Render Driver")
        assert {"npu"} == {c.domain for c in WindowsAdapters(fake).channels(HERE)}

    def test_where_windows_does_not_say_what_an_adapter_is_its_engines_do(self) -> None:
        """A GPU draws; what computes and does not draw is an NPU; what only copied so far is neither."""
        fake = core_ultra()
        fake.kinds = {}
        fake.counters[RUNNING_TIME]["pid_1_luid_0x00000000_0x00000007_phys_0_eng_0_engtype_Copy"] = 1
        assert [("gpu", "gpu"), ("npu", "npu")] == [
            (c.name, c.domain) for c in WindowsAdapters(fake).channels(HERE) if c.kind == "busy"
        ]

    def test_counters_that_do_not_answer_say_what_to_do(self) -> None:
        (channel,) = WindowsAdapters(FakeWindows()).channels(HERE)
        assert not channel.usable
        assert "0xC0000BB8" in str(channel.reason)
        assert "lodctr /R" in str(channel.remedy)


SENSORS: tuple[type[WindowsEnergy | WindowsAdapters | WindowsBattery], ...] = (
    WindowsEnergy,
    WindowsAdapters,
    WindowsBattery,
)


@pytest.mark.parametrize("sensor", SENSORS)
def test_a_recorded_machine_is_not_answered_by_windows(
    tmp_path: Path, sensor: type[WindowsEnergy | WindowsAdapters | WindowsBattery]
) -> None:
    """Nor is any machine that is not Windows."""
    assert () == sensor(core_ultra()).channels(tmp_path)
    assert () == sensor().channels(HERE)
    with pytest.raises(OSError, match="only Windows"):
        sensor().read(HERE, Channel("any", "any", "busy", "npu", "0|0"))


def test_doctor_says_what_is_there_and_what_to_do_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop plugged in: package and NPU, a rail that never counted, a battery that cannot be read now."""
    fake = core_ultra()
    fake.add_meter("meter", ["RAPL_Package0_PKG", "RAPL_Package0_DRAM"], [pwh(7), 0])
    fake.state = battery_state(present=True, milliwatts=9_000)
    for name in ("energy", "adapters", "battery"):
        monkeypatch.setattr(f"bench.machine.sensors.windows_{name}.windows_calls", lambda: fake)
    found = {f.topic: f for f in sensor_findings(catalog()) if f.topic.startswith("sensor windows_")}
    assert {topic.removeprefix("sensor windows_"): (f.state, str(f.message)) for topic, f in found.items()} == {
        "energy RAPL_Package0_PKG": ("ok", "energy of package"),
        "energy RAPL_Package0_DRAM": ("unavailable", "the counter reads 0"),
        "adapters Intel(R) Arc(TM) 140V GPU": ("ok", "busy of gpu"),
        "adapters Intel(R) Arc(TM) 140V GPU memory": ("ok", "memory of gpu"),
        "adapters Intel(R) AI Boost": ("ok", "busy of npu"),
        "adapters Intel(R) AI Boost memory": ("ok", "memory of npu"),
        "battery battery": ("unavailable", "on AC: discharge cannot be measured"),
    }
    assert "Unplug the charger and measure again." == str(found["sensor windows_battery battery"].remedy)


class TestCounters:
    def test_values_by_instance(self) -> None:
        assert {"a": (1, 9), "é": (-2, 9)} == {
            name: (value.first, value.second)
            for name, value in raw_values(counter_items({"a": 1, "é": -2}, second=9)).items()
        }

    def test_what_is_not_valid_or_points_elsewhere_is_left_out(self) -> None:
        items = counter_items({"a": 1})
        assert {} == raw_values(counter_items({"a": 1}, status=0xC0000BBA))  # PDH_CSTATUS_INVALID_DATA
        assert {} == raw_values(type(items)(items.data, items.address + 4096, 1))

    def test_more_items_than_there_are_bytes(self) -> None:
        items = counter_items({"a": 1})
        assert ["a"] == [*raw_values(type(items)(items.data, items.address, 99))]

    @pytest.mark.parametrize(
        "name",
        ["_Total", "pid_1_luid_0x0_phys_0", "pid_x_luid_0x00000000_0x000124A5_phys_0", "luid_0x0_0xZZ_phys_0", ""],
    )
    def test_a_name_of_another_form_is_left_out(self, name: str) -> None:
        assert engine_of(name) is None

    def test_case_differs_between_systems(self) -> None:
        engine = engine_of("pid_1212_luid_0x00000001_0x00005c30_phys_0_eng_0_engtype_3d")
        assert engine is not None
        assert ((1, 0x5C30), "3d") == (engine.luid, engine.kind)


class TestCalls:
    """The real calls, into libraries that write where they are told to."""

    def windows(self, fake: FakeWindows) -> tuple[WindowsCalls, list[str]]:
        given = libraries(fake)
        left = given.pop("left")
        return WindowsCalls(**given), left

    def test_energy_meters_are_listed_and_asked(self) -> None:
        fake = FakeWindows()
        fake.add_meter(r"\\?\acpi#one", ["RAPL_Package0_PKG", "RAPL_Package0_PP0"], [pwh(5), pwh(3)])
        fake.add_meter(r"\\?\acpi#two", ["SYS"], [pwh(9)])
        calls, left = self.windows(fake)
        assert [r"\\?\acpi#one", r"\\?\acpi#two"] == list(calls.energy_meters())
        sensor = WindowsEnergy(calls)
        assert [5.0, 3.0, 9.0] == [round(sensor.read(HERE, c), 6) for c in sensor.channels(HERE)]
        assert [] == left

    def test_a_meter_that_is_not_there_is_an_oserror(self) -> None:
        calls, left = self.windows(FakeWindows())
        with pytest.raises(OSError, match="Windows error"):
            calls.control("gone", emi.GET_VERSION, 2)
        assert [] == left

    def test_counters_are_followed_through_their_pointers(self) -> None:
        fake = core_ultra()
        calls, left = self.windows(fake)
        found = {name: value.first for name, value in raw_values(calls.raw_counters(RUNNING_TIME)).items()}
        assert fake.counters[RUNNING_TIME] == found
        fake.counters[RUNNING_TIME] = {}
        assert {} == raw_values(calls.raw_counters(RUNNING_TIME))
        with pytest.raises(OSError, match="0xC0000BB8"):
            calls.raw_counters(r"\Nothing(*)\Here")
        assert [] == left

    def test_adapters_and_battery(self) -> None:
        fake = core_ultra()
        fake.state = battery_state(present=True, discharging=True, milliwatts=-7420)
        calls, left = self.windows(fake)
        names = {c.name for c in WindowsAdapters(calls).channels(HERE) if c.kind == "busy"}
        assert {"Intel(R) AI Boost", "Intel(R) Arc(TM) 140V GPU"} == names
        assert 7.42 == WindowsBattery(calls).read(HERE, WindowsBattery(calls).channels(HERE)[0])
        with pytest.raises(OSError, match="D3DKMT: 0xC000000D"):
            calls.adapter((0, 1), 15, 4)
        assert [] == left
