"""For which chip a compiled context was made, and what the emulator plays of it."""

import platform
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.contracts import Artifact, GraphFacts, ModelRequest, OpenRequest, Phase, TensorSession
from bench.errors import RunFailure
from bench.models.files.onnx_file import OnnxFile
from bench.targets.qnn.contexts import CompiledFor, compiled_for, played_as, refuse_other_soc
from bench.targets.qnn.socs import SOCS
from bench.targets.qnn.target import OnnxRuntimeQnn, soc_of

Make = Callable[..., Artifact]
CONTEXT = GraphFacts((), (), {"EPContext": 1})
QCS6490 = b"\x08\x01binary soc_type=QCS6490;arch=68;relaxed_precision_flag=true \x00"


@pytest.fixture
def holding(tmp_path: Path, artifact_of: Make) -> Callable[..., Artifact]:
    """``holding(bytes of the graph, bytes beside it)``: an artifact of a compiled graph."""

    def made(graph: bytes, beside: bytes | None = None) -> Artifact:
        files = (tmp_path / "net_ctx.onnx", tmp_path / "net_ctx.bin")
        files[0].write_bytes(graph)
        if beside is not None:
            files[1].write_bytes(beside)
        return artifact_of(files[0], files=files[: 1 + (beside is not None)], facts=CONTEXT)

    return made


@pytest.mark.parametrize(
    ("graph", "beside", "expected"),
    [
        (QCS6490, None, CompiledFor("QCS6490", 68)),
        (b"a graph", QCS6490, CompiledFor("QCS6490", 68)),
        (b"soc_type=QCM9999;arch=77;", None, CompiledFor("QCM9999", 77)),
        (b"a graph that says nothing", b"", None),
        (b"soc_type=;arch=68;", b"soc_type=QCS6490", None),
    ],
)
def test_the_binary_says_it(
    holding: Callable[..., Artifact], graph: bytes, beside: bytes | None, expected: CompiledFor | None
) -> None:
    """Inside the graph or in the file beside it."""
    assert expected == compiled_for(holding(graph, beside))


def test_only_a_context_is_read(tmp_path: Path, artifact_of: Make) -> None:
    """Of another graph nothing is looked for, whatever its weights spell."""
    (tmp_path / "net.onnx").write_bytes(QCS6490)
    assert compiled_for(artifact_of(tmp_path / "net.onnx", facts=GraphFacts((), (), {"Conv": 1}))) is None


@pytest.mark.parametrize(
    "options",
    [{}, {"soc": "qcs6490"}, {"soc": "QCS6490"}, {"soc_model": "93", "htp_arch": "68"}, {"htp_arch": "68"}],
)
def test_its_own_chip_is_played(holding: Callable[..., Artifact], options: dict[str, str]) -> None:
    """Said or not; the default chip is not put in its place."""
    artifact = holding(QCS6490)
    OnnxRuntimeQnn().check(artifact, "htp-emu", options)
    soc = soc_of("htp-emu", options, artifact)
    assert (soc.name if soc else None) in (("qcs6490",) if options != {"htp_arch": "68"} else (None,))
    assert "chosen" == played_as(artifact, options, "chosen")


@pytest.mark.parametrize(
    "options", [{"soc": "qcs8550"}, {"soc_model": "60", "htp_arch": "73"}, {"soc_model": "9999"}, {"htp_arch": "73"}]
)
def test_another_chip_is_refused(holding: Callable[..., Artifact], options: dict[str, str]) -> None:
    """Both are named, and what to do."""
    with pytest.raises(RunFailure) as caught:
        refuse_other_soc(holding(QCS6490), options)
    said = " ".join(f"{key}={value}" for key, value in options.items())
    expected = f"net_ctx.onnx is compiled for Dragonwing QCS6490 (QCS6490, HTP v68), but {said} is another chip"
    assert ("bad_input", expected) == (caught.value.kind, caught.value.message)
    assert "the model that it was compiled from" in caught.value.remedy


def test_a_chip_that_the_table_lacks(holding: Callable[..., Artifact]) -> None:
    """It goes by the part that the file states; a chip of the table is another, a number that it lacks may be it."""
    artifact = holding(b"soc_type=QCM9999;arch=77;")
    assert soc_of("htp-emu", {}, artifact) is None
    assert "QCM9999 HTP v77" == played_as(artifact, {}, "SoC unknown HTP v?")
    refuse_other_soc(artifact, {"soc_model": "1234", "htp_arch": "77"})
    for options in ({"soc": "qcs6490"}, {"soc_model": "1234", "htp_arch": "73"}):
        with pytest.raises(RunFailure, match="compiled for QCM9999 HTP v77"):
            refuse_other_soc(artifact, options)


def test_a_chip_that_the_file_does_not_name(holding: Callable[..., Artifact]) -> None:
    """No chip is made up for it; what was asked for is said to be that."""
    artifact = holding(b"nothing")
    assert soc_of("htp-emu", {}, artifact) is None
    assert "a chip that the compiled file does not name" == str(played_as(artifact, {}, "SoC unknown HTP v?"))
    said = played_as(artifact, {"soc": "qcs6490"}, "Dragonwing QCS6490 (QCS6490) HTP v68")
    assert str(said) == "Dragonwing QCS6490 (QCS6490) HTP v68 as asked for (the compiled file does not name its chip)"


@pytest.mark.parametrize(
    ("graph", "options", "expected"),
    [
        (QCS6490, {}, "Dragonwing QCS6490 (QCS6490) HTP v68"),
        (b"soc_type=QCM9999;arch=77;", {}, "QCM9999 HTP v77"),
        (b"nothing", {}, "a chip that the compiled file does not name"),
        (QCS6490, {"soc": "qcs8550"}, "Dragonwing QCS8550 (QCS8550) HTP v73"),
    ],
)
def test_the_chip_is_named_before_a_context_is_opened(
    holding: Callable[..., Artifact], graph: bytes, options: dict[str, str], expected: str
) -> None:
    """So that a context that does not open is reported under its chip and not under the default one; a chip that was
    asked for and refused is the one that was asked for."""
    named = OnnxRuntimeQnn().name_of("htp-emu", options, holding(graph))
    assert str(named).startswith(f"{expected}, emulated on ")


@pytest.mark.real
@pytest.mark.parametrize(("soc", "embedded"), [("qcs6490", True), ("qcs6490", False), ("qcs8550", True)])
def test_what_the_compiler_writes(soc: str, embedded: bool, qdq_net: Path, tmp_path: Path, phase: Phase) -> None:
    """A context compiled here is played as its own chip, and as no other."""
    pytest.importorskip("onnxruntime_qnn")
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("the HTP's emulator exists only for x86-64")
    target, made = OnnxRuntimeQnn(), tmp_path / "compiled.onnx"
    options = {"soc": soc, "ep.context_enable": "1", "ep.context_file_path": str(made)}
    options |= {"ep.context_embed_mode": "1" if embedded else "0", "offload_graph_io_quantization": "0"}
    source = OnnxFile().prepare(ModelRequest(str(qdq_net)), tmp_path)
    target.open(OpenRequest(source, "htp-emu", options), phase)
    artifact = OnnxFile().prepare(ModelRequest(str(made)), tmp_path)
    row = next(one for one in SOCS if one.name == soc)
    assert CompiledFor(row.part, row.htp_arch) == compiled_for(artifact)
    session = target.open(OpenRequest(artifact, "htp-emu", {}), phase)
    assert isinstance(session, TensorSession)
    named = str(session.facts().device_name)
    assert named.startswith(f"{row.marketing} ({row.part}) HTP v{row.htp_arch}, emulated on ")
    with pytest.raises(RunFailure, match=f"compiled for {row.marketing}"):
        target.check(artifact, "htp-emu", {"soc": "snapdragon-x-elite"})
