"""Whether the processor that this process runs on is itself emulated, and by what.

Times on an emulated processor say nothing about any machine. Each check reads what an emulator cannot help showing, or
shows on purpose; a time is no evidence. Linux is read from files under ``root``, so that recorded folders test it. Not
detected: QEMU's system mode playing a named core (``-cpu cortex-a76``), which shows nothing to a program.
"""

import platform
import re
import sys
import sysconfig
from pathlib import Path

from msgspec import Struct

from bench.machine.files import text_of

UNKNOWN = "unknown"
"""Emulated for certain, by something that does not say its name."""

NAMES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}
ELF_MACHINES = {"x86_64": 0x3E, "aarch64": 0xB7}
MAPPED = (
    (re.compile(r"qemu-(?:aarch64|arm|armeb|x86_64|i386|riscv64|ppc64le|s390x|loongarch64)(?:-static)?"), "qemu-user"),
    (re.compile(r"box64(?:-\w+)?"), "box64"),
    (re.compile(r"FEX(?:Interpreter|Loader|Bash)?"), "fex"),
    (re.compile(r"rosetta"), "rosetta"),
)
"""Names of programs that emulate a processor for one process, as a mapped file or an interpreter of binfmt_misc."""
MODEL_NAMES = (
    (re.compile(r"QEMU TCG CPU"), "qemu"),
    (re.compile(r"VirtualApple"), "rosetta"),
    (re.compile(r"Box64\b", re.IGNORECASE), "box64"),
    (re.compile(r"FEX-\w"), "fex"),
)
QEMU_MAX = (0x00, 0x51)
"""Implementer and part ("Q") of the processor ``max`` of QEMU's own translator; under KVM it has the host's."""
NO_MODEL = re.compile(r"QEMU Virtual CPU")
"""QEMU's default for x86, with its translator as with KVM: only KVM has a clock of its own beside it."""

WINDOWS_MACHINES = {0x014C: "win32", 0x8664: "win-amd64", 0xAA64: "win-arm64"}
"""IMAGE_FILE_MACHINE_… of Microsoft's PE format, and the platform of a Python built for it."""


class Emulation(Struct, frozen=True):
    """``emulated``: ``None`` where it could not be asked. ``emulator``: a stable word; empty without one."""

    emulated: bool | None
    emulator: str = ""


def emulation(root: Path = Path("/"), machine: str | None = None) -> Emulation:
    """Of the processor that this process runs on. ``machine``: what the process was compiled for; by default as the
    system says. Never raises."""
    if sys.platform == "win32":
        return on_windows(sysconfig.get_platform(), native_machine())
    if sys.platform == "darwin":
        return on_macos(translated())
    return on_linux(root, machine or platform.machine())


def on_linux(root: Path, machine: str) -> Emulation:
    """By the files that the process has mapped, the processor's description, and the interpreters of foreign programs.

    An emulator of one process hides itself in ``/proc/self/maps``; QEMU does not in ``/proc/thread-self/maps``.
    """
    own = NAMES.get(machine.lower(), machine.lower())
    cpuinfo = text_of(root / "proc/cpuinfo") or ""
    found = _by_mapped_files(root) or _by_interpreter(root, own) or _by_processor(root, cpuinfo, own)
    kernel = NAMES.get(kernel := text_of(root / "proc/sys/kernel/arch") or "", kernel)
    if not found and own != kernel and {own, kernel} <= ELF_MACHINES.keys():
        found = UNKNOWN  # the kernel is of another architecture than the program
    if found:
        return Emulation(True, found)
    return Emulation(False if cpuinfo else None)


def on_windows(built_for: str, native: int | None) -> Emulation:
    """``built_for``: this Python's platform, such as ``win-amd64``. ``native``: the machine's IMAGE_FILE_MACHINE.

    A 32-bit program on x64 is not emulated; any program for x86 or x64 on an Arm processor is.
    """
    if native is None:
        return Emulation(None)
    on_arm = WINDOWS_MACHINES.get(native) == "win-arm64"
    return Emulation(True, "prism") if on_arm and built_for != "win-arm64" else Emulation(False)


def on_macos(process_is_translated: bool | None) -> Emulation:
    """By ``sysctl.proc_translated``."""
    if process_is_translated is None:
        return Emulation(None)
    return Emulation(True, "rosetta") if process_is_translated else Emulation(False)


def native_machine() -> int | None:
    """What Windows itself runs on; ``None`` where it cannot be asked (before Windows 10 1709).

    ``IsWow64Process2`` is asked, because variables and WMI differ between an emulated process and its system.
    """
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        ask = getattr(kernel, "IsWow64Process2", None)
        if ask is None:
            return None
        ask.argtypes = [wintypes.HANDLE, ctypes.POINTER(ctypes.c_ushort), ctypes.POINTER(ctypes.c_ushort)]
        ask.restype = wintypes.BOOL
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        process, native = ctypes.c_ushort(), ctypes.c_ushort()
        done = ask(kernel.GetCurrentProcess(), ctypes.byref(process), ctypes.byref(native))
        return native.value if done else None
    return None


def translated() -> bool | None:
    """Whether macOS runs this process under Rosetta; an Intel Mac does not know the question: false."""
    if sys.platform == "darwin":
        import ctypes

        ask = getattr(ctypes.CDLL(None), "sysctlbyname", None)
        if ask is None:
            return None
        value, size = ctypes.c_int(0), ctypes.c_size_t(ctypes.sizeof(ctypes.c_int))
        asked = ask(b"sysctl.proc_translated", ctypes.byref(value), ctypes.byref(size), None, 0)
        return asked == 0 and value.value == 1
    return None


def _by_mapped_files(root: Path) -> str:
    for maps in ("proc/thread-self/maps", "proc/self/maps"):
        for line in (text_of(root / maps) or "").splitlines():
            words = line.split(maxsplit=5)
            if len(words) == 6 and (found := _emulator_named(words[5].removesuffix(" (deleted)"))):
                return found
    return ""


def _by_interpreter(root: Path, own: str) -> str:
    """The interpreter that the kernel is told to run programs of this very architecture with."""
    try:
        entries = sorted((root / "proc/sys/fs/binfmt_misc").iterdir())
    except OSError:
        return ""
    for entry in entries:
        facts = dict(line.partition(" ")[::2] for line in (text_of(entry) or "").splitlines())
        magic = facts.get("magic", "")
        if "enabled" in facts and "interpreter" in facts and _elf_machine(magic) == ELF_MACHINES.get(own, -1):
            return _emulator_named(facts["interpreter"]) or UNKNOWN
    return ""


def _elf_machine(magic: str) -> int | None:
    """``e_machine`` of the beginning of a little-endian ELF file, written in hexadecimal digits."""
    try:
        begin = bytes.fromhex(magic)
    except ValueError:
        return None
    return int.from_bytes(begin[18:20], "little") if begin.startswith(b"\x7fELF") and len(begin) >= 20 else None


def _emulator_named(path: str) -> str:
    name = path.rpartition("/")[2]
    return next((emulator for pattern, emulator in MAPPED if pattern.fullmatch(name)), "")


def _by_processor(root: Path, cpuinfo: str, own: str) -> str:
    first = cpuinfo.split("\n\n", 1)[0]
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
    model = facts.get("model name", "")
    if named := next((emulator for pattern, emulator in MODEL_NAMES if pattern.search(model)), ""):
        return named
    if (_number(facts.get("CPU implementer")), _number(facts.get("CPU part"))) == QEMU_MAX:
        return "qemu"
    clocks = text_of(root / "sys/devices/system/clocksource/clocksource0/available_clocksource") or ""
    if NO_MODEL.search(model) and clocks and not re.search(r"kvm-clock|hyperv", clocks):
        return "qemu"
    described = _described(facts)
    return UNKNOWN if described and own in ELF_MACHINES and described != own else ""


def _described(facts: dict[str, str]) -> str:
    """The architecture that a description of a processor is of."""
    if facts.get("vendor_id") and "flags" in facts:
        return "x86_64"
    return "aarch64" if "CPU implementer" in facts or "CPU part" in facts else ""


def _number(text: str | None) -> int | None:
    try:
        return int(text or "", 0)
    except ValueError:
        return None
