"""The scripted bot's repertoire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sandbox.page.town import Answer, Town, button, message, rows, text_option, values_of

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON

SHELVES = ["fiction", "history", "poetry"]
COMMANDS: list[JSON] = [
    {
        "name": "book",
        "description": "The library",
        "options": [
            {
                "type": 1,
                "name": "add",
                "description": "Put a book on a shelf",
                "options": [
                    text_option("title", "What it is called", required=True, max_length=40),
                    text_option("shelf", "Where it belongs", required=True, autocomplete=True),
                    text_option(
                        "state",
                        "How it looks",
                        required=True,
                        choices=[{"name": "As new", "value": "new"}, {"name": "Well read", "value": "old"}],
                    ),
                    {
                        "type": 4,
                        "name": "pages",
                        "description": "How long it is",
                        "min_value": 1,
                        "max_value": 5000,
                    },
                    {"type": 5, "name": "lent", "description": "Whether it is away"},
                    {"type": 6, "name": "owner", "description": "Whose it is"},
                    {"type": 7, "name": "where", "description": "The channel to talk about it in"},
                    {"type": 8, "name": "readers", "description": "Who may borrow it"},
                ],
            },
            {"type": 1, "name": "edit", "description": "Change a book's note"},
        ],
    },
    {"name": "secret", "description": "Something for your eyes only"},
    {"name": "panel", "description": "Buttons and menus"},
    {"name": "slow", "description": "Takes its time"},
    {"name": "mute", "description": "Never answers"},
    {"name": "admin", "description": "For administrators", "default_member_permissions": "8"},
]


def add_book(interaction: JSON) -> JSON:
    values = values_of(interaction)
    return message(
        embeds=[
            {
                "title": f"“{values['title']}” is on its shelf",
                "description": "Ask anybody for it.",
                "color": 0x2ECC71,
                "fields": [
                    {"name": name, "value": f"`{value}`", "inline": True} for name, value in values.items()
                ],
                "footer": {"text": "The library"},
                "timestamp": "2026-01-02T03:04:05+00:00",
            }
        ],
        components=rows([button("borrow", "Borrow it", 1), button("burn", "Burn it", 4, disabled=True)]),
    )


def edit_note(_interaction: JSON) -> JSON:
    inputs = [
        {
            "type": 4,
            "style": 1,
            "label": "Note",
            "custom_id": "note",
            "min_length": 3,
            "max_length": 20,
            "value": "dusty",
        },
        {"type": 4, "style": 2, "label": "Reason", "custom_id": "reason", "required": False},
    ]
    moods = [{"label": "Glad", "value": "glad"}, {"label": "Sad", "value": "sad"}]
    mood = {"type": 3, "custom_id": "mood", "options": moods, "required": False}
    further = [
        {"type": 10, "content": "Honest notes only."},
        {"type": 18, "label": "Mood", "description": "How it feels", "component": mood},
    ]
    return {
        "type": 9,
        "data": {
            "title": "A note on the book",
            "custom_id": "note-modal",
            "components": rows(*([one] for one in inputs)) + further,
        },
    }


def panel(_interaction: JSON) -> JSON:
    fruit = [{"label": name.title(), "value": name} for name in ("apple", "pear", "plum")]
    return message(
        "Choose.",
        components=rows(
            [{"type": 3, "custom_id": "fruit", "placeholder": "One fruit", "options": fruit}],
            [
                {
                    "type": 3,
                    "custom_id": "fruits",
                    "placeholder": "Two fruits",
                    "options": fruit,
                    "min_values": 2,
                    "max_values": 2,
                }
            ],
            [{"type": 5, "custom_id": "somebody", "placeholder": "A member"}],
            [
                button("silent", "Silence"),
                {"type": 2, "style": 5, "label": "Manual", "url": "https://example.org/"},
            ],
        ),
    )


def chosen(interaction: JSON) -> JSON:
    return message(f"You chose {', '.join(interaction['data']['values'])}.")


ANSWERS: dict[str, Answer] = {
    "book add": add_book,
    "? book add": lambda interaction: {
        "type": 8,
        "data": {
            "choices": [
                {"name": shelf.title(), "value": shelf}
                for shelf in SHELVES
                if values_of(interaction)["shelf"].lower() in shelf
            ]
        },
    },
    "book edit": edit_note,
    "note-modal": lambda interaction: message(
        f"Noted: {values_of(interaction)['note']}, {values_of(interaction)['mood']}.", private=True
    ),
    "borrow": lambda _interaction: {
        "type": 7,
        "data": {"components": rows([button("borrow", "Borrowed", 3, disabled=True)])},
    },
    "secret": lambda _interaction: message("The key is under the mat.", private=True),
    "panel": panel,
    "fruit": chosen,
    "fruits": chosen,
    "somebody": chosen,
    "slow": lambda _interaction: {"type": 5, "data": {}},
    "admin": lambda _interaction: message("At your service."),
}


def said(town: Town, heard: JSON) -> None:
    """Answer a greeting, in the channel."""
    if heard["content"] == "hello bot":
        reference = {"message_id": heard["id"], "channel_id": heard["channel_id"]}
        body = {
            "content": f"Hello <@{heard['author']['id']}>, welcome to <#{town.general}>!",
            "message_reference": reference,
            "allowed_mentions": {"parse": []},
        }
        town.world.messages.create(town.bot, int(heard["channel_id"]), body)
