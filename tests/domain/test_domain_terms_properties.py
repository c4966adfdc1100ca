"""Properties of reading a config: it never raises, and what is legible reads back as itself."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from worker.domain.model import Defect, Json
from worker.domain.reasons import Reason
from worker.domain.terms import MAX_TIMEFRAME_DAYS, Defaults, Terms, parse_terms

DEFAULTS = Defaults(timeframe_days=90, currency="EUR")
KEYS = ["timeframe", "price", "stock", "currency", "pricevalue"]

texts = st.text(st.characters(exclude_categories=()), max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.decimals() | texts
values: st.SearchStrategy[Json] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
plausible: st.SearchStrategy[Json] = st.sampled_from(
    [0, 1, "0", "1", "", None, True, False, "false", 7, "30", "3651", "EUR", "usd", "EURO", "20.00", "20,00", "-0"]
) | st.decimals(-1, 100, places=2)
configs: st.SearchStrategy[Json] = values | st.dictionaries(st.sampled_from(KEYS), values | plausible)
legible = st.builds(
    Terms,
    timeframe_days=st.integers(1, MAX_TIMEFRAME_DAYS),
    currency=st.from_regex(r"[A-Z]{3}", fullmatch=True),
    price=st.just(True),
    stock=st.booleans(),
    limit=st.none() | st.decimals(Decimal("0.0001"), Decimal("999999999999.9999"), places=4),
)


@settings(deadline=None, max_examples=150)
@given(configs)
def test_no_config_makes_reading_it_raise(config: Json) -> None:
    terms = parse_terms(config, DEFAULTS)
    if isinstance(terms, Defect):
        assert Reason(terms.code).value.startswith("bad_")
        assert terms.detail.isascii()
        assert terms.detail.isprintable()
        return
    assert 1 <= terms.timeframe_days <= MAX_TIMEFRAME_DAYS
    assert terms.currency.isascii()
    assert terms.currency.isalpha()
    assert terms.currency == terms.currency.upper()
    assert len(terms.currency) == 3
    assert terms.limit is None or (terms.price and 0 < terms.limit < 10**12)


@settings(deadline=None)
@given(legible, st.booleans())
def test_legible_terms_written_as_a_config_read_back_as_themselves(terms: Terms, as_text: bool) -> None:
    config: Json = {
        "timeframe": str(terms.timeframe_days) if as_text else terms.timeframe_days,
        "currency": terms.currency,
        "price": "1" if as_text else 1,
        "stock": int(terms.stock),
        "pricevalue": terms.limit if terms.limit is None or not as_text else f"{terms.limit:f}",
    }
    assert parse_terms(config, DEFAULTS) == terms


@settings(deadline=None)
@given(legible)
def test_the_defaults_stand_in_for_what_is_missing(terms: Terms) -> None:
    defaults = Defaults(timeframe_days=terms.timeframe_days, currency=terms.currency)
    found = parse_terms({"price": 1, "stock": terms.stock}, defaults)
    assert isinstance(found, Terms)
    assert (found.timeframe_days, found.currency) == (terms.timeframe_days, terms.currency)
