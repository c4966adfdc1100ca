"""Money, dates and shares as a language writes them (Babel, CLDR)."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent

_NBSP = "\u00a0"
_LETTER_AT_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def locale_of(language: str | None) -> Locale | None:
    """The locale a shop's language code means (`de`, `de_AT`, `de-at`), or None where there is none such.

    A region that is unknown for a known language falls back to the language.
    """
    parts = (language or "").strip().replace("-", "_").split("_")
    for code in ("_".join(parts), parts[0]):
        try:
            return Locale.parse(code)
        except (ValueError, UnknownLocaleError):
            continue
    return None


@dataclass(frozen=True, slots=True)
class Formats:
    """How one mail writes values."""

    locale: Locale
    timezone: tzinfo

    def money(self, amount: Decimal, currency: str) -> str:
        """An amount with its currency's decimals, more where the amount has more: what is shown is never rounded."""
        written = format_currency(amount, currency, locale=self.locale, decimal_quantization=False)
        return _LETTER_AT_DIGIT.sub(_NBSP, written)  # CLDR's currency spacing, which Babel leaves out: KWD 1.500

    def number(self, count: int) -> str:
        """A whole number with its groups: 1,000."""
        return format_decimal(count, locale=self.locale)

    def percent(self, share: Decimal) -> str:
        """A share in whole hundredths: 0.1 is 10 %."""
        return format_percent(share, locale=self.locale)

    def last_day(self, until: datetime) -> str:
        """The last day before `until` (exclusive), in the source's zone, written out."""
        moment = until.astimezone(UTC) - timedelta(microseconds=1)
        with suppress(OverflowError):  # an end in year 9999: any zone's day will do
            moment = moment.astimezone(self.timezone)
        return format_date(moment.date(), "long", locale=self.locale)
