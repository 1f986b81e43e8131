"""Worker trees on Windows, tested without it: layouts of its structures, and the calls that are made."""

import ctypes
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from bench.cli.terminal.signals import SIGNALS
from bench.process import trees
from bench.process.job_objects import (
    ENDED,
    EXTENDED_LIMIT_INFORMATION,
    KILL_ON_JOB_CLOSE,
    BasicLimits,
    ExtendedLimits,
    IoCounters,
    JobObject,
)
from bench.process.supervisor import CRASH_STATUSES, _died, temporary_in


@pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="sizes of 64-bit Windows")
def test_structures_are_laid_out_as_windows_has_them() -> None:
    """Sizes and offsets of winnt.h for 64 bits: LARGE_INTEGER, SIZE_T and ULONG_PTR take eight bytes, DWORD four."""
    assert [64, 48, 144] == [ctypes.sizeof(kind) for kind in (BasicLimits, IoCounters, ExtendedLimits)]
    offsets = {name: getattr(BasicLimits, name).offset for name, _ in BasicLimits._fields_}
    assert [16, 24, 32, 40, 48, 56, 60] == list(offsets.values())[2:]
    assert [0, 64, 112, 136] == [
        getattr(ExtendedLimits, name).offset for name in ("basic", "io", "process_memory_limit", "peak_job_memory_used")
    ]


@pytest.mark.parametrize(("platform", "native"), [("win32", {"TMP", "TEMP"}), ("linux", set())])
def test_temporary_files_of_a_worker_go_into_its_folder(
    platform: str, native: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of native runtimes on Windows, which do not know TMPDIR, too."""
    found = temporary_in(tmp_path, platform)
    assert {"TMPDIR", *native} == found.keys()
    for name in ("TMPDIR", "TMP", "TEMP"):
        monkeypatch.setenv(name, found.get(name, str(tmp_path.parent)))
    monkeypatch.setattr(tempfile, "tempdir", None)  # asked again
    assert str(tmp_path) == tempfile.gettempdir()


class Kernel:
    """Notes what kernel32 is asked. ``refusing``: the function that fails."""

    def __init__(self, refusing: str = "") -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._refusing = refusing
        self.CreateJobObjectW = lambda security, name: self._did("create", security, name, answer=77)
        self.SetInformationJobObject = self._limit
        self.AssignProcessToJobObject = lambda job, process: self._did("assign", job, process)
        self.TerminateJobObject = lambda job, status: self._did("end", job, status)
        self.CloseHandle = lambda handle: self._did("close", handle)

    def _did(self, name: str, *arguments: Any, answer: int = 1) -> int:
        self.calls.append((name, *arguments))
        return 0 if name == self._refusing else answer

    def _limit(self, job: int, kind: int, limits: Any, size: int) -> int:
        return self._did("limit", job, kind, limits._obj.basic.limit_flags, size)


def test_a_job_ends_with_its_handle() -> None:
    """Its limit is that closing the handle, as the system does when the parent dies, ends every process in it."""
    kernel = Kernel()
    job = JobObject(kernel)
    assert job.add(5)
    job.end()
    job.close()
    job.close()
    assert [
        ("create", None, None),
        ("limit", 77, EXTENDED_LIMIT_INFORMATION, KILL_ON_JOB_CLOSE, 144),
        ("assign", 77, 5),
        ("end", 77, ENDED),
        ("close", 77),
    ] == kernel.calls


@pytest.mark.parametrize(("refusing", "closed"), [("create", False), ("limit", True)])
def test_a_job_that_cannot_be_made_takes_nothing(refusing: str, closed: bool) -> None:
    """Then the process is ended by itself."""
    kernel = Kernel(refusing)
    job = JobObject(kernel)
    assert (False, closed) == (job.add(5), ("close", 77) in kernel.calls)
    assert "assign" not in [call[0] for call in kernel.calls]


class Begun:
    """As ``subprocess.Popen`` on Windows."""

    def __init__(self, command: list[str], **options: Any) -> None:
        self.command, self.options, self._handle = command, options, 9
        self.signals: list[int] = []
        self.killed = False

    def kill(self) -> None:
        self.killed = True

    def send_signal(self, number: int) -> None:
        self.signals.append(number)


@pytest.mark.parametrize("refusing", ["", "assign"])
def test_a_worker_begins_in_a_job_and_ends_with_it(monkeypatch: pytest.MonkeyPatch, refusing: str) -> None:
    """In a group of its own, which Ctrl-C does not reach; without a job it is killed alone."""
    kernel = Kernel(refusing)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(subprocess, "Popen", Begun)
    monkeypatch.setattr(trees, "kernel32", lambda: kernel)
    process: Any = trees.begin(["worker"], stdin=subprocess.PIPE)
    assert {"creationflags": 0x200, "stdin": subprocess.PIPE} == process.options
    trees.end(process)
    trees.end(process)
    ended = [call[0] for call in kernel.calls if call[0] in ("end", "close")]
    assert (["end", "close"] if not refusing else [], True) == (ended, process.killed)


def test_ctrl_break_interrupts_another_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows sends a group no Ctrl-C; the command line answers Ctrl-Break like Ctrl-C."""
    process: Any = Begun([])
    monkeypatch.setattr(signal, "CTRL_BREAK_EVENT", 1, raising=False)
    trees.interrupt(process)
    assert [1] == process.signals
    assert "SIGBREAK" in SIGNALS


@pytest.mark.skipif(sys.platform == "win32", reason="a session is POSIX's")
def test_elsewhere_a_worker_has_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is interrupted by Ctrl-C's own signal."""
    monkeypatch.setattr(subprocess, "Popen", Begun)
    process: Any = trees.begin(["worker"])
    trees.interrupt(process)
    assert ({"start_new_session": True}, [signal.SIGINT]) == (process.options, process.signals)


@pytest.mark.parametrize("status", sorted(CRASH_STATUSES))
def test_a_crash_on_windows_is_named(status: int) -> None:
    """Popen gives the status as a number of 32 bits without sign; ctypes and logs also with one."""
    for returncode in (status, status - (1 << 32)):
        failure = _died(returncode, "compile")
        assert ("crashed", True) == (failure.kind, CRASH_STATUSES[status] in failure.message)


def test_an_ordinary_status_is_no_crash() -> None:
    """A process that left by itself has its status in the message."""
    failure = _died(3, "run")
    assert ("crashed", True, False) == (failure.kind, "3" in failure.message, "VIOLATION" in failure.message)
