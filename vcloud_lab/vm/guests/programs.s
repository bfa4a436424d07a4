# The processes. All share this page of code, and see it at 0x400000.

    .balign 4096
programs:

# Process 0 waits for the others without giving up its turn: only the timer lets them run.
init:
    la s0, hello
    call print
    li s1, 1                # the process it asks about
each:
    mv a0, s1
    li a7, 4
    ecall
    beqz a0, each
    mv s2, a1
    mv s3, a2
    mv s4, a3
    la s0, process
    call print
    mv a0, s1
    call print_number
    bnez s3, killed
    la s0, result
    call print
    mv a0, s2
    call print_number
    j end_of_line
killed:
    la s0, ended_by
    call print
    mv a0, s3
    call print_number
    la s0, at_address
    call print
    mv a0, s4
    call print_hex
end_of_line:
    li a0, 10
    li a7, 1
    ecall
    addi s1, s1, 1
    li t0, 4
    bne s1, t0, each
    li a0, 0
    li a7, 2
    ecall

# Process 1 counts the primes below 500.
primes:
    li s0, 2                # the number
    li s1, 0                # how many primes
    li s2, 500
try:
    li t0, 2
divide:
    mul t1, t0, t0
    bltu s0, t1, prime
    remu t1, s0, t0
    beqz t1, composite
    addi t0, t0, 1
    j divide
prime:
    addi s1, s1, 1
composite:
    addi s0, s0, 1
    bne s0, s2, try
    mv a0, s1
    li a7, 2
    ecall

# Process 2 writes the number of each page of its heap into it, and adds them up.
pages:
    li s0, 0
    li s1, 0x600000
    li s2, 4096
write:
    sw s0, 0(s1)
    addi s0, s0, 1
    add s1, s1, s2
    li t0, 16
    bne s0, t0, write
    li a0, 0
read:
    sub s1, s1, s2
    lw t1, 0(s1)
    add a0, a0, t1
    addi s0, s0, -1
    bnez s0, read
    li a7, 2
    ecall

# Process 3 writes where nothing is.
wild:
    li t0, 0xdead0000
    sw t0, 0(t0)
    li a0, 1
    li a7, 2
    ecall

# Write the text at s0, which ends with a zero.
print:
    lbu a0, 0(s0)
    beqz a0, printed
    li a7, 1
    ecall
    addi s0, s0, 1
    j print
printed:
    ret

# Write the number a0.
print_number:
    addi sp, sp, -16
    mv t0, sp               # digits go down from here
    addi t1, sp, 15
    mv t2, t1
    li t3, 10
digit:
    remu t4, a0, t3
    addi t4, t4, 48
    sb t4, 0(t1)
    addi t1, t1, -1
    divu a0, a0, t3
    bnez a0, digit
show:
    addi t1, t1, 1
    lbu a0, 0(t1)
    li a7, 1
    ecall
    bne t1, t2, show
    addi sp, sp, 16
    ret

# Write the number a0 with eight hexadecimal digits.
print_hex:
    mv t0, a0
    li t1, 28
nibble:
    srl t2, t0, t1
    andi t2, t2, 15
    addi a0, t2, 48
    li t3, 10
    bltu t2, t3, decimal
    addi a0, a0, 39
decimal:
    li a7, 1
    ecall
    addi t1, t1, -4
    bgez t1, nibble
    ret

hello:      .asciz "init: three processes at work\n"
process:    .asciz "process "
result:     .asciz ": "
ended_by:   .asciz ": ended by trap "
at_address: .asciz " at 0x"
    .balign 4096
