"""What a long repeat leaves minute by minute, so that a killed process loses at most the minute that it was in.

In a folder of its own ``000000.npz``, ``000001.npz`` … hold the samples of one minute each, and ``state.json`` the
repeat as it would be if it ended there. The state is written last, and says how many of the files belong to it.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw, Struct

from bench.errors import InputError
from bench.reading import NOT_DECODED, arrays_in, read_bytes
from bench.record.record import Repeat
from bench.record.samples import MOST_SAMPLE_BYTES

if TYPE_CHECKING:
    import numpy as np

    Arrays = Mapping[str, np.ndarray[Any, Any]]

STATE = "state.json"


class MinutesState(Struct, frozen=True):
    """``repeat``: as it stands, without the names of its arrays. ``answer``: what its worker would have answered, as
    JSON. ``files``: how many belong to it."""

    repeat: Repeat
    answer: Raw
    files: int


class KeptMinutes(Struct, frozen=True):
    """``arrays``: role -> samples of all minutes, [n]."""

    state: MinutesState
    arrays: "dict[str, np.ndarray[Any, Any]]"


class MinuteFiles:
    """Writes the minutes of one repeat into ``folder``, which is made."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._files = folder, 0

    def keep(self, arrays: "Arrays", repeat: Repeat, answer: bytes) -> None:
        """Add one minute. A minute that cannot be written is not kept, and the run goes on."""
        import numpy as np

        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            place = self._folder / f"{self._files:06}.npz"
            with (self._folder / ".writing").open("wb") as file:
                np.savez(file, allow_pickle=False, **dict(arrays))
            (self._folder / ".writing").replace(place)
            state = MinutesState(repeat, Raw(answer), self._files + 1)
            (self._folder / ".state").write_bytes(msgspec.json.encode(state))
            (self._folder / ".state").replace(self._folder / STATE)
            self._files += 1


def kept_minutes(folder: Path) -> KeptMinutes | None:
    """What was kept in ``folder``; ``None`` where there is nothing whole."""
    pieces: dict[str, list[Any]] = {}
    left = MOST_SAMPLE_BYTES
    try:
        state = msgspec.json.decode(read_bytes(folder / STATE), type=MinutesState)
        for number in range(state.files):
            file = folder / f"{number:06}.npz"
            for role, array in arrays_in(read_bytes(file, left), left, file.name).items():
                pieces.setdefault(role, []).append(array)
                left -= array.nbytes
    except (InputError, *NOT_DECODED):
        return None
    return KeptMinutes(state, {role: joined(parts) for role, parts in pieces.items()}) if pieces else None


def joined(parts: "list[np.ndarray[Any, Any]]") -> "np.ndarray[Any, Any]":
    """One array of all ``parts``, which are let go of."""
    import numpy as np

    whole = np.concatenate(parts) if parts else np.empty(0, np.int64)
    parts.clear()
    return whole
