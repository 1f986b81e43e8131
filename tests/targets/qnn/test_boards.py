"""What the HTP needs of a board with Linux: folders laid out as public sources show boards, each with its sources."""

import os
import platform
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from bench.contracts import Requirement, RequiringTarget
from bench.errors import OdbError
from bench.execution.preflight.every import surveys
from bench.execution.preflight.survey import Asked, Watcher
from bench.plugins import discover
from bench.suite.suite import ModelAsk, Suite, TargetAsk
from bench.targets.qnn import devices as qnn_devices
from bench.targets.qnn.onboard.firmware import firmware_version
from bench.targets.qnn.onboard.requirements import PATHS, requirements
from bench.targets.qnn.onboard.soc import SOC_IDS, board_of
from bench.targets.qnn.socs import SOCS
from bench.targets.qnn.target import OnnxRuntimeQnn

BOARDS = Path(__file__).parent / "boards"
SKELETONS = ("V68", "V69", "V73", "V75", "V79", "V81")
"""Of onnxruntime_qnn 2.7.0's wheel for manylinux_2_34_aarch64."""


def board(root: Path, name: str, **more: str) -> Path:
    """The recorded folder, with further files."""
    lines = [line for line in (BOARDS / f"{name}.txt").read_text().splitlines() if not line.startswith("#")]
    files = dict(line.partition(" =")[::2] for line in lines) | {k.replace("__", "/"): v for k, v in more.items()}
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text.strip().replace("\\0", "\0"))
    return root


def wheel(folder: Path, *architectures: str) -> Path:
    """The folder of onnxruntime-qnn with these skeletons."""
    folder.mkdir(exist_ok=True)
    for architecture in architectures or SKELETONS:
        (folder / f"libQnnHtp{architecture}Skel.so").touch()
    return folder


def needs(root: Path, environ: Mapping[str, str] | None = None, root_only: tuple[str, ...] = ()) -> dict[str, str]:
    """State by name, for a user who may open everything but ``root_only``."""
    found = requirements(root, wheel(root / "wheel"), environ or {}, lambda node, mode: node.name not in root_only)
    assert all(bool(str(one.remedy)) == (one.state != "ok") for one in found)
    return {one.name: one.state for one in found}


def one(root: Path, name: str, environ: Mapping[str, str] | None = None) -> Requirement:
    found = requirements(root, wheel(root / "wheel"), environ or {}, lambda node, mode: True)
    return next(need for need in found if need.name == name)


ALL_WELL = dict.fromkeys("soc cdsp firmware fastrpc libcdsprpc skeleton shell dma_heap".split(), "ok")
EXPECTED: dict[str, tuple[str, int | None, str, dict[str, str]]] = {
    "rb3gen2": ("Dragonwing QCS6490 (QCS6490)", 498, "qcs6490", ALL_WELL),
    "dragon_q6a": (
        "Dragonwing QCS6490 (QCS6490)",
        498,
        "qcs6490",
        ALL_WELL | {"firmware": "doubtful", "libcdsprpc": "missing"},
    ),
    "iq9": (
        "Dragonwing QCS9100 (QCS9075)",
        676,
        "qcs9100",
        ALL_WELL | {"cdsp": "missing", "firmware": "doubtful", "shell": "doubtful", "dma_heap": "doubtful"},
    ),
    "x_elite": (
        "Snapdragon X Elite (X1E80100)",
        None,
        "snapdragon-x-elite",
        {
            "soc": "ok",
            "cdsp": "missing",
            "firmware": "doubtful",
            "fastrpc": "missing",
            "libcdsprpc": "missing",
            "skeleton": "ok",
            "shell": "doubtful",
            "dma_heap": "doubtful",
        },
    ),
    "android_8_gen_2": (
        "Snapdragon 8 Gen 2 (KALAMA)",
        519,
        "snapdragon-8-gen-2",
        ALL_WELL | {"cdsp": "doubtful", "firmware": "doubtful"},
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_board_is_known_and_says_what_it_lacks(tmp_path: Path, name: str) -> None:
    """The chip by number or device tree, its row, and the state of each thing that the HTP needs."""
    called, number, row, states = EXPECTED[name]
    root = board(tmp_path, name)
    found = board_of(root)
    assert found is not None
    assert found.soc is not None
    assert (called, number, row) == (found.name, found.soc_id, found.soc.name)
    assert states == needs(root)


def test_a_chip_that_is_not_in_the_table_is_named_and_no_row_is_guessed(tmp_path: Path) -> None:
    """It keeps the kernel's name, its requirement is doubtful, and any skeleton will do."""
    found = board_of(board(tmp_path, "sa8775p"))
    assert found is not None
    assert ("SA8775P", 534, None) == (found.name, found.soc_id, found.soc)
    assert ("doubtful", "SA8775P: not in the table of SoCs") == (
        one(tmp_path, "soc").state,
        str(one(tmp_path, "soc").message)[:33],
    )
    assert one(tmp_path, "skeleton").state == "ok"


def test_a_number_without_a_name_is_told_as_the_number(tmp_path: Path) -> None:
    """A chip newer than every table."""
    root = board(tmp_path, "sa8775p", sys__devices__soc0__soc_id="999", sys__devices__soc0__machine="")
    found = board_of(root)
    assert found is not None
    assert ("soc_id 999", None) == (found.name, found.soc)


def test_another_makers_board_needs_another_board(tmp_path: Path) -> None:
    """One line instead of eight that cannot be mended."""
    root = board(tmp_path, "raspberry_pi_5")
    assert board_of(root) is None
    assert {"soc": "missing"} == needs(root)


def test_the_second_place_of_the_number_is_read_too(tmp_path: Path) -> None:
    """libQnnHtp opens /sys/devices/system/soc/soc0/id where soc0/soc_id is missing."""
    (tmp_path / "sys/devices/system/soc/soc0").mkdir(parents=True)
    (tmp_path / "sys/devices/system/soc/soc0/id").write_text("557\n")
    found = board_of(tmp_path)
    assert found is not None
    assert "Snapdragon 8 Gen 3 (SM8650)" == found.name


def test_every_row_that_is_named_exists() -> None:
    """A part of the table of numbers is a part of the table of SoCs."""
    assert {part for _, part in SOC_IDS.values() if part} <= {soc.part for soc in SOCS}


def test_a_node_that_only_root_may_open(tmp_path: Path) -> None:
    """The udev rule is given; where a group may open it, the group."""
    root = board(tmp_path, "rb3gen2")
    assert needs(root, root_only=("fastrpc-cdsp",))["fastrpc"] == "missing"
    node = root / "dev/fastrpc-cdsp"
    node.chmod(0o600)
    closed = requirements(root, None, {}, lambda path, mode: False)
    assert "udev" in str(next(need.remedy for need in closed if need.name == "fastrpc"))
    if sys.platform == "linux" and os.getuid() == 0:
        import grp

        node.chmod(0o660)
        os.chown(node, 0, grp.getgrnam("audio").gr_gid)
        closed = requirements(root, None, {}, lambda path, mode: False)
        assert "sudo usermod -aG audio $USER" in str(next(n.remedy for n in closed if n.name == "fastrpc"))


def test_a_library_without_its_plain_name(tmp_path: Path) -> None:
    """The command makes the name that the stubs load; a folder of LD_LIBRARY_PATH counts."""
    root = board(tmp_path, "dragon_q6a")
    assert "sudo ln -s libcdsprpc.so.1 /usr/lib/libcdsprpc.so && sudo ldconfig" == str(one(root, "libcdsprpc").remedy)
    (root / "opt/fastrpc").mkdir(parents=True)
    (root / "opt/fastrpc/libcdsprpc.so").touch()
    assert one(root, "libcdsprpc", {"LD_LIBRARY_PATH": "/nowhere:/opt/fastrpc"}).state == "ok"


@pytest.mark.parametrize("variable", PATHS)
def test_a_variable_that_hides_the_skeletons(tmp_path: Path, variable: str) -> None:
    """ONNX Runtime leaves a variable that is set: its folders must hold the wheel's own skeletons."""
    root = board(tmp_path, "rb3gen2")
    other = wheel(tmp_path / "sdk", "V68")
    own = tmp_path / "wheel"
    assert [
        ("missing", one(root, "skeleton", {variable: "/dsp;/usr/lib/dsp"}).state),
        ("doubtful", one(root, "skeleton", {variable: f"{other};{own}"}).state),
        ("ok", one(root, "skeleton", {variable: f"{own};/dsp"}).state),
        ("ok", one(root, "skeleton", {variable: ""}).state),
    ] == [(expected, expected) for expected in ("missing", "doubtful", "ok", "ok")]
    assert f"unset {variable};" in str(one(root, "skeleton", {variable: "/dsp"}).remedy)


def test_the_variable_that_fastrpc_prefers_decides(tmp_path: Path) -> None:
    """DSP_LIBRARY_PATH comes before ADSP_LIBRARY_PATH."""
    root = board(tmp_path, "rb3gen2")
    environ = {"DSP_LIBRARY_PATH": "/dsp", "ADSP_LIBRARY_PATH": str(tmp_path / "wheel")}
    assert "DSP_LIBRARY_PATH is set" in str(one(root, "skeleton", environ).message)


def test_a_wheel_without_the_chips_skeleton(tmp_path: Path) -> None:
    """Its architecture is named."""
    found = requirements(board(tmp_path, "rb3gen2"), wheel(tmp_path / "old", "V73"), {}, lambda node, mode: True)
    skeleton = next(need for need in found if need.name == "skeleton")
    assert ("missing", True) == (skeleton.state, "libQnnHtpV68Skel.so" in str(skeleton.message))


def test_the_firmwares_version(tmp_path: Path) -> None:
    """From the image, from a piece of a split image, and first from the kernel; never from outside the folders."""
    root = board(tmp_path, "rb3gen2")
    assert "CDSP.HT.2.5.c3-00134-KODIAK-1" == firmware_version(root)
    image = root / "lib/firmware/qcom/qcs6490/cdsp.mbn"
    image.rename(image.with_name("cdsp.b04"))
    image.write_bytes(b"\x7fELF")
    assert "CDSP.HT.2.5.c3-00134-KODIAK-1" == firmware_version(root)
    (root / "sys/class/remoteproc/remoteproc0/firmware").write_text("../../secret")
    assert firmware_version(root) is None
    told = root / "sys/kernel/debug/qcom_socinfo/cdsp"
    told.mkdir(parents=True)
    (told / "name").write_text("CDSP.HT.2.8-1\n")
    assert "CDSP.HT.2.8-1" == firmware_version(root)
    (told / "name").unlink()
    (root / "sys/class/remoteproc/remoteproc0/name").unlink()
    assert firmware_version(root) is None


def on(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """A board: aarch64 with Linux, where ONNX Runtime lists the processor alone."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(qnn_devices, "board_of", lambda: board_of(root))
    monkeypatch.setattr(qnn_devices, "provider_devices", list)
    monkeypatch.setattr(qnn_devices, "backend", lambda device: root / "wheel/libQnnHtp.so")
    real = qnn_devices.requirements
    monkeypatch.setattr(qnn_devices, "requirements", lambda wheel: real(root, wheel, {}, lambda node, mode: True))


def test_a_good_board_has_an_htp_that_onnx_runtime_does_not_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is reached by the processor's entry, and named by the kernel."""
    wheel(tmp_path / "wheel")
    on(monkeypatch, board(tmp_path, "rb3gen2"))
    htp, gpu, emulator = qnn_devices.listed()
    assert (True, "HTP of Dragonwing QCS6490 (QCS6490)") == (htp.usable, str(htp.description))
    assert (False, False) == (gpu.usable, emulator.usable)
    assert ["the processor"] == qnn_devices.offered("htp", ["the processor"])


def test_a_board_that_lacks_something_says_all_of_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names everything, the remedy the first thing to do and where the rest is."""
    wheel(tmp_path / "wheel")
    on(monkeypatch, board(tmp_path, "x_elite"))
    htp = qnn_devices.listed()[0]
    reason, remedy = str(htp.reason), str(htp.remedy)
    assert (False, True, True, True) == (
        htp.usable,
        "compute DSP does not run (remoteproc1: offline)" in reason,
        "no FastRPC node" in reason,
        "libcdsprpc.so was not found" in reason,
    )
    assert "qcom/x1e80100/LENOVO/21N1/qccdsp8380.mbn" in remedy
    assert remedy.endswith("`odb doctor` lists all that is missing.")


@pytest.mark.real
@pytest.mark.process
@pytest.mark.usefixtures("in_process")
def test_a_preflight_on_a_board_says_that_the_emulator_is_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be told for any chip, and each says why and what to use instead; the HTP itself is usable."""
    pytest.importorskip("onnxruntime_qnn")
    wheel(tmp_path / "wheel")
    on(monkeypatch, board(tmp_path, "rb3gen2"))
    value = partial(helper.make_tensor_value_info, elem_type=TensorProto.FLOAT, shape=[1, 4])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "net", [value("x")], [value("y")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "net.onnx")
    suite = Suite(models=(ModelAsk(str(tmp_path / "net.onnx")),), targets=(TargetAsk("qnn:htp-emu"),))
    asked = Asked(jobs=1, need={"macs": 0.9})

    def broken(run: object, error: OdbError) -> None:
        raise error

    (found,) = surveys(suite, discover(), cache=tmp_path / "cache", asked=asked, watcher=Watcher(), broken=broken)
    assert (3, "the emulator exists only for x86-64") == (found.status, str(found.device_reason))
    assert "Use qnn:htp on a Snapdragon device." == str(found.device_remedy)
    assert {"foretold"} == {row.status for row in found.rows}


def test_the_plugin_tells_its_requirements() -> None:
    """Nothing on a machine whose driver is all that is needed."""
    target = OnnxRuntimeQnn()
    assert isinstance(target, RequiringTarget)
    if not qnn_devices.is_board():
        assert () == tuple(target.requirements())
