"""What a worker says, prints and leaves behind: bounded, read to the last word, and ended."""

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.execution.suite_run import run_suite
from bench.jobs import Failed, PhaseBegan, decode_event, encode
from bench.plugins import Catalog, discover
from bench.process.leftovers import MARK, end_leftovers
from bench.process.output import LOG_TAIL_BYTES, EventStream, cut_log, log_tail
from bench.record.record import Failure, RecordedRun
from bench.scratch import OWNER, scratch_folder, sweep
from bench.suite.suite import ModelAsk, Suite, TargetAsk

ROOT = Path(__file__).resolve().parents[3]
linux = pytest.mark.skipif(sys.platform != "linux", reason="forks, and looks into /proc")
LAST = encode(Failed(Failure("check", "runtime_error", "done", "")))


@pytest.fixture(scope="module")
def untidy() -> Catalog:
    return discover([ROOT / "tests" / "plugins" / "untidy.py"])


def run(catalog: Catalog, folder: Path, *targets: str) -> list[RecordedRun]:
    """Measure the fake model on the targets, with so long a time limit that waiting for it would be noticed."""
    (folder / "out").mkdir()
    suite = Suite(
        models=(ModelAsk("fake"),), targets=tuple(map(TargetAsk, targets)), repeats=1, max_seconds=0.2, timeout_s=300
    )
    return run_suite(suite, catalog, folder / "out", cache=folder / "cache")


def sleepers() -> list[int]:
    return [p.pid for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "173"]]


def spoken(*parts: bytes, then: str = "", deadline_s: float = 60) -> list[object]:
    """The events of a process that says these bytes, and does something ``then``."""
    code = f"import os, sys\nfor part in {list(parts)!r}: os.write(1, part)\n{then}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        try:
            return list(EventStream(process, time.perf_counter_ns() + int(deadline_s * 1e9), Path("none")))
        finally:  # also where the stream raises; else the end of the process would be waited for
            process.kill()


class TestWhatIsHeard:
    @pytest.mark.process
    def test_up_to_the_last_word(self) -> None:
        """Phases, then the last word; what a process says after that, or that it stays, is not waited for."""
        phase = encode(PhaseBegan("read")) + b"\n"
        heard = spoken(phase, LAST + b"\n", b"more\n", then="import time; time.sleep(50)")
        assert [PhaseBegan("read"), decode_event(LAST)] == heard

    @pytest.mark.process
    @pytest.mark.parametrize(
        "line",
        [
            b"\xff\xfe\n",
            b'{"type":"\xcf"}\n',
            b"[" * 5000 + b"\n",
            b"9" * 5000 + b"\n",
            b"\0\n",
            b'{"type":"No"}\n',
        ],
    )
    def test_no_event(self, line: bytes) -> None:
        """Bytes that are no event are a ValueError, whatever they are."""
        with pytest.raises(ValueError):  # noqa: PT011 - the decoder's words are its own
            spoken(line)

    @pytest.mark.process
    def test_a_line_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A line without end is given up at the limit."""
        monkeypatch.setattr("bench.process.output.EVENT_MOST_BYTES", 1000)
        with pytest.raises(ValueError, match="over 1,000 bytes in one line"):
            spoken(b"x" * 5000, then="import time; time.sleep(50)")

    @pytest.mark.process
    def test_the_deadline(self) -> None:
        """Silence until the deadline is a TimeoutError."""
        with pytest.raises(TimeoutError):
            spoken(then="import time; time.sleep(50)", deadline_s=0.3)

    def test_text_that_is_no_unicode(self) -> None:
        """A lone surrogate is replaced, so that the word is said."""
        said = decode_event(encode(Failed(Failure("check", "runtime_error", "net\udcff", ""))))
        assert isinstance(said, Failed)
        assert "net?" == said.failure.message


class TestLog:
    def test_the_tail_is_read_alone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of a long log the last 64 KiB are read, whole lines of them."""
        log, read = tmp_path / "log.txt", []
        log.write_bytes(b"early words\n" * 500_000 + b"\xff the last words\n")
        original = io.BufferedReader.read
        opened = Path.open

        class Counting(io.BufferedReader):
            def read(self, size: int | None = -1) -> bytes:
                found = original(self, size)
                read.append(len(found))
                return found

        def counting(path: Path, mode: str = "r") -> io.BufferedReader:
            return Counting(opened(path, mode).detach())  # type: ignore[attr-defined]

        monkeypatch.setattr(Path, "open", counting)
        tail = log_tail(log)
        assert ("early words", "� the last words", 30) == (tail[0], tail[-1], len(tail))
        assert LOG_TAIL_BYTES >= sum(read)

    def test_a_log_on_disk_is_cut(self, tmp_path: Path) -> None:
        """Beyond the limit only the last is kept, and what is appended afterwards follows it."""
        log = tmp_path / "log.txt"
        with log.open("ab") as file:
            file.write(b"early words\n" * 20_000 + b"the last words\n")
            file.flush()
            cut_log(log, most_bytes=100_000)
            file.write(b"and more\n")
        assert log.stat().st_size < LOG_TAIL_BYTES + 100
        assert ("the last words", "and more") == log_tail(log)[-2:]
        cut_log(log, most_bytes=100_000)
        assert log.stat().st_size > LOG_TAIL_BYTES // 2

    def test_no_log(self, tmp_path: Path) -> None:
        """Nothing is said of a log that is not there."""
        cut_log(tmp_path / "none")
        assert () == log_tail(tmp_path / "none")


@pytest.mark.process
@linux
class TestRuns:
    """Real workers: each run has its record at once, the next run is measured, and nothing is left."""

    def outcome(self, found: list[RecordedRun]) -> list[str]:
        return [run.record.failure.kind if run.record.failure else run.record.status for run in found]

    def test_bytes_that_are_no_unicode(self, untidy: Catalog, tmp_path: Path) -> None:
        """The run fails as its plugin's fault, and the suite goes on."""
        assert ["plugin_error", "ok"] == self.outcome(run(untidy, tmp_path, "untidy:no-unicode", "null:cpu"))

    def test_a_message_that_is_no_unicode(self, untidy: Catalog, tmp_path: Path) -> None:
        """The runtime's own words reach the record."""
        failed, measured = run(untidy, tmp_path, "untidy:surrogate", "null:cpu")
        assert failed.record.failure is not None
        assert ("ok", "runtime_error") == (measured.record.status, failed.record.failure.kind)
        assert "cannot open net?.onnx" in failed.record.failure.message

    def test_children_that_hold_the_pipe(self, untidy: Catalog, tmp_path: Path) -> None:
        """The worker's last word counts, and its children are ended, whatever session they are in."""
        begin = time.monotonic()
        assert ["ok"] == self.outcome(run(untidy, tmp_path, "untidy:child"))
        assert (True, []) == (time.monotonic() - begin < 150, sleepers())

    def test_children_of_a_worker_that_died(self, untidy: Catalog, tmp_path: Path) -> None:
        """A death without a last word is noticed although a child holds the pipe."""
        begin = time.monotonic()
        assert ["crashed"] == self.outcome(run(untidy, tmp_path, "untidy:child-and-die"))
        assert (True, []) == (time.monotonic() - begin < 150, sleepers())

    def test_a_flood_of_words(self, untidy: Catalog, tmp_path: Path) -> None:
        """30 MB of log leave the last lines."""
        (found,) = run(untidy, tmp_path, "untidy:flood")
        assert ("ok", "the last words") == (found.record.status, found.record.log_tail[-1])


class TestLeftovers:
    @pytest.mark.process
    @linux
    def test_processes_are_known_by_their_mark(self) -> None:
        """One that carries the mark is ended, one with another is not."""
        ours, other = (
            subprocess.Popen(["sleep", "20"], env={**os.environ, MARK: mark}, start_new_session=True)
            for mark in ("test-a", "test-ab")
        )
        assert 1 == end_leftovers("test-a")
        assert (-9, None) == (ours.wait(10), other.poll())
        other.kill()
        other.wait()

    def test_a_scratch_folder_goes(self, tmp_path: Path) -> None:
        """It is there inside, and not afterwards."""
        with scratch_folder("x-", tmp_path) as folder:
            assert folder.is_dir()
        assert [] == list(tmp_path.iterdir())

    @pytest.mark.process
    @pytest.mark.skipif(sys.platform == "win32", reason="locks are POSIX")
    def test_what_a_killed_process_left_is_swept(self, tmp_path: Path) -> None:
        """A folder whose owner lives stays; that of one that was killed goes; any other folder is left alone."""
        code = (
            "import os, sys; from pathlib import Path; from bench.scratch import scratch_folder\n"
            "with scratch_folder('x-', Path(sys.argv[1])): os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
        (left,) = tmp_path.iterdir()
        (tmp_path / "x-results").mkdir()
        (tmp_path / "x-link").symlink_to(left)
        with scratch_folder("x-", tmp_path) as alive:
            sweep("x-", tmp_path)
            assert (False, True, True) == (left.exists(), alive.is_dir(), (tmp_path / "x-results").is_dir())
            assert (alive / OWNER).is_file()
