"""Korean particles after words that are not known beforehand: ``{target}[을/를]`` becomes the particle that fits
the last sound of the word. Other languages write no such marks."""

import re

_PAIRS = "은/는|이/가|을/를|과/와|으로/로|이라/라|이나/나|이며/며|이다/다|이고/고"
_MARK = rf"([A-Za-z]{{2,40}}|.?)([\"'`”’)\]]*)\[({_PAIRS})\]"
_CLOSED_LETTERS, _CLOSED_DIGITS = frozenset("lmn"), frozenset("013678")
_LIQUID = frozenset("l178")
_SHORT = re.compile(r"(?:^|[^aeiou]|qu)[aeiou](?:ck|[ckpt])$")
"""A short vowel and ``c``, ``k``, ``p`` or ``t``: written as a final consonant in Korean, as 넷, 맵 and 퀵 are."""


def with_particles(text: str, before: str = "") -> str:
    """``before`` and ``text``, with each mark of ``text`` replaced by the form after a closed syllable (the first) or
    an open one. What is like a mark in ``before`` stays: a name may have any signs."""
    if "[" not in text:
        return before + text
    start = len(before)
    return re.sub(_MARK, lambda found: found[0] if found.start(3) <= start else _chosen(found), before + text)


def _chosen(found: "re.Match[str]") -> str:
    before, quotes, pair = found.groups()
    closed, opened = pair.split("/")
    ending = _ending(before)
    if pair == "으로/로" and ending == "liquid":
        ending = "open"
    return f"{before}{quotes}{opened if ending == 'open' else closed}"


def _ending(sound: str) -> str:
    """``open``, ``closed`` or ``liquid`` (ㄹ): the end of a syllable, of a digit's name or of a Latin word."""
    if len(sound) > 1:
        return _ending_of_word(sound)
    if "가" <= sound <= "힣":
        final = (ord(sound) - ord("가")) % 28
        return "open" if final == 0 else "liquid" if final == 8 else "closed"
    sign = sound.lower()
    if sign in _LIQUID:
        return "liquid"
    return "closed" if sign in _CLOSED_LETTERS or sign in _CLOSED_DIGITS else "open"


def _ending_of_word(word: str) -> str:
    """By the rules for loan words: a final ``e`` is silent after ``l``, ``m`` and ``n``; capitals are spelled out."""
    if word.isupper():
        return "liquid" if word[-1] == "R" else _ending(word[-1])
    small = word.lower()
    if small[-1] == "e" and small[-2] in _CLOSED_LETTERS:
        return _ending(small[-2])
    return "closed" if small.endswith("ng") or _SHORT.search(small) else _ending(small[-1])
