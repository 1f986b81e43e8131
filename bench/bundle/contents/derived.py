"""All files of a bundle that follow from its form, its records and its lists, with their bytes."""

from collections.abc import Mapping
from hashlib import sha256

from msgspec import Struct

from bench import __version__
from bench.bundle.contents.bag import DECLARATION, bag_info, manifest, newest_of, payload_of, tags_of
from bench.bundle.contents.crate import crate_of, in_one_language
from bench.bundle.contents.descriptions import TOOL, assessment_of, environments_of, suite_of
from bench.bundle.contents.judging import Judged
from bench.bundle.contents.layout import (
    ASSESSMENT,
    BAG_INFO,
    BAGIT,
    CRATE,
    ENVIRONMENT,
    FORM,
    MANIFEST,
    STATEMENT,
    SUITE,
    TAG_MANIFEST,
    Facts,
    json_bytes,
)
from bench.bundle.contents.lists import PackedModel
from bench.bundle.contents.statement import statement_of
from bench.submission.track import Track

DESCRIPTIONS = (SUITE, ENVIRONMENT, ASSESSMENT)
MOST_SLUG = 48


class Given(Struct, frozen=True, kw_only=True):
    """What the derived files follow from. ``track``: null where it cannot be read."""

    judged: Judged
    models: tuple[PackedModel, ...]
    track: Track | None = None


def descriptions(given: Given) -> dict[str, bytes]:
    """The files that follow from the records and the form alone."""
    assessment = given.judged.assessment
    return {
        SUITE: suite_of(assessment),
        ENVIRONMENT: json_bytes(environments_of(assessment.runs)),
        ASSESSMENT: json_bytes(assessment_of(given.judged)),
    }


def crate(given: Given, files: Mapping[str, Facts]) -> dict[str, bytes]:
    """The crate, which describes every other file in ``data``."""
    return {CRATE: json_bytes(crate_of(given.judged.assessment, given.models, files))}


def bag(given: Given, files: Mapping[str, Facts]) -> dict[str, bytes]:
    """What makes ``files``, all that are in ``data``, a bag with a statement; the tag manifest is missing yet."""
    payload = payload_of(files)
    newest = newest_of(given.judged.assessment.runs)
    found = {
        BAGIT: DECLARATION,
        BAG_INFO: bag_info(top_name(given, files), payload, newest, f"{TOOL} {__version__}"),
        MANIFEST: manifest(payload),
    }
    return found | {STATEMENT: json_bytes(statement_of(given.judged, payload | facts_of(found)))}


def tag_manifest(files: Mapping[str, Facts]) -> dict[str, bytes]:
    """The manifest of everything beside ``data``."""
    return {TAG_MANIFEST: manifest(tags_of(files))}


def facts_of(files: Mapping[str, bytes]) -> dict[str, Facts]:
    """Sizes and hashes."""
    return {name: Facts(len(data), sha256(data).hexdigest()) for name, data in files.items()}


def top_name(given: Given, files: Mapping[str, Facts]) -> str:
    """The name of the top folder: the track, and the project or, where its name has no letters for it, the beginning of
    the form's hash."""
    submission = given.judged.assessment.submission
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in in_one_language(submission.project.name).lower())
    slug = "-".join(part for part in plain.split("-") if part)[:MOST_SLUG].strip("-")
    track = given.track.id if given.track is not None else "submission"
    return f"{track}-{slug if len(slug) > 2 else files[FORM].sha256[:8]}"
