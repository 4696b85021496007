"""Only the page itself may drive the sandbox: hosts, origins and the browser's own hints."""

from __future__ import annotations

import pytest

from alphapy.sandbox.page.guard import CONTENT_SECURITY_POLICY, objection

LOCAL = "127.0.0.1:8420"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8420", "localhost:8420", "LOCALHOST", "[::1]:8420", "[::1]"]
)
def test_this_machines_names_are_served(host: str) -> None:
    assert objection({"Host": host}) is None
    assert objection({"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8420",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "127.0.0.2",
        "::1",
        "x@localhost:1",
    ],
)
def test_a_foreign_name_is_refused(host: str) -> None:
    why = objection({"Host": host})
    assert why is not None
    assert "this machine only" in why


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://127.0.0.1:8420",
        "http://127.0.0.1:9999",
        "http://localhost:8420",
        "null",
        "",
    ],
)
def test_a_foreign_origin_is_refused(origin: str) -> None:
    why = objection({"Host": LOCAL, "Origin": origin})
    assert why is not None
    assert "its own page only" in why


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_website_fetches_is_refused_but_its_link_may_lead_here(site: str) -> None:
    headers = {"Host": LOCAL, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
    assert objection(headers) is not None
    assert objection(headers, navigation=True) is None
    assert objection({**headers, "Sec-Fetch-Mode": "no-cors"}, navigation=True) is not None


def test_the_policy_allows_no_inline_script_and_nothing_from_elsewhere() -> None:
    directives = dict(part.strip().split(" ", 1) for part in CONTENT_SECURITY_POLICY.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["require-trusted-types-for"] == "'script'"
    sources = {source for value in directives.values() for source in value.split()}
    assert sources == {"'none'", "'self'", "'script'"}
