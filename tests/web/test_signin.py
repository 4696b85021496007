"""Signing in to the console with Discord: the way through, and everybody who tries another one."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import attrs
import httpx
import pytest

from alphapy.environment import Secret
from alphapy.sandbox.oauth2.grants import client_secret
from alphapy.web.auth import discord_login
from alphapy.web.auth.cookies import Signer, derived_key
from alphapy.web.auth.security import DiscordLogin, Security
from alphapy.web.console import signin
from alphapy.web.console.door import NOT_AN_OWNER, Session
from alphapy.web.console.signin import own_page
from tests.sandbox.clients import Running, running
from tests.support.http_server import Fault, Received, Reply, scripted_server
from tests.web.house import House, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.storage.pool import Pool

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
CALLBACK = "/api/auth/discord/callback"
BACK = f"http://127.0.0.1:8000{CALLBACK}"


@attrs.define
class Town:
    """A house whose console asks the sandbox's Discord who people are."""

    house: House
    here: Running
    login: DiscordLogin

    def browser(self) -> Browser:
        return Browser(self, httpx.AsyncClient(base_url=self.house.base, trust_env=False, headers=PAGE))


@attrs.define
class Browser:
    """Somebody's browser; it keeps cookies, and goes nowhere by itself."""

    town: Town
    http: httpx.AsyncClient

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.http.get(path, **options)

    async def asked(self, page: str = "/console") -> str:
        """Begin to sign in; where Discord is asked."""
        answer = await self.get("/console/sign-in/discord", params={"next": page})
        assert answer.status_code == 303
        return answer.headers["Location"]

    async def agreed(self, address: str, username: str | None = "ada") -> str:
        """Pick somebody at Discord; the path that it sends the browser back to."""
        parts = urlsplit(address)
        user_id = "" if username is None else str(self.town.here.demo.users[username])
        form = {name: values[0] for name, values in parse_qs(parts.query).items()} | {"user_id": user_id}
        async with httpx.AsyncClient(trust_env=False) as discord:
            answer = await discord.post(f"{parts.scheme}://{parts.netloc}{parts.path}", data=form)
        assert answer.status_code == 303, answer.text
        assert answer.headers["Location"].startswith(BACK)
        return answer.headers["Location"].removeprefix("http://127.0.0.1:8000")

    async def sign_in(self, username: str = "ada", page: str = "/console") -> httpx.Response:
        return await self.get(await self.agreed(await self.asked(page), username))

    async def status(self, path: str = "/console") -> int:
        return (await self.get(path)).status_code


@asynccontextmanager
async def town(pool: Pool, **changes: Any) -> AsyncIterator[Town]:
    async with running() as here:
        login = DiscordLogin(
            client_id=here.demo.application_id,
            client_secret=Secret(client_secret(here.demo.application_id)),
            redirect_uri=BACK,
            api_base=here.sandbox.api_base,
        )
        security = Security(login=attrs.evolve(login, **changes.pop("login", {})), **changes)
        async with open_house(pool, security=security) as house:
            house.neighbours.owners = {here.demo.users["ada"]}
            yield Town(house, here, login)


async def test_an_owner_signs_in_looks_around_and_signs_out(pool: Pool) -> None:
    async with town(pool) as place, place.browser().http as http:
        browser = Browser(place, http)
        led = await browser.get("/console/actors?under=guild/")
        assert led.status_code == 303
        assert led.headers["Location"] == "/console/sign-in?next=%2Fconsole%2Factors%3Funder%3Dguild%2F"
        page = await browser.get(led.headers["Location"])
        link = re.search(r'href="(/console/sign-in/discord\?next=[^"]+)"', page.text)
        assert link is not None
        to_discord = (await browser.get(link[1].replace("&amp;", "&"))).headers["Location"]
        query = parse_qs(urlsplit(to_discord).query)
        assert (query["scope"], query["code_challenge_method"]) == (["identify"], ["S256"])
        back = await browser.get(await browser.agreed(to_discord))
        assert (back.status_code, back.headers["Location"]) == (303, "/console/actors?under=guild/")
        cookies = back.headers.get_list("Set-Cookie")
        session = next(cookie for cookie in cookies if cookie.startswith("alphapy_console="))
        assert all(flag in session for flag in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"))
        assert any(cookie.startswith("alphapy_login=;") for cookie in cookies)
        shown = await browser.get("/console")
        assert shown.status_code == 200
        assert "Sign out <b>Ada</b>" in shown.text
        assert (await browser.get("/console/sign-in")).headers["Location"] == "/console"
        asked = await browser.get("/console/sign-out")
        token = re.search(r'name="token" value="(\w+)"', asked.text)
        assert token is not None
        assert "form-action 'self'" in asked.headers["Content-Security-Policy"]
        kept = dict(http.cookies)
        out = await http.post("/console/sign-out", data={"token": token[1]})
        assert (out.status_code, out.headers["Location"]) == (303, "/console/sign-in")
        assert await browser.status() == 303
        http.cookies.update(kept)
        assert await browser.status() == 303, "the cookie of a session that was ended is worth nothing"
        assert (await browser.get("/console/sign-out")).headers["Location"] == "/console/sign-in"
        assert (await http.post("/console/sign-out")).headers["Location"] == "/console/sign-in"


async def test_without_a_session_nothing_of_the_console_is_served(pool: Pool) -> None:
    async with town(pool) as place, place.browser().http as http:
        for path in ("/console", "/console/fragment", "/console/actors", "/console/letters"):
            assert (await http.get(path)).status_code == 303, path
            script = await http.get(path, headers={"Accept": "*/*"})
            assert (script.status_code, script.json()["code"]) == (401, "unauthorized")
        assert (await http.post("/console/letters")).status_code == 401
        assert (await http.get("/console/static/console.css")).status_code == 200
        assert (await http.get("/api/actors")).status_code == 200, (
            "the routes of operators have their own door"
        )


async def test_somebody_who_is_no_owner_is_told_so(pool: Pool) -> None:
    async with town(pool) as place, place.browser().http as http:
        browser = Browser(place, http)
        answer = await browser.sign_in("margaret")
        assert answer.status_code == 403
        assert "For this bot&#39;s owners" in answer.text
        assert "Sign in again" in answer.text
        assert "alphapy_console" not in http.cookies
        assert await browser.status() == 303


async def test_an_owner_who_is_none_any_more_has_no_access_from_then_on(pool: Pool) -> None:
    async with town(pool) as place, place.browser().http as http:
        browser = Browser(place, http)
        await browser.sign_in()
        assert await browser.status() == 200
        place.house.neighbours.owners.clear()
        refused = await browser.get("/console")
        assert refused.status_code == 403
        assert "/console/sign-out" in refused.text


async def test_a_session_ends_after_twelve_hours(pool: Pool) -> None:
    async with town(pool) as place, place.browser().http as http:
        browser = Browser(place, http)
        await browser.sign_in()
        place.house.clock.advance(12 * 3600 - 1)
        assert await browser.status() == 200
        place.house.clock.advance(1)
        assert await browser.status() == 303


async def test_the_answer_to_another_browsers_question_counts_for_nothing(pool: Pool) -> None:
    """Login CSRF: somebody is led to the callback with an attacker's code."""
    async with town(pool) as place, place.browser().http as mine, place.browser().http as theirs:
        attacker, victim = Browser(place, mine), Browser(place, theirs)
        callback = await attacker.agreed(await attacker.asked())
        refused = await victim.get(callback)
        assert (refused.status_code, "begin again" in refused.text) == (400, True)
        await victim.asked()
        assert await victim.status(callback) == 400, "nor with a sign-in of the victim's own under way"
        assert await victim.status() == 303
        assert (await attacker.get(callback)).status_code == 303, "in its own browser it counts"


async def test_a_state_and_a_code_count_once(pool: Pool) -> None:
    async with town(pool) as place, place.browser().http as http:
        browser = Browser(place, http)
        callback = await browser.agreed(await browser.asked())
        kept = dict(http.cookies)
        assert (await browser.get(callback)).status_code == 303
        http.cookies.update(kept)
        assert await browser.status(callback) == 400, "the state is spent, although the browser still has it"
        code = parse_qs(urlsplit(callback).query)["code"][0]
        address = await browser.asked()
        state = parse_qs(urlsplit(address).query)["state"][0]
        replayed = await browser.get(CALLBACK, params={"code": code, "state": state})
        assert (replayed.status_code, "does not accept" in replayed.text) == (400, True)


async def test_a_code_that_was_given_to_another_sign_in_does_not_fit(pool: Pool) -> None:
    """Code injection: PKCE binds the code to the browser's own state."""
    async with town(pool) as place, place.browser().http as mine, place.browser().http as theirs:
        attacker, victim = Browser(place, mine), Browser(place, theirs)
        stolen = parse_qs(urlsplit(await victim.agreed(await victim.asked())).query)["code"][0]
        state = parse_qs(urlsplit(await attacker.asked()).query)["state"][0]
        refused = await attacker.get(CALLBACK, params={"code": stolen, "state": state})
        assert refused.status_code == 400
        assert await attacker.status() == 303


async def test_a_sign_in_that_takes_too_long_or_is_declined(pool: Pool) -> None:
    async with town(pool) as place, place.browser().http as http:
        browser = Browser(place, http)
        callback = await browser.agreed(await browser.asked())
        place.house.clock.advance(600)
        assert await browser.status(callback) == 400
        declined = await browser.get(await browser.agreed(await browser.asked(), None))
        assert (declined.status_code, "not signed in" in declined.text) == (403, True)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?code=x",
        "?state=x",
        "?code=x&state=",
        "?code=x&state=%FF",
        "?code=x&state=é",
        "?code={code}&state={state}x",
        "?code=&state={state}",
        "?state={state}",
        "?code=" + "x" * 501 + "&state={state}",
        "?code={code}&state={state}&iss=https://evil.test",
    ],
)
async def test_a_callback_that_was_tampered_with(pool: Pool, query: str) -> None:
    async with town(pool) as place, place.browser().http as http:
        browser = Browser(place, http)
        given = parse_qs(urlsplit(await browser.agreed(await browser.asked())).query)
        filled = query.format(code=given["code"][0], state=given["state"][0])
        assert await browser.status(CALLBACK + filled) == 400
        assert "alphapy_console" not in http.cookies


@pytest.mark.parametrize(
    ("wanted", "page"),
    [
        (None, "/console"),
        ("/console/letters", "/console/letters"),
        ("/console/actors?after=guild/5/x&under=guild%2F", "/console/actors?after=guild/5/x&under=guild%2F"),
        ("https://evil.test/", "/console"),
        ("//evil.test", "/console"),
        ("/console//evil.test", "/console"),
        ("/console\\evil", "/console"),
        ("/console@evil.test", "/console"),
        ("/consoles", "/console"),
        ("/console/\r\nSet-Cookie: x", "/console"),
        ("/console/../api", "/console"),
        ("/metrics", "/console"),
        ("javascript:alert(1)", "/console"),
        ("/console/sign-in", "/console"),
        ("/console/sign-out", "/console"),
        ("/console?" + "x" * 600, "/console"),
    ],
)
def test_nobody_is_led_anywhere_but_to_the_console(wanted: str | None, page: str) -> None:
    assert own_page(wanted) == page


async def test_forms_need_the_token_of_the_session_and_a_page_of_ours(pool: Pool) -> None:
    async with town(pool) as place, place.browser().http as mine, place.browser().http as theirs:
        browser, other = Browser(place, mine), Browser(place, theirs)
        place.house.neighbours.owners.add(place.here.demo.users["linus"])
        await browser.sign_in()
        await other.sign_in("linus")
        tokens = [
            re.findall(r'name="token" value="(\w+)"', (await one.get("/console/sign-out")).text)[0]
            for one in (browser, other)
        ]
        assert tokens[0] != tokens[1]
        for data in ({}, {"token": "x"}, {"token": tokens[1]}):
            assert (await mine.post("/console/sign-out", data=data)).status_code == 403
        foreign = {"Sec-Fetch-Site": "cross-site"}
        assert (
            await mine.post("/console/sign-out", data={"token": tokens[0]}, headers=foreign)
        ).status_code == 403
        assert (await mine.post("/console/letters", data={"token": tokens[1]})).status_code == 403
        assert (await mine.post("/console/letters", data={"token": tokens[0]})).status_code == 303
        assert await browser.status() == 200


async def test_a_cookie_of_another_make_is_none(pool: Pool) -> None:
    async with town(pool) as place, place.browser().http as http:
        browser = Browser(place, http)
        secret = place.login.client_secret
        ada = Session(user_id=place.here.demo.users["ada"], name="Ada", id="x")
        until = place.house.clock.now().timestamp() + 60
        right = Signer(derived_key(secret, "console session"), "console session")
        others = (
            Signer(derived_key(Secret("another"), "console session"), "console session"),
            Signer(derived_key(secret, "console login"), "console session"),
            Signer(derived_key(secret, "console session"), "console login"),
        )
        forged = [other.sign(ada, until) for other in others]
        unsigned = right.sign(ada, until).rpartition(".")[0] + "."
        for cookie in (
            *forged,
            unsigned,
            "x",
            "x" * 5000,
            right.sign(ada, until - 61),
            right.sign({"id": 5}, until),
        ):
            http.cookies.set("alphapy_console", cookie)
            assert await browser.status() == 303, cookie[:40]
        http.cookies.set("alphapy_console", right.sign(ada, until))
        assert await browser.status() == 200


async def test_behind_https_cookies_are_for_this_host_and_https_alone(pool: Pool) -> None:
    away = {"redirect_uri": f"https://bot.example{CALLBACK}"}
    async with town(pool, login=away) as place, place.browser().http as http:
        cookie = (await http.get("/console/sign-in/discord")).headers["Set-Cookie"]
    assert cookie.startswith("__Host-alphapy_login=")
    assert all(flag in cookie for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Domain" not in cookie


async def test_the_callback_is_where_the_redirect_address_leads(pool: Pool) -> None:
    elsewhere = {"redirect_uri": "http://127.0.0.1:8000/console/back"}
    async with town(pool, login=elsewhere) as place, place.browser().http as http:
        assert (await http.get("/console/back")).status_code == 400
        assert (await http.get(CALLBACK)).status_code == 404


async def test_the_token_is_revoked_after_the_one_question(pool: Pool) -> None:
    async with town(pool) as place, place.browser().http as http:
        await Browser(place, http).sign_in()
        bearers = [record for record in place.here.sandbox.requests.records if record.path == "/users/@me"]
        assert [record.status for record in bearers] == [200]


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        ({"/oauth2/token": Reply(500, {})}, 503),
        ({"/oauth2/token": Reply(401, {"error": "invalid_client"})}, 503),
        ({"/oauth2/token": Reply(200, {"access_token": 5})}, 503),
        ({"/oauth2/token": Reply(200, b"<html>")}, 503),
        ({"/oauth2/token": Reply(200, [1])}, 503),
        ({"/oauth2/token": Fault.DROP}, 503),
        ({"/oauth2/token": Fault.HANG}, 503),
        ({"/oauth2/token": Reply(400, {"error": "invalid_grant"})}, 400),
        ({"/users/@me": Reply(401, {})}, 503),
        ({"/users/@me": Reply(200, {"id": "x"})}, 503),
        ({"/oauth2/token/revoke": Fault.DROP}, 303),
    ],
    ids=str,
)
async def test_a_discord_in_trouble(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, trouble: dict[str, Reply | Fault], status: int
) -> None:
    monkeypatch.setattr(discord_login, "WITHIN", 1.0)
    answers: dict[str, Reply | Fault] = {
        "/oauth2/token": Reply(200, {"access_token": "t"}),
        "/oauth2/token/revoke": Reply(200, {}),
        "/users/@me": Reply(200, {"id": "16", "username": "ada"}),
    }

    def answer(received: Received) -> Reply | Fault:
        return (answers | trouble)[received.path.removeprefix("/api/v10")]

    async with scripted_server(answer) as discord:
        login = DiscordLogin(
            client_id=1, client_secret=Secret("s"), redirect_uri=BACK, api_base=discord.base_url
        )
        async with (
            open_house(pool, security=Security(login=login)) as house,
            httpx.AsyncClient(base_url=house.base, trust_env=False, headers=PAGE) as http,
        ):
            address = (await http.get("/console/sign-in/discord")).headers["Location"]
            state = parse_qs(urlsplit(address).query)["state"][0]
            back = await http.get(CALLBACK, params={"code": "c", "state": state})
            assert back.status_code == status, back.text


def test_every_refusal_has_a_heading() -> None:
    refusals = (signin.EXPIRED, signin.DECLINED, signin.REFUSED, NOT_AN_OWNER, signin.DOWN)
    assert set(signin.TITLES) == set(refusals)
