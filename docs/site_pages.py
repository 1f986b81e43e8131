"""A hook of mkdocs: links from the documentation to the rest of the repository work in the site as on the web view.

A page links to files by their place in the repository (``../bench/measure/loop.py``, ``../CHANGELOG.md``). Each linked
file outside ``docs/`` becomes a page of the site, and the link is rewritten to it: Markdown as it is, source as a
listing, a folder as a list of its files. In the table of docs/api.md, a module's link leads to a page made from its
docstrings. A link to a file that is missing stays as it is, so that ``--strict`` reports it.
"""

import posixpath
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = "docs"
API = "api.md"

FENCE = re.compile(r"^(```.*?^```)$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")
FILE = re.compile(r"^```(\w+) (\S+)$", re.MULTILINE)
ROW = re.compile(r"^\| \[`(bench[\w.]*)`\]\(\.\./([^)]+)\) \| (.+) \| (.+) \|$", re.MULTILINE)

LANGUAGES = {".py": "python", ".toml": "toml", ".json": "json", ".txt": "text", ".yml": "yaml"}


class Module(NamedTuple):
    """One row of the table of public modules: where it stands, what it is for, and the names that it promises."""

    name: str
    path: str
    about: str
    names: tuple[str, ...]

    @property
    def page(self) -> str:
        return f"api/{self.name}.md"


def public_modules(text: str) -> list[Module]:
    """The rows of docs/api.md."""
    rows = ROW.findall(text)
    return [Module(name, path, about, tuple(re.findall(r"`(\w+)`", names))) for name, path, about, names in rows]


def page_of(path: str) -> str | None:
    """The page of the site, by its source, for a path in the repository; ``None`` where the site has no page for it."""
    if path.startswith(f"{DOCS}/") and not path.endswith(".py"):
        return path.removeprefix(f"{DOCS}/")
    file = ROOT / path
    if not file.exists() or path.startswith(".."):
        return None
    if file.suffix == ".md":
        return path
    return f"source/{path}.md"


def place_of(source: str) -> str:
    """Where the text of a page of the site stands in the repository."""
    inside = f"{DOCS}/{source}"
    return inside if (ROOT / inside).exists() else source


def links(text: str) -> Iterator[str]:
    """The targets of relative links, without those in fenced blocks."""
    for found in LINK.finditer(FENCE.sub("", text)):
        if "://" not in found[1] and not found[1].startswith("mailto:"):
            yield found[1]


def rewritten(text: str, source: str, to_modules: dict[str, str]) -> str:
    """The text with its links to files of the repository led to the pages of the site.

    ``source`` is the page's own path in the site; ``to_modules`` gives the pages that stand for source files here.
    """
    folder = posixpath.dirname(place_of(source))

    def replaced(found: re.Match[str]) -> str:
        link, anchor = found[1], found[2] or ""
        if "://" in link or link.startswith("mailto:"):
            return found[0]
        path = posixpath.normpath(posixpath.join(folder, link))
        page = to_modules.get(path) or page_of(path)
        return found[0] if page is None else posixpath.relpath(page, posixpath.dirname(source) or ".") + anchor

    parts = FENCE.split(text)
    return "".join(titled(part) if part.startswith("```") else LINK.sub(replaced, part) for part in parts)


def titled(block: str) -> str:
    """A block that is to be saved as a file, with the file's name above it."""
    return FILE.sub(r'```\1 title="\2"', block)


def text_of(path: str) -> str:
    """The text of a file of the repository."""
    return (ROOT / path).read_text(encoding="utf-8")


def listing(path: str) -> str:
    """The page of a source file or a folder."""
    file = ROOT / path
    head = f"---\nsearch:\n  exclude: true\n---\n\n# {path}\n\n"
    if file.is_dir():
        return head + "".join(
            f"- {one.name}\n" for one in sorted(file.iterdir()) if not one.name.startswith(("_", "."))
        )
    language = LANGUAGES.get(file.suffix, "text")
    return head + f"````{language}\n{text_of(path).rstrip()}\n````\n"


def defined_in(module: str, name: str) -> str:
    """The dotted path of the definition of a public name: ``bench`` resolves its names on first use, so the parser that
    reads docstrings does not find them there.
    """
    found = getattr(import_module(module), name)
    home = getattr(found, "__module__", module) if getattr(found, "__name__", "") == name else module
    return f"{home}.{name}"


def api_page(module: Module) -> str:
    """The page of a public module: each name with its docstring."""
    objects = "\n".join(f"::: {defined_in(module.name, name)}\n" for name in module.names)
    return f"# {module.name}\n\n{module.about[0].upper()}{module.about[1:]}.\n\n{objects}"


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Adds the pages of linked files, and of what those link to in turn."""
    waiting = [file for file in files if file.is_documentation_page()]
    waiting += [add(files, config, page, text_of(page)) for page in named_in_nav(config.nav, files)]
    while waiting:
        file = waiting.pop()
        if file.src_uri.startswith(("source/", "api/")):
            continue
        folder = posixpath.dirname(place_of(file.src_uri))
        for link in links(file.content_string):
            path = posixpath.normpath(posixpath.join(folder, link))
            page = page_of(path)
            if page is None or page in files.src_uris or page == path.removeprefix(f"{DOCS}/") != path:
                continue
            waiting.append(add(files, config, page, text_of(path) if page == path else listing(path)))
    for module in public_modules(text_of(f"{DOCS}/{API}")):
        add(files, config, module.page, api_page(module))
    return files


def named_in_nav(nav: object, files: Files) -> list[str]:
    """The pages of the navigation that stand at the top of the repository."""
    if isinstance(nav, str):
        return [nav] if nav not in files.src_uris and (ROOT / nav).is_file() else []
    parts = nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else []
    return [page for part in parts for page in named_in_nav(part, files)]


def add(files: Files, config: MkDocsConfig, page: str, text: str) -> File:
    file = File.generated(config, page, content=text)
    files.append(file)
    return file


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Leads the links of a page to pages of the site."""
    source = page.file.src_uri
    if source.startswith(("source/", "api/")):
        return markdown
    modules = public_modules(markdown) if source == API else []
    return rewritten(markdown, source, {module.path: module.page for module in modules})
