"""The files that a dataset's samples are read from, and whether a record was judged on them."""

from hashlib import sha256
from pathlib import Path

from bench.errors import InputError
from bench.quality.coco import ANCHORS
from bench.quality.dataset import Listing, dataset_sha256, entry_digest, read_listing
from bench.quality.text.files import text_files
from bench.quality.text.limits import EMULATED, TextLimits
from bench.reading import is_file
from bench.record.quality import DatasetFacts
from bench.suite.dataset_options import OPTIONS_FILE, DatasetAsk

SOURCES = ("labels.json", "labels.csv", "annotations.json", ANCHORS, OPTIONS_FILE)
OF_TEXTS = ("perplexity", "multiple_choice")


def dataset_files(folder: Path) -> tuple[Path, ...]:
    """Samples, labels and options, by name, and nothing else of the folder. Raises ``InputError`` where it holds no
    dataset."""
    try:
        listing = read_listing(DatasetAsk(folder), judged=False)
    except InputError as error:
        try:
            return text_files(folder)
        except InputError:
            raise error from None
    names = {name for entry in listing.entries for name in (entry.file, entry.expected_file) if name}
    names |= {name for name in SOURCES if is_file(folder / name)}
    return tuple(folder / name for name in sorted(names))


def judged_on(folder: Path, facts: DatasetFacts, options: str = "") -> bool | None:
    """Whether the dataset in ``folder`` is the one of ``facts``, without the samples that were left out; ``None`` where
    that cannot be told without the model. ``options``: how to read it, beside its own. Raises ``InputError`` for a
    dataset that cannot be read."""
    if facts.task in OF_TEXTS:
        return _texts_of(folder, facts)
    listing = read_listing(DatasetAsk(folder, options), judged=facts.task == "judged")
    return _samples_sha256(listing, {one.file for one in facts.left_out}) == facts.sha256


def _samples_sha256(listing: Listing, left_out: set[str]) -> str:
    return dataset_sha256(entry_digest(listing, entry) for entry in listing.entries if entry.file not in left_out)


def _texts_of(folder: Path, facts: DatasetFacts) -> bool | None:
    """By the files' names and bytes, and the limits that are part of the hash where they left something out."""
    left_out = {one.file for one in facts.left_out}
    files = [file for file in text_files(folder) if file.name not in left_out]
    digests = [sha256(file.name.encode() + b"\0" + file.read_bytes()).digest() for file in files]
    if dataset_sha256(digests) == facts.sha256:
        return True
    if not facts.limits:
        return False
    limited = [dataset_sha256([*digests, repr(limits).encode()]) for limits in (TextLimits(), EMULATED)]
    return True if facts.sha256 in limited else None
