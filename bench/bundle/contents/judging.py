"""What the rules of ``odb check`` say of a bundle's content."""

from msgspec import Struct

from bench.submission.assessment import Assessment
from bench.submission.rules.finding import Finding


class Judged(Struct, frozen=True, kw_only=True):
    """``passed``, ``warned`` and ``failed``: ids of rules."""

    assessment: Assessment
    version: int
    passed: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def result(self) -> str:
        """The word of in-toto's test result."""
        if self.failed:
            return "FAILED"
        return "WARNED" if self.warned else "PASSED"
