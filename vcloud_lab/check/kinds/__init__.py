"""The kinds of exercise. Each function defines one task, registers it under its id and returns it.

Common to all: ``id`` ("06.1"), ``title``, ``ask`` (the question in words), ``hints`` (three texts,
the last shows the method and never the number) and ``wrong`` (answers that must be rejected: the
answer, or ``(answer, "name-of-the-misconception")``).

- ``number``: one number of a schedule         - ``per_job``: one number for every job
- ``gantt``: the chart, slice by slice         - ``quantity``: a number from any computation
- ``choice``: one of several options           - ``function``: a function the learner writes
- ``workload``: jobs that show an effect       - ``scheduler``: a scheduler the learner writes
- ``toy_set``: instructions of a toy processor - ``judge``: anything else
- ``varied``: anything else, with variants     - ``program``: a routine in assembly language
- ``decoded``, ``encoded``: the word of an instruction

The right answer is always computed. Where a schedule is asked for, a wrong answer can be given by
the name of the misconception alone: ``wrong=["turnaround-for-waiting"]``.
"""

from vcloud_lab.check.kinds.chart import gantt
from vcloud_lab.check.kinds.code import function
from vcloud_lab.check.kinds.example import more_than, workload
from vcloud_lab.check.kinds.free import choice, judge
from vcloud_lab.check.kinds.numeric import number, per_job, quantity
from vcloud_lab.check.kinds.program import program
from vcloud_lab.check.kinds.scheduler import scheduler
from vcloud_lab.check.kinds.toy_isa import toy_set
from vcloud_lab.check.kinds.varied import read_address, varied
from vcloud_lab.check.kinds.word import decoded, encoded

__all__ = [
    "choice",
    "decoded",
    "encoded",
    "function",
    "gantt",
    "judge",
    "more_than",
    "number",
    "per_job",
    "program",
    "quantity",
    "read_address",
    "scheduler",
    "toy_set",
    "varied",
    "workload",
]
