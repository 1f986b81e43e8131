"""The outcome of a reproduction, as it is kept beside its records: ``reproduction.json``."""

from msgspec import Struct

from bench.record.record import Scalar
from bench.reproduce.answers import Answer
from bench.reproduce.audit import Audit
from bench.reproduce.equivalence import Word

REPRODUCTION = "reproduction.json"
FORMAT = 1


class Reproduction(Struct, frozen=True, kw_only=True):
    """``subject``: the bundle, by name and hash (empty for a submission's folder); ``margin_percent`` is the one it
    states. ``seed``: the reviewer's own, if he gave one. ``audits``: of altered models,
    where they were asked for. ``host``: the machine it was measured on."""

    format: int = FORMAT
    tool_version: str
    created_utc: str
    subject: str
    subject_sha256: str = ""
    track: str = ""
    margin_percent: float
    seed: int | None = None
    host: dict[str, Scalar] = {}
    answers: tuple[Answer, ...] = ()
    audits: tuple[Audit, ...] = ()

    @property
    def word(self) -> Word:
        """The whole: ``not_reproduced`` if any criterion is, or an audit failed; ``reproduced`` if all are."""
        words, audits = {one.word for one in self.answers}, {one.word for one in self.audits}
        if "not_reproduced" in words or "failed" in audits:
            return "not_reproduced"
        return "reproduced" if words == {"reproduced"} and audits <= {"passed"} else "cannot_tell"

    @property
    def status(self) -> int:
        """The exit status: 0 reproduced, 1 not reproduced, 3 cannot tell."""
        return {"reproduced": 0, "not_reproduced": 1, "cannot_tell": 3}[self.word]
