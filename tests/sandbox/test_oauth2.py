"""OAuth2 over real sockets: the page that asks, codes, tokens, PKCE, and how tokens end."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from alphapy.sandbox.oauth2 import grants
from alphapy.sandbox.oauth2.grants import BadGrant, Consent, Grants, client_secret
from alphapy.sandbox.tuning import Tuning
from tests.sandbox.clients import JSON, Running, running

if TYPE_CHECKING:
    from collections.abc import Mapping

UNLIMITED = Tuning(rate_limits=False, identify_window=0)
BACK = "http://127.0.0.1:8000/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Client:
    """An application's website, and a browser."""

    def __init__(self, here: Running, http: httpx.AsyncClient) -> None:
        self.here = here
        self.http = http
        self.application_id = str(here.demo.application_id)
        self.secret = client_secret(here.demo.application_id)

    def wanted(self, **changes: str | None) -> dict[str, str]:
        asked: dict[str, str | None] = {
            "client_id": self.application_id,
            "redirect_uri": BACK,
            "response_type": "code",
            "scope": "identify",
            "state": "s t&te",
        }
        return {name: value for name, value in (asked | changes).items() if value is not None}

    async def pick(self, username: str | None, **changes: str | None) -> httpx.Response:
        """Answer the page; nobody is Cancel."""
        user_id = "" if username is None else str(self.here.demo.users[username])
        origin = str(self.http.base_url).rstrip("/")
        return await self.http.post(
            "/oauth2/authorize",
            data=self.wanted(**changes) | {"user_id": user_id},
            headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"},
        )

    async def code(self, username: str = "ada", **changes: str | None) -> str:
        return parse_qs(urlsplit((await self.pick(username, **changes)).headers["Location"]).query)["code"][0]

    async def token(self, form: Mapping[str, str], *, basic: bool = False, **changes: str) -> httpx.Response:
        client = {"client_id": self.application_id, "client_secret": self.secret}
        auth = (self.application_id, self.secret) if basic else None
        filled = ({} if basic else client) | dict(form) | changes
        if auth is None:
            return await self.http.post("/api/v10/oauth2/token", data=filled)
        return await self.http.post("/api/oauth2/token", data=filled, auth=auth)

    async def exchange(self, code: str, /, **changes: str) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
        return await self.token(form | changes)

    async def tokens(self, username: str = "ada", **changes: str | None) -> JSON:
        answer = await self.exchange(await self.code(username, **changes))
        assert answer.status_code == 200, answer.text
        found: JSON = answer.json()
        return found

    async def revoke(self, token: str) -> httpx.Response:
        form = {"token": token, "client_id": self.application_id, "client_secret": self.secret}
        return await self.http.post("/api/oauth2/token/revoke", data=form)

    async def me(self, token: str, path: str = "/users/@me") -> httpx.Response:
        return await self.http.get(f"/api/v10{path}", headers={"Authorization": f"Bearer {token}"})


def client_of(here: Running) -> Client:
    return Client(here, httpx.AsyncClient(base_url=here.sandbox.page_url, trust_env=False))


async def test_from_the_question_to_the_name() -> None:
    async with running(UNLIMITED) as here, client_of(here).http as http:
        client = Client(here, http)
        page = await http.get("/oauth2/authorize", params=client.wanted())
        assert page.status_code == 200
        assert "Alphapy asks who you are" in page.text
        assert re.findall(r'<button name="user_id".*?>(\w+)</button>', page.text)[:2] == ["Ada", "Linus"]
        assert "form-action 'self' http://127.0.0.1:8000" in page.headers["Content-Security-Policy"]
        assert (await http.get("/oauth2/authorize.css")).headers["Content-Type"].startswith("text/css")
        answer = await client.pick("ada")
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith(BACK + "?")
        assert parse_qs(urlsplit(answer.headers["Location"]).query)["state"] == ["s t&te"]
        tokens = await client.tokens()
        assert (tokens["token_type"], tokens["scope"], tokens["expires_in"]) == (
            "Bearer",
            "identify",
            604_800,
        )
        me = (await client.me(tokens["access_token"])).json()
        assert (me["id"], me["username"]) == (str(here.demo.users["ada"]), "ada")
        assert (await client.me(tokens["access_token"], "/users/@me/guilds")).status_code == 401
        assert (await client.me(tokens["access_token"], "/gateway/bot")).status_code == 401
        assert (await client.me("made-up")).status_code == 401


async def test_guilds_may_be_asked_for() -> None:
    async with running(UNLIMITED) as here, client_of(here).http as http:
        client = Client(here, http)
        tokens = await client.tokens("margaret", scope="identify guilds")
        guilds = (await client.me(tokens["access_token"], "/users/@me/guilds")).json()
        assert [(guild["name"], guild["owner"]) for guild in guilds] == [("Lighthouse", False)]


async def test_somebody_may_refuse() -> None:
    async with running(UNLIMITED) as here, client_of(here).http as http:
        query = parse_qs(urlsplit((await Client(here, http).pick(None)).headers["Location"]).query)
        assert query["error"] == ["access_denied"]
        assert query["state"] == ["s t&te"]


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "1"},
        {"client_id": "x"},
        {"client_id": None},
        {"redirect_uri": "https://evil.test/callback"},
        {"redirect_uri": "http://127.0.0.1@evil.test/"},
        {"redirect_uri": "http://u@127.0.0.1/"},
        {"redirect_uri": "http://127.0.0.1/#x"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "http://[::1"},
        {"redirect_uri": None},
        {"response_type": "token"},
        {"scope": None},
        {"scope": "identify bot"},
        {"state": "s" * 2001},
        {"code_challenge": CHALLENGE},
        {"code_challenge": CHALLENGE, "code_challenge_method": "plain"},
        {"code_challenge": "short", "code_challenge_method": "S256"},
    ],
)
async def test_a_question_that_makes_no_sense(changes: dict[str, str | None]) -> None:
    async with running(UNLIMITED) as here, client_of(here).http as http:
        client = Client(here, http)
        page = await http.get("/oauth2/authorize", params=client.wanted(**changes))
        assert (page.status_code, "This cannot be authorized" in page.text) == (400, True)
        assert (await client.pick("ada", **changes)).status_code == 400


async def test_other_websites_cannot_answer_for_somebody() -> None:
    async with running(UNLIMITED) as here, client_of(here).http as http:
        client = Client(here, http)
        form = client.wanted() | {"user_id": str(here.demo.users["ada"])}
        for headers in (
            {"Origin": "http://evil.test"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Host": "evil.test"},
        ):
            assert (await http.post("/oauth2/authorize", data=form, headers=headers)).status_code == 403
        assert (await http.get("/oauth2/authorize", headers={"Host": "evil.test"})).status_code == 403
        assert (await http.post("/oauth2/authorize", data=form | {"user_id": "1"})).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "made-up"}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:8000/other"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "1"}, "invalid_client"),
        ({"client_id": "x"}, "invalid_client"),
    ],
)
async def test_what_the_token_endpoint_refuses(changes: dict[str, str], error: str) -> None:
    async with running(UNLIMITED) as here, client_of(here).http as http:
        client = Client(here, http)
        answer = await client.exchange(await client.code(), **changes)
        assert (answer.status_code, answer.json()["error"]) == (
            401 if error == "invalid_client" else 400,
            error,
        )


async def test_it_takes_forms_only_and_basic_authentication_too() -> None:
    async with running(UNLIMITED) as here, client_of(here).http as http:
        client = Client(here, http)
        form = {"grant_type": "authorization_code", "code": await client.code(), "redirect_uri": BACK}
        as_json = await http.post("/api/oauth2/token", json=form)
        assert (as_json.status_code, as_json.json()["error"]) == (400, "invalid_request")
        garbled = {"Authorization": "Basic !", "Content-Type": "application/x-www-form-urlencoded"}
        assert (await http.post("/api/oauth2/token", headers=garbled)).status_code == 401
        assert (await client.token(form, basic=True)).status_code == 200


async def test_a_code_is_good_once_and_a_refresh_token_too() -> None:
    async with running(UNLIMITED) as here, client_of(here).http as http:
        client = Client(here, http)
        code = await client.code()
        first = (await client.exchange(code)).json()
        assert (await client.exchange(code)).json()["error"] == "invalid_grant"
        refresh: dict[str, Any] = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = (await client.token(refresh)).json()
        assert (await client.token(refresh)).json()["error"] == "invalid_grant"
        assert (await client.me(first["access_token"])).status_code == 401
        assert (await client.me(second["access_token"])).status_code == 200


async def test_a_challenge_asks_for_its_verifier() -> None:
    async with running(UNLIMITED) as here, client_of(here).http as http:
        client = Client(here, http)
        pkce = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
        for verifier, status in (
            ({}, 400),
            ({"code_verifier": "w" * 43}, 400),
            ({"code_verifier": VERIFIER}, 200),
        ):
            assert (await client.exchange(await client.code(**pkce), **verifier)).status_code == status


async def test_revoking_one_token_ends_all_of_that_person() -> None:
    async with running(UNLIMITED) as here, client_of(here).http as http:
        client = Client(here, http)
        first, second, other = await client.tokens(), await client.tokens(), await client.tokens("linus")
        assert (await client.revoke("made-up")).json() == {}
        assert (await client.revoke("")).status_code == 400
        assert (await client.revoke(first["refresh_token"])).status_code == 200
        found = [(await client.me(tokens["access_token"])).status_code for tokens in (first, second, other)]
        assert found == [401, 401, 200]


def test_codes_and_tokens_end() -> None:
    held = Grants()
    consent = Consent(application_id=1, user_id=2, scopes=("identify",), redirect_uri=BACK)
    late = held.agree(consent, now=0.0)
    with pytest.raises(BadGrant):
        held.exchange(late, application_id=1, redirect_uri=BACK, verifier=None, now=grants.CODE_LIVES)
    code = held.agree(consent, now=0.0)
    with pytest.raises(BadGrant):
        held.exchange(code, application_id=9, redirect_uri=BACK, verifier=None, now=1.0)
    code = held.agree(consent, now=0.0)
    grant = held.exchange(code, application_id=1, redirect_uri=BACK, verifier=None, now=1.0)
    assert held.by_access(grant.access, 1.0 + grants.TOKEN_LIVES - 1) == grant
    assert held.by_access(grant.access, 1.0 + grants.TOKEN_LIVES) is None
    codes = [held.agree(consent, now=0.0) for _ in range(grants.MOST + 1)]
    with pytest.raises(BadGrant):
        held.exchange(codes[0], application_id=1, redirect_uri=BACK, verifier=None, now=0.0)
    held.exchange(codes[1], application_id=1, redirect_uri=BACK, verifier=None, now=0.0)
