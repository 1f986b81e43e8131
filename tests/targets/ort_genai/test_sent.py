"""A folder of onnxruntime-genai that somebody sent: nothing in it loads code, writes, or leads elsewhere."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, ModelRequest, OpenRequest, Phase
from bench.errors import RunFailure
from bench.models.files.folder import ModelFolder
from bench.targets.ort_genai.target import OrtGenai


@pytest.fixture(scope="module")
def folder(ort_genai_folder: Path) -> Artifact:
    return ModelFolder().prepare(ModelRequest(str(ort_genai_folder)), ort_genai_folder)


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the folder's genai_config.json as its sender would."""
    content = json.loads((folder / "genai_config.json").read_text())
    change(content)
    (folder / "genai_config.json").write_text(json.dumps(content))


SENT = {
    "a library": ("decoder.session_options", {"custom_ops_library": "evil.so"}, "custom_ops_library"),
    "a profile": ("decoder.session_options", {"enable_profiling": "/tmp/prefix"}, "enable_profiling"),
    "a graph to write": (
        "decoder.session_options",
        {"optimized_model_filepath": "x.onnx"},
        "session_options.optimized_model_filepath",
    ),
    "a context to write": ("decoder.session_options", {"ep.context_file_path": "x"}, r"ep\.context_file_path"),
    "statistics to write": (
        "decoder.session_options",
        {"session.collect_node_memory_stats_to_file": "x.csv"},
        "collect_node_memory_stats_to_file",
    ),
    "an option nobody knows": ("decoder.session_options", {"a_later_key": "x"}, "a_later_key"),
    "an option that is an object": ("decoder.session_options", {"log_id": {"a": "b"}}, "log_id"),
    "a run option": ("decoder", {"run_options": {"qnn.lora_config": "x"}}, "qnn.lora_config"),
    "another graph's library": (
        "vision",
        {"filename": "decoder.onnx", "session_options": {"custom_ops_library": "evil.so"}},
        r"vision\.session_options\.custom_ops_library",
    ),
    "a file elsewhere": ("embedding", {"filename": "../../other.onnx"}, r"embedding\.filename"),
    "an absolute file": ("speech", {"config_filename": "/etc/passwd"}, r"speech\.config_filename"),
    "weights elsewhere": (
        "decoder",
        {"shared_initializers": {"w": {"data_file": "C:\\x", "offset": 0}}},
        r"shared_initializers\.w\.data_file",
    ),
    "a tokenizer elsewhere": ("", {"tokenizer_dir": "/home"}, "tokenizer_dir"),
}


@pytest.mark.parametrize("case", SENT)
def test_a_folder_that_would_act_is_refused(folder: Artifact, tmp_path: Path, case: str) -> None:
    """What loads code, writes or leads out of the folder is told by its field, and nothing is made of the rest."""
    place, given, field = SENT[case]
    copy = Path(shutil.copytree(folder.path.parent, tmp_path / "copy"))

    def send(content: dict[str, Any]) -> None:
        part = content["model"]
        for name in filter(None, place.split(".")):
            part = part.setdefault(name, {})
        part |= given

    rewritten(copy, send)
    artifact = replace(folder, path=copy / folder.path.name)
    (tmp_path / "made").mkdir()
    with pytest.raises(RunFailure, match=field) as caught:
        OrtGenai().convert(artifact, tmp_path / "made")
    assert ("bad_input", True) == (caught.value.kind, bool(caught.value.remedy))
    assert [] == list((tmp_path / "made").iterdir())


def test_the_runtime_gets_no_byte_of_the_senders_configuration(folder: Artifact, tmp_path: Path) -> None:
    """A field said twice is read differently by different readers of JSON: what is opened is written anew, with the
    options that are safe and without the providers, which the target names."""
    copy = Path(shutil.copytree(folder.path.parent, tmp_path / "copy"))

    def send(content: dict[str, Any]) -> None:
        content["model"]["decoder"]["session_options"] = {
            "intra_op_num_threads": 1,
            "session.intra_op.allow_spinning": "0",
            "provider_options": [{"cuda": {"device_id": "0"}}],
        }

    rewritten(copy, send)
    text = (copy / "genai_config.json").read_text()
    twice = text.replace(
        '"decoder": {', '"decoder": {"session_options": {"custom_ops_library": "evil.so"}}, "decoder": {'
    )
    (copy / "genai_config.json").write_text(twice)
    (tmp_path / "made").mkdir()
    made = OrtGenai().convert(replace(folder, path=copy / folder.path.name), tmp_path / "made")
    opens = (made.path.parent / "genai_config.json").read_text()
    assert "evil" not in opens
    expected = {"intra_op_num_threads": 1, "session.intra_op.allow_spinning": "0"}
    assert expected == json.loads(opens)["model"]["decoder"]["session_options"]
    assert made is OrtGenai().convert(made, tmp_path / "again")


def test_what_is_not_taken_is_refused_before_anything_is_opened(folder: Artifact, tmp_path: Path) -> None:
    """Already by the check that a dry run makes, with the words of the run."""
    copy = Path(shutil.copytree(folder.path.parent, tmp_path / "copy"))
    sent = replace(folder, path=copy / folder.path.name)
    OrtGenai().check(sent, "cpu", {})
    options = {"custom_ops_library": "evil.so"}
    rewritten(copy, lambda content: content["model"]["decoder"].update(session_options=options))
    (tmp_path / "made").mkdir()
    told = []
    for ask in (lambda: OrtGenai().check(sent, "cpu", {}), lambda: OrtGenai().convert(sent, tmp_path / "made")):
        with pytest.raises(RunFailure, match="custom_ops_library") as caught:
            ask()
        told.append((caught.value.kind, caught.value.phase, caught.value.message, caught.value.remedy))
    assert told[0] == told[1]


@pytest.mark.process
@pytest.mark.real
def test_a_library_in_a_folder_is_not_loaded(folder: Artifact, tmp_path: Path, phase: Phase) -> None:
    """Neither by opening the folder as it was sent: the library's constructor would leave a file."""
    pytest.importorskip("onnxruntime_genai")
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to make a library with")
    copy = Path(shutil.copytree(folder.path.parent, tmp_path / "copy"))
    loaded = tmp_path / "loaded"
    (tmp_path / "e.c").write_text(
        "#include <stdio.h>\n"
        f'__attribute__((constructor)) static void f(void){{FILE*g=fopen("{loaded}","a");if(g)fclose(g);}}\n'
    )
    subprocess.run([compiler, "-shared", "-fPIC", "-o", copy / "evil.so", tmp_path / "e.c"], check=True)
    options = {"custom_ops_library": "evil.so", "enable_profiling": str(tmp_path / "profile")}
    rewritten(copy, lambda content: content["model"]["decoder"].update(session_options=options))
    with pytest.raises(RunFailure, match="custom_ops_library"):
        OrtGenai().open(OpenRequest(replace(folder, path=copy / folder.path.name), "cpu"), phase)
    assert ([], False) == (list(tmp_path.glob("profile*")), loaded.exists())
