"""The picture of a product for a mail: a preview about 240 pixels wide, as an absolute http(s) URL."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from worker.domain.model import Json
from worker.shop.linked import Linked
from worker.shop.record import Record, obj, text
from worker.shop.urls import absolute

WIDTH = 240
UNTOLD = "mails have no pictures: this interface does not tell where they are, so set media_url"
"""What an operator of an admin interface is told."""

# Everything with a meaning in a URL stays, the rest (spaces, quotes, control characters) is escaped.
_SAFE = "/:?#[]@!$&()*+,;=%~-._"


@dataclass(frozen=True, slots=True)
class Media:
    """Where pictures are: the operator's `media_url` first, else what the answer's meta says, seen from its URL."""

    configured: str
    meta: Record
    url: str

    def address(self, filesystem: str, path: str) -> str | None:
        """The absolute URL of a file; None for anything that would not be http(s)."""
        bases = obj(self.meta.get("content-baseurls"))
        told = text(bases.get(filesystem)) or text(self.meta.get("content-baseurl"))
        base = self.configured or told
        folder = absolute(base.rstrip("/") + "/", self.url) if base else None
        if not path.startswith("//"):
            path = path.lstrip("/")  # the shop hangs every path below its base
        return absolute(quote(path, safe=_SAFE, errors="replace"), folder)


def picture(entries: Iterable[Linked], media: Media) -> str | None:
    """The first enabled image of list type `default`: its preview closest to 240 pixels, else the preview, else itself."""
    for entry in entries:
        item = entry.item
        if (
            item is None
            or not _is_image(item)
            or (text(entry.listed.get("product.lists.type")) or "default") != "default"
        ):
            continue
        path = _preview(item.get("media.previews")) or text(item.get("media.preview")) or text(item.get("media.url"))
        found = media.address(text(item.get("media.filesystem")) or "fs-media", path) if path else None
        if found is not None:
            return found
    return None


def _is_image(item: Record) -> bool:
    kind = text(item.get("media.mimetype"))
    return item.get("media.status", 1) in (1, "1") and (not kind or kind.startswith("image/"))


def _preview(previews: Json) -> str:
    """Of equally close widths the larger. No previews come as `[]`, a list instead of an object counts from 0."""
    sizes = [
        (abs(int(width) - WIDTH), -int(width), path)
        for width, path in obj(previews).items()
        if width.isascii() and width.isdecimal() and len(width) <= 5 and isinstance(path, str) and path
    ]
    return min(sizes)[2] if sizes else ""
