"""ONNX Runtime's session options from strings."""

import pytest

from bench.errors import InputError
from bench.targets.ort.options import ATTRIBUTES, ENTRIES, effective, known, read, session_options


def test_options_are_sorted_by_kind() -> None:
    """Attributes get Python's types, config entries stay strings, the rest is for the provider."""
    settings = read(
        {
            "intra_op_num_threads": "3",
            "enable_mem_pattern": "false",
            "graph_optimization_level": "ORT_DISABLE_ALL",
            "session.disable_prepacking": "true",
            "soc": "qcs6490",
        }
    )
    expected = (
        {"intra_op_num_threads": 3, "enable_mem_pattern": False, "graph_optimization_level": "ORT_DISABLE_ALL"},
        {"session.disable_prepacking": "1"},
        {"soc": "qcs6490"},
    )
    assert expected == (settings.attributes, settings.entries, settings.others)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("intra_op_num_threads", "many"),
        ("enable_cpu_mem_arena", "maybe"),
        ("graph_optimization_level", "ORT_ENABLE_MAGIC"),
        ("session.disable_prepacking", "2"),
        ("session.load_model_format", "PB"),
        ("log_severity_level", "9"),
    ],
)
def test_a_bad_value_names_its_option(name: str, value: str) -> None:
    """The message holds both, and the remedy says what would do."""
    with pytest.raises(InputError) as caught:
        read({name: value})
    assert (True, True) == (f"{name}={value}" in caught.value.message, bool(caught.value.remedy))


def test_no_option_has_two_meanings() -> None:
    """An attribute and a config entry never share a name, and each is described."""
    undescribed = [name for name, text in known().items() if str(text).startswith("ort.option.")]
    assert (set(), []) == (set(ATTRIBUTES) & set(ENTRIES), undescribed)


@pytest.mark.real
def test_what_was_set_is_read_back() -> None:
    """Every kind of option arrives in ONNX Runtime's own object."""
    pytest.importorskip("onnxruntime")
    asked = {
        "intra_op_num_threads": "2",
        "execution_mode": "ORT_PARALLEL",
        "enable_cpu_mem_arena": "false",
        "log_severity_level": "3",
        "session.intra_op.allow_spinning": "0",
    }
    settings = read(asked)
    held = effective(session_options(settings), settings.entries)
    expected = asked | {"enable_cpu_mem_arena": "False"}
    assert expected == {name: held[name] for name in asked}


@pytest.mark.real
def test_every_attribute_exists_in_onnxruntime() -> None:
    """The table names no attribute that the installed version lacks."""
    onnxruntime = pytest.importorskip("onnxruntime")
    assert [] == [name for name in ATTRIBUTES if not hasattr(onnxruntime.SessionOptions(), name)]
