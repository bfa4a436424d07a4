"""Virtual machines: program -> hardware -> machine -> hypervisor."""

from vcloud_lab.vm.asm import Program, assemble
from vcloud_lab.vm.blockport import BlockPort
from vcloud_lab.vm.board import Board
from vcloud_lab.vm.costs import Costs
from vcloud_lab.vm.cpu import Hart
from vcloud_lab.vm.disk import VirtualDisk
from vcloud_lab.vm.guests import linux
from vcloud_lab.vm.hardware import VirtualCPU, VirtualHardware, VirtualMemory
from vcloud_lab.vm.hypervisor import TECHNIQUES, Outcome, kernel, outcome, under
from vcloud_lab.vm.isa import ISA, decode
from vcloud_lab.vm.machine import VirtualMachine
from vcloud_lab.vm.popek_goldberg import Verdict, classify, virtualizable
from vcloud_lab.vm.qcow2 import read_qcow2, write_qcow2
from vcloud_lab.vm.snapshot import Snapshot
from vcloud_lab.vm.translate import TranslatingHart
from vcloud_lab.vm.traps import CAUSES, LEVELS
from vcloud_lab.vm.virtio import VirtioBlock

__all__ = [
    "CAUSES",
    "ISA",
    "LEVELS",
    "TECHNIQUES",
    "BlockPort",
    "Board",
    "Costs",
    "Hart",
    "Outcome",
    "Program",
    "Snapshot",
    "TranslatingHart",
    "Verdict",
    "VirtioBlock",
    "VirtualCPU",
    "VirtualDisk",
    "VirtualHardware",
    "VirtualMachine",
    "VirtualMemory",
    "assemble",
    "classify",
    "decode",
    "kernel",
    "linux",
    "outcome",
    "read_qcow2",
    "under",
    "virtualizable",
    "write_qcow2",
]
