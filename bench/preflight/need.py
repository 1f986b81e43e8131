"""What is needed of a chip (``--need macs=0.99,cosine=0.999``), whether it has it, and which fits first."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from bench.contracts import Variant
from bench.errors import InputError, UnknownName
from bench.preflight.found import Answer, Row
from bench.words import Sentence, sentence

FITS, NONE_FITS, CANNOT_TELL = 0, 1, 3
FRAMES = "frames_per_s"


class Need(Struct, frozen=True):
    """One name that ``--need`` takes. ``least``, ``most``: which values may be asked for. ``found``: what a row has of
    it, ``None`` where that is not known."""

    name: str
    least: float
    most: float
    found: Callable[[Row], float | None]


def _cosine(row: Row) -> float | None:
    return row.fidelity.cosine_min if row.fidelity is not None else None


def _sqnr(row: Row) -> float | None:
    return row.fidelity.sqnr_db_min if row.fidelity is not None else None


NEEDS: Mapping[str, Need] = MappingProxyType(
    {
        need.name: need
        for need in (
            Need("macs", 0.0, 1.0, lambda row: row.macs),
            Need("nodes", 0.0, 1.0, lambda row: row.nodes),
            Need("cosine", -1.0, 1.0, _cosine),
            Need("sqnr_db", -1e3, 1e3, _sqnr),
            Need(FRAMES, 0.0, 1e9, lambda row: None),
        )
    }
)
"""``frames_per_s`` is met by a chip whose bound does not exclude it: nothing more can be told without the chip."""


def asked_needs(text: str | None) -> dict[str, float]:
    """``macs=0.99,cosine=0.999`` by name. Raises ``InputError``."""
    found: dict[str, float] = {}
    for part in (text or "").split(",") if text is not None else ():
        name, sign, value = (word.strip() for word in part.partition("="))
        if not sign or not name or not value:
            raise InputError(sentence("preflight.need_malformed", text=part.strip()), _example())
        if name not in NEEDS:
            raise UnknownName(sentence("preflight.need_name"), name, NEEDS)
        if name in found:
            raise InputError(sentence("preflight.need_twice", name=name), sentence("cli.leave_one_out"))
        found[name] = _value(NEEDS[name], value)
    return found


def _example() -> Sentence:
    return sentence("cli.example", command="--need macs=0.99,cosine=0.999")


def _value(need: Need, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not need.least <= value <= need.most or (need.name == FRAMES and value <= 0):
        raise InputError(
            sentence("preflight.need_out_of_range", name=need.name, text=text, least=need.least, most=need.most),
            _example(),
        )
    return value


def answered(row: Row, needs: Mapping[str, float]) -> Row:
    """``row`` with its answer; without one where nothing was asked."""
    return replace(row, answer=_answer(row, needs)) if needs else row


def _answer(row: Row, needs: Mapping[str, float]) -> Answer:
    if row.status in ("refused", "failed"):
        return Answer(fits=False, why=(row.reason,))
    if row.status == "interrupted":
        return Answer(fits=None, why=(row.reason,))
    missed: list[Sentence | str] = []
    unknown: list[Sentence | str] = []
    for name, least in needs.items():
        if name == FRAMES:
            speed = row.bound.speed if row.bound is not None else "unknown"
            if speed == "excluded":
                missed.append(sentence("preflight.cannot_reach", frames_per_s=least))
            elif speed == "unknown":
                unknown.append(sentence("preflight.frames_unknown", frames_per_s=least))
            continue
        found = NEEDS[name].found(row)
        if found is None:
            unknown.append(sentence("preflight.need_unknown", name=name))
        elif found < least:
            missed.append(sentence("preflight.need_missed", name=name, found=found, least=least))
    if missed:
        return Answer(fits=False, why=tuple(missed))
    return Answer(fits=None if unknown else True, why=tuple(unknown))


def in_variant_order(variants: Sequence[Variant]) -> list[Variant]:
    """By the target's order, those without a place last, as the target lists them."""
    return sorted(variants, key=lambda variant: (variant.order is None, variant.order or 0))


def fitting(rows: Sequence[Row]) -> tuple[str, ...]:
    """The variants of ``rows`` that fit, in their order."""
    return tuple(row.variant.name for row in rows if row.answer is not None and row.answer.fits)


def status_of(rows: Sequence[Row]) -> int:
    """0: a variant fits, or nothing was asked; 1: none does; 3: it cannot be told, or nothing is known of any."""
    if all(row.status == "foretold" and not row.findings and row.placement is None for row in rows):
        return CANNOT_TELL
    answers = [row.answer.fits for row in rows if row.answer is not None]
    if any(answers) or not answers:
        return FITS
    return CANNOT_TELL if None in answers else NONE_FITS
