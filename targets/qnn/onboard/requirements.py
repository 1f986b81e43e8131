"""What the HTP needs of a board with Linux, check by check; each is a function of a root folder.

What is looked for is what libQnnHtp and its stubs open, what Qualcomm's FastRPC library (github.com/qualcomm/fastrpc)
opens, and what ONNX Runtime's provider sets; docs/boards.md names the sources.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from bench.contracts import Requirement
from bench.targets.processor import text_of
from bench.targets.qnn.onboard.firmware import firmware_version, remote_processor
from bench.targets.qnn.onboard.soc import Board, board_of
from bench.words import Sentence, sentence

State = Literal["ok", "doubtful", "missing"]
May = Callable[[Path, int], bool]
"""``os.access``: whether this user may open a node."""

NODES = ("fastrpc-cdsp", "fastrpc-cdsp-secure", "fastrpc-cdsp1", "adsprpc-smd", "adsprpc-smd-secure")
"""Of Linux' own FastRPC driver, and of Qualcomm's older one, as Android has it."""
LIBRARY = "libcdsprpc.so"
"""Needed by every libQnnHtpV…Stub.so under this name, without a version."""
LIBRARY_FOLDERS = (
    *("usr/lib/aarch64-linux-gnu", "lib/aarch64-linux-gnu", "usr/lib64", "lib64", "usr/lib", "lib", "usr/local/lib"),
    *("vendor/lib64", "system/vendor/lib64", "system/lib64"),
)
PATHS = ("DSP_LIBRARY_PATH", "ADSP_LIBRARY_PATH")
"""Where FastRPC looks for skeletons: the first that is set; folders are separated by semicolons."""
SHELL = "fastrpc_shell_unsigned_3"
"""What the CDSP (domain 3) starts for a program that is not signed."""
SHELL_FOLDERS = (
    *("usr/lib/rfsa/adsp", "usr/lib/dsp", "usr/lib/dsp/cdsp", "dsp", "dsp/cdsp", "vendor/dsp", "vendor/dsp/cdsp"),
    *("usr/share/qcom/*/*/*/dsp/cdsp", "usr/share/qcom/*/*/*/dsp", "usr/share/qcom/*/*/*"),
)
HEAP = "dev/dma_heap/system"
RUNNING = ("running", "attached")


def requirements(
    root: Path = Path("/"),
    wheel: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    may: May = os.access,
) -> tuple[Requirement, ...]:
    """Everything that ``qnn:htp`` needs under ``root``, in the order in which a person would look. ``wheel``: the
    folder with the libraries of onnxruntime-qnn, if it is installed."""
    board = board_of(root)
    if board is None:
        return (_one("soc", "missing", sentence("qnn.need.soc.none"), sentence("qnn.run_on_snapdragon")),)
    return (
        chip(board),
        remote(root),
        firmware(root),
        node(root, may),
        library(root, environ),
        *skeletons(board, wheel, environ),
        shell(root),
        heap(root, may),
    )


def chip(board: Board) -> Requirement:
    """The SoC, and whether it is in the table."""
    if board.soc is None:
        message = sentence("qnn.need.soc.unknown", chip=board.name)
        return _one("soc", "doubtful", message, sentence("qnn.need.soc.unknown.remedy"))
    return _one("soc", "ok", sentence("qnn.need.soc.known", chip=board.name, arch=board.soc.htp_arch))


def remote(root: Path) -> Requirement:
    """The CDSP as the kernel's remoteproc framework sees it."""
    found = remote_processor(root)
    if found is None:
        remedy = sentence("qnn.need.cdsp.none.remedy")
        return _one("cdsp", "doubtful", sentence("qnn.need.cdsp.none"), remedy)
    state = text_of(found / "state") or "unknown"
    if state in RUNNING:
        return _one("cdsp", "ok", sentence("qnn.need.cdsp.running", remote=found.name))
    file = text_of(found / "firmware") or "cdsp.mbn"
    remedy = sentence("qnn.need.cdsp.stopped.remedy", remote=found.name, file=file)
    return _one("cdsp", "missing", sentence("qnn.need.cdsp.stopped", remote=found.name, state=state), remedy)


def firmware(root: Path) -> Requirement:
    """The version of the CDSP's firmware, from its image or from the kernel."""
    version = firmware_version(root)
    if version is None:
        message, remedy = sentence("qnn.need.firmware.unread"), sentence("qnn.need.firmware.unread.remedy")
        return _one("firmware", "doubtful", message, remedy)
    return _one("firmware", "ok", version)


def node(root: Path, may: May = os.access) -> Requirement:
    """A FastRPC node of the CDSP that this user may open."""
    nodes = [root / "dev" / name for name in NODES if (root / "dev" / name).exists()]
    if not nodes:
        return _one("fastrpc", "missing", sentence("qnn.need.node.none"), sentence("qnn.need.node.none.remedy"))
    usable = [node for node in nodes if may(node, os.R_OK | os.W_OK)]
    if usable:
        return _one("fastrpc", "ok", sentence("qnn.need.node.ok", node=usable[0].name))
    message = sentence("qnn.need.node.closed", nodes=[node.name for node in nodes])
    group = _group_that_may(nodes)
    if group:
        return _one("fastrpc", "missing", message, sentence("qnn.need.node.join", group=group))
    return _one("fastrpc", "missing", message, sentence("qnn.need.node.rule"))


def _group_that_may(nodes: Sequence[Path]) -> str:
    """The group whose members may open one of the nodes; empty where only root may."""
    try:
        import grp
    except ImportError:
        return ""
    for node in nodes:
        facts = node.stat()
        if facts.st_gid and facts.st_mode & 0o060 == 0o060:
            try:
                return grp.getgrgid(facts.st_gid).gr_name
            except KeyError:
                return str(facts.st_gid)
    return ""


def library(root: Path, environ: Mapping[str, str] = os.environ) -> Requirement:
    """FastRPC's library, under the name that the stubs load."""
    own = [folder.lstrip("/") for folder in environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
    folders = [root / folder for folder in (*own, *LIBRARY_FOLDERS)]
    if any((folder / LIBRARY).exists() for folder in folders):
        return _one("libcdsprpc", "ok", sentence("qnn.need.library.ok", file=LIBRARY))
    versioned = [file for folder in folders for file in sorted(folder.glob(f"{LIBRARY}.*"))]
    if versioned:
        found = versioned[0]
        message = sentence("qnn.need.library.versioned", file=LIBRARY, found=found.name)
        remedy = sentence("qnn.need.library.link", link=f"/{(found.parent / LIBRARY).relative_to(root)}", to=found.name)
        return _one("libcdsprpc", "missing", message, remedy)
    message = sentence("qnn.need.library.none", file=LIBRARY)
    return _one("libcdsprpc", "missing", message, sentence("qnn.need.library.none.remedy"))


def skeletons(board: Board, wheel: Path | None, environ: Mapping[str, str]) -> Iterator[Requirement]:
    """The skeleton of the HTP's architecture, and whether FastRPC will find it.

    ONNX Runtime's provider sets ``ADSP_LIBRARY_PATH`` to the folder of libQnnHtp, but leaves one that is set.
    """
    if wheel is None:
        return
    pattern = "libQnnHtpV*Skel.so" if board.soc is None else f"libQnnHtpV{board.soc.htp_arch}Skel.so"
    if not sorted(wheel.glob(pattern)):
        message = sentence("qnn.need.skeleton.none", file=pattern)
        yield _one("skeleton", "missing", message, sentence("qnn.install_newer"))
        return
    variable = next((name for name in PATHS if environ.get(name)), "")
    if not variable:
        yield _one("skeleton", "ok", sentence("qnn.need.skeleton.ok", file=pattern))
        return
    folders = [Path(folder) for folder in environ[variable].split(";") if folder]
    holding = [folder for folder in folders if sorted(folder.glob(pattern))]
    remedy = sentence("qnn.need.skeleton.unset", variable=variable)
    if not holding:
        yield _one("skeleton", "missing", sentence("qnn.need.skeleton.hidden", variable=variable, file=pattern), remedy)
    elif holding[0].resolve() != wheel.resolve():
        yield _one("skeleton", "doubtful", sentence("qnn.need.skeleton.other", variable=variable, file=pattern), remedy)
    else:
        yield _one("skeleton", "ok", sentence("qnn.need.skeleton.ok", file=pattern))


def shell(root: Path) -> Requirement:
    """What the DSP starts for each program; it comes with the DSP's binaries of the board."""
    if any(sorted(root.glob(f"{folder}/{SHELL}")) for folder in SHELL_FOLDERS):
        return _one("shell", "ok", sentence("qnn.need.shell.ok", file=SHELL))
    return _one(
        "shell", "doubtful", sentence("qnn.need.shell.none", file=SHELL), sentence("qnn.need.shell.none.remedy")
    )


def heap(root: Path, may: May = os.access) -> Requirement:
    """The heap that FastRPC's library takes shared memory from; without it, it asks the FastRPC node."""
    path = root / HEAP
    if not path.exists():
        return _one("dma_heap", "doubtful", sentence("qnn.need.heap.none"), sentence("qnn.need.heap.none.remedy"))
    if not may(path, os.R_OK):
        return _one("dma_heap", "doubtful", sentence("qnn.need.heap.closed"), sentence("qnn.need.heap.closed.remedy"))
    return _one("dma_heap", "ok", sentence("qnn.need.heap.ok"))


def _one(name: str, state: State, message: Sentence | str, remedy: Sentence | str = "") -> Requirement:
    title = sentence(f"qnn.need.{name}.title")
    return Requirement(device="htp", name=name, title=title, state=state, message=message, remedy=remedy)
