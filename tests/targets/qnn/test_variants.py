"""The SoCs as variants: their order, and what is published of them."""

import datetime
from pathlib import Path

from bench.contracts import Compiled, VariedTarget
from bench.targets.qnn.context_facts import compiled_in
from bench.targets.qnn.socs import SOCS
from bench.targets.qnn.target import OnnxRuntimeQnn
from bench.targets.qnn.variants import SERIES, series_of, variants


def test_every_soc_is_a_variant_of_the_emulator_alone() -> None:
    """Chosen by the option that users would give; hardware is one chip."""
    target = OnnxRuntimeQnn()
    assert isinstance(target, VariedTarget)
    found = target.variants("htp-emu")
    assert [(soc.name, soc.part, {"soc": soc.name}) for soc in SOCS] == [(v.name, v.part, v.options) for v in found]
    assert [(), ()] == [target.variants(device) for device in ("htp", "gpu")]


def test_a_series_is_what_the_name_says() -> None:
    """Of phones and boards; laptops, cars and glasses are numbered otherwise."""
    series = {soc.name: series_of(soc) for soc in SOCS}
    assert {
        "qcs6490": "6",
        "snapdragon-778g": "7",
        "snapdragon-7-plus-gen-3": "7",
        "snapdragon-8s-gen-4": "8s",
        "snapdragon-888": "8",
        "snapdragon-8-plus-gen-1": "8",
        "qcs8550": "8",
        "snapdragon-8-gen-5": "8",
        "snapdragon-8-elite-gen-5": "8 Elite",
        "qcs9100": "9",
    }.items() <= series.items()
    assert {None} == {series[name] for name in ("snapdragon-x-elite", "snapdragon-8cx-gen-3", "sa8255", "sxr2230p")}
    assert set(series.values()) <= {*SERIES, None}


def test_the_order_is_by_series_then_by_generation() -> None:
    """Every placed SoC has a place of its own, the lowest class first."""
    placed = sorted((v for v in variants() if v.order is not None), key=lambda v: v.order or 0)
    by_name = {soc.name: soc for soc in SOCS}
    keys = [(SERIES.index(str(series_of(by_name[v.name]))), by_name[v.name].htp_arch) for v in placed]
    assert sorted(keys) == keys
    assert list(range(len(placed))) == [v.order for v in placed]
    assert "qcs6490" == placed[0].name


def test_every_published_figure_says_who_states_it_and_when_it_was_read() -> None:
    """A figure without a document is left out; most phones have none."""
    figures = [
        figure
        for variant in variants()
        for figure in (variant.peaks.operations_per_s, variant.peaks.memory_bytes_per_s)
        if figure is not None
    ]
    assert figures
    assert [] == [figure for figure in figures if not figure.document or not figure.url.startswith("http")]
    assert all(datetime.date.fromisoformat(figure.read) <= datetime.date.today() for figure in figures)
    assert all(1e12 <= v.peaks.operations_per_s.value <= 1e15 for v in variants() if v.peaks.operations_per_s)
    assert None is next(v for v in variants() if v.name == "snapdragon-8-gen-3").peaks.operations_per_s


def test_a_folder_without_a_context_tells_nothing(tmp_path: Path) -> None:
    """Nor does one whose context QNN does not read: its size, and no more."""
    missing = tmp_path / "no.so"
    assert Compiled() == compiled_in(tmp_path, missing)
    data = b"OpO=2;soc_type=SM8650;vtcm_size=8388608;x\0\0\0program"
    (tmp_path / "graph.bin").write_bytes(data)
    assert Compiled(size_bytes=len(data)) == compiled_in(tmp_path, missing)
