"""The calls of Windows that sensors need, each answered in bytes as Windows lays them out.

From Microsoft's documentation of ``CM_Get_Device_Interface_ListW``, ``DeviceIoControl``, ``PdhGetRawCounterArrayW``,
``D3DKMTQueryAdapterInfo`` and ``CallNtPowerInformation``. None needs a driver of its own or an
administrator.
"""

import ctypes
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

GENERIC_READ, SHARE_ALL, OPEN_EXISTING = 0x80000000, 0x3, 3
INVALID_HANDLE = ctypes.c_void_p(-1).value
ENERGY_METER = bytes.fromhex("4483bd45d67ecf49a440c276c933b053")
"""GUID_DEVICE_ENERGY_METER {45BD8344-7ED6-49CF-A440-C276C933B053}, as it lies in memory."""
BATTERY_STATE, BATTERY_STATE_BYTES = 5, 32  # SystemBatteryState, SYSTEM_BATTERY_STATE
MORE_DATA = 0x800007D2  # PDH_MORE_DATA
BUFFER_SMALL = 26  # CR_BUFFER_SMALL


class CounterItems(Struct, frozen=True):
    """What ``PdhGetRawCounterArrayW`` wrote: ``count`` items and their names. ``address``: where it lay in memory, to
    which the items' pointers refer."""

    data: bytes
    address: int
    count: int


class Calls(Protocol):
    """Windows, or in tests what stands for it. Every call raises ``OSError`` where Windows refuses."""

    def energy_meters(self) -> Sequence[str]:
        """Paths of the energy meters that are present."""
        ...

    def control(self, device: str, code: int, size: int) -> bytes:
        """What a device answers to a request without input; ``size``: bytes that it may write at most."""
        ...

    def raw_counters(self, path: str) -> CounterItems:
        r"""Every instance of a performance counter, by its English name: ``\GPU Engine(*)\Running Time``."""
        ...

    def adapter(self, luid: tuple[int, int], kind: int, size: int) -> bytes:
        """What the graphics kernel says of an adapter. ``luid``: high and low part; ``kind``: a
        KMTQUERYADAPTERINFOTYPE."""
        ...

    def battery(self) -> bytes:
        """SYSTEM_BATTERY_STATE."""
        ...


class OpenAdapter(ctypes.Structure):
    """``D3DKMT_OPENADAPTERFROMLUID``."""

    _fields_ = (("low", ctypes.c_uint32), ("high", ctypes.c_int32), ("handle", ctypes.c_uint32))


class QueryAdapter(ctypes.Structure):
    """``D3DKMT_QUERYADAPTERINFO``."""

    _fields_ = (
        ("handle", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_uint32),
    )


class WindowsCalls:
    """The real calls. Each library is given, with its functions' types set where a handle or pointer is wider than
    ``int``."""

    def __init__(self, kernel: Any, devices: Any, counters: Any, graphics: Any, power: Any) -> None:
        self._kernel, self._devices, self._counters = kernel, devices, counters
        self._graphics, self._power = graphics, power

    def energy_meters(self) -> Sequence[str]:
        guid = ctypes.create_string_buffer(ENERGY_METER, len(ENERGY_METER))
        for _ in range(3):  # the list may grow between the two calls
            length = ctypes.c_uint32(0)
            self._listed(self._devices.CM_Get_Device_Interface_List_SizeW(ctypes.byref(length), guid, None, 0))
            listed = ctypes.create_string_buffer(2 * max(1, length.value))
            status = self._devices.CM_Get_Device_Interface_ListW(guid, None, listed, length, 0)
            if status != BUFFER_SMALL:
                self._listed(status)
                return [path for path in listed.raw.decode("utf-16-le", "replace").split("\0") if path]
        return ()

    def _listed(self, status: int) -> None:
        if status:
            raise OSError(f"CM_Get_Device_Interface_List: {status}")

    def control(self, device: str, code: int, size: int) -> bytes:
        handle = self._kernel.CreateFileW(device, GENERIC_READ, SHARE_ALL, None, OPEN_EXISTING, 0, None)
        if handle in (None, 0, INVALID_HANDLE):
            raise self._last_error()
        try:
            answer, written = ctypes.create_string_buffer(size), ctypes.c_uint32(0)
            if not self._kernel.DeviceIoControl(handle, code, None, 0, answer, size, ctypes.byref(written), None):
                raise self._last_error()
            return answer.raw[: written.value]
        finally:
            self._kernel.CloseHandle(handle)

    def _last_error(self) -> OSError:
        number = _get_last_error()
        return PermissionError(13, "access denied") if number == 5 else OSError(number, f"Windows error {number}")

    def raw_counters(self, path: str) -> CounterItems:
        query, counter = ctypes.c_void_p(), ctypes.c_void_p()
        self._counted(self._counters.PdhOpenQueryW(None, None, ctypes.byref(query)), path)
        try:
            added = self._counters.PdhAddEnglishCounterW(query, path, None, ctypes.byref(counter))
            self._counted(added, path)
            self._counted(self._counters.PdhCollectQueryData(query), path)
            return self._items(counter, path)
        finally:
            self._counters.PdhCloseQuery(query)

    def _items(self, counter: ctypes.c_void_p, path: str) -> CounterItems:
        size, count = ctypes.c_uint32(0), ctypes.c_uint32(0)
        status = self._counters.PdhGetRawCounterArrayW(counter, ctypes.byref(size), ctypes.byref(count), None)
        if status & 0xFFFFFFFF != MORE_DATA:
            self._counted(status, path)
            return CounterItems(b"", 0, 0)
        # Aligned as the items have to be; the last name may end past the size that was asked for.
        buffer = (ctypes.c_uint64 * (size.value // 8 + 2))()
        self._counted(
            self._counters.PdhGetRawCounterArrayW(counter, ctypes.byref(size), ctypes.byref(count), buffer), path
        )
        return CounterItems(bytes(buffer), ctypes.addressof(buffer), count.value)

    def _counted(self, status: int, path: str) -> None:
        if status:
            raise OSError(f"{path}: 0x{status & 0xFFFFFFFF:08X}")

    def adapter(self, luid: tuple[int, int], kind: int, size: int) -> bytes:
        opened = OpenAdapter(high=luid[0], low=luid[1])
        self._drawn(self._graphics.D3DKMTOpenAdapterFromLuid(ctypes.byref(opened)))
        try:
            answer = ctypes.create_string_buffer(size)
            query = QueryAdapter(opened.handle, kind, ctypes.cast(answer, ctypes.c_void_p), size)
            self._drawn(self._graphics.D3DKMTQueryAdapterInfo(ctypes.byref(query)))
            return answer.raw
        finally:
            closed = ctypes.c_uint32(opened.handle)  # D3DKMT_CLOSEADAPTER
            self._graphics.D3DKMTCloseAdapter(ctypes.byref(closed))

    def _drawn(self, status: int) -> None:
        if status:
            raise OSError(f"D3DKMT: 0x{status & 0xFFFFFFFF:08X}")

    def battery(self) -> bytes:
        state = ctypes.create_string_buffer(BATTERY_STATE_BYTES)
        status = self._power.CallNtPowerInformation(BATTERY_STATE, None, 0, state, BATTERY_STATE_BYTES)
        if status:
            raise OSError(f"CallNtPowerInformation: 0x{status & 0xFFFFFFFF:08X}")
        return state.raw


def windows_calls() -> Calls | None:
    """Windows itself; ``None`` elsewhere."""
    if sys.platform == "win32" and hasattr(ctypes, "WinDLL"):
        handle, number, text, function = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_wchar_p, ctypes.WinDLL
        kernel = function("kernel32", use_last_error=True)
        kernel.CreateFileW.argtypes = [text, number, number, handle, number, number, handle]
        kernel.CreateFileW.restype = handle
        kernel.DeviceIoControl.argtypes = [handle, number, handle, number, handle, number, handle, handle]
        kernel.CloseHandle.argtypes = [handle]
        devices = function("cfgmgr32")
        devices.CM_Get_Device_Interface_List_SizeW.argtypes = [handle, handle, text, number]
        devices.CM_Get_Device_Interface_ListW.argtypes = [handle, text, handle, number, number]
        counters = function("pdh")
        counters.PdhOpenQueryW.argtypes = [text, handle, handle]
        counters.PdhAddEnglishCounterW.argtypes = [handle, text, handle, handle]
        counters.PdhCollectQueryData.argtypes = counters.PdhCloseQuery.argtypes = [handle]
        counters.PdhGetRawCounterArrayW.argtypes = [handle, handle, handle, handle]
        power = function("powrprof")
        power.CallNtPowerInformation.argtypes = [ctypes.c_int, handle, number, handle, number]
        return WindowsCalls(kernel, devices, counters, function("gdi32"), power)
    return None


def is_this_machine(root: Path) -> bool:
    """Windows answers for the machine that runs, never for a recorded tree."""
    return root == root.parent


def _get_last_error() -> int:
    get: Callable[[], int] = getattr(ctypes, "get_last_error", lambda: 0)  # Windows alone has it
    return get()
