"""What a meter's log holds: of each format, with made files whose figures are known, and a real wall meter's log."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

from bench.errors import InputError
from bench.power.doubts import doubts_of
from bench.power.log import PowerLog, figures_of
from bench.power.mapping import parse_mapping
from bench.power.reading import read_log

PTD = "Time,{time},Watts,{watts},Volts,230.0,Amps,0.1,PF,1.0,Mark,{mark}\n"


def written(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def watts_of(log: PowerLog) -> list[float]:
    return [round(float(watts), 9) for watts in log.watts]


def seconds_of(log: PowerLog) -> list[float]:
    return [round(float(second), 9) for second in log.seconds]


@pytest.mark.real
def test_a_real_wall_meter(realdata: Path) -> None:
    """MLPerf's PTDaemon: figures as in the folder's README."""
    log = read_log(realdata / "power" / "ptd_ranging_spl.txt")
    found = figures_of(log)
    assert (log.format, log.tier, log.clock, log.began) == ("ptdaemon", "meter", "local", "2020-12-23T10:26:08.757")
    assert (found.readings, found.not_read) == (134, 0)
    assert found.span_s == pytest.approx(133.013, abs=1e-6)
    assert found.joules == pytest.approx(5083.64, abs=0.005)
    assert found.mean_watts == pytest.approx(38.219, abs=0.0005)
    assert found.largest_gap_s == pytest.approx(1.014, abs=1e-6)
    assert (found.least_watts, found.most_watts) == (23.37, 45.03)
    assert log.marks == (("ranging-workload", 0),)


@pytest.mark.real
def test_a_real_meters_watts_are_its_volts_amperes_and_power_factor(realdata: Path) -> None:
    """To 0.03 % in the middle of its readings, so that nothing is doubted."""
    path = realdata / "power" / "ptd_ranging_spl.txt"
    rows = [line.split(",") for line in path.read_text().splitlines() if line]
    apart = [abs(float(row[5]) * float(row[7]) * float(row[9]) / float(row[3]) - 1) for row in rows]
    assert len(rows) == 134
    assert median(apart) <= 3e-4
    assert "not_the_product" not in {doubt.code for doubt in doubts_of(read_log(path))}


@pytest.mark.parametrize(
    ("factors", "fraction"),
    [
        (["1.0"] * 3, None),
        (["1.004"] * 3, None),
        (["0.9"] * 3, 0.1),
        (["1.0", "0.9", "0.8"], 0.1),
        (["1.0", "1.0", "0.5"], None),
        (["-1", "0.9", "0.9"], 0.1),
    ],
)
def test_watts_that_are_not_the_product_are_doubted(factors: list[str], fraction: float | None, tmp_path: Path) -> None:
    """By how far the reading in the middle is off. 230 V and 0.1 A are 23 W with a power factor of 1; -1 was not
    read."""
    lines = [
        PTD.format(time=f"11-13-2020 22:39:0{second}.000", watts="23.0", mark="notset").replace(
            "PF,1.0", f"PF,{factor}"
        )
        for second, factor in enumerate(factors)
    ]
    found = {doubt.code: doubt for doubt in doubts_of(read_log(written(tmp_path, "spl.txt", "".join(lines))))}
    assert ("not_the_product" in found) == (fraction is not None)
    if fraction is not None:
        assert found["not_the_product"].figures["fraction"] == pytest.approx(fraction)
        assert not found["not_the_product"].blocks


def test_ptdaemon_with_a_reading_that_failed(tmp_path: Path) -> None:
    """-1 is no power; the trapezoid goes from the reading before to the one after it."""
    lines = [
        ("11-13-2020 22:38:59.240", "23.0"),
        ("11-13-2020 22:39:00.240", "-1"),
        ("11-13-2020 22:39:01.240", "25.0"),
    ]
    text = "".join(PTD.format(time=time, watts=watts, mark="notset") for time, watts in lines)
    log = read_log(written(tmp_path, "spl.txt", text), zone="+09:00")
    found = figures_of(log)
    assert (found.readings, found.not_read, found.joules) == (2, 1, pytest.approx(48.0))
    assert (log.clock, log.began, log.marks) == ("utc", "2020-11-13T22:38:59.240+09:00", ())


def test_ppk2_has_a_current_only(tmp_path: Path) -> None:
    """1 mA for a second, then 3 mA: at 3.7 V, 2 mA on the average for two seconds are 14.8 mJ."""
    path = written(tmp_path, "ppk2.csv", "Timestamp(ms),Current(uA),D0-D7\n0,1000,00000000\n1000,2000,0\n2000,3000,0\n")
    with pytest.raises(InputError, match="no voltage"):
        read_log(path)
    log = read_log(path, volts="3.7")
    assert (log.format, log.volts, log.clock) == ("ppk2", 3.7, "relative")
    assert watts_of(log) == [0.0037, 0.0074, 0.0111]
    assert figures_of(log).joules == pytest.approx(14.8e-3)


@pytest.mark.parametrize(("unit", "cell"), [("mW", "1500"), ("W", "1.5")])
def test_monsoon_in_either_unit(tmp_path: Path, unit: str, cell: str) -> None:
    head = f"Time (s),Main Avg Current (mA),Main Avg Power ({unit}),Main Avg Voltage (V)\n"
    log = read_log(written(tmp_path, "m.csv", f"{head}0,400,{cell},3.7\n0.5,400,{cell},3.7\n"))
    assert (log.format, log.channel, watts_of(log)) == ("monsoon", f"Main Avg Power ({unit})", [1.5, 1.5])
    assert figures_of(log).joules == pytest.approx(0.75)


HWINFO = (
    'Date;Time;"Kernauslastung [%]";"CPU Package Power [W]";"GPU Power [W]";"CPU Package Power [W]";"Lüfter [°C]"\r\n'
    "23.9.2026;9:05:01.250;1,5;12,5;3,0;1,0;40\r\n"
    "23.9.2026;9:05:03.250;1,5;14,5;3,0;1,0;41\r\n"
    'Date;Time;"Kernauslastung [%]";"CPU Package Power [W]";"GPU Power [W]";"CPU Package Power [W]";"Lüfter [°C]"\r\n'
    ";;AMD Ryzen;;;;\r\n"
)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_hwinfo_as_a_german_writes_it(tmp_path: Path, encoding: str) -> None:
    """Semicolons, decimal commas, two columns of one name, the header again at the end; the chip's own estimate."""
    path = written(tmp_path, "hw.csv", HWINFO, encoding)
    with pytest.raises(InputError, match="2 columns named CPU Package Power"):
        read_log(path)
    log = read_log(path, channel="CPU Package Power [W]#1", zone="Europe/Berlin")
    assert (log.format, log.tier, log.began) == ("hwinfo", "sensor", "2026-09-23T09:05:01.250+02:00")
    assert (seconds_of(log), watts_of(log)) == ([0.0, 2.0], [12.5, 14.5])
    assert figures_of(log).joules == pytest.approx(27.0)
    assert watts_of(read_log(path, channel="GPU Power [W]")) == [3.0, 3.0]


@pytest.mark.parametrize("encoding", ["cp949", "utf-8", "utf-16"])
def test_a_table_as_a_korean_writes_it(tmp_path: Path, encoding: str) -> None:
    """Names of columns in Hangul, found by their names."""
    path = written(tmp_path, "전력.csv", "시각 [s],소비 전력 [mW],온도 [°C]\n0,500,40\n2,1500,41\n", encoding)
    log = read_log(path, parse_mapping("time=시각 [s],power=소비 전력 [mW]"))
    assert (seconds_of(log), watts_of(log)) == ([0.0, 2.0], [0.5, 1.5])


@pytest.mark.parametrize(
    ("head", "rows", "mapping"),
    [
        ("t [s],P [mW]", ("10,500", "12,1500"), "time=t [s],power=P [mW]"),
        ("t,P", ("10000,0.5", "12000,1.5"), "time=t,time_unit=ms,power=P,power_unit=W"),
        (
            "when,I (mA),U [V]",
            ("2026-01-02T03:04:05,100,5", "2026-01-02T03:04:07,300,5"),
            "time=when,current=I (mA),volts=U [V]",
        ),
        (
            "day\tclock\tI (mA)",
            ("2/1/2026\t3:04:05\t50", "2/1/2026\t3:04:07\t150"),
            "date=day,time=clock,format=%d/%m/%Y %H:%M:%S,current=I (mA),volts=10",
        ),
        ('t,"a, b [W]"', ("0,0.5", "2,1.5"), 'time=t,time_unit=s,power="a, b [W]"'),
        ("# made by x\nt [s];P [W]", ("0;0,5", "2;1,5"), "time=t [s],power=P [W]"),
    ],
)
def test_any_table_by_a_mapping(tmp_path: Path, head: str, rows: Sequence[str], mapping: str) -> None:
    """Half a watt, two seconds later one and a half: 2 J."""
    log = read_log(written(tmp_path, "t.csv", "\n".join((head, *rows))), parse_mapping(mapping))
    assert (seconds_of(log), watts_of(log)) == ([0.0, 2.0], [0.5, 1.5])
    assert figures_of(log).joules == pytest.approx(2.0)


def test_numbers_are_the_same_by_the_fast_way_and_the_slow(tmp_path: Path) -> None:
    """A cell that is no number takes the slow way; all others keep their values."""
    values = np.random.default_rng(1).normal(5, 1, 500)
    rows = [f"{i * 0.01!r},{value!r}" for i, value in enumerate(values.tolist())]
    ask = parse_mapping("time=t [s],power=P [W]")
    fast = read_log(written(tmp_path, "f.csv", "\n".join(("t [s],P [W]", *rows))), ask)
    slow = read_log(written(tmp_path, "s.csv", "\n".join(("t [s],P [W]", *rows, "5.0,"))), ask)
    assert (fast.watts == slow.watts[:-1]).all()
    assert np.isnan(slow.watts[-1])
    assert len(slow.watts) == 501


def test_joulescope(tmp_path: Path) -> None:
    """A recording of two seconds at 1 kHz, written by the maker's library: 2 W, then 4 W."""
    pyjls = pytest.importorskip("pyjls", reason="pyjls reads and writes Joulescope's files")
    path = tmp_path / "x.jls"
    with pyjls.Writer(str(path)) as writer:
        writer.source_def(source_id=1, name="js", vendor="Jetperch", model="JS220", version="1", serial_number="000042")
        writer.signal_def(signal_id=3, source_id=1, sample_rate=1000, name="power", units="W")
        writer.fsr_f32(3, 0, np.repeat(np.float32([2, 4]), 1000))
    log = read_log(path)
    found = figures_of(log)
    assert (log.format, log.channel, log.channels) == ("joulescope", "power", ("power",))
    assert (log.meter["model"], log.meter["serial"]) == ("JS220", "000042")
    assert (found.readings, found.span_s) == (2000, pytest.approx(1.999))
    assert found.joules == pytest.approx(2 * 0.999 + 3 * 0.001 + 4 * 0.999, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "text", "ask", "told"),
    [
        ("a.csv", "", None, "not a table with a header"),
        ("a.csv", "1,2\n3,4\n", None, "not a table with a header"),
        ("a.csv", "x,y\n1,2\n", None, "not the log of a known program; its columns are x, y"),
        ("a.csv", "t,P [W]\n1,2\n", "time=T [s],power=P [W]", "T \\[s\\]"),
        ("a.csv", "t [s],P\n1,2\n", "time=t [s],power=P", "the unit of column P is not known"),
        ("a.csv", "t,P [W]\n1,2\n", "time=t,power=P [W]", "the unit of column t is not known"),
        ("a.csv", "t [s],P [W]\n", "time=t [s],power=P [W]", "no reading in column P"),
        ("a.csv", "t [s],P [W]\n1,2\n,3\n", "time=t [s],power=P [W]", "line 3: no time in column t"),
        (
            "a.csv",
            "t,P [W]\nyesterday,2\n",
            "time=t,power=P [W]",
            "line 2: yesterday is not a time in",
        ),
        (
            "a.txt",
            PTD.format(time="13-13-2020 22:38:59.240", watts=1, mark="m"),
            None,
            "line 1: not a line of PTDaemon",
        ),
        ("a.txt", PTD.format(time="12-13-2020 22:38:59.240", watts=1, mark="m") + "x\n", None, "line 2: not a line of"),
        ("a.jls", "jlsfmt\r\n \n \x1a  ", None, "not a table"),
    ],
)
def test_what_is_no_log_is_refused_by_place(tmp_path: Path, name: str, text: str, ask: str | None, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_log(written(tmp_path, name, text), parse_mapping(ask) if ask else None)


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        ("", "needs time"),
        ("time", "is not KEY=COLUMN"),
        ("time=a,tme=b,power=c", "tme"),
        ("time=a,time=b,power=c", "time is given twice"),
        ("time=a", "needs time"),
        ("power=a", "needs time"),
        ("time=a,power=b,current=c", "needs time"),
        ("time=a,current=b", "needs the voltage"),
        ("time=a,power=b,power_unit=horse", "horse"),
    ],
)
def test_a_mapping_that_says_nothing_is_refused(ask: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse_mapping(ask)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "+25:00", "../etc/passwd", ""])
def test_zones(tmp_path: Path, zone: str) -> None:
    path = written(tmp_path, "spl.txt", PTD.format(time="12-13-2020 22:38:59.240", watts=1, mark="m"))
    if not zone:
        assert read_log(path, zone=zone).clock == "local"
        return
    with pytest.raises(InputError, match="time zone"):
        read_log(path, zone=zone)


@pytest.mark.parametrize(
    ("option", "flag"),
    [
        ({"volts": "3"}, "--volts"),
        ({"channel": "x"}, "--channel"),
        ({"mapping": parse_mapping("time=Time,power=Watts")}, "--mapping"),
    ],
)
def test_an_option_that_says_nothing_is_refused(tmp_path: Path, option: dict[str, Any], flag: str) -> None:
    path = written(tmp_path, "spl.txt", PTD.format(time="12-13-2020 22:38:59.240", watts=1, mark="m"))
    with pytest.raises(InputError, match=f"{flag}.*spl.txt") as raised:
        read_log(path, **option)
    assert raised.value.advice


def test_lines_that_end_with_cr_alone(tmp_path: Path) -> None:
    log = read_log(written(tmp_path, "a.csv", "t [s],p [W]\r0,1\r1,3\r2,1\r"), parse_mapping("time=t [s],power=p [W]"))
    assert (watts_of(log), figures_of(log).joules) == ([1, 3, 1], 4.0)


@pytest.mark.parametrize("format", ["table", "ptdaemon"])
def test_the_hour_that_the_clock_is_set_back_by_counts(tmp_path: Path, format: str) -> None:
    """In Berlin 01:59:59 of that night is 2 h 1 s before 03:00:00."""
    if format == "table":
        text = "t,p [W]\n2026-10-25T01:59:59,2\n2026-10-25T03:00:00,2\n"
        log = read_log(written(tmp_path, "a", text), parse_mapping("time=t,power=p [W]"), zone="Europe/Berlin")
    else:
        times = ("10-25-2026 01:59:59.000", "10-25-2026 03:00:00.000")
        text = "".join(PTD.format(time=time, watts="2.0", mark="notset") for time in times)
        log = read_log(written(tmp_path, "a", text), zone="Europe/Berlin")
    assert (figures_of(log).span_s, figures_of(log).joules) == (7201.0, 14402.0)


def test_a_power_that_no_meter_reads(tmp_path: Path) -> None:
    """1e308 W would make the energy infinite."""
    text = "t [s],p [W]\n0,1\n1,1e308\n2,1\n"
    log = read_log(written(tmp_path, "a.csv", text), parse_mapping("time=t [s],power=p [W]"))
    assert [(one.code, one.blocks, one.figures) for one in log.doubts_of_reader] == [("beyond_range", True, {"n": 1})]
    assert (figures_of(log).readings, figures_of(log).joules) == (2, 2.0)


def test_no_energy_where_no_time_passes(tmp_path: Path) -> None:
    log = read_log(written(tmp_path, "a.csv", "t [s],p [W]\n5,1\n5,1\n"), parse_mapping("time=t [s],power=p [W]"))
    assert figures_of(log).joules is None


@pytest.mark.parametrize(
    ("text", "mapping", "zone", "told"),
    [
        ("t,p [W]\n2026-10-25T01:59:59,1\n2026-10-25T03:00:00Z,1\n", "time=t,power=p [W]", "", "line 3"),
        ("t,p [W]\n2026-10-25T01:59:59Z,1\n", "time=t,power=p [W]", "UTC", "own zone"),
        ("t [s],p [W]\n1,1\n", "time=t [s],power=p [W]", "UTC", "numbers"),
        ("t [s],p [W]\n1e300,1\n-1e300,1\n", "time=t [s],power=p [W]", "", "no time in column"),
        ("t,p [W]\n2026-10-25T01:59:59,x\n", "time=t,power=p [W]", "", "no reading in column"),
    ],
)
def test_times_that_cannot_be_placed(tmp_path: Path, text: str, mapping: str, zone: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_log(written(tmp_path, "a.csv", text), parse_mapping(mapping), zone=zone)


def test_columns_of_one_name_are_named_as_they_are_chosen(tmp_path: Path) -> None:
    text = "Date,Time,A [W],A [W],B [W],\n26.11.2026,10:00:00.000,1,2,3,\n26.11.2026,10:00:01.000,1,2,3,\n"
    path = written(tmp_path, "hw.csv", text)
    log = read_log(path, channel="A [W]#2")
    assert (log.channels, watts_of(log)) == (("A [W]#1", "A [W]#2", "B [W]"), [2, 2])
    with pytest.raises(InputError) as refused:
        read_log(path, channel="C")
    assert refused.value.remedy == "Known: A [W]#1, A [W]#2, B [W], Date, Time."
    with pytest.raises(InputError, match="no reading in column Date"):
        read_log(path, channel="Date")


@pytest.mark.parametrize(("text", "zone"), [("0001-01-01T00:00:0{}", "+14:00"), ("9999-12-31T23:59:5{}-14:00", "")])
def test_the_ends_of_the_calendar(tmp_path: Path, text: str, zone: str) -> None:
    """A date that a program writes for none: it has no time in UTC, and the log's energy is right all the same."""
    rows = "".join(f"{text.format(second)},{second}\n" for second in range(3))
    log = read_log(written(tmp_path, "a.csv", f"t,p [W]\n{rows}"), parse_mapping("time=t,power=p [W]"), zone=zone)
    assert seconds_of(log) == [0, 1, 2]
    assert figures_of(log).joules == 2
