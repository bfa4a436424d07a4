"""Whose memory to take: shares per page, with a tax on idle pages.

A guest's shares per page say how much it pays for a page; the page is taken from the guest that
pays least (min-funding revocation). With a tax of T an idle page counts like 1/(1-T) active ones.

Source: Waldspurger, "Memory Resource Management in VMware ESX Server", OSDI 2002, section 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from vcloud_lab.errors import GuestError
from vcloud_lab.vm.model_rules import check_exact, check_number
from vcloud_lab.vm.overcommit import Host, Victim

__all__ = [
    "DEFAULT_TAX",
    "Claim",
    "adjusted_ratio",
    "funding",
    "min_funding",
    "sampled_active",
    "targets",
]

DEFAULT_TAX = Fraction(3, 4)
"""The default of ESX Server: an idle page counts like 4."""


@dataclass(frozen=True)
class Claim:
    """A guest's shares, the pages that it holds, and how many of those it really uses."""

    name: str
    shares: int
    pages: int
    active: int


def adjusted_ratio(
    shares: int, pages: int, active: int | Fraction, tax: int | Fraction = DEFAULT_TAX
) -> Fraction:
    """Shares per page: S / (P * (f + k * (1 - f))) with k = 1 / (1 - tax).

    ``active`` is f, the fraction of the pages in use. Raises ``GuestError`` for numbers below 1, a
    fraction outside 0..1 and a tax outside 0..1, 1 excluded.
    """
    check_number(shares, 1, 1 << 30, "The number of shares", "try 1000")
    check_number(pages, 1, 1 << 30, "The number of pages", "try 64")
    check_exact(active, "The active fraction", 1)
    check_tax(tax)
    return Fraction(shares) / (pages * (active + (1 - active) / (1 - Fraction(tax))))


def targets(
    claims: Sequence[Claim], frames: int, tax: int | Fraction = DEFAULT_TAX
) -> dict[str, int]:
    """How many pages each guest keeps when all must fit in ``frames``; a tie takes by list order.

    Page by page, the guest with the lowest ratio gives one up, an idle one while it has any.
    Raises ``GuestError`` for claims or a tax that cannot be.
    """
    check_number(frames, 0, 1 << 30, "The number of frames", "try 64")
    check_tax(tax)
    for claim in claims:
        check_number(claim.shares, 1, 1 << 30, f"The number of shares of {claim.name}", "try 1000")
        check_number(claim.pages, 0, 1 << 20, f"The number of pages of {claim.name}", "try 64")
        check_number(
            claim.active, 0, claim.pages, f"The number of active pages of {claim.name}", "try 0"
        )
    keeps = {claim.name: claim.pages for claim in claims}
    if len(keeps) < len(claims):
        raise GuestError("Two claims have one name: give every guest a name of its own.")

    def ratio(claim: Claim) -> Fraction:
        pages = keeps[claim.name]
        return adjusted_ratio(claim.shares, pages, Fraction(min(claim.active, pages), pages), tax)

    while sum(keeps.values()) > frames:
        poorest = min((claim for claim in claims if keeps[claim.name]), key=ratio)
        keeps[poorest.name] -= 1
    return keeps


def funding(host: Host, guest: str, tax: int | Fraction = DEFAULT_TAX) -> Fraction:
    """The adjusted shares per page that a guest of a host pays now; it must hold a page."""
    return adjusted_ratio(host.shares[guest], host.resident(guest), host.active(guest), tax)


def min_funding(tax: int | Fraction = DEFAULT_TAX) -> Victim:
    """A policy for the host's swap: the least recently used page of the guest that pays least.

    Raises ``GuestError`` for a tax outside 0..1, 1 excluded.
    """
    check_tax(tax)

    def victim(host: Host) -> int:
        holders = [name for name in host.guests if host.resident(name)]
        poorest = min(holders, key=lambda name: funding(host, name, tax))
        return next(
            number
            for number, frame in host.used.items()
            if any(owner.guest == poorest for owner in frame.owners)
        )

    return victim


def sampled_active(host: Host, guest: str, sample: int, seed: int) -> Fraction:
    """Estimate ``host.active(guest)`` from ``sample`` of the guest's resident pages.

    It needs no more than the touches of the sampled pages. Raises ``GuestError`` for a sample that
    is larger than what is resident.
    """
    pages = [
        owner for frame in host.used.values() for owner in frame.owners if owner.guest == guest
    ]
    check_number(sample, 1, len(pages), "The size of the sample", "sample resident pages")
    chosen = Random(seed).sample(sorted(pages), sample)
    return Fraction(sum(map(host.was_touched, chosen)), sample)


def check_tax(tax: object) -> None:
    """Raise ``GuestError`` unless ``tax`` is a rational number from 0 to less than 1."""
    check_exact(tax, "The tax", 1)
    if tax == 1:
        raise GuestError("The tax is 1: an idle page would cost without end; stay below, as 3/4.")
