"""Dossiers as bytes, by the writers that are installed."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench.plugins import discover, load
from bench.reading import is_folder
from bench.submission.dossier.data import DossierData, dossier_data
from bench.words import speaking

if TYPE_CHECKING:
    from bench.plugins import Catalog
    from bench.submission.assessment import Assessment

LANGUAGES = ("ko", "en")
"""Of a bundle's dossiers."""
PAGE = "html"


def rendered(data: DossierData, language: str, writer: str = PAGE, catalog: "Catalog | None" = None) -> bytes:
    """``data`` by the writer of that name, in that language. Raises ``UnknownName``, and ``InputError`` where what the
    writer needs is not installed."""
    made = load((catalog or discover()).find("dossiers", writer))
    with speaking(language):
        found: bytes = made.render(data)
    return found


def dossier_bytes(folder: Path, language: str, writer: str = PAGE) -> bytes:
    """The dossier of the submission in ``folder``, with what ``odb check`` finds. Raises ``InputError`` for a form that
    cannot be read."""
    return rendered(checked_data(folder), language, writer)


def checked_data(folder: Path) -> DossierData:
    """What the dossier of the submission in ``folder`` is made of."""
    from bench.submission.rules.check import check

    found = check(folder)
    return dossier_data(found.assessment, folder, found.findings)


def bundled_dossiers(assessment: "Assessment", folder: Path) -> Mapping[str, bytes]:
    """The pages that a bundle holds, by file name. They rest on the form and the records alone, so that they are the
    same wherever they are written; findings stand elsewhere in a bundle."""
    data = dossier_data(assessment, folder)
    return {f"dossier.{language}.{PAGE}": rendered(data, language) for language in LANGUAGES}


def default_file(given: Path, part: str, language: str, suffix: str) -> Path:
    """``DIR/dossier.ko.html``; of a bundle, that name in the current folder."""
    name = f"{part}.{language}{suffix}"
    return given / name if is_folder(given) else Path(name)
