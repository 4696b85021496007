"""The panel of troubles in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import FilePayload, Page, expect

from tests.sandbox.page.browser import DESKTOP, PHONE, Stage, in_browser
from tests.sandbox.page.test_browser import say
from tests.sandbox.page.test_look import LOW_CONTRAST, SCHEMES, furnish, widest

if TYPE_CHECKING:
    from playwright.sync_api import Locator


def panel(page: Page) -> Locator:
    """The panel, opened."""
    page.get_by_role("button", name="Trouble and worlds").click()
    found = page.get_by_role("region", name="Trouble")
    expect(found.get_by_role("heading", name="Trouble")).to_be_focused()
    return found


@in_browser
def test_trouble_is_made_told_and_called_off(stage: Stage) -> None:
    with stage.page(stage.town.dana) as page:
        trouble = panel(page)
        news = trouble.get_by_role("status")
        expect(news).to_have_text("All is calm.")
        trouble.get_by_role("button", name="Drop the socket").click()
        expect(news).to_have_text("Waits for its moment: Drop the socket")  # the town's bot has no socket
        trouble.get_by_label("Close code").select_option("4008")
        trouble.get_by_role("button", name="Close with").click()
        expect(news).to_have_text("Waits for its moment: Drop the socket · Close with 4008")
        trouble.get_by_role("button", name="Call it off").click()
        expect(news).to_have_text("All is calm.")
        expect(trouble.get_by_role("button", name="Call it off")).to_be_hidden()
        page.keyboard.press("Escape")
        expect(trouble).to_be_hidden()
        expect(page.get_by_role("button", name="Trouble and worlds")).to_be_focused()


@in_browser
def test_a_world_is_saved_and_loaded_again(stage: Stage) -> None:
    with stage.page(stage.town.dana, expected=("400",)) as page:
        say(page, "worth keeping")
        expect(page.locator("article.mine")).to_have_count(1)
        trouble = panel(page)
        with page.expect_download() as download:
            trouble.get_by_role("link", name="Save to a file").click()
        saved = Path(download.value.path()).read_bytes()
        assert download.value.suggested_filename == "sandbox-world.json"
        assert json.loads(saved)["format"] == 1
        say(page, "a slip of the tongue")
        expect(page.locator("article.mine").last).to_contain_text("slip")

        file = page.locator("#world-file")
        file.set_input_files(FilePayload(name="world.json", mimeType="application/json", buffer=b"{}"))
        expect(page.get_by_role("alert").last).to_contain_text("Nothing has changed.")

        file.set_input_files(FilePayload(name="world.json", mimeType="application/json", buffer=saved))
        expect(page.locator("#log")).not_to_contain_text("slip")
        expect(page.locator("#log")).to_contain_text("worth keeping")


@in_browser
def test_the_panel_fits_and_can_be_read(stage: Stage) -> None:
    furnish(stage)
    for size in (DESKTOP, PHONE):
        for scheme in SCHEMES:
            with stage.page(stage.town.dana, size=size, scheme=scheme) as page:
                trouble = panel(page)
                trouble.get_by_role("button", name="Fail it: 500").click()
                expect(trouble.get_by_role("button", name="Call it off")).to_be_visible()
                assert widest(page) <= size[0]
                assert page.evaluate(LOW_CONTRAST) == []
                expect(page.locator("#composer-input")).to_be_in_viewport()
                trouble.get_by_role("button", name="Call it off").click()
