# The kernel's lower half for a bare machine: it uses privileged instructions and devices.

    .equ UART, 0x10000000
    .equ TIMER, 0x11000000
    .equ POWER, 0x11100000

_start:
    la sp, kernel_stack
    la t0, trap_entry
    csrw mtvec, t0
    li t0, -1               # processes may reach all memory that their page tables show
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li t0, 0x80             # the timer may interrupt
    csrw mie, t0
    j kernel_main

# A trap: save what ran in its frame, to which mscratch points.
trap_entry:
    csrrw sp, mscratch, sp
    sw x1, 4(sp)
    call save
    csrr t0, mscratch
    sw t0, 8(sp)
    csrr t0, mepc
    sw t0, PC(sp)
    csrr t0, mstatus
    sw t0, STATUS(sp)
    csrr a0, mcause
    csrr a1, mtval
    la sp, kernel_stack
    j trap

# Let run what the frame a0 holds.
arch_resume:
    csrw mscratch, a0
    lw t0, SATP(a0)
    csrw satp, t0
    lw t0, STATUS(a0)
    csrw mstatus, t0
    lw t0, PC(a0)
    csrw mepc, t0
    mv x31, a0
    call restore
    lw x1, 4(x31)
    lw x31, 124(x31)
    mret

# Interrupts on, and off.
arch_enable:
    csrsi mstatus, 8
    ret
arch_disable:
    csrci mstatus, 8
    ret

# Interrupt in a0 ticks from now.
arch_set_timer:
    li t0, TIMER + 0xbff8
    lw t1, 0(t0)
    add t1, t1, a0
    li t0, TIMER + 0x4000
    sw zero, 4(t0)
    sw t1, 0(t0)
    ret

# A page table has changed.
arch_flush:
    sfence.vma
    ret

# Write the character a0.
arch_putchar:
    li t0, UART
    sb a0, 0(t0)
    ret

arch_power_off:
    li t0, POWER
    li t1, 0x5555
    sw t1, 0(t0)
    j arch_power_off
