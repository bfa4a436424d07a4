# %% [markdown]
# # Exercises 04: memory and disks
#
# Do [lesson 04](../notebooks/04_memory_and_disks.ipynb) first. Time: about 75 minutes. Paper helps.
#
# - Put your answer in place of the three dots and run the cell; it is checked at once.
# - `hint("04.1")` gives the next of three hints. The last shows the method, never the number.
# - `variant("04.1", 7)` states the same exercise with other numbers; check it with
#   `check("04.1", answer, seed=7)`. Exercises 04.1 to 04.9 and 04.11 have variants.
# - `reset("04.1")` gives you the original cell back.
#
# Addresses and entries are hexadecimal. As an answer `0x80345ABC` and `"80345abc"` are the same.
# The bits of an entry are V=1, R=2, W=4, X=8, U=16, G=32, A=64, D=128; the number of the page or
# table stands above ten bits.

# %%
from vcloud_lab.check import check, hint, reset, statement, variant
from vcloud_lab.vm.paging import R, U, V, W, X, walk

# %% [markdown]
# ## Part 1: tables
#
# ### 04.1 A walk by hand

# %% tags=["task"]
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from random import Random
from typing import Any, NamedTuple

from vcloud_lab.check import answers, kinds
from vcloud_lab.check.answers import Misread, tell
from vcloud_lab.check.kinds import read_address
from vcloud_lab.check.verdict import Judged
from vcloud_lab.sandbox import call, is_stub
from vcloud_lab.scheduling import show
from vcloud_lab.vm import VirtualDisk
from vcloud_lab.vm.idle_tax import Claim, targets
from vcloud_lab.vm.nested import NestedPaging, references
from vcloud_lab.vm.overcommit import Host
from vcloud_lab.vm.paging import PAGE, PageFault, R, U, V, W, X, walk
from vcloud_lab.vm.shadow import ShadowPaging
from vcloud_lab.vm.sharing import share_pages

CHAPTER = "memory and disks"
ROOT = 0x80001000
Words = dict[int, int]


def entry(page: int, bits: int) -> int:
    return page << 10 | bits


class Walking(NamedTuple):
    """Words in memory, and a virtual address to translate."""

    words: Words
    virtual: int


def walking(high: int, low: int, offset: int, pages: tuple[int, int], large: bool) -> Walking:
    """Tables for one address, with a decoy where the two indices are exchanged."""
    second, page = pages
    table = second << 12
    leaf = entry(page >> 10 << 10, V | R | W) if large else entry(second, V)
    words = {
        ROOT + 4 * high: leaf,
        ROOT + 4 * low: entry(second ^ 1, V),
        table + 4 * low: entry(page, V | R | W),
        table + 4 * high: entry(page ^ 3, V | R),
    }
    return Walking(dict(sorted(words.items())), high << 22 | low << 12 | offset)


def draw_walk(rng: Random) -> Walking:
    high, low = rng.sample(range(1, 1024), 2)
    pages = rng.randrange(0x80002, 0x80010), rng.randrange(0x80400, 0x80FFF)
    return walking(high, low, rng.randrange(1, 4096), pages, rng.randrange(4) == 0)


def ask_walk(case: Walking) -> str:
    listing = "\n".join(f"  {at:08x}  {word:08x}" for at, word in case.words.items())
    return (
        f"The root table of Sv32 is at {ROOT:08x}. The words of memory that matter:\n\n"
        f"  address   word\n{listing}\n\n"
        f"At which physical address is a byte that the supervisor reads at {case.virtual:08x}?"
    )


def steps_of(case: Walking) -> tuple[int, int, int]:
    """The physical address, the last entry and the size of the page."""
    found = walk(case.virtual, R, ROOT, load=lambda at: case.words.get(at, 0))
    return found.physical, found.steps[-1].entry, found.span


def walk_slips(case: Walking) -> dict[str, tuple[int, str]]:
    right, leaf, span = steps_of(case)
    offset = case.virtual % PAGE
    first = case.words[ROOT + (case.virtual >> 22) * 4] >> 10 << 12
    return {
        "offset-forgotten": (
            right - right % PAGE,
            "that is where the page begins; add the offset.",
        ),
        "entry-as-address": (
            leaf & -PAGE | offset,
            "that takes the entry's digits as they stand; its low ten bits are flags, and the "
            "page number above them has to move by two bits more.",
        ),
        "table-for-page": (
            first + offset,
            "that stops at the first entry; it has neither R nor X, so it leads to a table.",
        )
        if span == PAGE
        else (
            first + offset,
            "that is a page of 4 KiB; the walk ended at the first level, so the page has 4 MiB "
            "and 22 bits of the address are offset.",
        ),
        "not-translated": (case.virtual, "that is the virtual address itself."),
    }


def judge_walk(answer: object, case: Walking) -> Judged:
    given, right = read_address(answer), steps_of(case)[0]
    if given == right:
        return True, f"it is {right:08x}."
    for name, (value, sentence) in walk_slips(case).items():
        if given == value:
            return False, sentence, name
    if given % PAGE != right % PAGE:
        return False, f"{given:08x} has another offset: the last three digits never change."
    return False, f"{given:08x} is another page; which entry of each table did you read?"


kinds.varied(
    "04.1",
    title="A walk by hand",
    original=walking(3, 5, 0xABC, (0x80004, 0x80777), large=False),
    draw=draw_walk,
    ask=ask_walk,
    judge=judge_walk,
    right=lambda case: [steps_of(case)[0], f"{steps_of(case)[0]:08x}", hex(steps_of(case)[0])],
    wrong=lambda case: [
        *((value, name) for name, (value, _) in walk_slips(case).items()),
        (steps_of(case)[0] + PAGE, None),
        (steps_of(case)[0] + 1, None),
    ],
    hints=(
        "Write the address in binary and cut it: 10 bits, 10 bits, 12 bits.",
        "The first ten bits times 4, added to the root, is the address of the first entry. Shift "
        "an entry right by 10 to get the number of a page or table, and that left by 12.",
        "If the entry has neither R nor X, the next ten bits times 4 pick an entry of the table "
        "that it names; otherwise the walk is over, and all bits below it are the offset.",
    ),
    form='an address, such as "80001234"',
)

# %%
statement("04.1")

# %% tags=["stub"] task="04.1"
answer = ...

check("04.1", answer)

# %% [markdown] tags=["solution"]
# 00c05abc is index 3, index 5, offset abc. The entry at 80001000 + 4 · 3 is 20001001: shifted right
# by 10 it names table 80004. The entry at 80004000 + 4 · 5 is 201ddc07: page 80777.

# %% tags=["solution"] task="04.1"
answer = (0x201DDC07 >> 10 << 12) + 0xABC

check("04.1", answer)

# %% [markdown]
# ### 04.2 Build the tables
#
# A processor walks what you build, with every kind of access, and looks for pages that you mapped
# without being asked.


# %% tags=["task"]
class Wish(NamedTuple):
    """A page to map, with its rights in letters out of "rwxu"."""

    virtual: int
    physical: int
    rights: str


Wishes = tuple[Wish, ...]
BITS = {"r": R, "w": W, "x": X, "u": U}
TABLES = range(ROOT, ROOT + 4 * PAGE, 4)
VERBS = {R: "read", W: "written", X: "executed"}


def ask_wishes(wishes: Wishes) -> str:
    listing = "\n".join(
        f"  {wish.virtual:08x} -> {wish.physical:08x}  {wish.rights}" for wish in wishes
    )
    return (
        "Give the words of Sv32 tables as {address: word} that map these pages of 4 KiB and no "
        f"others:\n\n  virtual     physical  rights\n{listing}\n\n"
        f"The root table is at {ROOT:08x}; the three pages behind it, from {ROOT + PAGE:08x} on, "
        "are free for more tables. Words that you leave out are zero."
    )


def tables_for(wishes: Wishes) -> Words:
    """The tables, the second ones in the order in which they are needed."""
    words: Words = {}
    for wish in wishes:
        first = ROOT + (wish.virtual >> 22) * 4
        fresh = ROOT + PAGE * (1 + sum(at < ROOT + PAGE for at in words))
        table = (words.setdefault(first, entry(fresh >> 12, V)) >> 10) << 12
        bits = V | sum(BITS[letter] for letter in wish.rights)
        words[table + (wish.virtual >> 12 & 1023) * 4] = entry(wish.physical >> 12, bits)
    return words


def draw_wishes(rng: Random) -> Wishes:
    near, far = rng.sample(range(1, 1000), 2)
    low, other, third = rng.sample(range(1024), 3)
    pages = rng.sample(range(0x80100, 0x80800), 3)
    rights = rng.sample(("r", "rw", "rx", "ru", "rwu", "rxu"), 3)
    places = ((near, low), (near, other), (far, third))
    return tuple(
        Wish(high << 22 | index << 12, page << 12, right)
        for (high, index), page, right in zip(places, pages, rights, strict=True)
    )


def read_words(answer: object) -> Words:
    if not isinstance(answer, Mapping):
        kind = type(answer).__name__
        raise Misread(f"that is of type {kind}; give a dict from addresses to words.")
    words = {}
    for at, word in answer.items():
        for value in (at, word):
            if not isinstance(value, int) or isinstance(value, bool):
                raise Misread(f"{tell(value, 40)} is no whole number; addresses and words are.")
        if at not in TABLES:
            raise Misread(
                f"{at:x} is no address of an entry: they stand every 4 bytes from {ROOT:08x} to "
                f"{TABLES[-1]:08x}."
            )
        if not 0 <= word < 1 << 32:
            raise Misread(f"the word at {at:08x} does not fit into 32 bits.")
        words[at] = word
    if not words:
        raise Misread("your dict has no entries; give a dict from addresses to words.")
    return words


def mapped(words: Words) -> Iterable[tuple[int, int]]:
    """Every page that the tables map: its virtual address and its size."""
    for high in range(1024):
        above = words.get(ROOT + 4 * high, 0)
        if above & V and above & (R | X):
            yield high << 22, PAGE << 10
        elif above & V:
            for low in range(1024):
                if words.get((above >> 10 << 12) + 4 * low, 0) & V:
                    yield high << 22 | low << 12, PAGE


NUMBER = "An entry holds the number of a page above ten bits, not its address."


def holds_address(word: int, wish: Wish) -> bool:
    """Whether the digits of an address that is meant here stand in an entry as they are."""
    return word & -PAGE in (wish.physical, *(at for at in TABLES if at % PAGE == 0))


def complaint(words: Words, wish: Wish) -> tuple[str, str | None] | None:
    """What is wrong with one page, and the misconception behind it."""
    user, name = "u" in wish.rights, f"{wish.virtual:08x}"
    for access, verb in VERBS.items():
        wanted = any(BITS[letter] == access for letter in wish.rights)
        try:
            got = walk(wish.virtual, access, ROOT, load=lambda at: words.get(at, 0), user=user)
        except PageFault as fault:
            if not wanted:
                continue
            return _refused(name, verb, fault, wish)
        if not wanted:
            return f"{name} may be {verb}, which was not asked for.", "too-much"
        if got.span > PAGE:
            return f"{name} lies in a page of 4 MiB: an entry of the root is a leaf.", "large-page"
        if got.physical != wish.physical:
            text = f"{name} leads to {got.physical:08x} and not to {wish.physical:08x}."
            if holds_address(got.entry, wish):
                return f"{text} {NUMBER}", "address-for-number"
            return text, None
    if not user:
        try:
            walk(wish.virtual, R, ROOT, load=lambda at: words.get(at, 0), user=True)
        except PageFault:
            return None
        return f"{name} is open to user mode, which was not asked for.", "user-bit"
    return None


def _refused(name: str, verb: str, fault: PageFault, wish: Wish) -> tuple[str, str | None]:
    step = fault.steps[-1]
    where = f"the entry at {step.at:08x} of level {step.level} is {step.entry:08x}"
    text = f"{name} cannot be {verb}: {fault.reason}; {where}."
    if any(holds_address(step.entry, wish) for step in fault.steps):
        return f"{text} {NUMBER}", "address-for-number"
    if fault.reason.startswith("user mode"):
        return f"{text} The leaf needs the bit U.", "user-bit"
    if fault.reason.startswith("the supervisor"):
        return f"{text} The leaf must not have the bit U.", "user-bit"
    if step.level and step.entry & (R | W | X):
        return f"{text} An entry that leads to a table has V alone.", "pointer-with-rights"
    return text, None


def judge_tables(answer: object, wishes: Wishes) -> Judged:
    words = read_words(answer)
    for wish in wishes:
        found = complaint(words, wish)
        if found:
            return False, *found
    asked = {wish.virtual for wish in wishes}
    for virtual, _ in mapped(words):
        if virtual not in asked:
            return (
                False,
                f"your tables also map {virtual:08x}, which was not asked for.",
                "too-much",
            )
    return True, f"{len(wishes)} pages are mapped as asked, and nothing else is."


def spoiled_tables(wishes: Wishes) -> list[object]:
    good = tables_for(wishes)
    leaves = {at: word for at, word in good.items() if at >= ROOT + PAGE}
    pointers = {at: word for at, word in good.items() if at < ROOT + PAGE}
    user = next((at for at, word in leaves.items() if word & U), None)
    last = max(leaves)
    spoiled: list[object] = [
        ({at: (word >> 10 << 12) | word & 1023 for at, word in good.items()}, "address-for-number"),
        (
            pointers | {at: (word >> 10 << 12) | word & 1023 for at, word in leaves.items()},
            "address-for-number",
        ),
        (pointers | {at: word | U for at, word in leaves.items()}, "user-bit"),
        *([(good | {user: good[user] & ~U}, "user-bit")] if user else []),
        ({at: word | R | W for at, word in pointers.items()} | leaves, "pointer-with-rights"),
        (good | {last ^ 4: leaves[last]}, "too-much"),
        (pointers | {at: word | R | W | X for at, word in leaves.items()}, "too-much"),
        (leaves, None),
        ({ROOT - 4: 1}, None),
        ({ROOT: -1}, None),
    ]
    return spoiled


THREE_PAGES: Wishes = (
    Wish(0x00401000, 0x80120000, "rx"),
    Wish(0x00404000, 0x80121000, "rwu"),
    Wish(0x10000000, 0x80133000, "r"),
)

kinds.varied(
    "04.2",
    title="Build the tables",
    original=THREE_PAGES,
    draw=draw_wishes,
    ask=ask_wishes,
    judge=judge_tables,
    right=lambda wishes: [tables_for(wishes)],
    wrong=spoiled_tables,
    hints=(
        "How many second tables do you need? Pages with the same first ten bits share one.",
        "An entry that leads to a table is its page number, shifted left by 10, with V alone. A "
        "leaf is the number of the physical page, shifted left by 10, with V and its rights.",
        "For a page: at root + 4 * (virtual >> 22) goes the pointer, and at table + 4 * (virtual "
        ">> 12 & 1023) the leaf. Try walk(virtual, R, root, load=lambda at: words.get(at, 0)).",
    ),
    form="a dict from addresses to words",
)

# %%
statement("04.2")

# %% tags=["stub"] task="04.2"
answer = {
    0x80001000: ...,
}

check("04.2", answer)

# %% [markdown] tags=["solution"]
# The first two pages have the first index 1 and share a table, the third has index 64.

# %% tags=["solution"] task="04.2"
answer = {
    0x80001000 + 4 * 1: 0x80002 << 10 | V,
    0x80001000 + 4 * 64: 0x80003 << 10 | V,
    0x80002000 + 4 * 1: 0x80120 << 10 | V | R | X,
    0x80002000 + 4 * 4: 0x80121 << 10 | V | R | W | U,
    0x80003000 + 4 * 0: 0x80133 << 10 | V | R,
}

check("04.2", answer)

# %% tags=["solution"] task="04.2"
f"{walk(0x00404010, W, 0x80001000, load=lambda at: answer.get(at, 0), user=True).physical:08x}"

# %% [markdown]
# ### 04.3 Why does it fault?


# %% tags=["task"]
class Attempt(NamedTuple):
    """An access, the leaf that its walk ends at (level, flags, aligned), and what comes of it."""

    who: str
    access: str
    flags: str
    large: str
    verdict: str
    slip: tuple[str, str] | None = None


REASONS = {
    "a": "it is allowed",
    "b": "the entry is not valid",
    "c": "the right for this access is missing",
    "d": "the page belongs to the other level",
    "e": "the large page begins at the wrong place",
}
RIGHTS = (
    "the R, W and X bits are only looked at after the entry was found valid: W without R is not."
)
ABOVE = "the supervisor is not above everything: a page of the user is closed to it without SUM."
KERNEL = "a page without U belongs to the supervisor, whatever else it allows."
POOL = (
    Attempt("user", "read", "V R W U", "", "a"),
    Attempt("user", "execute", "V R X U", "", "a"),
    Attempt("supervisor", "write", "V R W", "", "a"),
    Attempt("user", "write", "V W U", "", "b", ("w-without-r", RIGHTS)),
    Attempt("supervisor", "read", "R W", "", "b"),
    Attempt("user", "write", "V R X U", "", "c"),
    Attempt("supervisor", "execute", "V R W", "", "c"),
    Attempt("supervisor", "read", "V R W U", "", "d", ("supervisor-may-all", ABOVE)),
    Attempt("user", "read", "V R W X", "", "d", ("user-may-kernel", KERNEL)),
    Attempt("supervisor", "read", "V R", "4 MiB, page number 80001", "e"),
    Attempt("supervisor", "execute", "V R X", "4 MiB, page number 80400", "a"),
)
Attempts = tuple[Attempt, ...]


def ask_faults(attempts: Attempts) -> str:
    rows = [
        f"  {place}  {one.who:<10}  {one.access:<7}  {one.flags:<7}  {one.large}".rstrip()
        for place, one in enumerate(attempts, 1)
    ]
    listing = "\n".join(["     who         wants    the leaf", *rows])
    options = "\n".join(f"  {key}) {text}" for key, text in REASONS.items())
    return (
        "Five accesses, each with the bits that are set in the entry at which the walk ends. "
        f"SUM and MXR are 0.\n\n{listing}\n\n{options}\n\nGive five letters, such as "
        "'aabbc'."
    )


def judge_faults(answer: object, attempts: Attempts) -> Judged:
    letters = "".join(answer) if isinstance(answer, list | tuple) else answer
    if not isinstance(letters, str):
        return False, f"that is of type {type(answer).__name__}; give five letters as one text."
    letters = "".join(letters.lower().replace(",", " ").split())
    if len(letters) != len(attempts) or set(letters) - set(REASONS):
        return False, f"that is not {len(attempts)} letters from a to e; write them as one text."
    right = "".join(one.verdict for one in attempts)
    if letters == right:
        return True, f"it is {right}: each reason is in the entry."
    fine = sum(map(str.__eq__, letters, right))
    bad = next(n for n, (mine, good) in enumerate(zip(letters, right, strict=True)) if mine != good)
    one = attempts[bad]
    text = f"{fine} of {len(attempts)} are right; look at number {bad + 1}"
    if one.slip:
        return False, f"{text}: {one.slip[1]}", one.slip[0]
    if letters[bad] == "a":
        return False, f"{text}: which of V, U, the right and the place of the page is wrong?"
    return False, f"{text}: {REASONS[letters[bad]]}? Check V, then U, then the right."


def draw_attempts(rng: Random) -> Attempts:
    chosen = [POOL[rng.randrange(3)], rng.choice([one for one in POOL if one.slip])]
    others = [one for one in POOL if one not in chosen]
    return tuple(rng.sample([*chosen, *rng.sample(others, 3)], 5))


def other_letters(attempts: Attempts) -> list[object]:
    right = "".join(one.verdict for one in attempts)
    wrong: list[object] = [(right[:4], None), ("abcdz", None)]
    for number, one in enumerate(attempts):
        other = "c" if one.verdict == "a" else "a"
        changed = right[:number] + other + right[number + 1 :]
        wrong.append((changed, one.slip[0] if one.slip else None))
    return wrong


FIVE: Attempts = (POOL[3], POOL[0], POOL[7], POOL[5], POOL[9])

kinds.varied(
    "04.3",
    title="Why does it fault?",
    original=FIVE,
    draw=draw_attempts,
    ask=ask_faults,
    judge=judge_faults,
    right=lambda attempts: [
        "".join(one.verdict for one in attempts),
        [one.verdict.upper() for one in attempts],
    ],
    wrong=other_letters,
    hints=(
        "Go through the questions in the processor's order: is the entry valid, whose page is it, "
        "is this access allowed, does a large page begin at a multiple of its size?",
        "Two things make an entry invalid: V is 0, or W is 1 and R is 0.",
        "A page of 4 MiB has 1024 small ones, so its page number must be a multiple of 1024, "
        "which is 400 in hexadecimal.",
    ),
    form="five letters as one text",
)

# %%
statement("04.3")

# %% tags=["stub"] task="04.3"
answer = ...

check("04.3", answer)

# %% [markdown] tags=["solution"]
# W without R is reserved; the second is fine; a user's page is closed to the supervisor; there is no
# W; 80001 is no multiple of 400.

# %% tags=["solution"] task="04.3"
answer = "badce"

check("04.3", answer)

# %% [markdown]
# ## Part 2: two sets of tables
#
# ### 04.4 How many references?


# %% tags=["task"]
SIZES = ("4 KiB", "2 MiB", "1 GiB")


def dimensions(seed: int | None) -> tuple[int, int, int, int]:
    """Levels of guest and host, and the level of the leaf in each."""
    if seed is None:
        return 4, 4, 0, 1
    rng = Random(f"04.4/{seed}")
    guest, nested = rng.choice(((4, 4), (4, 5), (5, 4), (5, 5), (3, 4)))
    return guest, nested, rng.randrange(3), rng.randrange(1, 3)


def walked(guest: int, nested: int, guest_leaf: int, nested_leaf: int) -> int:
    return references(guest, nested, guest_leaf=guest_leaf, nested_leaf=nested_leaf)


def lengths(seed: int | None) -> tuple[int, int]:
    guest, nested, guest_leaf, nested_leaf = dimensions(seed)
    return guest - guest_leaf, nested - nested_leaf


def ask_references(seed: int | None) -> str:
    guest, nested, guest_leaf, nested_leaf = dimensions(seed)
    return (
        f"The guest has {guest} levels and maps a page of {SIZES[guest_leaf]}; the host has "
        f"{nested} nested levels and maps everything with pages of {SIZES[nested_leaf]}. An index "
        "has 9 bits. How many entries are read for a TLB miss without any cache? (The access to "
        "the data is not counted.)"
    )


kinds.quantity(
    "04.4",
    title="How many references?",
    ask=ask_references,
    expected=lambda seed: walked(*dimensions(seed)),
    models=[
        (
            "large-page-forgotten",
            lambda seed: walked(*dimensions(seed)[:2], 0, 0),
            "that is for pages of 4 KiB everywhere; a large page ends its walk a level earlier.",
        ),
        (
            "product",
            lambda seed: lengths(seed)[0] * lengths(seed)[1],
            "that is g times h; each of the guest's entries takes a nested walk and a read of "
            "its own, and the data's address takes a nested walk as well.",
        ),
        (
            "sum",
            lambda seed: sum(lengths(seed)),
            "that is g + h, as if the guest's tables lay at host-physical addresses.",
        ),
        (
            "data-counted",
            lambda seed: walked(*dimensions(seed)) + 1,
            "that counts the access to the data as well.",
        ),
        (
            "last-walk-forgotten",
            lambda seed: lengths(seed)[0] * (lengths(seed)[1] + 1),
            "that finds the guest's leaf; the address in it is guest-physical and needs one "
            "more nested walk.",
        ),
    ],
    wrong=[(100, None)],
    seeded=True,
    hints=(
        "A large page ends the walk in its own dimension one level earlier (2 MiB) or two (1 GiB).",
        "Draw the grid of the lesson: a row for each entry of the guest, and one for the data.",
        "With g entries to read in the guest and h in each nested walk it is (g + 1)(h + 1) - 1.",
    ),
)

# %%
statement("04.4")

# %% tags=["stub"] task="04.4"
answer = ...

check("04.4", answer)

# %% [markdown] tags=["solution"]
# Four entries of the guest; each nested walk ends at level 1, after three.

# %% tags=["solution"] task="04.4"
answer = (4 + 1) * (3 + 1) - 1

check("04.4", answer)

# %% [markdown]
# ### 04.5 Shadow or nested?


# %% tags=["task"]
class Counted(NamedTuple):
    """What a trace took: exits and references under shadow paging, references under nested."""

    exits: int
    shadow: int
    nested: int


def counted(seed: int | None) -> Counted:
    if seed is None:
        return Counted(1500, 26000, 140000)
    rng = Random(f"04.5/{seed}")
    exits, price = rng.randrange(2, 30) * 100, rng.randrange(20, 300) * 10
    shadow = rng.randrange(20, 60) * 1000
    return Counted(exits, shadow, shadow + exits * price // 10)


def ask_price(seed: int | None) -> str:
    case = counted(seed)
    return (
        f"A trace takes {case.exits} exits and {case.shadow} references under shadow paging, and "
        f"no exits and {case.nested} references under nested paging. A reference costs 10 cycles. "
        "At which price of an exit, in cycles, do both cost the same?"
    )


kinds.quantity(
    "04.5",
    title="Shadow or nested?",
    ask=ask_price,
    expected=lambda seed: Fraction(
        10 * (counted(seed).nested - counted(seed).shadow), counted(seed).exits
    ),
    models=[
        (
            "shadow-walks-free",
            lambda seed: Fraction(10 * counted(seed).nested, counted(seed).exits),
            "that takes the walks of the shadow as free; they are shorter, but they are walks.",
        ),
        (
            "references-for-cycles",
            lambda seed: Fraction(counted(seed).nested - counted(seed).shadow, counted(seed).exits),
            "that is in references; each of them costs 10 cycles.",
        ),
        (
            "upside-down",
            lambda seed: Fraction(
                counted(seed).exits, 10 * (counted(seed).nested - counted(seed).shadow)
            ),
            "that is exits per cycle; the price is cycles per exit.",
        ),
    ],
    wrong=[(2000, None)],
    seeded=True,
    hints=(
        "Write both bills down with an unknown price x of an exit.",
        "The shadow's bill has exits and references, the nested one references only.",
        "exits * x + 10 * (references of the shadow) = 10 * (references of nested); solve for x.",
    ),
)

# %%
statement("04.5")

# %% tags=["stub"] task="04.5"
answer = ...

check("04.5", answer)

# %% [markdown] tags=["solution"]
# Below this price shadow paging is the better choice, above it nested paging is.

# %% tags=["solution"] task="04.5"
answer = 10 * (140000 - 26000) / 1500

check("04.5", answer)

# %% [markdown]
# ### 04.6 Count the exits


# %% tags=["task"]
Deeds = tuple[tuple[str, str], ...]


def deeds(seed: int | None) -> Deeds:
    """What a guest does with its pages P and Q; after a change the same page is used next."""
    if seed is None:
        return (
            ("read", "P"), ("write", "P"), ("read", "Q"), ("read", "P"), ("change", "Q"),
            ("read", "Q"), ("write", "Q"), ("write", "Q"),
        )  # fmt: skip
    rng = Random(f"04.6/{seed}")
    done = [("read", "P"), (rng.choice(("read", "write")), "Q")]
    while len(done) < 9:
        page = rng.choice("PQ")
        if rng.randrange(3) == 0:
            done += [("change", page), (rng.choice(("read", "write")), page)]
        else:
            done.append((rng.choice(("read", "write")), page))
    return tuple(done)


def exits_of(done: Deeds) -> Counter[str]:
    """The exits under shadow paging."""
    guest = NestedPaging(2, 2)
    pages = {"P": 0, "Q": PAGE}
    frames = iter(range(100, 200))

    def change(page: str) -> None:
        frame = next(frames) * PAGE
        guest.map_host(frame)
        guest.map_guest(pages[page], frame)

    for page in pages:
        change(page)
    shadow = ShadowPaging(guest)
    for what, page in done:
        if what == "change":
            change(page)
        else:
            shadow.access(pages[page], W if what == "write" else R)
    return shadow.exits


def fills(done: Deeds) -> int:
    """How often a page that is not in the shadow is used, whatever the access."""
    there: set[str] = set()
    count = 0
    for what, page in done:
        if what == "change":
            there.discard(page)
        elif page not in there:
            there.add(page)
            count += 1
    return count


def changes(done: Deeds) -> int:
    return sum(what == "change" for what, _ in done)


def ask_exits(seed: int | None) -> str:
    words = {"change": "gives {} another frame (it writes the entry)"}
    listing = "\n".join(
        f"  - it {words.get(what, what + 's {}').format(page)}" for what, page in deeds(seed)
    )
    return (
        "Shadow paging. The guest's entries for the pages P and Q are in one table; both allow "
        "reading and writing, with A and D bits 0, and a new entry has them 0 again. The shadow "
        f"is empty. Then the guest goes on:\n\n{listing}\n\nHow many exits are there in all "
        "(hidden faults and table writes)?"
    )


kinds.quantity(
    "04.6",
    title="Count the exits",
    ask=ask_exits,
    expected=lambda seed: exits_of(deeds(seed)).total(),
    models=[
        (
            "dirty-forgotten",
            lambda seed: fills(deeds(seed)) + changes(deeds(seed)),
            "that forgets the D bit: a page that was only read so far is read-only in the "
            "shadow, so that the first write to it is seen.",
        ),
        (
            "table-writes-forgotten",
            lambda seed: exits_of(deeds(seed))["hidden fault"],
            "those are the hidden faults; the guest's table is write-protected, so each write "
            "to it is an exit too.",
        ),
        (
            "every-access",
            lambda seed: len(deeds(seed)),
            "that is an exit for everything; what the shadow maps is used without one.",
        ),
    ],
    wrong=[(0, None)],
    seeded=True,
    hints=(
        "Keep a list on paper of what the shadow maps now, and whether read-only or not.",
        "The first access to a page is a hidden fault. If it was a read, the first write later is "
        "another one, for the D bit. Then the page is free of exits.",
        "A change of the entry is an exit; it throws the page out of the shadow, and the new entry "
        "has no D bit again.",
    ),
)

# %%
statement("04.6")

# %% tags=["stub"] task="04.6"
answer = ...

check("04.6", answer)

# %% [markdown] tags=["solution"]
# Fill P, D of P, fill Q, the table write, fill Q, D of Q. All other accesses find what they need.

# %% tags=["solution"] task="04.6"
answer = 6

check("04.6", answer)

# %% [markdown]
# ## Part 3: more memory than there is
#
# ### 04.7 Page faults by hand


# %% tags=["task"]
def misses(uses: Sequence[int], frames: int, rule: str) -> int:
    """Page faults of a string of uses under "lru", "fifo" or "best" (who is used latest again)."""
    held: list[int] = []
    count = 0
    for now, page in enumerate(uses):
        if page in held:
            if rule == "lru":
                held.remove(page)
                held.append(page)
            continue
        count += 1
        if len(held) == frames:
            later = list(uses[now + 1 :])
            far = {p: later.index(p) if p in later else len(uses) for p in held}
            held.remove(max(held, key=far.__getitem__) if rule == "best" else held[0])
        held.append(page)
    return count


def string_of(seed: int | None) -> tuple[int, ...]:
    if seed is None:
        return (1, 2, 3, 1, 4, 1, 2, 5, 1, 2, 3, 4)
    for attempt in range(50):
        rng = Random(f"04.7/{seed}/{attempt}")
        uses = tuple(rng.randrange(1, 6) for _ in range(12))
        found = [misses(uses, 3, rule) for rule in ("lru", "fifo", "best")]
        if len(set(found)) == 3 and len(set(uses)) == 5:
            break
    return uses


kinds.quantity(
    "04.7",
    title="Page faults by hand",
    ask=lambda seed: (
        "A guest has 3 frames, empty at first, and uses its pages in the order "
        f"{', '.join(map(str, string_of(seed)))}. How many page faults are there under LRU, where "
        "the page that was used longest ago goes? First uses count."
    ),
    expected=lambda seed: misses(string_of(seed), 3, "lru"),
    models=[
        (
            "fifo-for-lru",
            lambda seed: misses(string_of(seed), 3, "fifo"),
            "that is FIFO, where the page that came first goes; under LRU each use makes a page "
            "young again.",
        ),
        (
            "best-for-lru",
            lambda seed: misses(string_of(seed), 3, "best"),
            "that is the best choice there is, for somebody who knows the future.",
        ),
        (
            "first-uses-forgotten",
            lambda seed: misses(string_of(seed), 3, "lru") - len(set(string_of(seed))),
            "that leaves the first uses out; they are faults too.",
        ),
        (
            "hits-for-faults",
            lambda seed: len(string_of(seed)) - misses(string_of(seed), 3, "lru"),
            "those are the uses without a fault.",
        ),
    ],
    wrong=[(12, None)],
    seeded=True,
    hints=(
        "Write the three frames as a list, the page that was used longest ago at its left end.",
        "On a hit move the page to the right end. On a fault cross out the left one and write the "
        "new one at the right.",
        "Count the faults: a page that is not in the list. The first three uses are such.",
    ),
)

# %%
statement("04.7")

# %% tags=["stub"] task="04.7"
answer = ...

check("04.7", answer)

# %% [markdown] tags=["solution"]
# Faults at 1, 2, 3; 1 is a hit; 4 pushes out 2; 1 is a hit; 2 pushes out 3; 5 pushes out 4; 1 and 2
# are hits; 3 pushes out 5; 4 pushes out 1.

# %% tags=["solution"] task="04.7"
answer = 3 + 1 + 1 + 1 + 1 + 1

check("04.7", answer)

# %% [markdown]
# ### 04.8 What sharing saves


# %% tags=["task"]
class Farm(NamedTuple):
    """Equal guests: pages of code, of zeros, of their own; then writes to pages of code."""

    guests: int
    code: int
    zeros: int
    own: int
    writes: int


def farm(seed: int | None) -> Farm:
    if seed is None:
        return Farm(4, 6, 4, 5, 2)
    rng = Random(f"04.8/{seed}")
    code = rng.randrange(4, 9)
    return Farm(
        rng.randrange(3, 7), code, rng.randrange(2, 5), rng.randrange(2, 7), rng.randrange(2, code)
    )


def frames_used(case: Farm) -> int:
    """Frames in use after a scan, the writes, and one more write to each of the written pages."""
    pages = case.code + case.zeros + case.own
    host = Host(case.guests * pages, page_size=8)
    for guest in range(case.guests):
        host.add(f"guest {guest}", pages)
        for page in range(pages):
            text = f"c{page}" if page < case.code else f"{guest}/{page}"
            zero = case.code <= page < case.code + case.zeros
            host.write(f"guest {guest}", page, b"" if zero else text.encode())
    share_pages(host)
    for again in (b"x", b"y"):
        for page in range(case.writes):
            host.write("guest 0", page, again)
    return len(host.used)


def ask_sharing(seed: int | None) -> str:
    case = farm(seed)
    return (
        f"{case.guests} guests each hold {case.code} pages of code, the same in all guests, "
        f"{case.zeros} pages of zeros and {case.own} pages of their own that nobody else has. A "
        f"scan shares all equal pages. Then the first guest writes to {case.writes} of its pages "
        "of code, twice to each of them. How many frames are in use now?"
    )


kinds.quantity(
    "04.8",
    title="What sharing saves",
    ask=ask_sharing,
    expected=lambda seed: frames_used(farm(seed)),
    models=[
        (
            "zeros-kept-apart",
            lambda seed: frames_used(farm(seed)) + farm(seed).zeros - 1,
            "that keeps several frames of zeros; all pages of zeros are equal, within one guest "
            "as well.",
        ),
        (
            "break-forgotten",
            lambda seed: frames_used(farm(seed)) - farm(seed).writes,
            "that is before the writes; a write to a shared page first copies it.",
        ),
        (
            "copied-twice",
            lambda seed: frames_used(farm(seed)) + farm(seed).writes,
            "that copies a page at each write; after the first one it is no longer shared.",
        ),
        (
            "not-shared",
            lambda seed: farm(seed).guests * sum(farm(seed)[1:4]),
            "that is without any sharing.",
        ),
    ],
    wrong=[(1, None)],
    seeded=True,
    hints=(
        "Count the different contents after the scan: each takes one frame.",
        "How many different pages of zeros are there?",
        "code + 1 + guests * own, and one frame more for every page that a write breaks out.",
    ),
)

# %%
statement("04.8")

# %% tags=["stub"] task="04.8"
answer = ...

check("04.8", answer)

# %% tags=["solution"] task="04.8"
answer = 6 + 1 + 4 * 5 + 2

check("04.8", answer)

# %% [markdown]
# ## Part 4: disks
#
# ### 04.9 Which blocks are stored?


# %% tags=["task"]
Orders = tuple[tuple[str, int], ...]
FIRST: Orders = (
    ("whole", 0), ("whole", 1), ("whole", 2), ("snapshot", 1), ("part", 1), ("whole", 2),
    ("part", 1), ("snapshot", 2), ("part", 1), ("part", 1), ("part", 3),
)  # fmt: skip
PARTS = ("own", "kept", "copied")


def draw_orders(rng: Random) -> Orders:
    orders = [("whole", block) for block in rng.sample(range(4), 3)]
    for number in (1, 2):
        orders.append(("snapshot", number))
        orders += [
            (rng.choice(("part", "part", "whole")), rng.randrange(4))
            for _ in range(rng.randrange(2, 5))
        ]
    return tuple(orders)


def usage_of(orders: Orders) -> tuple[int, int, int]:
    disk = VirtualDisk(4 * 512, block_size=512)
    for turn, (what, block) in enumerate(orders, 1):
        if what == "snapshot":
            disk.snapshot(f"s{block}")
        else:
            disk.write(block * 512, bytes([turn]) * (512 if what == "whole" else 3))
    return disk.usage.own, disk.usage.kept, disk.usage.copied


def copies(orders: Orders, counts: Callable[[str, bool, bool], bool]) -> int:
    """How many writes copy: ``counts(what, held, written)``, the block being held by a snapshot."""
    written: set[int] = set()
    held: set[int] = set()
    count = 0
    for what, block in orders:
        if what == "snapshot":
            held = set(written)
        else:
            count += counts(what, block in held, block in written)
            written.add(block)
            held.discard(block)
    return count


def full_copies(orders: Orders) -> int:
    """What the snapshots would take if each copied the disk."""
    written: set[int] = set()
    total = 0
    for what, block in orders:
        if what == "snapshot":
            total += len(written)
        else:
            written.add(block)
    return total


def cow_slips(orders: Orders) -> dict[str, tuple[int, int, str]]:
    """Which of the three numbers it is about, its wrong value, and what to say."""
    return {
        "snapshot-copies": (
            1,
            full_copies(orders),
            "that copies the whole disk at each snapshot; it shares all blocks, and keeps alone "
            "only those that were written since.",
        ),
        "whole-write-copies": (
            2,
            copies(orders, lambda what, held, written: held),
            "a write of a whole block needs nothing of the old one, so it copies nothing.",
        ),
        "every-write-copies": (
            2,
            copies(orders, lambda what, held, written: what == "part" and written),
            "only the first write after a snapshot copies; then the block is the disk's own.",
        ),
    }


def ask_orders(orders: Orders) -> str:
    words = {
        "whole": "write all of block {}",
        "part": "write a part of block {}",
        "snapshot": "take the snapshot s{}",
    }
    listing = "\n".join(
        f"  {n}. {words[what].format(block)}" for n, (what, block) in enumerate(orders, 1)
    )
    return (
        f"A fresh disk of 4 blocks, without a backing disk:\n\n{listing}\n\nGive three numbers: "
        "the blocks stored for the present contents, the blocks kept for snapshots only, and the "
        "writes that first had to copy a block out of a snapshot, as [own, kept, copied]."
    )


def judge_orders(answer: object, orders: Orders) -> Judged:
    right = usage_of(orders)
    if isinstance(answer, Mapping) and set(answer) == set(PARTS):
        answer = [answer[name] for name in PARTS]
    if not isinstance(answer, list | tuple) or len(answer) != 3:
        return False, "that is not three numbers; give [own, kept, copied]."
    given = [
        answers.number(part, f"one number for {n}") for part, n in zip(answer, PARTS, strict=True)
    ]
    if given == list(right):
        return True, f"{right[0]} own, {right[1]} kept, {right[2]} copied."
    bad = [at for at in range(3) if given[at] != right[at]]
    for name, (place, value, sentence) in cow_slips(orders).items():
        if place in bad and given[place] == value:
            return False, f"look at {PARTS[place]}: {sentence}", name
    return False, (
        f"{PARTS[bad[0]]} is not {show(given[bad[0]])}; draw a row for the disk and one for each "
        "snapshot, and give every new block a new letter."
    )


def wrong_usages(orders: Orders) -> list[object]:
    right = usage_of(orders)
    wrong: list[object] = [((right[0] + 4, *right[1:]), None), ([1, 2], None)]
    for name, (place, value, _) in cow_slips(orders).items():
        if value != right[place]:
            wrong.append(((*right[:place], value, *right[place + 1 :]), name))
    return wrong


kinds.varied(
    "04.9",
    title="Which blocks are stored?",
    original=FIRST,
    draw=draw_orders,
    ask=ask_orders,
    judge=judge_orders,
    right=lambda orders: [
        list(usage_of(orders)),
        dict(zip(PARTS, usage_of(orders), strict=True)),
    ],
    wrong=wrong_usages,
    hints=(
        "A snapshot is a row of pointers to the same blocks. Which rows point to a block?",
        "A write puts a new block in the disk's row. It copies only if a snapshot's row points to "
        "the old one and the write leaves a part of it as it was.",
        "own: the blocks that the disk's row points to; kept: the different blocks that only "
        "snapshots point to.",
    ),
    form="three numbers, [own, kept, copied]",
)

# %%
statement("04.9")

# %% tags=["stub"] task="04.9"
answer = [..., ..., ...]

check("04.9", answer)

# %% [markdown] tags=["solution"]
# Blocks 0, 1, 2 are A, B, C; s1 is A B C. Then B becomes D (copied), C becomes E (a whole block), D
# becomes F (the disk's own: no copy). s2 is A F E. F becomes G (copied), G becomes H (its own); block
# 3 was empty. The disk is A H E I, and B, C, F are kept for the snapshots.

# %% tags=["solution"] task="04.9"
answer = [4, 3, 2]

check("04.9", answer)

# %% [markdown]
# ### 04.10 More frames, more faults
#
# László Bélády found in the 1960s that under FIFO *more* memory can mean *more* page faults. Find a
# case yourself.


# %% tags=["task"]
def read_uses(answer: object) -> list[int]:
    if not isinstance(answer, list | tuple):
        kind = type(answer).__name__
        raise Misread(f"that is of type {kind}; give a list of page numbers, such as [1, 2, 1].")
    strange = [one for one in answer if not isinstance(one, int) or isinstance(one, bool)]
    if strange:
        raise Misread(f"{tell(strange[0], 40)} is no page number; give whole numbers.")
    if not 1 <= len(answer) <= 20:
        raise Misread(f"your list has {len(answer)} uses; give 1 to 20.")
    return list(answer)


def judge_anomaly(answer: object) -> Judged:
    uses = read_uses(answer)
    three, four = misses(uses, 3, "fifo"), misses(uses, 4, "fifo")
    text = f"FIFO has {three} faults with 3 frames and {four} with 4"
    if four > three:
        return True, f"{text}: more memory, more faults. LRU could never do that."
    if len(set(uses)) <= 4:
        return False, f"{text}; with at most 4 pages everything fits into 4 frames. Use five."
    return False, f"{text}; the second number must be the larger one."


kinds.judge(
    "04.10",
    title="More frames, more faults",
    ask="Give a list of at most 20 page uses, such as [1, 2, 3, 1], that has more page faults "
    "under FIFO (the page that came first goes) with 4 frames than with 3.",
    judge=judge_anomaly,
    right=[[1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5], (7, 8, 9, 0, 7, 8, 3, 7, 8, 9, 0, 3)],
    wrong=[
        [1, 2, 3, 4] * 3,
        [1, 2, 3, 4, 5] * 3,
        [],
        list(range(21)),
        [1, 2, "3"],
    ],
    hints=(
        "You need five pages: with four, four frames are enough for everything.",
        "With 4 frames, the page that goes must be the very one that is used next, again and "
        "again; with 3 frames it must go at a better moment.",
        "Begin with 1 2 3 4, use 1 and 2 again, bring in 5, and then go through all pages in "
        "order. Or let a program try random lists until one fits.",
    ),
    form="a list of page numbers",
)

# %%
statement("04.10")

# %% tags=["stub"] task="04.10"
answer = ...

check("04.10", answer)

# %% [markdown] tags=["solution"]
# With 3 frames, 1 and 2 have just been brought in when 5 comes and survive it. With 4 frames the two
# hits on 1 and 2 do not help them: they are the oldest, and 5, 1, 2, 3, 4 push each other out.

# %% tags=["solution"] task="04.10"
answer = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]

check("04.10", answer)

# %% [markdown]
# ### 04.11 How deep is the chain?


# %% tags=["task"]
Chain = tuple[tuple[int, ...], ...]
BLOCKS = 6


def chain_of(seed: int | None) -> Chain:
    """Which blocks each disk holds, the base first."""
    if seed is None:
        return ((0, 1, 2, 3), (1, 4), (2,), (1,))
    rng = Random(f"04.11/{seed}")
    base = tuple(sorted(rng.sample(range(BLOCKS), 4)))
    overlays = [
        tuple(sorted(rng.sample(range(BLOCKS), rng.randrange(1, 3))))
        for _ in range(rng.randrange(2, 4))
    ]
    return (base, *overlays)


def depths(chain: Chain) -> list[int | None]:
    """For each block how deep the disk is that it is read from, 0 for the top."""
    disk = VirtualDisk(BLOCKS * 512, block_size=512)
    for number, held in enumerate(chain):
        disk = disk.overlay() if number else disk
        for block in held:
            disk.write(block * 512, bytes([number + 1]) * 512)
    found: list[int | None] = []
    for extent in disk.map():
        found += [extent.depth] * (extent.length // 512)
    return found


def asked(chain: Chain) -> int:
    return sum(len(chain) if depth is None else depth + 1 for depth in depths(chain))


def ask_chain(seed: int | None) -> str:
    chain = chain_of(seed)
    names = ["base disk", *(f"overlay {n}" for n in range(1, len(chain)))]
    listing = "\n".join(
        f"  {name:<10} {', '.join(map(str, held))}"
        for name, held in reversed(list(zip(names, chain, strict=True)))
    )
    return (
        "A chain of disks, the top one first, with the blocks that each of them holds:\n\n"
        f"{listing}\n\nThe top disk is read once, blocks 0 to {BLOCKS - 1}. For each block the "
        "disks are asked from the top down until one holds it; a block that none holds reads as "
        "zeros. How often is a disk asked, in all?"
    )


kinds.quantity(
    "04.11",
    title="How deep is the chain?",
    ask=ask_chain,
    expected=lambda seed: asked(chain_of(seed)),
    models=[
        (
            "depth-for-count",
            lambda seed: sum(
                len(chain_of(seed)) - 1 if d is None else d for d in depths(chain_of(seed))
            ),
            "that leaves the top disk out, which is asked first each time.",
        ),
        (
            "holes-free",
            lambda seed: sum(d + 1 for d in depths(chain_of(seed)) if d is not None),
            "that takes holes as free; to know that no disk holds a block, all must be asked.",
        ),
        (
            "bottom-up",
            lambda seed: sum(
                len(chain_of(seed)) if d is None else len(chain_of(seed)) - d
                for d in depths(chain_of(seed))
            ),
            "that asks from the bottom up; an old block below would hide the new one above.",
        ),
        (
            "one-each",
            lambda seed: BLOCKS,
            "that asks one disk for each block; an overlay does not hold what it did not write.",
        ),
    ],
    wrong=[(100, None)],
    seeded=True,
    hints=(
        "Take the blocks one by one and go down the list until you find it.",
        "A block in the top disk costs one question, one in the next disk two.",
        "For a block that is in no list, every disk is asked in vain.",
    ),
)

# %%
statement("04.11")

# %% tags=["stub"] task="04.11"
answer = ...

check("04.11", answer)

# %% [markdown] tags=["solution"]
# Block 0 is in the base (4), 1 on top (1), 2 in overlay 2 (2), 3 in the base (4), 4 in overlay 1
# (3), 5 nowhere (4).

# %% tags=["solution"] task="04.11"
answer = 4 + 1 + 2 + 4 + 3 + 4

check("04.11", answer)

# %% [markdown]
# ## Part 5: write it yourself
#
# Your function is run on hidden cases, small ones first, and you are shown the first one on which it
# fails.
#
# ### 04.12 Mend a snapshot
#
# `broken` forgets what it promised. Two lines are guilty.


# %% tags=["task"] task="04.12"
def broken_disk(blocks: int, orders: list[Any]) -> list[str]:
    now = [bytearray(b"....") for _ in range(blocks)]
    kept: dict[str, list[bytearray]] = {}
    for what, where, *data in orders:
        if what == "write":
            now[where][: len(data[0])] = data[0].encode()
        elif what == "snapshot":
            kept[where] = list(now)
        else:
            now = kept[where]
    return [block.decode() for block in now]


def half_mended(blocks: int, orders: list[Any]) -> list[str]:
    """The blocks are copied when the snapshot is taken, and given away when it is restored."""
    now = [bytearray(b"....") for _ in range(blocks)]
    kept: dict[str, list[bytearray]] = {}
    for what, where, *data in orders:
        if what == "write":
            now[where][: len(data[0])] = data[0].encode()
        elif what == "snapshot":
            kept[where] = [bytearray(block) for block in now]
        else:
            now = kept[where]
    return [block.decode() for block in now]


def whole_blocks_only(blocks: int, orders: list[Any]) -> list[str]:
    now = ["...."] * blocks
    kept: dict[str, list[str]] = {}
    for what, where, *data in orders:
        if what == "write":
            now[where] = data[0]
        elif what == "snapshot":
            kept[where] = list(now)
        else:
            now = list(kept[where])
    return now


def mended(blocks: int, orders: list[Any]) -> list[str]:
    now = ["...."] * blocks
    kept: dict[str, list[str]] = {}
    for what, where, *data in orders:
        if what == "write":
            now[where] = data[0] + now[where][len(data[0]) :]
        elif what == "snapshot":
            kept[where] = list(now)
        else:
            now = list(kept[where])
    return now


def disk_case(rng: Random, size: int) -> tuple[int, list[tuple[Any, ...]]]:
    blocks = 1 + size // 3
    orders: list[tuple[Any, ...]] = []
    names: list[str] = []
    for _ in range(size + 2):
        what = rng.choice(("write", "write", "snapshot", "restore"))
        if what == "restore" and names:
            name, block = rng.choice(names), rng.randrange(blocks)
            orders += [("restore", name), ("write", block, rng.choice("xyz")), ("restore", name)]
        elif what == "snapshot":
            names.append(f"s{len(names) + 1}")
            orders.append(("snapshot", names[-1]))
        else:
            text = rng.choice("abcdefgh") * rng.randrange(1, 5)
            orders.append(("write", rng.randrange(blocks), text))
    return blocks, orders


def shared_fault(args: tuple[Any, ...], result: object) -> tuple[str, str] | None:
    if result == broken_disk(*args):
        return "blocks-shared", "A write changes the block in place, and the snapshot has the same."
    if result == half_mended(*args):
        return (
            "restore-shared",
            "The snapshot is good, but after a restore the disk *is* the snapshot: the next "
            "write goes into both.",
        )
    if result == whole_blocks_only(*args):
        return "part-for-whole", "A write of a part must leave the rest of the block as it was."
    return None


kinds.function(
    "04.12",
    title="Mend a snapshot",
    ask="Write disk(blocks, orders): a disk of blocks that each begin as '....'; orders is a list "
    "of ('write', block, text), which replaces the first characters of a block, ('snapshot', "
    "name) and ('restore', name). A snapshot may be restored several times. Return the blocks at "
    "the end, as a list of texts of four characters.",
    cases=disk_case,
    oracle=mended,
    names=shared_fault,
    wrong=[
        (broken_disk, "blocks-shared"),
        (half_mended, "restore-shared"),
        (whole_blocks_only, "part-for-whole"),
        lambda blocks, orders: ["...."] * blocks,
    ],
    hints=(
        "Run broken on a write, a snapshot, another write and a restore. What is in the snapshot?",
        "list(now) copies the list, and shares its blocks. And what is shared after a restore?",
        "Use blocks that cannot change (str or bytes), so that a write must put a new one in the "
        "list, and copy the list both when you take a snapshot and when you restore it.",
    ),
)

# %%
statement("04.12")


# %% tags=["stub"] task="04.12"
def broken(blocks, orders):
    now, kept = [bytearray(b"....") for _ in range(blocks)], {}
    for what, where, *data in orders:
        if what == "write":
            now[where][: len(data[0])] = data[0].encode()
        elif what == "snapshot":
            kept[where] = list(now)
        else:
            now = kept[where]
    return [block.decode() for block in now]


def disk(blocks, orders): ...


check("04.12", disk)


# %% tags=["solution"] task="04.12"
def disk(blocks, orders):
    now, kept = ["...."] * blocks, {}
    for what, where, *data in orders:
        if what == "write":
            now[where] = data[0] + now[where][len(data[0]) :]  # a new block in the old one's place
        elif what == "snapshot":
            kept[where] = now.copy()
        else:
            now = kept[where].copy()
    return now


check("04.12", disk)

# %% [markdown]
# ### 04.13 Your own replacement policy
#
# The hidden traces have what real programs have: a few hot pages that change now and then, and cold
# ones in between.


# %% tags=["task"]
FRAMES = 8
Choose = Callable[[tuple[int, ...], tuple[int, ...]], int]


def hidden_trace(number: int) -> list[int]:
    rng = Random(f"04.13/{number}")
    uses: list[int] = []
    for phase in range(4):
        hot = [10 * phase + page for page in range(6)]
        for _ in range(60):
            if rng.randrange(6) == 0:
                uses.append(100 + rng.randrange(30))
            else:
                uses.append(rng.choice(hot))
    return uses


def faults_under(choose: Choose, traces: Sequence[Sequence[int]]) -> int:
    """Page faults on all traces. Raises ``Misread`` for a page that is not there."""
    count = 0
    for uses in traces:
        held: list[int] = []
        for now, page in enumerate(uses):
            if page in held:
                continue
            count += 1
            if len(held) == FRAMES:
                gone = choose(tuple(held), tuple(uses[:now]))
                if gone not in held:
                    raise Misread(
                        f"choose returned {tell(gone, 40)}, which is none of the pages in memory, "
                        f"{tell(held)}."
                    )
                held.remove(gone)
            held.append(page)
    return count


def first_in(held: tuple[int, ...], past: tuple[int, ...]) -> int:
    return held[0]


def last_in(held: tuple[int, ...], past: tuple[int, ...]) -> int:
    return held[-1]


def oldest_use(held: tuple[int, ...], past: tuple[int, ...]) -> int:
    last = {page: when for when, page in enumerate(past)}
    return min(held, key=lambda page: last[page])


def most_used_goes(held: tuple[int, ...], past: tuple[int, ...]) -> int:
    return max(held, key=past.count)


def rarest(held: tuple[int, ...], past: tuple[int, ...]) -> int:
    return min(held, key=past.count)


def rarest_lately(held: tuple[int, ...], past: tuple[int, ...]) -> int:
    """Better than FIFO and worse than LRU."""
    return min(held, key=past[-40:].count)


def not_there(held: tuple[int, ...], past: tuple[int, ...]) -> int:
    return -1


def judge_choice(answer: object) -> Judged:
    if not callable(answer):
        kind = type(answer).__name__
        return False, f"that is of type {kind}; give the function choose itself."
    if is_stub(answer):
        return None, "replace ... by the body of choose, then run the cell again."
    traces = [hidden_trace(number) for number in range(8)]
    run = call(_trial, answer, traces, steps=4_000_000)
    if run.kind == "stub":
        return None, "replace ... by the body of choose, then run the cell again."
    if run.kind != "returned":
        return False, f"your choose {run.problem}.", run.kind
    if isinstance(run.value, str):
        return False, run.value, "not-in-memory"
    mine = run.value if isinstance(run.value, int) else 0
    fifo, lru = (faults_under(policy, traces) for policy in (first_in, oldest_use))
    text = f"your policy has {mine} page faults; FIFO has {fifo} and LRU {lru}"
    if mine <= lru:
        return True, f"{text}."
    if mine == fifo:
        return False, f"{text}. Yours is FIFO: it does not care who is used.", "fifo-for-lru"
    if mine > fifo:
        return False, f"{text}. Yours throws out what is needed soon.", "worse-than-fifo"
    return False, f"{text}. At most {lru} are allowed; what do the last uses tell you?"


def _trial(choose: Choose, traces: Sequence[Sequence[int]]) -> int | str:
    try:
        return faults_under(choose, traces)
    except Misread as misread:
        return str(misread)


def longest_unseen(held: tuple[int, ...], past: tuple[int, ...]) -> int:
    seen = list(reversed(past))
    return max(held, key=seen.index)


kinds.judge(
    "04.13",
    title="Your own replacement policy",
    ask="Write choose(held, past): held are the pages in memory, a tuple in the order in which "
    "they were brought in; past are all uses so far, the latest last. Return the page of held that "
    "goes. On hidden traces with 8 frames it must not have more page faults than LRU.",
    judge=judge_choice,
    right=[oldest_use, longest_unseen],
    wrong=[
        (first_in, "fifo-for-lru"),
        (last_in, "worse-than-fifo"),
        (most_used_goes, "worse-than-fifo"),
        (rarest, "worse-than-fifo"),
        rarest_lately,
        (not_there, "not-in-memory"),
        (lambda held, past: 1 // 0, "raised"),
    ],
    hints=(
        "Who was used lately will be used again: that is all that most programs tell you.",
        "Counting all uses since the beginning is a trap: who was hot long ago never leaves.",
        "For each page find the place of its last use in past; the page with the smallest place "
        "goes. {page: when for when, page in enumerate(past)} has the last one of each.",
    ),
    form="the function choose(held, past)",
)

# %%
statement("04.13")


# %% tags=["stub"] task="04.13"
def choose(held, past): ...


check("04.13", choose)


# %% tags=["solution"] task="04.13"
def choose(held, past):
    last_use = {page: when for when, page in enumerate(past)}
    return min(held, key=last_use.get)  # least recently used


check("04.13", choose)

# %% [markdown]
# ### 04.14 Whom to ask for pages
#
# The policy behind the balloons of lesson 04: who pays least per page gives one up.


# %% tags=["task"]
Guests = list[tuple[str, int, int, int]]


def keeps_under(guests: Guests, frames: int, tax: Fraction) -> dict[str, int]:
    return targets([Claim(*guest) for guest in guests], frames, tax=tax)


def with_tax(guests: Guests, frames: int) -> dict[str, int]:
    return keeps_under(guests, frames, Fraction(3, 4))


def without_tax(guests: Guests, frames: int) -> dict[str, int]:
    return keeps_under(guests, frames, Fraction(0))


def in_proportion(guests: Guests, frames: int) -> dict[str, int]:
    shares = sum(guest[1] for guest in guests)
    return {name: min(pages, frames * mine // shares) for name, mine, pages, _ in guests}


def active_only(guests: Guests, frames: int) -> dict[str, int]:
    """The ratio is not computed anew: f stays what it was at the beginning."""
    keeps = {name: pages for name, _, pages, _ in guests}
    cost = {n: active + 4 * (pages - active) for n, _, pages, active in guests}
    shares = {n: mine for n, mine, _, _ in guests}
    full = dict(keeps)
    while sum(keeps.values()) > frames:
        poorest = min(
            (n for n in keeps if keeps[n]),
            key=lambda n: Fraction(shares[n] * full[n], keeps[n] * cost[n]),
        )
        keeps[poorest] -= 1
    return keeps


def guests_case(rng: Random, size: int) -> tuple[Guests, int]:
    """Guests on which the two slips below give themselves away, or neither does."""
    while True:
        guests: Guests = []
        for place in range(2 + size // 4):
            pages = rng.randrange(1, 3 + size)
            shares = 1000 * rng.randrange(1, 4)
            guests.append((f"g{place + 1}", shares, pages, rng.randrange(pages + 1)))
        total = sum(guest[2] for guest in guests)
        case = guests, total - rng.randrange(total // 2 + 1)
        if without_tax(*case) != active_only(*case) or without_tax(*case) == with_tax(*case):
            return case


def named_policy(args: tuple[Any, ...], result: object) -> tuple[str, str] | None:
    if result == without_tax(*args):
        return "tax-forgotten", "That is without the tax: an idle page has to count like four."
    if result == active_only(*args):
        return (
            "ratio-not-renewed",
            "Idle pages go first, so the share of active ones grows with each page given up.",
        )
    return None


kinds.function(
    "04.14",
    title="Whom to ask for pages",
    ask="Write keep(guests, frames): guests is a list of (name, shares, pages, active), where "
    "active counts the pages in use. While the guests hold more pages than there are frames, the "
    "guest with the fewest shares per page gives one up, an idle one while it has any, the first "
    "in the list among equals; an idle page counts like 4. Return the pages that each keeps, as "
    "{name: pages}.",
    cases=guests_case,
    oracle=with_tax,
    names=named_policy,
    wrong=[
        (without_tax, "tax-forgotten"),
        (active_only, "ratio-not-renewed"),
        in_proportion,
    ],
    hints=(
        "A guest with a active and i idle pages pays shares / (a + 4 * i) for a page.",
        "Take one page at a time, from the smallest ratio, and compute the ratios anew after it.",
        "Keep active and idle pages of each guest; while their sum is above frames, take the "
        "minimum over the guests that still have pages, and lower idle, or active where idle is "
        "0. Compare a Fraction, or cross-multiply: floats may see a difference where none is.",
    ),
)

# %%
statement("04.14")


# %% tags=["stub"] task="04.14"
def keep(guests, frames): ...


check("04.14", keep)


# %% tags=["solution"] task="04.14"
def keep(guests, frames):
    used = {name: active for name, _, _, active in guests}
    idle = {name: pages - active for name, _, pages, active in guests}
    while sum(used.values()) + sum(idle.values()) > frames:
        price = {
            name: shares / (used[name] + 4 * idle[name])
            for name, shares, _, _ in guests
            if used[name] + idle[name]
        }
        poorest = min(price, key=price.get)
        giving = idle if idle[poorest] else used
        giving[poorest] -= 1
    return {name: used[name] + idle[name] for name, *_ in guests}


check("04.14", keep)

# %% [markdown]
# ---
#
# All green? Take variants of 04.1, 04.4, 04.6 and 04.9 until you need no paper. Then compare with
# the [solutions](../solutions/04_memory_and_disks.ipynb), or read the
# [lesson](../notebooks/04_memory_and_disks.ipynb) again where it hurt.
