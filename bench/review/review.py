"""A review: the submissions of one track, and how they stand."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bench import parallel, reading
from bench.errors import InputError
from bench.review.entry import Entry, read_entry, reproduced_by
from bench.review.standings import Standing, standings
from bench.submission.dossier.reproduction import Reproduction, is_of_bundle, read_reproduction
from bench.submission.form import SUBMISSION
from bench.words import sentence


class Shared(Struct, frozen=True):
    """Records of several submissions with one id or the same samples: at most one of them measured them.
    ``submissions``: their indices in the review; ``records``: the ids."""

    submissions: tuple[int, ...]
    records: tuple[str, ...]


class Review(Struct, frozen=True, kw_only=True):
    """``tracks``: of the submissions that could be read, the most frequent first. ``shared``: records that several
    submissions have."""

    entries: tuple[Entry, ...]
    standings: tuple[Standing, ...]
    tracks: tuple[str, ...]
    shared: tuple[Shared, ...] = ()

    @property
    def refused(self) -> tuple[Entry, ...]:
        return tuple(one for one in self.entries if one.problem)

    @property
    def read(self) -> tuple[Entry, ...]:
        return tuple(one for one in self.entries if not one.problem)


def review(
    bundles: Sequence[Path], reproductions: Sequence[Path] = (), read: Callable[[int], None] = lambda count: None
) -> Review:
    """Read every bundle and rank them; those of several tracks are ranked within each. ``reproductions``:
    ``reproduction.json`` files of a reviewer, or their folders; each counts for the bundle whose manifest it names.
    ``read`` is told how many bundles have been read. Raises ``InputError`` for a path without a bundle, and for a
    reproduction that is of none of them, refused ones included."""
    paths = [found for path in bundles for found in bundles_in(path)]
    known = [read_reproduction(path) for path in reproductions]
    entries: list[Entry] = []
    for entry in parallel.each(read_entry, paths):
        entries.append(entry)
        read(len(entries))
    named = _named(entries)
    for found in known:
        if not any(_may_be_of(found, entry) for entry in named):
            raise InputError(sentence("review.reproduction_of_none", subject=found.subject))
    named = [reproduced_by(entry, [found for found in known if _is_of(found, entry)]) for entry in named]
    tracks = [name for name, _ in Counter(one.track for one in named if not one.problem).most_common()]
    ranked = [place for track in tracks for place in _of_track(named, track)]
    return Review(entries=tuple(named), standings=tuple(ranked), tracks=tuple(tracks), shared=shared(named))


def shared(entries: Sequence[Entry]) -> tuple[Shared, ...]:
    """The records that several of ``entries`` have: by their ids, and by their samples whatever their ids. Those of the
    same submissions stand together."""
    having: dict[tuple[str, str], dict[int, list[str]]] = {}
    for index, entry in enumerate(entries):
        for name, samples in entry.records.items():
            for key in (("id", name), *([("samples", samples)] if samples else [])):
                having.setdefault(key, {}).setdefault(index, []).append(name)
    found: dict[tuple[int, ...], dict[str, None]] = {}
    for held in having.values():
        if len(held) > 1:
            found.setdefault(tuple(held), {}).update(dict.fromkeys(name for names in held.values() for name in names))
    return tuple(Shared(indices, tuple(sorted(names))) for indices, names in sorted(found.items()))


def bundles_in(path: Path) -> list[Path]:
    """``path``, if it is a bundle or a submission's folder; otherwise the bundles in it. Raises ``InputError`` where
    there is none."""
    if reading.is_file(path) or reading.is_file(path / SUBMISSION) or reading.is_file(path / "bagit.txt"):
        return [path]
    if not reading.is_folder(path):
        raise InputError(sentence("review.no_such_path", path=path), sentence("review.give_bundles"))
    inside = [one for one in sorted(path.iterdir()) if not one.name.startswith(".")]
    found = [one for one in inside if one.suffix.lower() == ".zip" or reading.is_file(one / SUBMISSION)]
    found += [one for one in inside if reading.is_file(one / "bagit.txt") and one not in found]
    if not found:
        raise InputError(sentence("review.no_bundle_in", folder=path), sentence("review.give_bundles"))
    return found


def _is_of(found: Reproduction, entry: Entry) -> bool:
    return not entry.problem and is_of_bundle(found, entry.sha256)


def _may_be_of(found: Reproduction, entry: Entry) -> bool:
    """Also a bundle that is refused, which is listed with the reason; of some of these the hash is not known."""
    return _is_of(found, entry) or bool(entry.problem and entry.sha256 in ("", found.subject_sha256))


def _named(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with names that differ: those of several alike bundles get a number."""
    counted, seen, found = Counter(one.name for one in entries), Counter[str](), []
    for one in entries:
        seen[one.name] += 1
        found.append(one if counted[one.name] < 2 else replace(one, name=f"{one.name} ({seen[one.name]})"))
    return found


def _of_track(entries: Sequence[Entry], track: str) -> tuple[Standing, ...]:
    """The standings of that track's submissions; indices are those of all entries."""
    return standings([one if one.track == track else replace(one, rows=(), bases=()) for one in entries])
