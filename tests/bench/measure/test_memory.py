"""Memory: the kernel's own texts parsed, the shares computed, and one real peak seen and forgotten."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from msgspec.structs import replace

from bench.analysis.memory import memory_summary
from bench.analysis.summary import summarise
from bench.execution.suite_run import run_suite
from bench.measure.memory import MemoryProbe
from bench.plugins import discover
from bench.record.memory import MemoryPoint, MemorySummary
from bench.record.record import Phases, Repeat, Scenario
from bench.suite.suite import ModelAsk, Suite, TargetAsk

MIB = 1024 * 1024
RECLAIMED = 32 * MIB
"""What a kernel short of memory may take from this process between two readings, of pages not used for long."""

SMAPS_ROLLUP = """\
5643cf2f5000-7fff52bf8000 ---p 00000000 00:00 0                          [rollup]
Rss:               81500 kB
Pss:               73210 kB
Pss_Dirty:         60000 kB
Shared_Clean:       9000 kB
Shared_Dirty:          0 kB
Private_Clean:     12000 kB
Private_Dirty:     60500 kB
Referenced:        81500 kB
Private_Hugetlb:    2048 kB
Swap:                  0 kB
"""

STATUS = """\
Name:\tpython
Umask:\t0022
VmPeak:\t  900000 kB
VmHWM:\t   99000 kB
VmRSS:\t   81600 kB
RssAnon:\t   60000 kB
RssFile:\t   21600 kB
Threads:\t4
"""

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc as Linux lays it out")


def proc(root: Path, files: Mapping[str, str]) -> MemoryProbe:
    folder = root / "proc/self"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return MemoryProbe(root)


def uss(mebibytes: int | None, peak: int | None = None) -> MemoryPoint:
    return MemoryPoint(
        uss_bytes=None if mebibytes is None else mebibytes * MIB, peak_rss_bytes=None if peak is None else peak * MIB
    )


def repeat(**points: MemoryPoint) -> Repeat:
    return Repeat(phases_ns=Phases(), memory_bytes=points)


@linux_only
def test_point_is_read_from_the_kernels_texts(tmp_path: Path) -> None:
    """USS is all private pages, huge ones too; the peak and the file-mapped part come from status."""
    expected = MemoryPoint(
        rss_bytes=81500 * 1024,
        uss_bytes=(12000 + 60500 + 2048) * 1024,
        pss_bytes=73210 * 1024,
        peak_rss_bytes=99000 * 1024,
        peak_is_of_phase=True,
        file_mapped_bytes=21600 * 1024,
    )
    assert expected == proc(tmp_path, {"smaps_rollup": SMAPS_ROLLUP, "status": STATUS}).read(True)


@linux_only
def test_peak_is_of_the_process_when_it_was_not_reset(tmp_path: Path) -> None:
    """The caller's answer from ``reset_peak`` is kept."""
    probe = proc(tmp_path, {"smaps_rollup": SMAPS_ROLLUP, "status": STATUS})
    assert not probe.read(False).peak_is_of_phase


@linux_only
def test_kernel_without_smaps_rollup_still_gives_rss(tmp_path: Path) -> None:
    """What the kernel does not tell is null, and RSS falls back to status."""
    expected = MemoryPoint(rss_bytes=81600 * 1024, peak_rss_bytes=99000 * 1024, file_mapped_bytes=21600 * 1024)
    assert expected == proc(tmp_path, {"status": STATUS}).read(False)


@linux_only
def test_nothing_readable_is_all_null(tmp_path: Path) -> None:
    """No number is made up, and no peak is claimed."""
    assert MemoryPoint() == proc(tmp_path, {"status": "Name:\tpython\nVmRSS:\tmany kB\n"}).read(True)


@linux_only
def test_reset_writes_what_the_kernel_expects(tmp_path: Path) -> None:
    """Writing 5 to clear_refs resets the high-water mark (proc(5))."""
    probe = proc(tmp_path, {"clear_refs": ""})
    assert probe.reset_peak()
    assert "5" == (tmp_path / "proc/self/clear_refs").read_text()


@linux_only
def test_reset_that_the_kernel_refuses_is_false(tmp_path: Path) -> None:
    """A file that cannot be written is an answer, not an error."""
    probe = proc(tmp_path, {})
    (tmp_path / "proc/self/clear_refs").mkdir()
    assert not probe.reset_peak()


def test_windows_gives_the_working_set_and_its_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no PSS and no reset; its peak is of the process."""
    info = SimpleNamespace(rss=100, uss=80, peak_wset=120)
    monkeypatch.setattr(psutil, "Process", lambda: SimpleNamespace(memory_full_info=lambda: info))
    monkeypatch.setattr(sys, "platform", "win32")
    probe = MemoryProbe()
    assert not probe.reset_peak()
    assert MemoryPoint(rss_bytes=100, uss_bytes=80, peak_rss_bytes=120) == probe.read(False)


@pytest.mark.real
def test_peak_sees_freed_memory_until_it_is_reset() -> None:
    """256 MiB taken and given back stay in the peak, not in RSS; after a reset the peak has forgotten them."""
    probe = MemoryProbe()
    if not probe.reset_peak():
        pytest.skip("this system does not let a process reset its peak RSS")
    before = probe.read(True)
    block = b"\1" * (256 * MIB)
    del block
    after = probe.read(True)
    probe.reset_peak()
    forgotten = probe.read(True)
    peaks = [p.peak_rss_bytes or 0 for p in (before, after, forgotten)]
    assert peaks[1] >= peaks[0] + 256 * MIB - RECLAIMED
    assert peaks[2] <= peaks[1] - 256 * MIB + RECLAIMED
    assert (after.rss_bytes or 0) < peaks[1] - 256 * MIB + RECLAIMED


@pytest.mark.real
def test_uss_of_this_process_grows_by_what_it_holds() -> None:
    """256 MiB held are 256 MiB more, give or take what Python itself moves and the kernel reclaims."""
    probe = MemoryProbe()
    before = probe.read(False).uss_bytes
    if before is None:
        pytest.skip("this system does not tell USS")
    block = b"\1" * (256 * MIB)
    held = (probe.read(False).uss_bytes or 0) - before
    assert abs(held - 256 * MIB) < RECLAIMED
    assert len(block) == 256 * MIB


@pytest.mark.process
@pytest.mark.real
@pytest.mark.parametrize("model", ["fake", "fake-decoder"])
def test_inference_holds_nothing_of_the_harness(model: str, tmp_path: Path) -> None:
    """A target that imports no numpy and takes nothing shows nothing; one that takes 24 MiB shows them."""
    (plugin,) = Path(__file__).resolve().parents[2].glob("plugins/hungry.py")
    targets = TargetAsk("mem:frugal"), TargetAsk("mem:hungry")
    suite = Suite(models=(ModelAsk(model),), targets=targets, repeats=1, max_seconds=1.0)
    (tmp_path / "out").mkdir()
    runs = run_suite(suite, discover([plugin]), tmp_path / "out", cache=tmp_path / "cache")
    found = [run.record.summary.memory_bytes for run in runs]
    if any(memory is None or memory.peak_rss is None for memory in found):
        pytest.skip("this system does not tell memory")
    frugal, hungry = (memory.inference or 0 for memory in found if memory is not None)
    assert frugal < MIB // 2
    assert abs(hungry - 24 * MIB) < MIB // 2  # pages that Python gives back in the meantime count, too


def test_summary_takes_medians_of_the_shares() -> None:
    """Model = compile − before read, inference = steady − ready, peak = the highest phase; medians over repeats."""
    repeats = [
        repeat(
            start=uss(10, 20),
            runtime_import=uss(50, 60),
            read=uss(80, 90),
            compile=uss(model, 400),
            ready=uss(165, 166),
            first_inference=uss(170, 300),
            steady=uss(200, 210),
        )
        for model in (150, 160, 190)
    ]
    found = memory_summary(repeats, 7)
    assert MemorySummary(model=110 * MIB, inference=35 * MIB, artifact=7) == found
    summary = summarise(repeats, {}, Scenario("single-stream"), memory=found)
    assert replace(found, peak_rss=400 * MIB) == summary.memory_bytes


def test_summary_of_a_missing_phase_uses_the_one_before() -> None:
    """A runtime that reads and compiles in one step, and is imported at the start, still has its shares."""
    only = repeat(start=uss(10), read=uss(80), steady=uss(100))
    assert (70 * MIB, 20 * MIB) == (memory_summary([only], None).model, memory_summary([only], None).inference)


def test_summary_of_a_record_without_ready_counts_from_compile() -> None:
    """As it was counted when these were made."""
    only = repeat(runtime_import=uss(10), compile=uss(60), first_inference=uss(80), steady=uss(90))
    assert 30 * MIB == memory_summary([only], None).inference


def test_summary_ignores_a_phase_without_uss() -> None:
    """A point that was taken but told no USS counts as missing."""
    only = repeat(start=uss(10), runtime_import=uss(None), compile=uss(60), steady=uss(None))
    assert (50 * MIB, None) == (memory_summary([only], None).model, memory_summary([only], None).inference)


def test_summary_of_one_reading_has_no_shares() -> None:
    """A difference of a reading with itself is not a measured zero."""
    assert MemorySummary() == memory_summary([repeat(start=uss(10)), repeat()], None)


def test_summary_without_repeats_is_null() -> None:
    """Only the size on disk is known."""
    assert MemorySummary(artifact=9) == memory_summary([], 9)


def test_summary_tells_no_share_that_shrank() -> None:
    """A runtime that frees its copy after compiling leaves no inference share to tell: null, not a negative size."""
    only = repeat(start=uss(10), compile=uss(100), steady=uss(70))
    assert memory_summary([only], None).inference is None
