"""The name of a model that is a file or a folder.

Exporters call every file ``model.onnx`` and put it into a folder ``onnx``; download caches put that into a folder named
by a hash. In these cases the name of the parent folder is used. Converters to GGUF write ``ggml-model-Q4_K_M.gguf``:
what follows the general name stays. One part of several (``x-00001-of-00002.gguf``) has the name of the whole, and
``*.safetensors`` are named by their folder, which is the model.
"""

import re
from pathlib import Path

GENERIC_FILES = frozenset(("model", "openvino_model"))
GENERIC_FOLDERS = frozenset(
    (
        *(
            "onnx",
            "openvino",
            "tflite",
            "ir",
            "model",
            "models",
            "weights",
            "export",
            "exported",
            "output",
            "snapshots",
        ),
        *("fp32", "fp16", "bf16", "int8", "int4", "float32", "float16", "cpu", "gpu", "npu", "cpu_and_mobile"),
    )
)
GENERIC_GGUF = re.compile(r"(?:ggml-model|model|unsloth)([-.].+)\.gguf", re.IGNORECASE)
PART = re.compile(r"(.+)-\d{5}-of-\d{5}")
HUB = "models--"  # models--OWNER--NAME/snapshots/HASH/…


def file_model_id(file: Path) -> str:
    """A file's id: its name without folder and suffix; of one of ``GENERIC_FILES`` that of the folder it was given
    with. Folders that were not given, and those of users' homes, are not named."""
    if file.suffix.lower() == ".safetensors":
        return folder_model_id(file.parent)
    part = PART.fullmatch(file.stem)
    if part:
        return file_model_id(file.with_name(part[1] + file.suffix))
    converted = GENERIC_GGUF.fullmatch(file.name)
    if converted:
        folder = _of_folders([folder for folder in file.parents if folder.name])
        return f"{folder}{converted[1]}" if folder else file.stem
    if file.stem not in GENERIC_FILES:
        return file.stem
    return _of_folders([folder for folder in file.parents if folder.name]) or file.stem


def folder_model_id(folder: Path) -> str:
    """A folder's id: its own name, or that of a folder around it where that is one of ``GENERIC_FOLDERS``; ``model``
    of a user's home."""
    whole = folder.resolve()
    name = _of_folders([whole, *(parent for parent in whole.parents if parent.name)]) or "model"
    return name.encode("utf-8", "replace").decode()  # a folder that was not given may bear a name of another encoding


def _of_folders(folders: list[Path]) -> str:
    """The name of the first that is not generic; without such that of the innermost."""
    named: list[str] = []
    for folder in folders:
        if folder.name == ".." or _is_home(folder):
            break
        if folder.name.startswith(HUB):
            return folder.name.rpartition("--")[2]
        if folder.parent.name == "snapshots":  # named by a hash
            continue
        named.append(folder.name)
        if folder.name.lower() not in GENERIC_FOLDERS:
            return folder.name
    return named[0] if named else ""


def _is_home(folder: Path) -> bool:
    """Whether the folder is a user's home, or holds homes."""
    home, whole = Path.home(), folder.absolute()
    return whole == home or whole in home.parents or (whole.parent == home.parent and home.parent != Path("/"))
