"""Whether the processor is emulated: recorded folders of Linux, and the answers of Windows and macOS."""

import ctypes
import platform
import sys
from pathlib import Path

import pytest

from bench.contracts import Device, Target
from bench.machine import emulation as module
from bench.machine.emulation import Emulation, emulation, on_linux, on_macos, on_windows
from bench.machine.environment import capture
from bench.machine.findings import remedies
from bench.plugins import PluginRef
from bench.process import probe
from bench.testing import FakeClock, FakeTarget

NATIVE = Emulation(False)
GRAVITON = "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
EPYC = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\nflags\t: fpu vme hypervisor\n"
BINFMT = (
    "enabled\ninterpreter {interpreter}\nflags: F\noffset 0\nmagic 7f454c460201010000000000000000000200{machine}\n"
    "mask ffffffffffffff00fffffffffffffffffeffffff\n"
)
MAPS = "55da6a30b000-55da6a30d000 r--p 00000000 fe:00 260386                     {path}\n"

LINUX: dict[str, tuple[str, dict[str, str], Emulation]] = {
    # An EC2 machine, and this project's virtual machines: a hypervisor is no emulation.
    "native arm": ("aarch64", {"proc/cpuinfo": GRAVITON, "proc/sys/kernel/arch": "aarch64"}, NATIVE),
    "native x86 under KVM": ("x86_64", {"proc/cpuinfo": EPYC, "proc/sys/kernel/arch": "x86_64"}, NATIVE),
    # QEMU 7.2, user mode: the host's description and kernel, and QEMU itself in the thread's maps (tests/arm64/run).
    "qemu-user, by its maps": (
        "aarch64",
        {"proc/cpuinfo": GRAVITON, "proc/thread-self/maps": MAPS.format(path="/usr/bin/qemu-aarch64-static")},
        Emulation(True, "qemu-user"),
    ),
    "a file with a similar name": (
        "aarch64",
        {"proc/cpuinfo": GRAVITON, "proc/thread-self/maps": MAPS.format(path="/data/qemu-aarch64.log")},
        NATIVE,
    ),
    "qemu-user, by the host's processor": ("aarch64", {"proc/cpuinfo": EPYC}, Emulation(True, "unknown")),
    "by the kernel": (
        "aarch64",
        {"proc/cpuinfo": "processor\t: 0\n", "proc/sys/kernel/arch": "x86_64"},
        Emulation(True, "unknown"),
    ),
    "by the interpreter of one's own programs": (
        "aarch64",
        {
            "proc/cpuinfo": GRAVITON,
            "proc/sys/fs/binfmt_misc/status": "enabled",
            "proc/sys/fs/binfmt_misc/qemu-aarch64": BINFMT.format(
                interpreter="/usr/bin/qemu-aarch64-static", machine="b700"
            ),
        },
        Emulation(True, "qemu-user"),
    ),
    "an interpreter of other programs": (
        "x86_64",
        {
            "proc/cpuinfo": EPYC,
            "proc/sys/fs/binfmt_misc/qemu-aarch64": BINFMT.format(
                interpreter="/usr/bin/qemu-aarch64-static", machine="b700"
            ),
        },
        NATIVE,
    ),
    "an interpreter that is turned off": (
        "aarch64",
        {
            "proc/cpuinfo": GRAVITON,
            "proc/sys/fs/binfmt_misc/q": BINFMT.format(interpreter="/q", machine="b700").replace("enabled", "disabled"),
        },
        NATIVE,
    ),
    # Rosetta in Docker's virtual machine: x86_64 Alpine on macOS, as published.
    "rosetta for linux": (
        "x86_64",
        {
            "proc/cpuinfo": "processor\t: 0\nvendor_id\t: VirtualApple\ncpu family\t: 6\nmodel\t: 142\n"
            "model name\t: VirtualApple @ 2.50GHz\nflags\t: fpu tsc de cx8\n"
        },
        Emulation(True, "rosetta"),
    ),
    "box64": (
        "x86_64",
        {"proc/cpuinfo": GRAVITON, "proc/self/maps": MAPS.format(path="/usr/local/bin/box64")},
        Emulation(True, "box64"),
    ),
    "fex": (
        "x86_64",
        {"proc/cpuinfo": EPYC, "proc/self/maps": MAPS.format(path="/usr/bin/FEXInterpreter")},
        Emulation(True, "fex"),
    ),
    # QEMU's translator: target/arm/tcg/cpu64.c sets implementer 0 and part "Q" of `-cpu max`.
    "qemu's own arm processor": (
        "aarch64",
        {"proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x00\nCPU architecture: 8\nCPU part\t: 0x051\n"},
        Emulation(True, "qemu"),
    ),
    "qemu's own x86 processor": (
        "x86_64",
        {"proc/cpuinfo": EPYC.replace("AMD EPYC", "QEMU TCG CPU version 2.5+")},
        Emulation(True, "qemu"),
    ),
    "qemu's default x86 processor, translated": (
        "x86_64",
        {
            "proc/cpuinfo": EPYC.replace("AMD EPYC", "QEMU Virtual CPU version 2.5+"),
            "sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc hpet acpi_pm",
        },
        Emulation(True, "qemu"),
    ),
    "the same under KVM": (
        "x86_64",
        {
            "proc/cpuinfo": EPYC.replace("AMD EPYC", "QEMU Virtual CPU version 2.5+"),
            "sys/devices/system/clocksource/clocksource0/available_clocksource": "kvm-clock tsc hpet acpi_pm",
        },
        NATIVE,
    ),
    "another architecture": ("riscv64", {"proc/cpuinfo": "processor\t: 0\nhart\t: 1\nisa\t: rv64imafdc\n"}, NATIVE),
    "nothing readable": ("aarch64", {}, Emulation(None)),
}


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize("case", LINUX)
def test_linux(tmp_path: Path, case: str) -> None:
    """Each sign by itself, and beside it what looks like it and is none."""
    machine, files, expected = LINUX[case]
    assert expected == on_linux(written(tmp_path, files), machine)


@pytest.mark.parametrize(
    ("built_for", "native", "expected"),
    [
        ("win-amd64", 0xAA64, Emulation(True, "prism")),
        ("win32", 0xAA64, Emulation(True, "prism")),
        ("win-arm64", 0xAA64, NATIVE),
        ("win-amd64", 0x8664, NATIVE),
        ("win32", 0x8664, NATIVE),
        ("win-amd64", None, Emulation(None)),
    ],
)
def test_windows(built_for: str, native: int | None, expected: Emulation) -> None:
    """A program for x86 on an Arm processor is emulated; a 32-bit program on x64 is not."""
    assert expected == on_windows(built_for, native)


def test_macos() -> None:
    """Rosetta says so itself."""
    assert [Emulation(True, "rosetta"), NATIVE, Emulation(None)] == [on_macos(t) for t in (True, False, None)]


def test_windows_is_asked_for_the_machine_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """``IsWow64Process2`` fills two 16-bit numbers: the second is the machine's."""

    class Ask:
        argtypes: object = None
        restype: object = None

        def __call__(self, handle: object, process: object, native: object) -> int:
            native._obj.value = 0xAA64  # type: ignore[attr-defined]
            return 1

    class Current:
        restype: object = None

        def __call__(self) -> int:
            return -1

    kernel = type("Kernel", (), {"IsWow64Process2": Ask(), "GetCurrentProcess": Current()})()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, use_last_error: kernel, raising=False)
    assert module.native_machine() == 0xAA64
    monkeypatch.setattr("sysconfig.get_platform", lambda: "win-amd64")
    assert emulation() == Emulation(True, "prism")


@pytest.mark.skipif(sys.platform != "linux", reason="reads files as Linux lays them out")
def test_the_record_and_the_doctor_say_so(tmp_path: Path) -> None:
    """``environment.host`` holds the answer, and the doctor a caution with what to do."""
    other = "x86_64" if platform.machine() == "aarch64" else "aarch64"
    environment = capture(written(tmp_path, {"proc/sys/kernel/arch": other, "proc/cpuinfo": "processor\t: 0\n"}))
    assert (True, "unknown") == (environment.host["emulated"], environment.host["emulator"])
    (found,) = [one for one in remedies(environment, tmp_path) if one.topic == "emulation"]
    assert (found.state, "emulated (unknown)" in str(found.message), bool(found.remedy)) == ("warning", True, True)


@pytest.mark.parametrize("emulated", [True, False, None])
def test_every_device_of_an_emulated_processor_is_emulated(
    monkeypatch: pytest.MonkeyPatch, emulated: bool | None
) -> None:
    """A probe marks them, so that runs are planned, reported and compared as those of an emulator."""

    class Chip(FakeTarget):
        def devices(self) -> tuple[Device, ...]:
            return (Device("cpu", True), Device("emu", True, emulated=True))

    target: Target = Chip(FakeClock(), [1])
    monkeypatch.setattr(probe, "load", lambda ref: target)
    monkeypatch.setattr(probe, "emulation", lambda: Emulation(emulated))
    monkeypatch.setattr(probe, "safe_options", lambda ref: ())
    facts = probe.ProbeJob(PluginRef("targets", "chip", "m:C", "test")).play(None)  # type: ignore[arg-type]
    assert [d.emulated for d in facts.devices] == [emulated is True, True]
