"""Pictures of hypervisors: exits by their reason, and the bill in cycles."""

from __future__ import annotations

from collections.abc import Sequence

from vcloud_lab.errors import RenderError
from vcloud_lab.render import svg_parts as parts
from vcloud_lab.render.picture import Picture, finish, rect
from vcloud_lab.render.theme import colour_of
from vcloud_lab.vm.costs import Costs
from vcloud_lab.vm.hypervisor import Outcome

__all__ = ["bills", "exits_by_reason", "technique_view"]

LEFT, RIGHT, ROW = 210.0, 660.0, 20
CELLS = 40
"""Characters of the longest bar of a twin."""
PARTS = (("direct", 0, "", "█"), ("software", 1, "/", "▒"), ("exits", 5, "", "░"))
"""What a bill is made of: its name, the number of its colour, its hatch, its character."""
WRONG = "the guest went wrong"


def exits_by_reason(outcomes: Sequence[Outcome]) -> Picture:
    """A bar for every reason of every outcome, all on one scale.

    Raises ``RenderError`` for no outcomes.
    """
    _some(outcomes)
    most = max((max(o.exits.values(), default=0) for o in outcomes), default=0)
    drawn, rows, y = list[str](), list[str](), 10
    for outcome in outcomes:
        more, y = _exits(outcome, most, y)
        drawn += more
        rows += _exit_rows(outcome, most)
    totals = ", ".join(f"{o.exits_in_all:,} under {o.technique}" for o in outcomes)
    return finish("Exits by reason", f"Exits: {totals}.", y + 4, drawn, rows)


def bills(outcomes: Sequence[Outcome], costs: Costs | None = None) -> Picture:
    """A bar for every outcome: the cycles of instructions that the processor executes, of those
    that software executes, and of the exits.

    Raises ``RenderError`` for no outcomes.
    """
    _some(outcomes)
    costs = costs or Costs()
    drawn, y = _bills(outcomes, costs, 10)
    return finish("The bill in cycles", _bill_sentence(outcomes, costs), y + 4, drawn,
                  _bill_rows(outcomes, costs), ("/",))  # fmt: skip


def technique_view(
    chosen: Outcome, outcomes: Sequence[Outcome], costs: Costs, console: str
) -> Picture:
    """The exits of one outcome and the bills of all. ``console`` is what the guest should have
    written: an outcome that wrote something else gets no bill.

    Raises ``RenderError`` for no outcomes.
    """
    _some(outcomes)
    wrong = frozenset(o.technique for o in outcomes if o.console != console)
    most = max(chosen.exits.values(), default=0)
    drawn, y = _exits(chosen, most, 10)
    more, y = _bills(outcomes, costs, y + 12, wrong)
    name, said = chosen.technique, "There were no exits: software executes all instructions."
    if chosen.exits:
        reason = max(chosen.exits, key=lambda key: chosen.exits[key])
        said = (
            f"{chosen.exits_in_all:,} exits, most of them ({chosen.exits[reason]:,}) for this "
            f"reason: {reason}."
        )
    if name in wrong:
        said += " But the guest went wrong: its console is not what it should be."
    good = [o for o in outcomes if o.technique not in wrong]
    said = f"{name[0].upper()}{name[1:]}: {said} {_bill_sentence(good, costs) if good else ''}"
    rows = [*_exit_rows(chosen, most), "", *_bill_rows(outcomes, costs, wrong)]
    return finish("One technique", said.strip(), y + 4, drawn + more, rows, ("/",))


def _some(outcomes: Sequence[Outcome]) -> None:
    if not outcomes:
        raise RenderError("There are 0 outcomes: nothing can be shown; give at least one.")


def _exits(outcome: Outcome, most: int, y: int) -> tuple[list[str], int]:
    """The heading and the bars, and where they end."""
    title = f"{outcome.technique}: {outcome.exits_in_all:,} exits"
    drawn = [parts.text(10, y + 14, title, "b")]
    y += ROW
    for reason, count in _largest_first(outcome):
        wide = max(1.0, (RIGHT - LEFT) * count / most)
        drawn.append(parts.text(LEFT - 8, y + 13, reason, "e"))
        drawn.append(rect("r", LEFT, y + 2, wide, ROW - 6, f' fill="{colour_of(0)}"'))
        drawn.append(parts.text(LEFT + wide + 6, y + 13, f"{count:,}"))
        y += ROW
    return drawn, y + 6


def _exit_rows(outcome: Outcome, most: int) -> list[str]:
    rows = [f"{outcome.technique}: {outcome.exits_in_all:,} exits"]
    for reason, count in _largest_first(outcome):
        bar = "█" * -(-CELLS * count // most)
        rows.append(f"  {reason:24}{count:6,} {bar}")
    return rows


def _largest_first(outcome: Outcome) -> list[tuple[str, int]]:
    return sorted(outcome.exits.items(), key=lambda entry: (-entry[1], entry[0]))


def _cycles(outcome: Outcome, costs: Costs) -> tuple[int, int, int]:
    """The cycles of each part of a bill."""
    direct, software = outcome.direct * costs.instruction, outcome.interpreted * costs.interpreted
    return direct, software, outcome.cycles(costs) - direct - software


def _bills(
    outcomes: Sequence[Outcome], costs: Costs, y: int, wrong: frozenset[str] = frozenset()
) -> tuple[list[str], int]:
    drawn, x = [parts.text(10, y + 14, "cycles", "b")], LEFT
    for name, colour, hatch, _ in PARTS:
        drawn += _piece(x, y + 3, 14, colour, hatch)
        drawn.append(parts.text(x + 20, y + 14, name))
        x += 110
    y += ROW + 4
    most = max((o.cycles(costs) for o in outcomes if o.technique not in wrong), default=0) or 1
    for outcome in outcomes:
        drawn.append(parts.text(LEFT - 8, y + 13, outcome.technique, "e"))
        if outcome.technique in wrong:
            drawn.append(parts.text(LEFT + 6, y + 13, WRONG, "m"))
        else:
            at = LEFT
            for cycles, (_, colour, hatch, _) in zip(_cycles(outcome, costs), PARTS, strict=True):
                wide = (RIGHT - LEFT) * cycles / most
                drawn += _piece(at, y + 2, wide, colour, hatch) if wide else []
                at += wide
            drawn.append(parts.text(at + 6, y + 13, f"{outcome.cycles(costs):,}"))
        y += ROW
    return drawn, y + 6


def _piece(x: float, y: float, wide: float, colour: int, hatch: str) -> list[str]:
    drawn = [rect("r", x, y, wide, ROW - 6, f' fill="{colour_of(colour)}"')]
    if hatch:
        drawn.append(rect("h", x, y, wide, ROW - 6, ' fill="url(#h1KEY)"'))
    return drawn


def _bill_rows(
    outcomes: Sequence[Outcome], costs: Costs, wrong: frozenset[str] = frozenset()
) -> list[str]:
    key = "  ".join(f"{sign} {name}" for name, _, _, sign in PARTS)
    most = max((o.cycles(costs) for o in outcomes if o.technique not in wrong), default=0) or 1
    rows = [f"cycles: {key}"]
    for outcome in outcomes:
        if outcome.technique in wrong:
            rows.append(f"  {outcome.technique:20}{WRONG:>12}")
            continue
        bar, so_far = "", 0
        for cycles, (*_, sign) in zip(_cycles(outcome, costs), PARTS, strict=True):
            so_far += cycles
            bar += sign * (-(-CELLS * so_far // most) - len(bar))
        rows.append(f"  {outcome.technique:20}{outcome.cycles(costs):12,} {bar}")
    return rows


def _bill_sentence(outcomes: Sequence[Outcome], costs: Costs) -> str:
    bill = {o.technique: o.cycles(costs) for o in outcomes}
    low, high = min(bill, key=bill.__getitem__), max(bill, key=bill.__getitem__)
    if len(bill) == 1:
        return f"The bill is {bill[low]:,} cycles."
    return (
        f"The lowest bill is that of {low}, {bill[low]:,} cycles; the highest that of {high}, "
        f"{bill[high]:,}."
    )
