"""What is wrong with a command line, in the language that is spoken."""

import click
import pytest

from bench.cli.group import odb
from bench.cli.usage import message_of, show
from bench.words import speaking


def wrong(arguments: list[str]) -> click.ClickException:
    with pytest.raises(click.ClickException) as caught:
        odb.main(arguments, prog_name="odb", standalone_mode=False)
    return caught.value


@pytest.mark.parametrize(
    ("arguments", "english", "korean"),
    [
        (["--foo"], "No such option '--foo'.", "'--foo' 옵션은 없습니다."),
        (
            ["run", "--dry-rum"],
            "No such option '--dry-rum'. Did you mean '--dry-run'?",
            "'--dry-rum' 옵션은 없습니다. '--dry-run'을 뜻하셨습니까?",
        ),
        (
            ["run", "--modell"],
            "No such option '--modell'. (Did you mean one of: '--base-model', '--model'?)",
            "'--modell' 옵션은 없습니다. (다음 중 하나를 뜻하셨습니까: '--base-model', '--model'?)",
        ),
        (["run", "--json=1"], "Option '--json' does not take a value.", "'--json' 옵션은 값을 받지 않습니다."),
        (["run", "-m"], "Option '-m' requires an argument.", "'-m' 옵션에는 값이 필요합니다."),
        (
            ["run", "--repeats", "x"],
            "Invalid value for '--repeats': 'x' is not a valid integer.",
            "'--repeats'의 값이 올바르지 않습니다: 'x'는 올바른 정수가 아닙니다.",
        ),
        (
            ["compare", "a", "b", "--tolerance", "x"],
            "Invalid value for '--tolerance': 'x' is not a valid float.",
            "'--tolerance'의 값이 올바르지 않습니다: 'x'는 올바른 실수가 아닙니다.",
        ),
        (
            ["compare", "a", "b", "--subject", "z"],
            "Invalid value for '--subject': 'z' is not one of 'target', 'version', 'model'.",
            "'--subject'의 값이 올바르지 않습니다: 'z'는 다음 중 하나가 아닙니다: 'target', 'version', 'model'.",
        ),
        (["run", "a", "b"], "Got unexpected extra argument (b)", "예상하지 않은 인수가 있습니다 (b)"),
        (["run", "a", "b", "c"], "Got unexpected extra arguments (b c)", "예상하지 않은 인수가 있습니다 (b c)"),
        (
            ["run", "--prompts", "a.txt", "--prompts", "b.txt"],
            "--prompts is given twice; several prompts are the lines of one .jsonl file",
            "--prompts가 두 번 지정되었습니다. 프롬프트가 여러 개이면 .jsonl 파일 하나에 한 줄씩 적으십시오",
        ),
        (["compare"], "Missing argument 'BASE'.", "인수 'BASE'가 없습니다."),
        (["history", "accept", "net"], "Missing option '--why'.", "옵션 '--why'가 없습니다."),
        (
            ["completion"],
            "Missing argument '{bash|zsh|fish}'. Choose from:\n\tbash,\n\tzsh,\n\tfish",
            "인수 '{bash|zsh|fish}'가 없습니다. 다음 중에서 고르십시오:\n\tbash,\n\tzsh,\n\tfish",
        ),
        (["--lang", "ko"], "Missing command.", "명령이 없습니다."),
    ],
)
def test_a_mistake_is_told_in_each_language(arguments: list[str], english: str, korean: str) -> None:
    """By the type of click's error and its fields."""
    assert english == message_of(wrong(arguments))
    with speaking("ko"):
        assert korean == message_of(wrong(arguments))


def test_how_the_command_is_used_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    """Then where the help is, then the mistake; on stderr."""
    show(wrong(["compare"]))
    told = "Usage: odb compare [OPTIONS] BASE NEW...\nTry 'odb compare --help' for help.\n\n"
    assert ("", f"{told}Error: Missing argument 'BASE'.\n") == capsys.readouterr()
    with speaking("ko"):
        show(wrong(["compare"]))
    told = "사용법: odb compare [옵션] BASE NEW...\n도움말은 'odb compare --help'로 볼 수 있습니다.\n\n"
    assert ("", f"{told}오류: 인수 'BASE'가 없습니다.\n") == capsys.readouterr()


@pytest.mark.parametrize(
    "arguments", [["run", "--lang"], ["run", "-m"], ["run", "--json=1"], ["run", "--foo"], ["--lang"], ["--foo"]]
)
def test_every_mistake_shows_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Also a value that is missing or not taken."""
    show(wrong(arguments))
    assert capsys.readouterr().err.startswith("Usage: odb ")


def test_without_arguments_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, in the language spoken."""
    with speaking("ko"):
        show(wrong([]))
    assert capsys.readouterr().err.startswith("사용법: odb [옵션] 명령 [인수]...\n")
