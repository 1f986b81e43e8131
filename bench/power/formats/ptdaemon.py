"""SPEC PTDaemon's log (``spl.txt``), which MLPerf's power runs bring: a line a reading, local time, -1 for not read.

``Time,12-23-2020 10:26:08.757,Watts,23.37,Volts,228.81,Amps,0.20245,PF,0.5045,Mark,ranging``; meters of several
channels append ``Ch1,Watts,…``. Seen in mlcommons/power-dev, ptd_client_server/tests/unit/test_server.py.
"""

import re
from datetime import datetime
from pathlib import Path

import numpy as np

from bench.digest import sha256_of
from bench.errors import InputError
from bench.power.doubt import Doubt
from bench.power.log import PowerLog, within_reach
from bench.power.mapping import seconds_since_first, zone_named
from bench.words import sentence

LINE = re.compile(
    r"Time,(?P<time>\d\d-\d\d-\d{4} \d\d:\d\d:\d\d(?:\.\d+)?),Watts,(?P<watts>[^,]+),Volts,(?P<volts>[^,]+),"
    r"Amps,(?P<amps>[^,]+),PF,(?P<pf>[^,]+),Mark,(?P<mark>[^,\r\n]*)"
)
NOT_READ = -1.0
AGREES = 0.005
"""Volts × amperes × power factor may differ from watts by this fraction of them: the digits that are written."""


def is_one(head: str) -> bool:
    return LINE.match(head.lstrip("\ufeff")) is not None


def read(path: Path, text: str, zone: str) -> PowerLog:
    """Raises ``InputError`` naming the first line that is not PTDaemon's."""
    times: list[datetime] = []
    values: list[list[float]] = []
    marks: list[tuple[str, int]] = []
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        if not line.strip():
            continue
        found = LINE.match(line)
        if found is None:
            raise InputError(
                sentence("power.line_not_of_format", file=path.name, line=number, format="PTDaemon"),
                sentence("power.cut_or_mapping"),
            )
        try:
            moment = datetime.strptime(
                found["time"].ljust(23, "0") if "." in found["time"] else found["time"] + ".0", "%m-%d-%Y %H:%M:%S.%f"
            )
            row = [float(found[name]) for name in ("watts", "volts", "amps", "pf")]
        except ValueError:
            raise InputError(
                sentence("power.line_not_of_format", file=path.name, line=number, format="PTDaemon"),
                sentence("power.cut_or_mapping"),
            ) from None
        if found["mark"] != (marks[-1][0] if marks else None):
            marks.append((found["mark"], len(times)))
        times.append(moment)
        values.append(row)
    if zone:
        of = zone_named(zone)
        times = [moment.replace(tzinfo=of) for moment in times]
    table = np.array(values, np.float64)
    table[table == NOT_READ] = np.nan
    watts, beyond = within_reach(table[:, 0])
    doubts = (Doubt("beyond_range", True, {"n": beyond}),) if beyond else ()
    return PowerLog(
        name=path.name,
        sha256=sha256_of([path]),
        size_bytes=path.stat().st_size,
        format="ptdaemon",
        channel="Watts",
        channels=("Watts",),
        seconds=seconds_since_first(times),
        watts=watts,
        clock="utc" if zone else "local",
        stands_for="before",  # SPEC's meters send the mean since the last reading
        began=times[0].isoformat(timespec="milliseconds"),
        marks=tuple(mark for mark in marks if mark[0] != "notset"),
        doubts_of_reader=(*doubts, *_product(table)),
    )


def _product(table: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> tuple[Doubt, ...]:
    """Whether watts are what volts, amperes and power factor say."""
    watts, product = table[:, 0], table[:, 1] * table[:, 2] * table[:, 3]
    known = np.isfinite(watts) & np.isfinite(product) & (watts > 0)
    if not known.any():
        return ()
    apart = float(np.median(np.abs(product[known] / watts[known] - 1)))
    return (Doubt("not_the_product", False, {"fraction": apart}),) if apart > AGREES else ()
