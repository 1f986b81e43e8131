"""tok512.bin, llama2.c's tokenizer of stories260K, as the files that exporters write."""

import json
import struct
from pathlib import Path
from typing import Any

UNKNOWN, BEGIN, END, BYTES = 0, 1, 2, 256
SPACE = "▁"


def pieces(file: Path) -> list[tuple[str, float]]:
    """Each token's text, spaces as ``▁``, and its score."""
    data, found, at = file.read_bytes(), [], 4
    while at < len(data):
        score, length = struct.unpack_from("<fi", data, at)
        at += 8
        found.append((data[at : at + length].decode().replace(" ", SPACE), score))
        at += length
    special = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), *((f"<0x{b:02X}>", 0.0) for b in range(BYTES))]
    return [*special, *found[len(special) :]]


def merges(vocabulary: list[tuple[str, float]]) -> list[list[str]]:
    """Which two pieces become one, best first: SentencePiece's order is that of the whole's score."""
    known = dict(vocabulary)
    ordered = sorted(vocabulary[BYTES + 3 :], key=lambda entry: -entry[1])
    return [
        [text[:cut], text[cut:]]
        for text, _ in ordered
        for cut in range(1, len(text))
        if text[:cut] in known and text[cut:] in known
    ]


def write_tokenizer(source: Path, folder: Path) -> None:
    """``tokenizer.json`` and ``tokenizer_config.json``, as transformers saves a Llama tokenizer."""
    vocabulary = pieces(source)
    added = [
        {"id": i, "content": vocabulary[i][0], "special": True, "normalized": False, "lstrip": False, "rstrip": False}
        | {"single_word": False}
        for i in (UNKNOWN, BEGIN, END)
    ]
    tokenizer: dict[str, Any] = {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": SPACE},
                {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [BEGIN], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "unk_token": "<unk>",
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": {text: i for i, (text, _) in enumerate(vocabulary)},
            "merges": [" ".join(pair) for pair in merges(vocabulary)],
        },
    }
    config = {
        "tokenizer_class": "LlamaTokenizer",
        "add_bos_token": True,
        "add_eos_token": False,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "legacy": False,
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
