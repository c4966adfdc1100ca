"""The one place where settings become running parts. Tasks and commands call the same functions here."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from worker.compose import ComposeCounts, compose
from worker.configuration import database_url, hash_key, require_sender
from worker.dispatch.counts import Counts
from worker.dispatch.stage import run as send
from worker.errors import DatabaseError, NotFoundError
from worker.freshness import recheck
from worker.mail.render import Renderer
from worker.progress import Progress, silent
from worker.scan import rehearse, scan
from worker.scan_counts import ScanCounts
from worker.settings import Settings, Shop
from worker.shop.admin_json import AdminJsonSource
from worker.shop.frontend import FrontendSource
from worker.shop.graphql import GraphqlSource
from worker.shop.source import Source
from worker.store import schema, tables
from worker.store.runs import record_run
from worker.store.session import Store, reason
from worker.store.steady import steady
from worker.sync import SyncCounts, sync
from worker.tidy import TidyCounts, tidy
from worker.tidy import rehearse as rehearse_tidy

P = ParamSpec("P")
T = TypeVar("T")

Clock = Callable[[], datetime]

_INTERFACES: dict[str, Callable[[str, Shop], Source]] = {
    "jsonapi": FrontendSource,
    "jsonadm": AdminJsonSource,
    "graphql": GraphqlSource,
}

_STAGE_WAITS = (0.5, 5.0)
"""Seconds before a stage that the database broke off is run again; later the next beat does that."""


def _stage(work: "Callable[Concatenate[Installation, P], T]") -> "Callable[Concatenate[Installation, P], T]":
    """A stage: run again where the database broke it off, which harms none of them. Other troubles raise DatabaseError."""
    persistent = steady(work, _STAGE_WAITS)

    @wraps(work)
    def wrapper(parts: "Installation", /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return persistent(parts, *args, **kwargs)
        except OperationalError as problem:
            raise DatabaseError(
                f"{parts.store.place}: {reason(problem)}. Nothing is lost: once that is mended, the next run takes up the work"
            ) from problem

    return wrapper


class Installation:
    """Watchpost as the settings describe it. Makes its parts when they are first needed; `close` gives them back."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def store(self) -> Store:
        """The database, checked to be of this program's version. Raises SchemaError."""
        store = Store(database_url(self.settings), echo=self.settings.database.echo)
        try:
            schema.check(store)
        except BaseException:
            store.dispose()
            raise
        return store

    @cached_property
    def renderer(self) -> Renderer:
        """The mail templates, checked. Raises TemplateError."""
        folder = self.settings.mail.template_dir
        renderer = Renderer(Path(folder) if folder else None, self.settings.mail.default_language)
        renderer.check()
        return renderer

    @cached_property
    def key(self) -> bytes:
        """What addresses are hashed with."""
        return hash_key(self.settings)

    def check(self) -> None:
        """Refuse to run as a service where mails could not be written: raises SettingsError, TemplateError or SchemaError."""
        require_sender(self.settings)
        _ = self.renderer
        _ = self.key
        schema.prove_writable(self.store)

    def source_names(self, only: str | None = None) -> list[str]:
        """The shops in the settings, or the one named. Raises NotFoundError."""
        if only is None:
            return sorted(self.settings.sources)
        if only not in self.settings.sources:
            known = ", ".join(sorted(self.settings.sources)) or "none"
            raise NotFoundError(f"there is no source {only!r} in the settings (known: {known})")
        return [only]

    @contextmanager
    def source(self, name: str) -> Iterator[Source]:
        """A connection to the shop."""
        shop = self.settings.sources[name]
        source = _INTERFACES[shop.interface](name, shop)
        try:
            yield source
        finally:
            source.close()

    @_stage
    def sync(
        self,
        name: str,
        *,
        now: datetime,
        accept_shrink: bool = False,
        full: bool = False,
        scheduled: bool = False,
        progress: Progress = silent,
    ) -> SyncCounts:
        """Mirror one shop."""
        with self.source(name) as source:
            return sync(
                self.store,
                source,
                name,
                self.settings,
                self.key,
                now=now,
                accept_shrink=accept_shrink,
                full=full,
                scheduled=scheduled,
                progress=progress,
            )

    @_stage
    def scan(self, name: str, *, now: datetime, progress: Progress = silent) -> ScanCounts:
        """Decide for one shop's watches."""
        return scan(self.store, name, self.settings, self.key, now=now, progress=progress)

    def rehearse(self, name: str, *, now: datetime, progress: Progress = silent) -> ScanCounts:
        """What a scan would decide, writing nothing."""
        return rehearse(self.store, name, self.settings, self.key, now=now, progress=progress)

    @_stage
    def compose(self, *, now: datetime, at_once: bool = False, progress: Progress = silent) -> ComposeCounts:
        """Compose the mails that are due; `at_once` those, too, that would wait for more news to go with them.

        Raises SettingsError without a sender address.
        """
        require_sender(self.settings)
        settings = _without_digest_wait(self.settings) if at_once else self.settings
        return compose(self.store, settings, self.renderer, self.key, now=now, progress=progress)

    @_stage
    def dispatch(
        self, *, clock: Clock, stop: Callable[[], bool] = lambda: False, progress: Progress = silent
    ) -> Counts:
        """Send the mails that are due, until `stop()` is true; those on their way then are finished."""

        def look_again(session: Session, mails: Sequence[tables.Mail], now: datetime) -> Sequence[str | None]:
            return recheck(session, mails, now, self.settings, self.key)

        with record_run(self.store, "dispatch", "", clock()) as run:
            counts = send(
                self.store,
                self.settings,
                clock=clock,
                recheck=look_again,
                hash_key=self.key,
                stop=stop,
                progress=progress,
            )
            run.counts = dict(counts)
        return counts

    @_stage
    def tidy(self, *, now: datetime, progress: Progress = silent) -> TidyCounts:
        """Forget what the settings don't keep."""
        return tidy(self.store, self.settings.retention, now=now, progress=progress)

    def rehearse_tidy(self, *, now: datetime) -> TidyCounts:
        """What a tidy would forget, writing nothing."""
        return rehearse_tidy(self.store, self.settings.retention, now=now)

    def close(self) -> None:
        """Give back the database connections."""
        if "store" in self.__dict__:
            self.store.dispose()


def _without_digest_wait(settings: Settings) -> Settings:
    mail = settings.mail.model_copy(update={"digest_wait_seconds": 0})
    return settings.model_copy(update={"mail": mail})
