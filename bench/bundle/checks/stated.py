"""Rules about what a bundle states: it must be what its evidence gives."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from bench.bundle.checks.differences import CLOSE, CLOSE_DRAWN, Difference, differences
from bench.bundle.checks.subject import NotChecked, Subject, Wrong
from bench.bundle.contents.bag import payload_of
from bench.bundle.contents.crate import files_named
from bench.bundle.contents.derived import crate, descriptions
from bench.bundle.contents.descriptions import assessment_of
from bench.bundle.contents.layout import (
    ASSESSMENT,
    CRATE,
    DATA,
    DOSSIER,
    ENVELOPE,
    ENVIRONMENT,
    STATEMENT,
    SUITE,
    TAG_FILES,
    json_bytes,
)
from bench.bundle.contents.statement import (
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    envelope_of,
    key_id,
    statement_of,
)
from bench.words import Sentence, sentence

OF_RULES = ("findings", "rules")
OF_PROGRAM = ("tool", "format")
OF_VERDICTS = ("records",)
"""Verdicts of records follow the rules of a version; what they decide is compared in any case."""
TESTS = ("result", "passedTests", "warnedTests", "failedTests")


def machine(subject: Subject) -> Iterator[Wrong]:
    """``suite.toml`` follows from the form, ``environment.json`` from the records."""
    subject.demand_this_version()
    found = descriptions(subject.given)
    yield from subject.compared({name: found[name] for name in (SUITE, ENVIRONMENT)})


def assessment(subject: Subject) -> Iterator[Wrong]:
    """Every figure, criterion and decision in ``assessment.json`` is what the records give."""
    stated, found = _assessments(subject)
    others = {*OF_RULES, *OF_PROGRAM, *(() if subject.of_this_version else OF_VERDICTS)}
    for name in sorted({*stated, *found} - others):
        for one in _unequal(stated.get(name), found.get(name), name):
            yield Wrong(f"{ASSESSMENT}: {one.field}", _told(one))
    if subject.of_this_version and json_bytes(stated) != subject.content(ASSESSMENT):
        yield Wrong(ASSESSMENT, sentence("bundle.not_as_written"))


def _assessments(subject: Subject) -> tuple[dict[str, Any], dict[str, Any]]:
    stated = subject.json(ASSESSMENT)
    found = msgspec.json.decode(json_bytes(assessment_of(subject.given.judged)))
    return stated if isinstance(stated, dict) else {}, found


def _unequal(stated: Any, found: Any, field: str) -> Iterator[Difference]:
    """Bounds of a dataset's metrics were found by drawing samples."""
    if field != "criteria" or not isinstance(stated, list) or len(stated) != len(found):
        yield from differences(stated, found, field)
        return
    for number, (one, other) in enumerate(zip(stated, found, strict=True)):
        close = CLOSE_DRAWN if str(other["metric"]).startswith("quality.") else CLOSE
        for each in differences(one, other, f"{field}[{number}]"):
            drawn = each.field.endswith((".low", ".high")) and close != CLOSE
            if not drawn or next(differences(each.stated, each.found, each.field, close), None) is not None:
                yield each


def _told(one: Difference) -> Sentence:
    stated, found = (msgspec.json.encode(value).decode()[:80] for value in (one.stated, one.found))
    return sentence("bundle.value_differs", stated=stated, found=found)


def rules(subject: Subject) -> Iterator[Wrong]:
    """The rules of ``odb check`` find again what the bundle says that they found; of a bundle of another version the
    result is compared."""
    stated, found = _assessments(subject)
    statement = subject.json(STATEMENT)
    predicate = statement.get("predicate") if isinstance(statement, dict) else None
    given = predicate if isinstance(predicate, dict) else {}
    expected = statement_of(subject.given.judged, subject.files)["predicate"]
    whole = subject.of_this_version
    if whole:
        for name in OF_RULES:
            for one in differences(stated.get(name), found.get(name), name):
                yield Wrong(f"{ASSESSMENT}: {one.field}", _told(one))
    else:
        for one in differences(subject.stated_rules.get("result"), expected["result"], "rules.result"):
            yield Wrong(f"{ASSESSMENT}: {one.field}", _told(one))
    for name in TESTS if whole else TESTS[:1]:
        for one in differences(given.get(name), expected[name], f"predicate.{name}"):
            yield Wrong(f"{STATEMENT}: {one.field}", _told(one))


def statement(subject: Subject) -> Iterator[Wrong]:
    """The statement is one of in-toto, and names the files of the bundle with their hashes."""
    stated = subject.json(STATEMENT)
    if not isinstance(stated, dict):
        yield Wrong(STATEMENT, sentence("bundle.not_what_follows"))
        return
    for name, value in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
        for one in differences(stated.get(name), value, name):
            yield Wrong(f"{STATEMENT}: {one.field}", _told(one))
    expected = statement_of(subject.given.judged, subject.files)
    for one in differences(stated.get("subject"), expected["subject"], "subject"):
        yield Wrong(f"{STATEMENT}: {one.field}", _told(one))
    if subject.of_this_version:
        rest = {key: value for key, value in expected.items() if key != "predicate"}
        rest["predicate"] = {"configuration": expected["predicate"]["configuration"]}
        given = stated.get("predicate")
        shown = {"configuration": given.get("configuration")} if isinstance(given, dict) else given
        for one in differences(stated | {"predicate": shown}, rest):
            yield Wrong(f"{STATEMENT}: {one.field}", _told(one))
        if json_bytes(stated) != subject.content(STATEMENT):
            yield Wrong(STATEMENT, sentence("bundle.not_as_written"))


def signature(subject: Subject) -> Iterator[Wrong]:
    """The envelope signs the statement, with the key that was given."""
    if ENVELOPE not in subject.files:
        if subject.key is None:
            raise NotChecked(sentence("bundle.not_signed"))
        yield Wrong(ENVELOPE, sentence("bundle.signature_missing"))
        return
    try:
        envelope = envelope_of(subject.content(ENVELOPE))
    except ValueError:
        yield Wrong(ENVELOPE, sentence("bundle.no_envelope"))
        return
    if not envelope.signs(subject.content(STATEMENT)):
        yield Wrong(ENVELOPE, sentence("bundle.signs_another"))
        return
    if subject.key is None:
        raise NotChecked(sentence("bundle.signature_unchecked", key=envelope.signatures[0]["keyid"][:64]))
    if not envelope.made_with(subject.key) or envelope.signatures[0]["keyid"] != key_id(subject.key):
        yield Wrong(ENVELOPE, sentence("bundle.signature_wrong", key=key_id(subject.key)))


def dossier(subject: Subject) -> Iterator[Wrong]:
    """The dossiers, written again from the records, are those in the bundle."""
    there = sorted(name for name in subject.files if name.startswith(DOSSIER))
    if not there:
        raise NotChecked(sentence("bundle.no_dossier"))
    subject.demand_this_version()
    if subject.render is None:
        raise NotChecked(sentence("bundle.no_renderer"))
    written = {
        f"{DOSSIER}{name}": data for name, data in subject.render(subject.assessment, subject.bundle.data).items()
    }
    for name in sorted({*there, *written}):
        if name not in written:
            yield Wrong(name, sentence("bundle.file_has_no_place"))
        elif name not in subject.files:
            yield Wrong(name, sentence("bundle.file_missing", file=name))
    yield from subject.compared({name: written[name] for name in there if name in written})


def described(subject: Subject) -> Iterator[Wrong]:
    """The RO-Crate describes the files in ``data``, and no other."""
    expected = {quote(name.removeprefix(DATA)) for name in payload_of(subject.files) if name != CRATE}
    named = [*files_named(subject.json(CRATE))]
    for name in sorted({*named} - expected):
        yield Wrong(CRATE, sentence("bundle.crate_names_nothing", file=unquote(name)[:200]))
    for name in sorted(expected - {*named}):
        yield Wrong(CRATE, sentence("bundle.crate_leaves_out", file=unquote(name)))
    if subject.of_this_version:
        files = {name: facts for name, facts in subject.files.items() if name not in (CRATE, *TAG_FILES)}
        yield from subject.compared(crate(subject.given, files))
