"""Opens a meter's log, whoever wrote it."""

from pathlib import Path

from msgspec.structs import replace

from bench.errors import InputError, of_flag
from bench.power.formats import joulescope, ptdaemon, tabular
from bench.power.log import PowerLog
from bench.power.mapping import Mapping, with_zone
from bench.power.tables import table_of, text_of
from bench.reading import is_file, read_bytes
from bench.words import sentence

FORMATS = ("ptdaemon", "joulescope", "ppk2", "monsoon", "hwinfo", "live", "table")
HEAD_BYTES = 512


def read_log(
    path: Path,
    mapping: Mapping | None = None,
    *,
    channel: str = "",
    volts: str = "",
    zone: str = "",
    growing: bool = False,
) -> PowerLog:
    """The log in ``path``. ``mapping``: for a table that no known program wrote. ``channel``: the column or signal to
    read, where there are several. ``volts``: the supply's voltage, for a log of current. ``zone``: of local times.
    ``growing``: it may still be written, so a last line without an end is left out.

    Raises ``InputError`` for a file that cannot be read as a log, naming column or line, and for an option that says
    nothing about this file; ``RunFailure`` where a library is missing.
    """
    if joulescope.is_one(_head(path)):
        _refuse(path, ("--mapping", mapping is not None), ("--volts", bool(volts)), ("--zone", bool(zone)))
        return joulescope.read(path, channel)
    text = text_of(path)
    if growing and not text.endswith(("\n", "\r")):
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    if ptdaemon.is_one(text[:HEAD_BYTES]):
        _refuse(path, ("--mapping", mapping is not None), ("--channel", bool(channel)), ("--volts", bool(volts)))
        return ptdaemon.read(path, text, zone)
    table = table_of(path, text)
    known = tabular.known_of(table.header)
    if mapping is not None:
        _refuse(path, ("--channel", bool(channel)), ("--volts", bool(volts)))
        return tabular.read(path, table, with_zone(mapping, zone), tabular.ANY)
    if known is None:
        raise InputError(
            sentence("power.unknown_format", file=path.name, columns=list(table.header[:12])),
            sentence("power.give_mapping"),
        )
    found = tabular.chosen(known.mapping(table.header, volts), channel)
    if volts and not found.current:
        _refuse(path, ("--volts", True))
    log = tabular.read(path, table, with_zone(found, zone), known)
    return replace(log, meter=tabular.remarks(text)) if known.unix else log


def _head(path: Path) -> bytes:
    if not is_file(path):
        read_bytes(path)  # which says what it is instead
    with path.open("rb") as stream:
        return stream.read(HEAD_BYTES)


def _refuse(path: Path, *options: tuple[str, bool]) -> None:
    for flag, given in options:
        if given:
            told = of_flag(flag, sentence("power.option_says_nothing", file=path.name))
            raise InputError(told, sentence("cli.leave_it_out"))
