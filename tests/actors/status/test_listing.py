"""The pages of ``/commands`` hold everything, within Discord's limits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.status.listing import Listed, pages

words = st.text("abcdefgh", min_size=1, max_size=12)
commands = st.lists(
    st.builds(
        Listed,
        category=st.sampled_from(["Status", "Tickets", "AutoMod", "Settings"]),
        emoji=st.sampled_from(["📊", "🛡️"]),
        path=st.lists(words, min_size=1, max_size=3).map(" ".join),
        description=st.text("xyz ", min_size=1, max_size=100),
        admin=st.booleans(),
    ),
    max_size=100,
    unique_by=lambda command: command.path,
)


@given(commands, st.booleans())
def test_no_command_is_dropped_and_no_limit_broken(found: list[Listed], include_admin: bool) -> None:
    made = pages(found, include_admin=include_admin)
    for page in made:
        assert len(page) <= 25
        assert sum(len(field.name) + len(field.value) for field in page) <= 5800
        assert all(len(field.value) <= 1024 for field in page)
    shown = "\n".join(field.value for page in made for field in page)
    for command in found:
        assert (f"`/{command.path}`" in shown) == (include_admin or not command.admin)


def test_admin_commands_stand_under_a_lock_and_categories_are_sorted() -> None:
    made = pages(
        [
            Listed("Tickets", "🎫", "ticket", "Open a ticket", admin=False),
            Listed("Settings", "⚙️", "config", "Configure", admin=True),
            Listed("Settings", "⚙️", "about", "About", admin=False),
        ],
        include_admin=True,
    )
    names = [field.name for field in made[0]]
    assert names == ["⚙️ Settings", "🔐 ⚙️ Settings", "🎫 Tickets", "In total"]
    assert made[0][-1].value == "3 commands in 2 categories"


def test_enable_and_disable_share_a_line() -> None:
    (page,) = pages(
        [
            Listed("AutoMod", "🛡️", "automod enable", "Switch it on", admin=False),
            Listed("AutoMod", "🛡️", "automod disable", "Switch it off", admin=False),
            Listed("AutoMod", "🛡️", "enable", "No twin", admin=False),
        ],
        include_admin=False,
    )
    assert page[0].value.splitlines() == [
        "`/automod enable` · `/automod disable` — Switch it on",
        "`/enable` — No twin",
    ]


def test_a_long_description_is_cut() -> None:
    (page,) = pages([Listed("Status", "📊", "x", "y" * 100, admin=False)], include_admin=False)
    assert page[0].value == "`/x` — " + "y" * 67 + "..."
    assert page[1].value == "1 command in 1 category"


def test_categories_stand_in_the_order_of_their_words_not_of_their_emoji() -> None:
    (page,) = pages(
        [
            Listed("status", "⚙️", "a", "A", admin=False),
            Listed("Automod", "🛡️", "b", "B", admin=False),
            Listed("Tickets", "⌛", "c", "C", admin=False),
        ],
        include_admin=False,
    )
    assert [field.name for field in page[:-1]] == ["🛡️ Automod", "⚙️ status", "⌛ Tickets"]


def test_what_does_not_fit_one_field_goes_on_under_the_same_mark() -> None:
    many = [Listed("Status", "📊", f"command{n:03}", "y" * 60, admin=True) for n in range(30)]
    (page,) = pages(many, include_admin=True)
    assert {field.name for field in page[:-1]} == {"🔐 📊 Status", "🔐 📊 Status (continued)"}
