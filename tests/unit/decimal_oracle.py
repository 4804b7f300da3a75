#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints tests/unit/decimal_cases.inc: sums worked out with Python's exact fractions, for test_decimal.c.

Run by hand when a case is wanted that is not there; the seed is fixed, so the file changes only where this script does:

    /usr/bin/python3 decimal_oracle.py > decimal_cases.inc
"""
import random
from fractions import Fraction

LIMIT = 10**18
ROUND = random.Random(20240719)


class Decimal:
    def __init__(self, mantissa, scale):
        self.mantissa, self.scale = mantissa, scale

    @property
    def value(self):
        return Fraction(self.mantissa, 10**self.scale)

    def __str__(self):
        return f"{self.mantissa}, {self.scale}"


def text(mantissa, scale):
    digits = str(abs(mantissa)).rjust(scale + 1, "0")
    body = digits if scale == 0 else f"{digits[:-scale]}.{digits[-scale:]}"
    return ("-" if mantissa < 0 else "") + body


def exact(value):
    """The shortest decimal that is exactly value, or "" when none has 18 digits and 18 decimals."""
    for scale in range(19):
        m = value * 10**scale
        if m.denominator == 1:
            return text(m.numerator, scale) if abs(m) < LIMIT else ""
    return ""


def half_away(value, scale):
    m = abs(value) * 10**scale
    n = (2 * m.numerator + m.denominator) // (2 * m.denominator)
    return "" if n >= LIMIT else text(-n if value < 0 else n, scale)


def any_decimal():
    digits = ROUND.choice([0, 1, 2, 3, 6, 9, 12, 15, 17, 18, 18])
    mantissa = ROUND.randrange(10**digits) if digits else 0
    kind = ROUND.random()
    if kind < 0.15:
        mantissa = LIMIT - 1 - ROUND.randrange(3)
    elif kind < 0.35:
        mantissa = mantissa // 10**6 * 10**6
    scale = ROUND.choice([0, 0, 1, 2, 3, 6, 9, 17, 18])
    return Decimal(-mantissa if ROUND.random() < 0.4 else mantissa, scale)


def sign(n):
    return (n > 0) - (n < 0)


def one(op, a, power, scale, want):
    print(f'ONE({op}, {a}, {power}, {scale}, "{want}")')


def two(op, a, b, power, scale, want):
    print(f'TWO({op}, {a}, {b}, {power}, {scale}, "{want}")')


def four(op, a, b, c, d, want):
    print(f'FOUR({op}, {a}, {b}, {c}, {d}, "{want}")')


def near(a, b):
    """A c and d whose product is a * b, or off by the last place: where 128 bits are not enough to tell."""
    c, d = Decimal(b.mantissa, a.scale), Decimal(a.mantissa, b.scale)
    if ROUND.random() < 0.6 and abs(c.mantissa) < LIMIT - 1:
        c.mantissa += ROUND.choice([-1, 1])
    return c, d


def main():
    print("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by decimal_oracle.py. */")
    for _ in range(90):
        a, b = any_decimal(), any_decimal()
        two("ADD", a, b, 0, 0, exact(a.value + b.value))
        two("SUBTRACT", a, b, 0, 0, exact(a.value - b.value))
        two("MULTIPLY", a, b, 0, 0, exact(a.value * b.value))
        two("COMPARE", a, b, 0, 0, sign(a.value - b.value))
        c, d = near(a, b) if ROUND.random() < 0.6 else (any_decimal(), any_decimal())
        four("PRODUCTS", a, b, c, d, sign(a.value * b.value - c.value * d.value))
        power, scale = ROUND.choice([-36, -18, -6, -1, 0, 0, 2, 3, 6, 12, 18, 36]), ROUND.choice([0, 1, 2, 4, 9, 18])
        want = half_away(a.value / b.value * Fraction(10)**power, scale) if b.mantissa else ""
        two("DIVIDE", a, b, power, scale, want)
        one("SHIFT", a, power, 0, exact(a.value * Fraction(10)**power))
        one("ROUND", a, 0, scale, half_away(a.value, scale) if scale < a.scale else text(a.mantissa, a.scale))


main()
