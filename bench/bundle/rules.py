"""The rules of ``odb verify``. An id stays with its rule: one that is dropped is never given to another."""

from collections.abc import Callable, Iterable

from msgspec import Struct

from bench.bundle.checks import evidence, files, stated
from bench.bundle.checks.subject import Subject, Wrong
from bench.bundle.refused import ARCHIVE, NAMES, SIZES
from bench.words import Sentence, sentence

Check = Callable[[Subject], Iterable[Wrong]]


def _opened(subject: Subject) -> Iterable[Wrong]:
    """Decided when the bundle was opened: it could be."""
    return ()


class Rule(Struct, frozen=True):
    """``id``: ``ODB-B-nnn``; ``clause``: the part of the bundle that it is about."""

    id: str
    clause: str
    check: Check

    @property
    def title(self) -> Sentence:
        """What it demands, in one line."""
        return sentence(f"rule.{self.id}.title")

    @property
    def remedy(self) -> Sentence:
        """What to do where it is broken."""
        return sentence(f"rule.{self.id}.remedy")


RULES: tuple[Rule, ...] = (
    Rule(ARCHIVE, "archive", _opened),
    Rule(NAMES, "names", _opened),
    Rule(SIZES, "sizes", _opened),
    Rule("ODB-B-004", "layout", files.layout),
    Rule("ODB-B-005", "manifest-sha256.txt", files.payload_manifest),
    Rule("ODB-B-006", "tagmanifest-sha256.txt", files.tag_manifest),
    Rule("ODB-B-007", "submission.toml", files.forms),
    Rule("ODB-B-008", "records", evidence.records),
    Rule("ODB-B-009", "record.json", evidence.figures),
    Rule("ODB-B-010", "models", evidence.models),
    Rule("ODB-B-011", "inputs", evidence.inputs),
    Rule("ODB-B-012", "environment.json", stated.machine),
    Rule("ODB-B-013", "assessment.json", stated.assessment),
    Rule("ODB-B-014", "rules", stated.rules),
    Rule("ODB-B-015", "test-result.json", stated.statement),
    Rule("ODB-B-016", "test-result.dsse.json", stated.signature),
    Rule("ODB-B-017", "dossier", stated.dossier),
    Rule("ODB-B-018", "ro-crate-metadata.json", stated.described),
    Rule("ODB-B-019", "bag-info.txt", files.bag_facts),
)
"""All rules, in the order in which they are checked."""
