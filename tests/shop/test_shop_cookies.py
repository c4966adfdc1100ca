"""Cookies of one session: the newest value of a name counts, whatever domain or path it was given."""

import pytest

from worker.shop.cookies import Cookies

NOW = "Wed, 01 Jul 2026 10:00:00 GMT"


def test_the_settings_give_the_first_cookies() -> None:
    assert Cookies("session=abc=; lang=de;;").header() == "session=abc=; lang=de"
    assert Cookies().header() == ""


def test_the_shop_renews_a_cookie_of_the_settings() -> None:
    cookies = Cookies("session=old; lang=de")
    cookies.update(["session=new; path=/; domain=.shop.test; httponly; samesite=lax"], NOW)
    assert cookies.header() == "session=new; lang=de"


@pytest.mark.parametrize(
    "ending",
    [
        "Max-Age=0",
        "max-age=-1; expires=Wed, 01 Jul 2099 10:00:00 GMT",
        "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "expires=Wed, 01-Jul-2026 09:00:00 GMT",
    ],
)
def test_the_shop_ends_a_cookie(ending: str) -> None:
    cookies = Cookies("session=old")
    cookies.update([f"session=gone; {ending}"], NOW)
    assert cookies.header() == ""


@pytest.mark.parametrize(
    "lasting",
    [
        "Max-Age=3600; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "Expires=Wed, 01 Jul 2026 10:00:01 GMT",
        "Expires=Fri, 31 Dec 9999 23:59:59 GMT",
        "expires=Fri, 01 Jan 99999999999 00:00:00 GMT",
        "expires=x",
    ],
)
def test_a_cookie_that_lasts_is_kept(lasting: str) -> None:
    cookies = Cookies()
    cookies.update([f"session=new; {lasting}"], NOW)
    assert cookies.header() == "session=new"


def test_without_a_date_an_expiry_can_not_end_a_cookie() -> None:
    cookies = Cookies()
    cookies.update(["a=1; expires=Thu, 01 Jan 1970 00:00:00 GMT"], None)
    assert cookies.header() == "a=1"


@pytest.mark.parametrize("nonsense", ["", "novalue", "=x", "a=b\x01", "ä=b", "; path=/"])
def test_what_is_no_cookie_is_ignored(nonsense: str) -> None:
    cookies = Cookies("session=old")
    cookies.update([nonsense], NOW)
    assert cookies.header() == "session=old"


def test_values_stay_out_of_repr() -> None:
    assert "s3cret" not in repr(Cookies("session=s3cret"))
