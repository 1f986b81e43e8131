"""Chat templates: as transformers renders them, in bounds, and with nothing of the machine in reach."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.inputs import chat
from bench.inputs.chat import Template, chatted, rendered, template_beside
from bench.inputs.prompts import Message, Prompt, prompt_facts

SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
    "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
HELLO = (Message("user", "Hello <&>"),)


def of(source: str, **special: str) -> Template:
    return Template(source, "tokenizer_config.json", special)


def test_smollm2_as_its_makers_mean_it() -> None:
    """By hand: the system's message unless there is one, every message, and the beginning of the answer."""
    begun = "<|im_start|>assistant\n"
    system = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    user = "<|im_start|>user\nHello <&><|im_end|>\n"
    assert system + user + begun == rendered(of(SMOLLM2), HELLO)
    own = (Message("system", "Be brief."), *HELLO, Message("assistant", "Hi."), Message("user", "?"))
    expected = "<|im_start|>system\nBe brief.<|im_end|>\n" + user
    expected += "<|im_start|>assistant\nHi.<|im_end|>\n<|im_start|>user\n?<|im_end|>\n" + begun
    assert expected == rendered(of(SMOLLM2), own)


def test_a_mistyped_role_is_refused() -> None:
    """A template that writes the role's name takes any; one that names a role of its own, such as ``observation``,
    has it."""
    with pytest.raises(InputError, match="does not mention the role usr") as caught:
        chatted([Prompt(messages=(Message("usr", "x"),))], of(SMOLLM2))
    assert "system, developer, user, assistant, tool or function" in caught.value.remedy
    glm = of("{% for m in messages %}{% if m.role == 'observation' %}!{% endif %}{{ m.content }}{% endfor %}")
    (found,) = chatted([Prompt(messages=(Message("observation", "x"), Message("tool", "y")))], glm)
    assert "!xy" == found.prompt


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ bos_token }}{{ messages[0].content }}", "<s>Hello <&>"),
        ("{{ messages | tojson }}", '[{"role": "user", "content": "Hello <&>"}]'),
        ("{{ {'b': 'é', 'a': 1} | tojson(indent=1, sort_keys=true) }}", '{\n "a": 1,\n "b": "é"\n}'),
        ("{{ strftime_now('%d %b %Y') }}", "26 Jul 2024"),  # the same on every day
        ("x\n    {% if tools is none and documents is none %}\n  y\n  {% endif %}\nz", "x\n  y\nz"),
        ("{% for m in [1, 2, 3] %}{% if m == 2 %}{% break %}{% endif %}{{ m }}{% endfor %}", "1"),
        ("a{% generation %}b{{ bos_token }}{% endgeneration %}c", "ab<s>c"),
        ("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}", "1"),
        ("{{ unknown }}x", "x"),
    ],
)
def test_what_transformers_gives_a_template(source: str, expected: str) -> None:
    """Filters, functions, special tokens, and blocks without the line that they stand on."""
    assert expected == rendered(of(source, bos_token="<s>"), HELLO)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{{ raise_exception('roles must alternate') }}", "fails: roles must alternate"),
        ("{% if %}", "fails: "),
        ("{{ messages[0].content.nothing.further }}", "fails: "),
        ("{% include 'secret.txt' %}", "fails: no loader"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ messages.append(1) }}x", "unsafe"),
        ("{{ cycler.__init__.__globals__.os.environ }}", "unsafe"),
        ("{{ 'a' * 4000000000 }}", "fails: "),
        ("{% for i in range(99999) %}{{ 'aaaaaaaaaaaaaaaa' * 99999 }}{% endfor %}", "more than 16,777,216 letters"),
        ("  \n ", "gives no text"),
    ],
)
def test_a_template_that_cannot_be_used(source: str, why: str) -> None:
    """An error of the user's input, with the file; nothing is read, and nothing fills the memory."""
    with pytest.raises(InputError, match=why) as caught:
        rendered(of(source), HELLO)
    assert caught.value.message.startswith("--chat: the chat template in tokenizer_config.json")


def test_a_template_without_an_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a limited time. What it does is bounded here, for the process of the tests lives on."""
    monkeypatch.setattr(chat, "MOST_SECONDS", 0.05)
    slow = "{% for i in range(3000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}x"
    with pytest.raises(InputError, match=r"takes longer than 0\.05 s"):
        rendered(of(slow), HELLO)


def test_prompts_become_conversations() -> None:
    """A text is the message of a user; ids are refused; the hash is that of what is fed."""
    template = of("{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}")
    messages = Prompt(messages=(Message("system", "s"), Message("user", "u")))
    found = chatted((Prompt(prompt="hi"), messages), template)
    assert (Prompt(prompt="[user]hi", templated=True), Prompt(prompt="[system]s[user]u", templated=True)) == found
    with pytest.raises(InputError, match="does not apply to token ids"):
        chatted((Prompt(ids=(1,)),), template)
    plain = prompt_facts((Prompt(prompt="[user]hi"),))
    assert (plain.source, False) == ("prompt_text", plain.sha256 == prompt_facts(found[:1]).sha256)


def written(folder: Path, **files: Any) -> Path:
    names = {"config": "tokenizer_config.json", "jinja": "chat_template.jinja", "older": "chat_template.json"}
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / names[name]).write_text(text, encoding="utf-8")
    return folder / "model.onnx"


def test_where_a_template_is_found(tmp_path: Path) -> None:
    """As transformers looks: its own file, then the configuration, of several the default; with the special tokens."""
    assert template_beside(tmp_path / "model.onnx") is None
    named = [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]
    config = {"chat_template": named, "bos_token": {"content": "<s>", "lstrip": False}, "eos_token": "</s>"}
    model = written(tmp_path, config=config)
    special = {"bos_token": "<s>", "eos_token": "</s>"}
    assert Template("d", "tokenizer_config.json", special) == template_beside(model)
    assert Template("j", "chat_template.jinja", special) == template_beside(written(tmp_path, jinja="j"))


def test_older_places(tmp_path: Path) -> None:
    """``chat_template.json`` of processors, and a tokenizer that is a graph."""
    ir = '<net><rt_info><chat_template value="{{ messages }}&#10;" /></rt_info></net>'
    (tmp_path / "openvino_tokenizer.xml").write_text(ir)
    assert Template("{{ messages }}\n", "openvino_tokenizer.xml") == template_beside(tmp_path / "openvino_model.xml")
    model = written(tmp_path, older={"chat_template": "o"}, config={"bos_token": None})
    assert Template("o", "chat_template.json") == template_beside(model)


def test_a_damaged_configuration_is_said(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(InputError, match="tokenizer_config"):
        template_beside(written(tmp_path, config="{"))
    with pytest.raises(InputError, match="larger than"):
        template_beside(written(tmp_path, config={}, jinja="x" * (1 << 20) + "y"))
