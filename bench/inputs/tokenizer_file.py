"""The tokenizer of a model's ``tokenizer.json``, by the library ``tokenizers`` (extra ``text``).

For sessions without a tokenizer of their own. The file is Hugging Face's: the whole tokenizer, with the tokens that it
puts before and after a text. In some classes the ``tokenizer_config.json`` beside it has the last word on those, in
transformers 4 and here: DeepSeek's models distilled from Qwen get their beginning of sequence from there alone.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from bench.contracts import DecoderSpec, Source, TextStream, Tokenizer
from bench.entry_points import versions
from bench.errors import InputError, RunFailure
from bench.inputs.chat import token_text
from bench.inputs.prompts import Prompt, encoded
from bench.reading import MIB, NOT_DECODED, is_file, read_bytes, read_object
from bench.record.record import Failure
from bench.record.text import TokenizerUsed
from bench.suite.text_files import CONFIG, REFUSED, TOKENIZER, beside
from bench.words import Sentence, sentence

if TYPE_CHECKING:
    import numpy as np

    Ids = np.ndarray[Any, Any]

MOST_TOKENIZER_BYTES = 128 * MIB
"""The largest in use, for 262,144 tokens, has 33 MB."""
LIBRARY = "tokenizers"
DECIDED_BESIDE = tuple(
    f"{name}Tokenizer{fast}" for name in ("Llama", "CodeLlama", "Gemma", "Cohere", "GPTNeoX") for fast in ("", "Fast")
)
"""Classes in which ``add_bos_token`` and ``add_eos_token`` replace what the file puts around a text
(``update_post_processor`` in transformers 4; version 5 does so for GPT-NeoX only)."""
ADDED_TOKENS = 2
"""A tokenizer makes at most one token per byte of text, and puts this many around it."""


def tokenizer_beside(model: Path) -> Path | None:
    """The ``tokenizer.json`` of the model at ``model``, or the file that says why there is none."""
    return beside(model, TOKENIZER) or beside(model, REFUSED)


class Refusal(Struct, frozen=True):
    """Why a model's file holds a tokenizer that nobody can write as ``tokenizer.json``: a sentence."""

    code: str
    figures: dict[str, str] = {}


class FileTokenizer:
    """A ``tokenizer.json``. Neither cuts a text nor fills it up, whatever the file asks for."""

    def __init__(self, path: Path) -> None:
        """Raises ``InputError`` for a file that is no tokenizer, and where the library is not installed."""
        if path.name == REFUSED:
            raise InputError(_refusal(path), sentence("input.give_tokenizer_or_ids"))
        try:
            from tokenizers import Tokenizer as Library
        except ImportError:
            raise InputError(sentence("input.no_tokenizers_library"), sentence("input.install_text")) from None
        data = read_bytes(path, MOST_TOKENIZER_BYTES, path.name)
        try:
            self._tokenizer = Library.from_buffer(data)
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
        except Exception as error:  # the library raises ``Exception`` itself
            raise InputError(
                sentence("input.tokenizer_not_read", file=path.name, error=str(error)[:200]),
                sentence("input.save_tokenizer_again"),
            ) from None
        self._none_such: RunFailure | None = None
        around = self._put_around(path)
        self.used = TokenizerUsed("file", sha256(data).hexdigest(), versions((LIBRARY,)).get(LIBRARY, ""), around)

    def _put_around(self, path: Path) -> dict[str, int] | None:
        """Put around a text what the configuration beside the file states, where that decides; what this is. A token
        that is none is refused once a text is to have it."""
        from tokenizers.processors import TemplateProcessing

        file = path.with_name(CONFIG)
        config = read_object(file, CONFIG) if is_file(file) else {}
        first = config.get("add_bos_token")
        if config.get("tokenizer_class") not in DECIDED_BESIDE or not isinstance(first, bool):
            return None
        put = {"bos": first, "eos": config.get("add_eos_token") is True}
        texts = {name: token_text(config.get(f"{name}_token")) or "" for name, wanted in put.items() if wanted}
        if "" in texts.values():
            return None
        around: dict[str, int] = {}
        for name, token in texts.items():
            found = self._tokenizer.token_to_id(token)
            if found is None:
                self._none_such = RunFailure(
                    "bad_input",
                    sentence("input.token_added_unknown", file=CONFIG, field=f"add_{name}_token", token=token),
                    sentence("input.save_tokenizer_again"),
                    "prepare",
                )
                return None
            around[name] = found
        single = [name for name in ("bos", "$A", "eos") if name == "$A" or name in around]
        special = [{"id": name, "ids": [token], "tokens": [texts[name]]} for name, token in around.items()]
        self._tokenizer.post_processor = TemplateProcessing(single=single, special_tokens=special)
        return around

    def encode(self, text: str, special: bool = True) -> "Ids":
        import numpy as np

        if special and self._none_such is not None:
            raise self._none_such

        return np.array(self._tokenizer.encode(text, add_special_tokens=special).ids, np.int64)

    def stream(self) -> Callable[[int], str]:
        return TextStream(self._decode)

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False)
        return text


def _refusal(path: Path) -> Sentence | str:
    try:
        found = msgspec.json.decode(read_bytes(path), type=Refusal)
    except NOT_DECODED:
        return sentence("input.no_tokenizer")
    return sentence(found.code, **found.figures)


class Counted(Struct, frozen=True):
    """The lengths of the user's prompts as the tokenizer of the model's file gives them. ``lengths``: tokens of each;
    empty where it cannot, and then ``failure`` says why: an engine's own tokenizer may. ``padded``: the first prompt,
    from 0, that has the padding token of the model's windows in it; ``None`` where none has."""

    lengths: tuple[int, ...] = ()
    failure: Failure | None = None
    padded: int | None = None


def counted(
    prompts: Sequence[Prompt], decoder: DecoderSpec, file: Path | None, source: Source | None = None
) -> Counted:
    """The tokens of ``prompts`` by the tokenizer in ``file``, made of ``source``."""
    try:
        tokenizer = tokenizer_of(None, file, source)[0] if any(prompt.prompt for prompt in prompts) else None
        found, padding = encoded(prompts, decoder, tokenizer), decoder.padding
        padded = next((index for index, ids in enumerate(found) if padding is not None and padding in ids), None)
        return Counted(tuple(map(len, found)), padded=padded)
    except (InputError, RunFailure) as error:
        return Counted((), Failure("prepare", "bad_input", error.sentence, error.advice))


def longest(prompts: Sequence[Prompt], known: Counted) -> int:
    """Tokens of the longest prompt, which graphs of fixed lengths are made for; of texts whose lengths are not known,
    as many as they could have at most."""
    return max(known.lengths or map(_most_tokens, prompts))


def _most_tokens(prompt: Prompt) -> int:
    return len(prompt.ids) if prompt.ids else len((prompt.prompt or "").encode()) + ADDED_TOKENS


def tokenizer_of(
    own: Tokenizer | None, file: Path | None, source: Source | None = None
) -> tuple[Tokenizer | None, TokenizerUsed | None]:
    """The engine's ``own`` tokenizer, or that of ``file`` where it has none; and whose it is. ``source``: what the
    model's artifact was made of. Raises ``InputError`` as ``FileTokenizer`` does, which names the user's file."""
    if own is not None:
        return own, TokenizerUsed("engine")
    if file is None:
        return None, None
    try:
        read = FileTokenizer(file)
    except InputError as error:
        if source is None:
            raise
        raise InputError(sentence("text.at", where=source.path.name, message=error.sentence), error.advice) from None
    return read, read.used
