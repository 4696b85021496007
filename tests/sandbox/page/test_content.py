"""What messages may hold: Discord's markdown as elements, and hostile content as harmless text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, expect

from tests.sandbox.page.browser import Stage, in_browser
from tests.sandbox.page.town import button, rows

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON

PARSE = "async (text) => JSON.stringify((await import('/page/static/js/markdown.js')).parse(text))"
TIMED = """async (texts) => {
  const { parse } = await import('/page/static/js/markdown.js');
  const start = performance.now();
  texts.forEach((text) => parse(text));
  return performance.now() - start;
}"""


def inline(page: Page, text: str) -> Any:
    """The inline nodes of a text of one paragraph."""
    (block,) = json.loads(page.evaluate(PARSE, text))
    assert block["type"] == "p"
    return block["children"]


def kinds(page: Page, text: str) -> list[str]:
    return [block["type"] for block in json.loads(page.evaluate(PARSE, text))]


@in_browser
def test_marks_tokens_and_blocks_are_read_as_discord_reads_them(stage: Stage) -> None:
    def em(*children: Any) -> JSON:
        return {"type": "em", "children": list(children)}

    def strong(*children: Any) -> JSON:
        return {"type": "strong", "children": list(children)}

    def link(url: str, *children: Any) -> JSON:
        return {"type": "link", "url": url, "children": list(children) or [url]}

    cases: dict[str, list[Any]] = {
        "plain": ["plain"],
        "**a** *b* _c_": [strong("a"), " ", em("b"), " ", em("c")],
        "__d__": [{"type": "u", "children": ["d"]}],
        "***both***": [strong(em("both"))],
        "*a **b** c*": [em("a ", strong("b"), " c")],
        "~~s~~ ||x||": [{"type": "s", "children": ["s"]}, " ", {"type": "spoiler", "children": ["x"]}],
        "`**no**` ``a`b``": [{"type": "code", "text": "**no**"}, " ", {"type": "code", "text": "a`b"}],
        r"\*not\* \_this\_": ["*not* _this_"],
        "snake_case_name 2 * 3 * 4": ["snake_case_name 2 * 3 * 4"],
        "** open and ``": ["** open and ``"],
        "<@1> <@!2> <@&3> <#4>": [
            {"type": "user", "id": "1"}, " ", {"type": "user", "id": "2"}, " ",
            {"type": "role", "id": "3"}, " ", {"type": "channel", "id": "4"},
        ],
        "</cc add:5> @everyone <:wave:6>": [
            {"type": "command", "name": "cc add"}, " ", {"type": "all", "name": "everyone"}, " ",
            {"type": "emoji", "name": "wave"},
        ],
        "<t:0:R> <t:1>": [
            {"type": "time", "seconds": 0, "style": "R"}, " ", {"type": "time", "seconds": 1, "style": "f"},
        ],
        "see https://a.example/b, or <https://c.example>.": [
            "see ", link("https://a.example/b"), ", or ", link("https://c.example"), ".",
        ],
        "[word](https://a.example) [no](javascript:alert(1))": [
            link("https://a.example", "word"), " [no](javascript:alert(1))",
        ],
    }  # fmt: skip
    blocks = {
        "```py\nx = 1\n```": ["pre"],
        "a\n```\nb\n```\nc": ["p", "pre", "p"],
        "```open": ["p"],
        "> q\n> r\ns": ["quote", "p"],
        "a\n>>> all\nthe rest": ["p", "quote"],
        "# one\n## two\n### three\n-# small\n#hash": ["heading1", "heading2", "heading3", "small", "p"],
        "- a\n- b\n\ntext": ["list", "p"],
        "": [],
    }
    with stage.page(stage.town.dana) as page:
        for text, expected in cases.items():
            assert inline(page, text) == expected, text
        for text, expected_kinds in blocks.items():
            assert kinds(page, text) == expected_kinds, text


@in_browser
def test_hostile_text_costs_little(stage: Stage) -> None:
    bits = [
        "*",
        "_",
        "**",
        "||",
        "*a",
        "_a ",
        "**a*",
        "[",
        "[a](",
        "<@",
        "`",
        "```",
        "> ",
        "\\",
        "<t:",
        "***a**",
    ]
    texts = [(bit * 4000)[:4000] for bit in bits] + ["*_" * 1000 + "a" + "_*" * 1000]
    with stage.page(stage.town.dana) as page:
        assert page.evaluate(TIMED, texts) < 3000, "milliseconds for all of them"


@in_browser
def test_times_spoilers_and_embeds_look_like_what_they_mean(stage: Stage) -> None:
    town = stage.town
    body = {
        "content": "||hidden|| <t:1767322800:D> <t:99999999999999> <#5>",
        "embeds": [
            {
                "title": "Report *now*",
                "url": "https://example.org/",
                "color": 0,
                "description": "see <#" + str(town.news) + ">",
                "thumbnail": {"url": "https://elsewhere.example/cat.png"},
                "image": {"url": "https://elsewhere.example/dog.png"},
                "author": {"name": "The press"},
                "fields": [{"name": "wide", "value": "1"}, {"name": "narrow", "value": "2", "inline": True}],
            }
        ],
    }
    stage.do(lambda: town.world.messages.create(town.bot, town.general, body))
    with stage.page(town.dana) as page:
        spoiler = page.get_by_role("button", name="Spoiler: press to reveal")
        spoiler.press("Enter")
        expect(page.locator(".spoiler.revealed")).to_have_text("hidden")
        expect(page.locator("time.chip")).to_have_text("2 January 2026")
        expect(page.locator(".content")).to_contain_text("<t:99999999999999> #unknown channel")
        embed = page.locator(".embed")
        expect(embed.get_by_role("link", name="Report now")).to_have_attribute("href", "https://example.org/")
        expect(embed).to_contain_text("see #news")
        expect(embed.locator("a.embed-image")).to_contain_text("Picture on elsewhere.example")
        expect(embed.locator(".embed-field.inline")).to_have_count(1)
        assert embed.evaluate("element => getComputedStyle(element).borderInlineStartColor") == "rgb(0, 0, 0)"
        expect(page.locator("img")).to_have_count(0)


@in_browser
def test_hostile_content_stays_text_wherever_it_comes_from(stage: Stage) -> None:
    town, world = stage.town, stage.town.world
    evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\'"`&amp;'

    def spread() -> None:
        world.members.edit(town.ada, town.guild_id, town.chidi, {"nick": "<img src=x onerror=hacked=1>"})
        world.channels.edit(town.ada, town.general, {"topic": evil, "name": "<b>general"})
        world.roles.create(town.ada, town.guild_id, {"name": evil})
        world.messages.create(town.chidi, town.general, {"content": evil})
        world.commands.overwrite((town.bot, None), [{"name": "evil", "description": evil[:100]}])
        option = {"label": evil, "value": "x", "description": evil}
        link = '[x](https://example.org/"onmouseover="hacked=1)'
        select = {"type": 3, "custom_id": evil, "placeholder": evil, "options": [option]}
        body = {
            "content": f"> {evil}\n# {evil}\n||{evil}|| {link} ```{evil}```",
            "embeds": [
                {
                    "title": evil,
                    "url": "https://example.org/?<script>",
                    "description": evil,
                    "fields": [{"name": evil, "value": evil}],
                    "footer": {"text": evil},
                    "author": {"name": evil},
                }
            ],
            "components": rows([button("evil-button", evil[:80])], [select]),
        }
        world.messages.create(town.bot, town.general, body)

    stage.do(spread)
    with stage.page(town.dana) as page:
        expect(page.locator("article").first.locator(".content")).to_have_text(evil)
        expect(page.locator("#channel-topic")).to_have_text(evil)
        expect(page.locator(".embed-title")).to_have_text(evil)
        page.locator("#composer-input").press_sequentially("/evil")
        expect(page.locator("#suggestions")).to_contain_text(evil[:100])
        page.locator("article").first.hover()
        page.get_by_role("button", name="React", exact=True).first.press("Enter")
        for forbidden in ("img", "body script", "b:not(.md b)"):
            expect(page.locator(f"main {forbidden}")).to_have_count(0)
        assert page.evaluate("window.hacked === undefined")
        hrefs = page.locator("main a").evaluate_all("links => links.map((link) => link.protocol)")
        assert set(hrefs) <= {"https:"}


@in_browser
def test_the_policy_stops_markup_even_if_the_page_had_a_hole(stage: Stage) -> None:
    with stage.page(stage.town.dana, expected=("TrustedHTML", "Content Security Policy")) as page:
        outcome = page.evaluate(
            """() => {
              try {
                document.body.innerHTML = "<b>x</b>";
                return "done";
              } catch (error) {
                return error.name;
              }
            }"""
        )
        assert outcome == "TypeError"
