"""Joulescope's recordings (``.jls``), read by ``pyjls``, their maker's own library."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.digest import sha256_of
from bench.errors import InputError, RunFailure, UnknownName
from bench.power.log import PowerLog
from bench.words import sentence

MAGIC = b"jlsfmt\r\n \n \x1a  \xb2\x1c"
MOST_READINGS = 1_000_000
"""A second has up to 2,000,000 samples: longer recordings are read as means of as many samples as it takes."""


def is_one(head: bytes) -> bool:
    return head.startswith(MAGIC)


def read(path: Path, channel: str) -> PowerLog:
    """The power signal, or the one named ``channel``. Raises ``RunFailure`` without the library, ``InputError`` for a
    file that it does not read or that holds no power."""
    try:
        import pyjls
    except ImportError:
        raise RunFailure("unavailable", sentence("power.no_pyjls"), sentence("power.install_meters")) from None
    try:
        with pyjls.Reader(str(path)) as reader:
            return _read(path, reader, channel, pyjls)
    except (RuntimeError, ValueError, OSError) as error:
        raise InputError(
            sentence("power.library_refuses", file=path.name, text=str(error)), sentence("power.save_again")
        ) from None


def _read(path: Path, reader: Any, channel: str, pyjls: Any) -> PowerLog:
    powers = {s.name: s for s in reader.signals.values() if s.units == "W" and s.length and s.sample_rate}
    if not powers:
        raise InputError(sentence("power.no_power_signal", file=path.name), sentence("power.record_power"))
    if channel and channel not in powers:
        raise UnknownName(sentence("power.signal_of", file=path.name), channel, powers)
    signal = powers[channel or ("power" if "power" in powers else next(iter(powers)))]
    each = -(-signal.length // MOST_READINGS)
    count = signal.length // each
    if each == 1:
        watts = np.asarray(reader.fsr(signal.signal_id, 0, count), np.float64)
    else:
        watts = np.asarray(reader.fsr_statistics(signal.signal_id, 0, each, count), np.float64)[:, 0]
    source = reader.sources.get(signal.source_id)
    began = _began(reader, signal, pyjls)
    told = {"vendor": "vendor", "model": "model", "serial": "serial_number", "firmware": "version"}
    return PowerLog(
        name=path.name,
        sha256=sha256_of([path]),
        size_bytes=path.stat().st_size,
        format="joulescope",
        channel=signal.name,
        channels=tuple(powers),
        seconds=np.arange(count, dtype=np.float64) * (each / signal.sample_rate),
        watts=watts,
        clock="utc" if began else "relative",
        stands_for="after" if each > 1 else "moment",
        began=began,
        meter={key: str(value) for key, field in told.items() if (value := getattr(source, field, None))},
    )


def _began(reader: Any, signal: Any, pyjls: Any) -> str:
    """When the first sample was taken, by the file's own clock; empty where it holds none."""
    pairs: list[Any] = []

    def keep(entries: Any) -> bool:
        pairs.append(entries)
        return True

    reader.utc(signal.signal_id, 0, keep)
    if not pairs or not len(pairs[0]):
        return ""
    at = pyjls.jls_to_utc(reader.sample_id_to_timestamp(signal.signal_id, 0))
    return datetime.fromtimestamp(float(at), UTC).isoformat(timespec="milliseconds")
