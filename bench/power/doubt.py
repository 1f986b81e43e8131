"""What makes a meter's log doubtful: a code for scripts, and a sentence for people."""

from msgspec import Struct

from bench.words import Sentence, sentence


class Doubt(Struct, frozen=True):
    """``code`` is stable. ``blocks``: no energy can be computed, or none that means anything. ``figures``: what the
    sentence rests on, with units in their names."""

    code: str
    blocks: bool = False
    figures: dict[str, float | int | str] = {}

    @property
    def told(self) -> Sentence:
        return sentence(f"power.doubt.{self.code}", **self.figures)
