"""What commands say in Korean. Names, codes, units, commands to type and a runtime's own words stay as they are."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.words.cells import cells
from bench.words.compiling import FOLDER, read

PLUGIN = """
from bench.contracts import Device
from bench.testing import FakeModel, NullTarget


class Chips(NullTarget):
    def devices(self):
        return [*NullTarget.devices(self), Device("npu", False, "", "no driver", "Install it.")]


PLUGINS = {"models": {"fake": FakeModel}, "targets": {"chips": Chips}}
"""

CODES = "invalid|failed|outputs|placement|noise|html|md|csv|json|single|stream|cannot|tell|not|comparable|measured"
NAMES = re.compile(
    rf"`[^`]*`|\bodb \w+|{{[^}}]*}}|-{{1,2}}[\w-]+|\S*[=:/._]\S*|\b[A-Z]\w*|\b(?:{CODES}|unmatched|modprobe)\b"
)
"""Quoted commands, figures, flags, paths and keys, proper names, codes."""


def test_korean_entries_of_the_command_line_are_korean() -> None:
    """No two English words follow each other, and no entry repeats its English words."""
    left = {}
    for message in read(FOLDER / "ko.po"):
        code = str(message.id)
        found = re.findall(r"[A-Za-z]{2,} +[A-Za-z]{2,}", NAMES.sub("·", str(message.string)))
        if found and code.startswith("cli.") and not code.startswith("cli.epilog."):
            left[code] = found
    assert {} == left


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    (folder / "plugin.py").write_text(PLUGIN)
    (folder / "broken.py").write_text("PLUGINS = {'models': {'odd': object}}\n")
    return folder


def odb(place: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    code = "import sys; sys.argv[0] = 'odb'; from bench.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        cwd=place,
        env={**os.environ, "ODB_LANG": "ko", "ODB_CACHE": str(place / "cache")},
        check=False,
    )


RUN = ("run", "--plugin", "plugin.py", "-m", "fake")


@pytest.mark.process
def test_a_dry_run_is_told_in_korean(place: Path) -> None:
    """The table's head, its columns by cells, why a run is skipped, and the end."""
    done = odb(place, *RUN, "-t", "chips:cpu", "-t", "chips:npu", "--dry-run", "--lanes", "2", "-s", "offline")
    head, ready, skipped, *rest = done.stdout.splitlines()
    assert ["모델", "타깃", "시나리오", "반복", "소요 시간", "참고"] == re.split(r"  +", head.strip())
    assert "offline 레인 2개" in ready
    assert "건너뜀: unavailable" in skipped
    assert cells(head[: head.index("타깃")]) == ready.index("chips")
    assert "  조치: Install it." in rest
    assert re.fullmatch(r"프리셋 quick; 약 [\d:]+ ~ [\d:]+\. 아무것도 측정하지 않았습니다\.", rest[-1])


@pytest.mark.process
def test_data_for_scripts_is_the_same_in_every_language(place: Path) -> None:
    """Its keys, its words and its texts."""
    done = odb(place, *RUN, "-t", "chips:npu", "--dry-run", "--json")
    (row,) = json.loads(done.stdout)
    assert ("fake", "chips:npu", "single-stream") == (row["model"], row["target"], row["scenario"])
    assert row["skip"].startswith("chips:npu is not usable here: ")
    findings = json.loads(odb(place, "doctor", "--json").stdout)
    assert {"topic", "state", "message", "remedy"} == set().union(*findings)
    assert {"ok", "warning", "unavailable"} >= {one["state"] for one in findings}
    assert {"machine", "memory peak by phase", "clock", "telemetry"} <= {one["topic"] for one in findings}
    (clock,) = (one for one in findings if one["topic"] == "clock")
    assert re.fullmatch(r"perf_counter has a resolution of \S+ ns", clock["message"])
    presets = json.loads(odb(place, "list", "presets", "--json").stdout)
    assert "at most 1 s" == presets[0]["warm_up"]


@pytest.mark.process
def test_doctor_and_lists_have_korean_heads(place: Path) -> None:
    """States, topics and columns."""
    told = odb(place, "doctor", "--plugin", "plugin.py").stdout
    assert re.search(r"^정상 +시계 +perf_counter의", told, re.MULTILINE)
    assert re.search(r"^사용 불가 +타깃 chips:npu +no driver", told, re.MULTILINE)
    listed = odb(place, "list", "models", "--plugin", "broken.py").stdout.splitlines()
    assert ["이름", "작업", "형식", "설명", "제공"] == listed[0].split()
    assert any("models 플러그인이 아닙니다" in line for line in listed)
    assert {"예", "아니요"} <= set(odb(place, "list", "targets", "--plugin", "plugin.py").stdout.split())


@pytest.mark.process
def test_a_run_and_the_comparison_with_it_are_told_in_korean(place: Path) -> None:
    """Where the records are, which option gives the status, what would be measured in alternation, and what has no
    partner."""
    quick = ("--repeats", "1", "--max-seconds", "0.2")
    done = odb(place, *RUN, "-t", "chips:cpu", "-t", "chips:npu", *quick, "-o", "out", "--fail-on", "not_measured")
    assert done.stdout.endswith("레코드: out\n보고서: out/report.html\n")
    assert (1, "odb: --fail-on에 따라 종료 상태 1: not_measured") == (done.returncode, done.stderr.partition(" (")[0])
    again = odb(place, "run", "--plugin", "plugin.py", "--against", "out", "--dry-run").stdout
    assert ["구분", "모델", "타깃", "시나리오", "쌍"] == again.split()[:5]
    assert {"기준", "신규"} <= {line.split()[0] for line in again.splitlines() if line}
    assert "짝 없음: 기준, chips:npu의 fake(측정 안 됨): 해당 실행을 건너뛰었습니다: " in again
    assert re.search(r"\n교차 측정; 약 [\d:]+ ~ [\d:]+\. 아무것도 측정하지 않았습니다\.\n$", again)
    written = odb(place, "report", "out", "-o", "page.md")
    assert re.fullmatch(r"page\.md: [\d,]+바이트\n", written.stderr)
    for folder in place.glob("out/*npu*"):
        (folder / "record.json").write_text("{")
    assert odb(place, "report", "out").stderr.startswith("odb: 보고서에서 제외함: ")


@pytest.mark.process
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rnu"], "odb: 오류: 알 수 없는 명령: rnu\n     run을 뜻하셨습니까?\n"),
        (["run", "-p", "x"], "odb: 오류: --prompt-tokens x: 1 이상 999999999 이하의 정수를 쉼표로 구분하여"),
        (["run", "-o", "a.html"], "odb: 오류: -o a.html: 레코드를 저장할 폴더를 지정하는 옵션인데"),
        (["run", "--accept", "x"], "odb: 오류: --accept: --against와 함께만 쓸 수 있는데"),
        (
            ["report", ".", "-o", "."],
            "odb: 오류: -o .: 폴더입니다\n     그 안의 파일을 지정하십시오. 예: report.html\n",
        ),
        (["list", "options"], "odb: 오류: `odb list options`에는 "),
        (["list", "options", "a", "b"], "사용법: odb list [옵션]"),
    ],
)
def test_mistakes_are_told_in_korean(place: Path, arguments: list[str], told: str) -> None:
    """With the status of bad usage."""
    done = odb(place, *arguments)
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith(told)
