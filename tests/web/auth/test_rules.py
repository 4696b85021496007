"""Every combination of what can be known of a caller, against the words of the specification."""

from __future__ import annotations

from itertools import product

import pytest

from alphapy.web.auth.caller import Access
from alphapy.web.auth.rules import ADMITTED, Evidence, Key, Named, Token, Verdict, decide, needs_token

DECIDED = [access for access in Access if access not in {Access.HOOK, Access.OPERATOR, Access.CONSOLE}]
EVERYTHING = [
    Evidence(key=key, token=token, named=named, development=development)
    for key, token, named, development in product(Key, Token, Named, (False, True))
]

CELLS = list(product(DECIDED, EVERYTHING))


def judged(access: Access, key: Key, token: Token, named: Named = Named.ABSENT) -> Verdict:
    return decide(access, Evidence(key=key, token=token, named=named, development=False))


@pytest.mark.parametrize("access", [Access.HOOK, Access.OPERATOR, Access.CONSOLE])
def test_other_classes_are_not_decided_here(access: Access) -> None:
    with pytest.raises(ValueError, match=access.value):
        judged(access, Key.RIGHT, Token.VALID)


def test_open_is_open_and_key_goes_by_the_key_alone() -> None:
    for known in EVERYTHING:
        assert decide(Access.OPEN, known) is Verdict.ANYBODY
        expected = {Key.NOT_CONFIGURED: Verdict.KEY_NOT_CONFIGURED, Key.RIGHT: Verdict.SERVICE}
        assert decide(Access.KEY, known) is expected.get(known.key, Verdict.UNAUTHORIZED)


def test_base_takes_either_and_everybody_in_development() -> None:
    for known in EVERYTHING:
        verdict = decide(Access.BASE, known)
        if known.key is Key.RIGHT:
            assert verdict is Verdict.SERVICE
        elif known.token is Token.VALID:
            assert verdict is Verdict.SUBJECT
        elif known.development:
            assert verdict is Verdict.ANYBODY
        else:
            unverifiable = known.token is Token.UNVERIFIABLE
            assert verdict is (Verdict.AUTH_UNAVAILABLE if unverifiable else Verdict.UNAUTHORIZED)


def test_the_key_never_stands_in_for_a_token() -> None:
    for known in EVERYTHING:
        expected = {Token.VALID: Verdict.SUBJECT, Token.UNVERIFIABLE: Verdict.AUTH_UNAVAILABLE}
        assert decide(Access.USER, known) is expected.get(known.token, Verdict.UNAUTHORIZED)
        linked = decide(Access.LINK, known)
        assert linked is (Verdict.LINKED if known.token is Token.VALID else decide(Access.USER, known))


def test_a_named_admin_needs_the_key_and_wins_over_a_token() -> None:
    for known in EVERYTHING:
        if known.named is Named.ABSENT:
            assert decide(Access.GUILD, known) is decide(Access.LINK, known)
            expected = Verdict.DISCORD_ID_MISSING
        else:
            assert decide(Access.GUILD, known) is decide(Access.DADMIN, known)
            expected = Verdict.NAMED if known.named is Named.GIVEN else Verdict.BAD_DISCORD_ID
        assert decide(Access.DADMIN, known) is (expected if known.key is Key.RIGHT else Verdict.UNAUTHORIZED)


def test_what_is_not_looked_at_does_not_matter() -> None:
    """A token is verified exactly where the verdict depends on it."""
    for access, known in CELLS:
        verdicts = {
            decide(
                access, Evidence(key=known.key, token=token, named=known.named, development=known.development)
            )
            for token in Token
        }
        assert needs_token(access, known.key, known.named) == (len(verdicts) > 1)


def test_better_evidence_never_locks_anybody_out() -> None:
    for access, known in CELLS:
        if decide(access, known) in ADMITTED:
            better = Evidence(
                key=Key.RIGHT, token=Token.VALID, named=known.named, development=known.development
            )
            assert decide(access, better) in ADMITTED


def test_without_proof_nobody_gets_in_but_where_everybody_does() -> None:
    for access, known in CELLS:
        proofless = known.key is not Key.RIGHT and known.token is not Token.VALID
        if proofless and access is not Access.OPEN and not (access is Access.BASE and known.development):
            assert decide(access, known) not in ADMITTED
