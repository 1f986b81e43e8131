"""The outcome of a reproduction, as it is kept beside its records: ``reproduction.json``."""

from typing import Literal

from msgspec import Struct

from bench.record.record import Scalar
from bench.reproduce.answers import Answer
from bench.reproduce.equivalence import Word

REPRODUCTION = "reproduction.json"
FORMAT = 1


class Reproduction(Struct, frozen=True, kw_only=True):
    """``subject``: the bundle, by name and hash (empty for a submission's folder); ``margin_percent`` is the one it
    states. ``seed``: the reviewer's own, if he gave one. ``altered``: of the audit with a changed model, where it was
    asked for. ``host``: the machine it was measured on."""

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

    @property
    def word(self) -> Word | Literal["cannot_tell"]:
        """The whole: ``not_reproduced`` if any criterion is; ``reproduced`` if all are."""
        words = {one.word for one in self.answers}
        if "not_reproduced" in words:
            return "not_reproduced"
        return "reproduced" if words == {"reproduced"} else "cannot_tell"

    @property
    def status(self) -> int:
        """The exit status: 0 reproduced, 1 not reproduced, 3 cannot tell."""
        return {"reproduced": 0, "not_reproduced": 1, "cannot_tell": 3}[self.word]
