"""Seeded damage to bytes, text, JSON and arrays, for the fuzzers."""

import copy
import io
import re
import zipfile
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np

INTEGERS: tuple[Any, ...] = (0, -1, 1, 2, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**30, 10**400)
NUMBERS: tuple[Any, ...] = (*INTEGERS, 0.5, -0.0, 1e-320, 1e308)
TEXTS = ("", "x", "a" * 5000, "\x1b[2J", "<script>", "=1+1", "\u202e", "\udc80", "\0", "../x", "ok", "failed")
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [None], [0, 0], {"": ""}, [[]], "9999-12-31T23:59:59-23:59")
FRAGMENTS = (
    *("", "{", "}", "[", "]", '"', "\\ud800", "\\u0000", "\0", "\x1b[2J", "\u202e", "９", "²", "1e999", "-1", "nan"),
    *("9" * 5000, "9" * 25, "inf", "true", "null", "..", "/", "\r", "\n", ",", "=", ":", "1.5", "1979-05-27", "'''"),
    *("[" * 3000, '{"a":' * 2000, '"""', "\ufeff", "_", "0x10", "1_000", "'", ".", "e9", "é" * 300),
)
WORDS = re.compile(r"[A-Za-z_]+|\d+|\s+|.")


def damaged_bytes(data: bytes, rng: Random) -> bytes:
    """Flipped, cut, doubled or overwritten in a few places."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 40))):
        if not found:
            break
        at = rng.randrange(len(found))
        match rng.randrange(5):
            case 0 | 1:
                found[at] = rng.randrange(256)
            case 2:
                found[at] ^= 1 << rng.randrange(8)
            case 3:
                found[at : at + rng.randrange(1, 9)] = rng.randbytes(rng.randrange(9))
            case 4:
                begin = rng.randrange(len(found))
                found[at:at] = found[begin : begin + rng.randrange(64)]
    return bytes(found[: rng.randrange(len(found) + 1)] if rng.random() < 0.15 else found)


def damaged_text(text: str, rng: Random) -> bytes:
    """Words exchanged, left out, repeated, and replaced by what readers stumble over."""
    words = WORDS.findall(text)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at = rng.randrange(len(words) + 1)
        match rng.randrange(5):
            case 0:
                words[at : at + 1] = [rng.choice(FRAGMENTS)]
            case 1:
                words.insert(at, rng.choice(FRAGMENTS))
            case 2:
                del words[at : at + 1]
            case 3:
                words[at : at + 1] = [rng.choice(words or [""])]
            case 4:
                begin = rng.randrange(len(words) + 1)
                words[at:at] = words[begin : begin + rng.randrange(12)]
    data = "".join(words).encode("utf-8", "surrogatepass")
    return damaged_bytes(data, rng) if rng.random() < 0.1 else data


def damaged_json(value: Any, rng: Random) -> Any:
    """A copy with a few of its values exchanged, left out or doubled."""
    found = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        places = list(_places(found))
        if not places:
            break
        parent, key = rng.choice(places)
        match rng.randrange(6):
            case 0 | 1 | 2:
                parent[key] = _alike(parent[key], rng)
            case 3:
                parent[key] = copy.deepcopy(rng.choice((*NUMBERS, *TEXTS, *OTHERS)))
            case 4:
                del parent[key]
            case 5:
                other, name = rng.choice(places)
                try:
                    parent[key] = copy.deepcopy(other[name])
                except (KeyError, IndexError):
                    continue
    return found


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(pairs):
        yield value, key
        yield from _places(item)


def _alike(value: Any, rng: Random) -> Any:
    """A hostile value of the same kind."""
    match value:
        case bool():
            return not value
        case int():
            return rng.choice((0, 1, -1, -value, value + 1, value * 10**6, 2**53, 2**62, 2**63 - 1, 10**15))
        case float():
            return rng.choice((0.0, -value, value * 1e300 if abs(value) < 1e8 else 1e308, 1e308, -1e308, 5e-324, 1.0))
        case str():
            return rng.choice((*TEXTS, value[:3], value * 3))
        case list():
            return rng.choice(([], value[:1], value * 2, value[::-1]))
        case dict():
            return rng.choice(({}, dict(list(value.items())[:1]), {**value, "\x1bz": 1}))
    return rng.choice((*NUMBERS, *TEXTS, *OTHERS))


def damaged_arrays(arrays: dict[str, "np.ndarray[Any, Any]"], rng: Random) -> bytes:
    """An archive of these arrays, one of them of another type, shape or value; now and then one that lies."""
    found = dict(arrays)
    name = rng.choice(list(found))
    array = found[name]
    with np.errstate(all="ignore"):
        match rng.randrange(9):
            case 0:
                found[name] = array.astype(rng.choice(("f8", "f2", "u8", "i1", "U3", "c16", "?", ">i8", "M8[ns]")))
            case 1:
                found[name] = array[: rng.randrange(3)]
            case 2:
                found[name] = array * 0 + rng.choice((0, -1, 7, 2**53, 2**62))
            case 3:
                found[name] = array.reshape(1, *array.shape)
            case 4:
                found[name] = np.array(rng.choice((5, 0.5, "x")))
            case 5:
                found[name] = np.concatenate([array, array[::-1]])
            case 6:
                del found[name]
            case 7:
                found[name] = np.full(array.shape, rng.choice((np.nan, np.inf, 1e308)))
            case 8:
                found["other"] = array
    return _archive(found, rng)


PACKINGS = (*(zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) * 5, zipfile.ZIP_LZMA)


def _archive(arrays: dict[str, "np.ndarray[Any, Any]"], rng: Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", rng.choice(PACKINGS)) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
            data = member.getvalue()
            if rng.random() < 0.02:  # another length than the header says, as of a bomb
                data = data.replace(b"(", rng.choice((b"(9", b"(99999999999, ", b"(-1, ", b"(" * 50)), 1)
            archive.writestr(f"{name}.npy" if rng.random() < 0.995 else name, data)
    data = out.getvalue()
    return damaged_bytes(data, rng) if rng.random() < 0.2 else data
