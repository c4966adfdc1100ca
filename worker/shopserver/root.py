"""The base URL: OPTIONS tells where the resources are, the prefix, the CSRF token and the locale."""

from worker.shopserver import locales
from worker.shopserver.calls import Answer, Call, Document, Resource

_NAMES = ("customer", "product", "stock")


def _links(_call: Call) -> Document:
    return {}


def _options(call: Call) -> Answer:
    with call.store.read() as session:
        locale = {
            "locale.id": "1",
            "locale.currencyid": locales.currency(session, call),
            "locale.languageid": locales.language(session, call),
            "locale.position": 0,
            "locale.sitecode": "default",
            "locale.siteid": "1.",
            "locale.status": 1,
        }
    return Answer(meta={"locale": locale, "resources": {name: call.addresses.resource(name) for name in _NAMES}})


RESOURCE = Resource({"OPTIONS": _options, "GET": _options}, _links)
