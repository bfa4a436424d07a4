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
    sw x3, 12(sp)
    sw x4, 16(sp)
    sw x5, 20(sp)
    sw x6, 24(sp)
    sw x7, 28(sp)
    sw x8, 32(sp)
    sw x9, 36(sp)
    sw x10, 40(sp)
    sw x11, 44(sp)
    sw x12, 48(sp)
    sw x13, 52(sp)
    sw x14, 56(sp)
    sw x15, 60(sp)
    sw x16, 64(sp)
    sw x17, 68(sp)
    sw x18, 72(sp)
    sw x19, 76(sp)
    sw x20, 80(sp)
    sw x21, 84(sp)
    sw x22, 88(sp)
    sw x23, 92(sp)
    sw x24, 96(sp)
    sw x25, 100(sp)
    sw x26, 104(sp)
    sw x27, 108(sp)
    sw x28, 112(sp)
    sw x29, 116(sp)
    sw x30, 120(sp)
    sw x31, 124(sp)
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
