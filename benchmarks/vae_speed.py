"""What the VAE class and `fit` cost beside a bare PyTorch loop, and what log_prob(x, k=5000) costs in memory.

    python benchmarks/vae_speed.py [--rounds 9] [--steps 300] [--threads 1]

The digits, the default MLP, batches of 128. 'bare' is the same model written by hand with the same kind of loss (squared error with the best
sd, analytic KL), AdamW as it comes, and nothing else: no checks, no clipping, no average, no schedule, no history. 'bare, fused' has
AdamW(fused=True), which is what `fit` uses. The loops take turns; ratios are medians over the rounds, of processor time, so that other programs
on the machine count little. Images/s are by the clock on the wall. The memory figure is the growth of a fresh process's peak (Linux only).
Target: fit at most 5 % above bare, and 20,000 images/s on two cores."""
import argparse, copy, math, statistics, subprocess, sys, time
import torch
from torch import nn
from genmodels.pictures import digits
from genmodels.train import fit
from genmodels.vae import VAE


class Bare(nn.Module):
    "The default VAE in the fewest lines"
    def __init__(self, d=64, h=16, width=256):
        super().__init__()
        net = lambda a, b: nn.Sequential(nn.Linear(a, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, b))
        self.enc,self.dec = net(d, 2*h),net(h, d)
    def loss(self, x):
        x = x.flatten(1)
        mu,log_sd = self.enc(x).chunk(2, 1)
        sd = log_sd.exp()
        err = (x - self.dec(mu + sd*torch.randn_like(sd))).square().sum()
        best = err.detach()/x.numel()
        lik = -.5*err/best - .5*x.numel()*(best.log() + math.log(2*math.pi))
        kl = .5*(mu.square() + sd.square() - 1 - 2*log_sd).sum()
        return (kl - lik)/len(x)


def bare(model, x, steps, batch_size, **kw):
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0, **kw)
    for _ in range(steps):
        loss = model.loss(x[torch.randint(len(x), (batch_size,))])
        opt.zero_grad()
        loss.backward()
        opt.step()


def peak(n, k):
    "Megabytes by which log_prob of n digits with k samples raises the peak of a fresh process"
    code = f'''import re, torch
from genmodels.pictures import digits
from genmodels.vae import VAE
torch.set_num_threads(1)
v,x = VAE(),digits()[:{n}]
v.log_prob(x[:2], 2)
mb = lambda what: int(re.search(what + r':\\s*(\\d+)', open('/proc/self/status').read())[1])/1024
open('/proc/self/clear_refs', 'w').write('5')      # Linux: forget the peak so far
before = mb('VmRSS'); v.log_prob(x, {k}); print(mb('VmHWM') - before)'''
    return float(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--rounds', type=int, default=9)
    p.add_argument('--steps', type=int, default=300)
    p.add_argument('--batch-size', type=int, default=128)
    p.add_argument('--threads', type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads); torch.manual_seed(0)
    x = digits()
    loops = {'fit': (VAE(), lambda m: fit(m, x, a.steps, batch_size=a.batch_size, progress=False)),
        'bare': (Bare(), lambda m: bare(m, x, a.steps, a.batch_size)), 'bare, fused': (Bare(), lambda m: bare(m, x, a.steps, a.batch_size, fused=True))}
    cpu,wall = {name: [] for name in loops},{name: [] for name in loops}
    for r in range(a.rounds + 1):
        for name in list(loops)[::1 if r%2 else -1]:          # there and back, so that no loop always comes after the same other
            start,run = loops[name]
            model,c,w = copy.deepcopy(start),time.process_time(),time.perf_counter()
            run(model)
            if r: cpu[name].append(time.process_time()-c); wall[name].append(time.perf_counter()-w)   # the first round warms up
    images = a.steps*a.batch_size
    print(f'torch {torch.__version__}, {a.threads} threads, {a.rounds} rounds of {a.steps} steps')
    for name in loops: print(f'{name:12} {images/statistics.median(wall[name]):8.0f} images/s (best {images/min(wall[name]):.0f}), {1e6*statistics.median(cpu[name])/a.steps:6.0f} us of processor time a step')
    for other in ('bare','bare, fused'):
        ratios = sorted(f/o for f,o in zip(cpu['fit'], cpu[other]))
        print(f'fit / {other:12} {statistics.median(ratios):.3f} (middle half {ratios[len(ratios)//4]:.3f} to {ratios[-1-len(ratios)//4]:.3f})')
    if sys.platform=='linux':
        for n,k in ((10,50), (10,5000), (500,5000)): print(f'log_prob of {n} digits, k={k}: peak grows by {peak(n, k):.0f} MB')


if __name__ == '__main__': main()
