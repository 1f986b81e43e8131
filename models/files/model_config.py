"""The JSON files that exporters put beside a language model."""

import json
from pathlib import Path
from typing import Any

from bench.errors import InputError


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object in ``file``. Raises ``InputError`` when it holds anything else."""
    try:
        content = json.loads(file.read_bytes())
    except ValueError:
        raise InputError(f"{file.name}: beside the model, and not JSON", "Repair or remove it.") from None
    if not isinstance(content, dict):
        raise InputError(f"{file.name}: beside the model, and no JSON object", "Repair or remove it.")
    return content


def stated_context(folder: Path, name: str) -> int | None:
    """The context length that ``config.json`` or ``genai_config.json`` in ``folder`` states, in tokens; ``None`` where
    there is no such file or no such field. Raises ``InputError`` for a length that is not a whole number above 0."""
    file = folder / name
    if not file.is_file():
        return None
    content = read_object(file)
    field = "max_position_embeddings"
    if name == "genai_config.json":
        field, model = "context_length", content.get("model")
        content = model if isinstance(model, dict) else {}
    value = content.get(field)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{name}: {field} is {value!r}, no number of tokens", "Correct it.")
    return value
