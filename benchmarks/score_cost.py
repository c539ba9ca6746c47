"""What a training step of the four score matching losses costs, against the dimension: loss and gradients.

    python benchmarks/score_cost.py [--dims 2 16 64 256] [--rounds 50] [--threads 1]

The same network for all; a plain regression of it is the yardstick. The implicit loss needs a backward
pass per dimension, and is left out where a single step would take over ten seconds."""
from functools import partial
import torch
from genmodels.blocks import MLP
from genmodels.score import denoising_loss, explicit_loss, implicit_loss, sliced_loss
from harness import begin, finish, medians, now, parser, positive, ratio, take_turns


def regression(s, x): return explicit_loss(s, x, -x)      # a true score that costs nothing


LOSSES = dict(regression=regression, denoising=partial(denoising_loss, sig=.5), sliced=sliced_loss,
    unreduced=partial(sliced_loss, reduced=False), implicit=implicit_loss)


def step(loss, net, x):
    net.zero_grad()
    loss(net, x).mean().backward()


def seconds_at(d, a):
    "Seconds of each loss at dimension `d`, in turns"
    net = MLP(d, d, (a.width,a.width)).to(a.device)
    x = torch.randn(a.batch_size, d, device=a.device)
    def job(loss): return lambda: lambda: step(loss, net, x)
    jobs = {name: job(loss) for name,loss in LOSSES.items()}
    start = now(a)
    step(sliced_loss, net, x)
    if d*(now(a) - start) > 10: del jobs['implicit']
    return take_turns(jobs, a)


def row(d, seconds):
    "A line of the table, and its ratios"
    ratios = {name: ratio(seconds, name, 'regression') for name in seconds}
    times = medians(seconds)
    cells = [f'{1e3*times[n]:11.2f} ({ratios[n][0]:5.1f}x)' if n in times else f'{"-":>20}' for n in LOSSES]
    print(f'{d:5}' + ''.join(cells), flush=True)
    return dict(seconds=times, ratios=ratios)


def main():
    p = parser(__doc__, rounds=50)
    p.add_argument('--dims', type=positive, nargs='+', default=[2,16,64,256], help='default 2 16 64 256')
    p.add_argument('--batch-size', type=positive, default=64)
    p.add_argument('--width', type=positive, default=128, help='of the two hidden layers (default 128)')
    a = p.parse_args()
    begin(a)
    print(f'batch {a.batch_size}; ms a step (times the regression)')
    print(f'{"d":>5}' + ''.join(f'{name:>20}' for name in LOSSES))
    finish(a, dims={d: row(d, seconds_at(d, a)) for d in a.dims})


if __name__ == '__main__': main()
