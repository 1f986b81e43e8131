"""Korean particles after words that are not known beforehand: ``{target}[을/를]`` becomes the particle that fits
the last sound of the word. Other languages write no such marks."""

import re

_PAIRS = "은/는|이/가|을/를|과/와|으로/로|이라/라|이나/나|이며/며|이다/다|이고/고"
_MARK = re.compile(rf"(.?)([\"'”’)\]]*)\[({_PAIRS})\]")
_CLOSED_LETTERS, _CLOSED_DIGITS = frozenset("lmn"), frozenset("013678")
_LIQUID = frozenset("l178")


def with_particles(text: str) -> str:
    """``text`` with each mark replaced by the form after a closed syllable (the first) or an open one."""
    return _MARK.sub(_chosen, text) if "[" in text else text


def _chosen(found: "re.Match[str]") -> str:
    before, quotes, pair = found.groups()
    closed, opened = pair.split("/")
    ending = _ending(before)
    if pair == "으로/로" and ending == "liquid":
        ending = "open"
    return f"{before}{quotes}{opened if ending == 'open' else closed}"


def _ending(sign: str) -> str:
    """``open``, ``closed`` or ``liquid`` (ㄹ): the end of a syllable, of a digit's name or of a Latin word."""
    if "가" <= sign <= "힣":
        final = (ord(sign) - ord("가")) % 28
        return "open" if final == 0 else "liquid" if final == 8 else "closed"
    sign = sign.lower()
    if sign in _LIQUID:
        return "liquid"
    return "closed" if sign in _CLOSED_LETTERS or sign in _CLOSED_DIGITS else "open"
