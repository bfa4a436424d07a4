"""What a sweep found: its rows in the order of the points, and exact means over groups of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from vcloud_lab.errors import SweepError
from vcloud_lab.scheduling.numbers import Time, simplest
from vcloud_lab.scheduling.points import FIELDS, Point
from vcloud_lab.scheduling.sweep_file import parse_line

__all__ = ["Results", "Spread"]

GROUPS = ("label", *FIELDS)


class Spread(NamedTuple):
    """One figure over a group of points: exact mean, least, most, and how many they are."""

    mean: Time
    least: Time
    most: Time
    points: int


class Results:
    """The results of a sweep. Made by ``sweep``.

    The order is that of the points, whatever the order in which they were finished. A million
    points are kept as text, and read when they are asked for.
    """

    def __init__(self, points: Sequence[Point], lines: Mapping[Point, str]) -> None:
        self.points = tuple(points)
        self._lines = lines

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """One ``dict`` a point: its label, its fields, and its figures, or "failed" with a
        sentence."""
        for point in self.points:
            _, found = parse_line(self._lines[point])
            about = {name: getattr(point, name) for name in GROUPS}
            yield about | ({"failed": found} if isinstance(found, str) else found)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All rows, as iterating gives them; numbers are ``int`` or ``Fraction``."""
        return list(self)

    @property
    def failed(self) -> dict[Point, str]:
        """The points whose measure raised, each with its sentence."""
        found = ((point, parse_line(self._lines[point])[1]) for point in self.points)
        return {point: sentence for point, sentence in found if isinstance(sentence, str)}

    def by(self, *fields: str, metric: str = "mean waiting") -> dict[tuple[Any, ...], Spread]:
        """A figure by some fields of the points, over all the others: ``by("label", "load")``.

        The keys are the values of ``fields``, in the order in which they first come up; "label" is
        the policy with its quantum. Points that failed are left out. Raises ``SweepError`` for a
        field or metric that the rows do not have.
        """
        odd = next((name for name in fields if name not in GROUPS), None)
        if odd is not None or not fields:
            what = "no field" if odd is None else repr(odd)
            raise SweepError(
                f"Results cannot be grouped by {what}: points have {', '.join(GROUPS)}; "
                "name some of these."
            )
        groups: dict[tuple[Any, ...], list[Time]] = {}
        for row in self:
            if "failed" in row:
                continue
            if metric not in row or metric in GROUPS:
                known = ", ".join(name for name in row if name not in GROUPS)
                raise SweepError(
                    f"The results have no figure {metric!r}: there are {known}; ask for one."
                )
            groups.setdefault(tuple(row[name] for name in fields), []).append(row[metric])
        return {
            key: Spread(_mean(values), min(values), max(values), len(values))
            for key, values in groups.items()
        }

    def curves(
        self, x: str = "load", of: str = "label", metric: str = "mean waiting"
    ) -> tuple[list[Time], dict[str, list[Time]]]:
        """Means of a figure as ``render.lines`` draws them: the values of the field ``x`` in
        increasing order, and one curve for each value of the field ``of``.

            lines(*results.curves("load"), xlabel="load", ylabel="mean waiting")

        Raises ``SweepError`` as ``by`` does, for an ``x`` without numbers, and where a curve would
        have a hole because a combination is missing or failed.
        """
        groups = self.by(x, of, metric=metric)
        across = list(dict.fromkeys(key[0] for key in groups))
        wrong = next((value for value in across if not isinstance(value, int | Fraction)), 0)
        if wrong != 0:
            raise SweepError(
                f"There is no axis of {x}: it has the value {wrong!r} and a curve goes over "
                "numbers; choose load, seed, n or switch_cost, or the quantum of RR alone."
            )
        across.sort()
        curves: dict[str, list[Time]] = {}
        for name in dict.fromkeys(key[1] for key in groups):
            hole = next((at for at in across if (at, name) not in groups), None)
            if hole is not None:
                raise SweepError(
                    f"The curve of {name} has no value at {x} {hole}: every curve needs one at "
                    "each; sweep the whole grid, or choose points without failures."
                )
            curves[str(name)] = [groups[at, name].mean for at in across]
        return across, curves

    def __repr__(self) -> str:
        failed = len(self.failed)
        return f"Results of {len(self)} points" + (f", {failed} failed" if failed else "")


def _mean(values: list[Time]) -> Time:
    """The exact mean, adding two by two: a running sum would drag a large denominator along."""
    parts = [Fraction(value) for value in values]
    while len(parts) > 1:
        parts = [sum(parts[at : at + 2], Fraction(0)) for at in range(0, len(parts), 2)]
    return simplest(parts[0] / len(values))
