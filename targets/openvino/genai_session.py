"""Text generation by ``openvino_genai.LLMPipeline``: it generates by itself and hands out each token.

The pipeline has two ways to keep a KV cache, and depth is reached differently in each:

``SDPA``  the cache is the model's state. A chat of plain ids keeps it between calls. Filling cannot help generating one
          token; the next prompt loses its first id to it, so that lengths stay as asked.
``PA``    paged attention. A sequence that was seen is found again block by block (prefix caching), so that the prompt
          is generated from with all that was filled before it. What lies in an unfinished block (32 tokens on a CPU) is
          computed once more within the prompt's own time. Where nothing is to be filled, prefixes are not kept unless
          the user asks for it: a prompt that was seen before would be answered from rounded keys and values.
"""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from bench.contracts import CompileCache, DecoderSpec, Placement, SessionFacts, TextStream, Tokenizer
from bench.entry_points import versions
from bench.errors import RunFailure
from bench.targets.decoding import prompt, room
from bench.targets.openvino.graph import kv_cache_bits
from bench.words import sentence

if TYPE_CHECKING:
    import numpy.typing as npt


class OpenedPipeline(Struct, frozen=True):
    """An ``LLMPipeline`` and what is known of it. ``reopened`` makes another like it. ``paged``: it runs on paged
    attention, and ``prefixes`` on it are cached. ``reprocesses``: it goes through the whole of a chat
    again at each turn (NPU). ``stop_tokens``: a generation ends behind the first of them."""

    pipeline: Any
    reopened: Callable[[], Any]
    decoder: DecoderSpec
    paged: bool
    prefixes: bool
    reprocesses: bool
    device_name: str
    executed_precision: str
    kv_cache_precision: str
    effective_options: dict[str, str]
    compile_cache: CompileCache
    has_tokenizer: bool
    stop_tokens: tuple[int, ...] = ()


class OpenVinoGenaiSession:
    """Batch 1, greedy; an end-of-sequence token ends nothing."""

    def __init__(self, opened: OpenedPipeline) -> None:
        self._opened = opened
        self._pipeline = opened.pipeline
        self._held = np.zeros((1, 0), np.int64)
        self._chatting = False
        self._spent = False
        self._talking = False
        self._computed = 0
        self._last: Any = None

    def fill(self, ids: "npt.NDArray[Any]") -> None:
        if self._chatting:
            self._quietly(self._pipeline.finish_chat)
        self._chatting = self._spent = self._talking = False
        self._held = np.zeros((1, 0), np.int64)
        if len(ids) == 0:
            return
        held = prompt(ids, self._opened.decoder)
        self._demand_depth(held.shape[1])
        if not self._opened.paged:
            self._quietly(self._pipeline.start_chat)
            self._chatting = True
        self._run(held, 1, lambda token: None)
        self._held = held

    def generate(self, ids: "npt.NDArray[Any]", tokens: int, on_token: Callable[[int], None]) -> None:
        new = prompt(ids, self._opened.decoder)
        room(self._held.shape[1] + new.shape[1] + tokens, self._opened.decoder.context_length)
        if self._chatting:
            if new.shape[1] < 2:
                raise RunFailure(
                    "unsupported_scenario",
                    sentence("openvino.own_token_at_depth"),
                    sentence("openvino.ask_for_two_tokens"),
                )
            if self._spent:
                raise RunFailure("bad_input", sentence("openvino.generate_called_twice"))
            self._spent = True
            self._run(new[:, 1:], tokens, on_token)
        elif self._held.size:
            self._run(np.concatenate([self._held, new], 1), tokens, on_token)
        else:
            self._run(new, tokens, on_token)

    def converses(self) -> bool:
        """On the state a chat goes on; paged attention finds the history among its prefixes."""
        return not self._opened.reprocesses and (not self._opened.paged or self._opened.prefixes)

    def turn(self, ids: "npt.NDArray[Any]", tokens: int, on_token: Callable[[int], None]) -> None:
        new = prompt(ids, self._opened.decoder)
        history = np.concatenate([self._held, new], 1)
        room(history.shape[1] + tokens, self._opened.decoder.context_length)
        if not self._opened.paged and not self._talking:
            self._quietly(self._pipeline.start_chat)
            self._chatting = True
        self._computed = new.shape[1] + self._talking  # with the last token of the answer before
        self._talking = True
        self._run(history if self._opened.paged else new, tokens, on_token)
        answer = np.array(self._last.tokens[0], np.int64).reshape(1, -1)
        self._held = np.concatenate([history, answer], 1)

    def computed(self) -> int | None:
        """Paged attention does not tell which blocks it found."""
        return None if self._opened.paged else self._computed

    def held_exactly(self) -> bool:
        return not self._chatting

    def keeps_prefixes(self) -> bool:
        return self._opened.prefixes

    def forget(self) -> None:
        """The pipeline cannot be told to empty its prefix cache, so another one is made."""
        if self._opened.prefixes and self._last is not None:
            self._pipeline = self._last = None  # before the next one takes memory
            self._pipeline = self._opened.reopened()
        self.fill(np.zeros(0, np.int64))

    def perf_metrics(self) -> Any:
        """The pipeline's own ``PerfMetrics`` of the last generation; ``None`` before the first."""
        return self._last.perf_metrics if self._last is not None else None

    def tokenizer(self) -> Tokenizer | None:
        return OpenVinoTokenizer(self._pipeline.get_tokenizer()) if self._opened.has_tokenizer else None

    def placement(self) -> Placement | None:
        """``None``: the pipeline keeps its compiled model to itself."""
        return None

    def facts(self) -> SessionFacts:
        opened = self._opened
        return SessionFacts(
            device_name=opened.device_name,
            options_effective=opened.effective_options,
            versions=versions(("openvino-genai", "openvino", "openvino-tokenizers")),
            executed_precision=opened.executed_precision,
            compile_cache=opened.compile_cache,
            kv_cache_bits=kv_cache_bits(opened.effective_options),
            kv_cache_precision=opened.kv_cache_precision,
        )

    def _run(self, ids: "npt.NDArray[np.int64]", tokens: int, on_token: Callable[[int], None]) -> None:
        from openvino import Tensor

        settings = generation(tokens, self._opened.stop_tokens)
        self._last = self._pipeline.generate(Tensor(ids), settings, streamer(on_token))

    def _demand_depth(self, depth: int) -> None:
        """Raises ``RunFailure`` where the pipeline cannot be made to begin at ``depth``."""
        room(depth, self._opened.decoder.context_length)
        if self._opened.reprocesses:
            raise RunFailure(
                "unsupported_scenario",
                sentence("openvino.npu_repeats_context"),
                sentence("openvino.measure_at_depth_0"),
            )
        if self._opened.paged and not self._opened.prefixes:
            raise RunFailure(
                "unsupported_scenario",
                sentence("openvino.depth_needs_prefix_cache"),
                sentence("openvino.leave_prefix_caching_on"),
            )

    def _quietly(self, call: Callable[[], None]) -> None:
        """Chats are deprecated, but nothing else keeps the cache between prompts of plain ids."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()


def generation(tokens: int, stop_tokens: tuple[int, ...] = ()) -> Any:
    """Exactly ``tokens`` greedy tokens, or those up to the first of ``stop_tokens``, whatever the model's own settings
    say."""
    from openvino_genai import GenerationConfig

    config = GenerationConfig()
    config.max_new_tokens = tokens
    config.ignore_eos = not stop_tokens
    config.do_sample = False
    config.set_eos_token_id(stop_tokens[0] if stop_tokens else 0)  # asked for even where it is ignored
    config.stop_token_ids = set(stop_tokens)
    return config


def streamer(on_token: Callable[[int], None]) -> Any:
    """A streamer that calls ``on_token`` with each token, the moment the pipeline hands it out."""
    from openvino_genai import StreamerBase, StreamingStatus

    running = StreamingStatus.RUNNING

    class Streamer(StreamerBase):  # type: ignore[misc]
        def write(self, token: Any) -> Any:
            if type(token) is int:
                on_token(token)
            else:
                for one in token:
                    on_token(one)
            return running

        def end(self) -> None:
            pass

    return Streamer()


class OpenVinoTokenizer:
    """The tokenizer that came in the model's folder."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def encode(self, text: str, special: bool = True) -> "npt.NDArray[np.int64]":
        found = self._tokenizer.encode(text, add_special_tokens=special)
        return np.array(found.input_ids.data, np.int64).reshape(-1)

    def stream(self) -> Callable[[int], str]:
        return TextStream(self._tokenizer.decode)
