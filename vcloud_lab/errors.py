"""Everything that can go wrong, as one small tree.

Each error carries one sentence that names the value, the rule and the fix.
"""

from __future__ import annotations

import errno

__all__ = [
    "AssemblyError",
    "CheckError",
    "ContainerError",
    "CourseError",
    "DiskError",
    "GuestError",
    "ImageError",
    "KernelError",
    "PolicyError",
    "RenderError",
    "ScheduleError",
    "SweepError",
    "TraceError",
    "VcloudLabError",
    "WorkloadError",
]


class VcloudLabError(Exception):
    """The root: catch this to catch every error that vcloud_lab raises on purpose."""


class WorkloadError(VcloudLabError):
    """A job or a workload breaks a rule (a burst of zero, two jobs of one name, ...)."""


class TraceError(WorkloadError):
    """A trace file cannot be read; the sentence names the file and the line."""


class PolicyError(VcloudLabError):
    """A policy, or an option of a simulation, does not exist or has an impossible value."""


class ScheduleError(VcloudLabError):
    """A schedule was asked for something it does not have (the mean of no jobs, ...)."""


class SweepError(VcloudLabError):
    """A sweep cannot run, or its file cannot be read or written."""


class GuestError(VcloudLabError):
    """A virtual machine cannot be made, loaded or run as asked."""


class AssemblyError(GuestError):
    """A program cannot be assembled; the sentence names the line and the column."""


class DiskError(VcloudLabError):
    """A virtual disk, or a file that holds one, cannot be read, written or made."""


class KernelError(VcloudLabError):
    """The model kernel refuses a call; ``errno`` is the number that Linux answers with.

    ``name`` is the name of that number, such as "EPERM", and the message begins with it.
    """

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(name, sentence)
        self.name = name
        self.errno: int = getattr(errno, name)

    def __str__(self) -> str:
        return ": ".join(self.args)


class ImageError(VcloudLabError):
    """A container image, one of its layers or a file that holds one breaks a rule."""


class RenderError(VcloudLabError):
    """A chart or table was asked for that cannot be drawn legibly."""


class CheckError(VcloudLabError):
    """An exercise, hint or variant was asked for that does not exist."""


class CourseError(VcloudLabError):
    """The course's files cannot be found, copied or built."""


class ContainerError(VcloudLabError):
    """A container, an image or a limit cannot be made, changed or run as asked."""
