# The kernel's lower half for a hypervisor that it knows: hypercalls, and the state page at the end
# of the addresses, where the virtual processor's registers are.

    .equ SCRATCH, -1024     # mscratch
    .equ CAUSE, -1020
    .equ VALUE, -1016
    .equ FRAME_AT, -1012    # sscratch, which this kernel has no other use for
    .equ EPC, -1000
    .equ MSTATUS, -992
    .equ A7, -112           # what a7 becomes by the return from a trap
    .equ PENDING, -64       # not 0 while an interrupt waits

_start:
    la sp, kernel_stack
    la a0, trap_entry
    li a7, 1                # set the trap handler
    ecall
    j kernel_main

trap_entry:
    sw sp, SCRATCH(zero)
    lw sp, FRAME_AT(zero)
    sw x1, 4(sp)
    call save
    lw t0, SCRATCH(zero)
    sw t0, 8(sp)
    lw t0, EPC(zero)
    sw t0, PC(sp)
    lw t0, MSTATUS(zero)
    sw t0, STATUS(sp)
    lw a0, CAUSE(zero)
    lw a1, VALUE(zero)
    la sp, kernel_stack
    j trap

arch_resume:
    sw a0, FRAME_AT(zero)
    mv x31, a0
    lw t0, STATUS(a0)
    sw t0, MSTATUS(zero)
    lw t0, PC(a0)
    sw t0, EPC(zero)
    lw t0, 68(a0)
    sw t0, A7(zero)
    lw a0, SATP(a0)
    la t0, space            # is it another space of addresses than before?
    lw t1, 0(t0)
    beq t1, a0, same
    sw a0, 0(t0)
    li a7, 3                # set the address space
    ecall
same:
    call restore
    li a7, 2                # return from a trap
    lw x1, 4(x31)
    lw x31, 124(x31)
    ecall

arch_enable:
    lw t0, MSTATUS(zero)
    ori t0, t0, 8
    sw t0, MSTATUS(zero)
    lw t0, PENDING(zero)
    beqz t0, enabled
    li a7, 7                # take a pending interrupt
    ecall
enabled:
    ret
arch_disable:
    lw t0, MSTATUS(zero)
    andi t0, t0, -9
    sw t0, MSTATUS(zero)
    ret

arch_set_timer:
    li a7, 4                # set the timer
    ecall
    ret

arch_flush:
    li a7, 3                # the same address space once more: its tables have changed
    la t0, space
    lw a0, 0(t0)
    ecall
    ret

# Characters are kept until their line is whole.
arch_putchar:
    la t0, line_length
    lw t1, 0(t0)
    la t2, line
    add t3, t2, t1
    sb a0, 0(t3)
    addi t1, t1, 1
    sw t1, 0(t0)
    li t3, 10               # the end of a line
    beq a0, t3, send
    li t3, 80
    beq t1, t3, send
    ret
send:                       # t0: where the length is, t1: the length, t2: the line
    sw zero, 0(t0)
    mv a0, t2
    mv a1, t1
    li a7, 5                # write to the console
    ecall
    ret

arch_power_off:
    la t0, line_length      # a line that has not ended
    lw t1, 0(t0)
    la t2, line
    call send
    li a7, 6                # power off
    ecall
    j arch_power_off

space:
    .word 0
line_length:
    .word 0
line:
    .space 80
