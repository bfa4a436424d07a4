# Reads sectors from the disk with programmed I/O and prints them, up to the first zero byte.
# Every use of a register of the port leaves the guest: 131 of them for each sector.

.equ SECTORS, 1
.equ UART, 0x10000000
.equ PORT, 0x10002000
.equ POWER, 0x11100000

_start:
    li   s0, PORT
    li   s1, 0                  # the number of the sector
    la   a0, buffer
    mv   a1, a0                 # where the next word goes

next:
    sw   s1, 0x04(s0)           # NUMBER
    li   t0, 0x20
    sw   t0, 0x08(s0)           # COMMAND: read
busy:
    lw   t0, 0x0C(s0)           # STATUS
    andi t1, t0, 0x01           # an error
    bnez t1, off
    andi t1, t0, 0x08           # words are waiting
    beqz t1, busy

    addi a2, a1, 512
word:
    lw   t0, 0x00(s0)           # DATA
    sw   t0, 0(a1)
    addi a1, a1, 4
    bltu a1, a2, word

    addi s1, s1, 1
    li   t0, SECTORS
    bltu s1, t0, next

    li   s2, UART
print:
    lbu  t0, 0(a0)
    beqz t0, off
    sb   t0, 0(s2)
    addi a0, a0, 1
    bltu a0, a1, print

off:
    li   t0, 0x5555
    li   t1, POWER
    sw   t0, 0(t1)
stay:
    j    stay

.data
.align 2
buffer:
    .space 512 * SECTORS
