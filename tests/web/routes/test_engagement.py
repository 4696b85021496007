"""A guild's engagement over HTTP, and a challenge as CSV (spec/engagement.md 7 and 10, spec/api.md 7.7.9)."""

from __future__ import annotations

import csv
import io

from tests.web.neighbours import ADMIN, FOREIGN, HOME, MEMBER
from tests.web.routes.conftest import KEY, Desk

PATH = f"/api/dashboard/{HOME}/engagement"
EMPTY = {
    "active_challenges": [],
    "challenge_history": [],
    "og_claims_count": 0,
    "og_setup": None,
    "badges_count": 0,
    "streaks_count": 0,
    "max_streak": 0,
    "latest_weekly": None,
}


async def furnish(desk: Desk) -> None:
    await desk.execute(
        """
        INSERT INTO engagement_challenges (guild_id, channel_id, mode, title, active, started_at, ends_at,
            ended_at, winner_id, outcome) VALUES
            (100, 9007199254740993, 'random', '=1+1', true, '2026-07-20T14:00Z', '2026-07-21T14:00Z',
             NULL, NULL, NULL),
            (100, NULL, 'leaderboard', NULL, true, '2026-07-20T15:00Z', 'infinity', NULL, NULL, NULL),
            (100, 5, 'leaderboard', 'Old', false, '2026-01-20T14:00Z', '2026-01-21T14:00Z',
             '2026-01-21T14:00:05Z', 9007199254740995, 'winner'),
            (100, 5, 'random', NULL, false, '2026-01-20T14:00Z', NULL, NULL, NULL, NULL),
            (100, 5, 'random', 'C', false, '2026-01-20T14:00Z', NULL, '2026-02-01T00:00Z', NULL,
             'cancelled'),
            (200, 5, 'random', 'Theirs', true, now(), now(), NULL, NULL, NULL)
        """,
    )
    await desk.execute(
        "INSERT INTO engagement_participants (challenge_id, user_id, message_count) VALUES"
        " (3, 9007199254740995, 7), (3, 20, 3), (3, 10, 3), (1, 10, 0), (6, 10, 1)"
    )


async def test_scenario_40_who_may_look(desk: Desk) -> None:
    named = {"X-Discord-User-Id": str(ADMIN)}
    http = desk.house.http
    assert (await http.get(PATH, headers=named)).status_code == 401
    assert (await http.get(PATH, headers={"X-Api-Key": KEY})).status_code == 422
    assert (await http.get(PATH, headers={"X-Api-Key": KEY, "X-Discord-User-Id": "x"})).status_code == 400
    for path, user_id in ((PATH, MEMBER), (f"/api/dashboard/{FOREIGN}/engagement", ADMIN)):
        headers = {"X-Api-Key": KEY, "X-Discord-User-Id": str(user_id)}
        assert (await http.get(path, headers=headers)).status_code == 403
    answer = await http.get("/api/dashboard/x/engagement", headers=named | {"X-Api-Key": KEY})
    assert answer.status_code == 422
    assert await desk.get(PATH) == EMPTY


async def test_scenario_40_ids_and_counts_are_strings(desk: Desk) -> None:
    await furnish(desk)
    await desk.execute(
        "INSERT INTO engagement_og_claims (guild_id, user_id) VALUES (100, 1), (100, 2), (200, 3)"
    )
    await desk.execute("INSERT INTO engagement_og_setup VALUES (100, 9007199254740993, 6)")
    await desk.execute("INSERT INTO engagement_badges (guild_id, user_id, badge_key) VALUES (100, 1, 'og')")
    await desk.execute(
        "INSERT INTO engagement_streaks (guild_id, user_id, current_days) VALUES (100, 1, 3), (100, 2, 9)"
    )
    await desk.execute(
        "INSERT INTO engagement_weekly_awards (guild_id, week_start, week_end) VALUES"
        " (100, '2026-07-06', '2026-07-13'), (100, '2026-07-13', '2026-07-20'),"
        " (200, '2026-08-03', '2026-08-10')"
    )
    await desk.execute(
        "INSERT INTO engagement_weekly_results (week_id, award_key, user_id, metric) VALUES"
        " (2, 'star', 9007199254740993, 5), (2, 'motivator', 4, NULL), (1, 'star', 1, 1)"
    )
    found = await desk.get(PATH)
    assert found["active_challenges"] == [
        {
            "id": 2,
            "title": None,
            "mode": "leaderboard",
            "channel_id": None,
            "started_at": "2026-07-20T17:00:00+02:00",
            "ends_at": None,
            "participant_count": "0",
        },
        {
            "id": 1,
            "title": "=1+1",
            "mode": "random",
            "channel_id": "9007199254740993",
            "started_at": "2026-07-20T16:00:00+02:00",
            "ends_at": "2026-07-21T16:00:00+02:00",
            "participant_count": "1",
        },
    ]
    assert [one["id"] for one in found["challenge_history"]] == [5, 3, 4]
    assert found["challenge_history"][1] == {
        "id": 3,
        "title": "Old",
        "mode": "leaderboard",
        "winner_id": "9007199254740995",
        "ended_at": "2026-01-21T15:00:05+01:00",
        "participant_count": "3",
    }
    assert found["challenge_history"][2]["ended_at"] is None
    assert found["og_setup"] == {"message_id": "9007199254740993", "channel_id": "6"}
    assert (found["og_claims_count"], found["badges_count"]) == (2, 1)
    assert (found["streaks_count"], found["max_streak"]) == (2, 9)
    assert found["latest_weekly"] == {
        "id": 2,
        "week_start": "2026-07-13",
        "week_end": "2026-07-20",
        "results": [
            {"award_key": "motivator", "user_id": "4", "metric": 0},
            {"award_key": "star", "user_id": "9007199254740993", "metric": 5},
        ],
    }


async def test_a_challenge_as_csv_is_safe_to_open(desk: Desk) -> None:
    await furnish(desk)
    answer = await desk.send("GET", PATH + "/challenges/3/export")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="challenge_3.csv"'
    header, *rows = csv.reader(io.StringIO(answer.text))
    assert header[-4:] == ["place", "user_id", "message_count", "winner"]
    assert [row[-4:] for row in rows] == [
        ["1", "9007199254740995", "7", "yes"],
        ["2", "10", "3", "no"],
        ["3", "20", "3", "no"],
    ]
    assert rows[0][:7] == [
        "3",
        "Old",
        "leaderboard",
        "2026-01-20T15:00:00+01:00",
        "2026-01-21T15:00:00+01:00",
        "2026-01-21T15:00:05+01:00",
        "winner",
    ]
    answer = await desk.send("GET", PATH + "/challenges/1/export")
    assert "\r\n1,'=1+1,random," in answer.text
    empty = await desk.send("GET", PATH + "/challenges/5/export")
    assert len(empty.text.splitlines()) == 1
    for challenge_id in (6, 77):
        assert await desk.refused("GET", PATH + f"/challenges/{challenge_id}/export") == (404, "not_found")
    assert (await desk.refused("GET", PATH + "/challenges/0/export"))[0] == 422


async def test_a_large_export_is_cut(desk: Desk) -> None:
    await furnish(desk)
    await desk.execute(
        "INSERT INTO engagement_participants (challenge_id, user_id, message_count)"
        " SELECT 1, n, 0 FROM generate_series(100, 10500) n"
    )
    answer = await desk.send("GET", PATH + "/challenges/1/export")
    assert len(answer.text.splitlines()) == 10_001
