"""The mark of a ledger: everything at or below it is done, and it never goes back."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from alphapy.pure.ledger import Ledger

HOLDERS = ("a", "b", "c")


def test_what_nobody_holds_is_done_at_once() -> None:
    ledger = Ledger(5)
    assert (ledger.mark, ledger.top, ledger.open) == (5, 5, 0)
    ledger.hand_on(6, ())
    ledger.hand_on(7, ())
    assert (ledger.mark, ledger.top) == (7, 7)


def test_the_oldest_open_number_holds_the_mark() -> None:
    ledger = Ledger()
    ledger.hand_on(1, ["a"])
    ledger.hand_on(2, ["a", "b"])
    ledger.hand_on(3, [])
    ledger.acknowledge(2, "a")
    ledger.acknowledge(1, "a")
    assert (ledger.mark, ledger.open) == (1, 1)
    ledger.acknowledge(2, "a")
    assert ledger.mark == 1, "the same holder again is not the other one"
    ledger.acknowledge(2, "b")
    assert ledger.mark == 3


def test_a_refused_number_is_open_until_it_comes_again() -> None:
    ledger = Ledger()
    ledger.hand_on(1, ["a"], refused=True)
    ledger.hand_on(2, ())
    ledger.acknowledge(1, "a")
    assert (ledger.mark, ledger.open) == (0, 1)
    ledger.hand_on(1, ["a", "b"])
    ledger.acknowledge(1, "b")
    assert ledger.mark == 0
    ledger.acknowledge(1, "a")
    assert ledger.mark == 2


def test_strange_acknowledgements_do_not_matter() -> None:
    ledger = Ledger(3)
    ledger.acknowledge(9, "a")
    ledger.acknowledge(2, "a")
    assert ledger.mark == 3


class LedgerMachine(RuleBasedStateMachine):
    """Against a model that keeps everything; numbers come in order, and again after a rewind."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.next = 1
        self.top = 0
        self.held: set[tuple[int, str]] = set()
        self.refused: set[int] = set()
        self.last_mark = 0

    @rule(holders=st.sets(st.sampled_from(HOLDERS)), refused=st.booleans())
    def hand_on(self, holders: set[str], refused: bool) -> None:
        seq = self.next
        self.next += 1
        if seq > self.last_mark:
            self.top = max(self.top, seq)
            self.refused.discard(seq)
            self.held |= {(seq, holder) for holder in holders}
            if refused:
                self.refused.add(seq)
        self.ledger.hand_on(seq, holders, refused=refused)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        seq, holder = data.draw(st.sampled_from(sorted(self.held)))
        self.held.discard((seq, holder))
        self.ledger.acknowledge(seq, holder)

    @rule()
    def rewind(self) -> None:
        self.next = self.ledger.mark + 1

    @invariant()
    def mark_is_right(self) -> None:
        undone = {seq for seq, _ in self.held} | self.refused
        assert self.ledger.open == len(undone)
        expected = min(undone) - 1 if undone else self.top
        assert self.ledger.mark == expected >= self.last_mark
        assert self.ledger.mark < min(undone, default=self.top + 1)
        self.last_mark = self.ledger.mark


TestLedger = LedgerMachine.TestCase
