"""What the mails say, in both languages, as text and as HTML."""

import unicodedata
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.letters import make_digest, make_item, make_price, make_restocked
from worker.mail.facts import Digest
from worker.mail.render import Rendered, Renderer

RENDERER = Renderer(None, "en")


def watch(digest: Digest) -> Rendered:
    return RENDERER.render("watch", digest)


class Page(HTMLParser):
    """What a reader and a mail client find in the HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._texts: list[str] = []
        self._silent = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._silent += tag in {"style", "title"}

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"style", "title"}

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of this kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        """What is read, blanks collapsed."""
        return " ".join("".join(self._texts).split())


def flat(text: str) -> str:
    """Text with every blank (also a hard one) as one space."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("digest", "english", "german"),
    [
        (make_digest(), "Desk lamp now €90.00 (was €120.00)", "Desk lamp jetzt 90,00 € (vorher 120,00 €)"),
        (
            make_digest(make_item(price=make_price(before=None))),
            "Desk lamp now €90.00, below your limit",
            "Desk lamp jetzt 90,00 €, unter Ihrem Preislimit",
        ),
        (
            make_digest(make_item(price=make_price(before=None, limit=None))),
            "Desk lamp now €90.00",
            "Desk lamp jetzt 90,00 €",
        ),
        (make_digest(make_restocked()), "Red chair is back in stock", "Red chair ist wieder lieferbar"),
        (
            make_digest(make_item(stock=True)),
            "Desk lamp is back in stock, now €90.00",
            "Desk lamp ist wieder lieferbar, jetzt 90,00 €",
        ),
        (
            make_digest(*[make_item()] * 3),
            "3 products you watch are cheaper now",
            "3 beobachtete Produkte sind jetzt günstiger",
        ),
        (
            make_digest(*[make_restocked()] * 2),
            "2 products you watch are back in stock",
            "2 beobachtete Produkte sind wieder lieferbar",
        ),
        (
            make_digest(make_item(), make_restocked()),
            "News about 2 products you watch",
            "Neues zu 2 beobachteten Produkten",
        ),
        (make_digest(more=1999), "News about 2,000 products you watch", "Neues zu 2.000 beobachteten Produkten"),
    ],
)
def test_the_subject_says_what_happened(digest: Digest, english: str, german: str) -> None:
    assert flat(watch(digest).subject) == english
    assert flat(watch(replace(digest, language="de")).subject) == german


def test_a_long_name_is_cut_in_the_subject_but_not_the_price() -> None:
    subject = watch(make_digest(make_item(product_name="Very long name of a lamp " * 50))).subject
    assert subject.endswith("… now €90.00 (was €120.00)")
    assert len(subject) < 80


def test_the_text_part_tells_everything() -> None:
    mail = watch(make_digest(make_item(in_stock=False)))
    assert mail.text == (
        "Hello Ann Lee,\n"
        "\n"
        "The price of a product you watch has dropped.\n"
        "\n"
        "Desk lamp\n"
        "  Now €90.00 instead of €120.00 (25% less)\n"
        "  Your limit: €100.00\n"
        "  Currently out of stock\n"
        "  Watching until December 31, 2026\n"
        "  https://shop.test/p/desk-lamp\n"
        "\n"
        "------------------------------------------------------------------------\n"
        "You are receiving this email because you watch this product at Lamp\n"
        "Shop.\n"
        "Prices and stock may have changed since this email was written.\n"
        "Change or stop your alerts in your watch list:\n"
        "https://shop.test/account\n"
    )


def test_the_german_text_part_tells_everything() -> None:
    digest = make_digest(make_item(stock=True), language="de_DE", salutation="ms")
    assert flat(watch(digest).text) == flat(
        """Guten Tag Frau Lee, ein Produkt, das Sie beobachten, ist wieder lieferbar und kostet weniger.
        Desk lamp Jetzt 90,00 € statt 120,00 € (25 % weniger) Ihr Preislimit: 100,00 € Wieder lieferbar
        Beobachtet bis 31. Dezember 2026 https://shop.test/p/desk-lamp
        ------------------------------------------------------------------------
        Sie erhalten diese E-Mail, weil Sie dieses Produkt bei Lamp Shop beobachten. Preise und Lieferbarkeit können sich
        seitdem geändert haben. Benachrichtigungen in Ihrer Beobachtungsliste ändern oder beenden: https://shop.test/account"""
    )


def test_the_html_part_tells_everything() -> None:
    mail = watch(make_digest(make_item(in_stock=False)))
    page = Page(mail.html)
    for told in (
        "Cheaper now",
        "Hello Ann Lee,",
        "was €120.00",
        "Desk lamp",
        "€90.00",
        "−25%",
        "Your limit: €100.00",
        "Currently out of stock",
        "Watching until December 31, 2026",
        "because you watch this product at Lamp Shop",
    ):
        assert told in page.text
    product = "https://shop.test/p/desk-lamp"  # the picture, the name and the button lead there
    assert [link["href"] for link in page.all("a")] == [product, product, product, "https://shop.test/account"]
    assert [(image["src"], image["alt"]) for image in page.all("img")] == [
        ("https://shop.test/media/lamp.jpg", "Picture of Desk lamp")
    ]


def test_a_restock_says_what_the_product_costs_where_that_is_known() -> None:
    known = watch(make_digest(make_restocked(costs=make_price("49.90", None, None)), language="de"))
    assert "  Jetzt 49,90 €\n  Wieder lieferbar\n" in known.text.replace("\xa0", " ")
    assert "49,90 € Wieder lieferbar" in Page(known.html).text
    assert "€" not in watch(make_digest(make_restocked(), language="de")).text
    both = watch(make_digest(make_item(), make_restocked(costs=make_price("49.90", None, None))))
    assert "Red chair €49.90 Back in stock" in Page(both.html).text


def test_a_mailbox_shows_what_the_subject_does_not_say() -> None:
    """The first words of a mail stand beside its subject in most mailboxes."""
    price, stock = make_digest(), make_digest(make_restocked(costs=make_price("49.90", None, None)))
    assert Page(watch(price).html).text.startswith("Your limit: €100.00 · Watching until December 31, 2026 Lamp Shop")
    assert Page(watch(stock).html).text.startswith("Now €49.90 · Watching until December 31, 2026 Lamp Shop")
    assert Page(watch(make_digest(make_item(), make_restocked())).html).text.startswith("Desk lamp: €90.00, Red chair ")


def test_a_product_in_stock_gets_no_hint_of_being_sold_out() -> None:
    for in_stock in (True, None):
        assert "out of stock" not in watch(make_digest(make_item(in_stock=in_stock))).text


def test_a_customer_without_a_limit_reads_the_price_when_they_began_to_watch() -> None:
    item = make_item(price=make_price("90", "95", "100", limit_is_own=False))
    mail = watch(make_digest(item))
    assert "Price when you started watching: €100.00" in mail.text
    assert "Your limit" not in mail.text + mail.html


def test_the_price_when_they_began_is_not_told_twice() -> None:
    mail = watch(make_digest(make_item(price=make_price("90", "100", "100", limit_is_own=False))))
    assert "started" not in mail.text + mail.html


def test_several_products_and_how_many_more() -> None:
    mail = watch(make_digest(make_item(), make_restocked(), more=5))
    page = Page(mail.html)
    for text in (mail.text, page.text):
        assert "Desk lamp" in text
        assert "Red chair" in text
        assert "And 5 more products" in text
    assert [link["href"] for link in page.all("a")].count("https://shop.test/account") == 2
    assert mail.text.count("https://shop.test/account") == 2


@pytest.mark.parametrize(
    ("language", "more", "said"),
    [
        ("en", 1, "And 1 more product\n"),
        ("en", 2, "And 2 more products\n"),
        ("de", 1, "Und 1 weiteres Produkt\n"),
        ("de", 2, "Und 2 weitere Produkte\n"),
    ],
)
def test_numbers_take_their_plural_form(language: str, more: int, said: str) -> None:
    assert said in watch(make_digest(language=language, more=more)).text


def test_without_account_link_and_shop_name_the_mail_still_says_how_to_stop() -> None:
    mail = watch(make_digest(make_item(link=None), account_url=None, shop_name="", more=2))
    assert "You can change or stop your alerts in your customer account." in mail.text
    assert "because you watch these products." in mail.text
    assert "http" not in mail.text
    assert Page(mail.html).all("a") == []


def test_without_a_picture_there_is_no_image() -> None:
    mail = watch(make_digest(make_item(picture=None), make_item(picture=None)))
    assert Page(mail.html).all("img") == []


@pytest.mark.parametrize(
    ("language", "tag", "price"),
    [
        ("de_AT", "de-AT", "€ 90,00"),
        ("de-CH", "de-CH", "EUR 90.00"),
        ("DE", "de", "90,00 €"),
        ("en_GB", "en-GB", "€90.00"),
        ("fr", "en", "€90.00"),
        ("xx", "en", "€90.00"),
        ("", "en", "€90.00"),
        (None, "en", "€90.00"),
    ],
)
def test_the_language_falls_back_and_keeps_the_region(language: str | None, tag: str, price: str) -> None:
    mail = watch(make_digest(language=language))
    assert mail.language == tag
    assert price in flat(mail.text)
    (html,) = Page(mail.html).all("html")
    assert (html["lang"], html["dir"]) == (tag, "ltr")


def test_the_default_language_is_the_operators() -> None:
    assert Renderer(None, "de_AT").render("watch", make_digest(language="xx")).language == "de-AT"


def test_dates_are_those_of_the_shops_zone() -> None:
    late = make_item(until=make_item().until.replace(hour=23, minute=30))
    assert "January 1, 2027" in watch(make_digest(late)).text


def test_the_text_is_at_most_72_columns_wide_but_links_stay_whole() -> None:
    link = "https://shop.test/" + "x" * 100
    name = "A lamp with many words in its name " * 4
    mail = watch(
        make_digest(make_item(product_name=name, link=link), language="de", shop_name="A shop of a long name" * 3)
    )
    lines = mail.text.splitlines()
    assert f"  {link}" in lines
    assert max(len(line) for line in lines if "http" not in line) <= 72
    assert not any(line.endswith(" ") for line in lines)
    assert "\n\n\n" not in mail.text


def test_template_code_and_markup_in_names_stay_text() -> None:
    name = "{{7*7}} {% raw %} <script>alert(1)</script> &amp; \"'"
    mail = watch(make_digest(make_item(product_name=name), shop_name="<b>Shop</b>", firstname="{{digest}}"))
    page = Page(mail.html)
    assert name in mail.text
    assert name in page.text
    assert "Hello {{digest}} Lee," in mail.text
    assert "<b>Shop</b>" in page.text
    assert page.all("script") == []
    assert page.all("b") == []
    assert page.all("img")[0]["alt"] == "Picture of {{7*7}} {% raw %} <script>alert(1)</scr…"


def test_a_name_in_braces_is_no_placeholder() -> None:
    assert (
        "{price} {product.__class__} now €90.00"
        in watch(make_digest(make_item(product_name="{price} {product.__class__}"))).subject
    )


def test_right_to_left_names_are_isolated() -> None:
    mail = watch(make_digest(make_item(product_name="מנורת שולחן")))
    assert mail.subject.startswith("\u2068מנורת שולחן\u2069 now")
    assert "\u2068מנורת שולחן\u2069\n" in mail.text
    assert "<bdi>מנורת שולחן</bdi>" in mail.html


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=60))
def test_no_name_breaks_a_mail(name: str) -> None:
    item = make_item(product_name=name)
    mail = watch(make_digest(item, firstname=name, lastname=name, shop_name=name))
    page = Page(mail.html)
    assert flat(item.product_name) in page.text
    assert "\n" not in mail.subject
    for part in (mail.subject, mail.text, mail.html):
        part.encode("utf-8")
        assert not {sign for sign in part if unicodedata.category(sign) in {"Cc", "Zl", "Zp"}} - {"\n"}
    assert {tag for tag, _ in page.elements} == EXPECTED_TAGS


EXPECTED_TAGS = {tag for tag, _ in Page(watch(make_digest()).html).elements}


def test_styles_are_inlined_and_only_media_queries_stay_in_the_head() -> None:
    html = watch(make_digest()).html
    page = Page(html)
    assert len(page.all("style")) == 1
    head = html[html.index("<style") : html.index("</style>")]
    assert "@media (prefers-color-scheme: dark)" in head
    assert "@media (max-width: 480px)" in head
    assert "background-color: #ffffff" in str(page.all("td"))
    assert {"name": "color-scheme", "content": "light dark"} in page.all("meta")


def test_browsers_learn_the_charset_in_time() -> None:
    assert '<meta charset="utf-8">' in watch(make_digest()).html.encode()[:1024].decode()


def test_nothing_but_the_product_pictures_is_loaded() -> None:
    page = Page(watch(make_digest(make_item(), make_restocked(picture=None))).html)
    assert page.all("link") == []
    assert "url(" not in watch(make_digest()).html
    loaded = [
        value for _, attributes in page.elements for name, value in attributes.items() if name in {"src", "srcset"}
    ]
    assert loaded == ["https://shop.test/media/lamp.jpg"]


def test_tables_are_announced_as_layout() -> None:
    page = Page(watch(make_digest(make_item(), make_item())).html)
    assert {table["role"] for table in page.all("table")} == {"presentation"}


def test_a_full_digest_is_shown_whole_by_mailboxes_that_clip() -> None:
    item = make_item(
        product_name="N" * 160, link="https://shop.test/" + "x" * 500, picture="https://shop.test/" + "y" * 500
    )
    mail = watch(make_digest(*[item] * 20, more=100))
    assert len(mail.html.encode()) < 100_000


def test_the_test_mail_says_that_it_works() -> None:
    mail = RENDERER.render("test", make_digest())
    assert mail.subject == "Test email from Watchpost"
    assert "If you can read it" in flat(mail.text)
    assert "It works" in Page(mail.html).text
    german = RENDERER.render("test", make_digest(language="de"))
    assert german.subject == "Test-E-Mail von Watchpost"
