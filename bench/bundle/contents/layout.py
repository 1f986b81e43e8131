"""Where things are in a bundle, by names relative to its top folder, and how its JSON is written."""

from typing import Any

import msgspec
from msgspec import Struct

BAGIT = "bagit.txt"
BAG_INFO = "bag-info.txt"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
STATEMENT = "attestations/test-result.json"
ENVELOPE = "attestations/test-result.dsse.json"

DATA = "data/"
FORM = f"{DATA}submission.toml"
TRACK = f"{DATA}track.toml"
SUITE = f"{DATA}suite.toml"
MODEL_LIST = f"{DATA}models.json"
INPUT_LIST = f"{DATA}inputs.json"
ENVIRONMENT = f"{DATA}environment.json"
ASSESSMENT = f"{DATA}assessment.json"
CRATE = f"{DATA}ro-crate-metadata.json"
RECORDS = f"{DATA}records/"
MODELS = f"{DATA}models/"
INPUTS = f"{DATA}inputs/"
DOSSIER = f"{DATA}dossier/"

TAG_FILES = (BAGIT, BAG_INFO, MANIFEST)
"""Those that a statement names beside the payload."""
REQUIRED = (*TAG_FILES, TAG_MANIFEST, STATEMENT, FORM, SUITE, MODEL_LIST, INPUT_LIST, ENVIRONMENT, ASSESSMENT, CRATE)
OPTIONAL = (TRACK, ENVELOPE)
FOLDERS = (RECORDS, MODELS, INPUTS, DOSSIER)


class Facts(Struct, frozen=True):
    """Of a file: its size and hash."""

    size_bytes: int
    sha256: str


def json_bytes(value: Any) -> bytes:
    """``value`` as JSON with its keys in order, indented, and a final newline: one content, one text."""
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n"
