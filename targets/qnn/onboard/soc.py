"""Which SoC a board with Linux on aarch64 has: by what the kernel's driver for it, or else the device tree, says.

``SOC_IDS`` are numbers of ``include/dt-bindings/arm/qcom,ids.h`` of Linux, which drivers/soc/qcom/socinfo.c shows as
``/sys/devices/soc0/soc_id`` with their names as ``machine``. libQnnHtp 2.51 itself opens ``/sys/devices/soc0/soc_id``
and, where that is missing, ``/sys/devices/system/soc/soc0/id``.
"""

import platform
import sys
from pathlib import Path

from msgspec import Struct

from bench.targets.processor import text_of
from bench.targets.qnn.socs import SOCS, Soc

SOC_IDS: dict[int, tuple[str, str]] = {
    439: ("SM8350", "SM8350"),
    449: ("SC8280XP", "SC8280X"),
    457: ("SM8450", "SM8450"),
    460: ("SA8295P", "SA8295"),
    461: ("SA8540P", "SA8540"),
    475: ("SM7325", "SM7325"),
    480: ("SM8450", "SM8450"),
    482: ("SM8450", "SM8450"),
    487: ("SC7280", ""),
    497: ("QCM6490", "QCS6490"),
    498: ("QCS6490", "QCS6490"),
    499: ("SM7325P", "SM7325"),
    519: ("SM8550", "SM8550"),
    530: ("SM8475", "SM8475"),
    531: ("SM8475P", "SM8475"),
    532: ("SA8255P", "SA8255"),
    534: ("SA8775P", ""),
    540: ("SM8475", "SM8475"),
    555: ("X1E80100", "SC8380XP"),
    557: ("SM8650", "SM8650"),
    603: ("QCS8550", "QCS8550"),
    604: ("QCM8550", "QCS8550"),
    614: ("SM8635", "SM8635"),
    618: ("SM8750", "SM8750"),
    632: ("SM7675", "SM7675"),
    639: ("SM8750P", "SM8750"),  # not in ids.h: qualcomm/fastrpc, issue 379
    642: ("SM8635P", "SM8635"),
    643: ("SM7675P", "SM7675"),
    657: ("QCM6690", ""),
    658: ("QCS6690", ""),
    660: ("SM8850", "SM8850"),
    667: ("QCS9100", "QCS9100"),
    674: ("QCS8300", "QCS8300"),
    675: ("QCS8275", "QCS8300"),
    676: ("QCS9075", "QCS9100"),
    690: ("SA8797P", "SA8797"),
}
"""``soc_id`` -> the kernel's name, and the part of its row in ``bench.targets.qnn.socs``; "" where there is no row. A
variant of one chip (with or without a modem, with a higher clock, without safety functions) has the chip's row."""

FAMILY = "Snapdragon"
"""What socinfo.c calls the family of every one of them."""


class Board(Struct, frozen=True):
    """``machine``: the chip as the kernel calls it. ``soc``: its row; ``None`` for one that is not in the table."""

    machine: str
    soc_id: int | None
    soc: Soc | None

    @property
    def name(self) -> str:
        """As people call the chip, with what the kernel calls it."""
        told = self.machine or f"soc_id {self.soc_id}"
        return f"{self.soc.marketing} ({told})" if self.soc is not None else told


def is_board() -> bool:
    """Whether the HTP is reached through FastRPC of Linux here, and not through a driver that ONNX Runtime lists."""
    return sys.platform == "linux" and platform.machine() == "aarch64"


def board_of(root: Path = Path("/")) -> Board | None:
    """The Qualcomm SoC under ``root``; ``None`` on any other machine."""
    folder = root / "sys/devices/soc0"
    number = _whole(text_of(folder / "soc_id")) or _whole(text_of(root / "sys/devices/system/soc/soc0/id"))
    compatible = _compatible(root)
    if text_of(folder / "family") != FAMILY and number not in SOC_IDS and not compatible:
        return None
    name, part = SOC_IDS.get(number or -1, ("", ""))
    if number is None:  # no driver: by the device tree, from the board's own chip to what it is compatible with
        known = {kernel_name.lower(): (kernel_name, row) for kernel_name, row in SOC_IDS.values()}
        name, part = next((known[word] for word in compatible if word in known), (compatible[-1], ""))
    return Board(text_of(folder / "machine") or name, number, _row(part))


def _row(part: str) -> Soc | None:
    return next((soc for soc in SOCS if soc.part == part), None)


def _compatible(root: Path) -> list[str]:
    """``qcs6490`` of ``qcom,qcs6490-rb3gen2``, ``qcom,qcm6490``: everything of Qualcomm's, without the board."""
    text = text_of(root / "proc/device-tree/compatible") or ""
    words = [word.strip().removeprefix("qcom,") for word in text.split("\0") if word.strip().startswith("qcom,")]
    return [word.partition("-")[0] for word in words]


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 9 else None
