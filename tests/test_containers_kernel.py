"""Processes and namespaces of the model kernel."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Callable

import pytest

from vcloud_lab.containers.kernel import Ended, Kernel
from vcloud_lab.containers.network import NetNs
from vcloud_lab.containers.process import Process
from vcloud_lab.errors import KernelError


def user(kernel: Kernel, uid: int = 1000) -> Process:
    """A shell of an ordinary user."""
    process = kernel.spawn(kernel.init, "sh")
    kernel.set_user(process, uid, uid)
    return process


def test_a_process_ends_and_is_reaped() -> None:
    kernel = Kernel()
    shell = kernel.spawn(kernel.init, "/bin/sh -c x")
    child = kernel.spawn(shell, "true")
    assert kernel.wait(shell) is None
    kernel.exit(child, 3)
    assert (child.state, kernel.root.pids.current) == ("Z", 3)
    assert kernel.read(kernel.init, "/proc/3/status").splitlines()[1] == "State:\tZ (zombie)"
    assert kernel.wait(shell, child) == Ended(3, 3)
    assert kernel.root.pids.current == 2
    assert kernel.read(kernel.init, "/proc/2/comm") == "sh\n"
    # process 1 reaps by itself
    kernel.exit(shell)
    assert kernel.names(kernel.init, "/proc") == ["1", "self"]


def test_orphans_go_to_the_first_process_of_their_namespace() -> None:
    kernel = Kernel()
    for reaps in (False, True):
        box = kernel.spawn(kernel.init, "entry", new=("pid",), reaps=reaps)
        middle = kernel.spawn(box, "middle")
        leaf = kernel.spawn(middle, "leaf")
        early = kernel.spawn(middle, "early")
        kernel.exit(early)
        kernel.exit(middle)
        assert leaf.parent is box
        kernel.exit(leaf)
        # A first process that never waits collects zombies.
        zombies = [one.command for one in box.children if not one.alive]
        assert sorted(zombies) == ([] if reaps else ["early", "leaf", "middle"])


def test_numbers_in_nested_pid_namespaces() -> None:
    kernel = Kernel()
    outer = kernel.spawn(kernel.init, "outer", new=("pid", "mnt"))
    inner = kernel.spawn(outer, "inner", new=("pid",))
    assert list(inner.numbers.values()) == [3, 2, 1]
    assert (inner.pid, inner.pid_in(outer.ns.pid)) == (3, 2)
    assert outer.pid_in(inner.ns.pid) == 0
    assert "NSpid:\t3\t2\t1\n" in kernel.read(kernel.init, "/proc/3/status")
    kernel.mount(outer, "proc", "/proc")
    assert "NSpid:\t2\t1\n" in kernel.read(outer, "/proc/2/status")
    assert "PPid:\t0\n" in kernel.read(outer, "/proc/1/status")
    assert kernel.find(outer, 2) is inner


def test_with_the_first_process_all_others_end() -> None:
    kernel = Kernel()
    outer = kernel.spawn(kernel.init, "outer", new=("pid",))
    inner = kernel.spawn(outer, "inner", new=("pid",))
    leaf = kernel.spawn(inner, "leaf")
    watcher = kernel.spawn(kernel.init, "watcher")
    kernel.setns(watcher, inner.ns.pid)
    late = kernel.spawn(watcher, "late")
    kernel.kill(kernel.init, outer.pid, "KILL")
    assert [one.code for one in (outer, inner, leaf, late)] == [-9] * 4
    assert kernel.names(kernel.init, "/proc") == ["1", "5", "self"]
    assert kernel.root.pids.current == 2
    with pytest.raises(KernelError, match="ENOMEM: The first process"):
        kernel.spawn(watcher, "more")


def test_signals() -> None:
    kernel = Kernel()
    init = kernel.init
    plain = kernel.spawn(init, "plain")
    polite = kernel.spawn(init, "polite", handles=("TERM", "CHLD"))
    kernel.kill(init, polite.pid)
    assert polite.received == ["TERM"]
    kernel.exit(kernel.spawn(polite, "child"))
    assert polite.received == ["TERM", "CHLD"]
    kernel.burn(plain)
    kernel.kill(init, plain.pid, "STOP")
    assert plain.state == "T"
    kernel.kill(init, plain.pid, "CHLD")
    kernel.kill(init, plain.pid, "CONT")
    assert plain.state == "R"
    kernel.kill(init, plain.pid)
    kernel.kill(init, polite.pid, "KILL")
    assert (plain.code, polite.code) == (-15, -9)
    zombie = kernel.spawn(kernel.spawn(init, "parent"), "zombie")
    kernel.exit(zombie, 7)
    kernel.kill(init, zombie.pid, "KILL")
    assert zombie.code == 7


def test_the_first_process_is_hard_to_kill_from_inside() -> None:
    kernel = Kernel()
    box = kernel.spawn(kernel.init, "entry", new=("pid",))
    child = kernel.spawn(box, "child")
    for signal in ("KILL", "TERM", "STOP"):
        kernel.kill(child, 1, signal)
    kernel.kill(kernel.init, box.pid, "TERM")  # ignored too: it handles none
    kernel.kill(kernel.init, 1, "KILL")
    assert box.state == "S"
    kernel.kill(kernel.init, box.pid, "STOP")
    assert box.state == "T"
    kernel.kill(child, 1, "CONT")
    assert box.state == "S"
    kernel.kill(kernel.init, box.pid, "KILL")
    assert (box.code, child.code) == (-9, -9)


def test_names_keys_and_clocks_are_of_the_namespace() -> None:
    kernel = Kernel()
    init = kernel.init
    box = kernel.spawn(init, "sh", new=("uts", "ipc", "time"))
    kernel.set_hostname(box, "box")
    assert (init.ns.uts.hostname, box.ns.uts.hostname) == ("host", "box")
    init.ns.ipc.shmget(42, 8, create=True)[:2] = b"hi"
    assert init.ns.ipc.shmget(42, 4) == b"hi" + bytes(6)
    assert 42 not in box.ns.ipc.segments
    kernel.setns(box, init.ns.ipc)
    assert 42 in box.ns.ipc.segments
    kernel.run(5)
    kernel.unshare(box, "time")
    kernel.write(box, "/proc/2/timens_offsets", "monotonic 60 7\n7 -0 0")
    assert kernel.read(box, "/proc/2/timens_offsets") == (
        "monotonic          60         7\nboottime            0         0\n"
    )
    child = kernel.spawn(box, "sh")
    assert (kernel.time(box), kernel.time(child)) == (5000, 60 * 10**9 + 5007)
    assert kernel.time(child, "boottime") == 5000
    kernel.setns(init, child.ns.time)
    assert kernel.time(init) == kernel.time(child)


def test_root_inside_is_nobody_outside() -> None:
    kernel = Kernel()
    shell = user(kernel)
    box = kernel.spawn(shell, "sh", new=("user", "uts"))
    status = "/proc/3/status"
    assert "Uid:\t65534\t" in kernel.read(box, status)
    kernel.write(shell, "/proc/3/setgroups", "deny\n")
    kernel.write(shell, "/proc/3/uid_map", "0 1000 1\n")
    kernel.write(shell, "/proc/3/gid_map", "0 1000 1\n")
    assert kernel.read(box, "/proc/3/uid_map") == "         0       1000          1\n"
    assert kernel.read(box, "/proc/3/setgroups") == "deny\n"
    kernel.exec(box, "/bin/bash")
    assert "Uid:\t0\t" in kernel.read(box, status)
    assert "Uid:\t1000\t" in kernel.read(kernel.init, status)
    assert "Uid:\t65534\t" in kernel.read(box, "/proc/1/status")
    # It rules what its namespace owns, and nothing else.
    kernel.set_hostname(box, "mine")
    with pytest.raises(KernelError, match="EPERM: Process 3 must not change the network"):
        kernel.net(box)
    with pytest.raises(KernelError, match="EACCES"):
        kernel.write(box, "/root", "")
    # The owner outside rules it; another user does not.
    assert shell.capable(box.ns.user, "SYS_ADMIN")
    assert not user(kernel, 2000).capable(box.ns.user, "SYS_ADMIN")
    assert not shell.capable(kernel.init.ns.user, "SYS_ADMIN")
    nested = kernel.spawn(box, "sh", new=("user",))
    kernel.write(box, "/proc/5/uid_map", "7 0 1")
    assert nested.ns.user.outside("uid", 7) == 1000
    assert nested.ns.user.inside("uid", 1000) == 7


def test_without_a_map_a_program_loses_its_capabilities() -> None:
    kernel = Kernel()
    box = kernel.spawn(user(kernel), "sh", new=("user", "net"))
    kernel.net(box).set_up("lo")
    kernel.exec(box, "sh")
    with pytest.raises(KernelError, match="EPERM"):
        kernel.net(box)


def test_dropped_capabilities_stay_away() -> None:
    kernel = Kernel()
    shell = kernel.spawn(kernel.init, "sh")
    kernel.drop(shell, ["SYS_ADMIN"])
    child = kernel.spawn(shell, "sh")
    with pytest.raises(KernelError, match=r"EPERM: .* no SYS_ADMIN"):
        kernel.set_hostname(child, "x")
    kernel.net(child).set_up("lo")


def test_containers_on_a_bridge() -> None:
    kernel = Kernel()
    init, host = kernel.init, kernel.net(kernel.init)
    host.set_up("lo")
    host.add_bridge("br0")
    host.add_address("br0", "10.0.0.1/24")
    host.set_up("br0")
    boxes = []
    for number in (2, 3):
        box = kernel.spawn(init, f"box{number}", new=("net",))
        net = kernel.net(box)
        assert not net.reaches("127.0.0.1")
        net.set_up("lo")
        assert net.ping("127.0.0.9") == 0
        host.add_veth(f"veth{number}", "eth0")
        host.move("eth0", net)
        host.enslave(f"veth{number}", "br0")
        net.add_address("eth0", f"10.0.0.{number}/24")
        net.set_up("eth0")
        assert not net.reaches("10.0.0.1")  # the other end is down
        host.set_up(f"veth{number}")
        boxes.append(box)
    one, _ = (box.ns.net for box in boxes)
    assert (one.ping("10.0.0.1"), one.ping("10.0.0.3"), one.ping("10.0.0.2")) == (1, 1, 0)
    assert host.ping("10.0.0.3") == 1
    assert not one.reaches("10.0.0.9")
    # Another network behind the host: a gateway, and a host that forwards.
    far = kernel.spawn(init, "far", new=("net",)).ns.net
    host.add_veth("up", "eth0")
    host.move("eth0", far)
    for net, name, address in ((host, "up", "192.168.0.1/30"), (far, "eth0", "192.168.0.2/30")):
        net.add_address(name, address)
        net.set_up(name)
    with pytest.raises(KernelError, match="ENETUNREACH: There is no route to"):
        one.ping("192.168.0.2")
    one.set_gateway("10.0.0.1")
    assert one.reaches("192.168.0.1")
    with pytest.raises(KernelError, match="EHOSTUNREACH: Nobody answers"):
        one.ping("192.168.0.2")
    host.forward = True
    assert not one.reaches("192.168.0.2")  # there is no way back yet
    far.set_gateway("192.168.0.1")
    assert one.ping("192.168.0.2") == 2
    # With its last process a namespace goes, and the pair with it.
    kernel.kill(init, boxes[1].pid, "KILL")
    assert "veth3" not in host.links
    assert not one.reaches("10.0.0.3")
    kernel.setns(boxes[0], host)
    assert "veth2" not in host.links
    host.delete("br0")
    assert list(host.links) == ["lo", "up"]


def test_unshare_and_setns() -> None:
    kernel = Kernel()
    box = kernel.spawn(kernel.init, "box", new=("uts", "pid", "mnt", "net", "cgroup"))
    guest = kernel.spawn(kernel.init, "guest")
    for kind in ("uts", "mnt", "net", "cgroup", "pid"):
        kernel.setns(guest, box.ns.of(kind))
    assert guest.ns.uts is box.ns.uts
    assert guest.ns.pid is kernel.init.ns.pid
    child = kernel.spawn(guest, "child")
    assert child.pid_in(box.ns.pid) == 2
    kernel.unshare(guest, "uts", "ipc")
    assert guest.ns.uts is not box.ns.uts
    assert repr(guest.ns.ipc) != repr(kernel.init.ns.ipc)
    joined = kernel.spawn(user(kernel), "sh", new=("user",))
    kernel.setns(guest, joined.ns.user)
    assert guest.capable(joined.ns.user, "KILL")
    assert repr(joined) == f"Process({joined.pid}, 'sh', S)"


REFUSED: list[tuple[str, str, Callable[[Kernel, Process, Process], object]]] = [
    ("EINVAL", "The command is ' '", lambda k, r, u: k.spawn(r, " ")),
    ("EINVAL", "'KILL' cannot be caught", lambda k, r, u: k.spawn(r, "x", handles=["KILL"])),
    ("EINVAL", "no kind of namespace 'pids'", lambda k, r, u: k.spawn(r, "x", new=["pids"])),
    ("EPERM", "unshare 'user' with them", lambda k, r, u: k.spawn(u, "x", new=["pid"])),
    ("EINVAL", "The exit code is 256", lambda k, r, u: k.exit(u, 256)),
    ("EPERM", "Linux would panic", lambda k, r, u: k.exit(r)),
    ("ECHILD", "no such child", lambda k, r, u: k.wait(u)),
    ("ESRCH", "There is no process 99", lambda k, r, u: k.kill(r, 99)),
    ("EINVAL", "no signal 'SIGTERM'", lambda k, r, u: k.kill(r, 2, "SIGTERM")),
    ("EPERM", "belongs to another user", lambda k, r, u: k.kill(u, 1, "KILL")),
    ("EPERM", "set the name of the host", lambda k, r, u: k.set_hostname(u, "x")),
    ("EINVAL", "at most 64 bytes", lambda k, r, u: k.set_hostname(r, "x" * 65)),
    ("EINVAL", "no clock 'cpu'", lambda k, r, u: k.time(r, "cpu")),
    ("EACCES", "has had a process", lambda k, r, u: k.set_time_offsets(r, "monotonic 1 0")),
    ("EINVAL", "User -5 or group 0", lambda k, r, u: mapped(k, u, "0 1000 1", -5)),
    ("EPERM", "become user 0", lambda k, r, u: k.set_user(u, 0, 0)),
    ("EINVAL", "There is no 'ROOT'", lambda k, r, u: k.drop(r, ["ROOT"])),
    ("EINVAL", "is in user:.* already", lambda k, r, u: k.setns(r, r.ns.user)),
    ("EPERM", "has no SYS_ADMIN over", lambda k, r, u: k.setns(u, r.ns.uts)),
    ("EINVAL", "nobody gets out", lambda k, r, u: k.setns(nested(k, "pid"), r.ns.pid)),
    ("EINVAL", "has a PID namespace", lambda k, r, u: [k.unshare(r, "pid") for _ in "12"]),
    ("EINVAL", "have a new PID", lambda k, r, u: twice(k, r)),
    ("ENOSPC", "32 PID namespaces", lambda k, r, u: deep(k, "pid")),
    ("ENOSPC", "32 user namespaces", lambda k, r, u: deep(k, "user")),
    ("EPERM", "write the uid_map", lambda k, r, u: nameless(k, u)),
    ("EINVAL", "has 0 lines", lambda k, r, u: mapped(k, u, "")),
    ("EINVAL", "'0 1000' of an id map", lambda k, r, u: mapped(k, u, "0 1000")),
    ("EINVAL", "0 0 0' of an id map", lambda k, r, u: mapped(k, u, "0 0 0")),
    ("EINVAL", "overlap", lambda k, r, u: mapped(k, u, "0 1000 2\n1 5000 1")),
    ("EPERM", "its own .1000.", lambda k, r, u: mapped(k, u, "0 1000 2")),
    ("EPERM", "its own .1000.", lambda k, r, u: mapped(k, u, "0 1001 1")),
    ("EPERM", "once setgroups is", lambda k, r, u: mapped(k, u, "0 1000 1", kind="gid_map")),
    ("EPERM", "written already", lambda k, r, u: again(k, u)),
    ("EPERM", "be in it or in its parent", lambda k, r, u: grandparent(k, r, u)),
    ("EPERM", "has no uids 5 to 6", lambda k, r, u: unmapped(k, r)),
    ("EINVAL", "setgroups is given 'x'", lambda k, r, u: mapped(k, u, "x", kind="setgroups")),
    ("EPERM", "cannot become 'deny'", lambda k, r, u: k.write(r, "/proc/1/setgroups", "deny")),
    ("ENOENT", "no segment of key 1", lambda k, r, u: r.ns.ipc.shmget(1)),
    ("EINVAL", "segment of 0 bytes", lambda k, r, u: r.ns.ipc.shmget(1, 0, create=True)),
    ("EEXIST", "key 7 already", lambda k, r, u: r.ns.ipc.shmget(7, 1, create=True, new=True)),
    ("EINVAL", "has 4 bytes, not 5", lambda k, r, u: r.ns.ipc.shmget(7, 5)),
    ("ENODEV", "no interface 'eth9'", lambda k, r, u: k.net(r).set_up("eth9")),
    ("EEXIST", "Both ends", lambda k, r, u: k.net(r).add_veth("a", "a")),
    ("EEXIST", "an interface 'lo' already", lambda k, r, u: k.net(r).add_veth("a", "lo")),
    ("EINVAL", "1 to 15 letters", lambda k, r, u: k.net(r).add_bridge("b" * 16)),
    ("EINVAL", "veths are ports", lambda k, r, u: k.net(r).enslave("lo", "lo")),
    ("EINVAL", "own loopback", lambda k, r, u: k.net(r).move("lo", u.ns.net)),
    ("EOPNOTSUPP", "lo cannot be deleted", lambda k, r, u: k.net(r).delete("lo")),
    ("EINVAL", "'10.0.0/8' is no IPv4", lambda k, r, u: k.net(r).add_address("lo", "10.0.0/8")),
    ("EEXIST", "lo has the address", lambda k, r, u: same(k.net(r))),
    ("ENETUNREACH", "The gateway 9.9.9.9", lambda k, r, u: k.net(r).set_gateway("9.9.9.9")),
    ("EINVAL", "'here' is no IPv4", lambda k, r, u: r.ns.net.reaches("here")),
]  # fmt: skip


def twice(kernel: Kernel, root: Process) -> None:
    kernel.unshare(root, "pid")
    kernel.spawn(root, "x", new=["pid"])


def nameless(kernel: Kernel, shell: Process) -> None:
    kernel.unshare(kernel.spawn(shell, "x", new=["user"]), "user")


def same(net: NetNs) -> None:
    for _ in range(2):
        net.add_address("lo", "1.1.1.1/8")


def nested(kernel: Kernel, *kinds: str) -> Process:
    return kernel.spawn(kernel.init, "nested", new=kinds)


def deep(kernel: Kernel, kind: str) -> None:
    process = kernel.init
    for _ in range(40):
        process = kernel.spawn(process, "deeper", new=(kind,))
        if kind == "user":
            kernel.write(process.parent or process, f"/proc/{process.pid}/uid_map", "0 0 1")
            kernel.write(process.parent or process, f"/proc/{process.pid}/gid_map", "0 0 1")


def mapped(
    kernel: Kernel, shell: Process, text: str, uid: int = 0, *, kind: str = "uid_map"
) -> Process:
    box = kernel.spawn(shell, "box", new=("user",))
    kernel.write(shell, f"/proc/{box.pid}/{kind}", text)
    kernel.set_user(box, uid, 0)
    return box


def again(kernel: Kernel, shell: Process) -> None:
    box = kernel.spawn(shell, "box", new=("user",))
    for _ in range(2):
        kernel.write(shell, f"/proc/{box.pid}/uid_map", "0 1000 1")


def grandparent(kernel: Kernel, root: Process, shell: Process) -> None:
    box = kernel.spawn(root, "box", new=("user",))
    for kind in ("uid_map", "gid_map"):
        kernel.write(root, f"/proc/{box.pid}/{kind}", "0 0 1")
    inner = kernel.spawn(box, "inner", new=("user",))
    kernel.write(root, f"/proc/{inner.pid}/uid_map", "0 0 1")


def unmapped(kernel: Kernel, root: Process) -> None:
    box = kernel.spawn(root, "box", new=("user",))
    for kind in ("uid_map", "gid_map"):
        kernel.write(root, f"/proc/{box.pid}/{kind}", "0 0 1")
    inner = kernel.spawn(box, "inner", new=("user",))
    kernel.write(box, f"/proc/{inner.pid}/uid_map", "0 5 2")


@pytest.mark.parametrize(("name", "words", "call"), REFUSED)
def test_what_is_refused(
    name: str, words: str, call: Callable[[Kernel, Process, Process], object]
) -> None:
    kernel = Kernel()
    shell = user(kernel)
    kernel.init.ns.ipc.shmget(7, 4, create=True)
    with pytest.raises(KernelError, match=words) as caught:
        call(kernel, kernel.init, shell)
    assert caught.value.name == name
    assert caught.value.errno == getattr(errno, name)
    assert str(caught.value).startswith(f"{name}: ")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("name", "words", "text"),
    [
        ("EINVAL", "line 'monotonic 1'", "monotonic 1"),
        ("EINVAL", "below 10", "monotonic 1 1000000000"),
        ("EINVAL", "line 'cpu 1 0'", "cpu 1 0"),
        ("ERANGE", "less than 0", "monotonic -1 0"),
    ],
)
def test_offsets_that_are_refused(name: str, words: str, text: str) -> None:
    kernel = Kernel()
    kernel.unshare(kernel.init, "time")
    with pytest.raises(KernelError, match=words) as caught:
        kernel.set_time_offsets(kernel.init, text)
    assert caught.value.name == name
    assert kernel.init.time_ns_for_children.offsets["monotonic"] == 0


def test_who_has_ended_makes_no_calls() -> None:
    kernel = Kernel()
    gone = kernel.spawn(kernel.init, "gone")
    kernel.exit(gone)
    for call in (kernel.exit, kernel.wait, kernel.net, kernel.burn, kernel.unshare):
        with pytest.raises(KernelError, match="ESRCH: Process 2 has ended"):
            call(gone)
