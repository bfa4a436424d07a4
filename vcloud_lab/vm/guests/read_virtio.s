# Reads sectors from the disk with virtio and prints them, up to the first zero byte.
# The request lies in RAM. One write to QUEUE_NOTIFY leaves the guest, for any number of sectors.

.equ SECTORS, 1
.equ UART, 0x10000000
.equ VIRTIO, 0x10001000
.equ POWER, 0x11100000

_start:
    li   s0, VIRTIO

# Driver and device agree on what they can do.
    sw   zero, 0x70(s0)         # STATUS: reset
    li   t0, 3
    sw   t0, 0x70(s0)           # ACKNOWLEDGE, DRIVER
    li   t0, 1
    sw   t0, 0x24(s0)           # DRIVER_FEATURES_SEL: bits 32 to 63
    sw   t0, 0x20(s0)           # DRIVER_FEATURES: VERSION_1 and nothing else
    li   t0, 11
    sw   t0, 0x70(s0)           # and FEATURES_OK
    lw   t1, 0x70(s0)
    bne  t0, t1, off            # the device does not agree

# Where the queue is.
    sw   zero, 0x30(s0)         # QUEUE_SEL
    li   t0, 4
    sw   t0, 0x38(s0)           # QUEUE_NUM
    la   t0, table
    sw   t0, 0x80(s0)           # QUEUE_DESC_LOW
    la   t0, available
    sw   t0, 0x90(s0)           # QUEUE_DRIVER_LOW
    la   t0, used
    sw   t0, 0xA0(s0)           # QUEUE_DEVICE_LOW
    li   t0, 1
    sw   t0, 0x44(s0)           # QUEUE_READY
    li   t0, 15
    sw   t0, 0x70(s0)           # and DRIVER_OK

# The request: its chain begins with descriptor 0, which is what available.ring[0] says.
    la   t0, available
    li   t1, 1
    sh   t1, 2(t0)              # available.idx
    fence
    sw   zero, 0x50(s0)         # QUEUE_NOTIFY

# Sleep until it is done.
    li   t0, 1 << 11
    csrw mie, t0                # the machine external interrupt ends wfi
    la   t0, used
sleep:
    lhu  t1, 2(t0)              # used.idx
    bnez t1, done
    wfi
    j    sleep
done:
    lw   t0, 0x60(s0)           # INTERRUPT_STATUS
    sw   t0, 0x64(s0)           # INTERRUPT_ACK

    la   a0, status
    lbu  t0, 0(a0)
    bnez t0, off                # the device could not do it

    la   a0, buffer
    la   a1, end
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
.align 4
table:                          # address (64 bits), length, flags (1: goes on, 2: to be written), next
    .word header, 0, 16
    .half 1, 1
    .word buffer, 0, 512 * SECTORS
    .half 3, 2
    .word status, 0, 1
    .half 2, 0
    .space 16
available:                      # flags, idx, ring
    .half 0, 0
    .space 8
.align 2
used:                           # flags, idx, ring of head and length
    .half 0, 0
    .space 32
.align 3
header:                         # type (0: read), reserved, sector (64 bits)
    .word 0, 0, 0, 0
status:
    .byte 255
.align 2
buffer:
    .space 512 * SECTORS
end:
