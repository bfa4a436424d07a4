// FCFS, SJF, SRTF and round robin for one CPU, written plainly: what the package is compared with.
//
//   reference FCFS|SJF|SRTF|RR QUANTUM TRACE REPEATS < jobs > answer
//
// Input: the number of jobs, their arrivals in rising order, their bursts. Output: nanoseconds of
// the fastest repeat, the sum of the waiting times, all completions, the number of slices of the
// trace and for each its job, start and end (0 slices unless TRACE is 1). All are 64-bit integers
// of this machine's byte order. What is timed is the algorithm, the sum of the waiting times and
// the memory that they ask for; the input is read and the output written outside.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

using Time = std::int64_t;
using Column = std::vector<Time>;

struct Slice {
    Time job, start, end;
};

struct Answer {
    bool traced;
    Column completion;
    std::vector<Slice> trace;
    Time waiting = 0;

    void ran(std::size_t job, Time start, Time end) {
        if (traced) trace.push_back({Time(job), start, end});
    }
};

// The best job is on top: the least time, and of equals the one that came first.
using Key = std::pair<Time, int>;
using Heap = std::priority_queue<Key, std::vector<Key>, std::greater<Key>>;

static void fcfs(const Column &arrival, const Column &burst, Answer &answer) {
    Time now = 0;
    for (std::size_t job = 0; job < arrival.size(); job++) {
        if (now < arrival[job]) now = arrival[job];
        answer.ran(job, now, now + burst[job]);
        now += burst[job];
        answer.completion[job] = now;
    }
}

static void sjf(const Column &arrival, const Column &burst, Answer &answer) {
    Heap ready;
    Time now = 0;
    std::size_t coming = 0, jobs = arrival.size();
    while (coming < jobs || !ready.empty()) {
        if (ready.empty() && now < arrival[coming]) now = arrival[coming];
        for (; coming < jobs && arrival[coming] <= now; coming++)
            ready.push({burst[coming], int(coming)});
        auto [length, job] = ready.top();
        ready.pop();
        answer.ran(job, now, now + length);
        now += length;
        answer.completion[job] = now;
    }
}

// A job that is taken off the CPU goes back into the heap with what it has left.
static void srtf(const Column &arrival, const Column &burst, Answer &answer) {
    Heap ready;
    Time now = 0;
    std::size_t coming = 0, jobs = arrival.size();
    while (coming < jobs || !ready.empty()) {
        if (ready.empty() && now < arrival[coming]) now = arrival[coming];
        for (; coming < jobs && arrival[coming] <= now; coming++)
            ready.push({burst[coming], int(coming)});
        auto [left, job] = ready.top();
        ready.pop();
        Time start = now;
        while (true) {
            if (coming == jobs || arrival[coming] >= now + left) {
                now += left;
                answer.completion[job] = now;
                answer.ran(job, start, now);
                break;
            }
            left -= arrival[coming] - now;
            now = arrival[coming];
            for (; coming < jobs && arrival[coming] == now; coming++)
                ready.push({burst[coming], int(coming)});
            if (ready.top().first < left) {
                ready.push({left, job});
                answer.ran(job, start, now);
                break;
            }
        }
    }
}

static void rr(const Column &arrival, const Column &burst, Time quantum, Answer &answer) {
    Column left = burst;
    std::queue<int> ready;
    Time now = 0;
    std::size_t coming = 0, jobs = arrival.size();
    while (coming < jobs || !ready.empty()) {
        if (ready.empty() && now < arrival[coming]) now = arrival[coming];
        for (; coming < jobs && arrival[coming] <= now; coming++) ready.push(int(coming));
        int job = ready.front();
        ready.pop();
        Time run = left[job] < quantum ? left[job] : quantum;
        answer.ran(std::size_t(job), now, now + run);
        now += run;
        left[job] -= run;
        // Who comes in the tick in which the quantum expires is ahead of the job that had it.
        for (; coming < jobs && arrival[coming] <= now; coming++) ready.push(int(coming));
        if (left[job]) ready.push(job);
        else answer.completion[job] = now;
    }
}

static Answer run(const std::string &policy, const Column &arrival, const Column &burst,
                  Time quantum, bool trace) {
    Answer answer{trace, Column(arrival.size()), {}};
    if (trace) answer.trace.reserve(arrival.size());
    if (policy == "FCFS") fcfs(arrival, burst, answer);
    else if (policy == "SJF") sjf(arrival, burst, answer);
    else if (policy == "SRTF") srtf(arrival, burst, answer);
    else rr(arrival, burst, quantum, answer);
    for (std::size_t job = 0; job < arrival.size(); job++)
        answer.waiting += answer.completion[job] - arrival[job] - burst[job];
    return answer;
}

static Column read(std::size_t count) {
    Column column(count);
    if (std::fread(column.data(), sizeof(Time), count, stdin) != count) std::exit(1);
    return column;
}

static void write(const void *values, std::size_t count) {
    if (std::fwrite(values, sizeof(Time), count, stdout) != count) std::exit(1);
}

int main(int count, char **argument) {
    if (count != 5) return 2;
    std::string policy = argument[1];
    Time quantum = std::atoll(argument[2]);
    bool trace = argument[3][0] == '1';
    std::size_t jobs = std::size_t(read(1)[0]);
    Column arrival = read(jobs), burst = read(jobs);
    Answer answer{trace, {}, {}};
    Time best = INT64_MAX;
    for (int repeat = std::atoi(argument[4]); repeat > 0; repeat--) {
        auto start = std::chrono::steady_clock::now();
        Answer made = run(policy, arrival, burst, quantum, trace);
        auto spent = std::chrono::steady_clock::now() - start;
        Time nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(spent).count();
        if (nanoseconds < best) best = nanoseconds;
        answer = std::move(made);
    }
    Time slices = Time(answer.trace.size());
    write(&best, 1);
    write(&answer.waiting, 1);
    write(answer.completion.data(), jobs);
    write(&slices, 1);
    write(answer.trace.data(), 3 * answer.trace.size());
}
