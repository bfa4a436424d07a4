"""Virtual machines: program -> hardware -> machine -> hypervisor."""

from vcloud_lab.vm.asm import Program, assemble
from vcloud_lab.vm.board import Board
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.disk import VirtualDisk
from vcloud_lab.vm.isa import ISA, decode
from vcloud_lab.vm.machine import VirtualMachine
from vcloud_lab.vm.qcow2 import read_qcow2, write_qcow2
from vcloud_lab.vm.snapshot import Snapshot
from vcloud_lab.vm.translate import TranslatingHart
from vcloud_lab.vm.traps import CAUSES, LEVELS

__all__ = [
    "CAUSES",
    "ISA",
    "LEVELS",
    "Board",
    "Hart",
    "Program",
    "Snapshot",
    "TranslatingHart",
    "VirtualDisk",
    "VirtualMachine",
    "assemble",
    "decode",
    "read_qcow2",
    "write_qcow2",
]
