"""The console in a real browser: it refreshes itself, keeps what the reader is at, and fits every screen."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import attrs
import pytest
import trio
from playwright.sync_api import Page, Route, expect

from alphapy.gateway.shard import ShardState
from alphapy.storage import deadletters
from tests.sandbox.page.browser import Chromium
from tests.support.waiting import wait_until
from tests.web.house import House, Work, greeter, open_house, shard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alphapy.storage.pool import Pool

pytestmark = pytest.mark.browser

WITHIN_MS = 8_000


@attrs.frozen
class Desk:
    """A browser, and the house behind its pages."""

    chromium: Chromium
    house: House
    token: trio.lowlevel.TrioToken
    complaints: list[str] = attrs.field(factory=list)

    def do(self, action: Callable[[], object]) -> None:
        """Act in the house, in its own thread."""
        trio.from_thread.run_sync(action, trio_token=self.token)

    @contextmanager
    def page(
        self,
        path: str = "/console",
        *,
        size: tuple[int, int] = (1280, 860),
        scheme: Literal["light", "dark"] = "light",
        scripts: bool = True,
        **options: Any,
    ) -> Iterator[Page]:
        """The page in a fresh profile; anything on its console fails the test."""
        browser = self.chromium.browser
        assert browser is not None
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            java_script_enabled=scripts,
            **options,
        )
        context.set_default_timeout(WITHIN_MS)
        page = context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        try:
            page.goto(self.house.base + path)
            yield page
        finally:
            context.close()

    async def run(self, script: Callable[[Desk], None]) -> None:
        """Run a script in the browser's thread."""
        await trio.to_thread.run_sync(self.chromium.call, partial(script, self))
        assert self.complaints == []


@pytest.fixture
def desk(chromium: Chromium, house: House) -> Desk:
    return Desk(chromium, house, trio.lowlevel.current_trio_token())


async def test_it_refreshes_itself(desk: Desk) -> None:
    def script(desk: Desk) -> None:
        with desk.page() as page:
            expect(page.locator("#summary-title")).to_have_text("Everything is fine")
            expect(page.locator("#live-state")).to_have_text("Live")

            def lose_a_shard() -> None:
                desk.house.gateway.shards = (shard(0), shard(1, state=ShardState.CONNECTING))

            desk.do(lose_a_shard)
            expect(page.locator("#summary-title")).to_have_text("Something is wrong")
            expect(page.locator("#shards .state.bad")).to_have_text("connecting")

    await desk.run(script)


async def test_it_can_be_paused_and_resumed(desk: Desk) -> None:
    def script(desk: Desk) -> None:
        with desk.page() as page:
            page.get_by_role("button", name="Pause").click()
            expect(page.locator("#live-state")).to_contain_text("Paused at")
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            page.wait_for_timeout(2500)
            assert asked == []
            with page.expect_request("**/console/fragment"):
                page.get_by_role("button", name="Resume").click()
            expect(page.locator("#live-state")).to_have_text("Live")

    await desk.run(script)


async def test_the_focus_and_the_place_survive_a_refresh(desk: Desk) -> None:
    house = desk.house
    house.registry.tell(greeter(5), Work(fails="no flour"))
    await wait_until(lambda: (h := house.registry.find(greeter(5))) is not None and h.parked == 1)

    def script(desk: Desk) -> None:
        with desk.page(size=(400, 800)) as page:
            link = page.locator("#worst a.address")
            link.focus()
            page.locator("#worst .scroll").evaluate("box => { box.scrollLeft = 150 }")
            desk.do(lambda: desk.house.registry.tell(greeter(5), Work(fails="no yeast")))
            expect(page.locator("#worst td.error")).to_have_text("RuntimeError: no yeast")
            expect(link).to_be_focused()
            assert page.locator("#worst .scroll").evaluate("box => box.scrollLeft") == 150

    await desk.run(script)


async def test_selected_text_is_left_alone(desk: Desk) -> None:
    def script(desk: Desk) -> None:
        with desk.page() as page:
            page.evaluate("getSelection().selectAllChildren(document.getElementById('shards-title'))")
            page.locator("#shards").evaluate("panel => { panel.dataset.mine = 'yes' }")

            def change() -> None:
                desk.house.gateway.shards = (shard(0),)
                desk.house.gateway.guilds = 77

            desk.do(change)
            expect(page.locator(".tiles dd").first).to_have_text("77")
            expect(page.locator("#shards")).to_have_attribute("data-mine", "yes")
            page.evaluate("getSelection().removeAllRanges()")
            expect(page.locator("#shards tbody tr")).to_have_count(1)

    await desk.run(script)


async def test_it_says_when_it_is_out_of_date_and_recovers(desk: Desk) -> None:
    def script(desk: Desk) -> None:
        with desk.page() as page:
            page.route("**/console/fragment", lambda route: route.abort())
            expect(page.locator("#live-state")).to_contain_text("Out of date since")
            page.unroute("**/console/fragment")
            expect(page.locator("#live-state")).to_have_text("Live")
        assert [text for text in desk.complaints if "ERR_FAILED" not in text] == []
        desk.complaints.clear()

    await desk.run(script)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_every_width_and_can_be_read(desk: Desk, scheme: Literal["light", "dark"]) -> None:
    house = desk.house
    house.registry.tell(greeter(123456789012345678), Work(fails="a-word-that-does-not-end-" * 20))
    await house.greet(1)

    def script(desk: Desk) -> None:
        for path in ("/console", "/console/actors"):
            with desk.page(path, scheme=scheme) as page:
                for width in (320, 390, 768, 1280, 1920):
                    page.set_viewport_size({"width": width, "height": 800})
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert page.evaluate(CONTRASTS) == []

    await desk.run(script)


CONTRASTS = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const part = (v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!text || element.closest(".sr-only, .skip, svg, script, noscript, [hidden]")) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${element.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return found;
}"""


async def test_it_can_be_read_without_javascript(desk: Desk) -> None:
    def script(desk: Desk) -> None:
        with desk.page(scripts=False) as page:
            expect(page.locator("#summary-title")).to_have_text("Everything is fine")
            expect(page.locator("#live-tools")).to_be_hidden()
            refresh = page.locator("noscript meta[http-equiv=refresh]")
            expect(refresh).to_have_attribute("content", "5")

    await desk.run(script)


async def test_everything_has_a_name_for_those_who_do_not_see(desk: Desk) -> None:
    await desk.house.greet(1)

    def script(desk: Desk) -> None:
        with desk.page() as page:
            for svg in page.locator("#live svg").all():
                assert svg.get_attribute("aria-label")
            for table in page.locator("table").all():
                assert table.locator("thead th[scope=col]").count() == table.locator("thead th").count()
            page.keyboard.press("Tab")
            expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
            levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((h) => h.tagName)")
            assert levels[0] == "H1"
            assert levels.count("H1") == 1

    await desk.run(script)


async def test_a_browser_opens_it_with_the_key_as_the_password(chromium: Chromium, pool: Pool) -> None:
    async with open_house(pool, api_key="open-sesame") as house:
        desk = Desk(chromium, house, trio.lowlevel.current_trio_token())

        def script(desk: Desk) -> None:
            credentials = {"username": "me", "password": "open-sesame"}
            with desk.page(http_credentials=credentials) as page:
                expect(page.locator("#summary-title")).to_have_text("Everything is fine")
                with page.expect_response("**/console/fragment") as answer:
                    pass
                assert answer.value.status == 200

        await desk.run(script)


async def set_aside(pool: Pool, error: str = "ValueError: no flour") -> int:
    """A dead letter of nobody who is there; its number."""
    letter = deadletters.Letter(
        address="guild/123456789012345678/listener",
        guild_id=5,
        message_type="GatewayEvent",
        message={"name": "MESSAGE_DELETE", "event": {"id": "1", "channel_id": "2"}},
        error=error,
        traceback="",
        attempts=2,
    )
    async with pool.transaction("test") as tx:
        return await deadletters.park(tx, letter)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_dead_letters_can_be_read_on_every_width(
    desk: Desk, pool: Pool, scheme: Literal["light", "dark"]
) -> None:
    for error in ("no flour", "a-word-that-does-not-end-" * 20):
        await set_aside(pool, error)

    def script(desk: Desk) -> None:
        path = "/console/letters?address=guild/123456789012345678/listener&told=crashed&number=1"
        with desk.page(path, scheme=scheme) as page:
            for summary in page.locator("summary").all():
                summary.click()
            for width in (320, 390, 768, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(CONTRASTS) == []
            for button in page.locator("main button").all():
                box = button.bounding_box()
                assert box is not None
                assert box["height"] >= 32

    await desk.run(script)


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_letter_is_replayed_and_discarded_by_buttons(desk: Desk, pool: Pool, scripts: bool) -> None:
    number = await set_aside(pool)

    def script(desk: Desk) -> None:
        with desk.page("/console/letters", scripts=scripts) as page:
            page.get_by_role("button", name=f"Replay letter {number}").click()
            expect(page.get_by_role("status")).to_contain_text("this version of Alphapy has no such actor")
            page.get_by_role("button", name=f"Discard letter {number}").dblclick()
            expect(page.get_by_role("status")).to_contain_text(f"Letter {number} ")
            expect(page.locator(".empty")).to_have_text("None.")

    await desk.run(script)


async def test_another_sites_form_does_nothing_even_with_the_browsers_credentials(
    chromium: Chromium, pool: Pool
) -> None:
    async with open_house(pool, api_key="open-sesame") as house:
        number = await set_aside(pool)
        desk = Desk(chromium, house, trio.lowlevel.current_trio_token())

        def script(desk: Desk) -> None:
            credentials = {"username": "me", "password": "open-sesame"}
            with desk.page("/console", http_credentials=credentials) as page:
                for path in ("/console/letters", f"/api/actors/dead-letters/{number}/discard"):
                    form = f'<form method="post" action="{house.base}{path}"><button>win</button></form>'
                    page.route("http://evil.example/*", partial(_show, form))
                    page.goto("http://evil.example/")
                    with page.expect_response(house.base + path) as answer:
                        page.get_by_role("button").click()
                    assert answer.value.status == 403
                    page.unroute("http://evil.example/*")
            desk.complaints.clear()  # a browser notes what was refused

        await desk.run(script)
        async with pool.transaction("test") as tx:
            assert await deadletters.count(tx) == 1


def _show(form: str, route: Route) -> None:
    route.fulfill(body=form, content_type="text/html")
