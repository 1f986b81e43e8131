"""What people read, by language: the engine gives a code and figures, a catalogue a language holds the words.

``sentence(code, figure=…)`` is a thing to say, without words: it may go into a record. ``say(code, figure=…)``, or
``str`` of a sentence, puts it in the language that ``speak`` chose. The catalogues are ``en.po`` and ``ko.po`` beside
this file (gettext; read and compiled by Babel); a further language is one further file.
"""

from bench.words.catalogue import languages
from bench.words.compiling import BrokenCatalogue
from bench.words.language import UnknownLanguage, chosen, current, of_locale, speak, speaking
from bench.words.sentence import Figure, Sentence, mapped, say, sentence

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
]
