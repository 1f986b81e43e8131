"""Keyword spotting: windows of recordings and their MFCC."""

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from bench.contracts import Artifact, Quantisation, TensorSpec
from bench.errors import InputError
from bench.pipelines.asked import PipelineAsk
from bench.pipelines.sound import RATE_HZ, SoundPipeline, dct, mel_weights
from bench.testing import fake_artifact

SECOND = RATE_HZ


def recording(path: Path, samples: Any, rate: int = RATE_HZ, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(samples.astype("<i2").tobytes())
    return path


def artifact_of(tmp_path: Path, shape: tuple[int, ...], quantisation: Quantisation | None = None) -> Artifact:
    path = tmp_path / "kws.onnx"
    path.write_bytes(b"fake\n")
    made = fake_artifact(path)
    spec = TensorSpec("audio", "float32" if quantisation is None else "int8", shape, quantisation)
    facts = replace(made.facts, inputs=(spec,), outputs=(TensorSpec("y", "float32", (1, 12)),))
    return replace(made, facts=facts, shapes={"audio": shape})


def pipeline(
    tmp_path: Path,
    shape: tuple[int, ...] = (1, 49, 10, 1),
    hop_ms: float | None = None,
    quantisation: Quantisation | None = None,
) -> SoundPipeline:
    ask = PipelineAsk(kind="keyword-spotting", folder=tmp_path, hop_ms=hop_ms)
    return SoundPipeline(ask, artifact_of(tmp_path, shape, quantisation))


def tone(hz: float, seconds: float = 1.0) -> Any:
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.round(20_000 * np.sin(2 * np.pi * hz * time)).astype(np.int16)


def test_a_window_hops_over_a_recording(tmp_path: Path) -> None:
    """Of two seconds, windows of 49 frames (15,840 samples) every 100 ms; of a short one a single window."""
    long = recording(tmp_path / "a.wav", np.arange(2 * SECOND) % 1000)
    short = recording(tmp_path / "b.wav", np.ones(100))
    made = pipeline(tmp_path, hop_ms=100)
    windows = made.inputs([long, short])
    assert [*range(0, 2 * SECOND - 15_840 + 1, 1_600), 0] == [window.begin for window in windows]
    expected = (np.arange(1_600, 1_600 + 15_840) % 1000) / 999
    np.testing.assert_allclose(expected, made.decode(windows[1]), rtol=1e-6)
    padded = made.decode(windows[-1])
    assert 15_840 == len(padded)
    assert 100 == padded.sum()


def test_a_tone_is_in_the_band_of_its_frequency(tmp_path: Path) -> None:
    """The inverse of the DCT of all 40 coefficients has its maximum where 1,000 Hz are on the mel scale."""
    made = pipeline(tmp_path, (1, 49, 40, 1))
    file = recording(tmp_path / "a.wav", tone(1_000))
    features = made.preprocess(made.decode(made.inputs([file])[0]))["audio"]
    assert ((1, 49, 40, 1), np.float32) == (features.shape, features.dtype)
    bands = (features[0, :, :, 0] @ np.linalg.inv(dct(40))).mean(axis=0)
    edges = np.linspace(1127 * np.log1p(20 / 700), 1127 * np.log1p(4_000 / 700), 42)
    centre = 1127 * np.log1p(1_000 / 700)
    assert abs(edges[1 + int(bands.argmax())] - centre) < edges[1] - edges[0]


def test_the_mel_bands_are_triangles() -> None:
    """None beyond 20 to 4,000 Hz, and between the first and the last centre they add up to 1."""
    weights = mel_weights()
    hz = np.linspace(0, 8_000, 257)
    assert ((257, 40), True) == (weights.shape, bool((weights >= 0).all()))
    assert 0 == weights[(hz < 20) | (hz > 4_000)].sum()
    edges = np.linspace(1127 * np.log1p(20 / 700), 1127 * np.log1p(4_000 / 700), 42)
    mel = 1127 * np.log1p(hz / 700)
    inside = (mel > edges[1]) & (mel < edges[-2])
    np.testing.assert_allclose(1, weights[inside].sum(axis=1), atol=1e-5)


def test_features_are_quantised_as_the_input_states(tmp_path: Path) -> None:
    """Value = feature / scale + zero point, rounded, within the type."""
    file = recording(tmp_path / "a.wav", tone(300))
    real = pipeline(tmp_path)
    quantised = pipeline(tmp_path, quantisation=Quantisation(0.5, 10))
    window = real.inputs([file])[0]
    expected = np.clip(np.rint(real.preprocess(real.decode(window))["audio"] / 0.5 + 10), -128, 127)
    found = quantised.preprocess(quantised.decode(window))["audio"]
    assert np.int8 == found.dtype
    np.testing.assert_array_equal(expected, found)


@pytest.mark.parametrize("shape", [(1, 3, 224, 224), (1, 10), (1, 49, 41, 1)])
def test_an_input_of_the_wrong_shape_names_the_stage(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"stage preprocess: wanted .*frames.*found audio \[1, "):
        pipeline(tmp_path, shape)


def test_other_recordings_are_refused(tmp_path: Path) -> None:
    """Another rate, two channels, and what is no recording; the error names the file."""
    made = pipeline(tmp_path)
    with pytest.raises(InputError, match=r"slow\.wav.*8000|slow\.wav.*8,000"):
        made.inputs([recording(tmp_path / "slow.wav", np.ones(8_000), rate=8_000)])
    with pytest.raises(InputError, match=r"two\.wav"):
        made.inputs([recording(tmp_path / "two.wav", np.ones(8_000), channels=2)])
    (tmp_path / "no.wav").write_bytes(b"RIFFnothing")
    with pytest.raises(InputError, match=r"no\.wav"):
        made.inputs([tmp_path / "no.wav"])
