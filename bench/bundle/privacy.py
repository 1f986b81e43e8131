"""Keeps out of a bundle whose machine it was packed on and where on it things lie; and, if asked, who submits."""

import getpass
import os
import platform
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct

from bench.bundle.archive import Content, chunks
from bench.record.shown.redact import without_paths
from bench.submission.form import Party, Submission
from bench.submission.texts import Text, Texts

GENERIC = frozenset(
    (
        *("root", "user", "users", "admin", "administrator", "ubuntu", "debian", "fedora", "runner", "test", "tester"),
        *("guest", "demo", "odb", "localhost", "localdomain", "vm", "host", "docker", "build", "builder", "jenkins"),
        *(
            "azureuser",
            "ec2-user",
            "vagrant",
            "default",
            "local",
            "dev",
            "work",
            "worker",
            "android",
            "windows",
            "linux",
        ),
        *("desktop", "laptop", "python", "bench", "model", "models", "data", "device", "server", "node", "nobody"),
        *("home", "ai", "ml", "npu", "gpu", "cpu", "intel", "qualcomm", "lge", "main", "machine", "computer"),
    )
)
"""Names of accounts and machines that say nothing of anybody and occur as words."""
SHORTEST, SHORTEST_IN_BINARY = 3, 6
TEXT_SUFFIXES = frozenset(
    (".json", ".toml", ".txt", ".jsonl", ".csv", ".md", ".html", ".xml", ".yaml", ".yml", ".jinja")
)
VOCABULARIES = (
    *("tokenizer.json", "vocab.json", "merges.txt", "tokenizer.model"),
    *("*_tokenizer.bin", "*_detokenizer.bin"),
)
"""Lists of words among the files of a model: first names and names of firms are in them, whoever packs."""
_EDGE = r"(?<![0-9A-Za-z]){}(?![0-9A-Za-z])"
LEGAL_FORMS = re.compile(
    r"\(주\)|㈜|주식회사|\b(?:inc|ltd|co|corp|corporation|company|llc|gmbh|limited)\b\.?", re.IGNORECASE
)
MAIL_HOSTS = frozenset(("gmail", "naver", "daum", "kakao", "hanmail", "outlook", "hotmail", "nate", "icloud", "yahoo"))
OVERLAP = 1 << 12
EMPTIED = ("applicant", "demand_company", "project.name", "project.summary", "project.period", "device.notes")
"""Fields that a blind bundle leaves out whole; of each model the title and of each criterion who reached the level
before are left out, too."""


class Owner(Struct, frozen=True):
    """``names``: of the account and the machine; ``folders``: paths that only this machine has."""

    names: tuple[str, ...]
    folders: tuple[str, ...]


def owner_of_this_machine(folder: Path) -> Owner:
    """Who packs, and from where: the submission is in ``folder``."""
    found = [os.environ.get(name, "") for name in ("USER", "USERNAME", "LOGNAME", "HOSTNAME", "COMPUTERNAME")]
    found += [socket.gethostname(), platform.node(), Path.home().name]
    with suppress(OSError, KeyError, ImportError):  # an account without a name
        found.append(getpass.getuser())
    found += [name.partition(".")[0] for name in found]
    names = {name for name in found if len(name) >= SHORTEST and name.lower() not in GENERIC and not name.isdigit()}
    places = {str(Path.home()), str(folder.resolve()), str(Path.cwd()), os.path.abspath(folder)}
    folders = {place for place in places if len(Path(place).parts) > 2}
    return Owner(tuple(sorted(names, key=len, reverse=True)), tuple(sorted(folders, key=len, reverse=True)))


def without_owner(text: str, owner: Owner) -> str:
    """``text`` without absolute paths, and without the names of the account and the machine."""
    text = without_paths(text, graph_names=False)
    for name in owner.names:
        text = re.sub(_EDGE.format(re.escape(name)), "…", text)
    return text


def leak_in(name: str, content: Content, owner: Owner) -> str:
    """What of ``owner`` stands in a file, or is the name of it; empty where nothing does. In a binary file, short names
    are not looked for, and in a vocabulary none: they occur by chance."""
    in_text = Path(name).suffix.lower() in TEXT_SUFFIXES
    looked_for = () if _is_vocabulary(name) else owner.names
    names = [one for one in looked_for if in_text or len(one) >= SHORTEST_IN_BINARY]
    needles = {spelled: folder for folder in owner.folders for spelled in _spellings(folder)}
    words = {one.encode(): one for one in names}
    for one in owner.names:
        if re.search(_EDGE.format(re.escape(one)), name):
            return one
    return _first(content, needles, words)


def _is_vocabulary(name: str) -> bool:
    return "/models/" in f"/{name}" and any(fnmatchcase(Path(name).name, pattern) for pattern in VOCABULARIES)


def _spellings(folder: str) -> Iterator[bytes]:
    for spelled in {folder, folder.replace("\\", "\\\\"), folder.replace("\\", "/")}:
        yield from (spelled.encode(), spelled.encode("utf-16-le"))


def _first(content: Content, needles: Mapping[bytes, str], words: Mapping[bytes, str]) -> str:
    edges = {re.compile(_EDGE.format(re.escape(word.decode())).encode()): word for word in words}
    before = b""
    for chunk in chunks(content):
        part = before + chunk
        for needle, shown in needles.items():
            if needle in part:
                return shown
        for pattern, word in edges.items():
            if word in part and pattern.search(part):
                return words[word]
        before = part[-OVERLAP:]
    return ""


# ---------------------------------------------------------------------------------------------------------- blind


def blind(field: str) -> bool:
    """Whether a blind bundle leaves the text of that field out."""
    if re.fullmatch(r"models\[\d+\]\.title(\..*)?|criteria\[\d+\]\.before\.holder(\..*)?", field):
        return True
    return any(field == name or field.startswith((f"{name}.", f"{name}[")) for name in EMPTIED)


def identifying(submission: Submission) -> tuple[str, ...]:
    """The words by which a reader would know who submits: folded, the longest first."""
    found = set(_of_party(submission.applicant))
    return tuple(sorted((word for word in found if len(word) >= SHORTEST), key=lambda word: (-len(word), word)))


def _of_party(party: Party) -> Iterator[str]:
    for name in (*_texts(party.organisation), *party.people):
        plain = " ".join(LEGAL_FORMS.sub(" ", name).split())
        yield from (folded(plain), folded(plain).replace(" ", ""), folded(plain).replace(" ", "-"))
        yield folded(plain).replace(" ", "_")
    yield from (folded(party.registration), folded(party.contact))
    for mail in re.findall(r"[\w.+-]+@[\w.-]+", party.contact):
        account, _, host = mail.partition("@")
        yield folded(mail)
        yield from (
            folded(label) for label in (host.split(".")[0],) if len(label) > 3 and label.lower() not in MAIL_HOSTS
        )
        yield from (folded(account) for _ in range(len(account) > 4))
    yield from (re.sub(r"\D", "", phone) for phone in re.findall(r"\+?\d[\d\s()-]{7,}\d", party.contact))


def _texts(text: Text) -> tuple[str, ...]:
    return (text.ko, text.en) if isinstance(text, Texts) else (text,)


def folded(text: str) -> str:
    """As names are compared: whatever their case and spaces."""
    return " ".join(text.casefold().split())


def named_in(name: str, content: Content, words: tuple[str, ...]) -> str:
    """The first of ``words`` that stands in a file or in its name; empty where none does. In a vocabulary they are not
    looked for."""
    shown = folded(name)
    for word in words:
        if word in shown:
            return word
    if _is_vocabulary(name):
        return ""
    before = ""
    for chunk in chunks(content):
        part = before + " ".join(chunk.decode("utf-8", "replace").casefold().split())
        for word in words:
            if re.search(rf"(?<!\w){re.escape(word)}(?!\w)" if word.isascii() else re.escape(word), part):
                return word
        before = part[-OVERLAP:]
    return ""
