# SPDX-License-Identifier: Apache-2.0
"""How numbers are printed, in one place."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from hepacast.core.table import FeatureName

if TYPE_CHECKING:
    from hepacast.report.content import Estimate, Spread

# What XML 1.0 has no way to write; a name from a broken file may hold it.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
NOTHING = "–"
"""Printed where there is no number."""

SCOPES = {
    "apparent": "apparent",
    "out-of-fold": "out of fold",
    "corrected": "optimism-corrected",
    "internal": "internal test",
    "external": "external test",
}
"""Words for the scope of an evaluation."""


def number(value: float | None, digits: int = 2) -> str:
    """Print a number with fixed decimals and a true minus sign.

    Examples
    --------
    >>> number(-0.004), number(None), number(float("inf"))
    ('0.00', '–', '∞')
    """
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}f}"
    if not text.strip("-0."):
        text = text.lstrip("-")
    return text.replace("-", "−")


def p_value(p: float | None) -> str:
    """Print a P value as journals ask for it.

    Two decimals down to 0.01, three below (and where two would print 0.05).

    Examples
    --------
    >>> p_value(0.0004), p_value(0.0049), p_value(0.046), p_value(0.31), p_value(0.997)
    ('<0.001', '0.005', '0.046', '0.31', '>0.99')
    """
    if p is None:
        return NOTHING
    if p < 0.001:
        return "<0.001"
    if p > 0.99:
        return ">0.99"
    digits = 3 if p < 0.01 or 0.045 <= p < 0.055 else 2
    return f"{p:.{digits}f}"


def p_equals(p: float | None) -> str:
    """Print a P value with the sign that goes before it.

    Examples
    --------
    >>> p_equals(0.0004), p_equals(0.31)
    ('<0.001', '= 0.31')
    """
    text = p_value(p)
    return text if text[:1] in "<>" else f"= {text}"


def percent(share: float | None, digits: int = 0) -> str:
    """Print a share as a percentage.

    Examples
    --------
    >>> percent(0.666)
    '67 %'
    """
    return NOTHING if share is None else f"{number(100 * share, digits)} %"


def months(value: float | None) -> str:
    """Print a time in months, without decimals where it has none.

    Examples
    --------
    >>> months(24.0), months(18.25)
    ('24', '18.2')
    """
    return NOTHING if value is None else number(value, 0 if float(value).is_integer() else 1)


def interval(estimate: Estimate | None, digits: int = 2) -> str:
    """Print the limits of an estimate.

    Examples
    --------
    >>> from hepacast.report.content import Estimate
    >>> interval(Estimate(value=0.741, low=0.65, high=0.82))
    '0.65 to 0.82'
    """
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    return f"{number(estimate.low, digits)} to {number(estimate.high, digits)}"


def with_interval(estimate: Estimate | None, digits: int = 2) -> str:
    """Print an estimate and its interval.

    Examples
    --------
    >>> from hepacast.report.content import Estimate
    >>> with_interval(Estimate(value=0.741, low=0.65, high=0.82)), with_interval(None)
    ('0.74 (0.65 to 0.82)', '–')
    """
    if estimate is None or estimate.value is None:
        return NOTHING
    limits = interval(estimate, digits)
    return number(estimate.value, digits) + (f" ({limits})" if limits else "")


def moment(text: str) -> str:
    """Print a time stamp for people; what is no time stamp stays as it is.

    Examples
    --------
    >>> moment("2026-11-21T04:09:23.5+00:00"), moment("2026-01-31"), moment("")
    ('2026-11-21 04:09 UTC', '2026-01-31', '')
    """
    return re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)\S*?(?:\+00:00|Z)$", r"\1 \2 UTC", text)


def with_range(spread: Spread) -> str:
    """Print a count that differs from fold to fold.

    Examples
    --------
    >>> from hepacast.report.content import Spread
    >>> with_range(Spread(mean=7.8, low=3, high=12)), with_range(Spread(mean=4, low=4, high=4))
    ('7.8 (3 to 12)', '4')
    >>> with_range(Spread(mean=30200.4, low=30200, high=30201))
    '30200 (30200 to 30201)'
    """
    whole = spread.mean is not None and (float(spread.mean).is_integer() or spread.mean >= 100)
    mean = number(spread.mean, 0 if whole else 1)
    if spread.low is None or spread.high is None or spread.low == spread.high:
        return mean
    return f"{mean} ({number(spread.low, 0)} to {number(spread.high, 0)})"


def digits(value: float, most: int = 4) -> str:
    """Print a number with few digits, and without a power of ten where that is readable.

    Examples
    --------
    >>> digits(10860.4), digits(0.5), digits(40.849999999999994, 6), digits(3e-7)
    ('10860', '0.5', '40.85', '3e-07')
    """
    return f"{float(f'{value:.{most}g}'):.10g}"


def decimals(estimate: Estimate | None, least: int = 2, most: int = 6) -> int:
    """Return how many decimals keep two digits of a small effect.

    Examples
    --------
    >>> from hepacast.report.content import Estimate
    >>> decimals(Estimate(value=0.00012)), decimals(Estimate(value=1.3)), decimals(None)
    (5, 2, 2)
    """
    value = abs(estimate.value) if estimate is not None and estimate.value else 1.0
    if not math.isfinite(value) or value < 10.0**-most:
        return least
    return min(most, max(least, 1 - math.floor(math.log10(value))))


_UNITS = {"1": "", "a": "years", "umol/L": "µmol/L", "10^9/L": "10⁹/L", "10*9/L": "10⁹/L"}


def with_unit(label: str, unit: str) -> str:
    """Print a variable with its unit as people write it, given as UCUM code or as text.

    Examples
    --------
    >>> with_unit("Age", "a"), with_unit("INR", "1"), with_unit("AFP", "ng/mL")
    ('Age, years', 'INR', 'AFP, ng/mL')
    """
    unit = _UNITS.get(unit, unit)
    return f"{label}, {unit}" if unit else label


def column_label(name: str) -> str:
    """Print the name of a column without the parts that do not apply.

    Examples
    --------
    >>> column_label("-/-/-/clinical/AFP"), column_label("portal/tumour/original/glcm/Contrast")
    ('AFP', 'portal tumour glcm Contrast')
    """
    return FeatureName.parse(name).label or name if name.count("/") == 4 else name


def legal(text: str) -> str:
    """Replace the characters that XML (so SVG and DOCX) cannot hold.

    Examples
    --------
    >>> legal("a" + chr(7) + "b") == "a" + chr(0xFFFD) + "b"
    True
    """
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)


def slug(text: str) -> str:
    """Make a file name or an anchor of any text; never empty, never a path.

    Letters of any script stay; what is not a letter or a digit becomes a hyphen.

    Examples
    --------
    >>> slug("Combined <script>../../x"), slug("张三 P/D"), slug("..")
    ('combined-script-x', '张三-p-d', 'x')
    """
    return re.sub(r"[\W_]+", "-", text.lower()).strip("-")[:60] or "x"
