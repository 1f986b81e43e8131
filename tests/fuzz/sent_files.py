"""Fuzzers of what others write beside models and records: logs of meters, tracks, questions, templates of
conversations, ledgers, scenarios, and models of formats that have a reader of their own."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from made_gguf import CONFIGS, made_gguf
from msgspec.structs import replace
from mutations import damaged_bytes, damaged_json, damaged_text
from tflite_files import one_operator

from bench.contracts import ModelRequest
from bench.fleet.client.where import parse_where
from bench.fleet.ledger import standings_of
from bench.inputs.chat import chatted, template_beside
from bench.inputs.prompts import read_prompts
from bench.models.checkpoints.gguf.opening import open_gguf
from bench.models.files.tflite_file import TfliteFile
from bench.nights.decisions import DECISIONS, read_decisions
from bench.power.asking import parse_log, parse_meter, voltage
from bench.power.doubts import doubts_of
from bench.power.log import figures_of
from bench.power.mapping import parse_mapping
from bench.power.marker import planned
from bench.power.pulses import keep_marker, markers_in
from bench.power.reading import read_log
from bench.quality.text.questions import read_questions
from bench.scenarios.kinds import parse_scenario, scenario_name
from bench.submission.track import read_track
from bench.suite.scenario_choice import kind_named

TRACKS = Path(__file__).resolve().parents[2] / "bench" / "tracks"
LOGS = {
    "ppk2.csv": "Timestamp(ms),Current(uA),D0-D7\n0,1000,00000000\n1000,2000,0\n2000,3000,0\n",
    "monsoon.csv": "Time (s),Main Avg Power (mW),Main Avg Voltage (V)\n0,1500,3.7\n0.5,1500,3.7\n1,1510,3.7\n",
    "hwinfo.csv": 'Date;Time;"CPU Package Power [W]"\r\n24.11.2026;10:00:00.1;12,5\r\n24.11.2026;10:00:01.1;12,7\r\n',
    "spl.txt": "Time,11-13-2020 22:38:59.240,Watts,23.0,Volts,230.0,Amps,0.1,PF,1.0,Mark,notset\n"
    "Time,11-13-2020 22:39:00.240,Watts,24.0,Volts,230.0,Amps,0.1,PF,1.0,Mark,notset\n",
    "table.csv": "when,load\n2026-11-24T10:00:00Z,1500\n2026-11-24T10:00:01Z,1600\n2026-11-24T10:00:02Z,1600\n",
}
MAPPING = "time=when,power=load,power_unit=mW,zone=+09:00"
QUESTIONS = (
    '{"question": "What?", "choices": ["a", "b", "c"], "answer": 1}\n{"ids": [1], "choices": [[2], [3]], "answer": 0}\n'
)
TEMPLATES = {
    "tokenizer_config.json": '{"chat_template": "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}", '
    '"bos_token": {"content": "<s>"}, "eos_token": "</s>"}',
    "chat_template.jinja": "{% for m in messages %}{{ m['role'] }}: {{ m['content'] | trim }}\n{% endfor %}",
    "openvino_tokenizer.xml": '<?xml version="1.0"?>'
    '<net><rt_info><chat_template value="{{ messages }}"/></rt_info></net>',
}
LINES = '{"kind": "sent", "order": "o", "device": "d"}\n{"kind": "began", "order": "o", "device": "d"}\n'
DECISION = '{"kind": "accept", "series": "s", "record_id": "r", "why": "w", "at_utc": "2026-11-27T00:00:00Z"}\n'
SCENARIOS = (
    "fixed-rate:rate=30,deadline=33ms,drop=oldest",
    "server:rate=200,latency=15ms,percentile=99",
    "wake:idle=1s,10s,60s",
    "sustained:minutes=20,rate=30,cooldown=2min",
    "chat:turns=8",
    "batch:sizes=1,2,4,8",
    "end-to-end:inputs=20",
)
GIVEN: tuple[tuple[Callable[[str], object], str], ...] = (
    *((lambda text: parse_scenario(text, kind_named(scenario_name(text))), one) for one in SCENARIOS),
    (parse_mapping, MAPPING),
    (parse_log, "a.csv,zone=+09:00,within=2s"),
    (parse_meter, "name=wall,accuracy=0.01"),
    (voltage, "3.7"),
    (parse_where, "chip=Intel*,os=linux"),
)
SENT = {
    "meter logs": "meter_logs",
    "markers": "markers",
    "tracks": "tracks",
    "questions": "questions",
    "chat templates": "templates",
    "ledgers": "ledgers",
    "what is asked": "given",
    "GGUF": "gguf",
    "TFLite": "tflite",
}
"""Name -> its method."""


class SentFiles:
    """Undamaged, each of them is read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "m.onnx").write_bytes(b"x")
        (folder / "p.jsonl").write_text('{"messages": [{"role": "user", "content": "hello"}]}\n')
        tiny = replace(CONFIGS["llama"], layers=1, dim=32, hidden=32, vocab=16)
        self._gguf = made_gguf(folder, config=tiny).path.read_bytes()
        weights = ("w", (2, 4), "INT8", bytes(8))
        self._tflite = one_operator(
            "FULLY_CONNECTED", [("x", (1, 4), "INT8", b""), weights, ("y", (1, 2), "INT8", b"")]
        )
        self._tracks = [file.read_text(encoding="utf-8") for file in TRACKS.glob("*.toml")]

    def _file(self, texts: Mapping[str, str], rng: Random) -> Path:
        name = rng.choice(list(texts))
        (self._folder / name).write_bytes(damaged_text(texts[name], rng))
        return self._folder / name

    def meter_logs(self, rng: Random) -> None:
        file = self._file(LOGS, rng)
        asked = {"volts": "3.7"} if file.name == "ppk2.csv" else {}
        mapping = parse_mapping(MAPPING) if file.name == "table.csv" else None
        log = read_log(file, mapping, growing=rng.random() < 0.3, **asked)
        figures_of(log)
        doubts_of(log)

    def markers(self, rng: Random) -> None:
        folder = self._folder / "markers"
        if not folder.exists():
            folder.mkdir()
            keep_marker(folder, planned(1_790_000_000_000_000_000))
            self._markers = next(folder.iterdir()).read_text(encoding="utf-8")
        damaged = json.dumps(damaged_json(json.loads(self._markers), rng)).encode("utf-8", "surrogatepass")
        next(folder.iterdir()).write_bytes(damaged if rng.random() < 0.5 else damaged_text(self._markers, rng))
        markers_in(folder)

    def tracks(self, rng: Random) -> None:
        read_track(self._file({"track.toml": rng.choice(self._tracks)}, rng))

    def questions(self, rng: Random) -> None:
        read_questions(self._file({"q.jsonl": QUESTIONS}, rng))

    def templates(self, rng: Random) -> None:
        for name in TEMPLATES:
            (self._folder / name).unlink(missing_ok=True)
        self._file(TEMPLATES, rng)
        template = template_beside(self._folder / "m.onnx")
        if template is not None:
            chatted(read_prompts((), str(self._folder / "p.jsonl"), "m"), template)

    def ledgers(self, rng: Random) -> None:
        """Of a rack and of nights: what is no line costs that line alone."""
        standings_of(self._file({"ledger.jsonl": LINES}, rng))
        self._file({DECISIONS: DECISION}, rng)
        read_decisions(self._folder)

    def given(self, rng: Random) -> None:
        parse, text = rng.choice(GIVEN)
        parse(damaged_text(text, rng).decode("utf-8", "surrogateescape"))

    def gguf(self, rng: Random) -> None:
        (self._folder / "d.gguf").write_bytes(damaged_bytes(self._gguf, rng))
        open_gguf(self._folder / "d.gguf")

    def tflite(self, rng: Random) -> None:
        (self._folder / "d.tflite").write_bytes(damaged_bytes(self._tflite, rng))
        TfliteFile().prepare(ModelRequest(str(self._folder / "d.tflite")), self._folder)
