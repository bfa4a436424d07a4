"""Building images: steps, the cache, and what a changed step does to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcloud_lab.containers.build import (
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Remove,
    Run,
    Step,
    Workdir,
    Write,
    build,
)
from vcloud_lab.containers.digest import canonical_json, digest
from vcloud_lab.containers.image import History, Image, Settings
from vcloud_lab.containers.layer import Layer
from vcloud_lab.containers.tree import File, Tree
from vcloud_lab.errors import ImageError


def steps(number: int = -1) -> list[Step]:
    """Eight steps, the one with this number changed."""

    def pick(at: int, one: str, other: str) -> str:
        return other if at == number else one

    return [
        Copy({"app.py": pick(0, "print(1)", "print(2)").encode()}, "/srv"),
        Env("MODE", pick(1, "a", "b")),
        Run(pick(2, "count", "count again"), lambda tree: tree.write("n", b"%d" % len(tree))),
        Workdir(pick(3, "/srv", "/")),
        Write("etc/conf", pick(4, "x", "y").encode()),
        Write("etc/mode", b"m", int(pick(5, "384", "420"))),
        Remove(pick(6, "etc/conf", "etc/mode")),
        Cmd("python3", pick(7, "app.py", "-V")),
    ]


def test_what_the_steps_do() -> None:
    made = build([*steps(), Entrypoint("env"), Cmd("x", "y")])
    image = made.image
    assert image.union.listing() == ("etc/", "etc/mode", "n", "srv/", "srv/app.py")
    assert image.union.tree["etc/mode"] == File(b"m", 0o600)
    assert image.union.read("n") == b"2"
    assert image.settings == Settings({"MODE": "a"}, ("env",), ("x", "y"), "/srv")
    assert image.settings.argv == ("env", "x", "y")
    assert [step.empty for step in image.history] == [0, 1, 0, 1, 0, 0, 0, 1, 1, 1]
    assert image.history[1] == History("ENV MODE=a", True)
    assert image.history[7].created_by == 'CMD ["python3","app.py"]'
    assert [step.layer for step in made.steps if step.layer] == list(image.layers)
    assert len(image.layers) == 5
    assert made.hits == (False,) * 10


@pytest.mark.parametrize("number", range(8))
def test_a_changed_step_invalidates_what_follows_and_nothing_before(number: int) -> None:
    cache: dict[str, Layer | None] = {}
    first = build(steps(), cache=cache)
    assert build(steps(), cache=cache).hits == (True,) * 8
    changed = build(steps(number), cache=cache)
    assert changed.hits == (True,) * number + (False,) * (8 - number)
    assert changed.image == build(steps(number)).image
    assert changed.image.id != first.image.id
    again = build(steps(), cache=cache)
    assert (again.image, again.hits) == (first.image, (True,) * 8)


@given(hit=st.sets(st.integers(0, 7)))
def test_a_cache_with_holes_gives_the_same_image(hit: set[int]) -> None:
    whole = build(steps())
    cache = {step.key: step.layer for step in whole.steps if step.number - 1 in hit}
    made = build(steps(), cache=cache)
    assert made.image == whole.image
    assert made.hits == tuple(number in hit for number in range(8))


def test_a_function_is_called_once_for_its_text() -> None:
    calls: list[int] = []

    def work(tree: Tree) -> None:
        calls.append(len(tree))
        tree.write("made", b"")

    cache: dict[str, Layer | None] = {}
    build([Run("make", work)], cache=cache)
    build([Run("make", work)], cache=cache)
    build([Run("make", lambda tree: calls.append(9))], cache=cache)
    assert calls == [0]
    nothing = build([Run("nothing", lambda tree: None), Run("nothing", lambda tree: None)])
    assert nothing.image.layers == ()


def test_on_a_base_the_key_begins_with_the_base() -> None:
    cache: dict[str, Layer | None] = {}
    base = build([Write("a", b"1"), Env("A", "1")]).image
    other = build([Write("a", b"2"), Env("A", "1")]).image
    top: list[Step] = [Write("b", b"1"), Cmd("b")]
    on_base = build(top, base, cache)
    assert build(top, other, cache).hits == (False, False)
    assert build(top, base, cache).hits == (True, True)
    assert on_base.image.layers[:1] == base.layers
    assert on_base.image.settings == Settings({"A": "1"}, cmd=("b",))
    assert len(on_base.image.history) == 4
    for step, beneath, chain in zip(
        on_base.steps, (base.id, on_base.steps[0].key), on_base.image.chain_ids, strict=True
    ):
        assert step.key == digest(canonical_json([beneath, chain, top[step.number - 1].key]))
    foreign = Image.make(base.layers, architecture="riscv64")
    on_foreign = build(top, foreign).image
    assert on_foreign.architecture == "riscv64"
    assert [step.empty for step in on_foreign.history] == [False, False, True]


def test_copy_compares_what_files_hold(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1")
    (tmp_path / "x").chmod(0o644)
    one = Copy(tmp_path, "/to")
    assert one.key == Copy({"x": b"1"}, "/to").key
    (tmp_path / "x").write_bytes(b"2")
    assert one.key != Copy(tmp_path, "/to").key
    assert build([one]).image.union.read("to/x") == b"1"


def test_a_failed_step_leaves_the_steps_before_in_the_cache() -> None:
    cache: dict[str, Layer | None] = {}
    with pytest.raises(ImageError, match=r"^Step 2 \(REMOVE nothing\) of the build: There is no"):
        build([Write("a", b"1"), Remove("nothing")], cache=cache)
    assert build([Write("a", b"1")], cache=cache).hits == (True,)

    def fails(tree: Tree) -> None:
        tree.write("half", b"")
        raise KeyError("x")

    with pytest.raises(ImageError, match="its function raised KeyError: 'x'; nothing is kept"):
        build([Run("fail", fails)], cache=cache)
    assert len(cache) == 1


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("COPY", "Step 1 of the build is 'COPY': it has to be a step such as"),
        (Env("A=B", "1"), "The environment has 'A=B' as '1'"),
        (Env("A", "\0"), "neither has NUL in it"),
        (Workdir("srv"), "The working directory is 'srv': it has to begin with '/'; try '/srv'"),
        (Env("A", "\ud800"), "cannot be written as JSON"),
        (Copy({"a": b""}, "/../x"), "has '..' in it"),
    ],
)
def test_steps_that_cannot_be(step: Step, sentence: str) -> None:
    with pytest.raises(ImageError) as caught:
        build([step])
    assert sentence in str(caught.value)
