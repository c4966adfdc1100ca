"""Whatever dispatchers, crashes and operators do to mails, in any order: the guarantee's sum holds for each of them."""

from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from tests.dispatch.dispatching import KEY, SOURCE, Dispatching
from tests.dispatch.processes import let_leases_run_out
from worker import outbox_change
from worker.errors import MailStateError
from worker.store import outbox

LEASE = timedelta(hours=1)
ENDS = ("no body", "no end yet", "no reply", "no reply", "refused", "refused", "refused for now", "sent")
COMMANDS = ("retry", "hold", "release", "cancel")
FINAL = {"sent", "cancelled"}


class Outbox:
    """Two mails at a time. The relay is as bad as can be: what is ambiguous it has taken."""

    def __init__(self, play: Dispatching, seed: int) -> None:
        self.play = play
        self.rng = Random(seed)  # noqa: S311 - plays histories, protects nothing
        self.taken: Counter[int] = Counter()
        """How often the relay took each mail."""
        self.done: Counter[tuple[str, bool]] = Counter()
        """Commands that were carried out, by whether the mail was in doubt."""
        self.ended: dict[int, str] = {}
        self.before: dict[int, bytes] = {}
        self.claims = 0

    def step(self) -> None:
        """Something happens to one of the mails."""
        while len(self.before) - len(self.ended) < 2:
            mail_id = self.play.add()
            self.before[mail_id] = self.play.mail(mail_id).message
        number = self.rng.choice(self._newest())
        what = self.rng.choices(
            (self.attempt, self.late_answer, self.leases_run_out, self.time_passes, self.command), (6, 1, 1, 1, 6)
        )[0]
        what(number)
        self.check()

    def attempt(self, number: int) -> None:
        """A dispatcher comes as far as `end`."""
        self.claims += 1
        token, end = f"claim {self.claims}", self.rng.choice(ENDS)
        if not self._claim(token, number) or end == "no body":
            return
        with self.play.store.begin() as session:
            marked = outbox.mark_submitting(
                session, [(number, token)], lease_now=self.play.store.lease_now(session), lease=LEASE
            )
        assert marked == {number}
        self.taken[number] += 1
        self._answer(number, token, end)

    def late_answer(self, number: int) -> None:
        """Of a dispatcher that was slow."""
        mail = self.play.mail(number)
        if mail.state == "submitting":
            self._answer(number, str(mail.lease_token), self.rng.choice(ENDS))

    def leases_run_out(self, _number: int) -> None:
        """Their dispatchers died."""
        let_leases_run_out(self.play.store)
        resend = self.rng.random() < 0.7
        with self.play.store.begin() as session:
            outbox.reap(session, now=self.play.now, lease_now=self.play.store.lease_now(session), resend=resend)

    def time_passes(self, _number: int) -> None:
        """An hour, or more than the retry window."""
        self.play.later(hours=self.rng.choice([1, 1, 1, 50]))
        with self.play.store.begin() as session:
            outbox.expire(session, self.play.now)

    def command(self, number: int) -> None:
        """An operator wants something."""
        command = self.rng.choices(COMMANDS, (4, 3, 3, 2))[0]
        key = {"key": KEY} if command == "retry" else {}
        before = self.play.mail(number)
        try:
            with self.play.store.begin() as session:
                getattr(outbox_change, command)(session, number, now=self.play.now, **key)
        except MailStateError:
            assert self.play.mail(number).state == before.state
            return
        after = self.play.mail(number)
        self.done[command, after.ambiguous_attempts > 0] += 1
        assert before.state not in {"leased", "submitting", "sent"}
        assert after.releases == before.releases + (command == "release")
        if command == "retry":
            assert before.state == "pending" or not before.ambiguous_attempts

    def check(self) -> None:
        """What must always be so."""
        for number in self._newest():
            mail = self.play.mail(number)
            copies = self.taken[number] - (mail.state == "submitting")
            assert copies <= mail.ambiguous_attempts + (mail.state == "sent")
            assert max(0, copies - 1) <= mail.ambiguous_attempts + mail.releases
            assert mail.state != "sent" or copies >= 1
            assert mail.ambiguous_attempts <= 2 + mail.releases
            assert mail.message == self.before[number]
            assert (mail.lease_token is None) == (mail.state not in {"leased", "submitting"})
            assert self.ended.get(number, mail.state) == mail.state
            if mail.state in FINAL:
                self.ended[number] = mail.state

    def _newest(self) -> list[int]:
        return list(self.before)[-4:]

    def _claim(self, token: str, number: int) -> bool:
        """Claims come in the order of what is due; the others are handed back."""
        with self.play.store.begin() as session:
            claimed = outbox.claim(
                session,
                token=token,
                limit=10,
                sources={SOURCE},
                now=self.play.now,
                lease_now=self.play.store.lease_now(session),
                lease=LEASE,
            )
            for mail in claimed:
                if mail.id != number:
                    outbox.release(session, mail.id, token)
        return number in {mail.id for mail in claimed}

    def _answer(self, number: int, token: str, end: str) -> None:
        now = self.play.now
        with self.play.store.begin() as session:
            if end == "sent":
                outbox.settle_sent(session, [(number, token)], now=now, reason="body_250", code=250)
            elif end == "no reply":
                outbox.settle_ambiguous(
                    session, number, token, resend=True, now=now, next_attempt_at=now, reason="body_closed"
                )
            elif end == "refused":
                outbox.settle(session, number, token, "failed", now=now, reason="body_554", code=554)
            elif end == "refused for now":
                outbox.settle_retry(session, number, token, next_attempt_at=now, reason="body_451", code=451)
        self.taken[number] -= end.startswith("refused")


@pytest.mark.parametrize(
    ("seed", "steps"),
    [(1, 500), pytest.param(2, 6_000, marks=pytest.mark.long)],
)
def test_no_history_of_crashes_and_commands_sends_a_mail_twice_uncounted(
    lite: Dispatching, seed: int, steps: int
) -> None:
    outbox = Outbox(lite, seed)
    for _ in range(steps):
        outbox.step()
    assert set(outbox.done) == {(command, doubt) for command in COMMANDS for doubt in (False, True)}
