# SPDX-License-Identifier: Apache-2.0
"""Check printed counts, ratios and differences of AUCs."""

from __future__ import annotations

import numpy as np
from scipy import stats

from hepacast.stats.precision import expected_auc_width
from hepacast.stats.reported import Finding


def check_reported_share(
    count: int, total: int, percent: float, *, decimals: int = 1, label: str = ""
) -> tuple[Finding, ...]:
    """Check that a printed count, total and percentage agree.

    Parameters
    ----------
    count, total : int
        As printed.
    percent : float
        As printed, in percent.
    decimals : int
        Of the percentage.
    label : str
        Of the line.

    Examples
    --------
    >>> print(check_reported_share(295, 289, 10.0)[0].sentence())
    295 of 289 is not 10.0 %; it fits if the count is 29
    """
    slack = 0.5 * 10.0**-decimals + 1e-9
    if count <= total and abs(100 * count / total - percent) <= slack:
        return ()
    fitting = [k for k in range(total + 1) if abs(100 * k / total - percent) <= slack]
    reading = f"the count is {' or '.join(map(str, fitting[:3]))}" if fitting else ""
    what = f"{count} of {total} is not {percent:.{decimals}f} %"
    return (Finding(problem="impossible share", what=what, reading=reading, label=label),)


def check_reported_ratio(
    ratio: float, low: float, high: float, p: float | None = None, *, label: str = ""
) -> tuple[Finding, ...]:
    """Check that an odds or hazard ratio, its 95 % interval and its P value agree.

    Parameters
    ----------
    ratio, low, high : float
        As printed.
    p : float, optional
        As printed.
    label : str
        Of the line.

    Notes
    -----
    Wald intervals are symmetric in the logarithm.  P values are compared generously: by a
    factor of 2 in z, unless interval and P lie on different sides of 0.05.

    Examples
    --------
    >>> check_reported_ratio(2.49, 1.14, 5.44, 0.020)
    ()
    >>> print(check_reported_ratio(2.49, 0.84, 5.44, 0.010)[-1].what)
    P = 0.01, but the interval 0.84-5.44 contains 1
    """
    if not 0 < low <= ratio <= high:
        what = f"ratio {ratio:g} lies outside {low:g}-{high:g}"
        return (Finding(problem="ratio outside its interval", what=what, label=label),)
    findings = []
    middle = float(np.sqrt(low * high))
    # Limits are printed with two or three digits: their rounding moves the middle.
    if abs(np.log(ratio / middle)) > 0.05 * np.log(high / low) + 0.01:
        what = f"ratio {ratio:g} is not the middle of {low:g}-{high:g} on the log scale"
        reading = f"the ratio is about {middle:.2f}"
        findings.append(
            Finding(problem="interval fits no method", what=what, reading=reading, label=label)
        )
    if p is not None:
        significant = not low <= 1 <= high
        if significant != (p < 0.05) and abs(p - 0.05) > 0.006:
            verb = "excludes" if significant else "contains"
            what = f"P = {p:g}, but the interval {low:g}-{high:g} {verb} 1"
            findings.append(Finding(problem="P value contradicts interval", what=what, label=label))
    return tuple(findings)


def check_reported_difference(
    first: float, second: float, n: int, events: int, p: float, *, label: str = ""
) -> tuple[Finding, ...]:
    """Check the printed P value of the difference of two AUCs of the same cases.

    Parameters
    ----------
    first, second : float
        AUCs as printed.
    n, events : int
        Cases, and those with the event.
    p : float
        As printed; for "P > 0.05" pass 0.05.
    label : str
        Of the line.

    Notes
    -----
    Even two scores that never agree have a difference with a standard error below the sum of
    both; a P value above the one of that error is impossible for any correlation.

    Examples
    --------
    >>> print(check_reported_difference(0.819, 0.580, 289, 120, 0.05)[0].what)
    AUC 0.819 and 0.58 of 289 cases cannot differ with P of 0.05 or above (P <= 8e-05)
    """
    widths = [expected_auc_width(max(one, 1 - one), n, events / n) for one in (first, second)]
    largest_se = sum(widths) / (2 * 1.959964)
    most = float(2 * stats.norm.sf(abs(first - second) / largest_se))
    if p <= most:
        return ()
    what = (
        f"AUC {first:g} and {second:g} of {n} cases cannot differ with P of {p:g} or above "
        f"(P <= {most:.1g})"
    )
    return (Finding(problem="P value contradicts difference", what=what, label=label),)
