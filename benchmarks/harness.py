"""What the timing benchmarks share: jobs that take turns, medians and ratios, a line about the machine,
JSON.

A job is a function that gets ready and returns the function to be timed. The first round warms up and is
not counted; after it the jobs take turns, there and back, so that other work on the machine slows them
alike. Seconds depend on the machine and its mood: compare ratios, medians of the rounds, of one run. On
one thread the clock is the processor time of this process, to which other programs add little; else it is
the clock on the wall."""
import argparse, json, os, statistics, sys, time
from pathlib import Path
import torch
from genmodels.recipes import processor


def parser(doc, rounds, threads=1):
    "The options that every timing benchmark has; `threads=None`: as torch finds them"
    p = argparse.ArgumentParser(description=doc.splitlines()[0])
    p.add_argument('--rounds', type=positive, default=rounds, help=f'rounds that count (default {rounds})')
    p.add_argument('--threads', type=positive, default=threads or torch.get_num_threads(), help='of torch')
    p.add_argument('--device', default='cpu', help='where to compute (default cpu)')
    p.add_argument('--json', type=Path, metavar='FILE', help='write the figures here too')
    return p


def positive(word):
    "A whole number, 1 or more, from the command line"
    if word.isdecimal() and int(word) > 0: return int(word)
    raise argparse.ArgumentTypeError(f'expected a whole number, 1 or more, got {word!r}')


def begin(a):
    "Set threads and seed, and say on what machine the figures were measured"
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    device = processor() if a.device == 'cpu' else torch.cuda.get_device_name(a.device)
    a.machine = f'{device}, {os.cpu_count()} cores, {a.threads} threads; torch {torch.__version__}'
    print(a.machine, flush=True)


def now(a):
    "The clock that suits the run, once the device has finished"
    if a.device != 'cpu': torch.cuda.synchronize(a.device)
    return time.process_time() if a.device == 'cpu' and a.threads == 1 else time.perf_counter()


def take_turns(jobs, a, clock=now):
    "Seconds of each job, a list with a number for each round"
    seconds = {name: [] for name in jobs}
    for r in range(a.rounds + 1):
        for name in list(jobs)[::1 if r%2 else -1]:
            timed = jobs[name]()
            start = clock(a)
            timed()
            took = clock(a) - start
            if r: seconds[name].append(took)
    return seconds


def medians(seconds, per=1):
    "Median seconds of each job, for one of the `per` steps it makes"
    return {name: statistics.median(s)/per for name,s in seconds.items()}


def ratio(seconds, one, other):
    "How much longer `one` takes than `other`, round by round: median, lower and upper quartile"
    ratios = sorted(a/b for a,b in zip(seconds[one], seconds[other]))
    n = len(ratios)
    return statistics.median(ratios),ratios[n//4],ratios[-1 - n//4]


def report(seconds, pairs, per=1, unit='step'):
    "Print medians and ratios; what to write down of them"
    times = medians(seconds, per)
    for name,s in times.items(): print(f'{name:12} {1e3*s:10.3f} ms a {unit}')
    ratios = {f'{one} / {other}': ratio(seconds, one, other) for one,other in pairs}
    for name,(middle,low,high) in ratios.items():
        print(f'{name:24} {middle:7.3f}   (middle half {low:.3f} to {high:.3f})')
    return dict(seconds=times, ratios=ratios)


def finish(a, **figures):
    "Write the figures down, where that is asked for"
    if not a.json: return
    about = dict(benchmark=Path(sys.argv[0]).stem, machine=a.machine, rounds=a.rounds)
    a.json.parent.mkdir(parents=True, exist_ok=True)
    a.json.write_text(json.dumps(about | figures, indent=1) + '\n')


def bare(model, loss, steps, lr, **adamw):
    "The loop of every tutorial: AdamW as it comes; no clipping, average, schedule, checks or history"
    opt = torch.optim.AdamW(model.parameters(), lr=lr, **adamw)
    for _ in range(steps):
        value = loss(model)
        opt.zero_grad()
        value.backward()
        opt.step()
