"""Hosts share their PEs among VMs, VMs their vCPUs among tasks: CloudSim's examples, the figure of
its paper, and random data centres against two plain simulations."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_cloudlets import Machine, Rules, Task, in_steps, remaining
from scheduling_cases import examples

from vcloud_lab.errors import PolicyError, VcloudLabError, WorkloadError
from vcloud_lab.scheduling.cloudlet_results import Shared
from vcloud_lab.scheduling.cloudlets import Cloudlet, Host, Vm
from vcloud_lab.scheduling.sharing import share

CASES = json.loads((Path(__file__).parent / "acceptance/cloudsim.json").read_text("utf-8"))
SHARING = ("space", "time")


# Published examples


def play_case(case: dict[str, Any]) -> dict[str, Any]:
    """The CPU times by cloudlet id. The hosts are described in words."""
    told = case["input"]
    words = re.match(r"(\d+) hosts? (?:each )?(\d+)x(\d+) MIPS", told["description"])
    assert words
    count, pes, mips = map(int, words.groups())
    memory = re.search(r"(\d+) MB; VMs (\d+) MB", told["description"])
    ram, vm_ram = map(int, memory.groups()) if memory else (None, 0)
    assert {vm["cloudlet_scheduler"] for vm in told["vms"]} == {"time-shared"}
    vms = [Vm(str(vm["id"]), vm["pes"], vm["mips"], "time", vm_ram) for vm in told["vms"]]
    cloudlets = [
        Cloudlet(str(c["id"]), str(c["vm"]), c["length_mi"], c["pes"]) for c in told["cloudlets"]
    ]
    done = share([Host(pes, mips, ram)] * count, vms, cloudlets, placement="most-free")
    assert sorted(run.host for run in done.machines) == list(range(count))
    assert done == share([Host(pes, mips, ram)] * count, vms, cloudlets)  # the RAM decides
    return dict(done.cpu_time)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_cloudsims_example(case: dict[str, Any]) -> None:
    assert play_case(case) == case["expected"]["cpu_time"]


def test_no_example_is_left_out_and_a_wrong_one_is_seen() -> None:
    assert [case["id"] for case in CASES] == ["cloudsim-example1", "cloudsim-example3"]
    for case in CASES:
        slower = json.loads(json.dumps(case))
        slower["input"]["vms"][0]["mips"] /= 2
        assert play_case(slower) != case["expected"]["cpu_time"]


# The figure of the paper: a host of 2 PEs, two VMs of 2 vCPUs, four tasks each


def figure(vms: str, tasks: str) -> Shared:
    """Tasks of one length, 1 second on a whole PE."""
    machines = [Vm("VM1", 2, 100, tasks), Vm("VM2", 2, 100, tasks)]
    cloudlets = [Cloudlet(f"t{n}", "VM1" if n <= 4 else "VM2", 100) for n in range(1, 9)]
    return share(Host(2, 100), machines, cloudlets, vms=vms)


# VM2 wants both PEs, so under space-sharing it waits for VM1; under time-sharing each VM has both
# PEs at half their speed. In a VM, space-shared tasks go two by two at the speed of a vCPU, and
# time-shared ones all four at half of it.
FIGURE = {
    # two by two, 1 s each pair: VM1 1, 2; then VM2 3, 4
    ("space", "space"): ([0, 0, 1, 1, 2, 2, 3, 3], [1, 1, 2, 2, 3, 3, 4, 4]),
    # four at half a PE's speed take 2 s: VM1 2; then VM2 4
    ("space", "time"): ([0, 0, 0, 0, 2, 2, 2, 2], [2, 2, 2, 2, 4, 4, 4, 4]),
    # two by two at half a PE's speed take 2 s a pair, in both VMs at once
    ("time", "space"): ([0, 0, 2, 2, 0, 0, 2, 2], [2, 2, 4, 4, 2, 2, 4, 4]),
    # all eight at a quarter of a PE's speed
    ("time", "time"): ([0] * 8, [4] * 8),
}


@pytest.mark.parametrize("how", FIGURE, ids=["-".join(how) for how in FIGURE])
def test_the_figure_of_the_paper(how: tuple[str, str]) -> None:
    done = figure(*how)
    start, finish = FIGURE[how]
    assert list(done.start.values()) == start
    assert list(done.finish.values()) == finish
    assert list(done.waiting.values()) == start  # all are submitted at 0
    assert list(done.cpu_time.values()) == [b - a for a, b in zip(start, finish, strict=True)]


@pytest.mark.parametrize("how", FIGURE, ids=["-".join(how) for how in FIGURE])
@pytest.mark.parametrize("step", [Fraction(1), Fraction(1, 7)])
def test_the_figure_in_small_steps(how: tuple[str, str], step: Fraction) -> None:
    vms = [Machine(2, Fraction(100), how[1] == "space") for _ in range(2)]
    tasks = [Task(n // 4, Fraction(100), 1, Fraction(0)) for n in range(8)]
    in_steps(vms, tasks, Rules([(2, Fraction(100), None)], how[0] == "space"), step)
    assert [task.start for task in tasks] == FIGURE[how][0]
    assert [task.finish for task in tasks] == FIGURE[how][1]


def test_the_figure_tells_the_four_apart() -> None:
    assert len({str(figure(*how).tasks) for how in FIGURE}) == 4


def test_rates_are_there_to_be_drawn() -> None:
    rates = figure("time", "time").rates()
    assert [tuple(rate) for rate in rates] == [(f"t{n}", 0, 4, 25) for n in range(1, 9)]
    # A: alone for 1 s, then shares a PE with B until B's 100 MI are done
    done = share(
        Host(1, 100),
        [Vm("V", 1, 100)],
        [Cloudlet("A", "V", 200), Cloudlet("B", "V", 50, submitted=1)],
    )
    assert [tuple(rate) for rate in done.rates()] == [
        ("A", 0, 1, 100), ("A", 1, 2, 50), ("A", 2, Fraction(5, 2), 100), ("B", 1, 2, 50)
    ]  # fmt: skip
    assert repr(done) == "2 cloudlets of 1 time-shared VMs on 1 host: ends at 2.5"


def test_pieces_of_one_speed_are_one_piece() -> None:
    # B comes and goes on a vCPU of its own, which A does not feel; nor does the VM's vCPU change
    machine = Vm("V", 2, 100)
    tasks = [Cloudlet("A", "V", 300), Cloudlet("B", "V", 100, submitted=1)]
    done = share(Host(2, 100), [machine], tasks)
    assert [tuple(rate) for rate in done.rates()] == [("A", 0, 3, 100), ("B", 1, 2, 100)]
    assert done.machines[0].grants == ((0, 3, 100, 100),)
    # W leaves at 1, which doubles V's vCPU just when B comes to share it: A does not notice.
    machines = [Vm("V", 1, 100), Vm("W", 1, 100)]
    tasks = [Cloudlet("A", "V", 100), Cloudlet("B", "V", 50, submitted=1), Cloudlet("C", "W", 50)]
    done = share(Host(1, 100), machines, tasks)
    assert [tuple(rate) for rate in done.rates()] == [
        ("A", 0, 2, 50), ("B", 1, 2, 50), ("C", 0, 1, 50)
    ]  # fmt: skip
    assert done.machines[0].grants == ((0, 1, 50, 50), (1, 2, 100, 50))


def test_an_overcommitted_host_cuts_all_in_proportion_and_the_rest_grow_when_one_leaves() -> None:
    done = share(
        Host(2, 200),
        [Vm("VA", 2, 100), Vm("VB", 2, 200)],
        [Cloudlet("A", "VA", 100), Cloudlet("B", "VB", 300)],
    )
    # 600 MIPS are asked for and 400 are there: a vCPU of VA gets 200/3 and one of VB 400/3. A's
    # 100 MI end at 3/2, when B has 200 of its 300 MI; it goes on at the 200 that VB asked for.
    assert done.finish == {"A": Fraction(3, 2), "B": 2}
    assert done.machines[1].grants[0] == (0, Fraction(3, 2), Fraction(400, 3), Fraction(400, 3))
    assert done.machines[1].grants[1] == (Fraction(3, 2), 2, 200, 200)


def test_a_vm_keeps_its_part_while_it_waits_for_a_later_task() -> None:
    machines = [Vm("VA", 1, 100), Vm("VB", 1, 100)]
    tasks = [Cloudlet("A", "VA", 100, submitted=5), Cloudlet("B", "VB", 100)]
    assert share(Host(1, 100), machines, tasks, vms="space").finish == {"A": 6, "B": 7}
    # shared by time, B has half of the PE although A is not there yet
    assert share(Host(1, 100), machines, tasks).finish == {"A": 6, "B": 2}
    without = [Vm("idle", 1, 100), *machines]
    assert share(Host(1, 100), without, tasks, vms="space").finish == {"A": 6, "B": 7}


def test_a_narrow_one_overtakes_a_wide_one() -> None:
    vm = Vm("V", 2, 100, "space")
    tasks = [Cloudlet("A", "V", 300), Cloudlet("wide", "V", 100, 2), Cloudlet("narrow", "V", 100)]
    assert share(Host(2, 100), [vm], tasks).start == {"A": 0, "wide": 3, "narrow": 0}
    vms = [Vm("A", 1, 100), Vm("wide", 2, 100), Vm("narrow", 1, 100)]
    tasks = [Cloudlet(v.name, v.name, 300 if v.name == "A" else 100) for v in vms]
    assert share(Host(2, 100), vms, tasks, vms="space").start == {"A": 0, "wide": 3, "narrow": 0}


def test_the_lowest_free_numbers_are_taken() -> None:
    # B, then A come free, before the third starts
    tasks = [Cloudlet("A", "V", 200), Cloudlet("B", "V", 100), Cloudlet("C", "V", 1, submitted=5)]
    done = share(Host(2, 100), [Vm("V", 2, 100, "space")], tasks)
    assert [run.vcpus for run in done.tasks] == [(0,), (1,), (0,)]
    vms = [Vm("A", 1, 100), Vm("B", 1, 100), Vm("C", 2, 100)]
    tasks = [Cloudlet("A", "A", 200), Cloudlet("B", "B", 100), Cloudlet("C", "C", 100)]
    done = share(Host(2, 100), vms, tasks, vms="space")
    assert [run.pes for run in done.machines] == [(0,), (1,), (0, 1)]


def test_placements() -> None:
    hosts = [Host(2, 100), Host(4, 100)]
    vms = [Vm(name, 1, 100) for name in "ABCDEFGH"]
    tasks = [Cloudlet(name, name, 100) for name in "ABCDEFGH"]

    def placed(**options: Any) -> list[int]:
        return [run.host for run in share(hosts, vms, tasks, **options).machines]

    assert placed() == [0, 0, 1, 1, 1, 1, 0, 1]  # G overcommits at 2/2 and 4/4, H at 3/2 and 4/4
    assert placed(vms="space") == [0, 0, 1, 1, 1, 1, 0, 0]  # G and H wait for the first to leave
    assert placed(placement="most-free") == [1, 1, 0, 1, 0, 1, 0, 1]  # free: 4, 3, then 2 and 2
    over = share(hosts, vms, tasks)
    three, five = dict.fromkeys("ABG", Fraction(3, 2)), dict.fromkeys("CDEFH", Fraction(5, 4))
    assert over.finish == three | five
    wait = share(hosts, vms, tasks, overcommit=False)
    assert wait.finish == {**dict.fromkeys("ABCDEF", 1), "G": 2, "H": 2}
    ram = share(Host(8, 100, ram=4), [replace(vm, ram=2) for vm in vms], tasks)
    assert list(ram.start.values()) == [0, 0, 1, 1, 2, 2, 3, 3]


# Random data centres


@st.composite
def centres(draw: st.DrawFn) -> tuple[list[Host], list[Vm], list[Cloudlet], dict[str, Any]]:
    small = st.integers(1, 3)
    mips = st.sampled_from([50, 100, 100, Fraction(400, 3)])
    hosts = draw(
        st.lists(st.builds(Host, small, mips, st.sampled_from([None, 4])), min_size=1, max_size=3)
    )
    kinds = st.tuples(small, mips, st.sampled_from(SHARING), st.integers(0, 4))
    vms = [Vm(f"V{n}", *kind) for n, kind in enumerate(draw(st.lists(kinds, max_size=4)))]
    tasks = []
    for n in range(draw(st.integers(0, 8)) if vms else 0):
        vm = draw(st.sampled_from(vms))
        pes = draw(st.integers(1, vm.pes if vm.tasks == "space" else 3))
        length = draw(st.sampled_from([50, 100, 100, 250, Fraction(70, 3)]))
        tasks.append(Cloudlet(f"c{n}", vm.name, length, pes, draw(st.integers(0, 4))))
    options = {
        "vms": draw(st.sampled_from(SHARING)),
        "placement": draw(st.sampled_from(["first-fit", "most-free"])),
        "overcommit": draw(st.booleans()),
    }
    return hosts, vms, tasks, options


def judged(
    hosts: list[Host], vms: list[Vm], tasks: list[Cloudlet], options: dict[str, Any]
) -> list[tuple[Fraction | None, Fraction | None, int | None]]:
    """Start, finish and host of each task by the plain simulation."""
    rules = Rules(
        [(host.pes, Fraction(host.mips), host.ram) for host in hosts],
        options["vms"] == "space",
        options["placement"] == "most-free",
        options["overcommit"],
    )
    places = [vm.name for vm in vms]
    machines = [Machine(v.pes, Fraction(v.mips), v.tasks == "space", v.ram) for v in vms]
    work = [
        Task(places.index(t.vm), Fraction(t.length), t.pes, Fraction(t.submitted)) for t in tasks
    ]
    remaining(machines, work, rules)
    return [(task.start, task.finish, machines[task.vm].host) for task in work]


def share_or_none(*centre: Any) -> Shared | None:
    """The result; None where a VM fits on no host."""
    hosts, vms, tasks, options = centre
    for vm in vms:
        fits = [
            host
            for host in hosts
            if vm.mips <= host.mips
            and (host.ram is None or vm.ram <= host.ram)
            and (options["vms"] == "time" or vm.pes <= host.pes)
            and (
                options["vms"] == "space"
                or options["overcommit"]
                or vm.pes * vm.mips <= host.pes * host.mips
            )
        ]
        if not fits:
            with pytest.raises(PolicyError, match=f"VM '{vm.name}' asks for .* no host"):
                share(hosts, vms, tasks, **options)
            return None
    return share(hosts, vms, tasks, **options)


@examples(400)
@given(centres())
def test_random_centres_equal_the_plain_simulation(centre: Any) -> None:
    done = share_or_none(*centre)
    if done is None:
        return
    hosts = {run.vm.name: run.host for run in done.machines}
    got = [(run.start, run.finish, hosts[run.cloudlet.vm]) for run in done.tasks]
    assert got == judged(*centre)


def check_work(done: Shared) -> None:
    """Every task gets exactly its work done, piece after piece."""
    work = {run.cloudlet.name: Fraction(0) for run in done.tasks}
    for rate in done.rates():
        assert rate.start < rate.end
        work[rate.task] += (rate.end - rate.start) * Fraction(rate.mips)
    assert work == {t.cloudlet.name: t.cloudlet.length * t.cloudlet.pes for t in done.tasks}


def check_promises(done: Shared) -> None:
    """What must hold in every result, from the result alone."""
    check_work(done)
    rates = done.rates()
    names = {run.cloudlet.name: run.cloudlet for run in done.tasks}
    moments = sorted({time for rate in rates for time in (rate.start, rate.end)})
    for now in moments:
        speed = {r.task: Fraction(r.mips) for r in rates if r.start <= now < r.end}
        present = [run for run in done.machines if run.start <= now < run.end]
        for run in present:
            own = [names[name] for name in speed if names[name].vm == run.vm.name]
            assert sum(speed[task.name] for task in own) <= run.vm.pes * run.vm.mips
            assert all(speed[task.name] <= task.pes * run.vm.mips for task in own)
        for at, host in enumerate(done.hosts):
            here = [run.vm.name for run in present if run.host == at]
            used = sum(s for name, s in speed.items() if names[name].vm in here)
            assert used <= host.pes * host.mips
            assert host.ram is None or host.ram >= sum(r.vm.ram for r in present if r.host == at)
            pes = [pe for run in present if run.host == at for pe in run.pes]
            assert len(pes) == len(set(pes))
            assert set(pes) <= set(range(host.pes))
            if done.sharing == "space":
                assert len(pes) == sum(run.vm.pes for run in present if run.host == at)
        for run in present:
            if run.vm.tasks == "space":
                own_runs = [t for t in done.tasks if t.cloudlet.vm == run.vm.name]
                running = [t for t in own_runs if t.start <= now < t.finish]
                vcpus = [cpu for task in running for cpu in task.vcpus]
                assert sorted(vcpus) == sorted(set(vcpus) & set(range(run.vm.pes)))
                assert len(vcpus) == sum(task.cloudlet.pes for task in running)


@examples(300)
@given(centres())
def test_promises_of_every_result(centre: Any) -> None:
    done = share_or_none(*centre)
    if done is not None:
        check_promises(done)
        for run in done.machines:
            assert run.grants[0].start == run.start
            assert run.grants[-1].end == run.end
            edges = [(a.end, b.start) for a, b in zip(run.grants, run.grants[1:], strict=False)]
            assert all(end == start for end, start in edges)
        for task in done.tasks:
            assert task.cloudlet.submitted <= task.start < task.finish <= done.makespan


def test_the_promises_can_be_broken() -> None:
    good = figure("space", "space")
    check_promises(good)
    two = [replace(run, vcpus=(0,)) for run in good.tasks]  # two tasks on one vCPU
    fast = [replace(m, grants=tuple(g._replace(task=200) for g in m.grants)) for m in good.machines]
    both = [replace(run, start=0) for run in good.machines]  # both VMs at once on the same PEs
    for broken in (
        replace(good, tasks=tuple(two)),
        replace(good, machines=tuple(fast)),
        replace(good, machines=tuple(both)),
    ):
        with pytest.raises(AssertionError):
            check_promises(broken)


def test_a_thousand_tasks() -> None:
    tasks = [Cloudlet(f"c{n}", f"V{n % 2}", 100 + n, submitted=n % 7) for n in range(1000)]
    done = share(Host(2, 100), [Vm("V0", 1, 100), Vm("V1", 2, 70, "space")], tasks)
    first, second = (sum(100 + n for n in range(1000) if n % 2 == vm) for vm in range(2))
    # 240 MIPS are asked for and 200 are there, until V1 leaves and V0 gets all its 100
    left = Fraction(done.machines[1].end)
    assert left >= second / Fraction(140 * 200, 240)
    assert done.machines[0].end == left + (first - left * Fraction(100 * 200, 240)) / 100
    check_work(done)


# Mistakes

V, A = Vm("V", 1, 100), Cloudlet("A", "V", 100)
H = Host(1, 100)
BAD: dict[str, tuple[type[VcloudLabError], Callable[[], object], list[str]]] = {
    "host pes": (PolicyError, lambda: Host(0, 100), ["A host has pes 0", "whole number from 1"]),
    "host mips": (PolicyError, lambda: Host(1, 0), ["A host has mips 0", "above 0"]),
    "host ram": (PolicyError, lambda: Host(1, 1, -1), ["A host has ram -1", "above 0"]),
    "host no number": (PolicyError, lambda: Host("two", 1), ["'two'", "number is needed"]),
    "too many pes": (PolicyError, lambda: Host(10**6, 1), ["1000000", "to 100000"]),
    "vm name": (WorkloadError, lambda: Vm("", 1, 1), ["VM ''", "needs a name"]),
    "vm pes": (WorkloadError, lambda: Vm("V", "1/2", 1), ["VM 'V' has pes 1/2", "whole"]),
    "vm mips": (WorkloadError, lambda: Vm("V", 1, -5), ["VM 'V' has mips -5", "above 0"]),
    "vm ram": (WorkloadError, lambda: Vm("V", 1, 1, ram=-1), ["ram -1", "0 or above"]),
    "vm tasks": (PolicyError, lambda: Vm("V", 1, 1, "both"), ["'both'", "'time' or 'space'"]),
    "task name": (WorkloadError, lambda: Cloudlet(3, "V", 1), ["Cloudlet 3", "needs a name"]),
    "length": (WorkloadError, lambda: Cloudlet("A", "V", 0), ["'A' has length 0", "above 0"]),
    "task pes": (WorkloadError, lambda: Cloudlet("A", "V", 1, 0), ["'A' has pes 0"]),
    "early": (WorkloadError, lambda: Cloudlet("A", "V", 1, 1, -2), ["submitted -2", "0 or above"]),
    "no host": (PolicyError, lambda: share([], [V], [A]), ["[]", "at least one"]),
    "not a host": (PolicyError, lambda: share("big", [V], [A]), ["'big'", "a Host"]),
    "not VMs": (WorkloadError, lambda: share(H, V, [A]), ["Among the VMs", "list of Vm"]),
    "odd VM": (WorkloadError, lambda: share(H, [V, A], []), ["Among the VMs", "name='A'"]),
    "odd task": (WorkloadError, lambda: share(H, [V], ["x"]), ["Among the cloudlets is 'x'"]),
    "same VM": (WorkloadError, lambda: share(H, [V, V], []), ["Two VMs", "'V'", "rename"]),
    "same task": (WorkloadError, lambda: share(H, [V], [A, A]), ["Two cloudlets", "'A'"]),
    "unknown VM": (
        WorkloadError,
        lambda: share(H, [V], [Cloudlet("A", "W", 1)]),
        ["'A' belongs to VM 'W'", "the VMs are V"],
    ),
    "wide task": (
        WorkloadError,
        lambda: share(H, [Vm("V", 1, 1, "space")], [Cloudlet("A", "V", 1, 2)]),
        ["'A' needs 2 PEs", "VM 'V' has 1", "could never start"],
    ),
    "vms": (PolicyError, lambda: share(H, [V], [A], vms="x"), ["vms is 'x'", "'time' or"]),
    "placement": (PolicyError, lambda: share(H, [V], [A], placement="best"), ["'best'"]),
    "overcommit": (PolicyError, lambda: share(H, [V], [A], overcommit=2), ["2", "True or False"]),
    "fast VM": (
        PolicyError,
        lambda: share(H, [Vm("V", 1, 200)], []),
        ["VM 'V' asks for 1 vCPUs of 200", "a PE as fast", "1 PEs of 100 MIPS"],
    ),
    "wide VM": (
        PolicyError,
        lambda: share(H, [Vm("V", 2, 50)], [], vms="space"),
        ["VM 'V' asks for 2 vCPUs", "as many and as fast", "add a host"],
    ),
    "big VM": (
        PolicyError,
        lambda: share(Host(1, 100, 2), [Vm("V", 1, 1, ram=3)], []),
        ["3 RAM", "100 MIPS and 2 RAM"],
    ),
}


@pytest.mark.parametrize("mistake", BAD.values(), ids=BAD.keys())
def test_a_mistake_is_told_in_one_sentence(
    mistake: tuple[type[VcloudLabError], Callable[[], object], list[str]],
) -> None:
    error, call, words = mistake
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
