# SPDX-License-Identifier: Apache-2.0
"""Eigenvalues of small symmetric matrices, without a call into a library per matrix.

Source: Golub and Van Loan 2013, Matrix Computations, 4th ed., algorithms 8.3.1 (Householder
tridiagonalisation) and 8.3.2 (implicit symmetric QR step).
"""

from __future__ import annotations

import math

from numba import njit

# A neglected off-diagonal e moves an eigenvalue by e^2 / gap at most, and by e at worst.
_SMALL = 1e-11


@njit(nogil=True, cache=True)
def second_largest(a, n, diagonal, beside):
    """Second largest absolute eigenvalue of a symmetric matrix whose largest is 1.

    Parameters
    ----------
    a : (n * n,) float64
        Row by row; its lower triangle is used, and overwritten.
    n : int
        Rows.
    diagonal, beside : (n,) float64
        Scratch.
    """
    if n < 2:
        return 0.0
    if n == 2:
        # The trace is 1 plus the other eigenvalue.
        return abs(a[0] + a[3] - 1.0)
    _tridiagonal(a, n, diagonal, beside)
    _diagonal(n, diagonal, beside)
    first, second = 0.0, 0.0
    for m in range(n):
        size = abs(diagonal[m])
        if size > first:
            first, second = size, first
        elif size > second:
            second = size
    return second


@njit(nogil=True, cache=True)
def _tridiagonal(a, n, diagonal, beside):
    """Reduce to a diagonal and what stands beside it, by reflections."""
    for k in range(n - 2):
        below = a[(k + 1) * n + k]
        rest = 0.0
        for i in range(k + 2, n):
            rest += a[i * n + k] * a[i * n + k]
        if rest < 1e-30:
            beside[k] = below
            continue
        long = math.sqrt(below * below + rest)
        beside[k] = -long if below > 0.0 else long
        head = below - beside[k]
        scale = 2.0 / (head * head + rest)
        a[(k + 1) * n + k] = head
        # diagonal[k + 1:] holds the product with the reflection vector for now.
        turn = 0.0
        for i in range(k + 1, n):
            total = 0.0
            for j in range(k + 1, i + 1):
                total += a[i * n + j] * a[j * n + k]
            for j in range(i + 1, n):
                total += a[j * n + i] * a[j * n + k]
            diagonal[i] = scale * total
            turn += diagonal[i] * a[i * n + k]
        turn *= 0.5 * scale
        for i in range(k + 1, n):
            diagonal[i] -= turn * a[i * n + k]
        for i in range(k + 1, n):
            v, w = a[i * n + k], diagonal[i]
            for j in range(k + 1, i + 1):
                a[i * n + j] -= v * diagonal[j] + w * a[j * n + k]
    beside[n - 2] = a[(n - 1) * n + n - 2]
    beside[n - 1] = 0.0
    for k in range(n):
        diagonal[k] = a[k * n + k]


@njit(nogil=True, cache=True)
def _diagonal(n, diagonal, beside):
    """Turn a tridiagonal matrix until nothing is left beside its diagonal."""
    for low in range(n):
        for _ in range(60):
            high = low
            while high < n - 1 and abs(beside[high]) > _SMALL:
                high += 1
            if high == low:
                break
            g = (diagonal[low + 1] - diagonal[low]) / (2.0 * beside[low])
            r = math.sqrt(g * g + 1.0)
            g = diagonal[high] - diagonal[low] + beside[low] / (g + (r if g >= 0.0 else -r))
            s, c, shift = 1.0, 1.0, 0.0
            done = True
            for i in range(high - 1, low - 1, -1):
                f, b = s * beside[i], c * beside[i]
                r = math.sqrt(f * f + g * g)
                beside[i + 1] = r
                if r == 0.0:
                    diagonal[i + 1] -= shift
                    beside[high] = 0.0
                    done = False
                    break
                s, c = f / r, g / r
                g = diagonal[i + 1] - shift
                r = (diagonal[i] - g) * s + 2.0 * c * b
                shift = s * r
                diagonal[i + 1] = g + shift
                g = c * r - b
            if done:
                diagonal[low] -= shift
                beside[low] = g
                beside[high] = 0.0
