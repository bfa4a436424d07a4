"""Virtual machines: program -> hardware -> machine -> hypervisor."""

from vcloud_lab.vm.board import Board
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.isa import ISA, decode
from vcloud_lab.vm.machine import VirtualMachine
from vcloud_lab.vm.snapshot import Snapshot
from vcloud_lab.vm.translate import TranslatingHart
from vcloud_lab.vm.traps import CAUSES, LEVELS

__all__ = [
    "CAUSES",
    "ISA",
    "LEVELS",
    "Board",
    "Hart",
    "Snapshot",
    "TranslatingHart",
    "VirtualMachine",
    "decode",
]
