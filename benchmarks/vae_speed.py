"""What VAE and `fit` cost beside a bare PyTorch loop, and what log_prob(x, k=5000) costs in memory.

    python benchmarks/vae_speed.py [--rounds 9] [--steps 300] [--threads 1]

The digits, the default MLP, batches of 128. 'bare' is the same model written by hand with the same kind
of loss (squared error with the best sd, analytic KL) in the loop of every tutorial: no checks, no
clipping, no average, no schedule, no history. 'fused' has AdamW(fused=True), which is what `fit` uses.
The memory figure is the growth of a fresh process's peak (Linux only).
Target: fit at most 5 % above bare, and 20,000 images/s on two cores."""
import copy, math, subprocess, sys
import torch
from torch import nn
from genmodels import VAE, digits, fit
from harness import bare, begin, finish, parser, report, take_turns


class Bare(nn.Module):
    "The default VAE in the fewest lines"
    def __init__(self, d=64, h=16, width=256):
        super().__init__()
        def net(a, b):
            layers = nn.Linear(a, width),nn.SiLU(),nn.Linear(width, width),nn.SiLU(),nn.Linear(width, b)
            return nn.Sequential(*layers)
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


PEAK = r'''
import re, sys, torch
from genmodels import VAE, digits
n,k = map(int, sys.argv[1:])
def mb(what): return int(re.search(what + r':\s*(\d+)', open('/proc/self/status').read())[1])/1024
torch.set_num_threads(1)
vae,x = VAE(),digits()[:n]
vae.log_prob(x[:2], 2)
open('/proc/self/clear_refs', 'w').write('5')      # Linux: forget the peak so far
before = mb('VmRSS')
vae.log_prob(x, k)
print(mb('VmHWM') - before)'''


def peak(n, k):
    "Megabytes by which log_prob of n digits with k samples raises the peak of a fresh process"
    cmd = [sys.executable, '-c', PEAK, str(n), str(k)]
    return float(subprocess.run(cmd, capture_output=True, text=True, check=True).stdout)


def speed(a):
    "Time the loops, and print images a second"
    x,vae,small = digits().to(a.device),VAE().to(a.device),Bare().to(a.device)
    def batch_loss(model): return model.loss(x[torch.randint(len(x), (a.batch_size,))])
    def ours():
        model = copy.deepcopy(vae)
        return lambda: fit(model, x, a.steps, batch_size=a.batch_size, progress=False)
    def theirs(**adamw):
        model = copy.deepcopy(small)
        return lambda: bare(model, batch_loss, a.steps, lr=2e-3, weight_decay=0, **adamw)
    jobs = {'fit': ours, 'bare': theirs, 'fused': lambda: theirs(fused=True)}
    figures = report(take_turns(jobs, a), [('fit','bare'), ('fit','fused')], per=a.steps)
    for name,s in figures['seconds'].items(): print(f'{name:12} {a.batch_size/s:10.0f} images/s')
    return figures


def main():
    p = parser(__doc__, rounds=9)
    p.add_argument('--steps', type=int, default=300, help='of each loop (default 300)')
    p.add_argument('--batch-size', type=int, default=128)
    a = p.parse_args()
    begin(a)
    figures = speed(a)
    sizes = ((10,50), (10,5000), (500,5000)) if sys.platform=='linux' else ()
    growth = {f'{n} digits, k={k}': peak(n, k) for n,k in sizes}
    for name,megabytes in growth.items(): print(f'log_prob of {name}: peak grows by {megabytes:.0f} MB')
    finish(a, **figures, log_prob_megabytes=growth)


if __name__ == '__main__': main()
