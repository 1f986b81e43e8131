"""A model's chat template: a conversation as the text that the model was trained on.

The template came with the model and is not trusted. It is rendered in jinja2's sandbox, without files, in a limited
time and with limited memory. What it may use is what transformers gives it (``apply_chat_template``), except that
``strftime_now`` always tells the same day: the same prompt has to give the same tokens.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any
from xml.etree import ElementTree

from msgspec import Struct

from bench.errors import InputError
from bench.inputs.prompts import Message, Prompt
from bench.reading import MIB, read_bytes, read_object, read_text
from bench.record.inputs import TemplateUsed
from bench.suite.text_files import CONFIG, GRAPHS, JINJA, TEMPLATE, beside
from bench.words import Sentence, sentence

SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
"""That templates know; a template that writes any role's name lets a mistyped one pass."""
NOW = datetime(2024, 7, 26)
"""The day that Llama 3's templates name where they are told none."""
MOST_TEMPLATE_BYTES = MIB
MOST_TEXT_LETTERS = 1 << 24
MOST_MEMORY_BYTES = 512 * MIB
"""Of the address space, beyond what is in use; only where the system can limit it."""
MOST_SECONDS = 10.0


class Template(Struct, frozen=True):
    """``source``: the template's text; ``file``: where it was found. ``special``: special tokens by their names."""

    source: str
    file: str
    special: dict[str, str] = {}

    @property
    def used(self) -> TemplateUsed:
        """As the record states it."""
        return TemplateUsed(self.file, sha256(self.source.encode("utf-8", "replace")).hexdigest())


def template_beside(model: Path) -> Template | None:
    """The chat template of the model at ``model``, by transformers' rule: ``chat_template.jinja`` before
    ``tokenizer_config.json``; else that of a tokenizer's graph. ``None`` without one. Raises ``InputError`` for a
    damaged file."""
    file = beside(model, CONFIG)
    config = read_object(file, CONFIG) if file is not None else {}
    special = {name: text for name in SPECIAL if (text := token_text(config.get(name))) is not None}
    for name, found in _places(model, config):
        if found:
            if len(found.encode("utf-8", "replace")) > MOST_TEMPLATE_BYTES:
                raise InputError(sentence("input.template_too_large", file=name, most_bytes=MOST_TEMPLATE_BYTES))
            return Template(found, name, special)
    return None


def _places(model: Path, config: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    jinja, other = (beside(model, name) for name in (JINJA, TEMPLATE))
    yield JINJA, None if jinja is None else read_text(jinja, name=JINJA)
    yield CONFIG, _named(config.get("chat_template"))
    yield TEMPLATE, None if other is None else _named(read_object(other, TEMPLATE).get("chat_template"))
    for graph in sorted(model.parent.glob(GRAPHS)):
        yield graph.name, _of_graph(graph)


def _named(value: object) -> str | None:
    """A template; of several with names, the one that is called ``default``."""
    if isinstance(value, list):
        named = {one.get("name"): one.get("template") for one in value if isinstance(one, dict)}
        value = named.get("default")
    return value if isinstance(value, str) else None


def token_text(value: object) -> str | None:
    """A special token: its text, or transformers' object with it."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None


def _of_graph(file: Path) -> str | None:
    try:
        root = ElementTree.fromstring(read_bytes(file, name=file.name))
    except (ElementTree.ParseError, LookupError, ValueError):  # also an encoding that is not known, a NUL in its name
        return None
    for name in ("simplified_chat_template", "chat_template"):
        found = root.find(f"rt_info/{name}")
        if found is not None and found.get("value"):
            return found.get("value")
    return None


# ------------------------------------------------------------------------------------------------ rendering


def chatted(prompts: Sequence[Prompt], template: Template) -> tuple[Prompt, ...]:
    """The prompts as the template writes them, with the beginning of the answer; a text is the one message of a user.
    Raises ``InputError`` for ids, and where the template fails or refuses."""
    return tuple(_chatted(prompt, template) for prompt in prompts)


def _chatted(prompt: Prompt, template: Template) -> Prompt:
    if prompt.ids:
        raise InputError(sentence("input.chat_of_ids"), sentence("input.give_text_or_no_chat"))
    messages = prompt.messages or (Message("user", prompt.prompt or ""),)
    unknown = next((one.role for one in messages if one.role not in ROLES and one.role not in template.source), None)
    if unknown is not None:
        raise InputError(sentence("input.role_unknown", role=unknown), sentence("input.give_known_role", roles=ROLES))
    return Prompt(prompt=rendered(template, messages), templated=True)


def rendered(template: Template, messages: Sequence[Message]) -> str:
    """The text of a conversation. Raises ``InputError`` with the template's file and what is wrong."""
    found: list[str] = []
    wrong: list[BaseException] = []

    def work() -> None:
        try:
            found.append(_render(_read(template), template, messages))
        except (Exception, RecursionError) as error:  # whatever a template does
            wrong.append(error)

    thread = Thread(target=work, daemon=True)  # one that does not end, ends with its process
    with _limited_memory():
        thread.start()
        thread.join(MOST_SECONDS)
    if wrong and isinstance(wrong[0], InputError):
        raise wrong[0]
    if wrong:
        told = str(wrong[0])[:300] or type(wrong[0]).__name__
        raise _refused(sentence("input.template_fails", file=template.file, error=told))
    if not found:
        raise _refused(sentence("input.template_takes_long", file=template.file, seconds=MOST_SECONDS))
    if not found[0].strip():
        raise _refused(sentence("input.template_gives_nothing", file=template.file))
    return found[0]


def _refused(told: Sentence) -> InputError:
    return InputError(told, sentence("input.correct_template_or_no_chat"))


def compiled(template: Template) -> Callable[[Sequence[Message]], str]:
    """What ``rendered`` does with the template, which is read once; without limits, for conversations that have been
    rendered within them before."""
    return partial(_render, _read(template), template)


def _read(template: Template) -> Any:
    return _environment().from_string(template.source)


def _render(read: Any, template: Template, messages: Sequence[Message]) -> str:
    given = [{"role": message.role, "content": message.content} for message in messages]
    parts, size = [], 0
    for part in read.generate(
        messages=given, add_generation_prompt=True, tools=None, documents=None, **template.special
    ):
        size += len(part)
        if size > MOST_TEXT_LETTERS:
            raise _refused(sentence("input.template_text_too_long", file=template.file, most_letters=MOST_TEXT_LETTERS))
        parts.append(part)
    return "".join(parts)


@cache
def _environment() -> Any:
    """jinja2 as transformers sets it up."""
    from jinja2 import TemplateError
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """``{% generation %}`` marks the model's answers for training; what is inside stays."""

        tags = {"generation"}  # noqa: RUF012

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def refuse(message: object) -> None:
        raise TemplateError(str(message))

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = _to_json
    made.globals["raise_exception"] = refuse
    made.globals["strftime_now"] = NOW.strftime
    return made


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    """As transformers has it: unlike jinja2's own, without escapes for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


@contextmanager
def _limited_memory() -> Iterator[None]:
    """What is allocated inside fails beyond ``MOST_MEMORY_BYTES``, on Linux."""
    if sys.platform != "linux":
        yield
        return
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = used + MOST_MEMORY_BYTES
    known = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([wanted, *known]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
