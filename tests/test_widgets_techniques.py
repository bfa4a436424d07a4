"""The technique explorer without a browser."""

from __future__ import annotations

from typing import Any

import pytest

from vcloud_lab.errors import GuestError
from vcloud_lab.vm import TECHNIQUES, Costs, outcome, under
from vcloud_lab.widgets.techniques import TechniqueExplorer


def run(technique: str) -> Any:
    machine = under(technique)
    machine.start()
    return outcome(machine, machine.run())


def test_it_shows_what_the_machine_does() -> None:
    explorer = TechniqueExplorer(exit=1000)
    for technique in TECHNIQUES:
        done, state = run(technique), explorer.set(technique=technique)
        assert state["error"] == ""
        assert state["right"]
        assert state["exits"] == done.exits
        assert state["console"] == done.console
        assert state["cycles"][technique] == done.cycles(Costs(exit=1000))
    assert state["order"] == sorted(state["cycles"], key=state["cycles"].__getitem__)
    assert "hardware assistance: " in explorer.text


def test_only_trap_and_emulate_breaks_on_a_silent_processor() -> None:
    explorer = TechniqueExplorer(silent=True)
    assert not explorer.state["right"]
    assert "trap and emulate" not in explorer.state["cycles"]
    assert len(explorer.state["cycles"]) == len(TECHNIQUES) - 1
    assert "the guest went wrong" in explorer.text
    assert explorer.set(technique="binary translation")["right"]


def test_a_cost_changes_the_order() -> None:
    explorer = TechniqueExplorer()
    assert explorer.set(exit=0)["order"][0] == "hardware assistance"
    assert explorer.set(exit=100_000)["order"][-1] == "hardware assistance"
    explorer.reset.click()
    usual = {name: explorer.state[name] for name in vars(Costs())}
    assert usual == vars(Costs())


def test_controls_and_settings_agree() -> None:
    explorer = TechniqueExplorer("paravirtualization")
    assert explorer.technique.value == "paravirtualization"
    explorer.technique.value = "binary translation"
    explorer.silent.value = True
    explorer.costs["trap"].value = 7
    state = explorer.state
    assert (state["technique"], state["silent"], state["trap"]) == ("binary translation", True, 7)
    explorer.costs["trap"].value = -7
    assert explorer.state["trap"] == 7 == explorer.costs["trap"].value
    assert explorer.error.startswith("The cost trap is -7: it must be a whole number of cycles")


REFUSED = [
    ({"technique": "magic"}, "The technique is 'magic': it must be one of full emulation"),
    ({"silent": 1}, "The setting silent is 1: it must be True or False."),
    (
        {"exit": 2.5},
        "The cost exit is 2.5: it must be a whole number of cycles from 0 to 1,000,000",
    ),
    ({"trap": True}, "The cost trap is True"),
    ({"callout": 1_000_001}, "The cost callout is 1000001"),
    ({"price": 1}, "The technique explorer has no setting 'price'"),
]


@pytest.mark.parametrize(("change", "sentence"), REFUSED)
def test_what_is_refused_changes_nothing(change: dict[str, Any], sentence: str) -> None:
    explorer = TechniqueExplorer("full emulation")
    before, text = {**explorer.state, "error": ""}, explorer.text
    after = explorer.set(**change)
    assert after["error"].startswith(sentence)
    assert {**after, "error": ""} == before
    assert explorer.text == text


def test_made_with_what_cannot_be() -> None:
    with pytest.raises(GuestError, match="There is no cost 'price': choose one of instruction"):
        TechniqueExplorer(price=1)
    with pytest.raises(GuestError, match="The technique is 'magic'"):
        TechniqueExplorer("magic")


def test_it_shows_itself_where_no_kernel_runs() -> None:
    data, _ = TechniqueExplorer()._repr_mimebundle_()
    assert data["text/plain"].startswith("TechniqueExplorer: Trap and emulate: ")
    assert data["image/svg+xml"].startswith("<svg")
