"""Text: tokens of a line by the ``tokenizer.json`` beside the model, and classes or a vector of its outputs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contracts import Artifact, Tensors
from bench.contracts.element_types import numpy_type
from bench.entry_points import versions
from bench.errors import InputError
from bench.inputs.tokenizer_file import LIBRARY, FileTokenizer, tokenizer_beside
from bench.pipelines.asked import PipelineAsk
from bench.pipelines.lines import Line, lines_of, read_line
from bench.pipelines.named import Stages
from bench.pipelines.pictures import wrong_outputs
from bench.quality.scoring import best_classes, output_named
from bench.suite.dataset_options import parse_options
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

IDS, MASK, TYPES = "input_ids", "attention_mask", "token_type_ids"


class Text(Struct):
    """A line on its way. ``tokens``: how many of the model's positions it takes, once it has been tokenized; what is
    beyond them is cut off."""

    text: str
    tokens: int = 0


class TextPipeline:
    kind = "text"

    def __init__(self, ask: PipelineAsk, artifact: Artifact) -> None:
        """Raises ``InputError`` for a model that does not take token ids, and without a tokenizer beside it."""
        specs = {spec.name: spec for spec in artifact.facts.inputs}
        shape = artifact.shapes.get(IDS, ())
        if not {IDS} <= set(specs) <= {IDS, MASK, TYPES} or len(shape) != 2 or shape[0] != 1:
            found = [f"{name} {list(artifact.shapes.get(name, ()))}" for name in specs]
            raise InputError(
                sentence(
                    "pipeline.wrong_shape",
                    stage="preprocess",
                    wanted=sentence("pipeline.wanted.tokens", inputs=[IDS, MASK, TYPES]),
                    found=found,
                ),
                sentence("pipeline.use_own"),
            )
        path = tokenizer_beside(artifact.path)
        if path is None:
            raise InputError(
                sentence("pipeline.no_tokenizer", model_id=artifact.model_id), sentence("pipeline.put_tokenizer_beside")
            )
        self._tokenizer, self._specs, self._length = FileTokenizer(path), specs, shape[1]
        self._output = parse_options(ask.options).output
        self._how: Sentence | str = ""

    def inputs(self, files: Sequence[Path]) -> Sequence[Line]:
        return lines_of(files)

    def decode(self, item: Line) -> Text:
        return Text(read_line(item))

    def preprocess(self, decoded: Text) -> Tensors:
        import numpy as np

        ids = self._tokenizer.encode(decoded.text)[: self._length]
        decoded.tokens = len(ids)
        rows = {IDS: ids, MASK: np.ones(len(ids)), TYPES: np.zeros(len(ids))}
        filled = {name: np.pad(row, (0, self._length - len(ids))) for name, row in rows.items() if name in self._specs}
        return {
            name: np.ascontiguousarray(row.reshape(1, -1), numpy_type(self._specs[name].dtype))
            for name, row in filled.items()
        }

    def postprocess(self, outputs: Tensors, decoded: Text) -> "Array":
        """The best classes of scores [1, classes]; of vectors [1, tokens, width] their mean, of length 1."""
        import numpy as np

        found = output_named(outputs, self._output)
        if found.ndim == 2 and len(found) == 1:
            self._how = self._how or sentence("pipeline.does.best_classes", classes=found.shape[1])
            return best_classes(found[0])
        if found.ndim != 3 or len(found) != 1:
            raise wrong_outputs(sentence("pipeline.wanted.scores_or_vectors"), outputs)
        self._how = self._how or sentence("pipeline.does.mean_vector", width=found.shape[2])
        mean = found[0, : decoded.tokens].mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12))

    def stages(self) -> Stages:
        library = versions((LIBRARY,))
        return Stages(
            decode=(sentence("pipeline.does.read_line"), {}),
            preprocess=(sentence("pipeline.does.tokens", length=self._length), library),
            postprocess=(self._how, versions(("numpy",))),
        )
