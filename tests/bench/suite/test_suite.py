"""Reading what the user asked for."""

from pathlib import Path

import pytest

from bench.contracts import Scenario
from bench.errors import InputError, UnknownName
from bench.suite.suite import ModelAsk, Suite, TargetAsk, check, load_suite, parse_input, parse_pair, parse_shape
from bench.suite.untrusted import Untrusted


def test_a_full_suite_is_read(tmp_path: Path) -> None:
    """Every field of a TOML suite arrives, and relative paths are relative to the file."""
    (tmp_path / "net.onnx").write_bytes(b"x")
    (tmp_path / "cat.jpg").write_bytes(b"x")
    file = tmp_path / "suite.toml"
    file.write_text(
        'name = "poc"\npreset = "standard"\nseed = 3\nstrict_placement = true\n'
        '[options]\n"qnn.soc" = "qcs6490"\n'
        '[[models]]\nsource = "net.onnx"\nshapes = {x = [1, 3]}\ninputs = {x = "cat.jpg"}\n'
        '[[models]]\nsource = "resnet50"\n'
        '[[targets]]\nid = "ort:cpu"\noptions = {intra_op_num_threads = "1"}\n'
        '[[scenarios]]\nname = "offline"\nlanes = 2\n'
    )
    expected = Suite(
        name="poc",
        preset="standard",
        seed=3,
        strict_placement=True,
        options={"qnn.soc": "qcs6490"},
        untrusted=Untrusted(str(file), frozenset({"qnn.soc"}), 1),
        models=(
            ModelAsk(str(tmp_path / "net.onnx"), shapes={"x": (1, 3)}, inputs={"x": str(tmp_path / "cat.jpg")}),
            ModelAsk("resnet50"),
        ),
        targets=(TargetAsk("ort:cpu", {"intra_op_num_threads": "1"}),),
        scenarios=(Scenario("offline", lanes=2),),
    )
    assert load_suite(file) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("presett = 'quick'\n", "unknown key in {file}: presett\nDid you mean preset?"),
        ("[[models]]\nsorce = 'x'\n", "unknown key in {file} [[models]] number 1: sorce\nDid you mean source?"),
        (
            "seed = 'three'\n",
            "{file}: seed: an integer is expected, not a string\nWrite it as in this example: seed = 1",
        ),
        ("seed = \n", "{file}: not TOML: Invalid value (at line 1, column 8)"),
        (
            "[[models]]\nsource = 'gone.onnx'\n",
            "model {folder}/gone.onnx: no such file\nCheck the path, or see `odb list models`.",
        ),
        (
            "[[scenarios]]\nname = 'ofline'\n",
            "unknown scenario: ofline\nDid you mean offline? A plugin file's scenario needs --plugin FILE.",
        ),
        ("repeats = 0\n", "repeats must be 1 or more, not 0"),
        (
            "[[scenarios]]\nlanes = 0\n",
            "scenario single-stream: lanes must be 1 or more, not 0\n"
            "lanes takes numbers of 1 or more; odb list scenarios shows all parameters.",
        ),
        ("timeout_s = -1.0\n", "timeout_s must be above 0 and finite, not -1.0"),
    ],
)
def test_a_bad_suite_names_file_and_field(tmp_path: Path, text: str, message: str) -> None:
    """Every mistake in a TOML file is answered with the file, the field and what to do."""
    file = tmp_path / "suite.toml"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        load_suite(file)
    assert str(error.value) == message.format(file=file, folder=tmp_path)


def test_a_missing_suite_is_named(tmp_path: Path) -> None:
    """A suite file that is not there is named."""
    with pytest.raises(InputError, match=r"nowhere\.toml: no such file"):
        load_suite(tmp_path / "nowhere.toml")


def test_a_missing_input_file_is_named(tmp_path: Path) -> None:
    """An input file that is not there is named with its tensor."""
    with pytest.raises(InputError, match=r"input x=gone\.npy: no such file"):
        check(Suite(models=(ModelAsk("resnet50", inputs={"x": "gone.npy"}),)))


def test_flags_are_parsed() -> None:
    """key=value and name=dims come apart; a value may hold an equals sign."""
    assert parse_pair("-O", "a.b=c=d") == ("a.b", "c=d")
    assert parse_shape("images=1,3,224,224") == ("images", (1, 3, 224, 224))
    assert parse_shape("scalar=") == ("scalar", ())
    assert parse_shape("cache=1,4,0,16") == ("cache", (1, 4, 0, 16))
    assert parse_shape("step=0/x=1,3") == ("step=0/x", (1, 3))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x=x.npy", ("x", "x.npy")),
        ("step=0/x=x.npy", ("step=0/x", "x.npy")),
        ("x=seed=1.npy", ("x", "seed=1.npy")),
        ("step=0/x=seed=1.npy", ("step=0/x", "seed=1.npy")),
        ("all.npz", ("", "all.npz")),
        ("seed=1.npz", ("", "seed=1.npz")),
        ("gone.npz", ("", "gone.npz")),
        ("x=gone=1.npy", ("x", "gone=1.npy")),
    ],
)
def test_names_of_inputs_and_of_files_may_hold_an_equals_sign(
    text: str, expected: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that exists divides them; where none does, the first sign."""
    monkeypatch.chdir(tmp_path)
    for name in ("x.npy", "seed=1.npy", "all.npz", "seed=1.npz"):
        (tmp_path / name).touch()
    assert expected == parse_input(text)


@pytest.mark.parametrize("text", ["x", "=1", "x=1,a", "x=-1"])
def test_bad_flags_are_refused(text: str) -> None:
    """A shape that is none is an error that repeats it."""
    with pytest.raises(InputError, match="--shape"):
        parse_shape(text)


def test_an_unknown_scenario_offers_the_nearest() -> None:
    """Scenario names are LoadGen's."""
    with pytest.raises(UnknownName, match="single-stream"):
        check(Suite(scenarios=(Scenario("singlestream"),)))


def test_paths_of_quality_are_beside_the_suite(tmp_path: Path) -> None:
    """A dataset and a float reference are relative to the suite's folder, as a model is."""
    for name in ("net.tflite", "float.tflite"):
        (tmp_path / name).touch()
    (tmp_path / "photos").mkdir()
    text = 'check_inputs = 8\n[[models]]\nsource = "net.tflite"\ndataset = "photos"\nreference = "float.tflite"\n'
    (tmp_path / "suite.toml").write_text(text)
    suite = load_suite(tmp_path / "suite.toml")
    assert (8, str(tmp_path / "photos"), str(tmp_path / "float.tflite")) == (
        suite.check_inputs,
        suite.models[0].dataset,
        suite.models[0].reference,
    )


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ({"dataset": "gone"}, "dataset gone: no such folder"),
        ({"preprocessing": "scal=1"}, "unknown image preprocessing: scal"),
        ({"reference": "gone.onnx"}, "reference gone.onnx: no such file"),
        ({"dataset_options": "label_offset=1"}, "model resnet50: dataset_options without a dataset"),
        ({"dataset": ".", "dataset_options": "ofset=1"}, "unknown key in --dataset-options: ofset"),
    ],
)
def test_what_quality_needs_is_checked_first(ask: dict[str, str], message: str) -> None:
    """A folder or file that is not there, and a wrong option, are told before anything is opened."""
    with pytest.raises(InputError, match=message):
        check(Suite(models=(ModelAsk("resnet50", **ask),)))
    with pytest.raises(InputError, match="check_inputs must be 1 or more, not 0"):
        check(Suite(check_inputs=0))


def test_a_reference_may_be_a_folder(tmp_path: Path) -> None:
    """As a language model comes from Hugging Face."""
    check(Suite(models=(ModelAsk("resnet50", reference=str(tmp_path)),)))


def test_a_suite_cannot_call_itself_trusted(tmp_path: Path) -> None:
    """What came from the file is for the program to say."""
    (tmp_path / "suite.toml").write_text("[untrusted]\norigin = 'x'\n")
    with pytest.raises(UnknownName, match="untrusted"):
        load_suite(tmp_path / "suite.toml")


def test_a_scenario_may_be_for_some_models_only(tmp_path: Path) -> None:
    """By their sources, beside the suite like the models themselves; the others are played with all."""
    (tmp_path / "net.onnx").touch()
    (tmp_path / "suite.toml").write_text(
        '[[models]]\nsource = "net.onnx"\n[[models]]\nsource = "resnet50"\n'
        '[[scenarios]]\nname = "offline"\nmodels = ["net.onnx"]\n[[scenarios]]\nname = "single-stream"\n'
    )
    suite = load_suite(tmp_path / "suite.toml")
    assert suite.scenario_models == ((str(tmp_path / "net.onnx"),), ())
    assert suite.scenarios == (Scenario("offline"), Scenario("single-stream"))


@pytest.mark.parametrize(("models", "told"), [('["resnet5"]', "resnet50"), ("3", "suite.toml"), ("[3]", "suite.toml")])
def test_a_scenario_of_an_unknown_model_is_refused(models: str, told: str, tmp_path: Path) -> None:
    """With the nearest, or the file."""
    (tmp_path / "suite.toml").write_text(
        f'[[models]]\nsource = "resnet50"\n[[scenarios]]\nname = "offline"\nmodels = {models}\n'
    )
    with pytest.raises(InputError) as raised:
        load_suite(tmp_path / "suite.toml")
    assert told in str(raised.value)
