"""What is known of a run before anything is built or opened, and that the run itself says the same."""

import json
from pathlib import Path

import numpy as np
import pytest
from made_gguf import made_gguf
from PIL import Image
from published_folders import LLAMA, random_weights, write_folder

from bench.execution.foresee import Foreseen, foresee
from bench.execution.suite_run import plan_suite, run_suite
from bench.execution.workbench import Bench
from bench.plugins import Catalog, discover
from bench.record.record import Failure
from bench.suite.suite import ModelAsk, Suite, TargetAsk

LONG_QUESTION = '{"prompt": "' + "ab" * 130 + '", "choices": ["a", "b"], "answer": 0}'
PLUGIN = """
from bench.testing import NullTarget


class Raw(NullTarget):
    def tokenizes(self, artifact, options):
        return False


PLUGINS = {"targets": {"raw": Raw, "null": NullTarget}}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    (tmp_path / "raw.py").write_text(PLUGIN)
    return discover([tmp_path / "raw.py"])


@pytest.fixture
def cases(tmp_path: Path) -> dict[str, ModelAsk]:
    """Models with prompts by what is wrong with these; a GGUF file has a tokenizer and no chat template, the folder has
    neither."""
    pytest.importorskip("tokenizers")
    gguf = str(made_gguf(tmp_path).path)
    folder = str(write_folder(tmp_path / "tiny-llama", LLAMA, random_weights(LLAMA)))
    texts = {
        "short.txt": "abab",
        "long.jsonl": '{"prompt": "ab"}\n{"prompt": "' + "ab" * 100 + '"}\n',
        "nul.txt": "a\0b",
        "none.jsonl": '{"prompt": ""}',
        "talk.jsonl": '{"messages": [{"role": "user", "content": "ab"}]}',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    short = str(tmp_path / "short.txt")
    datasets = {
        "empty": {"a.txt": " \n", "b.txt": ""},
        "one": {"a.txt": "a"},
        "bad": {"a.jsonl": '{"prompt": "abab"}\n\n{"prompt": 1}\n', "b.txt": b"\xff\xfe\xfd"},
        "far": {"a.jsonl": '{"ids": [1, 2]}\n{"ids": [1, 99999]}\n'},
        "asked": {"a.jsonl": '{"prompt": "ab", "choices": ["a"], "answer": 0}\n'},
        "good": {"a.txt": "", "b.txt": "abab"},
        "wide": {"a.jsonl": '{"prompt": "ab", "choices": ["a", "b"], "answer": 0}\n' * 2 + LONG_QUESTION},
    }
    for folder_name, files in datasets.items():
        (tmp_path / folder_name).mkdir()
        for name, content in files.items():
            (tmp_path / folder_name / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    judged = {name: ModelAsk(gguf, prompts=short, dataset=str(tmp_path / name)) for name in datasets}
    return {
        "prompt 2 has 100 tokens": ModelAsk(gguf, prompts=str(tmp_path / "long.jsonl")),
        "no chat template lies beside tiny": ModelAsk(gguf, prompts=short, chat=True),
        "needs the model's chat template": ModelAsk(gguf, prompts=str(tmp_path / "talk.jsonl")),
        "nul.txt: line 1: contains a NUL": ModelAsk(gguf, prompts=str(tmp_path / "nul.txt")),
        "none.jsonl: line 1: prompt is empty": ModelAsk(gguf, prompts=str(tmp_path / "none.jsonl")),
        "no tokenizer.json lies beside it": ModelAsk(folder, prompts=short),
        "no chat template lies beside tiny-llama": ModelAsk(folder, prompts=short, chat=True),
        "token id 64 is outside the vocabulary": ModelAsk(folder, prompt_ids=(1, 64)),
        "prompt 1 has 100 tokens": ModelAsk(folder, prompt_ids=(1,) * 100),
        "the prompt is text": ModelAsk("llama-15M", prompts=short),
        "do not apply to mobilenet_v2": ModelAsk("mobilenet_v2", prompts=short),
        "--dataset empty: no text can be used; a.txt: is empty": judged["empty"],
        "no text can be used; a.txt: holds no text of two tokens or more": judged["one"],
        "no text can be used; a.jsonl: line 3: Expected `str": judged["bad"],
        "no text can be used; a.jsonl: line 2: token id 99999 is outside": judged["far"],
        "no text can be used; a.jsonl: line 1: it needs two choices": judged["asked"],
        "no text can be used; a.jsonl: line 3: it is 131 tokens long with its choice": judged["wide"],
        "no text can be used; a.txt: the prompt is text": ModelAsk(
            folder, prompt_ids=(1,), dataset=str(tmp_path / "one")
        ),
        "": judged["good"],
    }


def suite_of(target: str, *models: ModelAsk) -> Suite:
    return Suite(models=models, targets=(TargetAsk(target),), preset="quick", repeats=1, max_seconds=0.1)


def all_foreseen(suite: Suite, catalog: Catalog, place: Path) -> list[Foreseen]:
    (place / "work").mkdir(exist_ok=True)
    bench = Bench(catalog, suite, place / "work", place / "cache", Path("/"))
    return foresee(bench, plan_suite(bench).runs)


def foreseen(suite: Suite, catalog: Catalog, place: Path) -> list[Failure | None]:
    return [found.failure for found in all_foreseen(suite, catalog, place)]


def told(failure: Failure | None) -> tuple[str, ...]:
    return () if failure is None else (failure.phase, failure.kind, failure.message, failure.remedy)


@pytest.mark.usefixtures("in_process")
def test_prompts_are_refused_as_the_run_refuses_them(
    cases: dict[str, ModelAsk], catalog: Catalog, tmp_path: Path
) -> None:
    """With the same words, kind and phase, in all that is told of them; and nothing is built for it."""
    suite = suite_of("raw:cpu", *cases.values())
    before = foreseen(suite, catalog, tmp_path)
    assert not (tmp_path / "cache").exists()
    assert {} == {
        words: failure and failure.message
        for words, failure in zip(cases, before, strict=True)
        if (failure is not None) != bool(words) or (failure is not None and words not in failure.message)
    }
    assert {"bad_input"} == {failure.kind for failure in before if failure is not None}
    (tmp_path / "out").mkdir()
    recorded = [one.record for one in run_suite(suite, catalog, tmp_path / "out", cache=tmp_path / "cache")]
    assert [told(failure) for failure in before] == [told(record.failure) for record in recorded]
    assert ["failed"] * (len(cases) - 1) + ["ok"] == [record.status for record in recorded]


@pytest.mark.usefixtures("in_process")
def test_what_only_an_open_engine_tells_is_left_to_the_run(
    cases: dict[str, ModelAsk], catalog: Catalog, tmp_path: Path
) -> None:
    """A target that does not say whether it tokenizes may do so; too long is too long on each, and so is too short."""
    names = (
        "no tokenizer.json lies beside it",
        "no text can be used; a.txt: the prompt is text",
        "prompt 2 has 100 tokens",
        "no text can be used; a.txt: holds no text of two tokens or more",
        "",
    )
    found = all_foreseen(suite_of("null:cpu", *(cases[name] for name in names)), catalog, tmp_path)
    assert [False, False, True, True, False] == [one.failure is not None for one in found]
    assert [True, True, False, False, False] == [one.tokens_unknown for one in found]


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """Two outputs that no published head has, and a folder of one annotated picture."""
    onnx = pytest.importorskip("onnx")
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node("Flatten", ["image"], ["flat"], axis=1)]
    nodes += [helper.make_node("MatMul", ["flat", f"to_{name}"], [name]) for name in ("places", "trust")]
    weights = {"to_places": np.ones((48, 8), np.float32), "to_trust": np.ones((48, 2), np.float32)}
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("image", number, [1, 3, 4, 4])],
        [helper.make_tensor_value_info(n, number, [1, w]) for n, w in (("places", 8), ("trust", 2))],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "net.onnx"
    )
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "photos" / "a.png")
    annotations = {
        "images": [{"id": 1, "file_name": "a.png", "width": 4, "height": 4}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 0, "bbox": [0, 0, 2, 2]}],
        "categories": [{"id": 0, "name": "thing"}],
    }
    (tmp_path / "photos" / "annotations.json").write_text(json.dumps(annotations))
    return tmp_path / "net.onnx"


@pytest.mark.usefixtures("in_process")
def test_options_of_a_dataset_are_refused_before_anything_is_compiled(
    detector: Path, catalog: Catalog, tmp_path: Path
) -> None:
    """An unknown head, and an output that the file does not have, as the run refuses them; and no option that fits."""
    photos = str(detector.parent / "photos")
    cases = {
        "head=yolo99": "unknown detection head in --dataset-options: yolo99",
        "boxes=corners": "--dataset-options boxes: the model has no output corners",
        "boxes=places,scores=confidence": "--dataset-options scores: the model has no output confidence",
        "task=classification": "--dataset-options output: the labels in photos are class ids, and the model has "
        "several outputs: places [1, 8], trust [1, 2]",
        "boxes=places,scores=trust": "",
    }
    suite = suite_of("null:cpu", *(ModelAsk(str(detector), dataset=photos, dataset_options=text) for text in cases))
    before = foreseen(suite, catalog, tmp_path)
    assert list(cases.values()) == [failure.message if failure is not None else "" for failure in before]
    (tmp_path / "out").mkdir()
    recorded = [one.record for one in run_suite(suite, catalog, tmp_path / "out", cache=tmp_path / "cache")]
    assert [told(failure) for failure in before[:4]] == [told(record.failure) for record in recorded[:4]]
