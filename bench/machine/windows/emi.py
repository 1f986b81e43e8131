"""What an energy meter of Windows answers: its channels, and picowatt-hours so far.

Windows 11 shows the processor's counters this way (RAPL of Intel and AMD), and makers their boards' rails. Layouts and
codes: ``emi.h`` of the Windows SDK (EMI_METADATA_V1, EMI_METADATA_V2, EMI_CHANNEL_V2, EMI_CHANNEL_MEASUREMENT_DATA).
Structures are packed as C aligns them; the channels of a V2 meter follow one another without padding.
"""

import struct

from msgspec import Struct

from bench.machine.windows.calls import Calls

GET_VERSION, GET_METADATA_SIZE, GET_METADATA, GET_MEASUREMENT = 0x224000, 0x224004, 0x224008, 0x22400C
"""CTL_CODE(FILE_DEVICE_UNKNOWN, 0 to 3, METHOD_BUFFERED, FILE_READ_ACCESS)."""

PICOWATT_HOURS = 0
"""EmiMeasurementUnitPicowattHours, the only unit."""
JOULES = 3.6e-9
"""In a picowatt-hour."""

MOST_BYTES, MOST_CHANNELS = 65536, 256
"""A description beyond these is taken as damaged."""

V1_MODEL, V1_NAME = slice(36, 68), 72  # after the unit, the maker's name and the model's: revision, size of the name
V2_MODEL, V2_COUNT, V2_CHANNELS = slice(32, 64), 66, 68
CHANNEL_NAME = 6  # in a channel, after its unit and the size of its name
MEASUREMENT = 16  # energy, then the time of the measurement in 100 ns


class Meter(Struct, frozen=True):
    """``channels``: their names in the order of the measurements; empty where the meter names none."""

    device: str
    model: str
    channels: tuple[str, ...]


def describe(calls: Calls, device: str) -> Meter:
    """Ask a meter for its channels. Raises ``OSError`` where it does not answer, ``ValueError`` where the answer is
    damaged or counts in another unit."""
    (version,) = _unpacked("<H", calls.control(device, GET_VERSION, 2), 0)
    (size,) = _unpacked("<I", calls.control(device, GET_METADATA_SIZE, 4), 0)
    if not 0 < size <= MOST_BYTES:
        raise ValueError(f"metadata of {size} bytes")
    described = calls.control(device, GET_METADATA, size)
    if version == 1:
        return _of_v1(device, described)
    if version == 2:
        return _of_v2(device, described)
    raise ValueError(f"version {version}")


def joules(calls: Calls, device: str, channels: int) -> tuple[float, ...]:
    """Energy of each channel so far. Raises ``OSError`` where the meter does not answer for all of them."""
    answer = calls.control(device, GET_MEASUREMENT, MEASUREMENT * channels)
    if len(answer) < MEASUREMENT * channels:
        raise OSError(f"{len(answer)} bytes for {channels} channels")
    return tuple(struct.unpack_from("<Q", answer, MEASUREMENT * index)[0] * JOULES for index in range(channels))


def _of_v1(device: str, described: bytes) -> Meter:
    unit, size = _unpacked("<I", described, 0)[0], _unpacked("<H", described, V1_NAME - 2)[0]
    _in_picowatt_hours(unit)
    return Meter(device, _text(described[V1_MODEL]), (_name(described, V1_NAME, size),))


def _of_v2(device: str, described: bytes) -> Meter:
    (count,) = _unpacked("<H", described, V2_COUNT)
    if count > MOST_CHANNELS:
        raise ValueError(f"{count} channels")
    names, at = [], V2_CHANNELS
    for _ in range(count):
        unit, size = _unpacked("<IH", described, at)
        _in_picowatt_hours(unit)
        names.append(_name(described, at + CHANNEL_NAME, size))
        at += CHANNEL_NAME + size
    return Meter(device, _text(described[V2_MODEL]), tuple(names))


def _in_picowatt_hours(unit: int) -> None:
    if unit != PICOWATT_HOURS:
        raise ValueError(f"unit {unit}")


def _name(described: bytes, at: int, size: int) -> str:
    if at + size > len(described):
        raise ValueError("a name beyond the end")
    return _text(described[at : at + size])


def _text(raw: bytes) -> str:
    """Up to the zero that ends it, without the spaces that some drivers fill it with."""
    return raw[: len(raw) // 2 * 2].decode("utf-16-le", "replace").split("\0", 1)[0].strip()


def _unpacked(layout: str, raw: bytes, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(layout, raw, at)
    except struct.error as error:
        raise ValueError(f"{len(raw)} bytes") from error
