"""Finding and loading plugins."""

from pathlib import Path

import pytest

from bench.errors import InputError, PluginError, UnknownName
from bench.plugins import discover, load

TESTING = Path(__file__).resolve().parents[2] / "bench" / "testing" / "plugins.py"


def test_built_ins_come_through_the_entry_points() -> None:
    """The built-in plugins are registered as anybody's are."""
    catalog = discover()
    assert {"openvino", "ort", "qnn"} <= set(catalog.names("targets"))
    assert {"mobilenet_v2", "resnet50", "llama-15M", ".onnx", ".xml", ".tflite"} <= set(catalog.names("models"))
    assert {"html", "md", "csv", "json", "terminal"} <= set(catalog.names("reports"))


def test_a_file_adds_its_plugins() -> None:
    """--plugin makes what PLUGINS declares known, and load makes an instance."""
    catalog = discover([TESTING])
    ref = catalog.find("targets", "null")
    assert (ref.from_file, ref.provider) == (True, "plugins.py")
    assert load(ref).summary == "does nothing; measures the harness"


def test_a_plugin_that_raises_on_import_is_named(tmp_path: Path) -> None:
    """A broken plugin file is an error that says which, and what it raised."""
    broken = tmp_path / "broken.py"
    broken.write_text("raise RuntimeError('no licence')\n")
    with pytest.raises(PluginError, match=r"broken.py: raised RuntimeError on import: no licence"):
        discover([broken])


@pytest.mark.parametrize("text", ["x = 1\n", "PLUGINS = {}\n", "PLUGINS = {'wheels': {}}\n"])
def test_a_file_that_declares_nothing_is_refused(tmp_path: Path, text: str) -> None:
    """A plugin file must say what it offers, by known kinds."""
    file = tmp_path / "empty.py"
    file.write_text(text)
    with pytest.raises(InputError, match="no PLUGINS found"):
        discover([file])


def test_a_missing_file_is_named() -> None:
    """--plugin of a file that is not there names it."""
    with pytest.raises(InputError, match=r"--plugin nowhere\.py: no such file"):
        discover([Path("nowhere.py")])


def test_an_unknown_name_offers_the_nearest() -> None:
    """A typo in a plugin's name is answered with the right one."""
    with pytest.raises(UnknownName) as error:
        discover().find("targets", "openvno")
    assert (error.value.message, error.value.remedy) == ("unknown target: openvno", "Did you mean openvino?")


def test_a_plugin_whose_module_is_gone_is_a_plugin_error() -> None:
    """An entry point that leads nowhere says whose it is."""
    from bench.plugins import PluginRef

    with pytest.raises(PluginError, match="plugin ghost of acme cannot be loaded: ModuleNotFoundError"):
        load(PluginRef("targets", "ghost", "no_such_module:Ghost", "acme"))
