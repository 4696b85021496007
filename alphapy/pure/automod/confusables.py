"""Letters that look like others: a small table of facts, by the script they belong to.

Not a copy of Unicode's list of confusables: only what is used to hide Latin words, after case folding.
"""

from __future__ import annotations

from typing import Final

TWINS: Final[dict[str, dict[str, str]]] = {
    "CYRILLIC": dict(zip("авекмнорстухіјѕԁԛԝѵһӏ", "abekmhopctyxijsdqwvhl", strict=True)),
    "GREEK": dict(zip("αβεζηικνορτυχωγϲϳ", "abeznikvoptuxwycj", strict=True)),
    "ARMENIAN": dict(zip("օոսհցզգքւյ", "onuhgqqpuj", strict=True)),
    "CHEROKEE": dict(zip("ᎠᎡᎢᎪᎫᎬᎳᎷᎻᏀᏃᏒᏔᏚᏙᏞᏟᏢᏦᏴ", "drtajewmhgzrwsvlcpkb", strict=True)),
    "LISU": dict(zip("ꓐꓑꓓꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴꓔ", "bpdgkjczfmnlsrvhwxyaeiout", strict=True)),
}
"""By script: letters, folded, and the Latin letter that each looks like."""

STYLED: Final = str.maketrans(
    {
        **dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz", strict=True)),
        **dict(zip("ɑɡɩʋɾʂɛɒ", "agivrsea", strict=True)),
        **{chr(0x1F150 + n): chr(ord("a") + n) for n in range(26)},
        **{chr(0x1F170 + n): chr(ord("a") + n) for n in range(26)},
        **{chr(0x24D0 + n): chr(ord("a") + n) for n in range(26)},
    }
)
"""Latin letters in a dress that compatibility normalisation leaves on: small capitals, boxes, circles."""

REGIONAL: Final = {chr(0x1F1E6 + n): chr(ord("a") + n) for n in range(26)}
"""Regional indicators: two of them are a flag, one alone is a letter in a box."""

BARE: Final = str.maketrans({"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ƀ": "b", "ɨ": "i"})
"""Letters whose stroke, or missing dot, is no combining mark."""

DIGITS: Final = str.maketrans("0134578$", "oieastbs")
"""Digits and signs that stand for letters inside words."""


def _letter_scripts() -> dict[str, str]:
    return {letter: script for script, twins in TWINS.items() for letter in twins}


SCRIPT_OF: Final = _letter_scripts()
"""The script of every letter that has a Latin twin."""

TWIN_OF: Final = {letter: twin for twins in TWINS.values() for letter, twin in twins.items()}
"""The Latin twin of a letter."""

RANGES: Final = (
    ("GREEK", 0x370, 0x3FF),
    ("CYRILLIC", 0x400, 0x52F),
    ("ARMENIAN", 0x530, 0x58F),
    ("CHEROKEE", 0x13A0, 0x13FF),
    ("CHEROKEE", 0xAB70, 0xABBF),
    ("LISU", 0xA4D0, 0xA4FF),
)
"""Where the letters of these scripts are, first and last."""


def script_of(letter: str) -> str | None:
    """The script of a letter, if it is one of those with Latin twins."""
    number = ord(letter)
    return next((script for script, first, last in RANGES if first <= number <= last), None)
