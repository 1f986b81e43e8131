"""Suite and devices become orders; what is left out is told with the reason, and the rest goes on."""

from pathlib import Path

import msgspec
import pytest

from bench.contracts import Scenario
from bench.errors import InputError, UnknownName
from bench.fleet.client.parcel import Parcel, parcel_of
from bench.fleet.client.planning import Asked, FleetPlan, Packed, plan_fleet
from bench.fleet.client.where import parse_where, what_it_lacks
from bench.fleet.device.artifacts import RESERVE_BYTES
from bench.fleet.facts import DeviceFacts
from bench.fleet.orders import OrderFile
from bench.plugins import Catalog, PluginRef
from bench.suite.plan import ModelChoice
from bench.suite.suite import ModelAsk, Suite, TargetAsk
from bench.suite.untrusted import Untrusted
from bench.words import speaking
from tests.support.fleet.simulated import facts

VERSIONS = {"ondevice-bench": "1", "distributed": "2", "python": "3.11.2"}
BUILT_IN = PluginRef("models", "tiny", "x:Y", "ondevice-bench")
FROM_FILE = PluginRef("models", "tiny", "/here/mine.py", "mine.py", from_file=True)


def asked(suite: Suite, plugin: PluginRef = BUILT_IN, where: str | None = None, each: bool = False) -> Asked:
    models = tuple(
        Packed(
            choice=ModelChoice(ask, plugin, "tensor", ("onnx",)),
            parcel=Parcel(ask),
            with_code=Parcel(ask, code=("plugins/mine.py",)) if plugin.from_file else None,
        )
        for ask in suite.models
    )
    return Asked(
        suite=suite,
        catalog=Catalog(()),
        models=models,
        where=parse_where(where),
        each=each,
        versions=VERSIONS,
    )


SUITE = Suite(models=(ModelAsk("tiny"),), scenarios=(Scenario("single-stream"), Scenario("offline")))
RACK = [facts("a"), facts("b", labels={"os": "windows", "soc": "x1e"}), facts("c", targets=("null", "other"))]


def told(plan: FleetPlan) -> list[tuple[str, str]]:
    return [(gap.device, gap.code) for gap in plan.left_out]


def test_any_device_or_each() -> None:
    """A run is one order that any fitting device may carry out, or with --each one order a device."""
    any_of = plan_fleet(asked(SUITE), RACK)
    runs = [(one.target, one.scenario, one.devices) for one in any_of.orders]
    assert ("null:cpu", "single-stream", ("a", "b", "c")) == runs[0]
    assert {("a", "b", "c"), ("c",)} == {devices for _, _, devices in runs}
    each = plan_fleet(asked(SUITE, each=True), RACK)
    assert [1] * 8 == [len(one.devices) for one in each.orders]
    assert 8 == len({one.id for one in each.orders})
    assert {"a", "b", "c"} == {one.order.device for one in each.orders}


def test_an_order_is_a_suite_of_one_run() -> None:
    """The same asked again has the same id: that is how it is recognised."""
    one, again = (plan_fleet(asked(SUITE), RACK).orders[0] for _ in range(2))
    suite = msgspec.json.decode(one.order.suite, type=Suite)
    assert (1, 1, 1, one.id) == (len(suite.models), len(suite.targets), len(suite.scenarios), again.id)
    assert TargetAsk("null:cpu") == suite.targets[0]


def test_where_chooses_devices_and_says_what_others_lack() -> None:
    """Values may hold stars, capitals do not count; a label that no device has is an error."""
    plan = plan_fleet(asked(SUITE, where="soc=QCS*,os=linux"), RACK)
    assert ([("b", "where")], {"a", "c"}) == (told(plan), {name for one in plan.orders for name in one.devices})
    with speaking("en"):
        assert "the device has soc=x1e, not QCS*" == str(plan.left_out[0].reason)
    assert what_it_lacks(RACK[2], {"target": "other:cpu", "device": "c"}) is None
    assert what_it_lacks(RACK[0], {"device": "c"}) == what_it_lacks(RACK[1], {"device": "c"}) is not None
    assert what_it_lacks(RACK[0], {"target": "other:cpu"}) is not None
    with speaking("en"), pytest.raises(UnknownName) as raised:
        plan_fleet(asked(SUITE, where="npu=intel"), RACK)
    assert "odb fleet worker --label" in str(raised.value.remedy)


@pytest.mark.parametrize("text", ["soc", "=x", "soc=", "soc=a,soc=b", ""])
def test_where_in_a_wrong_form(text: str) -> None:
    """It is refused before anything is asked."""
    with pytest.raises(InputError):
        parse_where(text)


@pytest.mark.parametrize(
    ("device", "clock_off_s", "code"),
    [
        (facts("x", versions={**VERSIONS, "distributed": "1"}), 0.0, "versions"),
        (facts("x", versions={**VERSIONS, "ondevice-bench": "0"}), 0.0, "versions"),
        (facts("x", versions={**VERSIONS, "python": "3.12.2"}), 0.0, "versions"),
        (facts("x"), 3600.0, "clock"),
        (facts("x"), -3600.0, "clock"),
    ],
)
def test_a_device_that_would_give_doubtful_records_is_left_out(
    device: DeviceFacts, clock_off_s: float, code: str
) -> None:
    """Told with what to do, and the others go on."""
    plan = plan_fleet(asked(SUITE), [*RACK, device], {"x": clock_off_s})
    assert [("x", code)] == told(plan)
    assert plan.left_out[0].remedy
    assert plan.orders


def test_a_full_disk_is_told_before_anything_is_sent() -> None:
    """Of the device that has no room for the files."""
    small = facts("small", free_bytes=10)
    made = asked(Suite(models=(ModelAsk("tiny"),)))
    file = OrderFile(name="model/x.onnx", sha256="0" * 64, size_bytes=1000)
    large = msgspec.structs.replace(made.models[0], parcel=Parcel(ModelAsk("tiny"), files=(file,)))
    plan = plan_fleet(msgspec.structs.replace(made, models=(large,)), [small, facts("a")])
    assert ([("small", "disk_full")], ("a",)) == (told(plan), plan.orders[0].devices)
    nearly = facts("nearly", free_bytes=RESERVE_BYTES - 1)
    plan = plan_fleet(made, [nearly, facts("a", free_bytes=RESERVE_BYTES)])
    assert ([("nearly", "disk_full")], ("a",)) == (told(plan), plan.orders[0].devices), "it would refuse it"


def test_files_that_the_cache_of_a_device_cannot_hold(tmp_path: Path) -> None:
    """Told in the plan; files of the same content count once."""
    files = tuple(OrderFile(name=name, sha256=name[0] * 64, size_bytes=60) for name in ("a", "a2"))
    parcel = Parcel(SUITE.models[0], files)
    packed = Packed(choice=ModelChoice(SUITE.models[0], BUILT_IN, "tensor", ("onnx",)), parcel=parcel)
    rack = [facts("small", cache_most_bytes=50), facts("large", cache_most_bytes=60)]
    plan = plan_fleet(msgspec.structs.replace(asked(SUITE), models=(packed,)), rack)
    assert ({("small", "cache_small")}, ("large",)) == ({*told(plan)}, plan.orders[0].devices)
    assert "60 B together" in str(plan.left_out[0].reason)
    assert "--cache-gb" in str(plan.left_out[0].remedy)


def test_code_goes_only_to_devices_that_take_it() -> None:
    """A device that was started with the file needs none; another is left out and told how to change that."""
    has, takes, neither = facts("has", plugins=("/there/mine.py",)), facts("takes", takes_plugins=True), facts("no")
    plan = plan_fleet(asked(Suite(models=(ModelAsk("tiny"),)), FROM_FILE), [has, takes, neither])
    assert [("no", "no_plugins")] == told(plan)
    assert {("has",): (), ("takes",): ("plugins/mine.py",)} == {one.devices: one.order.plugins for one in plan.orders}


def test_a_target_in_a_plugin_file_is_told_with_the_file() -> None:
    """Its code is not sent, also where plugins are taken: its worker is started with it."""
    mine = msgspec.structs.replace(SUITE, targets=(TargetAsk("mine:cpu"),))
    catalog = Catalog((PluginRef("targets", "mine", "/here/mine.py", "mine.py", from_file=True),))
    plan = plan_fleet(msgspec.structs.replace(asked(mine), catalog=catalog), [facts("takes", takes_plugins=True)])
    with speaking("en"):
        assert ["no_target"] == [gap.code for gap in plan.left_out]
        assert "--plugin mine.py" in str(plan.left_out[0].remedy)


def test_targets_and_options_that_only_some_devices_know() -> None:
    """What a device lacks is left out there; what no device knows is an error."""
    named = msgspec.structs.replace(
        SUITE, targets=(TargetAsk("null:cpu"), TargetAsk("other:cpu"), TargetAsk("null:off")), options={"threads": "2"}
    )
    plan = plan_fleet(asked(named), RACK)
    assert {("a", "no_target"), ("b", "no_target")} < set(told(plan))
    assert {"unavailable"} == {gap.code for gap in plan.left_out if gap.target == "null:off"}
    suite = msgspec.json.decode(plan.orders[0].order.suite, type=Suite)
    assert {"threads": "2"} == suite.targets[0].options
    with pytest.raises(UnknownName):
        plan_fleet(asked(msgspec.structs.replace(SUITE, options={"thread": "2"})), RACK)


def test_an_unsafe_option_of_a_suite_goes_to_no_device() -> None:
    """Whether it is safe, the device's own plugin says."""
    rack = [facts("a"), facts("b")]
    sent = msgspec.structs.replace(
        SUITE,
        targets=(TargetAsk("null:cpu", {"threads": "/bin/sh"}),),
        untrusted=Untrusted("suite.toml", frozenset(), 1),
    )
    assert plan_fleet(asked(sent), rack).orders
    unsafe = {name: msgspec.structs.replace(one, safe_options=()) for name, one in rack[0].targets.items()}
    plan = plan_fleet(asked(sent), [msgspec.structs.replace(rack[0], targets=unsafe)])
    assert ((), [("a", "cannot_plan")]) == (plan.orders, told(plan))


def test_a_thousand_devices_of_a_few_kinds() -> None:
    """Equal devices are planned once: a hundred runs on each of a thousand are planned at the cost of one."""
    suite = Suite(
        models=tuple(ModelAsk(f"tiny{number}") for number in range(50)),
        scenarios=(Scenario("single-stream"), Scenario("offline")),
    )
    rack = [facts(f"board-{number}", targets=("null",)) for number in range(1000)]
    plan = plan_fleet(asked(suite, each=True), rack)
    assert 100_000 == len(plan.orders)


def test_a_parcel_names_files_as_they_lie_in_the_order(tmp_path: Path) -> None:
    """The model with what is beside it, inputs, prompts, dataset and reference; hidden files stay here."""
    for name in ("net.onnx", "net.onnx.data", "tokenizer.json", "in.npy", "say.txt", "data/1.png", "data/.x", "f.onnx"):
        place = tmp_path / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(name)
    at = {name: str(tmp_path / name) for name in ("net.onnx", "in.npy", "say.txt", "data", "f.onnx")}
    ask = ModelAsk(
        at["net.onnx"], inputs={"x": at["in.npy"]}, prompts=at["say.txt"], dataset=at["data"], reference=at["f.onnx"]
    )
    parcel = parcel_of(ask, read=(tmp_path / "net.onnx", tmp_path / "net.onnx.data"))
    assert {
        "model/net.onnx",
        "model/net.onnx.data",
        "model/tokenizer.json",
        "inputs/0/in.npy",
        "prompts/say.txt",
        "dataset/data/1.png",
        "reference/f.onnx",
        "reference/tokenizer.json",
    } == {file.name for file in parcel.files}
    assert ("model/net.onnx", "dataset/data") == (parcel.ask.source, parcel.ask.dataset)
    assert {file.sha256 for file in parcel.files} == set(parcel.places)


def test_a_parcel_of_a_folder_and_of_a_built_in(tmp_path: Path) -> None:
    """A model's folder goes whole; a built-in model and dataset need nothing."""
    folder = tmp_path / "llm"
    (folder / "onnx").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "onnx" / "model.onnx").write_text("m")
    whole = parcel_of(ModelAsk(str(folder)), read=(folder / "onnx" / "model.onnx",))
    assert {"model/llm/config.json", "model/llm/onnx/model.onnx"} == {file.name for file in whole.files}
    one = parcel_of(ModelAsk(str(folder / "onnx" / "model.onnx")), read=(folder / "onnx" / "model.onnx",))
    assert {"model/config.json", "model/onnx/model.onnx"} == {file.name for file in one.files}
    built_in = ModelAsk("tiny", dataset="choices-small")
    assert Parcel(built_in) == parcel_of(built_in)


def test_external_data_outside_the_folder_is_refused(tmp_path: Path) -> None:
    """It could not be found beside the model on the device."""
    (tmp_path / "m").mkdir()
    for name in ("m/net.onnx", "w.data"):
        (tmp_path / name).write_text("x")
    with pytest.raises(InputError):
        parcel_of(ModelAsk(str(tmp_path / "m/net.onnx")), read=(tmp_path / "m/net.onnx", tmp_path / "w.data"))
