"""What ``odb run`` does beside measuring where a power meter watches: markers, a live meter, and joining its log."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from bench.cli.power.shown import told_of
from bench.words import say, sentence

if TYPE_CHECKING:
    from bench.execution.suite_run import Listener
    from bench.power.asking import LogAsk, Meter
    from bench.power.live.meter import LiveMeter
    from bench.power.marker import Marker
    from bench.power.placing import Outcome
    from bench.record.record import RecordedRun

LIVE = "joulescope"


class Metering(Struct, frozen=True, kw_only=True):
    """``ask``: of the log to join; ``live``: the meter to read meanwhile, whose log is joined, and ``stated`` what the
    user says of it. ``marker``: whether to make markers."""

    ask: "LogAsk | None" = None
    live: "LiveMeter | None" = None
    stated: "Meter | None" = None
    marker: bool = False

    @property
    def joins(self) -> bool:
        return self.ask is not None or self.live is not None


def asked_metering(marker: bool, log: str | None, live: str | None) -> Metering:
    """Raises ``InputError`` for what cannot be joined, as far as that is known before the run: options, columns of a
    log that is there already."""
    from bench.errors import InputError, UnknownName
    from bench.power.asking import parse_log, parse_meter
    from bench.power.live.joulescope import Joulescope

    if log is not None and live is not None:
        raise InputError(sentence("power.live.and_log"), sentence("cli.leave_it_out"))
    ask = parse_log(log) if log is not None else None
    meter = stated = None
    if live is not None:
        which, _, pairs = live.partition(",")
        name, _, serial = which.partition(":")
        if name != LIVE:
            raise UnknownName(sentence("power.live.meter"), name, [LIVE])
        stated = parse_meter(pairs, "--live-meter")
        meter = Joulescope(serial)
    if ask is not None and ask.file.exists() and ask.file.stat().st_size:
        refuse_unreadable(ask)
    # Where a clock is stated, the marker is made for the power at idle only.
    return Metering(ask=ask, live=meter, stated=stated, marker=marker or ask is not None or meter is not None)


def refuse_unreadable(ask: "LogAsk") -> None:
    """Raises ``InputError`` for a log that exists and whose columns cannot be read. One without a reading yet is no
    mistake before the run."""
    from bench.errors import InputError

    try:
        ask.read(growing=True)
    except InputError as error:
        if getattr(error.sentence, "code", "") not in ("power.no_reading", "power.no_header"):
            raise


class Metered(Struct, frozen=True):
    """``runs``: as measured, with the meter's energy where there is some. ``told``: lines for people. ``status``: of
    the joining alone: 0, 2 for a log that cannot be read, 3 where no run has energy."""

    runs: "list[RecordedRun]"
    told: tuple[str, ...] = ()
    status: int = 0


def measured_with(
    metering: Metering, folder: Path, listener: "Listener", body: "Callable[[], list[RecordedRun]]"
) -> Metered:
    """Carry out ``body`` between markers, then join the log. The records are on disk before that, and stay as they are
    where it fails."""
    from bench.power.asking import LogAsk, Meter
    from bench.power.live.meter import recorded

    file = unused(folder) if metering.live is not None else None
    reading = recorded(metering.live, file) if metering.live is not None and file is not None else nullcontext()
    with reading:
        first = [mark(folder, listener)] if metering.marker else []
        runs = body()
        markers = [*first, *([mark(folder, listener)] if metering.marker else [])]
    ask = LogAsk(file=file, meter=metering.stated or Meter()) if file is not None else metering.ask
    return Metered(runs) if ask is None else joined_to(runs, ask, folder, markers, listener)


def joined_to(
    runs: "list[RecordedRun]", ask: "LogAsk", folder: Path, markers: "Sequence[Marker]", listener: "Listener"
) -> Metered:
    """The runs with the energy of the log that ``ask`` names."""
    from bench.errors import OdbError
    from bench.power.placing import join_or_say
    from bench.power.waiting import wait_for

    done = [run for run in runs if run.record.status == "ok"]
    if not done:
        return Metered(runs)
    began, ended = markers[0].begins_unix_ns, markers[-1].ends_unix_ns
    again = say("power.run.join_later", folder=folder, file=ask.file)
    try:
        growing = wait_for(
            ask.file, began, ended, lambda seconds: listener.step(say("cli.step.meter_log", seconds=seconds))
        )
    except KeyboardInterrupt:
        click.echo(again, err=True)
        raise
    listener.step(say("cli.step.joining"))
    try:
        outcome = join_or_say(ask.read(growing), ask, done, markers, folder.name)
    except OdbError as error:
        return Metered(runs, (f"odb: {error.message}", *filter(None, (error.remedy,)), again), error.exit_status)
    whole = kept(folder, runs, done, outcome)
    return Metered(whole, told_of(outcome, done), 0 if any(one.metered for one in outcome.joined) else 3)


def kept(
    folder: Path, runs: "list[RecordedRun]", done: "Sequence[RecordedRun]", outcome: "Outcome"
) -> "list[RecordedRun]":
    """Write the joined records in place of those without the meter, whose samples stay."""
    from bench.record.record import RecordedRun
    from bench.store.derived import judged
    from bench.store.records import rewrite

    found: dict[str, RecordedRun] = {}
    for run, one in zip(done, outcome.joined, strict=True):
        record = judged(RecordedRun(one.record, run.samples)).record
        found[record.record_id] = RecordedRun(rewrite(folder, record), run.samples, run.folder)
    return [found.get(run.record.record_id, run) for run in runs]


def unused(folder: Path) -> Path:
    """Where a live meter's log goes: beside those of earlier runs in the folder."""
    from bench.power.live.meter import FILE

    stem, _, end = FILE.partition(".")
    names = [FILE, *(f"{stem}-{number}.{end}" for number in range(2, 1000))]
    return next(folder / name for name in names if not (folder / name).exists())


def mark(folder: Path, listener: "Listener") -> "Marker":
    """Make one marker for a meter's log."""
    from bench.power.pulses import keep_marker, make_marker, markers_in

    listener.step(say("cli.step.marker"))
    marker = make_marker(len(markers_in(folder)))
    keep_marker(folder, marker)
    return marker


def tell(metered: Metered, as_json: bool) -> None:
    """The lines after the report; what went wrong goes to the error stream, and all of them beside JSON."""
    for line in metered.told:
        click.echo(line, err=as_json or metered.status != 0)
