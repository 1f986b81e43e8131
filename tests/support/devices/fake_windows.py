"""Windows for tests: answers with the bytes that Windows lays out, and libraries that fill the caller's buffers.

``FakeWindows`` stands for ``Calls``; ``libraries`` makes the libraries that ``WindowsCalls`` calls, answering from one.
"""

import ctypes
import struct
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from bench.machine.sensors.windows_adapters import MEMORY, RUNNING_TIME
from bench.machine.windows.calls import CounterItems

ADDRESS = 0x1F2_0000_0000
"""Where counters' items lay."""

NPU, GPU = (0, 0x000128A6), (0, 0x000124A5)
NPU_ENGINE = "luid_0x00000000_0x000128A6_phys_0_eng_0_engtype_Neural"
GPU_ENGINE = "luid_0x00000000_0x000124A5_phys_0_eng_{}_engtype_{}"

COMPUTE_ONLY, RENDER, DISPLAY, SOFTWARE = 1 << 11, 1 << 0, 1 << 1, 1 << 2


def pwh(joules: float) -> int:
    """Picowatt-hours."""
    return round(joules / 3.6e-9)


def wide(text: str, size: int | None = None) -> bytes:
    """UTF-16 with its zero; ``size``: filled with zeros to as many bytes."""
    raw = (text + "\0").encode("utf-16-le")
    return raw if size is None else raw.ljust(size, b"\0")


def metadata_v1(name: str, *, model: str = "Surface", unit: int = 0) -> bytes:
    """EMI_METADATA_V1: unit, maker[16], model[16], revision, size of the name, name."""
    raw = wide(name)
    return struct.pack("<I", unit) + wide("Microsoft", 32) + wide(model, 32) + struct.pack("<HH", 1, len(raw)) + raw


def metadata_v2(names: Sequence[str], *, unit: int = 0, name_bytes: int | None = None) -> bytes:
    """EMI_METADATA_V2: maker[16], model[16], revision, count, then EMI_CHANNEL_V2 without padding between them."""
    raw = wide("Microsoft", 32) + wide("Energy", 32) + struct.pack("<HH", 1, len(names))
    for name in names:
        text = wide(name, name_bytes)
        raw += struct.pack("<IH", unit, len(text)) + text
    return raw


def measurements(picowatt_hours: Sequence[int], ticks: int = 115409598) -> bytes:
    """EMI_CHANNEL_MEASUREMENT_DATA of each channel."""
    return b"".join(struct.pack("<QQ", energy, ticks) for energy in picowatt_hours)


def counter_items(values: Mapping[str, int], status: int = 0, second: int = 0) -> CounterItems:
    """PDH_RAW_COUNTER_ITEM_W of each instance, followed by the names that they point to."""
    items, names = b"", b""
    for name, value in values.items():
        pointer = ADDRESS + 48 * len(values) + len(names)
        items += struct.pack("<QIIIIqqI4x", pointer, status, 0, 0, 0, value, second, 1)
        names += wide(name)
    return CounterItems(items + names, ADDRESS, len(values))


class FakeWindows:
    """``meters``: device -> code -> answer, or the error that opening it raises. ``counters``: path -> instance ->
    value. ``kinds``: adapter -> its flags and its driver's name. ``state``: the battery's."""

    def __init__(self) -> None:
        self.meters: dict[str, dict[int, bytes] | OSError] = {}
        self.counters: dict[str, dict[str, int]] = {}
        self.kinds: dict[tuple[int, int], tuple[int, str]] = {}
        self.state = battery_state()
        self.second = 0

    def add_meter(self, device: str, names: Sequence[str], picowatt_hours: Sequence[int]) -> None:
        described = metadata_v2(names)
        self.meters[device] = {
            0x224000: struct.pack("<H", 2),
            0x224004: struct.pack("<I", len(described)),
            0x224008: described,
            0x22400C: measurements(picowatt_hours),
        }

    def energy_meters(self) -> Sequence[str]:
        return tuple(self.meters)

    def control(self, device: str, code: int, size: int) -> bytes:
        answers = self.meters[device]
        if isinstance(answers, OSError):
            raise answers
        return answers[code][:size]

    def raw_counters(self, path: str) -> CounterItems:
        if path not in self.counters:
            raise OSError(f"{path}: 0xC0000BB8")  # PDH_CSTATUS_NO_OBJECT
        return counter_items(self.counters[path], second=self.second)

    def adapter(self, luid: tuple[int, int], kind: int, size: int) -> bytes:
        if luid not in self.kinds:
            raise OSError("D3DKMT: 0xC000000D")
        flags, name = self.kinds[luid]
        return struct.pack("<I", flags) if kind == 15 else wide(name, size)

    def battery(self) -> bytes:
        return self.state


def battery_state(*, present: bool = False, discharging: bool = False, milliwatts: int = 0) -> bytes:
    """SYSTEM_BATTERY_STATE."""
    flags = (not discharging, present, present and not discharging, discharging)
    return struct.pack("<4?4xIIiIII", *flags, 54000, 38000, milliwatts, 0, 0, 0)


def core_ultra() -> FakeWindows:
    """An Intel laptop: its NPU only computes, its GPU has a Neural engine as well."""
    fake = FakeWindows()
    fake.kinds = {NPU: (COMPUTE_ONLY, "Intel(R) AI Boost"), GPU: (RENDER | DISPLAY, "Intel(R) Arc(TM) 140V GPU")}
    fake.counters[RUNNING_TIME] = {
        f"pid_1234_{GPU_ENGINE.format(0, '3D')}": 10_000_000,
        f"pid_5678_{GPU_ENGINE.format(1, 'Compute')}": 20_000_000,
        f"pid_5678_{GPU_ENGINE.format(2, 'Neural')}": 998_000_000,
        f"pid_5678_{GPU_ENGINE.format(3, 'Copy')}": 40_000_000,
        f"pid_9012_{NPU_ENGINE}": 50_000_000,
    }
    for path, held in zip(MEMORY, (0, 402_653_184), strict=True):
        fake.counters[path] = {
            "luid_0x00000000_0x000128A6_phys_0": held,
            "luid_0x00000000_0x000124A5_phys_0": 2 * held,
        }
    return fake


def libraries(fake: FakeWindows) -> dict[str, Any]:
    """kernel32, cfgmgr32, pdh, gdi32 and powrprof for ``WindowsCalls``, which write where they are told to."""
    opened: dict[int, str] = {}
    paths: dict[int, str] = {}
    left: list[str] = []

    def create_file(path: str, *_: object) -> int | None:
        if isinstance(fake.meters.get(path), dict):
            opened[77] = path
            left.append("file")
            return 77
        return -1 & (1 << 8 * ctypes.sizeof(ctypes.c_void_p)) - 1

    def control(handle: int, code: int, _: object, __: int, answer: Any, size: int, written: Any, ___: object) -> int:
        raw = fake.control(opened[handle], code, size)
        ctypes.memmove(answer, raw, len(raw))
        written._obj.value = len(raw)
        return 1

    def list_size(length: Any, *_: object) -> int:
        length._obj.value = sum(len(path) + 1 for path in fake.meters) + 1
        return 0

    def list_paths(_: object, __: object, buffer: Any, length: Any, ___: int) -> int:
        raw = ("\0".join([*fake.meters, ""]) + "\0").encode("utf-16-le")
        if len(raw) > 2 * length.value:
            return 26
        ctypes.memmove(buffer, raw, len(raw))
        return 0

    def open_query(_: object, __: object, query: Any) -> int:
        query._obj.value = 5
        left.append("query")
        return 0

    def add(_: Any, path: str, __: object, counter: Any) -> int:
        counter._obj.value = 6
        paths[6] = path
        return 0 if path in fake.counters else -1073738824  # 0xC0000BB8

    def raw_array(counter: Any, size: Any, count: Any, buffer: Any) -> int:
        items = fake.raw_counters(paths[counter.value])
        if buffer is None:
            size._obj.value = len(items.data)
            return -2147481646 if items.count else 0  # 0x800007D2
        raw = bytearray(items.data)
        for at in range(0, 48 * items.count, 48):
            (pointer,) = struct.unpack_from("<Q", raw, at)
            struct.pack_into("<Q", raw, at, pointer - items.address + ctypes.addressof(buffer))
        ctypes.memmove(buffer, bytes(raw), len(raw))
        count._obj.value = items.count
        return 0

    def open_adapter(asked: Any) -> int:
        found = asked._obj
        if (found.high, found.low) not in fake.kinds:
            return -1073741811
        found.handle = 9
        left.append("adapter")
        opened[9] = f"{found.high} {found.low}"
        return 0

    def query_adapter(asked: Any) -> int:
        high, low = opened[asked._obj.handle].split()
        raw = fake.adapter((int(high), int(low)), asked._obj.kind, asked._obj.size)
        ctypes.memmove(asked._obj.data, raw, len(raw))
        return 0

    def power(level: int, _: object, __: int, answer: Any, size: int) -> int:
        ctypes.memmove(answer, fake.state, size)
        return 0 if level == 5 else -1

    return {
        "kernel": SimpleNamespace(
            CreateFileW=create_file, DeviceIoControl=control, CloseHandle=lambda handle: left.remove("file")
        ),
        "devices": SimpleNamespace(
            CM_Get_Device_Interface_List_SizeW=list_size, CM_Get_Device_Interface_ListW=list_paths
        ),
        "counters": SimpleNamespace(
            PdhOpenQueryW=open_query,
            PdhAddEnglishCounterW=add,
            PdhCollectQueryData=lambda query: 0,
            PdhGetRawCounterArrayW=raw_array,
            PdhCloseQuery=lambda query: left.remove("query"),
        ),
        "graphics": SimpleNamespace(
            D3DKMTOpenAdapterFromLuid=open_adapter,
            D3DKMTQueryAdapterInfo=query_adapter,
            D3DKMTCloseAdapter=lambda asked: left.remove("adapter"),
        ),
        "power": SimpleNamespace(CallNtPowerInformation=power),
        "left": left,
    }
