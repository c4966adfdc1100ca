"""Second step: what is gone. Deletions leave no trace in the admin interfaces, so all ids are compared from time to time."""

from datetime import timedelta

from worker.shop.source import Incremental
from worker.store import passes, retirement, tables
from worker.store.passes import IDS, RELATIONS
from worker.sync import relations
from worker.sync.erased import count_missed
from worker.sync.work import Work

_ALWAYS_RETIRED = 20
"""So many relations may vanish at once however small the shop is (fault row 19)."""
_PAGE = 1000


def is_due(work: Work) -> bool:
    """Whether the last comparison is too long ago, or one was begun and died."""
    with work.store.read() as session:
        state = session.get(tables.SourceState, work.name)
        if passes.is_under_way(session, work.name, IDS):
            return True
    compared = state.reconciled_at if state else None
    return compared is not None and work.now - compared >= timedelta(hours=work.shop.reconcile_hours)


def compare(work: Work, source: Incremental) -> None:
    """Read the ids of all relations and mark what the shop no longer lists; `retire` decides what to believe of that."""
    with work.writing() as session:
        plan = passes.begin(session, work.name, IDS, work.now)
        if not plan.resumed:
            retirement.forget_seen(session, work.name)
    compared = 0
    for page in source.relation_ids(plan.after):
        with work.writing() as session:
            retirement.note_seen(session, work.name, page.ids)
            passes.advance(session, work.name, IDS, cursor=page.cursor, newest=None, ceiling=work.shop_now())
        compared += len(page.ids)
        work.progress("ids", compared)
    after: int | None = 0
    while after is not None:
        with work.writing() as session:
            _, after = retirement.compare(session, work.name, plan.started_at, work.now, after, _PAGE)
    with work.store.read() as session:
        unknown = count_missed(session, work)
    if unknown:  # made since the relations were read, as a rule: then they are told as changed now
        relations.read(work)
    with work.writing() as session:
        work.counts.missed = count_missed(session, work)
        if work.counts.missed:
            passes.forget(session, work.name, RELATIONS)
        retirement.forget_seen(session, work.name)
        passes.finish(session, work.name, IDS, work.now, ceiling=work.shop_now())
        session.get_one(tables.SourceState, work.name).reconciled_at = work.now


def retire(work: Work, accept_shrink: bool) -> None:
    """Retire what vanished, unless that is too much of what was known before to be believed."""
    with work.store.read() as session:
        vanished = retirement.count_vanished(session, work.name)
        if vanished > _ALWAYS_RETIRED and not accept_shrink:
            known = retirement.count_known(session, work.name, work.now)
            if vanished > max(_ALWAYS_RETIRED, known * work.shop.max_shrink_percent / 100):
                work.counts.kept_back = vanished
                work.counts.errors += (
                    f"{vanished} of {known} relations vanished at once; none was retired. "
                    "If that is right, run: watchpost sync --accept-shrink",
                )
                return
    while vanished:
        with work.writing() as session:
            vanished = retirement.retire_vanished(session, work.name, work.now)
        work.counts.retired += vanished
