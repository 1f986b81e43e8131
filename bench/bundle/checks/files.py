"""Rules about the files of a bundle: which there are, and whether the manifests list them."""

import re
from collections.abc import Iterator, Mapping

from bench.bundle.checks.subject import Subject, Wrong
from bench.bundle.contents.bag import DECLARATION, listed, manifest, payload_of, tags_of
from bench.bundle.contents.derived import bag, top_name
from bench.bundle.contents.layout import (
    BAG_INFO,
    BAGIT,
    DOSSIER,
    FOLDERS,
    FORM,
    MANIFEST,
    OPTIONAL,
    RECORDS,
    REQUIRED,
    TAG_MANIFEST,
    TRACK,
    Facts,
)
from bench.bundle.contents.toml import toml_bytes
from bench.submission.form import read_submission
from bench.submission.track import read_track, track_named, track_names
from bench.words import sentence

RECORD_FILE = re.compile(re.escape(RECORDS) + r"[^/]+/(record\.json|samples\.npz)")
DOSSIER_FILE = re.compile(re.escape(DOSSIER) + r"[^/]+")


def layout(subject: Subject) -> Iterator[Wrong]:
    """Every file that a bundle needs is there, and none that has no place in it."""
    for name in REQUIRED:
        if name not in subject.files:
            yield Wrong(name, sentence("bundle.file_missing", file=name))
    for name in subject.files:
        if not _has_place(name):
            yield Wrong(name, sentence("bundle.file_has_no_place"))
    if subject.content(BAGIT) != DECLARATION:
        yield Wrong(BAGIT, sentence("bundle.not_what_follows"))


def _has_place(name: str) -> bool:
    if name in REQUIRED or name in OPTIONAL:
        return True
    if name.startswith(RECORDS):
        return RECORD_FILE.fullmatch(name) is not None
    if name.startswith(DOSSIER):
        return DOSSIER_FILE.fullmatch(name) is not None
    return name.startswith(FOLDERS)


def payload_manifest(subject: Subject) -> Iterator[Wrong]:
    """The manifest lists every file in ``data`` with its hash, and no other."""
    yield from _compared(subject, MANIFEST, payload_of(subject.files))


def tag_manifest(subject: Subject) -> Iterator[Wrong]:
    """The tag manifest lists every file beside ``data`` with its hash, and no other."""
    yield from _compared(subject, TAG_MANIFEST, tags_of(subject.files))


def _compared(subject: Subject, name: str, files: Mapping[str, Facts]) -> Iterator[Wrong]:
    data = subject.content(name)
    stated = listed(data, name)
    for file, digest in stated.items():
        if file not in files:
            yield Wrong(file, sentence("bundle.listed_not_there", manifest=name))
        elif files[file].sha256 != digest:
            yield Wrong(file, sentence("bundle.hash_not_listed", manifest=name))
    for file in files:
        if file not in stated:
            yield Wrong(file, sentence("bundle.not_listed", manifest=name))
    if data != manifest(files):
        yield Wrong(name, sentence("bundle.not_what_follows"))


def bag_facts(subject: Subject) -> Iterator[Wrong]:
    """``bag-info.txt`` and the name of the top folder follow from the content."""
    subject.demand_this_version()
    yield from subject.compared({BAG_INFO: bag(subject.given, subject.files)[BAG_INFO]})
    expected = top_name(subject.given, subject.files)
    if subject.bundle.zipped and subject.bundle.name != expected:
        yield Wrong("", sentence("bundle.top_name", stated=subject.bundle.name, expected=expected))


def forms(subject: Subject) -> Iterator[Wrong]:
    """The form and the track can be read, and are written as ``odb pack`` writes them."""
    subject.content(FORM)
    expected = {FORM: toml_bytes(read_submission(subject.bundle.data))}
    if TRACK in subject.files:
        expected[TRACK] = toml_bytes(read_track(subject.bundle.folder / TRACK))
    if subject.of_this_version:
        yield from subject.compared(expected)
        name = subject.assessment.submission.track
        if name in track_names() and subject.content(TRACK) != toml_bytes(track_named(name)):
            yield Wrong(TRACK, sentence("bundle.not_the_track", track=name))
