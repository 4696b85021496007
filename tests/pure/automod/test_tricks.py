"""Words and links that somebody hides, and ordinary messages in which nothing is hidden."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.automod.matchers import Subject
from alphapy.pure.automod.normalise import clean, fold, views
from alphapy.pure.automod.ruleset import RuleSet
from tests.pure.automod.making import first, rule

LISTED = (
    "idiot", "moron", "scammer", "free nitro", "kanker", "klootzak", "arschloch", "wichser", "aptal", "salak",
    "gerizekali", "stupid", "loser", "whore", "nazi", "fuck", "shit", "bitch", "cunt", "casino", "porn",
)  # fmt: skip
WORDS = rule("bad_words", words=list(LISTED))

HIDDEN = {
    "as it is": "you idiot",
    "capitals": "you IDIOT",
    "inside another word": "idiotic",
    "Cyrillic letters": "you іdіоt",
    "a word all of Cyrillic letters": "ѕсаmmеr",
    "Greek letters": "ιdιοτ",
    "Armenian and Cyrillic letters": "mօrօn",
    "Cherokee letters": "ᏚᎢUᏢiᎠ",
    "mixed scripts": "fυсk",
    "zero-width space": "id\u200bi\u200bot",
    "zero-width joiner": "id\u200diot",
    "word joiner": "mo\u2060ron",
    "soft hyphen": "mo\u00adron",
    "byte order mark": "mo\ufeffron",
    "invisible Hangul": "mo\u3164ron",
    "tag characters": "mo\U000e0061ron",
    "right-to-left override": "mo\u202eron",
    "full width": "ｉｄｉｏｔ",
    "mathematical bold": "𝐢𝐝𝐢𝐨𝐭",
    "script letters": "𝓲𝓭𝓲𝓸𝓽",
    "fraktur": "𝔪𝔬𝔯𝔬𝔫",
    "double struck": "𝕚𝕕𝕚𝕠𝕥",
    "circled": "ⓘⓓⓘⓞⓣ",
    "boxed": "🅸🅳🅸🅾🆃",
    "negative circles": "🅘🅓🅘🅞🅣",
    "small capitals": "ɪᴅɪᴏᴛ",
    "regional indicators": "🇮 🇩 🇮 🇴 🇹",
    "struck through": "i̶d̶i̶o̶t̶",
    "zalgo": "i̷̢͎d̸͓͝i̵̛̬o̴̻͑t̸̹̾",
    "a mark below": "ịdịọṭ",
    "accents": "îdïôt",
    "a stroke through a letter": "mørøn",
    "digits": "1d10t",
    "dollar signs": "$tup1d",
    "spaced": "i d i o t",
    "spaced in a sentence": "well you i d i o t go away",
    "dots": "i.d.i.o.t",
    "dashes": "m-o-r-o-n",
    "underscores": "m_o_r_o_n",
    "two spaces": "m  o  r  o  n",
    "emoji between": "m😀o😀r😀o😀n",
    "spaced two words": "f r e e n i t r o",
    "one below the other": "m\no\nr\no\nn",
    "spaced full width": "ｍ ｏ ｒ ｏ ｎ",
    "spaced and Cyrillic": "m о r о n",
    "two words over two lines": "free\nnitro",
    "two words with more space": "free   nitro",
    "no-break space": "free\u00a0nitro",
    "Turkish capitals": "İDİOT",
    "Turkish without its dots": "GERİZEKALI",
    "Dutch": "wat een KANKER",
    "German": "du Arschloch!",
}


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN.keys())
def test_a_hidden_word_is_found(text: str) -> None:
    assert first(text, WORDS) == 1


BLACK = rule("links", allow_links=True, blacklist=["evil.example", "münchen.example"])
WHITE = rule("links", whitelist=["discord.com"])
HIDDEN_LINKS = {
    "as it is": "https://evil.example/x",
    "below the domain": "see http://a.b.evil.example",
    "capitals": "HTTPS://EVIL.EXAMPLE",
    "behind words": "[a nice page](https://evil.example/x)",
    "behind another link": "[https://discord.com](https://evil.example/x)",
    "behind nothing": "[\u200b](https://evil.example)",
    "without an embed": "<https://evil.example>",
    "in a spoiler": "||https://evil.example||",
    "glued to another link": "https://discord.comhttps://evil.example",
    "a user name before it": "https://discord.com@evil.example/",
    "a user name and password": "https://discord.com:443@evil.example",
    "a backslash": "https://evil.example\\@discord.com",
    "a port": "https://evil.example:8443/",
    "a trailing dot": "https://evil.example./",
    "an ideographic stop": "https://evil。example",
    "zero-width characters": "https://ev\u200bil.exam\u2060ple",
    "full width": "https://ｅｖｉｌ.example",
    "percent": "https://%65vil.example",
    "slashes of all kinds": "https:\\/evil.example",
    "more slashes": "https:////evil.example",
    "a Cyrillic twin": "https://еvіl.example",
    "punycode": "https://xn--mnchen-3ya.example/",
    "letters for punycode": "https://MÜNCHEN.example",
}


@pytest.mark.parametrize("text", HIDDEN_LINKS.values(), ids=HIDDEN_LINKS.keys())
def test_a_hidden_link_is_found(text: str) -> None:
    assert first(text, BLACK) == 1
    assert first(text, WHITE) == 1


def test_a_domain_that_looks_like_one_of_the_whitelist_is_not_it() -> None:
    assert first("https://dіscord.com/x", WHITE) == 1
    assert first("https://discord.com/x and https://cdn.discord.com", WHITE) is None


def test_a_pattern_sees_through_invisible_characters_and_other_forms_of_letters() -> None:
    pattern = rule("regex", patterns=[r"free\s+nitro"])
    assert first("FREE ni\u200btro", pattern) == 1
    assert first("ｆｒｅｅ nitro", pattern) == 1
    assert first("nitro for free", pattern) is None


ORDINARY = {
    "English": """
        Good morning everyone, how was your weekend?
        I'll be there at 5 p.m., don't wait for me
        That class assignment was hard, but I passed!
        Can you share the docs? My e-mail is a.b@example.org
        A B C D E F G, that's the alphabet
        We play at 7, 8 or 9 - whichever works for you
        I'm on v2.0.1 of the mod, mp3 files work, mp4 don't
        My PC: i7-9700K, 32GB RAM, RTX 3070, 1TB SSD
        u r 2 kind <3
        The U.S.A. and the U.K. signed it at 10:30 a.m.
        brb, gtg, ttyl, idk, lol, xD
        Sherlock Holmes lived at 221B Baker Street
        x = 3; y = 4; z = 5
        The study says 0.05 < p < 0.1, n = 12
        It costs $5, or 3 for $10. US$ 4 abroad
        O K, I see what you mean
        T-shirt, e-book, x-ray and p-value
        ~~not~~ **bold** __under__ ||spoiler||
        He's the 3rd best, she's the 1st
        r/aww is the best sub, r/a is not
    """,
    "Dutch": """
        Goedemorgen allemaal, hoe gaat het met jullie?
        Ik heb 's ochtends altijd koffie nodig, m.a.w. ik ben moe
        Dat is écht leuk, zo'n één-op-ééngesprek
        De ideeën van de coördinator zijn reëel
        Tot z.s.m. en m.v.g., Jan
        We gaan om 8 u. naar de bioscoop, kom je mee?
        Mijn zusje is jarig, ze wordt 12 jaar
        A.u.b. niet op het gras lopen
        Wat vind je van dit idee? Idioom is een leuk woord
        Het kost € 4,50 per stuk
    """,
    "German": """
        Guten Morgen zusammen, wie geht's euch?
        Das ist schön, ich freue mich darauf! Schon gut.
        Über die Straße, dann links, z. B. am Bahnhof
        d. h. u. a. m. und s. o. bzw. s. u.
        Ich weiß nicht, ob wir das schaffen müssen
        Grüße aus München, Köln und Düsseldorf
        Der Fußball-Weltmeister heißt so, weil er gewann
        Er hat 3 Äpfel, 4 Birnen und 5 Öfen gekauft
        Das war's für heute, tschüss und bis morgen
        Die Größe beträgt 1,80 m x 2,00 m
    """,
    "Turkish": """
        Günaydın arkadaşlar, bugün hava çok güzel
        Işık hızı çok yüksek, ısı da öyle
        İstanbul'da yağmur yağıyor, İzmir'de güneş var
        Akşam oyun oynayalım mı? Saat 8'de buluşalım
        Öğretmenim çok iyi anlatıyor, teşekkürler
        O ne ki? E o da bir şey. A ne o?
        Çünkü şöyle düşündüm, ağabeyim de öyle söyledi
        Kız kardeşim 12 yaşında, çok tatlı
        Hadi görüşürüz, iyi geceler herkese
        Salatalık ve domates aldım, salata yapacağım
    """,
    "emoji": """
        😂😂😂 that was great
        ❤️🧡💛💚💙💜
        👨‍👩‍👧‍👦 family time! 🏳️‍🌈
        🇳🇱 🇩🇪 🇹🇷 🇬🇧
        🇳🇱🇩🇪🇹🇷🇬🇧
        1️⃣ 2️⃣ 3️⃣ go!
        🅰️ or 🅱️? I'm blood type 🆎
        ¯\\_(ツ)_/¯ (╯°□°)╯︵ ┻━┻
        ʕ•ᴥ•ʔ so cute
        ✨🎉 Happy birthday 🎂🎈
        👍🏽👏🏿🙏🏻
        <:pepe:123456789012345678> <a:dance:234567890123456789>
    """,
    "other scripts": """
        Привет всем, как дела? Вот это да
        Сор из избы не выносят, кто там?
        Καλημέρα σε όλους, τι κάνετε;
        こんにちは、元気ですか？
        안녕하세요 여러분
        مرحبا بالجميع
        नमस्ते दोस्तों, कैसे हो?
        สวัสดีครับทุกคน
        5 µm is 0.005 mm, α and β are angles
    """,
}
MESSAGES = [line.strip() for text in ORDINARY.values() for line in text.splitlines() if line.strip()]

EVERYTHING = RuleSet(
    (
        WORDS,
        rule("bad_words", number=2, match="word", words=list(LISTED)),
        rule("links", number=3),
        rule("regex", number=4, patterns=[r"\bfree\s+nitro\b", r"(?:steam|disc[o0]rd)[a-z]*\.(?:ru|xyz)"]),
        rule("caps", number=5),
        rule("mentions", number=6),
        rule("bad_words", number=7, words=["ass hole", "retard", "hurensohn", "piç", "siktir", "tyfus"]),
    ),
    premium=True,
)  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES)
def test_an_ordinary_message_breaks_no_rule(message: str) -> None:
    assert EVERYTHING.judge(Subject(message)).match is None


@given(st.text(max_size=200))
def test_every_text_can_be_judged_and_the_one_search_misses_nothing(text: str) -> None:
    subject = Subject(text)
    found = EVERYTHING.explain(subject)
    match = EVERYTHING.judge(subject).match
    assert match == (found[0] if found else None)


@given(st.sampled_from(LISTED), st.text(max_size=10), st.text(max_size=10))
def test_a_word_is_found_wherever_it_stands(word: str, before: str, after: str) -> None:
    assert first(f"{before} {word} {after}", WORDS) == 1


@given(st.text(max_size=60))
def test_folding_is_done_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert clean(clean(text)) == clean(text)
    assert "\u200b" not in views(clean(text)).all()
