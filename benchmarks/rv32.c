/* A plain interpreter of the machine of vcloud_lab.vm.board, to measure what Python costs.

   RV32IMA with Zicsr, levels M and U, one switch, no other cleverness. RAM from 0x80000000; console,
   timer and power switch as in vcloud_lab/vm/devices.py; the time is counted in instructions. What
   the benchmark's guest does not use (supervisor level, page tables, setting counters) ends the
   program with a message.

   Arguments: repeats, the value of a1, and numbers of instructions in ascending order. The standard
   input is the whole RAM. At each number, in the last repeat, the state is written: nanoseconds of
   the fastest repeat (0 but for the last), pc, 32 registers, the console's length and text. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BASE 0x80000000u
#define UART 0x10000000u
#define CLINT 0x11000000u
#define POWER 0x11100000u
#define SCALE 10
#define NEVER UINT64_MAX

enum { FETCH_ACCESS = 1, ILLEGAL, BREAKPOINT, MISALIGNED_LOAD, LOAD_ACCESS, MISALIGNED_STORE,
       STORE_ACCESS, ECALL };
enum { MSTATUS = 0x300, MISA, MEDELEG, MIDELEG, MIE, MTVEC, MCOUNTEREN,
       MSCRATCH = 0x340, MEPC, MCAUSE, MTVAL, MIP };

static uint8_t *ram, *image;
static uint32_t size, x[32], pc, csr[4096], lines, reservation;
static uint64_t retired, slept, compare;
static int level, waiting, stopped, reserved;
static uint32_t cause, value; /* of the trap that an instruction has caused */
static uint8_t *console, uart[8];
static size_t length, room;

static void unsupported(const char *what, uint32_t number) {
    fprintf(stderr, "rv32: %s %#x at pc %#x is not supported.\n", what, number, pc);
    exit(1);
}

static int trap(uint32_t why, uint32_t with) {
    cause = why;
    value = with;
    return 0;
}

static uint64_t due(void) { /* instructions until the timer interrupts */
    unsigned __int128 when = (unsigned __int128)compare * SCALE, now = retired + slept;
    if (compare == NEVER || when - now > NEVER)
        return compare == NEVER || when > now ? NEVER : 0;
    return when > now ? (uint64_t)(when - now) : 0;
}

/* Devices. Each returns 0 where nothing answers. */

static int device_read(uint32_t at, uint32_t n, uint32_t *to) {
    uint64_t found = 0;
    if (at % n)
        return 0;
    if (at - UART < 0x100) {
        uint32_t offset = at - UART;
        if (offset == 2)
            found = uart[1] & 2 ? 2 : 1; /* ready to send, if it is asked to tell */
        else if (offset == 5)
            found = 0x60; /* nobody types */
        else if (offset && offset < 8)
            found = uart[offset];
    } else if (at - CLINT < 0x10000) {
        uint32_t offset = at - CLINT;
        if (offset < 4)
            found = (uint64_t)(lines >> 3 & 1) >> 8 * offset;
        else if (offset - 0x4000 < 8)
            found = compare >> 8 * (offset - 0x4000);
        else if (offset - 0xBFF8 < 8)
            found = (retired + slept) / SCALE >> 8 * (offset - 0xBFF8);
    } else if (at - POWER >= 0x1000)
        return 0;
    *to = (uint32_t)found & (n == 4 ? 0xFFFFFFFF : (1u << 8 * n) - 1);
    return 1;
}

static int device_write(uint32_t at, uint32_t n, uint32_t what) {
    if (at % n)
        return 0;
    if (at - UART < 0x100) {
        uint32_t offset = at - UART;
        if (uart[3] & 0x80 && offset < 2) /* the speed of the line */
            return 1;
        if (offset == 0) {
            if (length == room && !(console = realloc(console, room = 2 * room + 4096)))
                exit(1);
            console[length++] = (uint8_t)what;
        } else if (offset < 8)
            uart[offset] = (uint8_t)what;
    } else if (at - CLINT < 0x10000) {
        uint32_t offset = at - CLINT;
        if (offset == 0)
            lines = (lines & ~8u) | (what & 1) << 3;
        else if (offset - 0x4000 < 8) {
            uint32_t shift = 8 * (offset - 0x4000);
            uint64_t mask = (n == 4 ? 0xFFFFFFFFull : (1ull << 8 * n) - 1) << shift;
            compare = (compare & ~mask) | ((uint64_t)what << shift & mask);
        }
    } else if (at - POWER < 0x1000)
        stopped = what == 0x5555 || what == 0x7777;
    else
        return 0;
    return 1;
}

/* Memory. Each returns 0 after a trap. */

static inline int load(uint32_t at, uint32_t n, uint32_t *to) {
    uint32_t offset = at - BASE;
    if (offset <= size - n) {
        *to = 0;
        memcpy(to, ram + offset, n);
        return 1;
    }
    return device_read(at, n, to) || trap(LOAD_ACCESS, at);
}

static inline int store(uint32_t at, uint32_t n, uint32_t what) {
    uint32_t offset = at - BASE;
    if (offset <= size - n) {
        memcpy(ram + offset, &what, n);
        return 1;
    }
    return device_write(at, n, what) || trap(STORE_ACCESS, at);
}

/* Traps and registers of control. */

static void enter(uint32_t why, uint32_t with) {
    uint32_t status = csr[MSTATUS] & ~0x1880u;
    csr[MSTATUS] = (status | (uint32_t)level << 11 | (status & 8) << 4) & ~8u;
    csr[MEPC] = pc;
    csr[MCAUSE] = why;
    csr[MTVAL] = with;
    level = 3;
    reserved = 0;
    pc = (csr[MTVEC] & ~3u) + (csr[MTVEC] & 1 && why >> 31 ? 4 * (why & 31) : 0);
}

static int interrupted(void) {
    uint32_t ready = (csr[MIP] | lines) & csr[MIE];
    if (!ready || !(level < 3 || csr[MSTATUS] & 8))
        return 0;
    waiting = 0;
    enter(1u << 31 | (ready >> 11 & 1 ? 11 : ready >> 3 & 1 ? 3 : ready >> 7 & 1 ? 7 : 1), 0);
    return 1;
}

static uint32_t writable(uint32_t number) { /* the bits that keep what is written */
    switch (number) {
    case MSTATUS: return 0x7E19AA;
    case MIE: return 0xAAA;
    case MIP: return 0x222;
    case MTVEC: return ~2u;
    case MEPC: return ~3u;
    case MCOUNTEREN: case 0x106: return 7;
    case MSCRATCH: case MCAUSE: case MTVAL: return ~0u;
    }
    return number >= 0x3A0 && number < 0x3C0 ? ~0u : 0; /* memory protection: kept, not obeyed */
}

static int counter(uint32_t number, uint32_t word, uint32_t *to) {
    uint32_t which = number & 0x7F; /* 0 cycles, 1 time, 2 instructions */
    if (level < 3 && (~csr[MCOUNTEREN] | ~csr[0x106]) >> which & 1)
        return trap(ILLEGAL, word);
    *to = (uint32_t)((which == 1 ? (retired + slept) / SCALE : retired) >> (number & 0x80 ? 32 : 0));
    return 1;
}

static int control(uint32_t word, uint32_t a) {
    uint32_t number = word >> 20, kind = word >> 12 & 3, rd = word >> 7 & 31, old = csr[number];
    int writes = kind == 1 || (word >> 15 & 31);
    if (level < (int)(number >> 8 & 3) || (writes && number >> 10 == 3))
        return trap(ILLEGAL, word);
    if ((number & 0xF7F) >= 0xC00 && (number & 0xF7F) <= 0xC02) {
        if (!counter(number, word, &old))
            return 0;
    } else if (number == MISA)
        old = 0x40141101;
    else if (number == MIP)
        old |= lines;
    else if (!writable(number) && number >> 4 != 0xF1)
        unsupported("CSR", number);
    if (writes) {
        uint32_t mask = writable(number);
        uint32_t wanted = kind == 1 ? a : kind == 2 ? old | a : old & ~a;
        uint32_t now = (csr[number] & ~mask) | (wanted & mask);
        if (number == MSTATUS && (now >> 11 & 3) == 2)
            now = (now & ~0x1800u) | (csr[number] & 0x1800);
        if (number == MSTATUS && (now >> 11 & 3) == 1)
            unsupported("level", 1);
        csr[number] = now;
    }
    if (rd)
        x[rd] = old;
    return 1;
}

static int privileged(uint32_t word, uint32_t *next) {
    uint32_t status = csr[MSTATUS];
    if (word == 0x00000073)
        return trap(ECALL + (uint32_t)level, 0);
    if (word == 0x00100073)
        return trap(BREAKPOINT, pc);
    if (level < 3)
        return trap(ILLEGAL, word);
    if (word == 0x10500073)
        waiting = 1;
    else if (word == 0x30200073) {
        level = status >> 11 & 3;
        status = (status & ~0x1808u) | 0x80 | (status >> 4 & 8);
        csr[MSTATUS] = level < 3 ? status & ~(1u << 17) : status;
        *next = csr[MEPC];
    } else
        return trap(ILLEGAL, word);
    return 1;
}

static int atomic(uint32_t word, uint32_t at, uint32_t b, uint32_t *to) {
    uint32_t kind = word >> 27, m, new;
    if (kind == 2) {
        if (at & 3)
            return trap(MISALIGNED_LOAD, at);
        reserved = load(at, 4, to);
        reservation = at;
        return reserved;
    }
    if (at & 3)
        return trap(MISALIGNED_STORE, at);
    if (kind == 3) {
        int held = reserved && reservation == at;
        reserved = 0;
        *to = !held;
        return !held || store(at, 4, b);
    }
    if (!load(at, 4, &m))
        return trap(STORE_ACCESS, at);
    switch (kind) {
    case 0: new = m + b; break;
    case 1: new = b; break;
    case 4: new = m ^ b; break;
    case 8: new = m | b; break;
    case 12: new = m & b; break;
    case 16: new = (int32_t)m < (int32_t)b ? m : b; break;
    case 20: new = (int32_t)m > (int32_t)b ? m : b; break;
    case 24: new = m < b ? m : b; break;
    case 28: new = m > b ? m : b; break;
    default: return trap(ILLEGAL, word);
    }
    *to = m;
    return store(at, 4, new);
}

static uint32_t multiply(uint32_t kind, uint32_t a, uint32_t b) {
    int64_t sa = (int32_t)a, sb = (int32_t)b;
    int overflow = a == BASE && b == ~0u;
    switch (kind) {
    case 0: return a * b;
    case 1: return (uint32_t)(sa * sb >> 32);
    case 2: return (uint32_t)(sa * (int64_t)b >> 32);
    case 3: return (uint32_t)((uint64_t)a * b >> 32);
    case 4: return !b ? ~0u : overflow ? a : (uint32_t)((int32_t)a / (int32_t)b);
    case 5: return !b ? ~0u : a / b;
    case 6: return !b ? a : overflow ? 0 : (uint32_t)((int32_t)a % (int32_t)b);
    default: return !b ? a : a % b;
    }
}

/* One instruction; 0 if it has caused a trap, and then nothing has changed. */
static int step(void) {
    uint32_t offset = pc - BASE, word, next = pc + 4, result = 0;
    if (offset > size - 4)
        return trap(FETCH_ACCESS, pc);
    memcpy(&word, ram + offset, 4);
    uint32_t rd = word >> 7 & 31, a = x[word >> 15 & 31], b = x[word >> 20 & 31];
    uint32_t kind = word >> 12 & 7, imm = (uint32_t)((int32_t)word >> 20);
    switch (word & 0x7F) {
    case 0x37: result = word & ~0xFFFu; break;
    case 0x17: result = pc + (word & ~0xFFFu); break;
    case 0x6F:
        result = next;
        next = pc + ((uint32_t)((int32_t)word >> 31) << 20 | (word & 0xFF000) | (word >> 9 & 0x800)
                     | (word >> 20 & 0x7FE));
        if (next & 3)
            return trap(0, next);
        break;
    case 0x67:
        if (kind)
            return trap(ILLEGAL, word);
        result = next;
        next = (a + imm) & ~1u;
        if (next & 3)
            return trap(0, next);
        break;
    case 0x63: {
        int taken;
        switch (kind) {
        case 0: taken = a == b; break;
        case 1: taken = a != b; break;
        case 4: taken = (int32_t)a < (int32_t)b; break;
        case 5: taken = (int32_t)a >= (int32_t)b; break;
        case 6: taken = a < b; break;
        case 7: taken = a >= b; break;
        default: return trap(ILLEGAL, word);
        }
        if (taken) {
            next = pc + ((uint32_t)((int32_t)word >> 31) << 12 | (word << 4 & 0x800)
                         | (word >> 20 & 0x7E0) | (word >> 7 & 0x1E));
            if (next & 3)
                return trap(0, next);
        }
        pc = next;
        return 1;
    }
    case 0x03:
        if (kind == 3 || kind > 5)
            return trap(ILLEGAL, word);
        if (!load(a + imm, 1u << (kind & 3), &result))
            return 0;
        if (kind == 0)
            result = (uint32_t)(int8_t)result;
        if (kind == 1)
            result = (uint32_t)(int16_t)result;
        break;
    case 0x23:
        if (kind > 2)
            return trap(ILLEGAL, word);
        if (!store(a + ((imm & ~31u) | rd), 1u << kind, b))
            return 0;
        pc = next;
        return 1;
    case 0x13:
        switch (kind) {
        case 0: result = a + imm; break;
        case 2: result = (int32_t)a < (int32_t)imm; break;
        case 3: result = a < imm; break;
        case 4: result = a ^ imm; break;
        case 6: result = a | imm; break;
        case 7: result = a & imm; break;
        case 1:
            if (word >> 25)
                return trap(ILLEGAL, word);
            result = a << (imm & 31);
            break;
        case 5:
            if (word >> 25 & ~32u)
                return trap(ILLEGAL, word);
            result = word >> 30 ? (uint32_t)((int32_t)a >> (imm & 31)) : a >> (imm & 31);
        }
        break;
    case 0x33:
        if (word >> 25 == 1)
            result = multiply(kind, a, b);
        else if (word >> 25 == 0)
            switch (kind) {
            case 0: result = a + b; break;
            case 1: result = a << (b & 31); break;
            case 2: result = (int32_t)a < (int32_t)b; break;
            case 3: result = a < b; break;
            case 4: result = a ^ b; break;
            case 5: result = a >> (b & 31); break;
            case 6: result = a | b; break;
            case 7: result = a & b;
            }
        else if (word >> 25 == 32 && kind == 0)
            result = a - b;
        else if (word >> 25 == 32 && kind == 5)
            result = (uint32_t)((int32_t)a >> (b & 31));
        else
            return trap(ILLEGAL, word);
        break;
    case 0x2F:
        if (kind != 2)
            return trap(ILLEGAL, word);
        if (!atomic(word, a, b, &result))
            return 0;
        break;
    case 0x0F:
        if (kind > 1)
            return trap(ILLEGAL, word);
        pc = next;
        return 1;
    case 0x73:
        if (kind == 4)
            return trap(ILLEGAL, word);
        if (!(kind ? control(word, kind & 4 ? word >> 15 & 31 : a) : privileged(word, &next)))
            return 0;
        pc = next;
        return 1;
    default: return trap(ILLEGAL, word);
    }
    if (rd)
        x[rd] = result;
    pc = next;
    return 1;
}

static void run(uint64_t until) {
    while (retired < until && !stopped) {
        uint64_t ahead = due();
        lines = (lines & ~0x80u) | (ahead ? 0 : 0x80);
        if (interrupted())
            continue;
        if (waiting && !(csr[MIE] & (csr[MIP] | lines))) {
            if (!(csr[MIE] & 0x80) || compare == NEVER)
                return;
            slept += ahead;
            continue;
        }
        waiting = 0;
        uint64_t first = retired, most = until - retired < ahead || !ahead ? until - retired : ahead;
        while (retired - first < most) {
            uint32_t word = 0; /* what may change interrupts ends this loop */
            if (pc - BASE <= size - 4)
                memcpy(&word, ram + (pc - BASE), 4);
            uint64_t before = compare;
            uint32_t held = lines;
            if (!step()) {
                enter(cause, value);
                break;
            }
            retired++;
            if ((word & 0x7F) == 0x73 || before != compare || held != lines || stopped)
                break;
        }
    }
}

static void reset(uint32_t tree) {
    memcpy(ram, image, size);
    memset(x, 0, sizeof x);
    memset(csr, 0, sizeof csr);
    memset(uart, 0, sizeof uart);
    x[11] = tree;
    pc = BASE;
    level = 3;
    retired = slept = lines = length = 0;
    compare = NEVER;
    waiting = stopped = reserved = 0;
}

static void put(const void *from, size_t count) {
    if (fwrite(from, 1, count, stdout) != count)
        exit(1);
}

int main(int count, char **argument) {
    int repeats = count > 3 ? atoi(argument[1]) : 0;
    if (repeats < 1) {
        fprintf(stderr, "Usage: rv32 repeats a1 instructions... < ram\n");
        return 2;
    }
    for (uint32_t room = 0;; size += (uint32_t)fread(image + size, 1, room - size, stdin)) {
        if (size < room)
            break;
        room = room ? 2 * room : 1 << 24;
        image = realloc(image, room);
        if (!image)
            return 1;
    }
    ram = malloc(size);
    if (!ram)
        return 1;
    uint64_t best = NEVER;
    for (int repeat = 1; repeat <= repeats; repeat++) {
        reset((uint32_t)strtoul(argument[2], NULL, 0));
        clock_t start = clock();
        for (int i = 3; i < count; i++) {
            run(strtoull(argument[i], NULL, 0));
            uint64_t spent = (uint64_t)(clock() - start) * 1000000000u / CLOCKS_PER_SEC;
            if (i == count - 1 && spent < best)
                best = spent;
            if (repeat < repeats)
                continue;
            uint64_t said = i == count - 1 ? best : 0, text = length;
            put(&said, sizeof said);
            put(&retired, sizeof retired);
            put(&pc, sizeof pc);
            put(x, sizeof x);
            put(&text, sizeof text);
            put(console, length);
        }
    }
    return 0;
}
