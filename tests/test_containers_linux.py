"""Containers on the real kernel: each mechanism has an effect, and none without it."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcloud_lab.containers import (
    capabilities,
    linux_checks,
    linux_mounts,
    refusals,
    seccomp,
    syscalls,
)
from vcloud_lab.containers.helper import START
from vcloud_lab.containers.linux import NAMESPACES, Limits, Overlay, Result, run
from vcloud_lab.containers.linux_cgroups import PREFIX, Cgroup, Tree, trees
from vcloud_lab.containers.linux_probe import Mechanism, probe
from vcloud_lab.errors import ContainerError

CONTAINER = (
    "mount",
    "read-only tree",
    "pivot_root",
    "proc",
    *(f"namespace {name}" for name in NAMESPACES if name != "user"),
)
PACKAGE = Path(linux_checks.__file__).resolve().parent
STUB = START.replace("sys.argv[1]", repr(str(PACKAGE.parent))).replace(
    "sys.argv[2]", repr(str(PACKAGE))
)
STUB = STUB[: STUB.index("__import__")]
"""The first lines of a script that uses the modules here and needs no numpy."""
MiB = 1 << 20


@cache
def found() -> dict[str, Mechanism]:
    return probe()


def need(*names: str) -> None:
    """Skip the test where a mechanism is missing, and say why."""
    for name in names:
        if not found()[name].works:
            pytest.skip(f"{name} does not work here: {found()[name].reason}")


def spaces(*names: str) -> tuple[str, ...]:
    """The namespaces (all usual ones by default), with a user namespace where there is one."""
    chosen = set(names or NAMESPACES) - {"user"}
    if found()["namespace user"].works:
        chosen.add("user")
    elif os.getuid():
        need("namespace user")
    return tuple(sorted(chosen))


def contained(command: list[str] | str, **options: Any) -> Result:
    """Run words, or a line of shell, in a whole container."""
    need(*CONTAINER)
    words = ["sh", "-c", command] if isinstance(command, str) else command
    return run(words, **{"namespaces": spaces(), **options})


def leftovers() -> dict[str, object]:
    """All that a run could leave behind."""
    groups = [
        name
        for own in {tree.own for tree in trees().values()}
        for name in os.listdir(own)
        if name.startswith(PREFIX)
    ]
    with open("/proc/self/mountinfo") as file:
        mounts = file.read()
    return {
        "mounts": mounts,
        "files": sorted(os.listdir("/proc/self/fd")),
        "groups": [name for name in groups if helper_of(name)],
        "scratch": [
            name for name in os.listdir(tempfile.gettempdir()) if helper_of(name.lstrip("."))
        ],
        "spaces": {
            name: os.readlink(f"/proc/self/ns/{name}") for name in os.listdir("/proc/self/ns")
        },
        "children": [pid for pid in os.listdir("/proc") if pid.isdigit() and mine(pid)],
    }


def helper_of(name: str) -> bool:
    """Whether a group or folder belongs to a process that is dead: others may be at work now."""
    pid = name.removeprefix(PREFIX)
    return pid != name and pid.isdigit() and not os.path.exists(f"/proc/{pid}")


def mine(pid: str) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return int(text.rpartition(")")[2].split()[1]) == os.getpid()


@pytest.fixture(autouse=True)
def nothing_remains() -> Iterator[None]:
    """After every test, the machine is as it was."""
    if sys.platform != "linux":
        yield
        return
    before = leftovers()
    yield
    after = leftovers()
    for kind, here in after.items():
        if isinstance(here, list):
            assert set(here) <= set(before[kind]), kind  # type: ignore[call-overload]
        else:
            assert here == before[kind], kind


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small root directory: a shell and a few tools with their libraries."""
    folder = tmp_path / "root"
    for name in ("sh", "ls", "cat", "rm", "mkdir", "touch", "mount"):
        program = shutil.which(name)
        if program is None:
            pytest.skip(f"there is no {name} here")
        told = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
        for path in (program, *re.findall(r"(/\S+) \(0x", told)):
            target = folder / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    (folder / "etc").mkdir()
    (folder / "etc/name").write_text("below\n")
    return folder


# The probe


def test_the_probe_gives_a_reason_for_what_does_not_work() -> None:
    assert len(found()) == 22
    for name, mechanism in found().items():
        assert mechanism.works == (not mechanism.reason), name


def test_the_probe_sees_a_filter() -> None:
    need("seccomp")
    for path in (Path(sys.executable).absolute(), Path(__file__).resolve()):
        if path.parts[1] in ("tmp", "run"):
            pytest.skip(f"{path} lies where a container has a directory of its own")
    script = STUB + (
        "from vcloud_lab.containers.linux_probe import probe\n"
        "for name, found in probe().items(): print(name, found.works, found.reason, sep='|')\n"
    )
    command = [sys.executable, "-I", "-S", "-c", script]
    told = contained(command, seccomp_deny=["unshare", "setns"], timeout=60).stdout.splitlines()
    here = {name: (works, reason) for name, works, reason in (x.split("|") for x in told)}
    assert here["namespace uts"][0] == here["mount"][0] == "False"
    assert here["namespace uts"][1].startswith("unshare ")
    assert "EPERM, a privilege is missing, or a policy" in here["namespace uts"][1]
    assert here["rlimits"] == here["seccomp"] == ("True", "")


def test_the_probe_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    reasons = {mechanism.reason for mechanism in probe().values()}
    assert len(reasons) == 1
    assert reasons.pop().startswith("the probing process failed: ")


def test_every_refusal_is_explained() -> None:
    assert refusals.explain(errno.ENOSYS, "unshare uts") == (
        "unshare uts: ENOSYS, this kernel does not have the call, or a filter hides it"
    )
    assert refusals.explain(errno.EXDEV, "x") == "x: EXDEV, invalid cross-device link"
    assert refusals.explain(0, "it had no effect") == "it had no effect"


# A container as a whole


def test_the_inside_is_another_world() -> None:
    told = contained("echo $$; hostname; id -u; ls /tmp /run | wc -w; echo x > /tmp/x; cat /tmp/x")
    assert (told.code, told.stderr) == (0, "")
    first, name, user, *rest = told.stdout.split()
    assert (first, name, user) == ("1", "container", "0")
    assert rest[-1] == "x"
    assert contained("hostname", hostname="box").stdout == "box\n"


def test_without_namespaces_it_is_this_world() -> None:
    told = run(["sh", "-c", "echo $$; hostname; id -u"], namespaces=()).stdout.split()
    assert told[0] != "1"
    assert told[1:] == [os.uname().nodename, str(os.getuid())]


def test_only_its_own_processes_are_seen() -> None:
    count = "ls -d /proc/[0-9]* | wc -l"
    assert int(contained(count).stdout) <= 4
    control = contained(count, namespaces=spaces(*(set(NAMESPACES) - {"pid"})))
    assert int(control.stdout) >= len([pid for pid in os.listdir("/proc") if pid.isdigit()]) // 2


def test_the_network_is_the_loopback_alone_and_it_is_up() -> None:
    told = contained("tail -n +3 /proc/net/dev; cat /proc/net/if_inet6 /proc/net/route").stdout
    assert re.findall(r"^\s*(\S+):", told, re.MULTILINE) == ["lo"]
    script = (
        "import socket; a = socket.create_server(('127.0.0.1', 0));"
        "socket.create_connection(a.getsockname()); print('reached')"
    )
    python = os.path.realpath(sys.executable)  # not one of an environment in /tmp
    assert contained([python, "-c", script]).stdout == "reached\n"


@pytest.mark.parametrize("name", sorted(syscalls.CLONE))
def test_each_namespace_is_new_when_it_is_asked_for(name: str) -> None:
    need(f"namespace {name}", *(CONTAINER if name == "mount" else ()))
    file = f"/proc/self/ns/{'mnt' if name == 'mount' else name}"
    here = os.readlink(file)
    chosen = spaces(name)
    assert run(["readlink", file], namespaces=chosen).stdout.strip() not in ("", here)
    control = () if name == "user" else tuple(set(chosen) - {name})
    assert run(["readlink", file], namespaces=control).stdout.strip() == here


def test_the_clock_of_a_time_namespace() -> None:
    need("namespace time")
    ahead = run(["cat", "/proc/uptime"], namespaces=spaces("time"), clock_offset=10**6)
    control = run(["cat", "/proc/uptime"], namespaces=spaces("time"))
    apart = float(ahead.stdout.split()[0]) - float(control.stdout.split()[0])
    assert abs(apart - 10**6) < 60


def test_nothing_of_the_host_can_be_written() -> None:
    tries = "for d in / /etc /usr /var /sys /home /opt /proc/sys/kernel; do touch $d/vcloud; done"
    told = contained(tries + "; echo 1 > /proc/sys/kernel/sysrq; echo x > /dev/null && echo null")
    assert told.stdout == "null\n"
    assert len(told.stderr.splitlines()) == 9
    told = contained("cd /dev; for d in *; do [ -c $d -o -b $d ] && echo $d; done")
    assert set(told.stdout.split()) - {"stdin", "stdout", "stderr"} == {*linux_mounts.DEVICES}


def test_the_settings_of_the_kernel_cannot_be_changed() -> None:
    file = "/proc/sys/net/ipv4/ip_forward"
    if not os.path.exists(file):
        pytest.skip(f"there is no {file} here")
    told = contained(f"echo 1 > {file}; cat {file}", drop=["sys_admin"])
    assert "Read-only file system" in told.stderr
    assert contained("ls /proc/scsi /proc/acpi 2>/dev/null | grep -v :").stdout.strip() == ""


def test_root_inside_cannot_undo_the_read_only_root(root: Path) -> None:
    undo = "mount -o remount,bind,rw / ; echo x > /etc/name; cat /etc/name"
    assert contained(undo, rootfs=root).stdout == "below\n"
    assert (root / "etc/name").read_text() == "below\n"
    # The control: with every capability, root inside may change the mounts of its namespace.
    (root / "proc").mkdir()  # mount(8) reads it
    assert contained(undo, rootfs=root, drop=()).stdout == "x\n"
    assert (root / "etc/name").read_text() == "x\n"


def test_a_directory_as_root(root: Path) -> None:
    told = contained("ls /; touch /new", rootfs=root)
    assert set(told.stdout.split()) == set(os.listdir(root))
    assert "Read-only file system" in told.stderr
    assert not (root / "new").exists()


def test_a_link_of_the_image_leads_nowhere(root: Path) -> None:
    (root / "proc").symlink_to("etc")
    (root / "dev").symlink_to("etc")
    told = contained("cat /proc/name; ls /dev/", rootfs=root, masked=["/proc/name"])
    assert told.stdout.split() == ["below", "name"]


def test_an_overlay_keeps_the_changes_apart(root: Path, tmp_path: Path) -> None:
    need("overlay")
    top, upper = tmp_path / "a,b:c", tmp_path / "changes/upper"
    (top / "etc").mkdir(parents=True)
    (top / "etc/name").write_text("top\n")
    upper.mkdir(parents=True)
    work = "cat /etc/name; echo new > /etc/name; rm /bin/touch /usr/bin/touch 2>/dev/null; ls /"
    told = contained(work, rootfs=Overlay([top, root], upper))
    assert told.stdout.split()[0] == "top"
    assert {"dev", "proc", "tmp", "run"} < set(told.stdout.split())
    assert (upper / "etc/name").read_text() == "new\n"
    assert (top / "etc/name").read_text() == "top\n"
    whiteouts = [path.name for path in upper.rglob("*") if path.is_char_device()]
    assert set(whiteouts) == {"touch"}
    assert sorted(path.name for path in upper.iterdir() if path.name in ("dev", "proc")) == []
    assert os.listdir(upper.parent) == ["upper"]
    # Without an upper directory the changes are forgotten.
    assert contained(work, rootfs=Overlay([top, root])).stdout.split()[0] == "top"
    assert contained("cat /etc/name", rootfs=Overlay([top, root])).stdout == "top\n"


def test_masked_and_read_only_paths(root: Path, tmp_path: Path) -> None:
    need("overlay")
    look = "cat /etc/name; echo x > /etc/other && echo written"
    rootfs = Overlay([root])
    assert contained(look, rootfs=rootfs).stdout == "below\nwritten\n"
    assert contained(look, rootfs=rootfs, masked=["/etc/name"]).stdout == "written\n"
    assert contained(look, rootfs=rootfs, read_only=["/etc", "/nowhere"]).stdout == "below\n"
    assert contained("ls /etc", rootfs=rootfs, masked=["/etc"]).stdout == ""


def test_root_inside_can_be_another_user_outside() -> None:
    if os.getuid():
        with pytest.raises(ContainerError, match="uid_map: EPERM, a privilege is missing"):
            contained("id", uid_map=[(0, 100_000, 1000)])
        return
    need("namespace user")
    ranges = [(0, 100_000, 65_536)]
    told = contained("id -u; cat /proc/self/uid_map", uid_map=ranges, gid_map=ranges)
    assert told.stdout.split() == ["0", "0", "100000", "65536"]


# How it ends


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("true", 0)])
def test_the_exit_code(command: str, code: int) -> None:
    assert contained(command).code == code
    assert run(["sh", "-c", command], namespaces=()).code == code


def test_the_signal() -> None:
    told = run(["sh", "-c", "kill -TERM $$"], namespaces=())
    assert (told.code, told.signal) == (-signal.SIGTERM, "SIGTERM")
    assert contained("true").signal == ""


def test_input_output_and_environment() -> None:
    told = contained("cat; env | sort >&2", stdin=b"in\xff", env={"PATH": os.defpath, "A": "b"})
    assert told.stdout == "in\ufffd"
    assert "A=b\n" in told.stderr
    assert "HOME" not in told.stderr


def test_the_output_is_cut() -> None:
    told = contained("head -c 300000 /dev/zero", output_limit=1000)
    assert (len(told.stdout), told.truncated, told.code) == (1000, True, 0)
    assert not contained("head -c 1000 /dev/zero", output_limit=1000).truncated


@pytest.mark.parametrize("whole", [True, False])
def test_the_timeout_ends_everything(whole: bool) -> None:
    start = time.monotonic()
    work = "sleep 61.7 & trap '' TERM; echo up; sleep 61.7"
    told = contained(work, timeout=0.4, namespaces=spaces() if whole else ())
    assert (told.code, told.timed_out) == (-9, True)
    assert time.monotonic() - start < 20
    assert not running("61.7")


def test_what_is_left_over_ends_with_the_command() -> None:
    assert run(["sh", "-c", "setsid sleep 61.8 & echo"], namespaces=()).code == 0
    assert not running("61.8")


def test_two_threads_run_containers_at_once() -> None:
    results: list[Result] = []
    contained("true")
    many = [threading.Thread(target=lambda: results.append(contained("echo $$"))) for _ in range(4)]
    for thread in many:
        thread.start()
    for thread in many:
        thread.join()
    assert [result.stdout for result in results] == ["1\n"] * 4


def running(word: str) -> bool:
    """Whether a process with the word among its arguments is alive, within 5 seconds."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        lines = [read_or_nothing(f"/proc/{pid}/cmdline") for pid in os.listdir("/proc")]
        if not any(word.encode() in line.split(b"\0") for line in lines):
            return False
        time.sleep(0.02)
    return True


def read_or_nothing(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("whole", [True, False], ids=["all namespaces", "none"])
def test_killing_the_caller_kills_the_container(whole: bool) -> None:
    need(*CONTAINER)
    word = "61.9" if whole else "62.1"
    script = STUB + (
        "from vcloud_lab.containers.linux import Limits, run\n"
        f"run(['sh', '-c', 'sleep {word} & sleep {word}'], timeout=60, "
        f"namespaces={spaces() if whole else ()!r}, limits=Limits(processes=100))\n"
    )
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", script]) as caller:
        end = time.monotonic() + 20
        while time.monotonic() < end and not any(
            read_or_nothing(f"/proc/{pid}/cmdline") == f"sleep\0{word}\0".encode()
            for pid in os.listdir("/proc")
        ):
            time.sleep(0.02)
        caller.kill()
    assert time.monotonic() < end, "it never started"
    assert not running(word)
    wait_for_helpers(caller.pid)


def wait_for_helpers(caller: int) -> None:
    """Wait until the helper of a dead caller has cleared away."""
    end, word = time.monotonic() + 10, str(caller).encode()
    while time.monotonic() < end:
        lines = [
            read_or_nothing(f"/proc/{pid}/cmdline").split(b"\0") for pid in os.listdir("/proc")
        ]
        if not any(b"vcloud_lab.containers.linux_child" in line and word in line for line in lines):
            return
        time.sleep(0.02)
    raise AssertionError("the helper is still there")


def test_killing_the_helper_kills_the_container_and_its_group_is_swept() -> None:
    need(*CONTAINER)
    caught: list[ContainerError] = []

    def work() -> None:
        try:
            contained("sleep 62.3", timeout=60, limits=Limits(processes=100))
        except ContainerError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = [pid for pid in os.listdir("/proc") if pid.isdigit() and mine(pid)]
        started = [
            pid
            for pid in os.listdir("/proc")
            if read_or_nothing(f"/proc/{pid}/cmdline") == b"sleep\x0062.3\0"
        ]
        if started:
            for pid in found:
                os.kill(int(pid), signal.SIGKILL)
            break
        time.sleep(0.02)
    thread.join()
    assert "ended without a report" in str(caught[0])
    assert not running("62.3")
    contained("true", limits=Limits(processes=100))  # sweeps what the dead helper left


# Limits


@pytest.mark.parametrize("limit", [32 * MiB, None])
def test_memory(limit: int | None) -> None:
    told = contained("head -c 128m /dev/zero | tail | wc -c", limits=Limits(memory=limit))
    if limit is None:
        assert told.stdout.strip() == str(128 * MiB)
        assert told.held == told.events == {}
    else:
        assert told.stdout.strip() in ("", "0")
        assert told.held["memory"] in ("cgroup v1", "cgroup v2", "rlimit")
        if told.held["memory"] != "rlimit":
            assert told.events["oom_kills"] >= 1


@pytest.mark.parametrize("limit", [8, None])
def test_processes(limit: int | None) -> None:
    work = "for n in 1 2 3 4 5 6 7 8 9 a b c; do sleep 5 & echo $n; done"
    told = contained(work, limits=Limits(processes=limit))
    started = len(told.stdout.split())
    if limit is None:
        assert started == 12
    elif told.held["processes"].startswith("nothing"):
        assert os.getuid() == 0
    else:
        assert started < limit
        assert "fork" in told.stderr


@pytest.mark.parametrize("percent", [10, None])
def test_cpu_quota(percent: int | None) -> None:
    need("cgroup cpu")
    work = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
    limits = Limits(cpu_percent=percent, cpu_weight=50)
    told = contained(work, limits=limits, timeout=1.0)
    assert set(told.held.values()) < {"cgroup v1", "cgroup v2"}
    assert (told.events["cpu_throttled"] > 0) == (percent is not None)


def test_limits_of_each_process() -> None:
    limits = Limits(open_files=17, file_size=1024, cpu_seconds=33)
    told = contained(
        "ulimit -n; ulimit -t; head -c 5000 /dev/zero > /tmp/x; wc -c < /tmp/x", limits=limits
    )
    assert told.stdout.split() == ["17", "33", "1024"]
    assert set(told.held.values()) == {"rlimit"}
    assert contained("ulimit -n").stdout != "17\n"


def test_limits_without_control_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision between control group and rlimit, as the helper makes it."""
    from vcloud_lab.containers import linux_child

    def none(name: str, controllers: list[str]) -> Cgroup:
        raise ContainerError("no group")

    monkeypatch.setattr(linux_child, "Cgroup", none)
    limits = Limits(MiB * 8, 8, 100, 50, 1, 1, 10)._asdict()
    for root, promise in ((0, "nothing: RLIMIT_NPROC does not bind root"), (5, "rlimit")):
        held: dict[str, str] = {}
        order = {"limits": limits, "namespaces": ["user"], "root_outside": [root, root]}
        assert linux_child.make_group(order, held) is None
        assert held.pop("processes") == promise
        assert held.pop("cpu_weight") == held.pop("cpu_percent")
        assert set(held.values()) == {"rlimit"}


# Control groups


def test_a_frozen_group_stands_still() -> None:
    need("cgroup freezer")
    source, target = os.pipe()
    work = [sys.executable, "-c", "import os,time\nwhile 1: os.write(1, b'x'); time.sleep(0.01)"]
    with (
        Cgroup(f"test-{os.getpid()}", ["freezer"]) as group,
        subprocess.Popen(work, stdout=target) as child,
    ):
        os.close(target)
        os.set_blocking(source, False)
        group.add(child.pid)
        assert group.pids() == (child.pid,)
        assert ticks(source) > 0
        group.freeze()
        ticks(source)
        assert ticks(source) == 0
        group.freeze(False)
        assert ticks(source) > 0
        group.kill()
        assert child.wait(5) == -9
    os.close(source)


def ticks(pipe: int) -> int:
    """What comes through the pipe in a fifth of a second."""
    count, end = 0, time.monotonic() + 0.2
    while time.monotonic() < end:
        try:
            count += len(os.read(pipe, 1000))
        except BlockingIOError:
            time.sleep(0.01)
    return count


def test_a_refused_write_is_seen() -> None:
    need("cgroup pids")
    with Cgroup(f"test-{os.getpid()}", ["pids"]) as group:
        group.pids_max(5)
        with pytest.raises(
            ContainerError, match=r"The kernel refused -5 for pids.max: Invalid arg"
        ):
            group.pids_max(-5)
        with pytest.raises(ContainerError, match="has no memory controller, only pids"):
            group.memory_max(MiB)
        with pytest.raises(ProcessLookupError):
            group.add(2**22 + 1)
    group.delete()
    with pytest.raises(ContainerError, match="offers no cpuset controller; ask for a delegated"):
        Cgroup("test", ["cpuset"])


def test_a_group_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "cpu").write_text("no directory")
    where = {name: Tree(1, str(tmp_path), f"{tmp_path}/{name}") for name in ("memory", "cpu")}
    with pytest.raises(ContainerError, match="The control group 'x' cannot be made"):
        Cgroup("x", ["memory", "cpu"], where=where)
    assert os.listdir(tmp_path / "memory") == []


def fake_v2(top: Path, handed: str, own_handed: str = "") -> dict[str, Tree]:
    """A tree of version 2 of plain files: top / slice / own."""
    own = top / "slice/own"
    own.mkdir(parents=True)
    (top / "slice/cgroup.subtree_control").write_text(handed)
    (own / "cgroup.subtree_control").write_text(own_handed)
    return dict.fromkeys(("memory", "pids", "cpu", "freezer"), Tree(2, str(top), str(own)))


def prepared(group: Cgroup, *names: str) -> Path:
    (place,) = set(group.places.values())
    for name in names:
        Path(place, name).write_text("")
    return Path(place)


def test_the_files_of_version_2(tmp_path: Path) -> None:
    where = fake_v2(tmp_path, "cpu io memory pids", "memory")
    group = Cgroup("x", ["memory", "pids", "cpu", "freezer"], where=where)
    names = ("memory.max", "memory.swap.max", "pids.max", "cpu.max", "cpu.weight", "cgroup.procs")
    place = prepared(group, *names, "cgroup.freeze")
    group.memory_max(5 * MiB)
    group.pids_max(7)
    group.cpu_quota(150)
    group.cpu_weight(30)
    group.add(12)
    (place / "cgroup.events").write_text("populated 1\nfrozen 1\n")
    group.freeze()
    written = [(place / name).read_text() for name in names]
    assert written == [str(5 * MiB), "0", "7", "150000 100000", "30", "12"]
    assert (place / "cgroup.freeze").read_text() == "1"
    (place / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    (place / "pids.events").write_text("max 4\n")
    (place / "cpu.stat").write_text("usage_usec 1\nnr_throttled 5\n")
    assert group.events() == {"oom_kills": 2, "forks_refused": 4, "cpu_throttled": 5}


def test_the_files_of_version_1(tmp_path: Path) -> None:
    where = {name: Tree(1, str(tmp_path), str(tmp_path)) for name in ("cpu", "memory")}
    group = Cgroup("x", ["memory", "cpu"], where=where)
    names = ("memory.limit_in_bytes", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.shares")
    place = prepared(group, *names)
    group.memory_max(5 * MiB)
    group.cpu_quota(150)
    group.cpu_weight(50)
    assert [(place / name).read_text() for name in names] == [
        str(5 * MiB),
        "150000",
        "100000",
        "512",
    ]
    (place / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 6\n")
    assert group.events() == {"oom_kills": 6, "cpu_throttled": 0}


def test_a_group_of_version_2_is_made_where_the_controllers_are_handed_on(tmp_path: Path) -> None:
    where = fake_v2(tmp_path, "memory pids")
    (tmp_path / "slice/own/cgroup.subtree_control").unlink()  # writing to it is refused
    group = Cgroup("x", ["memory", "freezer"], where=where)
    assert set(group.places.values()) == {str(tmp_path / "slice/vcloud-lab-x")}
    group.delete()
    assert not (tmp_path / "slice/vcloud-lab-x").exists()
    with pytest.raises(ContainerError, match=r"cannot be made: .* ask for a delegated group"):
        Cgroup("x", ["memory", "cpu"], where=where)
    assert not list(tmp_path.rglob("vcloud-lab-*"))


def test_where_this_process_is(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("4:memory:/a/b\n3:cpu,cpuacct:/docker/x\n0::/u/s\n")
    (tmp_path / "mountinfo").write_text(
        "1 2 0:1 / /c/memory rw - cgroup cgroup rw,memory\n"
        "1 2 0:1 /docker/x /c/cpu rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n"
        f"1 2 0:1 / {tmp_path}/v2 rw - cgroup2 cgroup2 rw,nsdelegate\n"
        "1 2 0:1 / /proc rw - proc proc rw\n"
    )
    (tmp_path / "v2/u/s").mkdir(parents=True)
    (tmp_path / "v2/u/s/cgroup.controllers").write_text("io pids")
    second = Tree(2, f"{tmp_path}/v2", f"{tmp_path}/v2/u/s")
    assert trees(str(tmp_path)) == {
        "memory": Tree(1, "/c/memory", "/c/memory/a/b"),
        "cpu": Tree(1, "/c/cpu", "/c/cpu"),
        "pids": second,
        "freezer": second,
    }


# Rights


def test_seccomp_refuses_a_call() -> None:
    need("seccomp")
    work = "mkdir /tmp/x && echo made"
    assert contained(work).stdout == "made\n"
    told = contained(work, seccomp_deny=["mkdir", "mkdirat"])
    assert told.stdout == ""
    assert "Operation not permitted" in told.stderr


def bpf(program: bytes, number: int, machine: int) -> int:
    """What a filter answers: an interpreter of the four instructions that it is made of."""
    code = list(struct.iter_unpack("=HBBI", program))
    data, at, word = struct.pack("=II", number, machine), 0, 0
    while True:
        kind, yes, no, value = code[at]
        if kind == 0x20:
            (word,) = struct.unpack_from("=I", data, value)
            at += 1
        elif kind == 0x06:
            return value
        else:
            holds = word == value if kind == 0x15 else word >= value
            at += 1 + (yes if holds else no)


@given(st.sets(st.integers(0, 500)), st.integers(0, 500), st.sampled_from(["x86_64", "aarch64"]))
def test_the_filter_refuses_exactly_its_calls(calls: set[int], number: int, machine: str) -> None:
    program = seccomp.deny(calls, errno.EACCES, machine)
    processor = seccomp.ARCHITECTURES[machine]
    refused = seccomp.ERRNO | errno.EACCES
    assert bpf(program, number, processor) == (refused if number in calls else seccomp.ALLOW)
    assert bpf(program, number, processor ^ 1) == seccomp.KILL
    second = bpf(program, number | seccomp.X32, processor)
    assert second == (refused if machine == "x86_64" else seccomp.ALLOW)


def test_numbers_of_system_calls() -> None:
    assert seccomp.numbers(["mkdir", "unshare"], "x86_64") == [83, 272]
    assert seccomp.numbers(["mkdir", "unshare"], "aarch64") == [97]
    assert seccomp.numbers(["unshare"], "riscv64") == [97]


def test_dropped_capabilities() -> None:
    need("capabilities")
    work = "hostname other && hostname; grep CapEff /proc/self/status | cut -f 2"
    first, second = contained(work, drop=()).stdout.split()
    assert first == "other"
    assert int(second, 16) & capabilities.mask(["sys_admin"])
    told = contained(work, drop=["sys_admin", "net_raw"]).stdout.split()
    assert len(told) == 1
    assert int(told[0], 16) == int(second, 16) & ~capabilities.mask(["sys_admin", "net_raw"])
    most = contained("grep CapBnd /proc/self/status | cut -f 2", drop=["net_raw"]).stdout
    assert not int(most, 16) & capabilities.mask(["net_raw"])
    assert int(contained(work).stdout, 16) & capabilities.mask(capabilities.UNSAFE) == 0
    assert int(contained(work, drop=["all"]).stdout, 16) == 0


def test_capabilities_of_a_process() -> None:
    assert set(capabilities.effective()) <= set(capabilities.NAMES)
    in_force, permitted, inheritable = syscalls.capget()
    here = capabilities.sets()
    assert (in_force, permitted, inheritable) == (here["CapEff"], here["CapPrm"], here["CapInh"])


def test_landlock_forbids_writing() -> None:
    need("landlock")
    make = "mkdir /tmp/d && echo d; ln -s x /tmp/l && echo l; mkfifo /tmp/f && echo f"
    assert contained(make).stdout.split() == ["d", "l", "f"]
    assert contained(make, writable=["/dev"]).stdout.split() == []
    work = "echo x > /tmp/a && echo a; echo x > /dev/shm/b && echo b; cat /dev/shm/b"
    assert contained(work).stdout.split() == ["a", "b", "x"]
    assert contained(work, writable=["/dev/shm"]).stdout.split() == ["b", "x"]
    assert contained(work, writable=[]).stdout.split() == []


# Without privilege


def test_an_ordinary_user_can_do_all_of_it() -> None:
    """The same container, started by a user without any privilege."""
    if os.getuid():
        pytest.skip("this user is an ordinary one, so every test here is this test")
    need("namespace user", *CONTAINER)
    script = STUB + (
        "from vcloud_lab.containers.linux import *\n"
        "told = run(['sh', '-c', 'echo $$; id -u; cat /proc/self/uid_map; touch /etc/x'],"
        " limits=Limits(processes=50, memory=1 << 28))\n"
        "print(told.code, told.held, told.stdout.split())\n"
    )
    for python in (sys.executable, "/usr/bin/python3"):
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python]
        if shutil.which("setpriv") is None:
            pytest.skip("there is no setpriv here")
        check = (
            "import os, sys; assert sys.version_info >= (3, 11); open(sys.argv[1]);"
            "os.execv(sys.executable, [sys.executable, '-c', ''])"
        )
        file = str(PACKAGE / "linux.py")
        if subprocess.run([*command, "-c", check, file], capture_output=True).returncode:
            continue
        told = subprocess.run(
            [*command, "-B", "-I", "-S", "-c", script], capture_output=True, text=True, timeout=60
        )
        assert told.stderr == ""
        assert told.stdout == (
            "1 {'memory': 'rlimit', 'processes': 'rlimit'} ['1', '0', '0', '65534', '1']\n"
        )
        return
    pytest.skip("there is no Python 3.11 that another user may run")


# Impossible orders


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"command": []}, "The command [] cannot be run: give a list of words"),
        ({"command": ["a\0"]}, "cannot be run: give a list of words without null"),
        ({"namespaces": ("uts", "mnt")}, "There is no namespace 'mnt': the eight are cgroup, ipc"),
        ({"timeout": 0}, "The timeout is 0: give a number of seconds above 0."),
        ({"limits": Limits(memory=5)}, "The limit memory is 5: give an integer from 4194304 to"),
        ({"limits": Limits(cpu_percent=0)}, "The limit cpu_percent is 0: give an integer from 1"),
        ({"rootfs": "/nowhere"}, "The root '/nowhere' is no directory: unpack the image there"),
        ({"rootfs": Overlay([])}, "The overlay has no lower directory: give at least one."),
        ({"namespaces": ("pid",), "hostname": "a"}, "hostname cannot be set without the namespace"),
        ({"hostname": "a" * 65}, "has 65 bytes: 1 to 64 are allowed."),
        ({"clock_offset": 5}, "clock_offset cannot be set without the namespace 'time'"),
        ({"masked": ["etc"]}, "The path 'etc' is relative: give it as it is inside"),
        ({"uid_map": [(5, 5, 1)]}, "The map [(5, 5, 1)] has no root: a range must begin with (0"),
        ({"seccomp_deny": ["frob"]}, "The system call 'frob' has no number in the table: use one"),
        ({"drop": ["CAP_KILL"]}, "There is no capability 'CAP_KILL': use 'all' or one of chown"),
    ],
)
def test_impossible_orders(options: dict[str, Any], sentence: str) -> None:
    words = {"command": ["true"], **options}
    with pytest.raises(ContainerError, match=re.escape(sentence)):
        run(words.pop("command"), **words)


def test_refusals_of_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ContainerError, match="'nowhere' cannot be started: start nowhere: ENOENT"):
        contained(["nowhere"])
    with pytest.raises(ContainerError, match="/nowhere: ENOENT"):
        contained("true", writable=["/nowhere"])
    with pytest.raises(ContainerError, match="for the processor 'vax': the known ones are x86_64"):
        seccomp.numbers(["mkdir"], "vax")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ContainerError, match="The helper process cannot be started: "):
        run(["true"])
    monkeypatch.setattr(sys, "platform", "plan9")
    with pytest.raises(ContainerError, match="Containers need Linux and this is 'plan9'"):
        run(["true"])
    assert {mechanism.reason for mechanism in probe().values()} == {
        "it needs Linux, and this is plan9"
    }
