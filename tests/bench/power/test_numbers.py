"""Numbers as spreadsheets of several countries write them: each is read as what it is, or refused."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.power.mapping import parse_mapping
from bench.power.reading import read_log


def watts_of(folder: Path, cells: list[str], sign: str = ",", more: str = "") -> list[float]:
    quoted = [f'"{cell}"' for cell in cells]
    text = f"t{sign}P [mW]\n" + "".join(f"{number}{sign}{cell}\n" for number, cell in enumerate(quoted))
    path = folder / "log.csv"
    path.write_text(text, encoding="utf-8")
    log = read_log(path, parse_mapping(f"time=t,time_unit=s,power=P [mW]{more}"))
    return [round(1000 * float(watts), 6) for watts in log.watts]


@pytest.mark.parametrize(
    ("cells", "sign", "found"),
    [
        (["1,234", "999.5"], ",", [1234, 999.5]),
        (["1,234", "12,5"], ",", [1.234, 12.5]),
        (["1,234.5", "1,234"], ",", [1234.5, 1234]),
        (["1,234,567", "1,234"], ",", [1234567, 1234]),
        (["0,125", "1,234"], ",", [0.125, 1.234]),
        (["1.234,5", "1.234"], ";", [1234.5, 1234]),
        (["1,234", "2,345"], ";", [1.234, 2.345]),
        (["1.234", "2.345"], ";", [1.234, 2.345]),
        (["1.234", "2.345"], ",", [1.234, 2.345]),
        (["1,5e3", "2"], ";", [1500, 2]),
    ],
)
def test_what_the_cells_show(cells: list[str], sign: str, found: list[float], tmp_path: Path) -> None:
    assert watts_of(tmp_path, cells, sign) == found


def test_what_they_do_not_show_is_refused(tmp_path: Path) -> None:
    """1,234 in a comma table is 1234 or 1.234; never one of them silently."""
    with pytest.raises(InputError, match="line 2: 1,234 may be a decimal number or a group of thousands"):
        watts_of(tmp_path, ["1,234", "2,345"])
    assert watts_of(tmp_path, ["1,234", "2,345"], more=",decimal=point") == [1234, 2345]
    assert watts_of(tmp_path, ["1,234", "2,345"], more=",decimal=comma") == [1.234, 2.345]


def test_a_stated_sign_holds_for_plain_cells(tmp_path: Path) -> None:
    """Also where every cell, without quotes, would be a number by the other sign."""
    path = tmp_path / "log.csv"
    path.write_text("t,P [W]\n0,1.234\n1,2.345\n", encoding="utf-8")
    for sign, found in (("comma", [1234, 2345]), ("point", [1.234, 2.345])):
        log = read_log(path, parse_mapping(f"time=t,time_unit=s,power=P [W],decimal={sign}"))
        assert log.watts.tolist() == found


def test_signs_that_contradict(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="with a comma in line 2 and with a point in line 3"):
        watts_of(tmp_path, ["12,5", "12.5"], ";")


@pytest.mark.parametrize(
    "data", [bytes(range(256)) * 16, b"\x7fELF\x02\x01\x01" + bytes(64), b"PK\x03\x04\x14\x00" * 9]
)
def test_a_file_that_is_no_text(data: bytes, tmp_path: Path) -> None:
    """One short sentence, and none of its bytes."""
    path = tmp_path / "log.csv"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_log(path)
    assert caught.value.message == "log.csv is neither a text nor a .jls file"
