"""One look for all charts: colours, hatches and the arithmetic that proves them readable.

Colours of jobs are those of Okabe & Ito ("Color Universal Design", 2008), which the common kinds of
colour blindness leave apart. No meaning hangs on colour alone: every bar has an outline and a label
or tooltip, the eighth job and those after it have a hatch as well, and idle time is hatched.

An SVG follows the theme of JupyterLab or of the reader's system. A plotly chart cannot: its colours
are fixed in the notebook. No grey reaches a contrast of 4.5 on both white and #111, so a plotly
chart brings its own light paper with dark ink, in either theme.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "CSS",
    "CURVES",
    "DARK",
    "FONT",
    "JOBS",
    "LIGHT",
    "Theme",
    "colour_of",
    "contrast",
    "hatch_of",
    "ink_on",
]

FONT = "system-ui,-apple-system,'Segoe UI','Noto Sans',sans-serif"

JOBS = ("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#cc79a7", "#0072b2", "#d55e00")
CURVES = ("#0072b2", "#d55e00", "#009e73", "#b5578f", "#8f7300", "#7b838c", "#2f8fc0", "#a8552a")
"""Darker kin of the same colours: a thin line has no outline to lend it contrast."""

HATCHES = ("", "/", "\\", "x")


@dataclass(frozen=True)
class Theme:
    """``ink`` is for text and outlines, ``muted`` for lesser text, ``wait`` for waiting bars."""

    paper: str
    ink: str
    muted: str
    grid: str
    wait: str
    accent: str


LIGHT = Theme("#ffffff", "#1b1f24", "#4f5965", "#dde2e7", "#7b838c", "#b3261e")
DARK = Theme("#16191d", "#e6e9ed", "#aab4be", "#3a4149", "#8b949e", "#ff8a80")


def _variables(theme: Theme) -> str:
    pairs = zip("pimgwc", vars(theme).values(), strict=True)
    return "{" + ";".join(f"--{key}:{value}" for key, value in pairs) + "}"


# JupyterLab's own choice of theme outranks that of the system, which outranks the default.
CSS = (
    f".vcl{_variables(LIGHT)}"
    f"@media(prefers-color-scheme:dark){{.vcl{_variables(DARK)}}}"
    f"[data-jp-theme-light=true] .vcl{_variables(LIGHT)}"
    f"[data-jp-theme-light=false] .vcl{_variables(DARK)}"
    f".vcl{{font:12px {FONT};color:var(--i);background:var(--p)}}"
)


def colour_of(job: int) -> str:
    """The fill of the job at a position of the list."""
    return JOBS[job % len(JOBS)]


def hatch_of(job: int) -> str:
    """What tells the job from the earlier ones of its colour: "", "/", "\\\\" or "x"."""
    return HATCHES[job // len(JOBS) % len(HATCHES)]


def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on a colour."""
    return max("#000000", "#ffffff", key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two "#rrggbb" colours, 1 to 21, as WCAG 2.2 defines it."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
