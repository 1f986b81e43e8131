"""Options of the QNN provider."""

import pytest
from doc_pages import DOCS

from bench.errors import InputError
from bench.suite.suite import load_suite
from bench.targets.qnn.options import CHOICES, FLAGS, VALUES, known, provider_options
from bench.targets.qnn.socs import named


def test_a_soc_becomes_its_two_numbers() -> None:
    """``soc`` is this project's word; the provider knows soc_model and htp_arch."""
    expected = {"soc_model": "69", "htp_arch": "79", "vtcm_mb": "8"}
    given = provider_options({"soc": "snapdragon-8-elite", "vtcm_mb": "8"}, "htp-emu", named("snapdragon-8-elite"))
    assert expected == given


def test_the_users_own_architecture_wins() -> None:
    """Options given by the provider's names replace what the table says."""
    given = provider_options({"soc_model": "69", "htp_arch": "75"}, "htp", named("snapdragon-8-elite"))
    assert {"soc_model": "69", "htp_arch": "75"} == given


def test_every_choice_is_an_option() -> None:
    """No list of values for a name that does not exist."""
    assert set() == set(CHOICES) - {*FLAGS, *VALUES}


@pytest.mark.parametrize("device", ["htp", "gpu", "htp-emu"])
def test_every_option_is_described(device: str) -> None:
    """A code without an entry would be shown as the code."""
    assert [] == [name for name, text in known(device).items() if str(text).startswith("qnn.option.")]


def test_the_gpu_knows_nothing_of_the_htp() -> None:
    """HTP options on the GPU would be ignored silently, so they do not exist there."""
    assert [] == [name for name in known("gpu") if "htp" in name or name.startswith("soc")]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"htp_performance_mode": "fast"}, "htp_performance_mode=fast"),
        ({"offload_graph_io_quantization": "yes"}, "offload_graph_io_quantization=yes"),
        ({"backend_path": "libQnnCpu.so"}, "option backend_path"),
    ],
)
def test_bad_options_are_named(options: dict[str, str], part: str) -> None:
    """The message holds the option and its value."""
    with pytest.raises(InputError, match=part):
        provider_options(options, "htp", None)


def test_the_suite_of_performance_modes_asks_for_two_modes_of_one_device() -> None:
    """docs/examples/htp-modes.toml: nothing else differs, and the HTP takes both."""
    suite = load_suite(DOCS / "examples" / "htp-modes.toml")
    modes = [{"htp_performance_mode": mode} for mode in ("burst", "sustained_high_performance")]
    assert [("qnn:htp", mode) for mode in modes] == [(target.id, target.options) for target in suite.targets]
    assert modes == [provider_options(mode, "htp", None) for mode in modes]
    assert (1, 1) == (len(suite.models), len({target.id for target in suite.targets}))
