"""``python -m bench.words``: sort every ``.po`` by code, and write its ``.mo``."""

from bench.words.compiling import FOLDER, compile_all, sorted_text

for source in sorted(FOLDER.glob("*.po")):
    text = sorted_text(source)
    if text != source.read_text(encoding="utf-8"):
        source.write_text(text, encoding="utf-8")
compile_all()
