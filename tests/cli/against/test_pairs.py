"""``odb run --against``: which base is measured again with what, from flags, from a suite, and from a record that
somebody sent; and emulated records, which are checked again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from against_room import PLUGIN, QUICK, against, odb_run, refused, sides

from bench.errors import InputError
from bench.record.asked import NamedFile
from bench.record.codec import encode, sealed
from bench.record.record import Record
from bench.store.records import load, load_records

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("in_process")]  # but for the pairs, which alternate


def sent(folder: Path, **plan: Any) -> Record:
    """Only the record of the model fake on other:cpu, with parts of its plan replaced, sealed anew as anybody can."""
    (place,) = folder.glob("old/*-fake-other-cpu-*/")
    for other in folder.glob("old/*/record.json"):
        if other.parent != place:
            other.unlink()
            (other.parent / "samples.npz").unlink()
    record = load(place).record
    parts = {
        k: msgspec.structs.replace(getattr(record.plan, k), **v) if isinstance(v, dict) else v for k, v in plan.items()
    }
    changed = msgspec.structs.replace(record, plan=msgspec.structs.replace(record.plan, **parts))
    if changed.fidelity is not None and changed.plan.inputs is not None:
        fidelity = msgspec.structs.replace(changed.fidelity, inputs_source=changed.plan.inputs.source)
        changed = msgspec.structs.replace(changed, fidelity=fidelity)
    (place / "record.json").write_bytes(encode(sealed(changed)))
    return changed


class TestFlags:
    def test_every_record_is_paired(self, here: Path) -> None:
        """A folder that a suite left holds all it needs: four pairs, each with its own options."""
        found = against()
        assert 4 == len(found["pairs"])
        assert {"on"} == {
            p["base"]["options"].get("turbo") for p in found["pairs"] if p["base"]["target"] == "other:cpu"
        }
        assert {6} == {pair["base"]["repeats"] for pair in found["pairs"]}

    def test_an_option_of_one_plugin(self, here: Path) -> None:
        """``other.turbo`` is checked against, and goes to, that plugin's runs only; the base keeps its own."""
        found = against("-O", "other.turbo=off")
        options = {
            (p["new"]["target"], p["base"]["options"].get("turbo"), p["new"]["options"].get("turbo"))
            for p in found["pairs"]
        }
        assert {("null:cpu", None, None), ("other:cpu", "on", "off")} == options
        assert "unknown option of target other: tubro" == refused("-O", "other.tubro=off").message
        assert "-O ort.x: none of the runs that are compared is on a target of ort" == refused("-O", "ort.x=1").message

    def test_an_option_of_both(self, here: Path) -> None:
        """A bare option goes to whichever takes it; one that none takes is refused."""
        assert {("null:cpu", "7"), ("other:cpu", "7")} == {
            (p["new"]["target"], p["new"]["options"]["latency_us"]) for p in against("-O", "latency_us=7")["pairs"]
        }
        assert {None, "off"} == {p["new"]["options"].get("turbo") for p in against("-O", "turbo=off")["pairs"]}
        assert "unknown option: nonsense" == refused("-O", "nonsense=1").message

    def test_a_target_of_the_base_filters(self, here: Path) -> None:
        """No base of one target is paired with the other unasked, and the dry run says which was meant."""
        found = against("-t", "null:cpu")
        assert {("null:cpu", "null:cpu")} == {(p["base"]["target"], p["new"]["target"]) for p in found["pairs"]}
        assert ["-t null:cpu: 2 of 4 records in BASE selected."] == found["notes"]
        assert 4 == len(against("-t", "null:cpu", "-t", "other:cpu")["pairs"])

    def test_another_target_is_what_is_new(self, here: Path) -> None:
        """One that BASE does not hold: each base against it, without the options of another plugin."""
        (here / "third.py").write_text(PLUGIN.replace('"other": Other', '"third": Other, "other": Other'))
        found = against("-t", "third:cpu", "--plugin", "third.py")
        assert {("third:cpu", None)} == {(p["new"]["target"], p["new"]["options"].get("turbo")) for p in found["pairs"]}
        assert ["-t third:cpu: no record in BASE is on it, so it is the new side."] == found["notes"]

    def test_several_models(self, here: Path) -> None:
        """Each ``-m`` with the base of its name; one that has none is named."""
        assert {("tiny",)} == {*sides(against("-m", "tiny"), "model")}
        assert 4 == len(against("-m", "tiny", "-m", "fake")["pairs"])
        assert "-m mobilenet_v2 is not among them" in refused("-m", "mobilenet_v2").message


class TestSuite:
    def test_each_run_has_its_record(self, here: Path) -> None:
        """The suite as it was: four pairs, nothing left over; repeats of the suite are none of pairs."""
        found = against("suite.toml")
        assert (4, []) == (len(found["pairs"]), found["unmatched"])
        assert {6} == {pair["new"]["repeats"] for pair in found["pairs"]}
        assert {3} == {pair["base"]["repeats"] for pair in against("suite.toml", "--repeats", "3")["pairs"]}

    def test_what_the_suite_changes_is_new(self, here: Path) -> None:
        """Its options against the record's."""
        suite = here / "suite.toml"
        suite.write_text(suite.read_text().replace('"on"', '"off"'))
        turned = [p for p in against("suite.toml")["pairs"] if p["new"]["target"] == "other:cpu"]
        assert [("on", "off")] * 2 == [(p["base"]["options"]["turbo"], p["new"]["options"]["turbo"]) for p in turned]

    def test_what_has_no_partner_is_named(self, here: Path) -> None:
        """A record that the suite no longer asks for is lost; a run that BASE does not hold is new."""
        suite = here / "suite.toml"
        suite.write_text(suite.read_text().replace('"tiny"', '"llama-15M"'))
        found = against("suite.toml", status=3)
        assert 2 == len(found["pairs"])
        alone = {(one["side"], one["model"], one["lost"]) for one in found["unmatched"]}
        assert {("base", "tiny", True), ("new", "llama-15M", False)} == alone

    def test_a_target_chooses_from_the_suite(self, here: Path) -> None:
        """``-t`` leaves the rest alone: it is not lost."""
        found = against("suite.toml", "-t", "other:cpu")
        assert ([("other:cpu",)] * 2, []) == (sides(found, "target"), found["unmatched"])

    def test_the_option_of_a_plugin_as_run_takes_it(self, here: Path) -> None:
        """As without ``--against``."""
        found = against("suite.toml", "-O", "other.latency_us=9")
        assert {("null:cpu", None), ("other:cpu", "9")} == {
            (p["new"]["target"], p["new"]["options"].get("latency_us")) for p in found["pairs"]
        }

    def test_a_lost_record_is_status_3(self, here: Path) -> None:
        """The rest is measured all the same, written and compared; accepted by name it passes. The tolerance is
        wide because a busy machine may slow one side down."""
        suite = here / "suite.toml"
        suite.write_text(suite.read_text().replace('[[models]]\nsource = "tiny"\n', ""))
        asked = ("suite.toml", "--against", "old", "--plugin", "plugin.py", "-t", "null:cpu", "--repeats", "2", *QUICK)
        done = odb_run(*asked, "--json", "-o", "out", "--accept", "cannot-tell,invalid", "--tolerance", "100")
        assert done.exception is None
        found = json.loads(done.stdout)
        assert (1, ["tiny"]) == (len(found["comparisons"]), [one["model"] for one in found["unmatched"]])
        assert {"unmatched": 1} == found["result"]["not_decided"]
        assert 3 == done.return_value
        assert [1, 1] == [len(load_records(here / "out" / side)) for side in ("base", "new")]


class TestSent:
    """A record is what somebody sent: data, and no command."""

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "--help",
            "odb run --help",
            "odb run 'x",
            "x; touch PWNED",
            "odb run -O report_file=VICTIM",
            "odb run -o old",
        ],
    )
    def test_its_command_is_not_read(self, here: Path, text: str) -> None:
        """Whatever it says: the run is that of the typed fields."""
        sent(here, command=text)
        (pair,) = against()["pairs"]
        assert ("fake", "other:cpu", {"turbo": "on"}) == tuple(pair["base"][k] for k in ("model", "target", "options"))
        assert not [name for name in ("PWNED", "VICTIM") if (here / name).exists()]

    def test_an_unsafe_option_is_refused(self, here: Path) -> None:
        """One that may write a file, unless the user gives the same himself."""
        sent(here, target={"options_requested": {"turbo": "on", "report_file": "VICTIM"}})
        error = refused()
        assert "plan.target.options_requested: option report_file" in error.message
        assert 1 == len(against("-O", "report_file=VICTIM")["pairs"])
        assert "option report_file" in refused("-O", "report_file=mine").message

    def test_a_link_beside_the_record_leads_nowhere(self, here: Path, tmp_path: Path) -> None:
        """What the sender put beside the record is taken from there only, even where the hash is right."""
        from hashlib import sha256

        secret = tmp_path.parent / f"{tmp_path.name}-secret.npy"
        secret.write_bytes(b"secret")
        record = sent(here, asked={"inputs": {"x": NamedFile("x.npy", sha256(b"secret").hexdigest(), 6)}})
        (here / "old" / record.record_id / "x.npy").symlink_to(secret)
        assert "it was measured with x.npy, which is neither" in refused().message
        (here / "x.npy").symlink_to(secret)  # the user's own
        assert 1 == len(against()["pairs"])

    def test_a_link_beside_a_suite_leads_nowhere(self, here: Path, tmp_path: Path) -> None:
        """What came with a suite is taken from its folder only, as what came with a record is."""
        from hashlib import sha256

        secret = tmp_path.parent / f"{tmp_path.name}-secret.npy"
        secret.write_bytes(b"secret")
        sent(here, asked={"inputs": {"x": NamedFile("x.npy", sha256(b"secret").hexdigest(), 6)}})
        (here / "mail").mkdir()
        (here / "suite.toml").rename(here / "mail" / "suite.toml")
        (here / "mail" / "x.npy").symlink_to(secret)
        assert "x.npy leads out of its folder, and such links are not followed" in refused("mail/suite.toml").message
        (here / "mail" / "x.npy").unlink()
        (here / "mail" / "x.npy").write_bytes(b"secret")
        assert 1 == len(against("mail/suite.toml")["pairs"])

    def test_the_plugin_that_it_needs_is_asked_for(self, here: Path) -> None:
        """Its target and its model are of a plugin file that was not named."""
        sent(here)
        for arguments in ((), ("-O", "turbo=off")):
            error = odb_run("--against", "old", "--dry-run", *arguments).exception
            assert isinstance(error, InputError)
            assert ("unknown target: other" in error.message, "--plugin FILE" in error.remedy) == (True, True)

    def test_an_older_record_gives_what_it_holds(self, here: Path) -> None:
        """Without ``plan.asked``: the built-in model by its id, its target, scenario, preset and seconds."""
        sent(here, asked=None)
        (pair,) = against()["pairs"]
        assert ("fake", "other:cpu", {"turbo": "on"}, "single-stream", "quick") == tuple(
            pair["base"][k] for k in ("model", "target", "options", "scenario", "preset")
        )

    def test_an_older_record_names_what_it_lacks(self, here: Path) -> None:
        """Which image it was is not in its typed fields: the field is named, and the flag that tells it."""
        record = sent(here)
        assert record.plan.inputs is not None
        sent(here, asked=None, inputs={"source": "image", "fed": ()})
        error = refused()
        assert "plan.inputs.source is image, but the record does not say which files" in error.message
        assert "--input" in error.remedy


class TestEmulated:
    PLUGIN = """
from bench.contracts import Device
from bench.testing import FakeModel, FakeTensorSession, NullTarget
from bench.contracts import NodePlacement, Placement


class Session(FakeTensorSession):
    def placement(self):
        second = "CPU" if MOVED else "NPU"
        return Placement("NPU", (NodePlacement("a", "Conv", "NPU"), NodePlacement("b", "Div", second)), "fake")


class Emulator(NullTarget):
    def devices(self):
        return (Device("emu", DEVICE, "an emulator", reason="it was removed", emulated=True),)

    def open(self, request, phase):
        facts = request.artifact.facts
        return Session(dict(request.options), "null", self.work(request), facts.inputs, facts.outputs)


PLUGINS = {"models": {"fake": FakeModel}, "targets": {"emulator": Emulator}}
"""

    @pytest.fixture
    def write(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, ...]]:
        """``write(moved, usable)``: the plugin as it is now, as flags."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("ODB_CACHE", str(tmp_path / "cache"))

        def written(moved: bool = False, usable: bool = True) -> tuple[str, ...]:
            text = self.PLUGIN.replace("MOVED", str(moved)).replace("DEVICE", str(usable))
            name = f"plugin_{moved}_{usable}.py"
            (tmp_path / name).write_text(text)
            return ("--plugin", name)

        return written

    def test_is_checked_again(self, write: Callable[..., tuple[str, ...]], tmp_path: Path) -> None:
        """Compiled again: the same placement is said to be the same, another one is status 1, and no time is given;
        where the emulator is not here, nothing is claimed."""
        odb_run(*write(), "-m", "fake", "-t", "emulator:emu", "-o", "old")
        (dry,) = json.loads(odb_run("--against", "old", *write(), "--dry-run", "--json").stdout)["pairs"]
        assert ("placement_and_outputs", True) == (dry["how"], dry["again"]["emulated"])
        done = odb_run("--against", "old", *write(), "-o", "same", "--json")
        assert done.exception is None
        (found,) = json.loads(done.stdout)["comparisons"]
        assert ("same", []) == (found["recheck"]["placement"], found["changes"])
        assert not found["recheck"]["worse"]
        moved = odb_run("--against", "old", *write(moved=True), "-o", "moved")
        assert 1 == moved.return_value
        text = " ".join(moved.stdout.split())
        assert "placement differs" in text.splitlines()[0]
        assert (
            "2 of 2 nodes on NPU in the base, 1 of 2 nodes on CPU, 1 of 2 nodes on NPU now; fell back now: Div b."
            in text
        )
        assert "ms" not in moved.stdout.split()
        gone = odb_run("--against", "old", *write(usable=False), "-o", "gone", "--json")
        assert 3 == gone.return_value
        (lost,) = json.loads(gone.stdout)["unmatched"]
        assert (True, True) == (lost["lost"], "it was removed" in json.dumps(lost["reason"]))
