"""One fuzzer for every reader of what somebody else may have written. An input is right when it is read or refused with
an ``OdbError``; whatever else it raises is a finding, and so is taking over ten seconds of its own.

``PYTHONPATH=tests/support python -m fuzzers COUNT [SEED]`` tries COUNT inputs in all and prints what was found.
"""

import io
import json
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
from judged_runs import steady
from mutations import damaged_arrays, damaged_bytes, damaged_json, damaged_text
from report_runs import offline, text, vision
from sent_files import SENT, SentFiles

from bench.analysis.verdict.judge import judge
from bench.cli.asked import numbers
from bench.cli.compare_command import WRITERS, writer
from bench.comparison.folders import compare_folders
from bench.contracts import ModelRequest, TargetFacts, TensorSpec
from bench.errors import OdbError
from bench.inputs.feeds import user_feeds
from bench.inputs.prompts import prompt_facts, read_prompts
from bench.jobs import Done, PhaseBegan, decode_answer, decode_event, done, encode
from bench.models.files.decoder_config import decoder_facts, genai_context
from bench.models.files.genai.graphs import decoder_graphs, graphs_beside
from bench.models.files.ir_file import IrFile
from bench.models.files.onnx_file import OnnxFile
from bench.plugins import PluginRef
from bench.process.probe import ProbeJob
from bench.quality.dataset import entry_digest, expected_of, read_listing
from bench.record.codec import encode as encode_record
from bench.record.record import RecordedRun
from bench.reports.runs.csv import CsvReport
from bench.reports.runs.html import HtmlReport
from bench.reports.runs.json import JsonReport
from bench.reports.runs.markdown import MarkdownReport
from bench.reports.runs.terminal import TerminalReport
from bench.store.derived import computed
from bench.store.records import load, save
from bench.suite.dataset_options import DatasetAsk, parse_options
from bench.suite.preprocessing import parse_preprocessing
from bench.suite.suite import load_suite, parse_pair, parse_shape
from bench.targets.ort_genai.folder import read_config
from bench.testing.records import fake_run

Try = Callable[[Random], object]
SLOW_SECONDS = 10.0
SCHEDSTAT = Path("/proc/thread-self/schedstat")  # ns on a processor, ns that it waited for one, turns
REPORTS = (MarkdownReport(), CsvReport(), JsonReport(), TerminalReport(), HtmlReport())


# ----------------------------------------------------------------------------------------------------- records


def whole_runs() -> list[RecordedRun]:
    """Runs of every kind of record, with the figures and the verdict that their samples give."""
    latency = [(4 * steady(seed, 60)).astype(np.int64) for seed in range(3)]
    figures = [{"cold_start_ns": 3e8, "peak_rss_bytes": 1e8, "cpu_seconds": 0.4, "joules": 9.0}] * 3
    tokens = [(array[:, None] * np.linspace(0.1, 1, 8)).astype(np.int64) for array in latency]
    fakes = (fake_run("tensor", latency, figures=figures), fake_run("tokens", latency, tokens))
    found = []
    for run in (*fakes, vision(), offline(), text()):
        record = computed(msgspec.structs.replace(run.record, quality=None, placement=None), run.samples)
        judged = judge(RecordedRun(record, run.samples))
        found.append(RecordedRun(msgspec.structs.replace(record, verdict=judged), run.samples))
    return found


class Records:
    """Records on disk whose fields, bytes or samples are changed, with seal and hash that fit again."""

    def __init__(self, folder: Path) -> None:
        self._runs = whole_runs()
        self._base, self._new = folder / "base", folder / "new"
        for place in (self._base, self._new):
            place.mkdir()
        self._saved = [save(self._base, run.record, run.samples) for run in self._runs]

    def fields(self, rng: Random) -> None:
        """Values of record.json; then a report and a comparison of what is still read."""
        saved = rng.choice(self._saved)
        raw = damaged_json(json.loads(encode_record(saved)), rng)
        self._written(raw, (self._base / saved.record_id / "samples.npz").read_bytes(), rng.random() < 0.9)
        self._shown(rng)

    def raw_bytes(self, rng: Random) -> None:
        """Bytes of record.json: a failing disk."""
        saved = rng.choice(self._saved)
        data = damaged_bytes((self._base / saved.record_id / "record.json").read_bytes(), rng)
        self._files(data, (self._base / saved.record_id / "samples.npz").read_bytes())
        load(self._new)

    def samples(self, rng: Random) -> None:
        """Arrays, and the archive that holds them."""
        run, saved = rng.choice(list(zip(self._runs, self._saved, strict=True)))
        if not run.samples:
            return
        self._written(json.loads(encode_record(saved)), damaged_arrays(dict(run.samples), rng), True)
        self._shown(rng)

    def _written(self, raw: Any, samples: bytes, whole: bool) -> None:
        facts = raw.get("samples_file") if isinstance(raw, dict) else None
        if isinstance(facts, dict) and whole:
            facts.update(sha256=sha256(samples).hexdigest(), size_bytes=len(samples))
        try:
            if isinstance(raw, dict):
                rest = {key: value for key, value in raw.items() if key != "record_sha256"}
                raw["record_sha256"] = sha256(msgspec.json.encode(rest, order="sorted")).hexdigest()
        except (UnicodeEncodeError, OverflowError):
            pass  # no file can hold it; the mutation stays without a seal
        self._files(json.dumps(raw).encode("utf-8", "surrogatepass"), samples)

    def _files(self, record: bytes, samples: bytes) -> None:
        (self._new / "record.json").write_bytes(record)
        (self._new / "samples.npz").write_bytes(samples)

    def _shown(self, rng: Random) -> None:
        read = load(self._new)
        rng.choice(REPORTS[:4] if rng.random() < 0.9 else REPORTS).render([read])
        if rng.random() < 0.3:
            found = compare_folders(self._base, [self._new])
            writer(rng.choice(list(WRITERS)))(found)


# ----------------------------------------------------------------------------------------------- text that is read

PROBE = ProbeJob(PluginRef("targets", "chip", "m:C", "test"))
PROBED = TargetFacts((), {"a": {"b": "c"}}, ("onnx",), (), {"x": "1"})
LABELS = {
    "labels.json": '{"a.jpg": 817, "b.png": [281, 282]}',
    "labels.csv": "file,label\na.jpg,817\nb.png,281,282\n",
    "annotations.json": '{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, '
    '"category_id": 2, "bbox": [1, 2, 3.5, 4], "iscrowd": 0, "area": 2.0}]}',
}
OPTIONS = '{"task": "classification", "label_offset": 1, "output": "p", "score_threshold": 0.5}'
SUITE = """name = "n"
preset = "quick"
seed = 3
repeats = 2
max_seconds = 0.5
[options]
"ort.intra_op_num_threads" = "2"
[[models]]
source = "m.onnx"
shapes = {x = [1, 3, 4]}
inputs = {x = "a.jpg"}
preprocessing = "mean=1:2:3,scale=2"
[[targets]]
id = "ort:cpu"
options = {a = "b"}
[[scenarios]]
name = "offline"
lanes = 2
compile_cache = "cold"
"""
PROMPTS = {
    "p.jsonl": '{"prompt": "hello"}\n{"ids": [1, 2, 3]}\n{"messages": [{"role": "user", "content": "hello"}]}\n',
    "p.txt": "Once upon a time\n",
}
CONFIGS = {
    "config.json": '{"vocab_size": 512, "max_position_embeddings": 128, "bos_token_id": 1, "eos_token_id": [2, 3]}',
    "generation_config.json": '{"bos_token_id": 1, "eos_token_id": [2, 3]}',
    "genai_config.json": '{"model": {"type": "llama", "vocab_size": 512, "context_length": 128, "vision": {"filename": '
    '"m.onnx"}, "eos_token_id": 2, "decoder": {"filename": "m.onnx", "session_options": {"provider_options": []}}}}',
}
FLAGS: tuple[tuple[Callable[[str], object], str], ...] = (
    (parse_shape, "x=1,3,224,224"),
    (lambda given: parse_pair("--input", given), "x=a.jpg"),
    (lambda given: numbers("-p", given, 1), "128,512"),
    (parse_preprocessing, "order=bgr,mean=104:117:123,scale=1,resize=crop256,layout=nchw"),
    (parse_options, "label_offset=1,output=probs,score_threshold=0.5,relative=true,task=detection"),
)


class Texts:
    """Files of text that come with a model, a dataset or a suite, and flags."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("a.jpg", "b.png", "m.onnx"):
            (folder / name).write_bytes(b"x")

    def labels(self, rng: Random) -> None:
        for name in (*LABELS, "dataset.json"):
            (self._folder / name).unlink(missing_ok=True)
        name = rng.choice(list(LABELS))
        (self._folder / name).write_bytes(damaged_text(LABELS[name], rng))
        if rng.random() < 0.3:
            (self._folder / "dataset.json").write_bytes(damaged_text(OPTIONS, rng))
        listing = read_listing(DatasetAsk(self._folder), judged=rng.random() < 0.2)
        for entry in listing.entries:
            expected_of(listing, entry)
            entry_digest(listing, entry)
        encode(done(TargetFacts((), {one.file: {one.field: one.reason} for one in listing.left_out}, (), (), {})))

    def suites(self, rng: Random) -> None:
        (self._folder / "suite.toml").write_bytes(damaged_text(SUITE, rng))
        load_suite(self._folder / "suite.toml")

    def prompts(self, rng: Random) -> None:
        name = rng.choice(list(PROMPTS))
        (self._folder / name).write_bytes(damaged_text(PROMPTS[name], rng))
        found = read_prompts((), str(self._folder / name), "m")
        prompt_facts(found)

    def configs(self, rng: Random) -> None:
        for name, content in CONFIGS.items():
            data = damaged_text(content, rng) if rng.random() < 0.5 else content.encode()
            (self._folder / name).write_bytes(data)
        decoder_facts(self._folder / "m.onnx")
        genai_context(self._folder / "genai_config.json")
        content = read_config(self._folder / "genai_config.json")
        for graphs in (decoder_graphs, graphs_beside):
            graphs(content, self._folder)

    def flags(self, rng: Random) -> None:
        parse, given = rng.choice(FLAGS)
        parse(damaged_text(given, rng).decode("utf-8", "surrogateescape"))

    def names(self, rng: Random) -> None:
        """Names of folders and files as a command line may hold them."""
        name = damaged_text("results/20260101T000000Z", rng).decode("utf-8", "surrogateescape")
        load(Path(name)) if rng.random() < 0.5 else compare_folders(Path(name), [Path(name)])


class Files:
    """Inputs, pictures, models, and what a worker says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._array = np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2)
        self._spec = TensorSpec("x", "float32", (1, 3, 2, 2))
        out = io.BytesIO()
        np.save(out, self._array)
        self._npy = out.getvalue()
        self._pictures = {suffix: _picture(suffix) for suffix in (".png", ".jpg", ".bmp")}
        self._onnx, self._ir = _onnx_model(), _IR.encode()
        self._events = [encode(PhaseBegan("compile")), encode(done(PROBED))]

    def arrays(self, rng: Random) -> None:
        suffix = rng.choice((".npy", ".npz"))
        file = self._folder / f"x{suffix}"
        file.write_bytes(damaged_bytes(self._npy, rng) if suffix == ".npy" else damaged_arrays({"x": self._array}, rng))
        user_feeds([f"x={file}" if suffix == ".npy" else str(file)], [self._spec], {"x": (1, 3, 2, 2)})

    def pictures(self, rng: Random) -> None:
        suffix = rng.choice(list(self._pictures))
        file = self._folder / f"x{suffix}"
        file.write_bytes(damaged_bytes(self._pictures[suffix], rng))
        user_feeds([f"x={file}"], [self._spec], {"x": (1, 3, 2, 2)}, parse_preprocessing("layout=nchw"))

    def models(self, rng: Random) -> None:
        onnx_file = rng.random() < 0.5
        file = self._folder / ("m.onnx" if onnx_file else "m.xml")
        file.write_bytes(damaged_bytes(self._onnx, rng) if onnx_file else damaged_text(_IR, rng))
        (self._folder / "m.bin").write_bytes(bytes(64))
        plugin = OnnxFile() if onnx_file else IrFile()
        plugin.prepare(ModelRequest(str(file)), self._folder)

    def events(self, rng: Random) -> None:
        """A worker's lines: what is no event is a ``ValueError``, which ends that run alone."""
        line = rng.choice(self._events)
        data = damaged_bytes(line, rng) if rng.random() < 0.5 else damaged_text(line.decode(), rng)
        try:
            event = decode_event(data)
            encode(done(decode_answer(event, PROBE)) if isinstance(event, Done) else event)
        except ValueError:
            return


def _picture(suffix: str) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3)).save(out, {".jpg": "JPEG"}.get(suffix, suffix[1:]))
    return out.getvalue()


def _onnx_model() -> bytes:
    from onnx import TensorProto, helper

    weights = helper.make_tensor("w", TensorProto.FLOAT, (4, 4), [0.5] * 16)
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4))],
        [weights],
    )
    found: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()
    return found


_IR = """<?xml version="1.0"?>
<net name="n" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,4" element_type="f32"/>
<output><port id="0" precision="FP32" names="x"><dim>1</dim><dim>4</dim></port></output></layer>
<layer id="1" name="w" type="Const" version="opset1"><data element_type="f32" shape="4,4" offset="0" size="64"/>
<output><port id="0" precision="FP32"><dim>4</dim><dim>4</dim></port></output></layer>
<layer id="2" name="y" type="MatMul" version="opset1"><data transpose_a="false" transpose_b="false"/>
<input><port id="0"><dim>1</dim><dim>4</dim></port><port id="1"><dim>4</dim><dim>4</dim></port></input>
<output><port id="2" precision="FP32" names="y"><dim>1</dim><dim>4</dim></port></output></layer>
<layer id="3" name="r" type="Result" version="opset1"><input><port id="0"><dim>1</dim><dim>4</dim></port></input>
</layer></layers><edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
<edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
<edge from-layer="2" from-port="2" to-layer="3" to-port="0"/></edges></net>
"""

FUZZERS: dict[str, tuple[type, str, float]] = {
    "record fields": (Records, "fields", 1.0),
    "record bytes": (Records, "raw_bytes", 1.0),
    "samples": (Records, "samples", 1.0),
    "labels": (Texts, "labels", 1.0),
    "suites": (Texts, "suites", 1.0),
    "prompts": (Texts, "prompts", 1.0),
    "configurations": (Texts, "configs", 1.0),
    "flags": (Texts, "flags", 1.0),
    "names": (Texts, "names", 0.5),
    "input arrays": (Files, "arrays", 1.0),
    "pictures": (Files, "pictures", 1.0),
    "models": (Files, "models", 1.0),
    "worker events": (Files, "events", 1.0),
    **{name: (SentFiles, method, 1.0) for name, method in SENT.items()},
}
"""Name -> what makes it, its method, and its fraction of the inputs."""


@contextmanager
def fuzzer(name: str) -> Iterator[Try]:
    """The fuzzer of that name, with a folder of its own."""
    made, method, _ = FUZZERS[name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield getattr(made(Path(folder)), method)


def own_seconds() -> float:
    """A clock of what this thread does with its time, working or waiting. Where the system tells (Linux), it stands
    still while others have the processor, so that a busy machine is no finding; elsewhere it is the wall's."""
    try:
        waited_ns = int(SCHEDSTAT.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        waited_ns = 0
    return time.monotonic() - waited_ns / 1e9


def findings(name: str, count: int, seed: int = 0) -> tuple[int, Counter[str]]:
    """Try ``count`` inputs. Returns how many were read without an error, and what was found: the error with its place
    -> how often."""
    read, found = 0, Counter[str]()
    with fuzzer(name) as attempt:
        for index in range(count):
            begin_s = own_seconds()
            try:
                attempt(Random(f"{name} {seed} {index}"))
                read += 1
            except OdbError:
                pass
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                found[f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}, input {index}"] += 1
            if own_seconds() - begin_s > SLOW_SECONDS:
                found[f"over {SLOW_SECONDS:g} s, input {index}"] += 1
    return read, found


def main() -> None:
    """Try COUNT inputs in all and print a line a fuzzer."""
    total, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    weights = sum(weight for _, _, weight in FUZZERS.values())
    failed = 0
    for name, (_, _, weight) in FUZZERS.items():
        count, begin = max(1, round(total * weight / weights)), time.monotonic()
        read, found = findings(name, count, seed)
        failed += sum(found.values())
        took = f"{time.monotonic() - begin:.0f} s"
        sys.stdout.write(f"{name}: {count} inputs, {read} read, {sum(found.values())} found, {took}\n")
        sys.stdout.writelines(f"    {what}\n" for what in list(found)[:20])
        sys.stdout.flush()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
