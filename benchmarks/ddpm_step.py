"""One training step of `DDPM()` at 32x32, against a bare PyTorch loop over the same net, and in bfloat16 autocast against float32.

    python benchmarks/ddpm_step.py [--rounds 5] [--batch-size 8] [--threads 2]

'fit' is `genmodels.fit` with all it does besides (moving average, clipping, a finite check, a history); 'bare' is noise, loss, backward and AdamW in
six lines, 'fused' the same with AdamW(fused=True). They take turns in one process, so that other work on the machine slows them alike: what counts is
the ratios, medians over the rounds. The first round warms up and is thrown away.
Targets: fit at most 10 % above bare; bfloat16 at least 1.7 times as fast as float32."""
import argparse, copy, statistics, time
import torch
import torch.nn.functional as F
from genmodels import DDPM, fit

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument('--rounds', type=int, default=5, help='rounds that count (default 5)')
p.add_argument('--steps', type=int, default=2, help='training steps a round (default 2)')
p.add_argument('--batch-size', type=int, default=8)
p.add_argument('--threads', type=int, default=torch.get_num_threads(), help="torch's threads (default: as torch finds them)")
a = p.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(0)
x = torch.rand(64, 1, 32, 32)*2 - 1
start = DDPM()
ab = (1 - torch.linspace(1e-4, .02, 1000, dtype=torch.float64)).cumprod(0).float()


def bare(model, dtype=None, **kw):
    opt = torch.optim.AdamW(model.parameters(), lr=2e-4, **kw)
    model.train()
    for _ in range(a.steps):
        x0,k = x[torch.randint(len(x), (a.batch_size,))],torch.randint(1000, (a.batch_size,))
        eps,b = torch.randn_like(x0),ab[k].reshape(-1, 1, 1, 1)
        with torch.autocast('cpu', torch.bfloat16, enabled=dtype is not None): loss = F.mse_loss(model.net(b.sqrt()*x0 + (1-b).sqrt()*eps, (k+1)/1000).float(), eps)
        opt.zero_grad()
        loss.backward()
        opt.step()


def ours(model, **kw): fit(model, x, a.steps, batch_size=a.batch_size, lr=2e-4, progress=False, **kw)

loops = {'fit': ours, 'bare': bare, 'fused': lambda m: bare(m, fused=True), 'fit, bf16': lambda m: ours(m, dtype=torch.bfloat16), 'bare, bf16': lambda m: bare(m, torch.bfloat16)}
seconds = {name: [] for name in loops}
for r in range(a.rounds + 1):
    for name in list(loops)[::1 if r%2 else -1]:
        model = copy.deepcopy(start)
        begin = time.perf_counter()
        loops[name](model)
        if r: seconds[name].append((time.perf_counter() - begin)/a.steps)

print(f'torch {torch.__version__}, {a.threads} threads, batch {a.batch_size}')
for name,s in seconds.items(): print(f'{name:11} {statistics.median(s):7.3f} s a step')
for one,other in (('fit','bare'), ('fit','fused'), ('fit','fit, bf16'), ('bare','bare, bf16')):
    print(f'{one:>4} / {other:11} {statistics.median(f/o for f,o in zip(seconds[one], seconds[other])):6.3f}')
