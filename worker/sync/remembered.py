"""What a shop answered in former syncs, by what it was asked for: remembered while the mirror holds all of it."""

import hashlib
import hmac
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from worker import __version__
from worker.domain.model import ProductReading
from worker.domain.offer import next_change
from worker.shop.source import Answered, Request
from worker.store import validators
from worker.sync.work import Work


@dataclass(slots=True)
class Remembered:
    """The answers of one run's shop."""

    work: Work
    _asked: set[str] = field(default_factory=set)

    def recall(self, request: Request) -> str | None:
        """The entity tag to ask with (worker.shop.source.Recall)."""
        name = self._name(request)
        self._asked.add(name)
        with self.work.store.read() as session:
            return validators.recall(session, self.work.name, name, request.product_ids, request.view, self.work.now)

    def keep(self, session: Session, answered: Answered) -> None:
        """Remember an answer that was stored just now, in this very transaction."""
        request, now = answered.request, self.work.now
        if request is None or answered.etag is None:
            return
        readings = [item for item in answered.items if isinstance(item, ProductReading)]
        moments = (next_change(reading.prices, reading.view.currency, now) for reading in readings)
        validators.keep(
            session,
            self.work.name,
            self._name(request),
            request.product_ids,
            request.view,
            etag=answered.etag,
            now=now,
            until=min((moment for moment in moments if moment is not None), default=None),
        )

    def forget_others(self) -> None:
        """All products were read: what was not asked for in this run is not asked for any more."""
        with self.work.writing() as session:
            validators.forget_others(session, self.work.name, self._asked)

    def _name(self, request: Request) -> str:
        """What was asked for, by whom, and the settings that make a reading of the answer; keyed, for a login is a secret."""
        shop = self.work.shop
        judged_by = (__version__, sorted(shop.stock_types), shop.timezone, shop.media_url)
        whole = (judged_by, request.url, request.login, request.product_ids, request.view)
        return hmac.new(self.work.key, repr(whole).encode(), hashlib.sha256).hexdigest()
