/* The first program of the guest: a small shell on bare system calls, without a C library.
 *
 * It is loaded wherever there is room and nothing is relocated, so there must be no pointers in
 * initialised data: no tables of strings. Copyright of the vcloud_lab authors, MIT.
 */

enum { READ = 63, WRITE = 64, OPENAT = 56, CLOSE = 57, PIPE2 = 59, IOCTL = 29, MOUNT = 40,
       EXIT = 93, WAITID = 95, REBOOT = 142, UNAME = 160 };
enum { HERE = -100, DRAIN = 0x5409 /* TCSBRK */, PROCESS = 1 /* P_PID */, EXITED = 4 };
enum { LINE = 128, LIMIT = 1000000 };

static long call(long number, long a, long b, long c, long d, long e)
{
	register long a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c;
	register long a3 asm("a3") = d, a4 asm("a4") = e, a7 asm("a7") = number;

	asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7) : "memory");
	return a0;
}

/* Start a program as a new process and return the process's number. Without an MMU the two share
 * their memory until the new one has its program (vfork), so it must not touch the stack. */
long spawn(const char *path, const char **words);
asm("spawn:  mv t0, a0\n"
    "        mv t1, a1\n"
    "        li a0, 0x4111\n" /* CLONE_VFORK | CLONE_VM | SIGCHLD */
    "        li a1, 0\n"
    "        li a7, 220\n" /* clone */
    "        ecall\n"
    "        bnez a0, 1f\n"
    "        mv a0, t0\n"
    "        mv a1, t1\n"
    "        li a2, 0\n"
    "        li a7, 221\n" /* execve */
    "        ecall\n"
    "        li a0, 127\n"
    "        li a7, 93\n" /* exit */
    "        ecall\n"
    "1:      ret\n");

/* Text */

static unsigned long length(const char *text)
{
	unsigned long n = 0;

	while (text[n])
		n++;
	return n;
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static void print(const char *text)
{
	call(WRITE, 1, (long)text, length(text), 0, 0);
}

/* Write a number's digits to a buffer of at least 11 bytes and return where they begin. */
static const char *digits(unsigned long number, char *buffer)
{
	char *at = buffer + 10;

	*at = 0;
	do
		*--at = '0' + number % 10;
	while (number /= 10);
	return at;
}

static void print_number(unsigned long number)
{
	char buffer[11];

	print(digits(number, buffer));
}

/* A whole number up to LIMIT, or -1. */
static long number(const char *text)
{
	long n = 0;

	if (!*text)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		n = 10 * n + *text - '0';
		if (n > LIMIT)
			return -1;
	}
	return n;
}

/* Commands */

/* Show a file's beginning: at most `lines` lines, up to the character `stop`. */
static void show(const char *path, int lines, char stop)
{
	static char text[1024];
	long file = call(OPENAT, HERE, (long)path, 0, 0, 0);
	long size = call(READ, file, (long)text, sizeof text, 0, 0), n = 0;

	for (; n < size && text[n] != stop; n++)
		if (text[n] == '\n' && --lines == 0) {
			n++;
			break;
		}
	call(WRITE, 1, (long)text, n, 0, 0);
	call(CLOSE, file, 0, 0, 0, 0);
}

static void show_kernel(void)
{
	static char names[6][65]; /* struct new_utsname */

	call(UNAME, (long)names, 0, 0, 0, 0);
	print(names[0]);
	print(" ");
	print(names[2]);
	print(" ");
	print(names[4]);
}

/* How many primes there are below n, by the sieve of Eratosthenes over the odd numbers. */
static long primes(long n)
{
	static unsigned char crossed[LIMIT / 16 + 1];
	long count = n > 2, i, j;

	for (i = 0; i <= n / 16; i++)
		crossed[i] = 0;
	for (i = 3; i < n; i += 2) {
		if (crossed[i >> 4] >> (i >> 1 & 7) & 1)
			continue;
		count++;
		if (i > n / i)
			continue;
		for (j = i * i; j < n; j += 2 * i)
			crossed[j >> 4] |= 1 << (j >> 1 & 7);
	}
	return count;
}

static void say_primes(long n)
{
	print_number(primes(n));
	print(" primes below ");
	print_number(n);
	print("\n");
}

/* What a process started by `count` does: its result goes into a pipe. */
static int work(long n, long pipe)
{
	long result = primes(n);

	return call(WRITE, pipe, (long)&result, sizeof result, 0, 0) != sizeof result;
}

/* Two processes compute at the same time; whichever ends first, the first one's result comes
 * first. */
static void count(void)
{
	static const char names[2][7] = {"first", "second"};
	long size[2] = {20000, 10000}, process[2], result, status[32];
	int pipe[2][2], i;

	for (i = 0; i < 2; i++) {
		char a[11], b[11];
		const char *words[4];

		call(PIPE2, (long)pipe[i], 0, 0, 0, 0);
		words[0] = "work";
		words[1] = digits(size[i], a);
		words[2] = digits(pipe[i][1], b);
		words[3] = 0;
		process[i] = spawn("/init", words);
		call(CLOSE, pipe[i][1], 0, 0, 0, 0);
	}
	print("Two processes are at work.\n");
	for (i = 0; i < 2; i++) {
		print("The ");
		print(names[i]);
		if (call(READ, pipe[i][0], (long)&result, sizeof result, 0, 0) == sizeof result) {
			print(" has counted ");
			print_number(result);
			print(" primes below ");
			print_number(size[i]);
			print(".\n");
		} else {
			print(" has failed.\n");
		}
		call(CLOSE, pipe[i][0], 0, 0, 0, 0);
		call(WAITID, PROCESS, process[i], (long)status, EXITED, 0);
	}
}

static void power_off(void)
{
	call(IOCTL, 1, DRAIN, 1, 0, 0); /* let all that was written reach the line */
	call(REBOOT, 0xfee1dead, 672274793, 0x4321fedc, 0, 0);
}

static void obey(const char *name, const char *rest)
{
	if (same(name, "help")) {
		print("help        these lines\n"
		      "uname       the kernel's name, version and processor\n"
		      "cpu         what the kernel knows of the processor\n"
		      "mem         how much memory there is, and how much of it is free\n"
		      "uptime      the seconds since the start\n"
		      "echo TEXT   say TEXT\n"
		      "primes N    count the primes below N\n"
		      "count       let two processes compute at the same time\n"
		      "poweroff    switch the machine off\n");
	} else if (same(name, "uname")) {
		show_kernel();
		print("\n");
	} else if (same(name, "cpu")) {
		show("/proc/cpuinfo", 4, 0);
	} else if (same(name, "mem")) {
		show("/proc/meminfo", 2, 0);
	} else if (same(name, "uptime")) {
		show("/proc/uptime", 1, ' ');
		print("\n");
	} else if (same(name, "echo")) {
		print(rest);
		print("\n");
	} else if (same(name, "primes")) {
		if (number(rest) < 0)
			print("primes takes one whole number from 0 to 1000000, as in: primes 1000\n");
		else
			say_primes(number(rest));
	} else if (same(name, "count")) {
		count();
	} else if (same(name, "poweroff")) {
		power_off();
	} else {
		print(name);
		print(": there is no such command; help lists them.\n");
	}
}

/* Cut a line in two at its first space; returns the second part. Spaces around both are dropped. */
static char *cut(char **line)
{
	char *rest, *end = *line + length(*line);

	while (end > *line && end[-1] == ' ')
		*--end = 0;
	while (**line == ' ')
		++*line;
	for (rest = *line; *rest && *rest != ' '; rest++)
		;
	while (*rest == ' ')
		*rest++ = 0;
	return rest;
}

static void shell(void)
{
	static char buffer[LINE + 1];
	long size;

	print("vcloud$ ");
	/* The end of the input, Ctrl-D on an empty line, switches the machine off. */
	while ((size = call(READ, 0, (long)buffer, LINE, 0, 0)) > 0) {
		char *line = buffer, *rest;
		int whole = buffer[size - 1] == '\n';

		buffer[size - whole] = 0;
		if (size == LINE && !whole) {
			do
				size = call(READ, 0, (long)buffer, LINE, 0, 0);
			while (size == LINE && buffer[size - 1] != '\n');
			print("A line has at most 127 characters.\n");
		} else {
			rest = cut(&line);
			if (*line)
				obey(line, rest);
		}
		print("vcloud$ ");
	}
	print("\n");
	power_off();
}

int program(long count, const char **words)
{
	if (count == 3 && same(words[0], "work"))
		return work(number(words[1]), number(words[2]));
	call(MOUNT, (long)"proc", (long)"/proc", (long)"proc", 0, 0);
	print("\nThis is ");
	show_kernel();
	print(", with the small shell of vcloud_lab. Type help for its commands.\n");
	shell();
	return 1;
}

/* The kernel puts the number of words and the words themselves on the stack. */
asm(".section .start, \"ax\"\n"
    ".globl _start\n"
    "_start: lw a0, 0(sp)\n"
    "        addi a1, sp, 4\n"
    "        andi sp, sp, -16\n"
    "        call program\n"
    "        li a7, 93\n" /* exit */
    "        ecall\n");
