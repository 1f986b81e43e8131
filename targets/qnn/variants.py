"""The SoCs of the table as variants of the emulator: in which order they stand, and what is published of them.

Figures stand in soc_figures.toml, each with its document; what no document states is missing there.
"""

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from bench.contracts import Peaks, Published, Variant
from bench.targets.qnn import socs

FIGURES = Path(__file__).with_name("soc_figures.toml")
SERIES = ("6", "7", "8s", "8", "8 Elite", "9")
"""Qualcomm's classes of phones and boards by the series in their names, the lowest first. Laptops, cars and glasses
have a numbering of their own, which says nothing of their place among these."""


def variants() -> Sequence[Variant]:
    """Every SoC of the table, in the table's order."""
    figures, placed = _figures(), [soc for soc in socs.SOCS if series_of(soc) is not None]
    placed.sort(key=lambda soc: (SERIES.index(str(series_of(soc))), soc.htp_arch))
    order = {soc.name: place for place, soc in enumerate(placed)}
    return tuple(
        Variant(
            name=soc.name,
            title=soc.marketing,
            part=soc.part,
            generation=f"HTP v{soc.htp_arch}",
            options={"soc": soc.name},
            order=order.get(soc.name),
            peaks=_peaks(figures, soc.name),
        )
        for soc in socs.SOCS
    )


def series_of(soc: socs.Soc) -> str | None:
    """The series of ``SERIES`` that the SoC's name states."""
    text = soc.marketing
    if text.startswith("Dragonwing QCS"):
        return text.removeprefix("Dragonwing QCS")[0]
    if text.startswith("Snapdragon 8 Elite"):
        return "8 Elite"
    first = text.removeprefix("Snapdragon ").split(" ")[0]
    if first[:3].isdigit() and len(first) >= 3:  # 888 and 778G: the first digit is the series
        return first[0]
    return first.rstrip("+") if first.rstrip("+") in SERIES else None


@cache
def _figures() -> dict[str, Any]:
    return tomllib.loads(FIGURES.read_text(encoding="utf-8"))


def _peaks(figures: dict[str, Any], name: str) -> Peaks:
    own = figures["socs"].get(name, {})
    return Peaks(**{key: _published(figures, figure) for key, figure in own.items()})


def _published(figures: dict[str, Any], figure: dict[str, Any]) -> Published:
    document = figures["documents"][figure["document"]]
    return Published(
        value=float(figure["value"]), document=document["name"], url=document["url"], read=str(document["read"])
    )
