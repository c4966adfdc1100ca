"""`watchpost sync --check`: logs in at each shop and tells what its interface can tell, before anything is read."""

from collections.abc import Sequence
from typing import Any

from rich.markup import escape

from worker.cli.common import out, print_json
from worker.errors import ShopError
from worker.installation import Installation
from worker.shop.source import Source

_ABILITIES = {
    "ctime": ("tells when a watch was created", "a watch counts from the moment it is first seen"),
    "mtime": ("tells what changed, so that little is read", "everything is read in each sync"),
    "inactive": ("lists disabled and dated relations, too", "relations that are not active are not shown"),
    "fractional_stock": ("tells stock levels such as 0.5", "stock levels below 1 read as 0"),
    "removes": ("expired watches can be removed (write_back)", "nothing can be removed through it"),
}


def check(installation: Installation, names: Sequence[str], as_json: bool) -> int:
    """Print what was found out; returns the exit code: 1 where a shop could not be logged in to."""
    found = {name: _one(installation, name) for name in names}
    if as_json:
        print_json(found)
    else:
        for name, told in found.items():
            _print(name, told)
        if not found:
            out.print("No shop is connected: add a table [sources.NAME] to the settings.", markup=False)
    return int(any("error" in told for told in found.values()))


def _one(installation: Installation, name: str) -> dict[str, Any]:
    shop = installation.settings.sources[name]
    told: dict[str, Any] = {"interface": shop.interface, "url": shop.url}
    with installation.source(name) as source:
        told["can"] = {ability: getattr(source.abilities, ability) for ability in _ABILITIES}
        told["deletions"] = _deletions(source, shop.reconcile_hours)
        try:
            seen = source.check()
        except ShopError as problem:
            return {**told, "error": str(problem)}
        gap = source.clock_gap
    return {
        **told,
        "login": seen.login,
        "would_read": seen.would_read,
        "clock_gap_seconds": None if gap is None else gap.total_seconds(),
        "notes": list(seen.notes),
    }


def _deletions(source: Source, hours: float) -> str:
    if source.abilities.mtime:
        return f"found by comparing all ids, every {hours:g} hours"
    return "seen in each sync: what is not listed any more is gone"


def _print(name: str, told: dict[str, Any]) -> None:
    out.print(f"[b]{name}[/] {told['interface']} at {escape(told['url'])}")
    if "error" in told:
        out.print(f"  [red]{escape(told['error'])}[/]")
        return
    out.print(f"  logged in as {escape(told['login'])}")
    for ability, (yes, no) in _ABILITIES.items():
        can = told["can"][ability]
        out.print(f"  {'+' if can else '-'} {yes if can else no}")
    out.print(f"  deletions are {told['deletions']}")
    reads = ", ".join(f"{what} {count}" for what, count in told["would_read"].items())
    out.print(f"  a sync would read: {escape(reads) or 'nothing'}")
    gap = told["clock_gap_seconds"]
    out.print(f"  the shop's clock is {_gap(gap)}")
    for note in told["notes"]:
        out.print(f"  [yellow]note[/] {escape(note)}")


def _gap(seconds: float | None) -> str:
    if seconds is None:
        return "not told"
    if abs(seconds) < 2:
        return "right"
    return f"{abs(seconds):,.0f} s {'ahead of' if seconds > 0 else 'behind'} ours"
