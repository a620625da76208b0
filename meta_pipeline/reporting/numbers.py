"""Numbers, amounts, percentages and dates, written as the client's locale writes them."""

from datetime import date, datetime
from decimal import Decimal

from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_precision

from meta_pipeline.reporting.figures import Kind, Number

UNKNOWN = "–"
"""What stands for a figure that is not known."""


class Writer:
    """Writes for one locale, such as `de_DE`."""

    def __init__(self, locale: str) -> None:
        self.locale = Locale.parse(locale)

    def figure(self, value: Number | None, kind: Kind, currency: str | None = None) -> str:
        """A figure of a kind; an en dash for None."""
        if value is None:
            return UNKNOWN
        match kind:
            case "money":
                return self.money(value, currency)
            case "share":
                return self.percent(value, digits=2)
            case "count":
                return self.decimal(value, digits=0)
            case _:
                return self.decimal(value, digits=2)

    def money(self, value: Number, currency: str | None) -> str:
        """An amount with its currency, in as many digits as the currency has."""
        if currency is None:
            return self.decimal(value, digits=2)
        return format_currency(_exact(value), currency, locale=self.locale)

    def decimal(self, value: Number, *, digits: int) -> str:
        """A number with at most so many digits; one of a count only where it has a fraction."""
        number = _exact(value)
        if digits == 0 and number != number.to_integral_value():
            return format_decimal(number, format="#,##0.##", locale=self.locale)
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return format_decimal(number, format=pattern, locale=self.locale)

    def percent(self, share: Number, *, digits: int = 1) -> str:
        """A fraction as a percentage."""
        # The locale says where the sign stands; Babel multiplies by 100 because of it.
        pattern = self.locale.percent_formats[None].pattern
        if digits:
            pattern = pattern.replace("0", f"0.{'0' * digits}")
        return format_percent(_exact(share), format=pattern, locale=self.locale)

    def change(self, share: float) -> str:
        """A change with its sign."""
        sign = "+" if share > 0 else "−" if share < 0 else "±"
        return sign + self.percent(abs(share))

    def day(self, day: date | None) -> str:
        """A day, such as Oct 1, 2026."""
        return UNKNOWN if day is None else format_date(day, "medium", locale=self.locale)

    def days(self, first: date, last: date | None) -> str:
        """A stretch of days, both ends included."""
        return f"{self.day(first)} – {self.day(last)}"

    def month(self, month: date) -> str:
        """A month with its year."""
        return format_date(month, "LLLL y", locale=self.locale)

    def moment(self, moment: datetime | None) -> str:
        """A time in UTC."""
        if moment is None:
            return UNKNOWN
        return f"{self.day(moment.date())}, {format_time(moment, 'short', locale=self.locale)} UTC"

    def axis(self) -> dict[str, object]:
        """How charts write numbers (d3's `formatLocale`)."""
        symbols = self.locale.number_symbols[self.locale.default_numbering_system]
        return {
            "decimal": symbols["decimal"],
            "thousands": symbols["group"],
            "grouping": [3],
            "currency": ["", ""],
        }


def digits_of(currency: str | None) -> int:
    """How many digits an amount of that currency has after the point."""
    return 2 if currency is None else get_currency_precision(currency)


def _exact(value: Number) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(repr(value))
