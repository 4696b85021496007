"""The page at both widths and in both themes: nothing sticks out, everything can be read and reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from playwright.sync_api import Page, expect

from tests.sandbox.page.answers import add_book, panel
from tests.sandbox.page.browser import DESKTOP, PHONE, Stage, in_browser

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

# Every text against what is painted behind it, by the formula of WCAG 2 (1.4.3): those below 4.5 to 1.
LOW_CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
  const behind = (element) => {
    const layers = [];
    for (let node = element; node; node = node.parentElement) {
      layers.push(paint(getComputedStyle(node).backgroundColor));
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const luminance = (rgb) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const shown = element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    if (!node.textContent.trim() || !shown) continue;
    if (element.closest(":disabled, [aria-disabled=true], .spoiler, option, noscript")) continue;
    const back = behind(element);
    const text = luminance(over(paint(getComputedStyle(element).color), back));
    const ground = luminance(back);
    const ratio = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    if (ratio < 4.5) found.push(`${node.textContent.trim().slice(0, 30)} in .${element.className}: ${ratio}`);
  }
  return found;
}"""


def furnish(stage: Stage) -> None:
    """A conversation with one of everything."""
    town, world = stage.town, stage.town.world

    def post(author: int, body: JSON) -> int:
        return int(world.messages.create(author, town.general, body)["id"])

    def act() -> None:
        first = post(town.ada, {"content": "Welcome, **everybody**! " + "Averylongword" * 20})
        post(town.chidi, {"content": "thanks", "message_reference": {"message_id": str(first)}})
        world.reactions.add(town.dana, town.general, first, "🎉")
        interaction: Any = {
            "data": {"name": "book", "options": [{"type": 3, "name": "title", "value": "Emma"}]}
        }
        post(town.bot, add_book(interaction)["data"])
        post(town.bot, panel({})["data"])
        post(
            town.dana,
            {
                "content": "> quoted\n`code` ||spoiler|| <#5> <@"
                + str(town.ada)
                + ">\n```\nlong "
                + "x" * 300
                + "\n```"
            },
        )

    stage.do(act)


def widest(page: Page) -> int:
    width: int = page.evaluate(
        "Math.max(document.documentElement.scrollWidth, document.getElementById('log').scrollWidth)"
    )
    return width


@in_browser
def test_nothing_sticks_out_and_all_text_can_be_read(stage: Stage) -> None:
    furnish(stage)
    for size in (DESKTOP, PHONE):
        for scheme in SCHEMES:
            with stage.page(stage.town.dana, size=size, scheme=scheme) as page:
                expect(page.locator(".embed")).to_be_visible()
                assert widest(page) <= size[0]
                assert page.evaluate(LOW_CONTRAST) == []
                page.locator("#composer-input").press_sequentially("/book")
                expect(page.locator("#suggestions [role=option]").first).to_be_visible()
                assert page.evaluate(LOW_CONTRAST) == []
                page.keyboard.press("Enter")
                page.keyboard.press("Enter")
                expect(page.locator("#command-form .problem").first).to_be_visible()
                assert widest(page) <= size[0]
                assert page.evaluate(LOW_CONTRAST) == []
                page.evaluate("document.documentElement.style.setProperty('--ink-soft', '#8a8a8a')")
                assert page.evaluate(LOW_CONTRAST) != [], "the measurement itself"


@in_browser
def test_the_theme_is_chosen_and_remembered(stage: Stage) -> None:
    with stage.page(stage.town.dana, scheme="dark") as page:
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(ground)
        toggle = page.get_by_role("button", name="Theme")
        toggle.click()
        light = page.evaluate(ground)
        assert light != dark
        page.reload()
        expect(toggle).to_have_attribute("title", "Theme: light")
        assert page.evaluate(ground) == light
        toggle.click()
        assert page.evaluate(ground) == dark
        toggle.click()
        expect(toggle).to_have_attribute("title", "Theme: follows your system")


@in_browser
def test_channels_and_people_are_in_a_drawer_on_a_phone(stage: Stage) -> None:
    with stage.page(stage.town.dana, size=PHONE) as page:
        drawer = page.get_by_role("complementary", name="Channels and people")
        opener = page.get_by_role("button", name="Channels and people")
        expect(drawer).to_be_hidden()
        opener.click()
        expect(drawer).to_be_visible()
        expect(page.get_by_role("button", name="Close the menu")).to_be_focused()
        page.keyboard.press("Escape")
        expect(drawer).to_be_hidden()
        expect(opener).to_be_focused()
        opener.click()
        page.get_by_role("button", name="news").click()
        expect(drawer).to_be_hidden()
        expect(page.locator("#channel-name")).to_have_text("#news")


@in_browser
def test_every_control_has_a_name_and_every_id_is_there_once(stage: Stage) -> None:
    furnish(stage)
    with stage.page(stage.town.dana) as page:
        page.locator("article").first.hover()
        nameless = page.locator("button, a, input, select, textarea").evaluate_all(
            """controls => controls
                 .filter((c) => !c.getAttribute("aria-label") && !c.getAttribute("aria-labelledby"))
                 .filter((c) => !c.textContent.trim() && !(c.labels && c.labels.length))
                 .map((c) => c.outerHTML)"""
        )
        assert nameless == []
        ids = page.locator("[id]").evaluate_all("elements => elements.map((element) => element.id)")
        assert len(ids) == len(set(ids))
        for landmark in ("main", "navigation", "complementary"):
            expect(page.get_by_role(landmark)).to_have_count(1)
        expect(page.get_by_role("log", name="Messages")).to_have_attribute("aria-live", "polite")
