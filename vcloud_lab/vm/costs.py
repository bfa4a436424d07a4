"""What exits cost: a model with a few numbers, each from a measurement that was published.

The numbers come from different machines of different years. What they are good for is the order of
magnitude, and seeing what a bill depends on: change one and look.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Costs"]


@dataclass(frozen=True)
class Costs:
    """Costs in cycles of the real processor.

    - ``instruction``: one that runs directly. A convention; real ones overlap.
    - ``interpreted``: one that an interpreter in software executes: about what the one in C of
      ``benchmarks/rv32.c`` takes, 5 to 6 ns while Linux boots.
    - ``trap``: from the guest into a VMM at another level and back, as a system call does. 432 for
      getpid with sysenter: Maeda, "Kernel Mode Linux", Linux Journal, 2003, table 2.
    - ``callout``: a call within one level, as translated code does. 12 for the same getpid in
      kernel mode: the same table.
    - ``exit``: out of the guest mode of a processor with hardware assistance and back. 2,000 on a
      Xeon X5570 with KVM: Landau, Ben-Yehuda and Gordon, "SplitX: Split Guest/Hypervisor Execution
      on Multi-Core", WIOV 2011, table 1 (the direct cost).
    - ``translated``: making a block of translated code, once. A convention.
    """

    instruction: int = 1
    interpreted: int = 20
    trap: int = 432
    callout: int = 12
    exit: int = 2000
    translated: int = 1000

    def of_exit(self, technique: str, reason: str) -> int:
        """What one exit for this reason costs, without the instruction that is emulated."""
        if technique == "hardware assistance":
            return self.exit
        if reason == "translation of a block":
            return self.callout + self.translated
        if reason in ("callout", "computed jump"):
            return self.callout
        return self.trap
