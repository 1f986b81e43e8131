"""Text generation by ``onnxruntime_genai.Generator``, asked for one token after another."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from bench.contracts import DecoderSpec, Placement, SessionFacts, Tokenizer
from bench.entry_points import versions
from bench.errors import RunFailure
from bench.targets.decoding import greedy, last_row, prompt, room, started
from bench.targets.ort_genai import windows
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy.typing as npt

GREEDY = {
    "do_sample": False,
    "num_beams": 1,
    "num_return_sequences": 1,
    "min_length": 0,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
}


class OpenedModel(Struct, frozen=True):
    """An ``onnxruntime_genai.Model`` and what is known of it. ``max_length``: tokens there is room for."""

    model: Any
    decoder: DecoderSpec
    max_length: int
    device_name: Sentence | str
    executed_precision: str
    session_options: dict[str, str]
    distributions: tuple[str, ...]
    has_tokenizer: bool


class OrtGenaiSession:
    """Batch 1, greedy, whatever the folder's own search options say.

    The generator ends at an end-of-sequence token, without putting it into its sequence, and cannot be told not to: the
    token is appended as a prompt's would be, and generation goes on with the logits that the model itself gives.

    A token that it has chosen belongs to its sequence before it is computed, and nothing can be appended in its place.
    So ``prefill`` reads its token from the logits, and the first ``decode`` lets the generator choose the same: tens of
    microseconds, and a prompt can follow a prompt.
    """

    def __init__(self, opened: OpenedModel) -> None:
        self._opened = opened
        self._generator = generator(opened, opened.max_length)
        self._search = search_options(opened, opened.max_length)
        self._length = 0
        self._whole = True
        self._token = 0
        self._chosen = False

    def prefill(self, ids: "npt.NDArray[Any]") -> int:
        self._token = greedy(self._appended(ids))
        return self._token

    def _appended(self, ids: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
        """The logits after ``ids``, which follow what the cache holds."""
        tokens = prompt(ids, self._opened.decoder)
        windows.refuse_prompt(tokens[0], self._opened.decoder, follows=self._length > 0, whole=self._whole)
        before = self._length
        length = before + windows.padded(tokens.shape[1], self._opened.decoder)
        room(length + 1, self._opened.max_length)  # the token that comes out has its place there at once
        if self._chosen:
            self._forget_chosen()
        self._generator.append_tokens(tokens[0].astype(np.int32))
        self._length = length
        self._whole = length == before + tokens.shape[1]
        logits: npt.NDArray[Any] = self._generator.get_logits()
        return logits

    def decode(self) -> int:
        started(self._length)
        room(self._length + 2, self._opened.max_length)
        if not self._chosen:
            self._generator.generate_next_token()
            self._chosen = True
        if self._generator.is_done():
            self._generator.append_tokens(np.array([self._token], np.int32))
        self._generator.generate_next_token()
        self._length += 1
        self._whole = False
        self._token = int(self._generator.get_next_tokens()[0])
        return self._token

    def reset(self) -> None:
        if not self._rewound(0):
            self.renew(self._opened.max_length)
        self._length = 0
        self._whole = True
        self._chosen = False

    def rewinds(self) -> bool:
        """A cache in one buffer: what lies behind the tokens in use is never read."""
        return self._opened.decoder.shared_cache

    def rewind(self, tokens: int) -> None:
        self._generator.rewind_to(tokens)
        self._length = tokens
        self._chosen = False

    def renew(self, tokens: int) -> None:
        """A generator made for ``tokens`` tokens, for which it takes its cache."""
        vars(self).pop("_generator", None)  # before the next one takes memory
        self._generator = generator(
            self._opened, windows.room_for(tokens, self._opened.decoder, self._opened.max_length)
        )
        self._length = 0
        self._whole = True
        self._chosen = False

    def logits(self, ids: "npt.NDArray[Any]") -> "npt.NDArray[np.float32]":
        """Appends the ids one by one to a separate generator: for a longer prompt only the last logits are kept. With
        windows a prompt cannot be continued: every beginning of it is computed."""
        tokens = prompt(ids, self._opened.decoder)[0].astype(np.int32)
        room(len(tokens), self._opened.decoder.context_length)
        if self._opened.decoder.window:
            return self._logits_of_beginnings(tokens)
        own = generator(self._opened, min(len(tokens) + 1, self._opened.decoder.context_length))
        rows = np.empty((len(tokens), self._opened.decoder.vocab_size), np.float32)
        for index in range(len(tokens)):
            own.append_tokens(tokens[index : index + 1])
            rows[index] = own.get_logits()[0, 0]
        return rows

    def _logits_of_beginnings(self, tokens: "npt.NDArray[np.int32]") -> "npt.NDArray[np.float32]":
        windows.refuse_prompt(tokens, self._opened.decoder, follows=False, whole=True)
        rows = np.empty((len(tokens), self._opened.decoder.vocab_size), np.float32)
        for index in range(len(tokens)):
            own = generator(self._opened, self._opened.decoder.context_length)
            own.append_tokens(tokens[: index + 1])
            rows[index] = own.get_logits()[0, -1]
        return rows

    def shows_next(self) -> bool:
        """With windows a prompt cannot be continued."""
        return not self._opened.decoder.window

    def next_logits(self, ids: "npt.NDArray[Any]") -> "npt.NDArray[np.float32]":
        return last_row(self._appended(ids))

    def tokenizer(self) -> Tokenizer | None:
        return OrtGenaiTokenizer(self._opened.model) if self._opened.has_tokenizer else None

    def placement(self) -> Placement | None:
        """``None``: onnxruntime-genai does not report which node ran where."""
        return None

    def facts(self) -> SessionFacts:
        return SessionFacts(
            device_name=self._opened.device_name,
            options_effective=self._opened.session_options | self._search,
            versions=versions(("onnxruntime-genai", "onnxruntime", *self._opened.distributions)),
            executed_precision=self._opened.executed_precision,
            kv_cache_precision=self._opened.decoder.kv_cache_precision,
        )

    def _forget_chosen(self) -> None:
        """Take back the token that came out last. It has to be computed before it can be: costs one step."""
        if not self._generator.is_done():
            self._generator.get_logits()
            if not self._rewound(self._length):
                raise RunFailure(
                    "unsupported_scenario",
                    sentence("ort.genai.token_not_taken_back"),
                    sentence("ort.genai.generate_from_one_prompt"),
                )
        self._chosen = False

    def _rewound(self, length: int) -> bool:
        """Whether the generator could be taken back to ``length`` tokens. States of a fixed size cannot be taken back,
        and the runtime says so; of models of several graphs it takes back the sequence and silently leaves the
        cache."""
        if self._opened.decoder.runtime:
            return False
        try:
            self._generator.rewind_to(length)
        except RuntimeError:
            return False
        return True


def generator(opened: OpenedModel, max_length: int) -> Any:
    """A generator with an empty sequence and room for ``max_length`` tokens. Raises ``RunFailure``."""
    import onnxruntime_genai

    try:
        return onnxruntime_genai.Generator(opened.model, _parameters(opened, max_length))
    except RuntimeError as error:
        raise RunFailure(
            "bad_input", sentence("ort.genai.says", error=error), sentence("ort.genai.correct_config"), "compile"
        ) from error


def search_options(opened: OpenedModel, max_length: int) -> dict[str, str]:
    """The search options in force, as ``search.*``, except for the length, which comes from the request."""
    held = dict(_parameters(opened, max_length).get_search_options())
    held.pop("max_length", None)
    return {f"search.{name}": f"{value:g}" if isinstance(value, float) else str(value) for name, value in held.items()}


def _parameters(opened: OpenedModel, max_length: int) -> Any:
    import onnxruntime_genai

    parameters = onnxruntime_genai.GeneratorParams(opened.model)
    parameters.set_search_options(max_length=max_length, **GREEDY)
    return parameters


class OrtGenaiTokenizer:
    """The tokenizer that came in the model's folder. By itself it puts nothing before a text; asked to, it puts what
    the model was trained with."""

    def __init__(self, model: Any) -> None:
        import onnxruntime_genai

        self._tokenizer = onnxruntime_genai.Tokenizer(model)

    def encode(self, text: str, special: bool = True) -> "npt.NDArray[np.int64]":
        self._tokenizer.update_options(add_special_tokens="true" if special else "false")
        return np.array(self._tokenizer.encode(text), np.int64)

    def stream(self) -> Callable[[int], str]:
        decode: Callable[[int], str] = self._tokenizer.create_stream().decode
        return decode
