"""The name of the processor that a session runs on."""

import platform
from pathlib import Path

import pytest

from bench.cli.list_command import for_people
from bench.targets.processor import processor_name


def tree(root: Path, cpuinfo: str, machine: str = "") -> Path:
    (root / "proc").mkdir()
    (root / "proc/cpuinfo").write_text(cpuinfo)
    if machine:
        (root / "sys/devices/soc0").mkdir(parents=True)
        (root / "sys/devices/soc0/machine").write_text(machine + "\n")
    return root


@pytest.mark.parametrize(
    ("architecture", "cpuinfo", "chip", "expected"),
    [
        ("x86_64", "vendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\n", "", "AMD EPYC"),
        ("aarch64", "CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "QCS6490", "QCS6490"),
        ("aarch64", "model name\t: Cortex-A72\nCPU implementer\t: 0x41\n", "", "Cortex-A72"),
        ("aarch64", "vendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\n", "", "aarch64"),
    ],
)
def test_it_is_the_one_that_the_program_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, cpuinfo: str, chip: str, expected: str
) -> None:
    """A chip by its kernel's name; never the x86 processor below an emulator of Arm."""
    monkeypatch.setattr(platform, "machine", lambda: architecture)
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert expected == processor_name(tree(tmp_path, cpuinfo, chip))


def test_the_list_says_what_is_emulated() -> None:
    """In the column for people, as the doctor does."""
    row = {"target": "ort:cpu", "usable": True, "emulated": True, "description": "aarch64", "reason": "", "remedy": ""}
    assert "aarch64 (emulated)" == for_people({**row, "versions": []})["what"]
    assert "aarch64" == for_people({**row, "emulated": False, "versions": []})["what"]
