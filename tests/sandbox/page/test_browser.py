"""The page in a real browser: what a person does, and what they see of it."""

from __future__ import annotations

from functools import partial

from playwright.sync_api import Page, expect

from tests.sandbox.page.browser import Stage, in_browser


def say(page: Page, text: str) -> None:
    page.locator("#composer-input").fill(text)
    page.keyboard.press("Enter")


def use(page: Page, path: str) -> None:
    """Choose a command by typing its path."""
    page.locator("#composer-input").press_sequentially(f"/{path}")
    expect(page.locator("#suggestions [role=option][aria-selected=true]")).to_contain_text(f"/{path}")
    page.keyboard.press("Enter")
    expect(page.locator("#command-title")).to_have_text(f"/{path}")


@in_browser
def test_a_message_is_sent_and_the_bot_answers(stage: Stage) -> None:
    with stage.page(stage.town.dana) as page:
        say(page, "hello bot")
        answer = page.locator("article.from-bot")
        expect(answer).to_contain_text("Hello @Dana, welcome to #general!")
        expect(answer.locator(".origin")).to_have_text("Dana hello bot")
        expect(answer.locator(".tag")).to_have_text("Bot")
        expect(page.locator("article.mine .author")).to_have_text("Dana")


@in_browser
def test_a_slash_command_with_every_kind_of_option(stage: Stage) -> None:
    town = stage.town
    with stage.page(town.ada) as page:
        use(page, "book add")
        page.keyboard.press("Enter")
        form = page.locator("#command-form")
        expect(form.locator("[data-option=title] .problem")).to_have_text("This is required.")
        form.get_by_label("title").fill("Emma")
        form.get_by_label("shelf").press_sequentially("po")
        expect(page.locator(".floating-list [role=option]")).to_have_text(["Poetry"])
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        form.get_by_label("state").select_option("Well read")
        form.get_by_label("pages").fill("0")
        form.get_by_label("lent").select_option("Yes")
        for name, choice in (("owner", "@Chidi"), ("where", "#news"), ("readers", "@Moderator")):
            form.get_by_label(name).click()
            page.get_by_role("option", name=choice).click()
        form.get_by_role("button", name="Run").click()
        expect(form.locator("[data-option=pages] .problem")).to_have_text("At least 1, please.")
        form.get_by_label("pages").fill("474")
        page.keyboard.press("Enter")
        embed = page.locator(".embed")
        expect(embed.locator(".embed-title")).to_have_text("“Emma” is on its shelf")
        values = embed.locator(".embed-field.inline dd")
        moderator = next(
            r["id"] for r in town.world.guilds.get(town.guild_id).roles.values() if r["name"] == "Moderator"
        )
        expect(values).to_have_text(
            ["Emma", "poetry", "old", "474", "True", str(town.chidi), str(town.news), moderator]
        )
        expect(embed.locator(".embed-footer")).to_contain_text("The library · 2 Jan")
        expect(page.locator("article .origin")).to_have_text("Ada Lovelace used /book add")
        expect(page.locator("#say-form")).to_be_visible()


@in_browser
def test_a_button_is_pressed_and_the_bot_changes_the_message(stage: Stage) -> None:
    with stage.page(stage.town.ada) as page:
        use(page, "book add")
        form = page.locator("#command-form")
        form.get_by_label("title").fill("Emma")
        form.get_by_label("shelf").fill("x")
        form.get_by_label("state").select_option("As new")
        form.get_by_role("button", name="Run").click()
        expect(page.get_by_role("button", name="Burn it")).to_be_disabled()
        page.get_by_role("button", name="Borrow it").click()
        expect(page.get_by_role("button", name="Borrowed")).to_be_disabled()
        expect(page.get_by_role("button", name="Burn it")).to_have_count(0)


@in_browser
def test_a_modal_is_validated_and_sent(stage: Stage) -> None:
    with stage.page(stage.town.ada) as page:
        use(page, "book edit")
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="A note on the book")
        note = dialog.get_by_label("Note")
        expect(note).to_be_focused()
        expect(note).to_have_value("dusty")
        note.fill("ab")
        page.keyboard.press("Enter")
        expect(dialog.locator(".problem").first).to_have_text("At least 3 characters, please; these are 2.")
        note.fill("a" * 30)
        expect(note).to_have_value("a" * 20)
        expect(dialog).to_contain_text("Honest notes only.")
        dialog.get_by_label("Mood").select_option("Glad")
        note.fill("spotless")
        note.focus()
        page.keyboard.press("Enter")
        expect(dialog).to_be_hidden()
        expect(page.locator("article.ephemeral")).to_contain_text("Noted: spotless, ['glad'].")
        use(page, "book edit")
        page.keyboard.press("Enter")
        dialog.get_by_label("Reason").press("Escape")
        expect(dialog).to_be_hidden()
        page.keyboard.type("back to the chat")
        expect(page.locator("#composer-input")).to_have_value("back to the chat")


@in_browser
def test_a_private_answer_is_seen_by_one_member_only_and_can_be_dismissed(stage: Stage) -> None:
    town = stage.town
    with stage.page(town.ada) as hers, stage.page(town.dana) as theirs:
        use(hers, "secret")
        hers.keyboard.press("Enter")
        private = hers.locator("article.ephemeral")
        expect(private).to_contain_text("The key is under the mat.")
        expect(private).to_contain_text("Only you can see this")
        say(hers, "anyone here?")
        expect(theirs.get_by_text("anyone here?")).to_be_visible()
        expect(theirs.get_by_text("under the mat")).to_have_count(0)
        private.get_by_role("button", name="Dismiss").click()
        expect(private).to_have_count(0)
        hers.reload()
        expect(hers.get_by_text("anyone here?")).to_be_visible()
        expect(hers.locator("article.ephemeral")).to_have_count(0)


@in_browser
def test_a_deferred_answer_shows_that_the_bot_is_thinking(stage: Stage) -> None:
    town = stage.town
    with stage.page(town.ada) as page:
        use(page, "slow")
        page.keyboard.press("Enter")
        expect(page.locator("article.from-bot .thinking")).to_have_text("thinking")
        expect(page.locator(".ghost")).to_have_count(0)
        interaction = stage.bot.seen[-1][1]
        stage.do(lambda: town.world.answers.edit(town.bot, interaction["token"], None, {"content": "There."}))
        expect(page.locator("article.from-bot .content")).to_have_text("There.")
        expect(page.locator(".thinking")).to_have_count(0)


@in_browser
def test_silence_of_the_bot_is_shown_as_such(stage: Stage) -> None:
    with stage.page(stage.town.ada) as page:
        use(page, "mute")
        page.keyboard.press("Enter")
        expect(page.locator(".ghost")).to_contain_text("You used /mute")
        expect(page.locator(".failed-ghost")).to_contain_text("The application did not respond.")
        page.locator(".failed-ghost").get_by_role("button", name="Dismiss").click()
        expect(page.locator(".ghost")).to_have_count(0)
        use(page, "panel")
        page.keyboard.press("Enter")
        silent = page.get_by_role("button", name="Silence")
        silent.click()
        expect(silent).to_have_attribute("aria-busy", "true")
        expect(page.locator("article .failed")).to_have_text("The application did not respond.")
        expect(silent).not_to_have_attribute("aria-busy", "true")


@in_browser
def test_menus_of_one_and_of_several_choices(stage: Stage) -> None:
    with stage.page(stage.town.ada) as page:
        use(page, "panel")
        page.keyboard.press("Enter")
        page.get_by_label("One fruit").select_option("Pear")
        expect(page.get_by_text("You chose pear.")).to_be_visible()
        menu = page.get_by_role("group", name="Two fruits")
        menu.get_by_label("Apple").check()
        expect(menu.get_by_role("button", name="Apply")).to_be_disabled()
        menu.get_by_label("Plum").check()
        menu.get_by_role("button", name="Apply").click()
        expect(page.get_by_text("You chose apple, plum.")).to_be_visible()
        page.get_by_label("A member").select_option(str(stage.town.dana))
        expect(page.get_by_text(f"You chose {stage.town.dana}.")).to_be_visible()
        link = page.get_by_role("link", name="Manual")
        expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")


@in_browser
def test_reactions_are_put_counted_and_taken_back(stage: Stage) -> None:
    town = stage.town
    first = stage.do(lambda: town.world.messages.create(town.ada, town.general, {"content": "cake?"}))
    with stage.page(town.dana) as page:
        article = page.locator("article")
        article.hover()
        article.get_by_role("button", name="React", exact=True).click()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        mine = article.get_by_role("button", name="👎")
        expect(mine).to_have_attribute("aria-pressed", "true")
        stage.do(lambda: town.world.reactions.add(town.ada, town.general, int(first["id"]), "👎"))
        expect(mine.locator(".count")).to_have_text("2")
        mine.click()
        expect(mine.locator(".count")).to_have_text("1")
        expect(mine).to_have_attribute("aria-pressed", "false")
        stage.do(
            lambda: town.world.reactions.remove(town.ada, town.general, int(first["id"]), "👎", town.ada)
        )
        expect(article.locator(".reaction")).to_have_count(0)


@in_browser
def test_replying_editing_and_deleting(stage: Stage) -> None:
    town = stage.town
    stage.do(
        lambda: town.world.messages.create(
            town.ada, town.general, {"content": "**What** is\nnew, <@" + str(town.chidi) + ">?"}
        )
    )
    with stage.page(town.dana) as page:
        page.locator("article").hover()
        page.get_by_role("button", name="Reply", exact=True).click()
        expect(page.locator("#reply-bar")).to_contain_text("Replying to Ada Lovelace What is new, @Chidi?")
        say(page, "nothing much")
        mine = page.locator("article.mine")
        expect(mine.locator(".origin")).to_have_text("Ada Lovelace What is new, @Chidi?")
        expect(page.locator("#reply-bar")).to_be_hidden()
        page.keyboard.press("ArrowUp")
        box = page.get_by_label("Edit the message")
        expect(box).to_be_focused()
        box.fill("quite a lot")
        page.keyboard.press("Enter")
        expect(mine.locator(".content")).to_have_text("quite a lot (edited)")
        mine.hover()
        mine.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(mine).to_have_count(0)
        expect(page.locator("article").get_by_role("button", name="Edit")).to_have_count(0)
        expect(page.locator("article").get_by_role("button", name="Delete")).to_have_count(0)


@in_browser
def test_speaking_as_somebody_else_shows_what_they_may_see_and_use(stage: Stage) -> None:
    town = stage.town
    with stage.page(town.ada) as page:
        page.get_by_role("radio", name="Björn").check(force=True)
        expect(page.locator("#composer-input")).to_have_attribute("placeholder", "Message #general as Björn")
        expect(page.get_by_role("button", name="office")).to_be_visible()
        page.locator("#composer-input").press_sequentially("/ad")
        expect(page.locator("#suggestions")).to_contain_text("/admin")
        page.keyboard.press("Escape")
        page.get_by_role("radio", name="Dana").check(force=True)
        expect(page.locator("#composer-input")).to_have_attribute("placeholder", "Message #general as Dana")
        expect(page.get_by_role("button", name="office")).to_have_count(0)
        page.locator("#composer-input").fill("")
        page.locator("#composer-input").press_sequentially("/")
        expect(page.locator("#suggestions")).to_contain_text("/secret")
        expect(page.locator("#suggestions")).not_to_contain_text("/admin")
        page.get_by_role("button", name="news").click()
        expect(page.locator("#composer-input")).to_be_disabled()
        expect(page.locator("#composer-input")).to_have_attribute("placeholder", "Dana cannot write in #news")
        kinds = page.locator(".person-kind")
        expect(kinds).to_have_text(["Owner", "Administrator", "Moderator", "Member", "Member"])


@in_browser
def test_news_in_another_channel_and_what_changes_in_the_guild_show_at_once(stage: Stage) -> None:
    town = stage.town
    with stage.page(town.dana) as page:
        stage.do(lambda: town.world.messages.create(town.ada, town.news, {"content": "Read all about it"}))
        news = page.get_by_role("button", name="news")
        expect(news).to_contain_text("new messages")
        news.click()
        expect(page.get_by_text("Read all about it")).to_be_visible()
        expect(news).not_to_contain_text("new messages")
        body = {"name": "annex", "topic": "A new room"}
        stage.do(lambda: town.world.channels.create(town.ada, town.guild_id, body))
        page.get_by_role("button", name="annex").click()
        expect(page.locator("#channel-topic")).to_have_text("A new room")
        page.get_by_role("button", name="Alphapy").click()
        expect(page.locator("#channel-name")).to_have_text("@Alphapy")
        say(page, "between us")
        expect(page.locator("article .content")).to_have_text("between us")


@in_browser
def test_mentions_are_picked_and_sent_as_discord_writes_them(stage: Stage) -> None:
    town = stage.town
    with stage.page(town.dana) as page:
        box = page.locator("#composer-input")
        box.press_sequentially("ask @chi")
        page.keyboard.press("Enter")
        expect(box).to_have_value("ask @Chidi ")
        box.press_sequentially("in #ne")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("article .chip")).to_have_text(["@Chidi", "#news"])
        (sent,) = stage.do(lambda: town.world.messages.history(town.ada, town.general))
        assert sent["content"] == f"ask <@{town.chidi}> in <#{town.news}>"


@in_browser
def test_the_page_says_when_the_bot_is_away_and_when_it_is_back(stage: Stage) -> None:
    world, bot = stage.town.world, stage.town.bot
    with stage.page(stage.town.dana) as page:
        expect(page.locator("#bot-status")).to_contain_text("Alphapy online")
        stage.do(lambda: world.note_connection(bot, -1))
        expect(page.locator("#notices")).to_contain_text("Alphapy is not connected.")
        expect(page.locator("#bot-status")).to_contain_text("Alphapy offline")
        stage.do(lambda: world.note_connection(bot, +1))
        expect(page.locator("#notices")).to_be_empty()


@in_browser
def test_the_page_comes_back_by_itself_and_misses_nothing(stage: Stage) -> None:
    town = stage.town
    with stage.page(town.dana, expected=("WebSocket connection", "ERR_CONNECTION_REFUSED")) as page:
        stage.restart(False)
        expect(page.locator("#notices")).to_contain_text("Connection to the sandbox lost.")
        say(page, "can you hear me?")
        expect(page.get_by_role("alert").get_by_text("The sandbox does not answer.")).to_be_visible()
        expect(page.locator("#composer-input")).to_have_value("can you hear me?")
        stage.do(lambda: town.world.messages.create(town.ada, town.general, {"content": "meanwhile"}))
        stage.restart(True)
        expect(page.get_by_text("meanwhile")).to_be_visible()
        expect(page.locator("#notices")).to_be_empty()
        page.locator("#composer-input").press("Enter")
        expect(page.locator("article.mine .content")).to_have_text("can you hear me?")


@in_browser
def test_a_refusal_of_discord_is_shown_and_nothing_typed_is_lost(stage: Stage) -> None:
    with stage.page(stage.town.dana, expected=("status of 400",)) as page:
        box = page.locator("#composer-input")
        box.fill("x" * 1980)
        box.press_sequentially(" @chi")
        page.keyboard.press("Enter")  # the mention is longer as Discord writes it: 2003 characters are sent
        page.keyboard.press("Enter")
        alert = page.get_by_role("alert").get_by_text("content — Must be 2000 or fewer in length.")
        expect(alert).to_be_visible()
        expect(box).to_have_value("x" * 1980 + " @Chidi ")
        page.get_by_role("button", name="Close", exact=True).click()
        expect(alert).to_have_count(0)


@in_browser
def test_losing_the_right_to_write_shows_at_once(stage: Stage) -> None:
    town = stage.town
    with stage.page(town.dana) as page:
        overwrite = {"type": 0, "allow": "0", "deny": str(1 << 11)}
        stage.do(lambda: town.world.channels.set_overwrite(town.ada, town.general, town.guild_id, overwrite))
        expect(page.locator("#composer-input")).to_be_disabled()
        stage.do(lambda: town.world.channels.delete_overwrite(town.ada, town.general, town.guild_id))
        expect(page.locator("#composer-input")).to_be_enabled()


@in_browser
def test_earlier_messages_come_on_request(stage: Stage) -> None:
    town = stage.town

    def write() -> None:
        for number in range(70):
            town.world.messages.create(town.ada, town.general, {"content": f"message {number}"})

    stage.do(write)
    with stage.page(town.dana) as page:
        expect(page.locator("article")).to_have_count(50)
        expect(page.get_by_text("message 69")).to_be_in_viewport()
        page.get_by_role("button", name="Show earlier messages").click()
        expect(page.locator("article")).to_have_count(70)
        expect(page.get_by_text("This is where #general begins")).to_be_attached()
        page.locator("article").first.scroll_into_view_if_needed()
        stage.do(lambda: town.world.messages.create(town.ada, town.general, {"content": "news"}))
        page.get_by_role("button", name="New messages").click()
        expect(page.get_by_text("news", exact=True).last).to_be_in_viewport()


@in_browser
def test_the_history_is_walked_with_the_keyboard(stage: Stage) -> None:
    town = stage.town
    for text in ("one", "two"):
        stage.do(partial(town.world.messages.create, town.ada, town.general, {"content": text}))
    with stage.page(town.dana) as page:
        page.locator("#log").focus()
        page.keyboard.press("ArrowUp")
        expect(page.locator("article").last).to_be_focused()
        page.keyboard.press("ArrowUp")
        expect(page.locator("article").first).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Reply", exact=True).first).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#reply-bar")).to_contain_text("one")
