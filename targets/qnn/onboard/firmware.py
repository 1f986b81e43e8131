"""The version of the firmware that runs on the compute DSP (CDSP), which the HTP is part of."""

import mmap
import re
from pathlib import Path

from bench.targets.processor import text_of

STATED = re.compile(rb"QC_IMAGE_VERSION_STRING=([\x21-\x7e]{3,96})")
"""How each image of Qualcomm's names its build, such as ``CDSP.HT.2.5.c3-00134-KODIAK-1``."""
FOLDERS = ("lib/firmware/updates", "lib/firmware", "usr/lib/firmware")
MOST_BYTES = 1 << 27


def remote_processor(root: Path) -> Path | None:
    """The folder of the CDSP in the kernel's remoteproc class; the first of several."""
    found = sorted((root / "sys/class/remoteproc").glob("remoteproc*"))
    return next((one for one in found if "cdsp" in (text_of(one / "name") or "")), None)


def firmware_version(root: Path = Path("/")) -> str | None:
    """As the kernel tells it (debugfs, for root only), else as the image on disk states it; ``None``: neither."""
    if told := text_of(root / "sys/kernel/debug/qcom_socinfo/cdsp/name"):
        return told
    remote = remote_processor(root)
    file = text_of(remote / "firmware") if remote is not None else None
    if not file or file.startswith("/") or ".." in Path(file).parts:
        return None
    for folder in FOLDERS:
        image = root / folder / file
        pieces = [image, *sorted(image.parent.glob(f"{image.stem}.b[0-9][0-9]"))]
        for piece in pieces:
            if (version := _stated(piece)) is not None:
                return version
    return None


def _stated(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, 2)
            if not 0 < size <= MOST_BYTES:
                return None
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as held:
                found = STATED.search(held)
                return found[1].decode() if found else None
    except (OSError, ValueError):
        return None
