"""One index for the tests of what it costs."""

from pathlib import Path

import pytest
from million_points import make


@pytest.fixture(scope="session")
def million(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history of a thousand series over a thousand nights."""
    folder = tmp_path_factory.mktemp("history")
    make(folder)
    return folder
