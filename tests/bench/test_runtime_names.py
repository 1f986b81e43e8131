"""The engine names no runtime and no built-in model: what is particular to one stands in its plugin."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from bench.plugins import discover
from bench.suite.plan import OWN_MODELS, default_models
from bench.words.compiling import FOLDER, read

BENCH = Path(__file__).resolve().parents[2] / "bench"
RUNTIMES = frozenset(("openvino", "onnxruntime", "ort", "qnn"))
ALLOWED = {
    "contracts/model.py": "openvino_ir is the name of a format",
    "contracts/names.py": "names that exporters give to every file and folder",
    "quantising/lineage.py": "openvino_ir is the name of a format",
    "process/telemetry.py": "switched off before any target is loaded",
    "suite/found_files.py": "openvino_ir is the name of a format",
    "testing/plugins.py": "openvino_ir is the name of a format",
}
"""The files whose strings may name a runtime, and why. To be shortened."""

PLUGINS = ("model.", "checkpoint.", "target.", "openvino.", "ort.", "qnn.", "nncf.", "qdq.")
"""The codes of models' and targets' words."""

ALLOWED_WORDS = {
    "cli.epilog.init": "examples in the help text",
    "cli.epilog.list": "examples in the help text",
    "cli.epilog.odb": "examples in the help text",
    "cli.epilog.preflight": "examples in the help text",
    "cli.epilog.run": "examples in the help text",
    "cli.help.quantise.for": "an example in the help text",
    "cli.help.run.target": "an example in the help text",
    "cli.list_takes_one_target": "an example",
    "cli.telemetry_off": "what doctor says of telemetry",
}
"""The entries of the engine that name a runtime, and why. To be shortened."""


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Every string of the file but docstrings, with its line."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def named(text: str) -> set[str]:
    """The runtimes that ``text`` names, in upper or lower case, alone or as a part of a longer name."""
    return RUNTIMES & set(re.split(r"[^a-z]+", text.lower()))


def found() -> dict[str, list[str]]:
    """File -> where it names a runtime."""
    named_in: dict[str, list[str]] = {}
    for path in sorted(BENCH.rglob("*.py")):
        for line, text in strings(path):
            if named(text):
                named_in.setdefault(path.relative_to(BENCH).as_posix(), []).append(f"{line}: {text[:80]!r}")
    return named_in


def test_no_string_of_the_engine_names_a_runtime() -> None:
    """But for the table above, in which no row is left over."""
    where = found()
    assert {} == {path: lines for path, lines in where.items() if path not in ALLOWED}
    assert [] == [path for path in ALLOWED if path not in where]


def test_no_words_of_the_engine_name_a_runtime() -> None:
    """Its entries of the English catalogue, but for the table above, in which no row is left over."""
    naming = [str(message.id) for message in read(FOLDER / "en.po") if message.id and named(str(message.string))]
    assert sorted(ALLOWED_WORDS) == sorted(code for code in naming if not code.startswith(PLUGINS))


def test_what_counts_as_a_name() -> None:
    """Targets, options and distributions do; words that contain the letters do not."""
    texts = ("openvino:CPU", "ORT_DISABLE_ALL", "onnxruntime-genai", "the QNN provider", "import", "short", "qnnx")
    assert [{"openvino"}, {"ort"}, {"onnxruntime"}, {"qnn"}, set(), set(), set()] == [named(text) for text in texts]


def test_no_string_of_the_engine_is_the_name_of_a_built_in_model() -> None:
    """Which models are measured when none is named, the models themselves state."""
    built_in = {ref.name for ref in discover().of("models") if ref.built_in and not ref.name.startswith(OWN_MODELS)}
    assert [] == [(path.name, text) for path in BENCH.rglob("*.py") for _, text in strings(path) if text in built_in]


def test_what_is_measured_when_no_model_is_named() -> None:
    """A model of tensors, then a language model."""
    assert ["mobilenet_v2", "llama-15M"] == [ask.source for ask in default_models(discover())]
    assert ["llama-15M"] == [ask.source for ask in default_models(discover(), "text_generation")]
