"""At which tokens generations end where it is asked that they end."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from bench.contracts import Artifact
from bench.errors import RunFailure
from bench.execution.untimed import _stop_tokens
from bench.testing import fake_artifact


@pytest.fixture
def ending(tmp_path: Path) -> Any:
    """An artifact that states these tokens, of a vocabulary of 100."""
    file = tmp_path / "m.onnx"
    file.write_bytes(b"m")

    def made(*tokens: int) -> Artifact:
        found = fake_artifact(file, "text_generation")
        assert found.decoder is not None
        return replace(found, decoder=replace(found.decoder, vocab_size=100, eos_token_ids=tokens))

    return made


def asked(stop: bool) -> Any:
    return SimpleNamespace(model=SimpleNamespace(ask=SimpleNamespace(stop=stop)))


def test_tokens_outside_the_vocabulary_are_none(ending: Any) -> None:
    """They are never generated; a model that states no other has no end, which matters where it is asked for."""
    assert (2, 99) == _stop_tokens(ending(2, 100, 99), asked(True))
    with pytest.raises(RunFailure, match="end-of-sequence"):
        _stop_tokens(ending(100), asked(True))
    assert () == _stop_tokens(ending(100), asked(False))
