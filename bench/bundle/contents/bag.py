"""The files that make a folder a bag of BagIt 1.0 (RFC 8493). ``sha256sum -c`` reads the manifests."""

import re
from collections.abc import Mapping, Sequence

from bench.bundle.contents.layout import DATA, TAG_MANIFEST, Facts
from bench.errors import InputError
from bench.record.record import RecordedRun
from bench.words import sentence

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
LINE = re.compile(r"([0-9a-f]{64})  (\S(?:.*\S)?)")


def manifest(files: Mapping[str, Facts]) -> bytes:
    """A line for each file, in the order of the names' bytes."""
    return "".join(f"{files[name].sha256}  {name}\n" for name in sorted(files, key=str.encode)).encode()


def payload_of(files: Mapping[str, Facts]) -> dict[str, Facts]:
    """The files in ``data``."""
    return {name: facts for name, facts in files.items() if name.startswith(DATA)}


def tags_of(files: Mapping[str, Facts]) -> dict[str, Facts]:
    """The files that the tag manifest lists: all beside ``data`` but itself."""
    return {name: facts for name, facts in files.items() if not name.startswith(DATA) and name != TAG_MANIFEST}


def listed(data: bytes, source: str) -> dict[str, str]:
    """Name -> SHA-256 as a manifest lists them. Raises ``InputError`` naming ``source`` and the line."""
    found: dict[str, str] = {}
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        raise InputError(sentence("bundle.manifest_line", file=source, line=1)) from None
    for number, line in enumerate(lines[:-1] if lines and not lines[-1] else lines, 1):
        match = LINE.fullmatch(line)
        if match is None or match[2] in found:
            raise InputError(sentence("bundle.manifest_line", file=source, line=number))
        found[match[2]] = match[1]
    return found


def bag_info(name: str, payload: Mapping[str, Facts], newest: str, tool: str) -> bytes:
    """``newest``: when the newest record was made; ``tool``: name and version."""
    octets = sum(facts.size_bytes for facts in payload.values())
    lines = [f"Bag-Software-Agent: {tool}", f"External-Identifier: {name}", f"Payload-Oxum: {octets}.{len(payload)}"]
    date = re.match(r"\d{4}-\d\d-\d\d", newest)
    return "".join(f"{line}\n" for line in [*([f"Bagging-Date: {date[0]}"] if date else []), *lines]).encode()


def newest_of(runs: Sequence[RecordedRun]) -> str:
    """When the newest record was made; empty where there is none."""
    return max((run.record.created_utc for run in runs), default="")
