"""The control and status registers of a hart: names, numbers, and which bits can be written.

Some registers are views of others: ``sstatus`` shows some bits of ``mstatus``, ``sie`` and ``sip``
those bits of ``mie`` and ``mip`` that are delegated. Counters are kept by the hart itself.

Source: The RISC-V Instruction Set Manual, volume II, "CSR Listing" and the registers' sections.
"""

from __future__ import annotations

__all__ = ["COUNTERS", "CSRS", "READ_ONLY_ZERO", "VIEWS", "WRITABLE", "Status"]


class Status:
    """Fields of ``mstatus`` as masks."""

    SIE = 1 << 1
    MIE = 1 << 3
    SPIE = 1 << 5
    MPIE = 1 << 7
    SPP = 1 << 8
    MPP = 3 << 11
    MPRV = 1 << 17
    SUM = 1 << 18
    MXR = 1 << 19
    TVM = 1 << 20
    TW = 1 << 21
    TSR = 1 << 22


_SUPERVISOR = Status.SIE | Status.SPIE | Status.SPP | Status.SUM | Status.MXR
_ALL = 0xFFFFFFFF

LISTING = """
sstatus 100  sie 104  stvec 105  scounteren 106  senvcfg 10a  sscratch 140  sepc 141
scause 142  stval 143  sip 144  satp 180
mstatus 300  misa 301  medeleg 302  mideleg 303  mie 304  mtvec 305  mcounteren 306  menvcfg 30a
mstatush 310  menvcfgh 31a  mcountinhibit 320  mscratch 340  mepc 341  mcause 342  mtval 343
mip 344
tselect 7a0  tdata1 7a1  tdata2 7a2  tdata3 7a3  tinfo 7a4
mcycle b00  minstret b02  mcycleh b80  minstreth b82
cycle c00  time c01  instret c02  cycleh c80  timeh c81  instreth c82
mvendorid f11  marchid f12  mimpid f13  mhartid f14  mconfigptr f15
"""

_words = LISTING.split()
CSRS: dict[str, int] = {
    name: int(number, 16) for name, number in zip(_words[::2], _words[1::2], strict=True)
}
"""Every register that has a name here, and its number."""

for _n in range(16):
    CSRS[f"pmpaddr{_n}"] = 0x3B0 + _n
for _n in range(4):
    CSRS[f"pmpcfg{_n}"] = 0x3A0 + _n
for _n in range(3, 32):
    CSRS |= {f"mhpmcounter{_n}": 0xB00 + _n, f"mhpmcounter{_n}h": 0xB80 + _n}
    CSRS |= {f"hpmcounter{_n}": 0xC00 + _n, f"hpmcounter{_n}h": 0xC80 + _n}
    CSRS[f"mhpmevent{_n}"] = 0x320 + _n

WRITABLE: dict[int, int] = {
    CSRS[name]: mask
    for name, mask in {
        "mstatus": _SUPERVISOR | Status.MIE | Status.MPIE | Status.MPP | Status.MPRV
        | Status.TVM | Status.TW | Status.TSR,
        "medeleg": 0xB3FF,
        "mideleg": 0x222,
        "mie": 0xAAA,
        "mip": 0x222,
        "mtvec": _ALL - 2,
        "stvec": _ALL - 2,
        "mcounteren": 7,
        "scounteren": 7,
        "mscratch": _ALL,
        "sscratch": _ALL,
        "mepc": _ALL - 3,
        "sepc": _ALL - 3,
        "mcause": _ALL,
        "scause": _ALL,
        "mtval": _ALL,
        "stval": _ALL,
        "satp": _ALL,
    }.items()
}  # fmt: skip
"""The bits of each plain register that keep what is written; all others stay as they are."""

VIEWS: dict[int, tuple[int, int, int]] = {
    CSRS["sstatus"]: (CSRS["mstatus"], _SUPERVISOR, _SUPERVISOR),
    CSRS["sie"]: (CSRS["mie"], 0x222, 0x222),
    CSRS["sip"]: (CSRS["mip"], 0x222, 0x002),
}
"""Registers that show another one: which, the bits that are read, the bits that are written."""

COUNTERS: dict[int, tuple[str, int]] = {
    CSRS[f"{prefix}{name}{half}"]: (name, 32 if half else 0)
    for prefix, name in (("", "cycle"), ("", "time"), ("", "instret"), ("m", "cycle"),
                         ("m", "instret"))
    for half in ("", "h")
}  # fmt: skip
"""The registers of the hart's counters: which counter, and by how many bits it is shifted."""

READ_ONLY_ZERO = frozenset(CSRS.values()) - WRITABLE.keys() - VIEWS.keys() - COUNTERS.keys()
"""Registers that exist and keep nothing of what is written: they read as zero, but for those that
the hart answers itself (its identity and the memory protection). A ``tdata1`` of zero says that
there are no triggers for breakpoints."""
