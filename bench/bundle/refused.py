"""A bundle that cannot be read safely, and so is refused before anything in it is looked at."""

from bench.errors import OdbError
from bench.submission.rules.finding import Finding
from bench.words import Sentence, sentence

ARCHIVE = "ODB-B-001"
NAMES = "ODB-B-002"
SIZES = "ODB-B-003"


class RefusedBundle(OdbError):
    """``finding`` names the rule and the place."""

    exit_status = 1

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        told = sentence("bundle.refused", rule=finding.rule, where=finding.where, told=finding.told)
        super().__init__(told, finding.remedy)


def refused(rule: str, where: str, told: Sentence, remedy: Sentence) -> RefusedBundle:
    """The error for a bundle that breaks ``rule`` at ``where``."""
    return RefusedBundle(Finding(rule, "reject", where, told, remedy))
