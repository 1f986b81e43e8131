"""Files that a device was sent: parts, hashes, the bound, and what is held for orders."""

import errno
import hashlib
import os
import shutil
from pathlib import Path

import pytest

from bench.fleet.device.artifacts import LONGEST_SILENCE_S, PART, Artifacts, NoRoom, WrongFile
from bench.fleet.orders import OrderFile
from bench.words import Sentence

DATA = b"a model"
FILE = OrderFile(name="m/model.onnx", sha256=hashlib.sha256(DATA).hexdigest(), size_bytes=len(DATA))
PLENTY = 1 << 40


class Bounded(Artifacts):
    """Of 100 bytes on a large disk, with a clock that the test moves."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 100, lambda path: PLENTY, lambda: self.now_s)

    now_s = 0.0

    def sent(self, number: int, size_bytes: int) -> int | None:
        """A whole file of its own content; what ``put`` returns."""
        return self.put(name_of(number, size_bytes), size_bytes, 0, data_of(number, size_bytes))


def data_of(number: int, size_bytes: int) -> bytes:
    return bytes([number]) * size_bytes


def name_of(number: int, size_bytes: int) -> str:
    return hashlib.sha256(data_of(number, size_bytes)).hexdigest()


def files(*sizes: tuple[int, int]) -> dict[str, int]:
    """By number and size in bytes."""
    return {name_of(number, size_bytes): size_bytes for number, size_bytes in sizes}


def used(store: Artifacts, sha256: str) -> None:
    store.wanted("used", {sha256: store.path(sha256).stat().st_size})
    store.let_go("used")


def test_the_files_of_one_order_do_not_make_room_for_another(tmp_path: Path) -> None:
    """Which waits until the first has begun, and then gets all that it needs, before those that came later."""
    store, one, two = Bounded(tmp_path), files((1, 40), (2, 40)), files((3, 40), (4, 40))
    assert [*one] == store.wanted("one", one)
    assert 40 == store.sent(1, 40)
    assert [*two] == store.wanted("two", two)
    assert store.sent(3, 40) is None
    assert 40 == store.sent(2, 40)
    assert [] == store.wanted("one", one)
    assert store.sent(4, 40) is None
    store.let_go("one")
    assert [*files((5, 30))] == store.wanted("three", files((5, 30)))
    assert store.sent(5, 30) is None
    assert (40, 40) == (store.sent(3, 40), store.sent(4, 40))
    assert [] == store.wanted("two", two)
    assert store.bytes() <= 100


def test_orders_that_fit_together_are_sent_together(tmp_path: Path) -> None:
    """What they share is held for both."""
    store = Bounded(tmp_path)
    store.sent(9, 30)
    store.wanted("one", files((1, 40), (2, 20)))
    store.wanted("two", files((1, 40), (3, 40)))
    assert (40, 20, 40) == (store.sent(1, 40), store.sent(2, 20), store.sent(3, 40))
    store.let_go("one")
    assert store.sent(4, 30) is None, "beside those of the second"
    assert [] == store.wanted("two", files((1, 40), (3, 40)))
    assert 100 >= store.bytes()


def test_an_order_whose_files_are_here_begins_whoever_waits_for_room(tmp_path: Path) -> None:
    store = Bounded(tmp_path)
    store.sent(1, 60)
    store.wanted("large", files((2, 90)))
    assert [] == store.wanted("small", files((1, 60)))
    assert store.sent(2, 90) is None
    store.let_go("small")
    assert 90 == store.sent(2, 90)


def test_a_client_that_is_gone_holds_nothing_for_long(tmp_path: Path) -> None:
    """Each part that comes says that it is there, and a run of another order is no silence."""
    store = Bounded(tmp_path)
    store.wanted("gone", files((1, 60)))
    assert 30 == store.put(name_of(1, 60), 60, 0, data_of(1, 30))
    store.wanted("other", files((2, 60)))
    for _ in range(3):
        store.now_s += LONGEST_SILENCE_S - 1
        assert store.sent(2, 60) is None
        store.heard_of_all()
    for _ in range(3):
        store.now_s += LONGEST_SILENCE_S - 1
        store.put(name_of(1, 60), 60, 0, b"")
        store.let_go_of_silent()
        assert store.sent(2, 60) is None
    store.now_s += LONGEST_SILENCE_S - 1
    assert store.sent(2, 60) is None
    store.now_s += 2
    store.let_go_of_silent()
    assert 60 == store.sent(2, 60)
    store.let_go("other")
    assert 40 == store.sent(3, 40)
    assert 100 == store.bytes(), "and what came of its file has made room"


def test_files_that_come_at_the_same_time_stay_within_the_bound(tmp_path: Path) -> None:
    """Each counts as what it will be."""
    store = Bounded(tmp_path)
    store.sent(9, 40)
    assert 1 == store.put(name_of(1, 50), 50, 0, data_of(1, 1))
    assert 1 == store.put(name_of(2, 50), 50, 0, data_of(2, 1))
    assert store.sent(3, 40) is None
    for number in (1, 2):
        assert 50 == store.put(name_of(number, 50), 50, 1, data_of(number, 49))
    assert 100 == store.bytes()


def test_an_artifact_comes_in_parts_and_is_kept_if_its_hash_is_right(tmp_path: Path) -> None:
    store = Artifacts(tmp_path, 100, lambda path: PLENTY)
    store.put(FILE.sha256, 7, 0, DATA[:3])
    assert [FILE.sha256] == store.wanted("o", {FILE.sha256: 7})
    store.put(FILE.sha256, 7, 3, DATA[3:])
    assert [] == store.wanted("o", {FILE.sha256: 7})
    store.let_go("o")
    assert DATA == store.path(FILE.sha256).read_bytes()
    with pytest.raises(WrongFile):
        store.put("0" * 64, 7, 0, DATA)
    assert 0 == store.put("1" * 64, 7, 3, DATA[3:]), "a part out of turn is not taken"
    assert ["0" * 64, "1" * 64] == store.wanted("o", {"0" * 64: 7, "1" * 64: 7})
    assert [FILE.sha256] == [path.name for path in tmp_path.iterdir()]


def test_an_artifact_goes_on_where_an_earlier_agent_ended(tmp_path: Path) -> None:
    """What a power cut damaged comes anew, and what nobody continues is removed."""
    Artifacts(tmp_path, 100, lambda path: PLENTY).put(FILE.sha256, 7, 0, DATA[:3])
    assert 3 == Artifacts(tmp_path, 100, lambda path: PLENTY).put(FILE.sha256, 7, 0, b"")
    store = Artifacts(tmp_path, 100, lambda path: PLENTY)
    assert 7 == store.put(FILE.sha256, 7, 3, DATA[3:])
    assert DATA == store.path(FILE.sha256).read_bytes()

    store.path(FILE.sha256).unlink()
    part = tmp_path / f"{FILE.sha256}{PART}"
    part.write_bytes(b"\0\0\0")
    store = Artifacts(tmp_path, 100, lambda path: PLENTY)
    assert 3 == store.bytes()
    assert (0, 7) == (store.put(FILE.sha256, 7, 3, DATA[3:]), store.put(FILE.sha256, 7, 0, DATA))

    part.write_bytes(DATA[:3])
    os.utime(part, (0, 0))
    assert 7 == Artifacts(tmp_path, 100, lambda path: PLENTY).bytes()
    assert not part.exists()


def test_what_is_removed_while_it_comes_comes_anew(tmp_path: Path) -> None:
    """No file is kept under a hash that only what was received has, whoever empties the folder meanwhile."""
    folder = tmp_path / "artifacts"
    store = Artifacts(folder, 100, lambda path: PLENTY)
    part = folder / f"{FILE.sha256}{PART}"
    assert 3 == store.put(FILE.sha256, 7, 0, DATA[:3])
    part.unlink()
    assert 0 == store.put(FILE.sha256, 7, 3, DATA[3:])
    assert 3 == store.put(FILE.sha256, 7, 0, DATA[:3])
    part.write_bytes(DATA[:2])
    assert 0 == store.put(FILE.sha256, 7, 3, DATA[3:])
    assert 3 == store.put(FILE.sha256, 7, 0, DATA[:3])
    shutil.rmtree(folder)
    assert (0, 0) == (store.bytes(), store.put(FILE.sha256, 7, 3, DATA[3:]))
    assert 7 == store.put(FILE.sha256, 7, 0, DATA)
    assert DATA == store.path(FILE.sha256).read_bytes()


def test_a_file_that_is_cut_short_is_not_used(tmp_path: Path) -> None:
    """As a power cut may leave it: it is wanted again, and comes whole."""
    store = Artifacts(tmp_path, 100, lambda path: PLENTY)
    store.put(FILE.sha256, 7, 0, DATA)
    store.path(FILE.sha256).write_bytes(DATA[:2])
    assert [FILE.sha256] == store.wanted("o", {FILE.sha256: 7})
    assert 7 == store.put(FILE.sha256, 7, 0, DATA)
    assert [] == store.wanted("o", {FILE.sha256: 7})
    assert DATA == store.path(FILE.sha256).read_bytes()


def test_a_part_that_is_gone_or_cannot_be_kept_blocks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it vanishes just before it gets its name, and where the disk is full as it is synchronised."""
    store = Artifacts(tmp_path, 100, lambda path: PLENTY)

    def vanished(descriptor: int) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", vanished)
    assert 0 == store.put(FILE.sha256, 7, 0, DATA)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(NoRoom):
        store.put(FILE.sha256, 7, 0, DATA)
    monkeypatch.undo()
    assert [FILE.sha256] == store.wanted("o", {FILE.sha256: 7})
    assert 7 == store.put(FILE.sha256, 7, 0, DATA)


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "fleet.disk_full"), (errno.EDQUOT, "fleet.not_kept"), (errno.EFBIG, "fleet.not_kept")],
)
def test_free_space_is_told_only_where_there_is_none(
    number: int, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quota, and the largest file that a file system takes, leave space free."""
    store = Artifacts(tmp_path, 100, lambda path: PLENTY)

    def refused(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.fsync", refused)
    with pytest.raises(NoRoom) as raised:
        store.put(FILE.sha256, 7, 0, DATA)
    assert isinstance(raised.value.sentence, Sentence)
    assert code == raised.value.sentence.code


def test_a_wrong_size_removes_no_right_file(tmp_path: Path) -> None:
    store = Artifacts(tmp_path, 100, lambda path: PLENTY)
    store.put(FILE.sha256, 7, 0, DATA)
    assert [] == store.wanted("o", {FILE.sha256: 8})
    assert DATA == store.path(FILE.sha256).read_bytes()


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    store = Artifacts(tmp_path, 20, lambda path: PLENTY)
    hashes = []
    for number in range(3):
        data = bytes([number]) * 8
        hashes.append(hashlib.sha256(data).hexdigest())
        if number == 2:
            used(store, hashes[0])
        store.put(hashes[-1], 8, 0, data)
    assert [True, False, True] == [store.path(sha256).exists() for sha256 in hashes]
    with pytest.raises(NoRoom):
        store.put("0" * 64, 21, 0, b"")
    assert 16 == store.bytes()
