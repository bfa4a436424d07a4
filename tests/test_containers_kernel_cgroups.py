"""Control groups of the model kernel: the interface files, memory, pids and io."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcloud_lab.containers.cgroups import Cgroup
from vcloud_lab.containers.kernel import Kernel
from vcloud_lab.errors import KernelError

G = "/sys/fs/cgroup"
MIB = 2**20


def machine(*paths: str) -> Kernel:
    """A kernel with groups; every inner group hands all controllers on."""
    kernel = Kernel()
    for path in ("", *paths):
        if path:
            kernel.mkdir(kernel.init, f"{G}/{path}")
        if not path or any(other.startswith(path + "/") for other in paths):
            kernel.write(
                kernel.init, f"{G}/{path}/cgroup.subtree_control", "+cpu +memory +pids +io"
            )
    return kernel


def put(kernel: Kernel, path: str, file: str, text: str) -> str:
    """Write an interface file, and read it again."""
    kernel.write(kernel.init, f"{G}/{path}/{file}", text)
    return kernel.read(kernel.init, f"{G}/{path}/{file}")


@pytest.mark.parametrize(
    ("file", "new", "told", "then"),
    [
        ("cpu.max", "max 100000\n", "50000", "50000 100000\n"),
        ("cpu.max", "max 100000\n", "max 5000", "max 5000\n"),
        ("cpu.weight", "100\n", "10000\n", "10000\n"),
        ("memory.max", "max\n", "64M", "67108864\n"),
        ("memory.max", "max\n", "5000", "4096\n"),
        ("memory.high", "max\n", "1g", "1073741824\n"),
        ("memory.oom.group", "0\n", "1", "1\n"),
        ("pids.max", "max\n", "0", "0\n"),
        ("io.max", "", "8:0 wbps=1048576", "8:0 rbps=max wbps=1048576 riops=max wiops=max\n"),
        ("cgroup.freeze", "0\n", "1", "1\n"),
        ("cgroup.subtree_control", "", "+pids +cpu", "cpu pids\n"),
    ],
)
def test_interface_files(file: str, new: str, told: str, then: str) -> None:
    kernel = machine("a")
    assert kernel.read(kernel.init, f"{G}/a/{file}") == new
    assert put(kernel, "a", file, told) == then


def test_files_that_are_only_read() -> None:
    kernel = machine("a")
    init, group = kernel.init, kernel.root.find("a")
    process = kernel.spawn(init, "p", cgroup=group)
    kernel.allocate(process, 5000)
    kernel.cache(process, 4096)
    kernel.transfer(process, 10, write=True)
    texts = {
        "cgroup.controllers": "cpu io memory pids\n",
        "cgroup.events": "populated 1\nfrozen 0\n",
        "cgroup.kill": "",
        "cgroup.procs": "2\n",
        "cgroup.type": "domain\n",
        "io.stat": "8:0 rbytes=0 wbytes=10 rios=0 wios=1 dbytes=0 dios=0\n",
        "memory.current": "12288\n",
        "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n",
        "memory.peak": "12288\n",
        "memory.stat": "anon 8192\nfile 4096\n",
        "pids.current": "1\n",
        "pids.events": "max 0\n",
    }
    for file, text in texts.items():
        assert kernel.read(init, f"{G}/a/{file}") == text
    assert put(kernel, "a", "io.max", "8:0 rbps=5 wiops=7").startswith("8:0 rbps=5 wbps=max")
    assert put(kernel, "a", "io.max", "8:0 rbps=max wiops=max") == ""
    assert "memory.max" not in kernel.names(init, G)


def test_moving_killing_and_views() -> None:
    kernel = machine("a", "a/b", "c")
    init = kernel.init
    box = kernel.spawn(init, "box", cgroup=kernel.root.find("a/b"))
    kernel.unshare(box, "cgroup", "pid", "mnt")
    child = kernel.spawn(box, "child", new=("mnt",))
    assert kernel.read(init, "/proc/2/cgroup") == "0::/a/b\n"
    assert kernel.read(box, "/proc/2/cgroup") == "0::/\n"
    assert kernel.read(box, "/proc/1/cgroup") == "0::/../..\n"
    kernel.mount(child, "cgroup2", G)
    assert kernel.read(child, f"{G}/cgroup.procs") == "0\n1\n"
    kernel.mkdir(child, f"{G}/leaf")
    kernel.write(child, f"{G}/leaf/cgroup.procs", "0")
    assert kernel.read(init, "/proc/3/cgroup") == "0::/a/b/leaf\n"
    assert kernel.read(init, f"{G}/a/cgroup.events") == "populated 1\nfrozen 0\n"
    kernel.write(init, f"{G}/c/cgroup.procs", "2")
    assert kernel.root.find("c").pids.current == 1
    kernel.write(init, f"{G}/a/cgroup.kill", "1")
    assert (child.code, box.code) == (-9, None)
    kernel.write(init, f"{G}/c/cgroup.procs", str(child.pid))  # a zombie: nothing to move
    assert child.cgroup.path == "/a/b/leaf"
    kernel.remove(init, f"{G}/a/b/leaf")
    kernel.wait(box)
    assert kernel.root.find("a").pids.current == 0


def test_pids_max() -> None:
    kernel = machine("a", "a/b")
    put(kernel, "a", "pids.max", "2")
    first = kernel.spawn(kernel.init, "p", cgroup=kernel.root.find("a/b"))
    second = kernel.spawn(first, "p")
    kernel.exit(second)  # a zombie counts
    with pytest.raises(KernelError, match=r"EAGAIN: /a has 2 processes and pids.max is 2"):
        kernel.spawn(first, "p")
    assert kernel.read(kernel.init, f"{G}/a/pids.events") == "max 1\n"
    kernel.wait(first)
    kernel.spawn(first, "p")
    # A process may be moved in above the limit.
    other = kernel.spawn(kernel.init, "p")
    put(kernel, "a/b", "cgroup.procs", str(other.pid))
    assert kernel.read(kernel.init, f"{G}/a/pids.current") == "3\n"


def events(kernel: Kernel, path: str) -> dict[str, int]:
    lines = kernel.read(kernel.init, f"{G}/{path}/memory.events").splitlines()
    return {key: int(value) for key, value in map(str.split, lines) if int(value)}


def test_the_biggest_process_below_the_limit_is_killed() -> None:
    kernel = machine("a", "a/b", "a/c")
    put(kernel, "a", "memory.max", "10M")
    small = kernel.spawn(kernel.init, "small", cgroup=kernel.root.find("a/b"))
    large = kernel.spawn(kernel.init, "large", cgroup=kernel.root.find("a/c"))
    outside = kernel.spawn(kernel.init, "outside")
    assert kernel.allocate(outside, 90 * MIB)
    assert kernel.allocate(small, 3 * MIB)
    assert kernel.allocate(large, 6 * MIB)
    assert kernel.allocate(small, 2 * MIB)
    assert (large.code, small.code) == (-9, None)
    assert events(kernel, "a") == {"max": 1, "oom": 1, "oom_kill": 1}
    assert events(kernel, "a/c") == {"oom_kill": 1}
    assert events(kernel, "a/b") == {}
    assert not kernel.allocate(small, 6 * MIB)
    assert (small.code, kernel.root.find("a").memory.total) == (-9, 0)


def test_of_equals_the_lowest_pid_and_whole_groups() -> None:
    kernel = machine("a")
    put(kernel, "a", "memory.max", "4M")
    group = kernel.root.find("a")
    one, two = (kernel.spawn(kernel.init, "p", cgroup=group) for _ in range(2))
    kernel.allocate(two, 2 * MIB)
    kernel.allocate(one, 2 * MIB)
    assert kernel.allocate(two, 4096)
    assert (one.code, two.code) == (-9, None)
    put(kernel, "a", "memory.oom.group", "1")
    three = kernel.spawn(kernel.init, "p", cgroup=group)
    assert not kernel.allocate(three, 3 * MIB)
    assert (two.code, three.code) == (-9, -9)
    assert events(kernel, "a") == {"max": 2, "oom": 2, "oom_kill": 3, "oom_group_kill": 1}


def test_cache_is_dropped_before_anybody_is_killed() -> None:
    kernel = machine("a")
    put(kernel, "a", "memory.max", "4M")
    process = kernel.spawn(kernel.init, "p", cgroup=kernel.root.find("a"))
    kernel.cache(process, 3 * MIB)
    assert kernel.allocate(process, 3 * MIB)
    assert events(kernel, "a") == {"max": 1}
    assert kernel.read(kernel.init, f"{G}/a/memory.stat") == f"anon {3 * MIB}\nfile {MIB}\n"
    kernel.exit(process)
    kernel.remove(kernel.init, f"{G}/a")
    assert kernel.root.memory.cache * 4096 == MIB


def test_memory_high_slows_down_and_a_lower_max_kills() -> None:
    kernel = machine("a")
    put(kernel, "a", "memory.high", "1M")
    process = kernel.spawn(kernel.init, "p", cgroup=kernel.root.find("a"))
    assert kernel.allocate(process, 2 * MIB)
    assert kernel.allocate(process, 4096)
    assert events(kernel, "a") == {"high": 2}
    put(kernel, "a", "memory.max", "1M")
    assert process.code == -9
    assert kernel.read(kernel.init, f"{G}/a/memory.current") == "0\n"


def test_memory_stays_where_it_was_charged() -> None:
    kernel = machine("a", "b")
    process = kernel.spawn(kernel.init, "p", cgroup=kernel.root.find("a"))
    kernel.allocate(process, MIB)
    put(kernel, "b", "cgroup.procs", "2")
    kernel.allocate(process, 2 * MIB)
    totals = [kernel.root.find(path).memory.total * 4096 // MIB for path in "ab"]
    assert totals == [1, 2]
    kernel.free(process, 5 * MIB // 2)
    totals = [kernel.root.find(path).memory.total * 4096 for path in "ab"]
    assert totals == [MIB // 2, 0]


PATHS = ["a", "a/b", "a/b/d", "a/c", "e"]
STEPS = st.lists(
    st.tuples(st.sampled_from(["allocate", "cache", "free", "move", "exit", "limit", "spawn"]),
              st.integers(0, 9), st.integers(0, 40)),
    max_size=30,
)  # fmt: skip


@given(steps=STEPS)
@settings(max_examples=200, deadline=None)
def test_memory_adds_up_along_the_tree(steps: list[tuple[str, int, int]]) -> None:
    kernel = machine(*PATHS)
    leaves = [kernel.root.find(path) for path in ("a/b/d", "a/c", "e")]
    started = [kernel.spawn(kernel.init, "p", cgroup=leaf) for leaf in leaves]
    for step, number, size in steps:
        process = started[number % len(started)]
        if step == "spawn":
            started.append(kernel.spawn(kernel.init, "p", cgroup=leaves[number % 3]))
        elif step == "limit":
            put(kernel, PATHS[number % 5], "memory.max", str(size * 4096))
        elif process.alive:
            if step == "free":
                kernel.free(process, min(size, process.pages) * 4096)
            elif step == "move":
                put(kernel, leaves[size % 3].path, "cgroup.procs", str(process.pid))
            elif step == "exit":
                kernel.exit(process)
            elif getattr(kernel, step)(process, size * 4096):
                assert process.alive
        alive = [one for one in started if one.alive]
        for group in kernel.root.downward():
            charged = sum(one.memory.get(group, 0) for one in alive) + group.memory.cache
            below = sum(child.memory.total for child in group.children.values())
            assert group.memory.total == charged + below
            assert group.memory.max is None or group.memory.total <= group.memory.max
            assert group.pids.current == len(group.processes) + sum(
                child.pids.current for child in group.children.values()
            )


def test_io_waits_for_the_slowest_limit_above() -> None:
    kernel = machine("a", "a/b")
    put(kernel, "a", "io.max", "8:0 wbps=1000000")
    put(kernel, "a/b", "io.max", "8:0 wiops=100")
    process = kernel.spawn(kernel.init, "p", cgroup=kernel.root.find("a/b"))
    assert kernel.transfer(process, 500_000) == 0
    assert kernel.transfer(process, 500_000, write=True) == 500_000
    assert kernel.transfer(process, 1, write=True) == 500_001
    assert [kernel.transfer(process, 1, write=True, device="8:16") for _ in "12"] == [0, 0]
    kernel.run(1_000_000)
    assert [kernel.transfer(process, 1, write=True) for _ in "12"] == [1_010_000, 1_020_000]


def test_delegation() -> None:
    kernel = machine("mine", "other")
    init = kernel.init
    kernel.chown(init, f"{G}/mine", 1000, 1000)
    shell = kernel.spawn(init, "sh", cgroup=kernel.root.find("mine"))
    kernel.set_user(shell, 1000, 1000)
    kernel.mkdir(shell, f"{G}/mine/leaf")
    kernel.write(shell, f"{G}/mine/leaf/cgroup.procs", "0")
    kernel.write(shell, f"{G}/mine/cgroup.subtree_control", "+pids")
    kernel.write(shell, f"{G}/mine/leaf/pids.max", "5")
    for path in ("mine/pids.max", "other/cgroup.procs"):
        with pytest.raises(KernelError, match="EACCES"):
            kernel.write(shell, f"{G}/{path}", "5")
    stranger = kernel.spawn(shell, "p", cgroup=kernel.root.find("other"))
    with pytest.raises(KernelError, match=r"EACCES: .* nearest group above both, /,"):
        kernel.write(shell, f"{G}/mine/leaf/cgroup.procs", str(stranger.pid))


def test_a_controller_taken_back_takes_its_limits_with_it() -> None:
    kernel = machine("a")
    settings_made = {
        "cpu.max": "5000 10000",
        "cpu.weight": "7",
        "memory.max": "1M",
        "pids.max": "3",
    }
    for file, text in (settings_made | {"io.max": "8:0 rbps=1"}).items():
        put(kernel, "a", file, text)
    put(kernel, "", "cgroup.subtree_control", "-cpu -memory -pids -io")
    assert "cpu.max" not in kernel.names(kernel.init, f"{G}/a")
    put(kernel, "", "cgroup.subtree_control", "+cpu +memory +pids +io")
    files = ("cpu.max", "cpu.weight", "memory.max", "pids.max", "io.max")
    texts = [kernel.read(kernel.init, f"{G}/a/{file}") for file in files]
    assert texts == ["max 100000\n", "100\n", "max\n", "max\n", ""]


Call = Callable[[Kernel, Cgroup], object]


@pytest.mark.parametrize(
    ("name", "words", "call"),
    [
        ("ENOENT", "no group 'x'", lambda k, a: a.find("x")),
        ("EINVAL", "cannot be named '..'", lambda k, a: a.make("..")),
        ("EEXIST", "a group 'b' already", lambda k, a: a.make("b")),
        ("EEXIST", "exists already", lambda k, a: k.mkdir(k.init, f"{G}/a/pids.max")),
        ("ENOENT", "was removed", lambda k, a: removed(a).make("x")),
        ("ENODEV", "was removed", lambda k, a: removed(a).move_in(k.init)),
        ("EBUSY", "has children or processes", lambda k, a: k.remove(k.init, f"{G}/a")),
        ("EBUSY", "is the root", lambda k, a: k.root.remove()),
        ("EBUSY", "only its leaves take", lambda k, a: put(k, "a", "cgroup.procs", "1")),
        ("EBUSY", "only its leaves take", lambda k, a: k.spawn(k.init, "x", cgroup=a)),
        ("EBUSY", "hands nothing on", lambda k, a: put(k, "c", "cgroup.subtree_control", "+cpu")),
        ("EINVAL", "'cpu' is not", lambda k, a: a.hand_on("cpu")),
        ("EINVAL", "'.cpuset' is not", lambda k, a: a.hand_on("+cpuset")),
        ("ENOENT", "has no controller io", lambda k, a: a.find("b").hand_on("+io")),
        ("EBUSY", "/a hands cpu on", lambda k, a: k.root.hand_on("-cpu")),
        ("EINVAL", "cgroup.type is only read", lambda k, a: write(k, "cgroup.type")),
        ("ENOENT", "the root is never limited", lambda k, a: limit_root(k)),
        ("ENOENT", "write .io to the parent's", lambda k, a: direct(a, "io.max")),
        ("ENOENT", "see names", lambda k, a: direct(a, "x")),
        ("EACCES", "only directories are made", lambda k, a: put(k, "a", "x", "1")),
        ("EPERM", "goes with its group", lambda k, a: k.remove(k.init, f"{G}/a/pids.max")),
        ("EPERM", "chown the group", lambda k, a: k.chown(k.init, f"{G}/a/pids.max", 1, 1)),
        ("EINVAL", "cpu.max is given '999'", lambda k, a: put(k, "a", "cpu.max", "999")),
        ("EINVAL", "cpu.max is given ''", lambda k, a: put(k, "a", "cpu.max", "")),
        ("EINVAL", "'max 999'", lambda k, a: put(k, "a", "cpu.max", "max 999")),
        ("EINVAL", "'max 1e5'", lambda k, a: put(k, "a", "cpu.max", "max 1e5")),
        ("EINVAL", "'1000 2000 3'", lambda k, a: put(k, "a", "cpu.max", "1000 2000 3")),
        ("ERANGE", "cpu.weight is given 0", lambda k, a: put(k, "a", "cpu.weight", "0")),
        ("EINVAL", "cpu.weight is given 'x'", lambda k, a: put(k, "a", "cpu.weight", "x")),
        ("EINVAL", "memory.max is given '-1'", lambda k, a: put(k, "a", "memory.max", "-1")),
        ("EINVAL", "memory.high is given ''", lambda k, a: put(k, "a", "memory.high", "")),
        ("EINVAL", "pids.max is given '-1'", lambda k, a: put(k, "a", "pids.max", "-1")),
        ("EINVAL", "memory.oom.group is", lambda k, a: put(k, "a", "memory.oom.group", "2")),
        ("ERANGE", "cgroup.freeze is given 2", lambda k, a: put(k, "a", "cgroup.freeze", "2")),
        ("ERANGE", "cgroup.kill is given '0'", lambda k, a: put(k, "a", "cgroup.kill", "0")),
        ("EINVAL", "cgroup.kill is given 'x'", lambda k, a: put(k, "a", "cgroup.kill", "x")),
        ("EINVAL", "it takes one pid", lambda k, a: put(k, "c", "cgroup.procs", "-1")),
        ("ESRCH", "no process 99", lambda k, a: put(k, "c", "cgroup.procs", "99")),
        ("EINVAL", "io.max is given '8:0'", lambda k, a: put(k, "c", "io.max", "8:0")),
        ("EINVAL", "wbps=0'", lambda k, a: put(k, "c", "io.max", "8:0 wbps=0")),
        ("EINVAL", "The size is -1", lambda k, a: k.allocate(k.init, -1)),
        ("EINVAL", "has 0 bytes, not 5", lambda k, a: k.free(k.init, 5)),
        ("EINVAL", "The transfer has 0", lambda k, a: k.transfer(k.init, 0)),
    ],
)
def test_what_is_refused(name: str, words: str, call: Call) -> None:
    kernel = machine("a", "a/b", "c")
    kernel.spawn(kernel.init, "p", cgroup=kernel.root.find("c"))
    kernel.root.find("a").hand_on("-io")
    before = kernel.root.find("a").cpu.quota, kernel.root.find("a").subtree
    with pytest.raises(KernelError, match=words) as caught:
        call(kernel, kernel.root.find("a"))
    assert caught.value.name == name
    assert (kernel.root.find("a").cpu.quota, kernel.root.find("a").subtree) == before


def removed(group: Cgroup) -> Cgroup:
    child = group.make("gone")
    child.remove()
    return child


def write(kernel: Kernel, file: str) -> None:
    kernel.write(kernel.init, f"{G}/a/{file}", "x")


def limit_root(kernel: Kernel) -> None:
    from vcloud_lab.containers.cgroup_files import write_file

    write_file(kernel.root, "memory.max", "1M")


def direct(group: Cgroup, file: str) -> None:
    from vcloud_lab.containers.cgroup_files import read_file

    read_file(group.children["b"], file)
