"""Hosts, virtual machines and their tasks, with the meaning that CloudSim gives to the words.

A host has *processing elements* (PEs, cores) of so many MIPS, million instructions a second. A VM
asks for vCPUs of so many MIPS each. A task, in CloudSim a *cloudlet*, is so many million
instructions (MI) on each of its PEs: 400 MI at 100 MIPS take 4 seconds.

Source: Calheiros, Ranjan, Beloglazov, De Rose & Buyya, "CloudSim: a toolkit for modeling and
simulation of cloud computing environments and evaluation of resource provisioning algorithms",
Software: Practice and Experience 41(1), 2011.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from vcloud_lab.errors import PolicyError, VcloudLabError, WorkloadError
from vcloud_lab.scheduling.numbers import Time, exact
from vcloud_lab.scheduling.policy import choose

__all__ = ["Cloudlet", "Host", "Vm", "read_hosts", "read_tasks"]

Named = TypeVar("Named", "Vm", "Cloudlet")

MOST_PES = 100_000
"""The most PEs of a host, a VM or a cloudlet: where they are not shared, each is kept track of."""


@dataclass(frozen=True)
class Host:
    """A physical machine: ``pes`` cores of ``mips`` each, and ``ram`` in any unit (None: no limit).

    Raises ``PolicyError`` for ``pes`` that are not a whole number from 1 to 100,000, and for
    ``mips`` or ``ram`` that are not above 0.
    """

    pes: int
    mips: Time
    ram: Time | None = None

    def __post_init__(self) -> None:
        _set_count(self, "pes", "A host", PolicyError)
        _set_amount(self, "mips", "A host", PolicyError)
        if self.ram is not None:
            _set_amount(self, "ram", "A host", PolicyError)


@dataclass(frozen=True)
class Vm:
    """A virtual machine that asks for ``pes`` vCPUs of ``mips`` each and for ``ram``.

    It shares its vCPUs among its ``tasks`` by "time" (all run at once and share the capacity) or
    by "space" (each has vCPUs of its own, the others queue). It is wanted from time 0 on and
    leaves when the last of its tasks has ended, those submitted later included.

    Raises ``WorkloadError`` for a name that is no text, ``pes`` that are not a whole number from 1
    to 100,000, ``mips`` that are not above 0 or ``ram`` below 0; ``PolicyError`` for other
    ``tasks``.
    """

    name: str
    pes: int
    mips: Time
    tasks: str = "time"
    ram: Time = 0

    def __post_init__(self) -> None:
        who = _name(self, "VM")
        _set_count(self, "pes", who, WorkloadError)
        _set_amount(self, "mips", who, WorkloadError)
        _set_amount(self, "ram", who, WorkloadError, zero=True)
        choose("tasks", self.tasks, "time", "space")


@dataclass(frozen=True)
class Cloudlet:
    """A task of the VM called ``vm``: ``length`` MI on each of ``pes`` PEs, known at ``submitted``.

    All its PEs work in step, so that alone on ``pes`` vCPUs of m MIPS it takes ``length`` / m.

    Raises ``WorkloadError`` for a name that is no text, a ``length`` that is not above 0, ``pes``
    that are not a whole number from 1 to 100,000, or a time before 0.
    """

    name: str
    vm: str
    length: Time
    pes: int = 1
    submitted: Time = 0

    def __post_init__(self) -> None:
        who = _name(self, "Cloudlet")
        _set_amount(self, "length", who, WorkloadError)
        _set_count(self, "pes", who, WorkloadError)
        _set_amount(self, "submitted", who, WorkloadError, zero=True)


def read_hosts(hosts: Host | Iterable[Host]) -> tuple[Host, ...]:
    """One host or a list of hosts as a tuple; ``PolicyError`` for none and for anything else."""
    read = tuple(hosts) if isinstance(hosts, Iterable) else (hosts,)
    if not read or not all(isinstance(host, Host) for host in read):
        raise PolicyError(
            f"The hosts are {hosts!r}: a Host or a list of at least one is needed; write for "
            "example Host(pes=2, mips=1000)."
        )
    return read


def read_tasks(
    machines: Iterable[Vm], cloudlets: Iterable[Cloudlet]
) -> tuple[tuple[Vm, ...], tuple[Cloudlet, ...]]:
    """The VMs and their cloudlets in list order.

    Raises ``WorkloadError`` for what is neither, for two of one name, for a cloudlet of an unknown
    VM, and for one that could never start: wider than its space-shared VM.
    """
    vms = _all_named(machines, Vm, "VMs", "Vm('VM1', pes=2, mips=1000)")
    tasks = _all_named(cloudlets, Cloudlet, "cloudlets", "Cloudlet('A', vm='VM1', length=4000)")
    known = {vm.name: vm for vm in vms}
    for task in tasks:
        vm = known.get(task.vm)
        if vm is None:
            raise WorkloadError(
                f"Cloudlet {task.name!r} belongs to VM {task.vm!r}, which is not there: the VMs "
                f"are {', '.join(known) or 'none'}; name one of them."
            )
        if vm.tasks == "space" and task.pes > vm.pes:
            raise WorkloadError(
                f"Cloudlet {task.name!r} needs {task.pes} PEs of its own and VM {vm.name!r} has "
                f"{vm.pes}: it could never start; give the VM more, or tasks='time'."
            )
    return vms, tasks


def _all_named(given: Iterable[Named], kind: type[Named], what: str, ex: str) -> tuple[Named, ...]:
    whole = isinstance(given, Iterable) and not isinstance(given, str | Mapping)
    read = tuple(given) if whole else ()
    odd = next((one for one in read if not isinstance(one, kind)), None)
    if not whole or odd is not None:
        raise WorkloadError(
            f"Among the {what} is {given if odd is None else odd!r}: a list of {kind.__name__} "
            f"objects is needed; write for example [{ex}]."
        )
    names = set()
    for one in read:
        if one.name in names:
            raise WorkloadError(
                f"Two {what} are called {one.name!r}: names tell them apart; rename one of them."
            )
        names.add(one.name)
    return read


def _name(thing: Vm | Cloudlet, kind: str) -> str:
    if not isinstance(thing.name, str) or not thing.name:
        raise WorkloadError(
            f"{kind} {thing.name!r} needs a name: write a text that is not empty, like 'A'."
        )
    return f"{kind} {thing.name!r}"


def _set_count(thing: object, field: str, who: str, error: type[VcloudLabError]) -> None:
    """Read a number of PEs into a frozen object."""
    given = getattr(thing, field)
    count = exact(given, f"{who}: its {field}", error)
    if count.denominator != 1 or not 1 <= count <= MOST_PES:
        raise error(
            f"{who} has {field} {given}: it must be a whole number from 1 to {MOST_PES}; "
            f"change the {field}."
        )
    object.__setattr__(thing, field, int(count))


def _set_amount(
    thing: object, field: str, who: str, error: type[VcloudLabError], *, zero: bool = False
) -> None:
    """Read an exact amount into a frozen object."""
    given = getattr(thing, field)
    amount = exact(given, f"{who}: its {field}", error)
    if amount < 0 or (amount == 0 and not zero):
        rule = "0 or above" if zero else "above 0"
        raise error(f"{who} has {field} {given}: it must be {rule}; change the {field}.")
    object.__setattr__(thing, field, amount)
