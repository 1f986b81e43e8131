"""Job objects of Windows: a process with everything that it starts, ended together, and with the process that made the
job, however that one ends.

From Microsoft's documentation of ``CreateJobObjectW``, ``SetInformationJobObject`` and ``AssignProcessToJobObject``.
"""

import ctypes
import sys
from typing import Any

KILL_ON_JOB_CLOSE = 0x2000  # JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
EXTENDED_LIMIT_INFORMATION = 9  # JobObjectExtendedLimitInformation
ENDED = 1
"""Status of processes that a job ends."""


class BasicLimits(ctypes.Structure):
    """``JOBOBJECT_BASIC_LIMIT_INFORMATION``."""

    _fields_ = (
        ("per_process_user_time_limit", ctypes.c_int64),
        ("per_job_user_time_limit", ctypes.c_int64),
        ("limit_flags", ctypes.c_uint32),
        ("minimum_working_set_size", ctypes.c_size_t),
        ("maximum_working_set_size", ctypes.c_size_t),
        ("active_process_limit", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority_class", ctypes.c_uint32),
        ("scheduling_class", ctypes.c_uint32),
    )


class IoCounters(ctypes.Structure):
    """``IO_COUNTERS``."""

    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in "read_operations write_operations other_operations read_bytes write_bytes other_bytes".split()
    )


class ExtendedLimits(ctypes.Structure):
    """``JOBOBJECT_EXTENDED_LIMIT_INFORMATION``."""

    _fields_ = (
        ("basic", BasicLimits),
        ("io", IoCounters),
        ("process_memory_limit", ctypes.c_size_t),
        ("job_memory_limit", ctypes.c_size_t),
        ("peak_process_memory_used", ctypes.c_size_t),
        ("peak_job_memory_used", ctypes.c_size_t),
    )


class JobObject:
    """A job whose processes end when its only handle is closed, which the system does as this process ends.

    ``kernel``: kernel32. Where a job cannot be made, as inside a job of another program that forbids it, it holds
    nothing and says so by ``add``.
    """

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._handle = kernel.CreateJobObjectW(None, None)
        if self._handle:
            limits = ExtendedLimits()
            limits.basic.limit_flags = KILL_ON_JOB_CLOSE
            size = ctypes.sizeof(limits)
            if not kernel.SetInformationJobObject(self._handle, EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), size):
                self.close()

    def add(self, process_handle: int) -> bool:
        """Whether the process is in the job; what it starts from now on is, too."""
        return bool(self._handle and self._kernel.AssignProcessToJobObject(self._handle, process_handle))

    def end(self) -> None:
        """End every process in the job."""
        if self._handle:
            self._kernel.TerminateJobObject(self._handle, ENDED)

    def close(self) -> None:
        if self._handle:
            self._kernel.CloseHandle(self._handle)
        self._handle = None


def kernel32() -> Any:
    """The functions of Windows that are used here, with the types of their arguments; ``None`` elsewhere."""
    if sys.platform == "win32":
        handle, flag, number = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.argtypes, kernel.CreateJobObjectW.restype = [handle, ctypes.c_wchar_p], handle
        kernel.SetInformationJobObject.argtypes = [handle, ctypes.c_int, ctypes.c_void_p, number]
        kernel.AssignProcessToJobObject.argtypes = [handle, handle]
        kernel.TerminateJobObject.argtypes = [handle, number]
        kernel.CloseHandle.argtypes = [handle]
        for name in ("SetInformationJobObject", "AssignProcessToJobObject", "TerminateJobObject", "CloseHandle"):
            getattr(kernel, name).restype = flag
        return kernel
    return None
