"""What somebody else sent: which options of it are taken, which paths, and which commands are shown for pasting."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.plugins import Catalog, discover
from bench.reading import refuse_outside
from bench.record.shown.command import plain_run
from bench.suite.untrusted import refuse_unsafe, safe_options, unsafe

BUILT_IN = ("openvino", "openvino-genai", "ort", "ort-genai", "qnn")
ACTING = {
    "ort": (
        *(
            "optimized_model_filepath",
            "ep.context_enable",
            "ep.context_file_path",
            "session.debug_layout_transformation",
        ),
        *("session.collect_node_memory_stats_to_file", "session.moe.offload.derived_cache_dir", "enable_profiling"),
        *("session.node_partition_config_file", "session.model_external_initializers_file_folder_path"),
        *("custom_ops_library", "session.save_external_prepacked_constant_initializers"),
    ),
    "qnn": (
        *("op_packages", "qnn_saver_path", "qnn_ir_backend_path", "dump_qnn_ir_dlc", "dump_json_qnn_graph"),
        *("json_qnn_graph_dir", "framework_op_trace_dir", "op_affinity", "backend_path", "profiling_file_path"),
    ),
    "openvino": ("CACHE_DIR", "WEIGHTS_PATH", "CACHE_ENCRYPTION_CALLBACKS", "NPU_COMPILATION_MODE_PARAMS"),
    "openvino-genai": ("CACHE_DIR", "WEIGHTS_PATH"),
    "ort-genai": ("custom_ops_library", "enable_profiling", "op_packages", "ep.context_file_path"),
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_acting_option_is_safe(catalog: Catalog, name: str) -> None:
    """Options that name files, load code or write are on no built-in target's list; every target has a list."""
    safe = safe_options(catalog.find("targets", name))
    assert safe
    assert set() == safe & set(ACTING[name])


def test_a_plugin_without_a_list_has_no_safe_option(tmp_path: Path) -> None:
    """An allow-list: what nobody declared safe is not."""
    file = tmp_path / "plain.py"
    file.write_text("class Plain:\n    summary = 'no list'\n\nPLUGINS = {'targets': {'plain': Plain}}\n")
    assert frozenset() == safe_options(discover([file]).find("targets", "plain"))


def test_an_option_that_no_list_names_is_refused() -> None:
    """The message names the origin and the option; of a record there is no way round, of a suite there is a flag."""
    with pytest.raises(InputError, match=r"record.json: option later_runtime_key: ") as caught:
        refuse_unsafe({"NUM_STREAMS": "1", "later_runtime_key": "x"}, {"NUM_STREAMS"}, origin="record.json")
    assert "-O" in caught.value.remedy
    with pytest.raises(InputError) as caught:
        refuse_unsafe(["op_packages"], (), origin="suite.toml", can_be_allowed=True)
    assert "--allow-unsafe-options op_packages" in caught.value.remedy
    refuse_unsafe(["NUM_STREAMS"], {"NUM_STREAMS"}, origin="record.json")


def test_an_option_is_allowed_by_its_name_with_and_without_its_plugin() -> None:
    """A key with a dot of its own stays itself."""
    assert [] == unsafe(["op_packages"], (), ["qnn.op_packages"])
    assert [] == unsafe(["ep.context_file_path"], (), ["ep.context_file_path"])
    assert ["ep.context_enable"] == unsafe(["ep.context_enable", "a"], (), ["ort.ep.context_file_path", "a"])


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../x.npy", "a/../../x", "C:\\x", "C:x", "\\\\server\\x", "//server/x", "~/x", "~root/x", "a\0"],
)
def test_a_path_that_leaves_its_folder_is_refused(name: str) -> None:
    """In the notation of any system, on any system."""
    with pytest.raises(InputError, match=r"record\.json"):
        refuse_outside(name, origin="record.json")


@pytest.mark.parametrize("name", ["x.npy", "a/b/x.npy", "언어/모델.onnx", "a..b", "…/x"])
def test_a_path_below_its_folder_is_taken(name: str) -> None:
    refuse_outside(name, origin="record.json")


@pytest.mark.parametrize(
    "command",
    [
        "odb run -m net.onnx -t ort:cpu -s single-stream --preset quick --repeats 4 --seed 0",
        "odb run -m '언어 모델.onnx' -t qnn:htp-emu -O soc=qcs6490 --strict-placement",
        "odb run --plugin chip.py -m net.onnx -t chip:x --shape images=1,3,4,4 --input image=photo.jpg",
        "odb run -m net.onnx -t ort:cpu -O 'session.intra_op_thread_affinities=1;2' --shape /in=1,3",
        "odb run -m net.onnx -t ort:cpu --input 'image=photo (1).jpg' --preprocessing order=bgr,mean=104:117:123",
    ],
)
def test_a_plain_run_is_shown(command: str) -> None:
    assert plain_run(command)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "odb run -m net.onnx; rm -rf ~",
        "odb run -m net.onnx && curl x",
        "odb run -m $(id)",
        "odb run -m '$(id)'",
        "odb run -m 'a`id`'",
        "odb run -m 'a & calc'",
        'odb run -m "net.onnx"',
        "odb run  -m net.onnx",
        "odb run 'x",
        "odb run -m net.onnx\nrm x",
        "odb run -m 'a\x1b[2Jb'",
        "odb run -m 'a\u202eb'",
        "odb run --help",
        "odb run suite.toml",
        "odb run -m net.onnx -t ort:cpu -O optimized_model_filepath=VICTIM",
        "odb run -m net.onnx -t ort:cpu -O ep.context_file_path=x",
        "odb run -m net.onnx -t qnn:htp -O op_packages=Relu:/x/evil.so:f:CPU",
        "odb run -m net.onnx -o /home/me",
        "odb run -m net.onnx --output x",
        "odb run -m net.onnx --base-python ./evil",
        "odb run -m net.onnx --against x",
        "odb run -m net.onnx --allow-unsafe-options op_packages",
        "odb run -m /etc/passwd",
        "odb run -m net.onnx --input x=/etc/passwd",
        "odb run -m net.onnx --prompts ../../secret.txt",
        "odb run -m net.onnx --plugin /tmp/evil.py",
        "odb report x",
        "rm -rf x",
        "sudo odb run -m net.onnx",
    ],
)
def test_a_command_that_is_more_is_not_shown(command: str) -> None:
    """Shell syntax, control characters, flags that a rerun never has, acting options, paths out of the folder."""
    assert not plain_run(command)
