"""The text that people read, by language: the engine gives a code and figures, and a catalogue per language contains
the words.

``sentence(code, figure=…)`` is a message without words, which may go into a record. ``say(code, figure=…)``, or ``str``
of a sentence, puts it in the language that ``speak`` chose. The catalogues are ``en.po`` and ``ko.po`` in this folder
(gettext; read and compiled by Babel); another language is one more file.
"""

from bench.words.catalogue import languages
from bench.words.compiling import BrokenCatalogue
from bench.words.language import UnknownLanguage, chosen, current, of_locale, speak, speaking
from bench.words.sentences import Figure, Sentence, mapped, say, sentence, words_of

__all__ = [
    "BrokenCatalogue",
    "Figure",
    "Sentence",
    "UnknownLanguage",
    "chosen",
    "current",
    "languages",
    "mapped",
    "of_locale",
    "say",
    "sentence",
    "speak",
    "speaking",
    "words_of",
]
