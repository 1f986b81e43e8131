"""Orders and facts of a fleet, without any device."""

import msgspec

from bench.contracts import Device, TargetFacts
from bench.fleet.facts import DeviceFacts
from bench.fleet.orders import Answer, Order, OrderFile, Refused, Wanted

FILE = OrderFile(name="model.onnx", sha256="0" * 64, size_bytes=3)


def test_the_id_of_an_order_is_the_same_in_another_process_and_after_a_journey() -> None:
    order = Order(suite=b"{}", files=(FILE,), labels=("soc=qcs8550",))
    assert msgspec.json.decode(msgspec.json.encode(order), type=Order).id == order.id
    assert len(order.id) == 20


def test_whatever_an_order_asks_for_is_in_its_id() -> None:
    order = Order(suite=b"{}", files=(FILE,))
    others = (
        msgspec.structs.replace(order, suite=b"{ }"),
        msgspec.structs.replace(order, files=(msgspec.structs.replace(FILE, sha256="1" * 64),)),
        msgspec.structs.replace(order, device="rack-1"),
        msgspec.structs.replace(order, labels=("os=windows",)),
        msgspec.structs.replace(order, plugins=("model.onnx",)),
        msgspec.structs.replace(order, folder="0f"),
    )
    assert len({order.id, *(other.id for other in others)}) == 7


def test_an_answer_says_by_itself_what_it_is() -> None:
    for answer in (
        Wanted(order="a", device="b", sha256=("c",)),
        Refused(order="a", device="b", code="crashed", reason="d"),
    ):
        assert msgspec.json.decode(msgspec.json.encode(answer), type=Answer) == answer


def test_resources_are_the_device_its_labels_its_usable_targets_and_versions() -> None:
    found = DeviceFacts(
        name="rack-1",
        labels={"soc": "qcs8550", "npu": ""},
        targets={"qnn": TargetFacts((Device("htp", True), Device("gpu", False)), {}, (), (), {})},
        versions={"onnxruntime": "1.23.2", "driver npu": "1.2"},
        utc_ns=0,
        free_bytes=0,
        cache_bytes=0,
    )
    versions = {"onnxruntime=1.23.2", "driver npu=1.2"}
    assert {"device", "device=rack-1", "soc=qcs8550", "target=qnn:htp", *versions} == set(found.resources())
    assert set(found.resources().values()) == {1.0}
