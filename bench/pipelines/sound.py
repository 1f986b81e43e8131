"""Keyword spotting: a window that hops over recordings, and its MFCC.

The features are those of MLPerf Tiny's reference (mlcommons/tiny, benchmark/training/keyword_spotting/get_dataset.py):
frames of 30 ms every 20 ms, Hann, 40 mel bands from 20 to 4,000 Hz, logarithm, DCT. How many frames and coefficients
there are is in the shape of the model's input.
"""

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bench.contracts import Artifact, Tensors
from bench.contracts.element_types import numpy_type
from bench.entry_points import versions
from bench.errors import InputError
from bench.pipelines.asked import PipelineAsk
from bench.pipelines.named import Stages
from bench.pipelines.pictures import wrong_outputs
from bench.quality.scoring import best_classes, output_named
from bench.suite.dataset_options import parse_options
from bench.words import sentence

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

RATE_HZ = 16_000
FRAME, STRIDE, FFT = 480, 320, 512  # samples
BANDS, LOWEST_HZ, HIGHEST_HZ = 40, 20.0, 4_000.0
FLOOR = 1e-6  # added before the logarithm
HOP_MS = 20.0
MOST_WINDOWS = 100_000
WIDTH = 2  # bytes of a sample


class Window(Struct, frozen=True):
    """A part of a recording: ``begin``: its first sample."""

    file: Path
    begin: int

    @property
    def place(self) -> str:
        return f"{self.begin / RATE_HZ:.2f} s"


class SoundPipeline:
    kind = "keyword-spotting"

    def __init__(self, ask: PipelineAsk, artifact: Artifact) -> None:
        """Raises ``InputError`` for a model whose input cannot hold frames of coefficients."""
        specs = artifact.facts.inputs
        shape = artifact.shapes[specs[0].name] if len(specs) == 1 else ()
        sides = [side for side in shape if side != 1]
        if len(sides) != 2 or sides[1] > BANDS:
            found = [f"{spec.name} {list(artifact.shapes.get(spec.name, ()))}" for spec in specs]
            raise InputError(
                sentence(
                    "pipeline.wrong_shape",
                    stage="preprocess",
                    wanted=sentence("pipeline.wanted.frames", most=BANDS),
                    found=found,
                ),
                sentence("pipeline.use_own"),
            )
        self._spec, self._shape = specs[0], shape
        self._frames, self._coefficients = sides
        self._samples = FRAME + STRIDE * (self._frames - 1)
        self._hop = max(1, round((ask.hop_ms or HOP_MS) * RATE_HZ / 1_000))
        self._output = parse_options(ask.options).output
        self._window, self._mel, self._dct = hann(), mel_weights(), dct(self._coefficients)
        self._classes = 0

    def inputs(self, files: Sequence[Path]) -> Sequence[Window]:
        """Every window of each recording; of one that is shorter, a single one filled up with silence."""
        found: list[Window] = []
        for file in files:
            with _opened(file) as sound:
                last = max(0, sound.getnframes() - self._samples)
            found += [Window(file, begin) for begin in range(0, last + 1, self._hop)][: MOST_WINDOWS - len(found)]
        return found

    def decode(self, item: Window) -> "Array":
        """float32 [samples], divided by the largest, as the reference does."""
        import numpy as np

        with _opened(item.file) as sound:
            sound.setpos(item.begin)
            data = sound.readframes(self._samples)
        taken = np.frombuffer(data, "<i2").astype(np.float32)
        taken /= max(1.0, float(taken.max(initial=0)))
        return taken if len(taken) == self._samples else np.pad(taken, (0, self._samples - len(taken)))

    def preprocess(self, decoded: "Array") -> Tensors:
        import numpy as np

        frames = np.lib.stride_tricks.sliding_window_view(decoded, FRAME)[::STRIDE]
        spectrum = np.abs(np.fft.rfft(frames * self._window, FFT)).astype(np.float32)
        features = np.log(spectrum @ self._mel + FLOOR) @ self._dct
        dtype = numpy_type(self._spec.dtype)
        meaning = self._spec.quantisation
        if dtype.kind in "iu":
            if meaning is not None:
                features = features / meaning.scale + meaning.zero_point
            limits = np.iinfo(dtype)
            features = np.clip(np.rint(features), limits.min, limits.max)
        return {self._spec.name: np.ascontiguousarray(features.reshape(self._shape), dtype)}

    def postprocess(self, outputs: Tensors, decoded: "Array") -> "Array":
        scores = output_named(outputs, self._output).squeeze()
        if scores.ndim != 1 or len(scores) < 2:
            raise wrong_outputs(sentence("pipeline.wanted.classes"), outputs)
        self._classes = len(scores)
        return best_classes(scores)

    def stages(self) -> Stages:
        numpy = versions(("numpy",))
        return Stages(
            decode=(sentence("pipeline.does.decode_sound", samples=self._samples, hop=self._hop), {}),
            preprocess=(
                sentence("pipeline.does.mfcc", frames=self._frames, coefficients=self._coefficients, bands=BANDS),
                numpy,
            ),
            postprocess=(sentence("pipeline.does.best_classes", classes=self._classes), numpy),
        )


def _opened(file: Path) -> wave.Wave_read:
    """A recording of 16-bit samples at 16 kHz on one channel. Raises ``InputError``."""
    try:
        sound = wave.open(str(file), "rb")  # noqa: SIM115 - the caller closes it
    except (wave.Error, EOFError, OSError):
        raise InputError(
            sentence("pipeline.not_a_recording", file=file.name), sentence("pipeline.form_of_recordings")
        ) from None
    found = sound.getframerate(), sound.getsampwidth(), sound.getnchannels()
    if found != (RATE_HZ, WIDTH, 1):
        sound.close()
        raise InputError(
            sentence("pipeline.other_recording", file=file.name, rate=found[0], bits=8 * found[1], channels=found[2]),
            sentence("pipeline.form_of_recordings"),
        )
    return sound


def hann() -> "Array":
    """The periodic Hann window [FRAME]."""
    import numpy as np

    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME), np.float32)


def mel_weights() -> "Array":
    """Weights [bins, bands] of HTK's mel scale, triangles in mel; the constant bin weighs nothing."""
    import numpy as np

    def mel(hz: "Array | float") -> "Array":
        return np.asarray(1127.0 * np.log1p(np.asarray(hz, np.float64) / 700.0))

    bins = mel(np.linspace(0, RATE_HZ / 2, FFT // 2 + 1)[1:])[:, np.newaxis]
    edges = np.linspace(mel(LOWEST_HZ), mel(HIGHEST_HZ), BANDS + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0, np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre)))
    return np.pad(weights, ((1, 0), (0, 0))).astype(np.float32)


def dct(coefficients: int) -> "Array":
    """The DCT-II [bands, coefficients], scaled as HTK's MFCC."""
    import numpy as np

    bands, order = np.arange(BANDS)[:, np.newaxis], np.arange(coefficients)
    matrix = np.cos(np.pi * order * (2 * bands + 1) / (2 * BANDS)) * np.sqrt(2 / BANDS)
    return np.asarray(matrix, np.float32)
