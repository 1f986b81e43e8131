"""What a long run reads of the device between its queries, on trees like those of real machines."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.contracts import Channel
from bench.machine.throttling import throttle_count, throttled_since
from bench.machine.trace_log import MOST_TRACES, TraceLog

SECOND = 1_000_000_000
ZONE, CLOCK = "sys/class/thermal/thermal_zone0", "sys/devices/system/cpu/cpufreq/policy0"
SUPPLY = "sys/class/power_supply/AC"


def written(root: Path, files: Mapping[str, object]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")
    return root


class Counter:
    """A sensor whose channels have the values that the test sets."""

    name = "counter"

    def __init__(self, **values: float) -> None:
        self.values = values

    def channels(self, root: Path) -> list[Channel]:
        return []

    def read(self, root: Path, channel: Channel) -> float:
        return self.values[channel.name]


def channel(name: str, kind: str, wraps_at: float | None = None) -> Channel:
    return Channel("counter", name, kind, "package", name, wraps_at=wraps_at)  # type: ignore[arg-type]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    zone = {f"{ZONE}/type": "x86_pkg_temp", f"{ZONE}/temp": 61_500}
    clock = {f"{CLOCK}/scaling_cur_freq": 3_200_000, f"{CLOCK}/related_cpus": "0 1"}
    return written(tmp_path, {**zone, **clock, f"{SUPPLY}/type": "Mains", f"{SUPPLY}/online": 1})


def test_each_reading_is_at_its_look(machine: Path) -> None:
    """Temperature and clock of every look, and the power source whenever it changes."""
    log = TraceLog(machine)
    log.look(0)
    written(machine, {f"{ZONE}/temp": 80_000, f"{CLOCK}/scaling_cur_freq": 1_800_000})
    battery = "sys/class/power_supply/BAT0"
    written(machine, {f"{battery}/type": "Battery", f"{battery}/status": "Discharging", f"{SUPPLY}/online": 0})
    log.look(5 * SECOND)
    log.look(10 * SECOND)
    found = {(one.name, one.quantity): (one.at_ns, one.values) for one in log.traces()}
    at = (0, 5 * SECOND, 10 * SECOND)
    assert {
        ("x86_pkg_temp", "celsius"): (at, (61.5, 80.0, 80.0)),
        ("cpu 0-1", "mhz"): (at, (3200.0, 1800.0, 1800.0)),
    } == found
    assert (80.0, ["ac", "battery"]) == (log.hottest_celsius, log.power_sources)


def test_what_vanishes_is_missing_from_then_on(machine: Path) -> None:
    """A zone of a device that was unplugged; no value is made up."""
    log = TraceLog(machine)
    log.look(0)
    (machine / ZONE / "temp").unlink()
    log.look(SECOND)
    (celsius,) = (one for one in log.traces() if one.quantity == "celsius")
    assert (61.5, None) == celsius.values
    assert log.hottest_celsius is None


def test_counters_are_told_as_power_and_busy_time(tmp_path: Path) -> None:
    """Their difference since the look before: none at the first, across a wrap, and none where a count fell. Memory in
    use is neither."""
    sensor = Counter(joules=999_990.0, watts=7.0, seconds=1.0, bytes=1e6)
    kinds = {"bytes": "memory", "joules": "energy", "watts": "power", "seconds": "busy"}
    channels = [channel(name, kind, 1e6 if kind == "energy" else None) for name, kind in kinds.items()]
    log = TraceLog(tmp_path, {"counter": sensor}, channels)
    for now, values in (
        (0, {}),
        (2, {"joules": 999_998.0, "seconds": 2.0}),
        (4, {"joules": 6.0, "seconds": 4.0}),
        (6, {"joules": 6.0, "seconds": 0.0}),
    ):
        sensor.values |= values
        log.look(now * SECOND)
    found = {(one.name, one.quantity): one.values for one in log.traces()}
    assert {
        ("counter/joules", "watts"): (4.0, 4.0, 0.0),
        ("counter/watts", "watts"): (7.0,) * 4,
        ("counter/seconds", "busy"): (0.5, 1.0, None),
    } == found


def test_a_board_of_many_zones_is_cut_off(tmp_path: Path) -> None:
    zones = {
        f"sys/class/thermal/thermal_zone{i:02}/{file}": text
        for i in range(40)
        for file, text in (("type", f"zone{i}"), ("temp", 40_000 + i))
    }
    log = TraceLog(written(tmp_path, zones))
    log.look(0)
    assert MOST_TRACES == len(log.traces())


def throttled(*counts: tuple[int, int, int]) -> dict[str, object]:
    """``counts``: of each core its package, its own events and those of the package."""
    files: dict[str, object] = {}
    for core, (package, own, shared) in enumerate(counts):
        folder = f"sys/devices/system/cpu/cpu{core}"
        files |= {
            f"{folder}/topology/physical_package_id": package,
            f"{folder}/thermal_throttle/core_throttle_count": own,
            f"{folder}/thermal_throttle/package_throttle_count": shared,
        }
    return files


def test_events_of_cores_and_of_each_package_once(tmp_path: Path) -> None:
    """Every core of a package repeats the package's count."""
    written(tmp_path, throttled((0, 1, 5), (0, 2, 5), (1, 0, 7), (1, 0, 7)))
    assert 3 + 5 + 7 == throttle_count(tmp_path)


def test_events_are_those_since_the_count_before(tmp_path: Path) -> None:
    """Unknown where the system does not count, and where the counter began again."""
    assert (None, None) == (throttle_count(tmp_path), throttled_since(0, tmp_path))
    written(tmp_path, throttled((0, 2, 4)))
    assert (6, 2, None, None) == (
        throttle_count(tmp_path),
        throttled_since(4, tmp_path),
        throttled_since(9, tmp_path),
        throttled_since(None, tmp_path),
    )
