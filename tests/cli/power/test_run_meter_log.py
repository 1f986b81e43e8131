"""``odb run --meter-log``: what stands in the records, and that a run is never lost. Markers and runs are made."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import click
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result
from metering.played import PlayedDriver, value
from msgspec.structs import replace

from bench.cli import run_command
from bench.cli.group import odb
from bench.cli.power import metering
from bench.cli.power.metering import Metered, asked_metering, joined_to
from bench.errors import OdbError
from bench.execution.suite_run import Listener
from bench.power import waiting
from bench.power.asking import parse_log
from bench.power.live import joulescope
from bench.power.marker import planned
from bench.power.pulses import FILE
from bench.record.energy import RepeatEnergy
from bench.record.record import RecordedRun
from bench.store.derived import judged
from bench.store.records import load_records, save
from bench.testing.records import fake_run

S = 1_000_000_000
START_NS = 1_767_225_600 * S  # 2026-01-01 UTC
MARKERS = (planned(START_NS), planned(START_NS + 50 * S, 1))
BEGINS_S, LASTS_S, QUERIES = (22.0, 36.0), 10.0, 50
IDLE_W, PULSE_W, RUN_W = 3.0, 12.0, 7.0


@pytest.fixture
def run(tmp_path: Path) -> RecordedRun:
    """Two repeats of 10 s between two markers, on disk."""
    made = fake_run(
        "20260101T000000000Z-fake-fake-000000", [np.full(QUERIES, int(LASTS_S * S / QUERIES), np.int64)] * 2
    )
    energies = [RepeatEnergy(QUERIES, int(LASTS_S * S), 1.0, (), START_NS + int(begin * S)) for begin in BEGINS_S]
    repeats = tuple(replace(r, energy=e) for r, e in zip(made.record.repeats, energies, strict=True))
    record = replace(made.record, repeats=repeats)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / FILE).write_bytes(msgspec.json.encode(MARKERS))
    return RecordedRun(save(tmp_path / "results", record, made.samples), made.samples)


def power(at: np.ndarray) -> np.ndarray:
    edges = [edge for one in MARKERS for edge in one.edges_unix_ns]
    watts = IDLE_W + PULSE_W * (np.searchsorted(edges, START_NS + at * S, side="right") % 2)
    for begin in BEGINS_S:
        watts += RUN_W * ((at > begin - 1) & (at < begin + LASTS_S + 1))
    return watts


def ptd(path: Path, until_s: float = 75.0, ahead_s: float = 7.25, watts: Callable[[float], str] | None = None) -> Path:
    """PTDaemon's log: once a second the mean of that second, by a clock that is ahead."""
    lines = []
    for second in range(-4, int(until_s)):
        mean = float(power(second - 1 + np.arange(0.0005, 1, 0.001)).mean())
        stamp = np.datetime64(START_NS, "ns") + int((second + ahead_s) * S)
        day, clock = str(stamp).split("T")
        year, month, date = day.split("-")
        shown = f"{mean:.4f}" if watts is None else watts(mean)
        lines.append(f"Time,{month}-{date}-{year} {clock[:12]},Watts,{shown},Volts,-1,Amps,-1,PF,-1,Mark,notset\n")
    path.write_text("".join(lines), encoding="utf-8")
    os.utime(path, ns=(START_NS, START_NS))  # so that it is not waited for
    return path


def joined(run: RecordedRun, folder: Path, words: str) -> Metered:
    return joined_to([run], parse_log(words), folder / "results", MARKERS, Listener())


def stored(folder: Path) -> RecordedRun:
    (found,) = load_records(folder / "results")
    assert found.corrections == ()
    return found


def codes(run: RecordedRun) -> list[str]:
    assert run.record.verdict is not None
    return [reason.code for reason in run.record.verdict.reasons if "meter" in reason.code or "idle" in reason.code]


def test_the_records_have_the_energy(run: RecordedRun, tmp_path: Path) -> None:
    """7 W above idle, 10 W in all, for 10 s over 50 queries: 1.4 J and 2 J, by a meter whose readings are means of a
    second; half of one off, it would be 3 % less."""
    file = ptd(tmp_path / "spl.txt")
    found = joined(run, tmp_path, f"{file}:zone=UTC,model=WT310,serial=91K,calibrated=2026-03-01,uncertainty=0.3%")
    assert (found.status, len(found.told)) == (0, 3)
    assert "not stated" not in " ".join(found.told)
    record = stored(tmp_path).record
    energy, meter = record.summary.energy, record.meter
    assert energy is not None
    assert meter is not None
    assert record == found.runs[0].record
    assert record.record_id == meter.joined_from == run.record.record_id
    assert (energy.tier, energy.sensor_channel) == ("meter", "ptdaemon/Watts")
    assert energy.joules_per_inference == pytest.approx(1.4, rel=1e-3)
    assert energy.total_joules_per_inference == pytest.approx(2.0, rel=1e-3)
    assert energy.joules_per_inference_ci95 is not None
    assert (meter.stands_for, meter.idle_watts) == ("before", pytest.approx(IDLE_W, abs=0.01))
    assert meter.offset_s == pytest.approx(-7.25, abs=0.05)
    assert dict(meter.device) == {"model": "WT310", "serial": "91K", "calibrated": "2026-03-01"}
    assert meter.stated_uncertainty == 0.003
    assert meter.idle is not None
    assert meter.idle.cooldown_s == pytest.approx(1.0, abs=0.6)
    assert codes(stored(tmp_path)) == []


def test_a_meter_of_unstated_uncertainty_is_not_exact(run: RecordedRun, tmp_path: Path) -> None:
    """The command and the verdict say so, and with which option it is stated. The energy stays."""
    found = joined(run, tmp_path, f"{ptd(tmp_path / 'spl.txt')}:zone=UTC")
    assert found.status == 0
    assert "uncertainty is not stated" in " ".join(found.told)
    verdict = stored(tmp_path).record.verdict
    assert verdict is not None
    (reason,) = [one for one in verdict.reasons if one.code == "meter_uncertain"]
    assert not reason.invalidates
    assert set(reason.figures) == {"of_window"}
    assert "spl.txt:uncertainty=0.5%" in str(reason.remedy)


def test_a_last_line_that_is_half_written(run: RecordedRun, tmp_path: Path) -> None:
    """Of a log that is still written, the rest counts."""
    file = ptd(tmp_path / "spl.txt")
    with file.open("a", encoding="utf-8") as stream:
        stream.write("Time,01-01-2026 00:01:2")
    log = parse_log(f"{file}:zone=UTC")
    assert len(log.read(growing=True).watts) == 79
    with pytest.raises(OdbError, match="line 80"):
        log.read()


def unreadable(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    os.utime(path, ns=(START_NS, START_NS))
    return path


BAD = {
    "ends before the second repeat": (lambda p: ptd(p, 38), "", ["meter_gap"], 0, "ends before the run"),
    "ends before the run": (lambda p: ptd(p, 19), "", ["meter_gap"], 3, "does not cover"),
    "another day": (lambda p: ptd(p, ahead_s=86_400 * 2), "", ["meter_not_aligned"], 3, "48 h apart"),
    "another zone": (lambda p: ptd(p, ahead_s=9 * 3600), "", ["meter_not_aligned"], 3, "its times were -9 h"),
    "no marker": (lambda p: ptd(p, watts=lambda mean: "5.0"), "", ["meter_not_aligned"], 3, "was not found"),
    "overflow": (
        lambda p: ptd(p, watts=lambda mean: "9e99" if mean > 9 else f"{mean}"),
        "",
        ["meter_uncertain"],
        3,
        "beyond the meter's range",
    ),
    "an idle power above the run's": (ptd, ",idle_watts=11", ["idle_not_idle"], 0, "Idle power: 11.0 W"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_logs(name: str, run: RecordedRun, tmp_path: Path) -> None:
    """The run is kept, and its verdict says what is wrong with the energy."""
    make, words, expected, status, why = BAD[name]
    found = joined(run, tmp_path, f"{make(tmp_path / 'spl.txt')}:zone=UTC,uncertainty=0.3%{words}")
    assert (found.status, codes(stored(tmp_path))) == (status, expected)
    assert why in " ".join(found.told)
    kept, before = stored(tmp_path).record, judged(run).record
    assert before.summary.latency_ns is not None
    assert (kept.summary.latency_ns, kept.summary.throughput_per_s) == (
        before.summary.latency_ns,
        before.summary.throughput_per_s,
    )
    energy = kept.summary.energy
    assert energy is not None
    if status == 3:
        assert (energy.joules_per_inference, energy.total_joules_per_inference) == (None, None)


def test_a_clock_that_jumps_forward(run: RecordedRun, tmp_path: Path) -> None:
    """By two hours within the log, which a meter that was switched off would look like, too: no energy."""
    file = ptd(tmp_path / "spl.txt")
    lines = file.read_text(encoding="utf-8").splitlines(True)
    later = [
        re.sub(r"(Time,\S+ )(\d\d)", lambda found: f"{found[1]}{int(found[2]) + 2:02}", line) for line in lines[40:]
    ]
    file.write_text("".join(lines[:40] + later), encoding="utf-8")
    os.utime(file, ns=(START_NS, START_NS))
    found = joined(run, tmp_path, f"{file}:zone=UTC")
    assert (found.status, codes(stored(tmp_path))) == (3, ["meter_uncertain"])
    assert "The clock jumps ahead by 7,201 s" in " ".join(found.told)


def test_a_clock_that_jumps_back(run: RecordedRun, tmp_path: Path) -> None:
    """By 78 s within the log: nothing is concluded from it."""
    file = ptd(tmp_path / "spl.txt")
    lines = file.read_text(encoding="utf-8").splitlines(True)
    file.write_text("".join(lines[40:] + lines[:40]), encoding="utf-8")
    os.utime(file, ns=(START_NS, START_NS))
    found = joined(run, tmp_path, f"{file}:zone=UTC")
    assert (found.status, codes(stored(tmp_path))) == (3, ["meter_uncertain"])
    assert "The clock moves back by 78.0 s" in " ".join(found.told)


@pytest.mark.parametrize("data", [b"\x00\x01" * 99, b"a,b\n1,2\n"])
def test_what_cannot_be_read_at_all(data: bytes, run: RecordedRun, tmp_path: Path) -> None:
    """No text, or of no known form: a clear error, the command to join later, and the record as it was."""
    file = unreadable(tmp_path / "log.csv", data)
    before = (tmp_path / "results" / run.record.record_id / "record.json").read_bytes()
    found = joined(run, tmp_path, str(file))
    assert found.status == 2
    assert f"odb power join {tmp_path / 'results'} {file}" in found.told[-1]
    assert before == (tmp_path / "results" / run.record.record_id / "record.json").read_bytes()


@pytest.mark.parametrize(
    ("text", "words", "why"),
    [
        ("a,b\n1,2\n", ":time=a,power=watts", "watts"),
        ("a,b\n1,2\n", "", "a, b"),
        ("\x00\x01\x02" * 50, "", "neither a text"),
    ],
)
def test_a_mistake_is_told_before_the_run(text: str, words: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(OdbError) as caught:
        asked_metering(False, f"{file}{words}", None)
    assert why in str(caught.value)


def test_a_log_without_a_reading_yet_is_none(tmp_path: Path) -> None:
    """The meter's program has written its header; or nothing so far; or is not started."""
    file = tmp_path / "log.csv"
    for text in ("t,P [W]\n", ""):
        file.write_text(text, encoding="utf-8")
        assert asked_metering(False, f"{file}:time=t,power=P [W],time_unit=s", None).marker
    file.unlink()
    assert asked_metering(False, str(file), None).joins
    with pytest.raises(OdbError, match="only one meter"):
        asked_metering(False, "a.csv", "joulescope")


class Script:
    """A clock of the command's own, from the end of the run. Time passes only while it sleeps."""

    def __init__(self, interrupted_at_s: float = 1e9) -> None:
        self.waited_s, self._most_s = 0.0, interrupted_at_s
        self.clock = waiting.Clock(lambda: MARKERS[-1].ends_unix_ns + int(self.waited_s * S), self.sleep)

    def sleep(self, seconds: float) -> None:
        self.waited_s += seconds
        if self.waited_s >= self._most_s:
            raise KeyboardInterrupt


@pytest.fixture
def command(run: RecordedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Result, Script]]:
    """``odb run`` with these options, its measuring and its markers replaced by the made ones."""

    def started(*options: object, script: Script | None = None) -> tuple[Result, Script]:
        script, markers = script or Script(), iter(MARKERS)
        monkeypatch.setattr(run_command, "_measured", lambda *_: [run])
        monkeypatch.setattr(metering, "mark", lambda *_: next(markers))
        monkeypatch.setattr(waiting, "SYSTEM", script.clock)
        words = ["run", "-m", "llama-15M", "-t", "null:cpu", "-o", tmp_path / "results", *options]
        return CliRunner().invoke(odb, [str(word) for word in words], standalone_mode=False), script

    return started


def test_the_command_waits_for_a_file_that_is_missing(
    run: RecordedRun, command: Callable[..., tuple[Result, Script]], tmp_path: Path
) -> None:
    """A minute; then the status is 2, and the record is as it was."""
    record = tmp_path / "results" / run.record.record_id / "record.json"
    before = record.read_bytes()
    found, script = command("--meter-log", tmp_path / "none.csv")
    assert (found.return_value, script.waited_s) == (2, waiting.STILL_S + 1)
    assert "none.csv" in found.stderr
    assert f"odb power join {tmp_path / 'results'} {tmp_path / 'none.csv'}" in found.stderr
    assert record.read_bytes() == before
    assert (tmp_path / "results" / "report.html").exists()


def test_the_command_is_interrupted_while_it_waits(
    command: Callable[..., tuple[Result, Script]], tmp_path: Path
) -> None:
    """What was measured is on the page, and the message says how the log is joined later."""
    found, script = command("--meter-log", tmp_path / "none.csv", script=Script(5.0))
    assert (type(found.exception), script.waited_s) == (click.Abort, 5.0)
    assert f"odb power join {tmp_path / 'results'} {tmp_path / 'none.csv'}" in found.stderr
    assert (tmp_path / "results" / "report.html").exists()
    (kept,) = load_records(tmp_path / "results")
    assert kept.record.meter is None


def test_the_command_reads_a_meter_live(
    command: Callable[..., tuple[Result, Script]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The known joules, by what the driver gave each tenth of a second."""
    ends = np.arange(-1, 75, 0.1)
    watts = [float(power(end - 0.1 + np.arange(0.0005, 0.1, 0.001)).mean()) for end in ends]
    values = [value(START_NS + int(end * S), mean) for end, mean in zip(ends, watts, strict=True)]
    driver = PlayedDriver(["u/js220/000415"], values)
    monkeypatch.setattr(joulescope, "_driver", lambda: driver)
    found, _ = command("--live-meter", "joulescope:000415,uncertainty=0.2%", "--json")
    record = stored(tmp_path).record
    energy, meter = record.summary.energy, record.meter
    assert energy is not None
    assert meter is not None
    assert (energy.tier, meter.format, meter.log, meter.stands_for) == ("meter", "live", "meter-live.csv", "before")
    assert dict(meter.device) == {"vendor": "Jetperch", "model": "JS220", "serial": "000415"}
    assert meter.stated_uncertainty == pytest.approx(0.002)
    assert meter.offset_s == pytest.approx(0.0, abs=0.05)
    assert energy.joules_per_inference == pytest.approx(1.4, rel=1e-3)
    assert energy.total_joules_per_inference == pytest.approx(2.0, rel=1e-3)
    (told,) = msgspec.json.decode(found.stdout)
    assert told["summary"]["energy"]["total_joules_per_inference"] == energy.total_joules_per_inference
    assert driver.told[-1] == ("finalize",)


@pytest.mark.parametrize(
    ("text", "uncertainty"),
    [
        ("joulescope", None),
        ("joulescope:000415", None),
        ("joulescope,uncertainty=0.5%", 0.005),
        ("joulescope:000415,uncertainty=0.5%", 0.005),
    ],
)
def test_a_live_meter_states_its_uncertainty_with_or_without_a_serial(text: str, uncertainty: float | None) -> None:
    stated = asked_metering(False, None, text).stated
    assert stated is not None
    assert stated.uncertainty == uncertainty


@pytest.mark.parametrize(
    "text", ["yokogawa", "joulescope,uncertainty=-3%", "joulescope,uncertainty=0.5", "joulescope,x=1"]
)
def test_a_live_meter_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(OdbError):
        asked_metering(False, None, text)


def test_a_meter_that_is_not_there_leaves_nothing(
    command: Callable[..., tuple[Result, Script]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joulescope, "_driver", lambda: PlayedDriver([], []))
    found, _ = command("--live-meter", "joulescope")
    assert "no Joulescope" in str(found.exception)
    assert not (tmp_path / "results" / "meter-live.csv").exists()
