"""The settings choose the interface a shop is read through."""

import pytest

from tests.support.settings import load_text
from worker.installation import Installation
from worker.shop.admin_json import AdminJsonSource
from worker.shop.frontend import FrontendSource
from worker.shop.graphql import GraphqlSource


@pytest.mark.parametrize(
    ("interface", "source"), [("jsonapi", FrontendSource), ("jsonadm", AdminJsonSource), ("graphql", GraphqlSource)]
)
def test_each_interface_has_its_source(interface: str, source: type) -> None:
    login = "customers.anna" if interface == "jsonapi" else "admin"
    settings = load_text(
        f"""
        [sources.main]
        url = "https://shop.test/{interface}"
        currency = "EUR"
        interface = "{interface}"
        [sources.main.{login}]
        token = "a-token-0123456789"
        """
    ).settings
    with Installation(settings).source("main") as opened:
        assert type(opened) is source
