"""How relations read on a terminal: aligned columns, and the config of each below it, never cut off."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.cells import cell_len
from rich.markup import escape

from worker.cli.common import out, plain
from worker.domain.model import Json, Relation
from worker.shop.reading import Item
from worker.store import config_text


def show(found: Sequence[Relation], zone: ZoneInfo, items: Iterable[Item] = ()) -> None:
    """Print relations with the names of what they point to. Times are in the shop's zone, as its API writes them."""
    if not found:
        out.print("no relations")
        return
    names = {(item.type, item.id): _name(item) for item in items}
    rows = [_cells(relation, zone, names.get((relation.domain, relation.refid), "")) for relation in found]
    widths = {title: max(cell_len(text) for text in (title, *(row[title] for row in rows))) for title in rows[0]}
    shown = [title for title in rows[0] if any(row[title] for row in rows)]  # dates are mostly empty, terminals narrow
    out.print(f"[dim]{_line({title: title for title in shown}, shown, widths)}[/]")
    for relation, row in zip(found, rows, strict=True):
        out.print(_line(row, shown, widths))
        if config := _pairs(relation.config):
            out.print(f"    {escape(config)}")


def _line(cells: dict[str, str], shown: Sequence[str], widths: dict[str, int]) -> str:
    padded = (cells[title] + " " * (widths[title] - cell_len(cells[title])) for title in shown)
    return escape("  ".join(padded).rstrip())


def _cells(relation: Relation, zone: ZoneInfo, name: str) -> dict[str, str]:
    return {
        "id": plain(relation.id),
        "domain": plain(relation.domain),
        "type": plain(relation.type),
        "refid": plain(relation.refid),
        "item": name,
        "status": str(relation.status),
        "from": _time(relation.datestart, zone),
        "until": _time(relation.dateend, zone),
        "created": _time(relation.ctime, zone),
    }


def _name(item: Item) -> str:
    name = item.attributes.get(f"{item.type}.label") or item.attributes.get(f"{item.type}.code")
    return plain(name)[:40] if isinstance(name, str) else ""


def _time(moment: datetime | None, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if moment else ""


def _pairs(config: Json) -> str:
    """As `--set` takes them; JSON where that would not be plain."""
    if config in ([], {}, None):
        return ""
    if isinstance(config, dict) and all(isinstance(v, str | int) and " " not in str(v) for v in config.values()):
        return plain(" ".join(f"{key}={value}" for key, value in sorted(config.items())))
    return config_text.dump(config)
