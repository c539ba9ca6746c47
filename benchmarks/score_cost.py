"""Seconds of one training step of the four score matching losses, against the dimension: loss and gradients, the same network for all.

    python benchmarks/score_cost.py [--dims 2 16 64 256] [--seconds 1] [--threads 1]

A plain regression of the same network is the yardstick; all take turns, so that other work on the machine slows them alike: compare ratios within one
run. The implicit loss needs a backward pass a dimension, and is left out where a single step would take over ten seconds."""
import argparse, time
from functools import partial
from statistics import median
import torch
from genmodels.nets import MLP
from genmodels.score import denoising_loss, explicit_loss, implicit_loss, sliced_loss

LOSSES = dict(
    regression = lambda s, x: explicit_loss(s, x, -x),       # the explicit loss, with a score that costs nothing
    denoising  = partial(denoising_loss, sig=.5),
    sliced     = sliced_loss,
    unreduced  = partial(sliced_loss, reduced=False),
    implicit   = implicit_loss)

def step(loss, net, x):
    "Seconds of one loss with its gradients"
    start = time.perf_counter()
    net.zero_grad()
    loss(net, x).mean().backward()
    return time.perf_counter() - start

def measure(d, seconds, batch_size, width):
    "Median seconds of each loss at dimension d, in turns"
    net,x = MLP(d, d, (width,width)),torch.randn(batch_size, d)
    took,first = {},{name: step(loss, net, x) for name,loss in LOSSES.items() if name!='implicit'}
    if d*first['sliced'] < 10: first['implicit'] = step(implicit_loss, net, x)
    end = time.perf_counter() + seconds*len(first)
    took = {name: [] for name in first}
    while time.perf_counter() < end or not took[next(iter(took))]:
        for name in first: took[name].append(step(LOSSES[name], net, x))
    return {name: median(t) for name,t in took.items()}

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--dims', type=int, nargs='+', default=[2,16,64,256], help='dimensions of the data (default 2 16 64 256)')
    p.add_argument('--seconds', type=float, default=1, help='for each number of the table (default 1)')
    p.add_argument('--batch-size', type=int, default=64)
    p.add_argument('--width', type=int, default=128, help="of the network's two hidden layers (default 128)")
    p.add_argument('--threads', type=int, default=1, help="torch's threads (default 1)")
    a = p.parse_args()
    if a.seconds <= 0 or min(a.dims) < 1 or a.threads < 1 or a.batch_size < 1: p.error('--seconds must be above 0, --dims, --threads and --batch-size at least 1')
    torch.manual_seed(0); torch.set_num_threads(a.threads)
    print(f'torch {torch.__version__}, {a.threads} threads, batch {a.batch_size}; ms a step (times the regression)')
    print(f'{"d":>5}' + ''.join(f'{name:>20}' for name in LOSSES))
    for d in a.dims:
        t = measure(d, a.seconds, a.batch_size, a.width)
        print(f'{d:5}' + ''.join(f'{1000*t[n]:11.2f} ({t[n]/t["regression"]:5.1f}x)' if n in t else f'{"-":>20}' for n in LOSSES))

if __name__ == '__main__': main()
