"""The pairs of a confirmation in the journal of their search, so that a killed one goes on behind the last of them."""

import zlib
from pathlib import Path

from msgspec import Raw
from msgspec.structs import replace

from bench.execution.interleaved import Pair
from bench.execution.tuning.budget import Budget
from bench.execution.tuning.journal import Journal, PairLine, SideLine
from bench.jobs import decode_as, done
from bench.measure.repeat import Measured, MeasureJob
from bench.reading import NOT_DECODED
from bench.record.samples import MOST_SAMPLE_BYTES


class JournalPairs:
    """Implements ``bench.execution.interleaved.KeptPairs``. What the earlier pairs took is used of the ``budget``."""

    def __init__(self, journal: Journal, about: str, budget: Budget) -> None:
        self._journal, self._about, self._budget = journal, about, budget
        self._earlier = journal.pairs(about)
        if self._earlier:
            budget.again(self._earlier[-1].used_ns)

    def __len__(self) -> int:
        return len(self._earlier)

    def taken(self, index: int, folders: tuple[Path, Path]) -> Pair:
        """The pair of that index, its samples in ``folders``. Raises ``InputError`` for one that is none."""
        line = self._earlier[index]
        try:
            sides = tuple(_read(side, folder) for side, folder in zip((line.base, line.new), folders, strict=True))
        except (zlib.error, *NOT_DECODED):
            raise self._journal.unfit() from None
        return Pair((sides[0], sides[1]), line.busy, line.wall_ns)

    def keep(self, pair: Pair) -> None:
        """Raises ``InputError`` where it cannot be written."""
        base, new = (SideLine(done(one).answer, zlib.compress(one.samples.read_bytes())) for one in pair.sides)
        self._journal.add_pair(
            PairLine(
                about=self._about,
                used_ns=self._budget.used_ns,
                base=base,
                new=new,
                busy=pair.busy,
                wall_ns=pair.wall_ns,
            )
        )


def _read(side: SideLine, folder: Path) -> Measured:
    samples = folder / "samples.npz"
    unpacking = zlib.decompressobj()
    samples.write_bytes(unpacking.decompress(side.samples, MOST_SAMPLE_BYTES))
    return replace(decode_as(MeasureJob, Raw(side.answer)), samples=samples)
