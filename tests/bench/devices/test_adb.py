"""Android devices over the command line of adb, with a recorded device in its place."""

from pathlib import Path

import pytest
from fake_adb import SERIAL, SESSION, calls, install

from bench.devices import adb
from bench.devices.android import environment, handheld, heat
from bench.errors import InputError, OdbError, RunFailure

pytestmark = pytest.mark.process


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a recorded device whose ``adb`` is the only one."""
    monkeypatch.setenv("PATH", str(install(tmp_path)))
    return tmp_path


def listing(*lines: str) -> str:
    return "List of devices attached\n" + "".join(f"{line}\n" for line in lines) + "\n"


SEE = "see [http://developer.android.com/tools/device.html] usb:1-1"
NO_PERMISSIONS = f"no permissions (user in plugdev group; are your udev rules wrong?); {SEE}"


@pytest.mark.parametrize(
    ("lines", "named", "kind", "said", "remedy"),
    [
        ((), "adb", RunFailure, "no Android device is connected", "USB debugging"),
        (
            ("A device", "B device"),
            "adb",
            InputError,
            "several Android devices are connected: adb:A and adb:B",
            "adb:A",
        ),
        (("A device",), "adb:B", RunFailure, "--on adb:B: is not connected", "Connected: adb:A"),
        (("A unauthorized usb:1-1",), "adb", RunFailure, "adb:A has not allowed this computer to debug it", "dialog"),
        (("A offline",), "adb:A", RunFailure, "adb:A is offline", "adb reconnect"),
        ((f"A {NO_PERMISSIONS}",), "adb:A", RunFailure, "may not open the USB device adb:A", "udev rule"),
        (("A recovery",), "adb:A", RunFailure, "adb:A is in the state recovery", "state device"),
        (("A device",), "ssh:A", InputError, "--on ssh:A: no such kind of device", "adb:SERIAL"),
    ],
)
def test_a_device_that_cannot_be_used_is_named_with_what_to_do(
    phone: Path, lines: tuple[str, ...], named: str, kind: type[OdbError], said: str, remedy: str
) -> None:
    """None, two, another one, one that is locked, asleep or not permitted."""
    install(phone, devices=listing(*lines))
    with pytest.raises(kind) as caught:
        adb.connected(named)
    assert said in caught.value.message
    assert remedy in caught.value.remedy
    if isinstance(caught.value, RunFailure):
        assert "unavailable" == caught.value.kind


def test_adb_that_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With where to get it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RunFailure, match="adb is not installed") as caught:
        adb.connected("adb")
    assert ("unavailable", True) == (caught.value.kind, "platform-tools" in caught.value.remedy)


def test_lines_of_other_tools_are_no_devices(phone: Path) -> None:
    """adb says that it starts its server; a serial number may be an address."""
    said = "* daemon not running; starting now at tcp:5037\n* daemon started successfully\n"
    install(phone, devices=said + listing("192.168.1.5:5555\tdevice", "emulator-5554          device product:sdk"))
    assert ["192.168.1.5:5555", "emulator-5554"] == [one.serial for one in adb.listed()]


def test_files_are_pushed_into_one_folder_and_removed(phone: Path, tmp_path: Path) -> None:
    """Under /data/local/tmp, the only place where programs may run; the status of a command is its own."""
    file = tmp_path / "weights file.bin"
    file.write_bytes(b"12345")
    device = adb.connected(f"adb:{SERIAL}")
    device.push(file, "weights file.bin")
    device.push(file, "tool", program=True)
    install(phone, status=3, program="out\n")
    ran = device.run(("./tool", "--graph=a b"), {"LD_LIBRARY_PATH": "."}, 5.0)
    assert (3, "out\n") == (ran.status, ran.output)
    device.clear()
    made = calls(phone)
    folder = made[1][3].split()[2]
    assert b"12345" == (phone / "device" / folder.lstrip("/") / "weights file.bin").read_bytes()
    assert folder.startswith("/data/local/tmp/odb-")
    assert ["-s", SERIAL, "shell", f"mkdir -p {folder} 2>&1; echo odb-status=$?"] == made[1]
    assert ["-s", SERIAL, "push", str(file), f"{folder}/weights file.bin"] == made[2]
    assert f"chmod 755 {folder}/tool 2>&1; echo odb-status=$?" == made[4][3]
    assert f"cd {folder} && LD_LIBRARY_PATH=. ./tool '--graph=a b' 2>&1; echo odb-status=$?" == made[5][3]
    assert f"rm -rf {folder} 2>&1; echo odb-status=$?" == made[-1][3]


@pytest.mark.parametrize(
    ("changes", "said", "remedy"),
    [
        ({"full": True}, f"there is no room on adb:{SERIAL} for tool", "Free space"),
        ({"lost": ["push"]}, f"the connection to adb:{SERIAL} was lost: error: device '{SERIAL}' not found", "cable"),
        ({"lost": ["shell"]}, f"the connection to adb:{SERIAL} was lost", "cable"),
        ({"cut": True}, f"the connection to adb:{SERIAL} was lost", "cable"),
    ],
)
def test_what_ends_in_the_middle_is_told(
    phone: Path, tmp_path: Path, changes: dict[str, object], said: str, remedy: str
) -> None:
    """No room, a cable that is pulled out between two commands, and one pulled out while the program runs."""
    (tmp_path / "tool").write_bytes(b"1")
    device = adb.connected("adb")
    install(phone, **changes)

    def measured() -> None:
        device.push(tmp_path / "tool", "tool")
        device.run(("./tool",), {}, 5.0)

    with pytest.raises(RunFailure) as caught:
        measured()
    assert ("unavailable", True) == (caught.value.kind, said in caught.value.message)
    assert remedy in caught.value.remedy


def test_a_device_that_does_not_answer_is_a_timeout(phone: Path) -> None:
    """The program is given up."""
    script = phone / "bin" / "adb"
    device = adb.connected("adb")
    script.write_text("#!/bin/sh\nexec /bin/sleep 5\n")
    with pytest.raises(RunFailure, match="did not answer within 0 s") as caught:
        device.run(("./tool",), {}, 0.2)
    assert "timeout" == caught.value.kind


def test_the_device_tells_its_processor_and_its_state(phone: Path) -> None:
    """Charged over the cable, with the temperatures of now; its serial number is not taken."""
    device = adb.connected("adb")
    of = handheld(device)
    found = environment(device, of)
    assert ("SM8350", "arm64-v8a", "Xiaomi M2011K2G") == (of.part, of.abi, of.model)
    assert {
        "cpu": "SM8350",
        "board": "Xiaomi M2011K2G",
        "os": "Android",
        "os_version": "12",
        "kernel": "5.4.147-qgki",
        "machine": "arm64-v8a",
    } == found.host
    assert ("ac", 87.0, {}) == (found.power_source, found.battery_percent, found.unavailable)
    assert {"CPU0": 62.500004, "GPU": 61.000004, "battery": 28.4} == found.temperature_celsius
    assert SERIAL not in str(found)


def test_what_a_device_does_not_tell_is_null_with_the_reason(phone: Path) -> None:
    """Android 9 has no thermal service, and names no SoC."""
    install(phone, **{"dumpsys thermalservice": "Can't find service: thermalservice\n", "dumpsys battery": ""})
    install(
        phone, getprop="[ro.product.cpu.abi]: [arm64-v8a]\n", **{"dumpsys battery": "", "dumpsys thermalservice": ""}
    )
    device = adb.connected("adb")
    found = environment(device, handheld(device))
    assert (None, None, {}) == (found.power_source, found.battery_percent, found.temperature_celsius)
    assert {"host.cpu", "host.board", "host.os_version", "temperature_celsius"} <= set(found.unavailable)


def test_only_the_temperatures_of_now_are_taken() -> None:
    """The list of the cache may be hours old."""
    assert {} == heat("Cached temperatures:\n\tTemperature{mValue=80.0, mType=0, mName=CPU, mStatus=0}\n")
    assert SESSION["dumpsys thermalservice"].count("mValue") > len(heat(SESSION["dumpsys thermalservice"]))
