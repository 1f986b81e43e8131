"""What is used from the ``genai_config.json`` of a folder from other people.

The file is data: the runtime never opens it. It opens a configuration written from what this module takes, which are
numbers and booleans anywhere, strings in the fields of ``TEXT`` and ``NAMES``, files inside the folder in the fields of
``FILES``, and the session and run options of an allow-list. Any other text is refused, and the error names the field:
onnxruntime-genai loads ``custom_ops_library``, and writes to the path in ``enable_profiling``.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import InputError, RunFailure
from bench.reading import refuse_outside
from bench.targets.safe_options import SESSION
from bench.words import Sentence, sentence

SECTIONS = ("model", "search", "speculative", "engine")
TEXT = frozenset(("type", "data_type", "name", "main_hidden_states", "alignment"))
NAMES = frozenset(("inputs", "outputs", "output_names_forwarder", "layer_types", "state_groups"))
"""Fields whose whole content are names: of tensors, and of kinds of layers."""
FILES = frozenset(("filename", "config_filename", "adapter_filename", "data_file"))
SESSION_OPTIONS = SESSION - {"logid"} | {"log_id", "use_env_allocators", "disable_cpu_ep_fallback", "disable_quant_qdq"}
RUN_OPTIONS = frozenset(("memory.enable_memory_arena_shrinkage", "disable_synchronize_execution_providers"))
LEFT_OUT = frozenset(("provider_options", "providers", "prompt_templates"))
"""The target names the provider and its options; prompts are not built from templates."""


class Taken:
    """The configuration that the runtime gets, and the ``files`` of the folder that it names, relative to it."""

    def __init__(self, content: Mapping[str, Any], folder: Path, file_name: str) -> None:
        """Raises ``RunFailure`` (``bad_input``) naming ``file_name`` and the field that is not taken."""
        self._folder, self._file_name = folder, file_name
        self.files: list[Path] = []
        for key in content:
            if key not in SECTIONS:
                raise self._refused(key, sentence("ort.genai.not_a_section"))
        self.content = {key: self._value(key, value, key) for key, value in content.items()}

    def text(self) -> str:
        """As the file that the runtime opens holds it."""
        return json.dumps(self.content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def _value(self, key: str, value: Any, field: str) -> Any:
        if key in NAMES:
            return self._names(value, field)
        if key == "pipeline":
            return self._pipeline(value, field)
        if isinstance(value, dict):
            return self._object(value, field)
        if isinstance(value, list):
            return [self._value(key, item, f"{field}[{index}]") for index, item in enumerate(value)]
        if isinstance(value, str):
            return self._string(key, value, field)
        if isinstance(value, float) and not math.isfinite(value):
            raise self._refused(field, sentence("ort.genai.not_a_number"))
        return value

    def _object(self, value: Mapping[str, Any], field: str) -> dict[str, Any]:
        taken = {}
        for key, inner in value.items():
            where = f"{field}.{key}"
            if key in LEFT_OUT:
                continue
            if key in ("session_options", "run_options"):
                taken[key] = self._options(inner, RUN_OPTIONS if key == "run_options" else SESSION_OPTIONS, where)
            else:
                taken[key] = self._value(key, inner, where)
        return taken

    def _pipeline(self, value: Any, field: str) -> list[Any]:
        """The stages in their order, one object each. A stage with session options of its own inherits the target's."""
        groups = value if isinstance(value, list) else [value]
        places = [f"{field}[{index}]" if isinstance(value, list) else field for index in range(len(groups))]
        for group, place in zip(groups, places, strict=True):
            if not isinstance(group, dict) or not all(isinstance(stage, dict) for stage in group.values()):
                raise self._refused(place, sentence("ort.genai.not_an_object"))
        return [
            {name: self._stage(stage, f"{place}.{name}")}
            for group, place in zip(groups, places, strict=True)
            for name, stage in group.items()
        ]

    def _stage(self, value: Mapping[str, Any], field: str) -> dict[str, Any]:
        taken = self._object(value, field)
        return taken | ({"inherit_session_options": True} if "session_options" in taken else {})

    def _options(self, value: Any, safe: frozenset[str], field: str) -> dict[str, Any]:
        """Session or run options: those of the allow-list, with plain values."""
        if not isinstance(value, dict):
            raise self._refused(field, sentence("ort.genai.not_an_object"))
        for key, inner in value.items():
            if key in LEFT_OUT:
                continue
            if key not in safe:
                raise self._refused(f"{field}.{key}", sentence("ort.genai.option_may_act"), key)
            if not isinstance(inner, str | int | float | bool):
                raise self._refused(f"{field}.{key}", sentence("ort.genai.not_a_plain_value"))
        return {key: inner for key, inner in value.items() if key not in LEFT_OUT}

    def _names(self, value: Any, field: str) -> Any:
        if isinstance(value, dict):
            return {key: self._names(inner, f"{field}.{key}") for key, inner in value.items()}
        if isinstance(value, list):
            return [self._names(item, f"{field}[{index}]") for index, item in enumerate(value)]
        return value

    def _string(self, key: str, value: str, field: str) -> str:
        if key in TEXT:
            return value
        if key not in FILES:
            raise self._refused(field, sentence("ort.genai.only_numbers_and_names"))
        try:
            refuse_outside(value, origin=f"{self._file_name}: {field}")
        except InputError as error:
            raise RunFailure(
                "bad_input", error.sentence, sentence("ort.genai.put_file_into_folder"), "prepare"
            ) from None
        if value:
            self.files.append(Path(value))
        return value

    def _refused(self, field: str, why: Sentence, option: str = "") -> RunFailure:
        file = self._file_name
        if option in SESSION:
            remedy = sentence("ort.genai.remove_field_or_give_option", field=field, file=file, option=option)
        else:
            remedy = sentence("ort.genai.remove_field", field=field, file=file)
        message = sentence("ort.genai.field_not_taken", file=file, field=field, why=why)
        return RunFailure("bad_input", message, remedy, "prepare")
