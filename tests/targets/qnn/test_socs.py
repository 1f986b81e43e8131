"""The table of SoCs."""

import pytest

from bench.errors import InputError, UnknownName
from bench.targets.qnn.socs import DEFAULT, SOCS, chosen, named, numbered


def test_names_parts_and_numbers_are_unique() -> None:
    """No two rows can be confused."""
    columns = [[s.name for s in SOCS], [s.part for s in SOCS], [s.soc_model for s in SOCS]]
    assert [len(SOCS)] * 3 == [len(set(column)) for column in columns]


def test_every_row_says_where_it_is_from() -> None:
    """A row without a source could not be checked by anyone."""
    assert [] == [soc.name for soc in SOCS if not soc.source]


@pytest.mark.parametrize("name", ["snapdragon-x-elite", "Snapdragon-X-Elite", "SC8380XP", "sc8380xp"])
def test_a_soc_is_found_by_name_or_part(name: str) -> None:
    """Case does not matter."""
    assert (60, 73) == (named(name).soc_model, named(name).htp_arch)


def test_an_unknown_soc_suggests_the_nearest() -> None:
    """A slip of the finger gets a suggestion."""
    with pytest.raises(UnknownName, match="Did you mean snapdragon-8-elite"):
        named("snapdragon-8-elit")


@pytest.mark.parametrize("name", ["qcs8250", "qcs6491", "snapdragon-9-elite", "nonsense"])
def test_another_number_is_another_chip(name: str) -> None:
    """A real chip that the table lacks is not taken for a slip of the finger: all known ones are listed instead, as
    they are for a word without a number that is like none."""
    with pytest.raises(InputError) as caught:
        named(name)
    assert (False, True, True) == (
        "Did you mean" in caught.value.remedy,
        all(soc.name in caught.value.remedy for soc in SOCS),
        "soc_model and htp_arch" in caught.value.remedy,
    )


def test_qcs6490_has_no_floating_point() -> None:
    """The SoC of which users must be told before they try."""
    assert (93, 68, False) == (named("qcs6490").soc_model, named("qcs6490").htp_arch, named("qcs6490").floating_point)


@pytest.mark.parametrize(
    ("options", "default", "expected"),
    [
        ({}, DEFAULT, DEFAULT),
        ({}, None, None),
        ({"soc": "qcs8550"}, DEFAULT, "qcs8550"),
        ({"soc_model": "69"}, DEFAULT, "snapdragon-8-elite"),
        ({"soc_model": "32"}, DEFAULT, None),
        ({"htp_arch": "73"}, DEFAULT, None),
    ],
)
def test_which_soc_the_options_mean(options: dict[str, str], default: str | None, expected: str | None) -> None:
    """soc before soc_model before the default; numbers that are not in the table mean no known SoC."""
    soc = chosen(options, default)
    assert expected == (soc.name if soc else None)


@pytest.mark.parametrize("options", [{"soc": "qcs8550", "soc_model": "66"}, {"soc_model": "sixty"}])
def test_contradicting_or_unreadable_options_are_refused(options: dict[str, str]) -> None:
    """A SoC named twice, or a number that is none."""
    with pytest.raises(InputError):
        chosen(options, None)


def test_a_number_finds_its_row() -> None:
    """soc_model 57 is the Snapdragon 8 Gen 3; 0 is none."""
    found = numbered(57)
    assert ("snapdragon-8-gen-3", None) == (found.name if found else None, numbered(0))
