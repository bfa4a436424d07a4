"""Colours are readable: WCAG 2.2 asks for 4.5:1 for text and 3:1 for graphics."""

from __future__ import annotations

import pytest

from vcloud_lab.render.spec_parts import layout
from vcloud_lab.render.svg_parts import STYLE
from vcloud_lab.render.theme import (
    CURVES,
    DARK,
    JOBS,
    LIGHT,
    Theme,
    colour_of,
    contrast,
    hatch_of,
    ink_on,
)

FUTURE = 0.22


def mixed(colour: str, paper: str, share: float) -> str:
    """A colour laid over paper with an opacity."""
    pairs = [(int(colour[i : i + 2], 16), int(paper[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


def test_the_arithmetic_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#ffffff", "#777777") == contrast("#777777", "#ffffff")


def test_no_grey_would_do_for_both_themes() -> None:
    greys = [f"#{level:02x}{level:02x}{level:02x}" for level in range(256)]
    assert not [g for g in greys if min(contrast(g, "#ffffff"), contrast(g, "#111111")) >= 4.5]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_texts_and_graphics_stand_out(theme: Theme) -> None:
    for ink in (theme.ink, theme.muted):
        assert contrast(ink, theme.paper) >= 4.5
    for graphic in (theme.ink, theme.wait, theme.accent, *CURVES):
        assert contrast(graphic, theme.paper) >= 3


@pytest.mark.parametrize("colour", JOBS)
def test_labels_on_bars_are_readable(colour: str) -> None:
    assert contrast(ink_on(colour), colour) >= 4.5
    for theme in (LIGHT, DARK):
        assert contrast(theme.ink, mixed(colour, theme.paper, FUTURE)) >= 4.5


def test_the_opacity_tested_is_the_one_drawn() -> None:
    assert f"fill-opacity:{str(FUTURE).lstrip('0')}" in STYLE


def test_jobs_of_one_colour_differ_in_hatch() -> None:
    looks = {(colour_of(job), hatch_of(job)) for job in range(28)}
    assert len(looks) == 28
    assert len(set(JOBS)) == len(JOBS) == 7


def test_svg_follows_the_reader_and_jupyterlab_comes_last() -> None:
    system, lab = STYLE.index("prefers-color-scheme:dark"), STYLE.index("data-jp-theme-light")
    assert STYLE.index(LIGHT.ink) < system < lab
    assert f"[data-jp-theme-light=false] .vcl{{--p:{DARK.paper}" in STYLE
    assert f"[data-jp-theme-light=true] .vcl{{--p:{LIGHT.paper}" in STYLE


def test_plotly_brings_its_own_paper() -> None:
    made = layout("A chart.", 300, "x")
    assert made["paper_bgcolor"] == made["plot_bgcolor"] == LIGHT.paper
    assert made["font"]["color"] == LIGHT.ink
