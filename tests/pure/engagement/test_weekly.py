"""What the announcement says, and which roles the winners shall have."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from alphapy.pure.engagement.awards import BUILT_IN, LONGEST_LABEL, LONGEST_SUBTITLE, Award, Filter
from alphapy.pure.engagement.periods import completed
from alphapy.pure.engagement.weekly import (
    DESCRIPTION,
    RoleMove,
    Win,
    description,
    digest,
    in_words,
    role_moves,
    score,
)
from alphapy.pure.ids import MessageId, RoleId, UserId

PERIOD = completed(datetime(2026, 7, 20, 14, tzinfo=UTC))
WINS = {
    "star": Win("star", UserId(3), 9, MessageId(77)),
    "motivator": Win("motivator", UserId(2), 1250),
    "gone": Win("gone", UserId(4), 1),
}


def test_scenario_14_the_announcement_has_a_block_for_each_award_in_order() -> None:
    assert description(PERIOD, BUILT_IN, WINS).splitlines() == [
        "📅 13 Jul 14:00 – 20 Jul 13:59 UTC",
        "",
        "**📣 Motivator**",
        "<@2> — 1,250 messages",
        "Most messages of the week",
        "",
        "**⭐ Star**",
        "<@3> — 9 reactions",
        "The picture with the most reactions",
        "Message `77`",
    ]


def test_one_is_singular() -> None:
    assert [score(award, 1) for award in BUILT_IN] == [
        "1 message",
        "1 food post",
        "1 picture post",
        "1 reaction",
    ]


def test_nothing_won_is_said() -> None:
    assert "No award was won" in description(PERIOD, BUILT_IN, {})
    assert "No award was won" in in_words(BUILT_IN, {})


def test_labels_neither_format_nor_ping() -> None:
    award = Award(
        key="a", label="**@everyone** <@1> hi", filter=Filter.FOOD, subtitle="see https://x.test `now`"
    )
    text = description(PERIOD, [award], {"a": Win("a", UserId(5), 2)})
    assert "everyone" not in text
    assert "<@1>" not in text
    assert "http" not in text
    assert "\\`now\\`" in text


TEXT = st.text(alphabet="ab*_`[🍎 ")


@given(
    st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=10),
    st.integers(1, 2**31 - 1),
    st.integers(1, 2**63 - 1),
)
def test_an_announcement_always_fits_and_names_every_winner(
    texts: list[tuple[str, str]], metric: int, user_id: int
) -> None:
    awards = [
        Award(
            key=str(place),
            label=(label * 100)[:LONGEST_LABEL],
            filter=Filter.REACTIONS,
            subtitle=(subtitle * 150)[:LONGEST_SUBTITLE],
        )
        for place, (label, subtitle) in enumerate(texts)
    ]
    wins = {award.key: Win(award.key, UserId(user_id), metric, MessageId(2**63 - 1)) for award in awards}
    text = description(PERIOD, awards, wins)
    assert len(text) <= DESCRIPTION
    assert text.count(f"<@{user_id}>") == len(awards)


def test_subtitles_go_first_and_all_of_them() -> None:
    awards = [
        Award(key=str(n), label="*" * 100, filter=Filter.REACTIONS, subtitle="S" * 150) for n in range(10)
    ]
    wins = {award.key: Win(award.key, UserId(2**62), 5, MessageId(2**62)) for award in awards}
    text = description(PERIOD, awards, wins)
    assert "S" not in text
    assert "S" * 150 in description(PERIOD, awards[:5], wins)


def test_the_picture_is_told_in_words() -> None:
    assert in_words(BUILT_IN, WINS) == "📣 Motivator: 1,250 messages; ⭐ Star: 9 reactions"


def test_the_digest_is_of_the_results_alone() -> None:
    assert digest(WINS) == digest(dict(reversed(WINS.items())))
    assert digest(WINS) != digest({**WINS, "star": Win("star", UserId(3), 9, MessageId(78))})
    assert digest(WINS) != digest({})


def test_scenario_20_the_role_of_an_award_is_the_winners_alone_and_that_of_its_badge_is_added() -> None:
    awards = [
        Award(key="star", label="s", filter=Filter.REACTIONS, role_id=RoleId(50)),
        Award(key="motivator", label="m", filter=Filter.FOOD),
        Award(key="nobody", label="n", filter=Filter.FOOD, role_id=RoleId(51)),
    ]
    badge_roles = {"star": RoleId(60), "motivator": RoleId(61), "nobody": RoleId(62)}
    assert role_moves(awards, WINS, badge_roles) == (
        RoleMove(RoleId(50), UserId(3), alone=True),
        RoleMove(RoleId(60), UserId(3), alone=False),
        RoleMove(RoleId(61), UserId(2), alone=False),
    )


def test_one_role_is_moved_once() -> None:
    awards = [
        Award(key="star", label="s", filter=Filter.REACTIONS, role_id=RoleId(50)),
        Award(key="motivator", label="m", filter=Filter.FOOD, role_id=RoleId(50)),
    ]
    assert role_moves(awards, WINS, {"star": RoleId(50)}) == (RoleMove(RoleId(50), UserId(3), alone=True),)
