# A small kernel: processes with address spaces of their own, a timer that takes turns, pages on
# demand, system calls. Its lower half, native.s or paravirtual.s, knows what machine it runs on.

# A frame: x1 to x31 at 4 times their number, and behind them
    .equ PC, 0
    .equ SATP, 128
    .equ STATUS, 132
    .equ STATE, 136         # 0 for what may run, 1 for what has ended
    .equ RESULT, 140
    .equ WHY, 144           # the cause of the trap that ended it, 0 for exit
    .equ WHERE, 148         # the address that it should not have used
    .equ FRAME, 152

    .equ PROCESSES, 4
    .equ SLICE, 400         # ticks of the timer

# What a process sees: its code, its stack, and a heap whose pages come when they are touched
    .equ CODE, 0x400000
    .equ STACK, 0x500000
    .equ HEAP, 0x600000
    .equ HEAP_PAGES, 16

    j _start

kernel_main:
    la a0, boot_frame       # what runs now can be interrupted too
    la t0, current
    sw a0, 0(t0)
    call first_tick
    la s0, frames
    la s1, entries
    li s2, 0
make:
    mv a0, s0
    lw a1, 0(s1)
    mv a2, s2
    call make_process
    addi s0, s0, FRAME
    addi s1, s1, 4
    addi s2, s2, 1
    li t0, PROCESSES
    bne s2, t0, make
    li a0, SLICE
    call arch_set_timer
    la a0, frames
run:                        # let the process of the frame a0 run
    la t0, current
    sw a0, 0(t0)
    j arch_resume

# Wait for the first interrupt, to see that the timer works.
first_tick:
    la t0, return_here
    sw ra, 0(t0)
    la a0, boot_frame
    la t0, after_begin
    sw t0, PC(a0)
    li t0, 0x1800           # back to this level, interrupts off
    sw t0, STATUS(a0)
    j arch_resume           # so that the boot frame is the one that a trap saves to
after_begin:
    li a0, SLICE
    call arch_set_timer
    call arch_enable
wait:
    la t0, ticks
    lw t1, 0(t0)
    beqz t1, wait
    call arch_disable
    la t0, return_here
    lw ra, 0(t0)
    la sp, kernel_stack
    ret

# Make a process in the frame a0, with its entry at a1 and the number a2.
make_process:
    addi sp, sp, -16
    sw ra, 0(sp)
    mv t4, a0
    sw a1, PC(t4)
    sw a2, 40(t4)           # its a0
    li t0, 0x80             # to user level, interrupts on
    sw t0, STATUS(t4)
    li t0, STACK + 4096
    sw t0, 8(t4)
    call new_page           # the first table
    mv t5, a0
    srli t0, a0, 12
    addi t1, a2, 1
    slli t1, t1, 22         # a number for its entries in the TLB
    or t0, t0, t1
    li t1, 0x80000000
    or t0, t0, t1
    sw t0, SATP(t4)
    call new_page           # the second one, for everything from 4 to 8 MiB
    srli t0, a0, 2
    ori t0, t0, 1
    sw t0, 4(t5)
    mv t5, a0
    la t0, programs         # the code: shared, to be read and executed
    srli t0, t0, 2
    ori t0, t0, 0x5b
    sw t0, 0(t5)
    call new_page           # the stack: its own, to be read and written
    srli t0, a0, 2
    ori t0, t0, 0xd7
    li t1, (STACK - CODE) / 1024
    add t1, t1, t5
    sw t0, 0(t1)
    lw ra, 0(sp)
    addi sp, sp, 16
    ret

# A page of zeros, in a0. It may only change t0 and t1.
new_page:
    la t0, free
    lw a0, 0(t0)
    li t1, 4096
    add t1, t1, a0
    sw t1, 0(t0)
    ret

# A trap, with its cause in a0 and its value in a1: what ran is saved in the current frame.
trap:
    la t0, current
    lw s0, 0(t0)
    li t0, 0x80000007
    beq a0, t0, timer
    li t0, 8
    beq a0, t0, system_call
    li t0, 13
    beq a0, t0, page_fault
    li t0, 15
    beq a0, t0, page_fault
end_it:                     # it has done what it may not do
    sw a0, WHY(s0)
    sw a1, WHERE(s0)
    j ended

timer:
    la t0, ticks
    lw t1, 0(t0)
    addi t1, t1, 1
    sw t1, 0(t0)
    li a0, SLICE
    call arch_set_timer
    la t0, boot_frame
    bne s0, t0, next
    mv a0, s0
    j arch_resume

# A page of the heap that is touched for the first time is made.
page_fault:
    li t0, HEAP
    bltu a1, t0, end_it
    li t0, HEAP + HEAP_PAGES * 4096
    bgeu a1, t0, end_it
    mv s1, a1
    call new_page
    srli t0, a0, 2
    ori t0, t0, 0xd7
    lw t1, SATP(s0)
    slli t1, t1, 12         # the first table
    lw t1, 4(t1)
    srli t1, t1, 10
    slli t1, t1, 12         # the second one
    srli t2, s1, 12
    andi t2, t2, 1023
    slli t2, t2, 2
    add t1, t1, t2
    sw t0, 0(t1)
    mv a0, s1
    call arch_flush
    mv a0, s0
    j run

# System calls, by their number in a7: 1 writes the character a0; 2 ends with the result a0; 3 gives
# up the turn; 4 asks of process a0: a0 = whether it has ended, a1 = its result, a2 = the cause of the
# trap that ended it, a3 = the address.
system_call:
    lw t0, PC(s0)
    addi t0, t0, 4
    sw t0, PC(s0)
    lw a0, 40(s0)
    lw t0, 68(s0)
    li t1, 1
    beq t0, t1, putchar
    li t1, 2
    beq t0, t1, exit
    li t1, 3
    beq t0, t1, next
    li t1, 4
    beq t0, t1, ask
    li t0, -1               # there is no such call
    sw t0, 40(s0)
    mv a0, s0
    j run
putchar:
    call arch_putchar
    mv a0, s0
    j run
exit:
    sw a0, RESULT(s0)
ended:
    li t0, 1
    sw t0, STATE(s0)
    j next
ask:
    li t0, PROCESSES
    remu a0, a0, t0
    li t0, FRAME
    mul a0, a0, t0
    la t0, frames
    add t0, t0, a0
    lw t1, STATE(t0)
    sw t1, 40(s0)
    lw t1, RESULT(t0)
    sw t1, 44(s0)
    lw t1, WHY(t0)
    sw t1, 48(s0)
    lw t1, WHERE(t0)
    sw t1, 52(s0)
    mv a0, s0
    j run

# The turn of the next process, in a circle; with the last one the machine is switched off.
next:
    mv a0, s0
    li t2, PROCESSES
look:
    addi a0, a0, FRAME
    la t0, frames + PROCESSES * FRAME
    bltu a0, t0, inside
    la a0, frames
inside:
    lw t0, STATE(a0)
    beqz t0, run
    addi t2, t2, -1
    bnez t2, look
    j arch_power_off

# All registers but x1 and x2 into the frame sp.
save:
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
    ret

# All registers but x1 and x31 from the frame x31.
restore:
    lw x2, 8(x31)
    lw x3, 12(x31)
    lw x4, 16(x31)
    lw x5, 20(x31)
    lw x6, 24(x31)
    lw x7, 28(x31)
    lw x8, 32(x31)
    lw x9, 36(x31)
    lw x10, 40(x31)
    lw x11, 44(x31)
    lw x12, 48(x31)
    lw x13, 52(x31)
    lw x14, 56(x31)
    lw x15, 60(x31)
    lw x16, 64(x31)
    lw x17, 68(x31)
    lw x18, 72(x31)
    lw x19, 76(x31)
    lw x20, 80(x31)
    lw x21, 84(x31)
    lw x22, 88(x31)
    lw x23, 92(x31)
    lw x24, 96(x31)
    lw x25, 100(x31)
    lw x26, 104(x31)
    lw x27, 108(x31)
    lw x28, 112(x31)
    lw x29, 116(x31)
    lw x30, 120(x31)
    ret

    .data
current:
    .word 0
ticks:
    .word 0
return_here:
    .word 0
free:
    .word free_memory
entries:
    .word CODE + init - programs, CODE + primes - programs
    .word CODE + pages - programs, CODE + wild - programs
    .balign 4
boot_frame:
    .space FRAME
frames:
    .space FRAME * PROCESSES
    .space 1024
kernel_stack:
    .balign 4096
free_memory:
    .text
