"""Several dispatchers over one outbox, step by step, in any order, with crashes between any two commits.

The steps are the real transactions of `worker.dispatch.desk`. A crash throws a dispatcher away; one that merely slept
comes back with tokens that may be worth nothing by then.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import delete
from sqlalchemy.orm import Session

from tests.dispatch import outbox_watch as watch
from tests.dispatch.dispatching import KEY, SOURCE, START, Dispatching, make_settings
from worker import outbox_change
from worker.dispatch.desk import Desk
from worker.dispatch.replies import Kind, Phase, Verdict, of_error, of_reply
from worker.dispatch.route import PAUSED, Closure, Fault
from worker.errors import MailStateError
from worker.store import tables

MOST_MAILS = 4


@dataclass
class Hand:
    """A mail in a dispatcher's hands, and how far they are: claimed, permitted, submitting, answered."""

    mail: tables.Mail
    at: str = "claimed"
    verdict: Verdict | None = None


def _reply(phase: Phase, code: int, text: str = "") -> Verdict:
    verdict = of_reply(phase, code, text)
    assert verdict is not None
    return verdict


def _silence(phase: Phase) -> Verdict:
    verdict = of_error(phase, ConnectionResetError())
    assert verdict is not None
    return verdict


BEFORE_THE_BODY = (
    _reply(Phase.RCPT, 450),
    _reply(Phase.RCPT, 550, "5.1.1 who?"),
    _reply(Phase.MAIL, 552),
    _reply(Phase.MAIL, 550),
    _silence(Phase.RCPT),
)
ACCEPTED = (True, _reply(Phase.BODY, 250))
AFTER_THE_BODY = (
    ACCEPTED,
    (True, _silence(Phase.BODY)),
    (False, _silence(Phase.BODY)),
    (False, _reply(Phase.BODY, 451)),
    (False, _reply(Phase.BODY, 554)),
)
"""Whether the relay has the mail then, and what we hear of it."""


@dataclass(frozen=True)
class Luck:
    """How one step goes: what is found just before sending, what the relay says before the body, and after it."""

    found: str
    refusal: Verdict | None
    end: tuple[bool, Verdict]


WELL = Luck("same", None, ACCEPTED)
lucks = st.builds(
    Luck,
    found=st.sampled_from(["same"] * 9 + ["gone", "changed", "not now"]),
    refusal=st.sampled_from([None] * 20 + [*BEFORE_THE_BODY]),
    end=st.sampled_from([ACCEPTED] * 3 + [*AFTER_THE_BODY]),
)


class Traffic(RuleBasedStateMachine):
    """Three dispatchers, a relay that remembers what it took, and clocks that are set."""

    whos = st.integers(0, 2)
    shifts = st.lists(st.tuples(st.integers(0, 1), lucks), min_size=1, max_size=10)

    def __init__(self, store: watch.ClockedStore, *, resend: bool) -> None:
        super().__init__()
        self.store = store
        store.moment = START
        with store.begin() as session:
            for table in reversed(tables.Base.metadata.sorted_tables):
                session.execute(table.delete())
        self.play = Dispatching(store, make_settings(1, "" if resend else 'ambiguous = "hold"'), recheck=self._find)
        self.watch = watch.OutboxWatch(store, resend=resend)
        self.found = "same"
        self.desks = [self._new_desk() for _ in range(3)]
        self.hands: list[list[Hand]] = [[], [], []]

    @initialize(number=st.integers(1, 2))
    def there_are_mails(self, number: int) -> None:
        for _ in range(number):
            self.compose("ann@mail.test", 48)

    @precondition(lambda self: len(self.watch.rows) < MOST_MAILS)
    @rule(recipient=st.sampled_from(["ann@mail.test", "bob@other.test"]), hours=st.sampled_from([48, 48, 1]))
    def compose(self, recipient: str, hours: int) -> None:
        self.play.add(recipient, expires_at=self.play.now + timedelta(hours=hours))
        self.watch.added()

    @rule(
        seconds=st.sampled_from([400, 400, 61, 20, 7200]),
        astray=st.sampled_from([0, 0, 0, -3600, -60, 60, 18_000]),
        noticed=st.booleans(),
    )
    def time_passes(self, seconds: int, astray: int, noticed: bool) -> None:
        """Leases live by another clock than the one that mails are scheduled by, which may be set meanwhile."""
        self.store.moment += timedelta(seconds=seconds)
        self.play.now += timedelta(seconds=seconds + astray)
        if noticed:
            self.desks[0].tidy()
            self.watch.all(watch.TIDIED)

    @rule(stale=st.booleans(), paused=st.booleans(), who=whos, probing=st.booleans())
    def something_is_in_the_way(self, stale: bool, paused: bool, who: int, probing: bool) -> None:
        self._read_shop(timedelta(days=-30 if stale else 30))
        self._pause(paused)
        before = len(self.hands[who])
        self._claim(who, 3, probing=probing)
        assert len(self.hands[who]) == before or not (stale or paused)
        self._all_clear()

    @rule(steps=shifts)
    def one_works(self, steps: list[tuple[int, Luck]]) -> None:
        self._work(0, steps)

    @rule(steps=shifts)
    def another_works(self, steps: list[tuple[int, Luck]]) -> None:
        self._work(1, steps)

    @rule(steps=shifts)
    def a_third_one_works(self, steps: list[tuple[int, Luck]]) -> None:
        self._work(2, steps)

    @rule(what=st.sampled_from(["retry", "hold", "release", "release", "cancel"]), pick=st.integers(0, MOST_MAILS))
    def the_operator_intervenes(self, what: str, pick: int) -> None:
        mail_id = sorted(self.watch.rows)[pick % len(self.watch.rows)]
        act = {
            "retry": partial(outbox_change.retry, key=KEY),
            "hold": outbox_change.hold,
            "release": outbox_change.release,
            "cancel": outbox_change.cancel,
        }
        with suppress(MailStateError), self.store.begin() as session:
            act[what](session, mail_id, now=self.play.now)
        self.watch.operator(mail_id, what)

    @rule(who=whos, other=st.integers(1, 2), far=st.integers(1, 4), farther=st.integers(1, 5), luck=lucks)
    def one_is_overtaken(self, who: int, other: int, far: int, farther: int, luck: Luck) -> None:
        """It sleeps past its lease, somewhere on its way, another one takes over, and it wakes up."""
        self._work(who, [(0, WELL)] * far)
        self.time_passes(400, 0, noticed=False)
        self._work((who + other) % 3, [(0, WELL)] * farther)
        self._work(who, [(0, luck)] * 3)

    @rule(who=whos, how=st.sampled_from(["crashes", "is told to stop", "stumbles"]))
    def one_ends(self, who: int, how: str) -> None:
        mails = [hand.mail for hand in self.hands[who]]
        if how == "stumbles" and mails:  # something raised while it worked on this one
            first = mails.pop(0)
            self.watch.one(first, lambda: self.desks[who].put_aside(first), watch.PUT_BACK)
        if how != "crashes":
            self.desks[who].hand_back(mails)
            self.watch.some(mails, watch.PUT_BACK)
        self.desks[who] = self._new_desk()
        self.hands[who].clear()

    @invariant()
    def all_is_well(self) -> None:
        self.watch.check()

    def teardown(self) -> None:
        """In the end, when nothing is in the way any more, every mail ends."""
        self.one_ends(0, "crashes")
        self._all_clear()
        for _ in range(2):
            self.time_passes(3600, 0, noticed=True)
            self.play.now = max(row["next_attempt_at"] for row in self.watch.rows.values())
            self._claim(0, MOST_MAILS, probing=True)
            while self.hands[0]:
                self._step(0, 0, WELL)
        self.watch.check()
        assert self.watch.is_over()

    def _work(self, who: int, steps: list[tuple[int, Luck]]) -> None:
        for pick, luck in steps:
            self._step(who, pick, luck)
            self.watch.check()

    def _step(self, who: int, pick: int, luck: Luck) -> None:
        """The next transaction of a dispatcher."""
        hands, desk = self.hands[who], self.desks[who]
        if not hands:
            self._claim(who, 1 + pick, probing=False)
            return
        hand = hands[pick % len(hands)]
        match hand.at:
            case "claimed":
                self.found, mine = luck.found, self.watch.may_submit(hand.mail)
                ended = self.watch.one(hand.mail, lambda: desk.permit([hand.mail])[0], watch.LOOKED_AT)
                assert (ended != "lost") == mine
                hand.at = "permitted"
                if ended is not None:
                    hands.remove(hand)
            case "permitted" if luck.refusal is not None:
                hand.at, hand.verdict = "answered", luck.refusal
            case "permitted":
                self._mark_submitting(who)
            case "submitting":
                has_it, hand.verdict = luck.end
                hand.at = "answered"
                if has_it:
                    self.watch.taken.setdefault(hand.mail.id, []).append(hand.mail.message)
            case "answered":
                hands.remove(hand)
                self.watch.one(hand.mail, lambda: _settle(desk, hand), watch.SETTLED)

    def _claim(self, who: int, limit: int, *, probing: bool) -> None:
        _, mails = self.desks[who].claim(limit, probing)
        self.hands[who] += map(Hand, mails)
        self.watch.all(watch.CLAIMED)

    def _mark_submitting(self, who: int) -> None:
        ready = [hand for hand in self.hands[who] if hand.at == "permitted"]
        mails = [hand.mail for hand in ready]
        entitled = [self.watch.may_submit(mail) for mail in mails]
        assert self.desks[who].write([(mail, None) for mail in mails]) == entitled
        self.watch.some(mails, watch.SUBMITTED)
        for hand, mine in zip(ready, entitled, strict=True):
            hand.at = "submitting"
            if not mine:
                self.hands[who].remove(hand)

    def _read_shop(self, age: timedelta) -> None:
        with self.store.begin() as session:
            session.get_one(tables.SourceState, SOURCE).last_good_sync_at = self.play.now + age

    def _pause(self, on: bool) -> None:
        if on:
            self.play.switch(PAUSED)
            return
        with self.store.begin() as session:
            session.execute(delete(tables.Switch).where(tables.Switch.name == PAUSED))

    def _all_clear(self) -> None:
        self._read_shop(timedelta(days=30))
        self._pause(False)

    def _new_desk(self) -> Desk:
        return Desk(self.store, self.play.settings, lambda: self.play.now, self.play.recheck_all, KEY)

    def _find(self, _session: Session, mail: tables.Mail, now: datetime) -> str | None:
        """What `freshness.recheck` does in each case."""
        if self.found == "same":
            return None
        if self.found != "not now":
            in_doubt = mail.ambiguous_attempts > 0
            mail.state = "held" if in_doubt else {"gone": "cancelled", "changed": "superseded"}[self.found]
            mail.settled_at, mail.lease_token, mail.lease_until = now, None, None
        return self.found


def _settle(desk: Desk, hand: Hand) -> None:
    """As the judge does it."""
    verdict = hand.verdict
    assert verdict is not None
    match verdict.kind:
        case Kind.SENT:
            desk.write([(hand.mail, verdict)])
        case Kind.TRANSIENT:
            desk.retried(hand.mail, verdict)
        case Kind.AMBIGUOUS:
            desk.ambiguous(hand.mail, verdict)
        case Kind.UNSENT_TRANSIENT:
            desk.put_off(hand.mail, verdict.reason)
        case Kind.ROUTE_PAUSED:
            desk.close_route(Closure(Fault.CONFIGURATION, verdict.reason), [(hand.mail, verdict)])
        case Kind.PERMANENT | Kind.ADDRESS_REJECTED:
            desk.failed(hand.mail, verdict)
