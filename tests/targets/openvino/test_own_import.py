"""OpenVINO GenAI reads a GGUF file itself, and what it makes of it can be judged."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, OpenRequest, Phase
from bench.errors import InputError, RunFailure
from bench.measure.text_driver import OpenedText
from bench.targets.openvino import genai_options
from bench.targets.openvino.genai import OpenVinoGenai

OWN = {"import": "own", "INFERENCE_PRECISION_HINT": "f32"}


@pytest.mark.real
def test_the_pipeline_reads_the_source_itself(
    smollm2: Callable[[str], Artifact], smollm2_golden: dict[str, Any], tmp_path: Path, phase: Phase
) -> None:
    """The golden ids of that import; the record is told who read it; logits are of the same weights."""
    pytest.importorskip("openvino_genai")
    smollm, ids = smollm2("int4"), smollm2_golden["openvino_genai_2026.4.1"]["greedy_ids"][:8]
    target = OpenVinoGenai()
    made = target.convert(smollm, tmp_path, "CPU", OWN)
    assert ("openvino_ir", smollm.source) == (made.format, made.source)
    opened = OpenedText(target.open(OpenRequest(made, "CPU", OWN), phase))
    prompt = np.array(smollm2_golden["prompt_ids"])
    assert tuple(ids) == opened.greedy(np.zeros(0, np.int64), prompt, 8)
    assert "OpenVINO GenAI" == opened.facts().imported_by
    assert opened.logits is not None
    rows = opened.logits(np.concatenate([prompt, ids[:-1]]))
    assert ids == rows[len(prompt) - 1 :].argmax(axis=1).tolist()


def test_a_model_without_a_gguf_file_is_not_imported(tmp_path: Path) -> None:
    """Nothing but the file itself can be read by the pipeline."""
    from bench.testing import fake_artifact

    (tmp_path / "net.onnx").touch()
    artifact = replace(fake_artifact(tmp_path / "net.onnx", "text_generation"), source=None)
    with pytest.raises(RunFailure, match="not made of a GGUF file"):
        OpenVinoGenai().convert(artifact, tmp_path, "CPU", OWN)


def test_the_option_is_known_and_not_safe() -> None:
    """A reader of files that another person names is never switched on by their suite."""
    assert "import" in genai_options.known("CPU")
    assert "import" not in OpenVinoGenai.safe_options
    with pytest.raises(InputError, match="import=theirs"):
        genai_options.read({"import": "theirs"}, "CPU")
