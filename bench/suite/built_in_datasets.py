"""The datasets that come with this project. A folder of the same name where the user works comes first.

``choices-small``: 40 questions with four choices, 24 in English and 16 in Korean, written for this project: so small
and easy that it shows a model that is broken, not which of two good models is better.
"""

from pathlib import Path

from bench.reading import is_folder

BUILT_IN = ("choices-small",)
FOLDER = Path(__file__).resolve().parents[1] / "datasets"


def dataset_folder(named: str) -> Path:
    """The folder that ``--dataset`` names; it may not exist."""
    own = Path(named)
    return FOLDER / named if named in BUILT_IN and not is_folder(own) else own
