"""Network namespaces: interfaces, addresses, and who reaches whom.

A small IPv4: loopback, veth pairs and bridges; a packet goes to a neighbour on the same link, or
to a default gateway that forwards. Source: network_namespaces(7), veth(4), bridge(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, NetmaskValueError

from vcloud_lab.containers.namespaces import Namespace, UserNs
from vcloud_lab.errors import KernelError

__all__ = ["Interface", "NetNs"]

MOST_HOPS = 64
LONGEST_NAME = 15


@dataclass(eq=False)
class Interface:
    """An interface of the kind "loopback", "veth" (with a ``peer``) or "bridge".

    ``master`` is the bridge of which it is a port.
    """

    name: str
    kind: str
    ns: NetNs
    up: bool = False
    addresses: list[IPv4Interface] = field(default_factory=list)
    peer: Interface | None = None
    master: Interface | None = None

    @property
    def carries(self) -> bool:
        """Whether packets pass: it is up, and its peer is."""
        return self.up and (self.peer is None or self.peer.up)


class NetNs(Namespace):
    """A network namespace; a new one has a loopback that is down, and nothing else.

    ``gateway`` is the address of the default route; ``forward`` (ip_forward) passes packets of
    others on. The methods ask for no rights: ``Kernel.net`` does.
    """

    kind = "net"

    def __init__(self, owner: UserNs, number: int) -> None:
        super().__init__(owner, number)
        self.links = {"lo": Interface("lo", "loopback", self)}
        self.gateway: IPv4Address | None = None
        self.forward = False

    def link(self, name: str) -> Interface:
        """The interface of a name. Raises ``KernelError`` (ENODEV) for others."""
        if name not in self.links:
            there = ", ".join(self.links)
            raise KernelError("ENODEV", f"There is no interface {name!r} here: choose {there}.")
        return self.links[name]

    def add_veth(self, name: str, peer: str) -> None:
        """Make a pair of interfaces: what goes into one comes out of the other."""
        self._check_new(name)
        self._check_new(peer)
        if name == peer:
            raise KernelError("EEXIST", f"Both ends are named {name!r}: they need two names.")
        one, two = Interface(name, "veth", self), Interface(peer, "veth", self)
        one.peer, two.peer = two, one
        self.links |= {name: one, peer: two}

    def add_bridge(self, name: str) -> None:
        """Make a bridge: it joins its ports to one link."""
        self._check_new(name)
        self.links[name] = Interface(name, "bridge", self)

    def enslave(self, name: str, bridge: str) -> None:
        """Make an interface a port of a bridge (EINVAL where that is none)."""
        port, master = self.link(name), self.link(bridge)
        if master.kind != "bridge" or port.kind != "veth":
            raise KernelError(
                "EINVAL", f"{name} cannot become a port of {bridge}: veths are ports of bridges."
            )
        port.master = master

    def move(self, name: str, target: NetNs) -> None:
        """Put an interface into another namespace: it loses its addresses and goes down.

        Raises ``KernelError``: EINVAL for loopback, EEXIST where the name is taken there.
        """
        link = self.link(name)
        if link.kind == "loopback":
            raise KernelError("EINVAL", f"{name} stays: each namespace has its own loopback.")
        target._check_new(name)
        del self.links[name]
        target.links[name] = link
        link.ns, link.up, link.addresses, link.master = target, False, [], None

    def delete(self, name: str) -> None:
        """Remove an interface, with the other end of a pair (EOPNOTSUPP for loopback)."""
        link = self.link(name)
        if link.kind == "loopback":
            raise KernelError("EOPNOTSUPP", f"{name} cannot be deleted: set it down instead.")
        for end in (link, link.peer):
            if end is not None:
                del end.ns.links[end.name]
        for port in self.links.values():
            port.master = None if port.master is link else port.master

    def set_up(self, name: str, up: bool = True) -> None:
        """Set an interface up, or down; loopback gets 127.0.0.1/8 with it."""
        link = self.link(name)
        link.up = up
        if up and link.kind == "loopback" and not link.addresses:
            link.addresses.append(IPv4Interface("127.0.0.1/8"))

    def add_address(self, name: str, address: str) -> None:
        """Give an interface an address such as "10.0.0.2/24".

        Raises ``KernelError``: EINVAL for a text that is none, EEXIST where it has it.
        """
        try:
            told = IPv4Interface(address)
        except (AddressValueError, NetmaskValueError, ValueError):
            raise KernelError(
                "EINVAL", f"{address!r} is no IPv4 address with its length; try '10.0.0.2/24'."
            ) from None
        if told in (link := self.link(name)).addresses:
            raise KernelError("EEXIST", f"{name} has the address {address} already.")
        link.addresses.append(told)

    def set_gateway(self, address: str) -> None:
        """Set the default route; the gateway must be on a link (ENETUNREACH)."""
        gateway = _address(address)
        if self._out(gateway) is None:
            raise KernelError(
                "ENETUNREACH",
                f"The gateway {address} is on no link that is up: add an address of its network.",
            )
        self.gateway = gateway

    def ping(self, address: str) -> int:
        """How many hops away an address is (0: in this namespace), there and back.

        Raises ``KernelError``: ENETUNREACH without a route to it, EHOSTUNREACH where nobody
        answers, be it that the way back is missing.
        """
        target = _address(address)
        if self._local(target):
            return 0
        source = self._source(target)
        if source is None:
            raise KernelError(
                "ENETUNREACH",
                f"There is no route to {address}: set an interface of its network (or lo) up, or "
                "set a gateway.",
            )
        there = self._hops(target)
        back = there and there[0]._hops(source.ip)
        if not there or not back or back[0] is not self:
            raise KernelError("EHOSTUNREACH", f"Nobody answers at {address}.")
        return there[1]

    def reaches(self, address: str) -> bool:
        """Whether ``ping`` gets an answer."""
        try:
            self.ping(address)
        except KernelError as no:
            if no.name not in ("ENETUNREACH", "EHOSTUNREACH"):
                raise
            return False
        return True

    def _local(self, target: IPv4Address) -> bool:
        """Whether a packet stays here; every packet to oneself goes through loopback."""
        mine = any(
            target in one.network if link.kind == "loopback" else target == one.ip
            for link in self.links.values()
            for one in link.addresses
        )
        return mine and self.links["lo"].up

    def _source(self, target: IPv4Address) -> IPv4Interface | None:
        """The own address from which packets to a target come."""
        found = self._out(target)
        if found is None and self.gateway is not None:
            found = self._out(self.gateway)
        return found[1] if found else None

    def _out(self, target: IPv4Address) -> tuple[Interface, IPv4Interface] | None:
        """The interface, and its address, on whose network a target is: the narrowest of them."""
        routes = [
            (link, one)
            for link in self.links.values()
            for one in link.addresses
            if link.up and link.kind != "loopback" and target in one.network
        ]
        return max(routes, key=lambda route: route[1].network.prefixlen, default=None)

    def _hops(self, target: IPv4Address) -> tuple[NetNs, int] | None:
        """The namespace where a packet to a target ends, and how many links it crossed."""
        here = self
        for hops in range(MOST_HOPS):
            if any(target == one.ip for link in here.links.values() for one in link.addresses):
                return here, hops
            if hops and not here.forward:
                return None
            found, next_hop = here._out(target), target
            if found is None and here.gateway is not None:
                found, next_hop = here._out(here.gateway), here.gateway
            if found is None:
                return None
            owners = [
                link.ns for link in _link(found[0]) if any(next_hop == a.ip for a in link.addresses)
            ]
            if not owners:
                # A host answers for any of its addresses on any of its links.
                owners = [
                    link.ns
                    for link in _link(found[0])
                    if any(
                        next_hop == a.ip for one in link.ns.links.values() for a in one.addresses
                    )
                ]
            if not owners:
                return None
            here = owners[0]
        return None

    def _check_new(self, name: str) -> None:
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or "/" in name:
            raise KernelError(
                "EINVAL", f"The interface is named {name!r}: 1 to {LONGEST_NAME} letters, no '/'."
            )
        if name in self.links:
            raise KernelError("EEXIST", f"There is an interface {name!r} already: choose another.")


def _link(start: Interface) -> Iterator[Interface]:
    """The interfaces that get what one sends: the peer, through bridges all that they join."""
    seen, queue = {start}, [start]
    while queue:
        link = queue.pop(0)
        ports = [
            one for one in link.ns.links.values() if link.kind == "bridge" and one.master is link
        ]
        for other in (link.peer, link.master, *ports):
            # A bridge passes packets on between its ports; a port passes them to its peer.
            if other is None or other in seen or not (link.carries and other.carries):
                continue
            seen.add(other)
            queue.append(other)
            yield other


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except (AddressValueError, ValueError):
        raise KernelError("EINVAL", f"{text!r} is no IPv4 address; try '10.0.0.2'.") from None
