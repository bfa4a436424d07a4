"""The explorer's panels as HTML, and the few lines of script that name its sliders.

The sliders of ipywidgets are drawn by a library that gives the handle the role "slider" and no
name, and no setting of a widget reaches it. The script copies each slider's visible label to its
handle. It sits in an ``onload`` attribute of a one-pixel picture, because scripts in the value of
an HTML widget do not run; it looks at its own explorer only and loads nothing.
"""

from __future__ import annotations

from dataclasses import replace
from html import escape

from vcloud_lab.render.axis import number
from vcloud_lab.render.grid import grid_html
from vcloud_lab.render.metrics import metrics_grid
from vcloud_lab.render.svg import draw
from vcloud_lab.render.theme import DARK, LIGHT
from vcloud_lab.scheduling.ledger import Decision
from vcloud_lab.widgets import counterfactual
from vcloud_lab.widgets.session import Session

__all__ = ["chart", "difference", "helper", "metrics", "now", "other_chart", "status", "what_if"]

_PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
_SCRIPT = """
(function(pixel){
  var tries=0;
  function name(root){
    root.querySelectorAll('.widget-slider').forEach(function(slider){
      var label=slider.querySelector('.widget-label'),handle=slider.querySelector('.noUi-handle');
      if(!label||!handle)return;
      if(handle.getAttribute('aria-label')!==label.textContent)
        handle.setAttribute('aria-label',label.textContent);
    });
    root.querySelectorAll('.widget-text').forEach(function(text){
      var label=text.querySelector('label'),box=text.querySelector('input');
      if(box&&label&&label.title&&box.getAttribute('aria-label')!==label.title)
        box.setAttribute('aria-label',label.title);
    });
    root.querySelectorAll('.vcloud-live .widget-html-content').forEach(function(box){
      box.setAttribute('aria-live','polite');
    });
  }
  function start(){
    var root=pixel.closest('.vcloud-explorer');
    if(!root){if(tries++<200)setTimeout(start,50);return;}
    name(root);
    new MutationObserver(function(){name(root);}).observe(root,{childList:true,subtree:true});
  }
  start();
})(this)
"""

# The arrow that ipywidgets draws on a dropdown is black in the dark theme too.
_ARROW = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'%3E"
    "%3Cpath d='M5 7l4 4 4-4' fill='none' stroke='%23e6e9ed' stroke-width='2'/%3E%3C/svg%3E"
)


def _colours(theme: object) -> str:
    return "".join(f"--v-{key}:{value};" for key, value in vars(theme).items())


_STYLE = f"""
.vcloud-explorer{{{_colours(LIGHT)}}}
@media(prefers-color-scheme:dark){{.vcloud-explorer{{{_colours(DARK)}}}}}
[data-jp-theme-light=true] .vcloud-explorer{{{_colours(LIGHT)}}}
[data-jp-theme-light=false] .vcloud-explorer{{{_colours(DARK)}}}
.vcloud-explorer{{color:var(--v-ink);background:var(--v-paper);border:1px solid var(--v-grid);
border-radius:6px;padding:10px 12px;max-width:800px;box-sizing:border-box}}
.vcloud-explorer .widget-label,.vcloud-explorer .widget-label-basic{{color:var(--v-ink)}}
.vcloud-explorer .widget-label{{text-align:left}}
[data-jp-theme-light=false] .vcloud-explorer select{{background-image:url("{_ARROW}")}}
.vcloud-explorer .noUi-target{{background:var(--v-wait)}}
.vcloud-explorer .noUi-handle{{border:2px solid var(--v-ink)}}
.vcloud-explorer .widget-html-content{{line-height:1.45}}
.vcloud-explorer svg.vcl{{width:100%;display:block}}
.vcloud-explorer .noUi-handle:focus-visible,.vcloud-explorer button:focus-visible,
.vcloud-explorer input:focus-visible,.vcloud-explorer select:focus-visible
{{outline:3px solid var(--v-accent);outline-offset:1px}}
.vcloud-explorer table{{border-collapse:collapse;width:100%;font-size:12px}}
.vcloud-explorer th,.vcloud-explorer td{{padding:3px 6px;border-bottom:1px solid var(--v-grid);
white-space:nowrap}}
.vcloud-explorer table+p{{margin:4px 0 0;color:var(--v-muted);font-size:12px}}
.vcloud-now{{display:grid;grid-template-columns:auto 1fr;gap:2px 14px;margin:0;font-size:13px;
min-height:84px}}
.vcloud-now dt{{color:var(--v-muted)}}.vcloud-now dd{{margin:0}}
.vcloud-now .job{{display:inline-block;border:1px solid var(--v-wait);border-radius:4px;
padding:0 6px;margin-right:5px}}
.vcloud-note{{color:var(--v-muted);font-size:12px}}
.vcloud-what-if{{margin:0;font-size:13px}}
.vcloud-error{{border-left:4px solid var(--v-accent);padding:4px 8px;font-size:13px}}
"""


def helper() -> str:
    """The style of the explorer and the script that names its sliders."""
    script = escape(" ".join(line.strip() for line in _SCRIPT.split("\n")).strip())
    return (
        f'<style>{_STYLE}</style><img alt="" width="1" height="1" src="{_PIXEL}" onload="{script}">'
    )


def chart(session: Session) -> str:
    """The Gantt chart of the policy in focus, with the cursor at the moment."""
    return draw(session.scene)


def now(session: Session) -> str:
    """What happens at the moment: time, running job, ready queue, reason."""
    moment, settings = session.now, session.settings
    if moment.kind == "end":
        running = "nobody: all jobs are done"
    elif len(session.on_cpu) > 1:
        running = _on_cpus(session.on_cpu, moment)
    else:
        running = f"<strong>{escape(moment.chosen)}</strong>" if moment.chosen else "nobody (idle)"
    queue = "".join(
        f'<span class="job">{escape(job)}, {number(left)} left</span>' for job, left in moment.ready
    )
    events = [f"{verb} {', '.join(map(escape, names))}" for verb, names in (
        ("arrived:", moment.arrived), ("finished:", moment.finished),
        ("off the CPU:", (moment.preempted,) if moment.preempted else ())) if names]  # fmt: skip
    rows = (
        ("Time", f"<strong>{number(moment.time)}</strong> (moment {settings.moment} of "
                 f"{len(session.moments) - 1})" + "".join(f"; {event}" for event in events)),
        ("Running", running),
        ("Ready queue", queue or "empty"),
        ("Reason", escape(moment.reason)),
    )  # fmt: skip
    lines = "".join(f"<dt>{head}</dt><dd>{text}</dd>" for head, text in rows)
    return f'<dl class="vcloud-now">{lines}</dl>'


def _on_cpus(held: list[str | None], moment: Decision) -> str:
    """Who runs where; the CPU that the moment is about stands out."""
    said = []
    for cpu, job in enumerate(held):
        text = f"CPU {cpu}: {escape(job or 'idle')}"
        about = moment.kind == "dispatch" and cpu == moment.cpu
        said.append(f'<span class="job">{f"<strong>{text}</strong>" if about else text}</span>')
    return "".join(said)


def metrics(session: Session) -> str:
    """The figures of all chosen policies; where there may be many CPUs, they are said once."""
    schedules = session.schedules
    if not session.many:
        return grid_html(metrics_grid({s.label: s for s in schedules.values()}))
    labels = [s.policy.label for s in schedules.values()]
    named = {s.policy.label if labels.count(s.policy.label) == 1 else name: s
             for name, s in schedules.items()}  # fmt: skip
    setup = session.schedule.setup
    machine = f"{'on 1 CPU ' if setup.cpus == 1 else ''}{setup.label}".strip()
    return grid_html(replace(metrics_grid(named), caption=f"All policies {machine}:"))


def what_if(session: Session) -> str:
    """The table of the alternatives to the choice at the moment, or why there are none."""
    if not session.settings.asking:
        return ""
    if not session.answer.alternatives:
        return f'<p class="vcloud-what-if">{escape(session.answer.note)}</p>'
    return grid_html(counterfactual.grid(session.answer))


def difference(session: Session) -> str:
    """What the alternative that is shown changes."""
    return f'<p class="vcloud-what-if">{escape(session.difference)}</p>'


def other_chart(session: Session) -> str:
    """The Gantt chart of the alternative that is shown, if one is."""
    scene = session.other_scene
    return draw(scene) if scene else ""


def status(session: Session) -> str:
    """One sentence when something was refused, else nothing."""
    words = escape(session.error)
    mark = f'<div class="vcloud-error"><strong>Not possible.</strong> {words}</div>'
    return f'<div role="status" class="vcloud-status">{mark if session.error else ""}</div>'
