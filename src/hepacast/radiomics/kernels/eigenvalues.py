# SPDX-License-Identifier: Apache-2.0
"""Largest eigenvalue of small symmetric matrices, without a call into a library per matrix.

Source: Golub and Van Loan 2013, Matrix Computations, 4th ed., algorithm 8.3.1 (Householder
tridiagonalisation) and section 8.4.1 (Sturm sequences); Wilkinson 1965, The Algebraic Eigenvalue
Problem, chapter 7 (Laguerre's method, which from outside reaches the end of a real spectrum
without passing it).
"""

from __future__ import annotations

import math

from numba import njit

# Two products of whole numbers over their margins differ by more, unless both are one.
_NEAR = 1e-10


@njit(nogil=True, cache=True)
def spectral_radius(a, n, diagonal, beside, head):
    """Largest absolute eigenvalue of a symmetric matrix.

    Parameters
    ----------
    a : (n * n,) float64
        Row by row, both triangles; overwritten.
    n : int
        Rows.
    diagonal, beside, head : (n,) float64
        Scratch.
    """
    if n < 2:
        return abs(a[0]) if n == 1 else 0.0
    _tridiagonal(a, n, diagonal, beside, head)
    trace, squares = 0.0, 0.0
    for k in range(n):
        trace += diagonal[k]
        squares += diagonal[k] * diagonal[k] + 2.0 * beside[k] * beside[k]
    if squares < 1e-24:
        return 0.0
    if trace < 0.0:
        # The far end of the spectrum is likely the lower one: turn it up.
        trace = -trace
        for k in range(n):
            diagonal[k] = -diagonal[k]
    for k in range(n):
        beside[k] *= beside[k]
    # Samuelson's bound: no number lies further from the mean of n than this.
    mean = trace / n
    wide = math.sqrt(max((squares - trace * mean) * (n - 1) / n, 0.0))
    most = _upper_end(n, diagonal, beside, mean + wide)
    if _any_below(n, diagonal, beside, -most - _NEAR):
        for k in range(n):
            diagonal[k] = -diagonal[k]
        most = _upper_end(n, diagonal, beside, wide - mean)
    return most


@njit(nogil=True, cache=True)
def _tridiagonal(a, n, diagonal, beside, head):
    """Reduce to a diagonal and what stands beside it, by reflections."""
    for k in range(n - 2):
        row = k * n
        below = a[row + k + 1]
        rest = 0.0
        for i in range(k + 2, n):
            head[i] = a[row + i]
            rest += head[i] * head[i]
        if rest < 1e-30:
            beside[k] = below
            continue
        long = math.sqrt(below * below + rest)
        beside[k] = -long if below > 0.0 else long
        head[k + 1] = below - beside[k]
        scale = 2.0 / (head[k + 1] * head[k + 1] + rest)
        # diagonal[k + 1:] holds the product with the reflection's vector for now.
        turn = 0.0
        for i in range(k + 1, n):
            total = 0.0
            for j in range(k + 1, n):
                total += a[i * n + j] * head[j]
            diagonal[i] = scale * total
            turn += diagonal[i] * head[i]
        turn *= 0.5 * scale
        for i in range(k + 1, n):
            diagonal[i] -= turn * head[i]
        for i in range(k + 1, n):
            v, w = head[i], diagonal[i]
            for j in range(k + 1, n):
                a[i * n + j] -= v * diagonal[j] + w * head[j]
    beside[n - 2] = a[(n - 2) * n + n - 1]
    beside[n - 1] = 0.0
    for k in range(n):
        diagonal[k] = a[k * n + k]


@njit(nogil=True, cache=True)
def _upper_end(n, diagonal, squared, x):
    """Largest eigenvalue of a tridiagonal matrix, from an upper bound of it (Laguerre)."""
    # A start on the end itself would divide 0 by 0.
    x += 1e-6
    before = 1.0
    for _ in range(100):
        # Characteristic polynomial and its two derivatives, by their three-term recurrences.
        p, p1, p2 = 1.0, 0.0, 0.0
        q, q1, q2 = 0.0, 0.0, 0.0
        for k in range(n):
            away = x - diagonal[k]
            weight = squared[k - 1] if k > 0 else 0.0
            r = away * p - weight * q
            r1 = away * p1 + p - weight * q1
            r2 = away * p2 + 2.0 * p1 - weight * q2
            q, q1, q2 = p, p1, p2
            p, p1, p2 = r, r1, r2
            if abs(p) + abs(p1) < 1e-100:
                p, p1, p2 = p * 1e100, p1 * 1e100, p2 * 1e100
                q, q1, q2 = q * 1e100, q1 * 1e100, q2 * 1e100
        if p <= 0.0:
            break
        g = p1 / p
        h = g * g - p2 / p
        step = n / (g + math.sqrt(max((n - 1) * (n * h - g * g), 0.0)))
        x -= step
        # Steps shrink by their third power, but only evenly at a root that occurs twice.
        if step < _NEAR or (step < 1e-4 and step < 1e-3 * before):
            break
        before = step
    return x


@njit(nogil=True, cache=True)
def _any_below(n, diagonal, squared, x):
    """Tell whether any eigenvalue of a tridiagonal matrix lies below a value (Sturm)."""
    pivot = 1.0
    for k in range(n):
        pivot = diagonal[k] - x - (squared[k - 1] / pivot if k > 0 else 0.0)
        if pivot <= 0.0:
            return True
    return False
