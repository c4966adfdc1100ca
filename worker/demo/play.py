"""Plays the day and tells what happens: who is mailed, who is not, and why."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from worker.demo import day, gallery
from worker.demo.scene import SOURCE, Scene, opened
from worker.errors import WatchpostError
from worker.explain import explain
from worker.store import tables

_OURS = ("mails", "data", "index.html", "watchpost.toml", "service.log")


def play(folder: Path, tell: Callable[[str], None]) -> int:
    """Play the whole day into `folder`; returns how many steps went otherwise than the script says."""
    _clear(folder)
    tokens = day.people()
    surprises = 0
    begun = datetime.now(UTC)
    tell(f"Watchpost demo: a shop, a mail server, beat and worker, all on this machine. Files go to {folder}/\n")
    with opened(folder, day.shop_document(tokens, begun), tokens) as scene:
        led_to: list[str] = []
        for step in day.steps():
            surprises += not _play_step(scene, step, tell)
            led_to += [f"{step.hour}  {step.title}"] * (len(scene.sink.mails()) - len(led_to))
        gallery.write(folder / "index.html", list(zip(led_to, scene.sink.mails(), strict=True)), scene.url)
        count = len(led_to)
    tell(f"\n{count} mails were sent. Look at them: {(folder / 'index.html').resolve().as_uri()}")
    tell(f"Everything was stopped after {(datetime.now(UTC) - begun).total_seconds():.0f} seconds.")
    return surprises


def _clear(folder: Path) -> None:
    """Make room for a new demo; a folder that holds anything else is left alone."""
    if folder.is_dir():
        strangers = sorted(entry.name for entry in folder.iterdir() if entry.name not in _OURS)
        if strangers:
            raise WatchpostError(f"{folder} holds other things ({strangers[0]}); name another folder with --out")
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)  # tokens and addresses are in there


def _play_step(scene: Scene, step: day.Step, tell: Callable[[str], None]) -> bool:
    tell(f"[b]{step.hour}  {step.title}[/]")
    before = len(scene.sink.mails())
    step.act(scene)
    scene.settle()
    mails = {account_of(mail): str(mail["Subject"]) for mail in scene.sink.mails(after=before)}
    for account, subject in mails.items():
        tell(f"       [green]mail to {day.name_of(account)}:[/] {subject}")
    for line in _silent(scene, step.about, set(mails)):
        tell(f"       [dim]{line}[/]")
    if set(mails) == step.mailed and len(scene.sink.mails()) - before == len(step.mailed):
        return True
    expected = ", ".join(sorted(map(day.name_of, step.mailed))) or "nobody"
    tell(f"       [red]unexpected: the script says {expected}[/]")
    return False


def account_of(mail: Any) -> str:
    """The customer a mail went to."""
    return str(mail["To"]).partition("@")[0]


def _silent(scene: Scene, product: str, mailed: set[str]) -> list[str]:
    """Why the others who watch the product (or anything) got no mail."""
    now = datetime.now(UTC)
    settings, key = scene.parts.settings, scene.parts.key
    lines = []
    with scene.parts.store.read() as session:
        rows = session.execute(
            select(tables.Relation.shop_id, tables.Customer.account, tables.Product.label, tables.Product.code)
            .join(tables.Customer, tables.Customer.id == tables.Relation.customer_id)
            .join(tables.Product, tables.Product.id == tables.Relation.product_id)
            .where(tables.Relation.source == SOURCE, tables.Relation.retired_at.is_(None))
            .order_by(tables.Relation.id)
        ).all()
        for shop_id, account, label, code in rows:
            if account in mailed or product not in ("", code):
                continue
            decisions = explain(session, SOURCE, shop_id, settings, key, now)["decisions"]
            decision = next((item for item in decisions if item["outcome"] != "idle"), decisions[0])
            lines.append(f"no mail to {day.name_of(account)} ({label}): {_sentence(decision)}")
    return lines


def _sentence(decision: dict[str, Any]) -> str:
    """The reason, with the amounts behind a price that is not low enough."""
    sentence = str(decision["sentence"])
    inputs: dict[str, Any] = next((check["inputs"] for check in decision["checks"] if not check["passed"]), {})
    if "price" not in inputs or "limit" not in inputs:
        return sentence
    return f"{sentence.removesuffix('.')} ({inputs['price']:.2f} against {inputs['limit']:.2f})."
