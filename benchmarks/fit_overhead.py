"""What `fit` costs beside a bare PyTorch loop: a small MLP, the worst case, for its own work is least.

    python benchmarks/fit_overhead.py [--rounds 15] [--steps 400]

Loops take turns in one process on one thread, and the clock is the processor time of that process: other programs on the machine count little.
The figures are medians of paired ratios.
'bare' is the ten lines of every tutorial, with AdamW as it comes, no clipping, no average, no check, no history; 'fused' is the
same with AdamW(fused=True); 'by hand' does all that `fit` does (fused AdamW, one-cycle, clipping, moving average, a finite check and
a history) in plain code. Target: fit at most 5 % above bare."""
import argparse, copy, statistics, time
import torch
from torch import nn
from genmodels.nets import TimeMLP
from genmodels.denoise import Denoiser
from genmodels.path import ddpm_path
from genmodels.train import fit

p = argparse.ArgumentParser()
p.add_argument('--rounds', type=int, default=15)
p.add_argument('--steps', type=int, default=400)
p.add_argument('--batch-size', type=int, default=128)
a = p.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)
x = torch.randn(5000, 2)
start = Denoiser(TimeMLP(2), ddpm_path())


def bare(model, **kw):
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, **kw)
    for k in range(a.steps):
        loss = model.loss(x[torch.randint(len(x), (a.batch_size,))])
        opt.zero_grad()
        loss.backward()
        opt.step()


def by_hand(model):
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, 2e-3, total_steps=a.steps)
    average,history = [p.detach().clone() for p in model.parameters()],[]
    for k in range(a.steps):
        loss = model.loss(x[torch.randint(len(x), (a.batch_size,))])
        opt.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.)
        history.append(loss.item())
        if not (loss.isfinite() and norm.isfinite()): raise FloatingPointError(k)
        opt.step()
        schedule.step()
        torch._foreach_lerp_(average, [p.detach() for p in model.parameters()], 1 - min(0.999, (1+k)/(10+k)))


loops = {'fit': lambda m: fit(m, x, a.steps, batch_size=a.batch_size, progress=False), 'fit, bar': lambda m: fit(m, x, a.steps, batch_size=a.batch_size),
    'bare': bare, 'fused': lambda m: bare(m, fused=True), 'by hand': by_hand}
seconds = {name: [] for name in loops}
for r in range(a.rounds + 1):
    for name in list(loops)[::1 if r%2 else -1]:   # there and back, so that no loop always comes after the same other
        model = copy.deepcopy(start)
        begin = time.process_time()
        loops[name](model)
        if r: seconds[name].append(time.process_time() - begin)   # the first round warms up

for name,s in seconds.items(): print(f'{name:8}  {1e6*statistics.median(s)/a.steps:7.0f} us a step')
for mine in ('fit','fit, bar'):
    for other in ('bare','fused','by hand'):
        ratios = sorted(f/o for f,o in zip(seconds[mine], seconds[other]))
        print(f'{mine:8} / {other:8}  {statistics.median(ratios):.3f}   (middle half {ratios[len(ratios)//4]:.3f} to {ratios[-1-len(ratios)//4]:.3f})')
