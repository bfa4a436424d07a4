"""CPU time in a tree of control groups: exact, fair by weight, within quotas."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcloud_lab.containers.cgroups import Cgroup
from vcloud_lab.containers.kernel import Kernel
from vcloud_lab.errors import KernelError
from vcloud_lab.scheduling import CFS, Workload, simulate

SLICE = 1000


@dataclass
class Tree:
    """A group as it is drawn; ``tasks`` are processes: CPU time wanted, None for no end."""

    weight: int = 100
    quota: int | None = None
    period: int = 10_000
    tasks: list[int | None] = field(default_factory=list)
    groups: list[Tree] = field(default_factory=list)


def trees(*, quotas: bool = True, endless: bool = False) -> st.SearchStrategy[Tree]:
    times = st.none() if endless else st.none() | st.integers(0, 30).map(lambda n: n * 500)
    tasks = st.lists(times, max_size=3)
    weights = st.sampled_from([1, 50, 100, 100, 300, 777, 10000])
    quota = st.none() | st.integers(1, 15).map(lambda n: n * 1000) if quotas else st.none()
    periods = st.sampled_from([3000, 5000, 10_000])
    leaf = st.builds(Tree, weights, quota, periods, tasks)
    inner = st.recursive(
        leaf,
        lambda below: st.builds(
            Tree, weights, quota, periods, st.just([]), st.lists(below, min_size=1, max_size=3)
        ),
        max_leaves=6,
    )
    return st.builds(
        Tree, st.just(100), st.none(), st.just(10_000), tasks, st.lists(inner, max_size=3)
    )


def build(kernel: Kernel, tree: Tree, group: Cgroup) -> None:
    if tree.groups:
        group.hand_on("+cpu")
    group.cpu.weight, group.cpu.quota, group.cpu.period = tree.weight, tree.quota, tree.period
    for work in tree.tasks:
        kernel.burn(kernel.spawn(kernel.init, "task", cgroup=group), work)
    for number, below in enumerate(tree.groups):
        build(kernel, below, group.make(f"g{number}"))


class Oracle:
    """One CPU in steps of 500 microseconds, without heaps: every choice looks at the whole tree."""

    STEP = 500

    def __init__(self, tree: Tree) -> None:
        self.virtual: dict[tuple[int, ...], Fraction] = {}
        self.clock: dict[tuple[int, ...], Fraction] = {}
        self.spent: dict[tuple[int, ...], int] = {}
        self.got: dict[tuple[int, ...], int] = {}
        self.could: dict[tuple[int, ...], bool] = {}
        self.trees: dict[tuple[int, ...], Tree] = {}
        self.left: dict[tuple[int, ...], int | None] = {}
        self.children: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        self.read(tree, ())

    def read(self, tree: Tree, at: tuple[int, ...]) -> None:
        self.trees[at] = tree
        self.virtual[at] = self.clock[at] = Fraction(0)
        self.spent[at] = 0
        tasks = [(*at, number) for number in range(len(tree.tasks))]
        groups = [(*at, len(tasks) + number) for number in range(len(tree.groups))]
        self.children[at] = tasks + groups
        for task, work in zip(tasks, tree.tasks, strict=True):
            self.virtual[task], self.left[task], self.got[task] = Fraction(0), work, 0
        for group, below in zip(groups, tree.groups, strict=True):
            self.read(below, group)

    def able(self, at: tuple[int, ...]) -> bool:
        if at in self.left:
            return self.left[at] != 0
        tree = self.trees[at]
        if tree.quota is not None and self.spent[at] >= tree.quota:
            return False
        return any(self.able(child) for child in self.children[at])

    def run(self, time: int) -> None:
        running: tuple[int, ...] | None = None
        since = 0
        for now in range(0, time, self.STEP):
            refilled = False
            for at, tree in self.trees.items():
                if tree.quota is not None and now % tree.period == 0:
                    self.spent[at] = 0
                    refilled |= running is not None and at == running[: len(at)]
            way = [] if running is None else [running[:n] for n in range(len(running) + 1)]
            ended = refilled or now - since >= SLICE or not all(self.able(at) for at in way)
            # Who could not run until now starts at its queue's clock.
            for at in self.trees:
                able = self.able(at)
                if at and able and not self.could.get(at, True):
                    self.virtual[at] = max(self.virtual[at], self.clock[at[:-1]])
                self.could[at] = able
            if running is None or ended:
                running, since = None, now
                if self.able(()):
                    running = ()
                    while running not in self.left:
                        able_ones = [one for one in self.children[running] if self.able(one)]
                        chosen = min(able_ones, key=lambda one: (self.virtual[one], one))
                        self.clock[running] = self.virtual[chosen]
                        running = chosen
            if running is None:
                continue
            self.got[running] += self.STEP
            if (left := self.left[running]) is not None:
                self.left[running] = left - self.STEP
            for n in range(len(running) + 1):
                at = running[:n]
                weight = 100 if at in self.left else self.trees[at].weight
                self.virtual[at] += Fraction(self.STEP, weight)
                if at in self.spent:
                    self.spent[at] += self.STEP


def flat(got: dict[tuple[int, ...], int], tree: Tree, at: tuple[int, ...] = ()) -> list[int]:
    """The oracle's times in the order in which ``build`` starts the processes."""
    mine = [got[(*at, number)] for number in range(len(tree.tasks))]
    for number, below in enumerate(tree.groups):
        mine += flat(got, below, (*at, len(tree.tasks) + number))
    return mine


@given(tree=trees(), time=st.integers(0, 60).map(lambda n: n * 500))
@settings(max_examples=150, deadline=None)
def test_equal_to_the_oracle(tree: Tree, time: int) -> None:
    kernel = Kernel()
    build(kernel, tree, kernel.root)
    run = kernel.run(time, SLICE)
    oracle = Oracle(tree)
    oracle.run(time)
    times = dict.fromkeys(range(2, 2 + len(flat(oracle.got, tree))), 0) | run.by_pid
    assert [times[pid] for pid in sorted(times)] == flat(oracle.got, tree)


@given(tree=trees(), cpus=st.integers(1, 4), time=st.integers(1, 40_000))
@settings(max_examples=200, deadline=None)
def test_what_always_holds(tree: Tree, cpus: int, time: int) -> None:
    kernel = Kernel(cpus)
    build(kernel, tree, kernel.root)
    run = kernel.run(time, SLICE)
    assert sum(run.by_pid.values()) + run.idle == cpus * time
    assert run.by_group["/"] == sum(run.by_pid.values()) == kernel.root.cpu.usage
    for group in kernel.root.downward():
        own = sum(run.by_pid.get(process.pid, 0) for process in group.processes)
        below = sum(run.by_group[child.path] for child in group.children.values())
        assert run.by_group[group.path] == own + below
    # Nobody is in two places at once, and no CPU has two processes.
    for key in ("cpu", "pid"):
        ends: dict[int, int] = {}
        for one in run.slices:
            who = getattr(one, key)
            assert ends.get(who, 0) <= one.start < one.end <= time
            ends[who] = one.end
    for group in kernel.root.downward():
        if group.cpu.quota is None:
            continue
        below_pids = {process.pid for one in group.downward() for process in one.processes}
        spent: dict[int, int] = {}
        for one in run.slices:
            if one.pid in below_pids:
                first, last = one.start // group.cpu.period, (one.end - 1) // group.cpu.period
                assert first == last
                spent[first] = spent.get(first, 0) + one.end - one.start
        assert all(time <= group.cpu.quota for time in spent.values())
        assert group.cpu.periods == len(spent)


@given(tree=trees(quotas=False, endless=True), cpus=st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_work_conserving_without_quotas(tree: Tree, cpus: int) -> None:
    kernel = Kernel(cpus)
    build(kernel, tree, kernel.root)
    run = kernel.run(20_000, SLICE)
    assert run.idle == 20_000 * max(0, cpus - len(run.by_pid))


@given(tree=trees(quotas=False, endless=True))
@settings(max_examples=100, deadline=None)
def test_weights_hold_within_a_slice_at_every_level(tree: Tree) -> None:
    kernel = Kernel()
    build(kernel, tree, kernel.root)
    run = kernel.run(100_000, SLICE)
    for group in kernel.root.downward():
        mine = [process.pid for process in group.processes if process.pid > 1]
        shares = [(Fraction(run.by_pid[pid]), 100) for pid in mine]
        shares += [
            (Fraction(run.by_group[child.path]), child.cpu.weight)
            for child in group.children.values()
            if child.populated
        ]
        for time, weight in shares:
            for other, rival in shares:
                # The one chosen had the least virtual runtime, and ran for at most a slice.
                assert time / weight - other / rival <= Fraction(SLICE, weight)


@given(weights=st.lists(st.sampled_from([1, 2, 3, 5]), min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_one_level_is_the_cfs_of_the_scheduling_chapters(weights: list[int]) -> None:
    kernel = Kernel()
    kernel.root.hand_on("+cpu")
    for number, weight in enumerate(weights):
        group = kernel.root.make(f"g{number}")
        group.cpu.weight = weight
        kernel.burn(kernel.spawn(kernel.init, "task", cgroup=group))
    run = kernel.run(60 * SLICE, SLICE)
    jobs = Workload([(f"P{number}", 0, 1000) for number in range(len(weights))])
    # A latency of one granule makes every turn of that CFS one tick long.
    policy = CFS(weights=weights, latency=1, granularity=1)
    turns = [part for part in simulate(jobs, policy).slices() if part.start < 60]
    times = dict.fromkeys(jobs.names, 0)
    for part in turns:
        times[part.job] += min(part.end, 60) - part.start
    assert [time * SLICE for time in times.values()] == list(run.by_pid.values())


def test_shares_by_hand() -> None:
    kernel = Kernel()
    tree = Tree(
        groups=[
            Tree(200, groups=[Tree(300, tasks=[None]), Tree(100, tasks=[None, None])]),
            Tree(100, tasks=[None]),
        ]
    )
    build(kernel, tree, kernel.root)
    run = kernel.run(3_600_000)
    assert run.share("/g0") == Fraction(2, 3)
    assert run.share("/g0/g0") == Fraction(1, 2)
    assert run.share(3) == Fraction(1, 12)
    assert run.share("/g1") == Fraction(1, 3)


def test_a_noisy_neighbour_is_held_by_its_group_not_by_its_processes() -> None:
    kernel = Kernel()
    build(kernel, Tree(tasks=[None] * 9 + [None]), kernel.root)
    assert kernel.run(300_000).share(2) == Fraction(1, 10)
    kernel = Kernel()
    build(kernel, Tree(groups=[Tree(tasks=[None]), Tree(tasks=[None] * 9)]), kernel.root)
    assert kernel.run(540_000).share("/g0") == Fraction(1, 2)


def test_a_quota_is_exact_and_counted() -> None:
    kernel = Kernel()
    build(kernel, Tree(groups=[Tree(quota=20_000, period=100_000, tasks=[None])]), kernel.root)
    group = kernel.root.find("g0")
    run = kernel.run(1_000_000)
    assert run.share("/g0") == Fraction(1, 5)
    assert (group.cpu.periods, group.cpu.throttled, group.cpu.throttled_time) == (10, 10, 800_000)


def test_a_quota_holds_over_several_runs() -> None:
    kernel = Kernel()
    build(kernel, Tree(groups=[Tree(quota=3000, period=10_000, tasks=[None])]), kernel.root)
    times = [kernel.run(2000, SLICE).by_pid[2] for _ in range(10)]
    assert times == [2000, 1000, 0, 0, 0] * 2
    cpu = kernel.root.find("g0").cpu
    assert (cpu.throttled, cpu.throttled_time) == (2, 14_000)


def test_who_was_throttled_does_not_catch_up() -> None:
    kernel = Kernel()
    tree = Tree(groups=[Tree(quota=20_000, period=100_000, tasks=[None]), Tree(tasks=[None])])
    build(kernel, tree, kernel.root)
    run = kernel.run(200_000, SLICE)
    # Half of the CPU, within a slice, from the second period on: not all of it.
    assert run.by_group["/g0"] == 40_000
    early = [one for one in run.slices if one.pid == 2 and 100_000 <= one.start < 120_000]
    assert sum(one.end - one.start for one in early) == 10_000 + SLICE


def test_a_frozen_or_stopped_process_gets_nothing() -> None:
    kernel = Kernel()
    build(kernel, Tree(groups=[Tree(tasks=[None]), Tree(tasks=[None, None])]), kernel.root)
    kernel.kill(kernel.init, 3, "STOP")
    kernel.write(kernel.init, "/sys/fs/cgroup/g0/cgroup.freeze", "1")
    assert kernel.run(5000).by_pid == {4: 5000}
    kernel.kill(kernel.init, 3, "CONT")
    kernel.write(kernel.init, "/sys/fs/cgroup/g0/cgroup.freeze", "0")
    assert sorted(kernel.run(12_000, SLICE).by_pid.values()) == [3000, 3000, 6000]


def test_without_the_controller_groups_do_not_count() -> None:
    kernel = Kernel()
    one, two = kernel.root.make("one"), kernel.root.make("two")
    for group, tasks in ((one, 1), (two, 3)):
        for _ in range(tasks):
            kernel.burn(kernel.spawn(kernel.init, "task", cgroup=group))
    run = kernel.run(12_000, SLICE)
    assert (run.by_group["/one"], run.by_group["/two"]) == (3000, 9000)


def test_what_is_refused() -> None:
    kernel = Kernel()
    kernel.burn(kernel.spawn(kernel.init, "task"))
    cases = [
        ("EINVAL", "The time is -1", lambda: kernel.run(-1)),
        ("EINVAL", "The slice is 0", lambda: kernel.run(1, 0)),
        ("EINVAL", "took no time", lambda: kernel.run(0).share(2)),
        ("ESRCH", "9 was not in this run", lambda: kernel.run(1).share(9)),
        ("ENOENT", "'/x' was not", lambda: kernel.run(1).share("/x")),
        ("EINVAL", "True CPUs", lambda: Kernel(True)),
        ("EINVAL", "The CPU time is -5", lambda: kernel.burn(kernel.init, -5)),
    ]
    for name, words, call in cases:
        with pytest.raises(KernelError, match=words) as caught:
            call()
        assert caught.value.name == name


def test_on_two_cpus_who_needs_nearly_a_whole_one_gets_it() -> None:
    kernel = Kernel(2)
    build(kernel, Tree(groups=[Tree(19, tasks=[None]), *[Tree(10, tasks=[None])] * 2]), kernel.root)
    run = kernel.run(3_900_000, SLICE)
    assert run.share("/g0") == Fraction(19, 39)
    assert run.share("/g1") == run.share("/g2") == Fraction(10, 39)
