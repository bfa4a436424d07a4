"""What an exercise calls: checks in words, hints, variants, predictions and progress.

>>> from vcloud_lab.check import check
>>> check("06.1", ...)                       # doctest: +SKIP
○ 06.1 not attempted: replace ... by one number, then run the cell again.

answers.py         reads what learners write      question.py     what is asked of a schedule
misconceptions.py  the common wrong ideas, first those about schedules,
formulas.py        ... then those of arithmetic,  machine.py     ... then those about the machine
models.py          what a wrong model is          diagnose.py    from wrong number to wrong idea
kinds/             the kinds of exercise          registry.py     tasks by id (tasks/ holds them)
promises.py        schedulers put on trial        contest.py      ... and ranked
bench.py           assembly routines put on trial
progress.py        what was tried and solved      variants.py     new jobs from a seed
predictions.py     predict and reveal             desk.py         check, hint, variant, reset
"""

from vcloud_lab.check import progress
from vcloud_lab.check.contest import Judgement, judge
from vcloud_lab.check.desk import check, hint, reset, solved, statement, variant
from vcloud_lab.check.predictions import predict, reveal
from vcloud_lab.check.registry import Task, all_tasks
from vcloud_lab.check.verdict import Note, Outcome, Variant, Verdict

__all__ = [
    "Judgement",
    "Note",
    "Outcome",
    "Task",
    "Variant",
    "Verdict",
    "all_tasks",
    "check",
    "hint",
    "judge",
    "predict",
    "progress",
    "reset",
    "reveal",
    "solved",
    "statement",
    "variant",
]
