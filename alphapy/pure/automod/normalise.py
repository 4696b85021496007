"""Texts as people read them, whatever their characters: what hides a word is taken away.

:func:`clean` is N(x) of the specification (5.3), without the folding of case. :func:`views` adds, for texts
with foreign letters, what a reader sees: letters of other scripts that look Latin, combining marks,
dotless and accented forms, digits for letters, letters set apart by spaces. An ordinary ASCII text has one
view, itself, so that it costs next to nothing.

Ordinary texts of other scripts are left alone: a letter becomes its Latin twin only inside a word that also
has Latin letters, or where no word of the text shows that its script is really used.
"""

from __future__ import annotations

import re
import unicodedata

import attrs

from alphapy.pure.automod.confusables import BARE, DIGITS, RANGES, REGIONAL, STYLED, TWIN_OF, script_of
from alphapy.pure.matching import without_surrogates

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
"""What takes no room: the characters of the specification, and their kin."""

_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")
"""Combining marks of Latin, Greek and Cyrillic; those of other scripts are part of their words."""

_TRICKY = re.compile(
    "[\u0250-\u02af\u0300-\u058f\u13a0-\u13ff\u1ab0-\u1aff\u1d00-\u1dff\u20d0-\u20ff\u24d0-\u24e9\ua4d0-\ua4ff"
    "\ua700-\uabff\ufe20-\ufe2f\U0001f150-\U0001f189\U0001f1e6-\U0001f1ff]"
)
"""What may look like a Latin letter, or stand above or below one. Without it a text looks like what it is."""

_PLAIN = {
    number: base
    for number in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00))
    if (base := unicodedata.normalize("NFD", chr(number))[0].translate(BARE)) != chr(number)
}
"""Letters of the Latin script without their accents."""

_ALONE = re.compile("(?<![\U0001f1e6-\U0001f1ff])[\U0001f1e6-\U0001f1ff](?![\U0001f1e6-\U0001f1ff])")
_SPACES = re.compile(r"\s+")
_SPACED = re.compile(r"(?<![^\W_])[^\W_](?:[\W_]{1,3}[^\W_]){2,}(?![^\W_])")
_BETWEEN = re.compile(r"[\W_]+")
_WORD = re.compile(r"\S+")
_NUMBERED = re.compile(r"\S*[0134578$]\S*")
_CERTAIN = re.compile(
    "[{}]".format(
        "".join(
            chr(number)
            for _, first, last in RANGES
            for number in range(first, last + 1)
            if chr(number).isalpha() and chr(number) not in TWIN_OF
        )
    )
)
"""Letters that look like no Latin one: whoever writes them writes their script."""

_LATIN = re.compile(r"[a-z\u00df-\u00f6\u00f8-\u024f\u1e00-\u1eff]")

SPACED_PATTERN = r"(?:^|[^\pL\pN])[\pL\pN](?:[^\pL\pN]{1,3}[\pL\pN]){2,}(?:[^\pL\pN]|$)"
"""The same as ``_SPACED``, for RE2."""

SHORTEST_BARE = 4
"""Letters that a word needs to be looked for without its accents, and with digits for letters."""


def clean(text: str) -> str:
    """The text without invisible characters, in one form of its letters; lone surrogates are U+FFFD."""
    if text.isascii():
        return text
    # Invisible ones first: some of them keep letters from being composed.
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", without_surrogates(text)))


def fold(text: str) -> str:
    """N(x): the clean text, in any case, with single spaces."""
    return fold_clean(clean(text))


def fold_clean(text: str) -> str:
    """N(x) of a text that is clean already."""
    if text.isascii():
        return _single_spaced(text.lower())
    return _single_spaced(_INVISIBLE.sub("", text.casefold()))


def _single_spaced(text: str) -> str:
    return _SPACES.sub(" ", text).strip() if "\n" in text or "  " in text or "\t" in text else text


def looks(folded: str) -> str:
    """What a folded text looks like in Latin letters; itself where it looks like what it is."""
    if folded.isascii() or _TRICKY.search(folded) is None:
        return folded
    text = _ALONE.sub(lambda found: REGIONAL[found[0]], folded.translate(STYLED))
    if max(text) >= "\u0300":
        text = _MARKS.sub("", text)
    if _CERTAIN.search(text) and not _LATIN.search(text):
        return text
    used = _scripts_in_use(text)
    return _WORD.sub(lambda found: _latinised(found[0], used), text)


def _scripts_in_use(text: str) -> frozenset[str]:
    """The scripts that some word without a Latin letter is certainly written in."""
    used: set[str] = set()
    for word in text.split():
        if word.isascii() or _LATIN.search(word):
            continue
        used.update(
            script for letter in word if letter not in TWIN_OF and (script := script_of(letter)) is not None
        )
    return frozenset(used)


def _latinised(word: str, used: frozenset[str]) -> str:
    if word.isascii():
        return word
    mixed = _LATIN.search(word) is not None
    return "".join(
        TWIN_OF[letter] if letter in TWIN_OF and (mixed or script_of(letter) not in used) else letter
        for letter in word
    )


def bare(text: str) -> str:
    """A text without accents, and with letters for the digits inside its words."""
    return _NUMBERED.sub(_spelled, plain(text))


def plain(text: str) -> str:
    """A folded text without the accents of its Latin letters."""
    return text if text.isascii() else text.translate(_PLAIN)


def _spelled(found: re.Match[str]) -> str:
    word = found[0]
    letters = sum(map(str.isalpha, word))
    return word.translate(DIGITS) if letters >= 2 and letters < len(word) else word


def squeezed(text: str) -> str:
    """The runs of three or more single letters that stand apart, each written as one word, one a line."""
    return "\n".join(_BETWEEN.sub("", found[0]) for found in _SPACED.finditer(text))


@attrs.frozen
class Views:
    """One text in every way it can be read. An empty view is one that adds nothing."""

    folded: str
    looks: str
    bare: str
    squeezed: str

    def all(self) -> str:
        """All of them together, for one pass over everything."""
        return "\n".join(view for view in (self.folded, self.looks, self.bare, self.squeezed) if view)


def views(text: str) -> Views:
    """Every way to read a clean text."""
    folded = fold_clean(text)
    seen = looks(folded)
    spelled = bare(seen)
    apart = squeezed(seen)
    return Views(
        folded,
        seen if seen != folded else "",
        spelled if spelled != seen else "",
        apart if not apart or spelled == seen else f"{apart}\n{squeezed(spelled)}",
    )
