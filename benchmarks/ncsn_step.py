"""What one training step of NCSN() costs beside a bare PyTorch loop over the same network: 3x32x32, batch 8.

    python benchmarks/ncsn_step.py [--rounds 5] [--batch-size 8]

'fit' does all that `genmodels.fit` does: fused AdamW, one-cycle, clipping, a moving average, a finite check. 'bare' writes the loss out and steps with AdamW
as it comes. They take turns, one step each, on one thread, and the clock is the processor time of this process: other programs on the machine count little.
Compare the ratio, a median of pairs, not the seconds. Target: at most 1.10."""
import argparse, copy, statistics, time
import torch
from genmodels import NCSN
from genmodels.train import Run

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument('--rounds', type=int, default=5)
p.add_argument('--batch-size', type=int, default=8)
a = p.parse_args()
torch.set_num_threads(1)
torch.manual_seed(0)
model = NCSN(sigma_max=20.)     # random images lie far apart, and the loss would say so
x,net = 2*torch.rand(a.batch_size, *model.shape) - 1,copy.deepcopy(model.net)
opt = torch.optim.AdamW(net.parameters(), lr=1e-3)
run = Run(model, len(x), dict(steps=10**6, batch_size=a.batch_size, lr=1e-3, ema=.999, seed=0, schedule='one-cycle', warmup=0, clip=1., weight_decay=0., dtype=None))


def bare():
    k = torch.randint(1, model.levels+1, (len(x),))
    sig,eps = net.sigmas[model.levels-k][:,None,None,None],torch.randn_like(x)
    loss = (sig**2*(net(x + sig*eps, k/model.levels) + eps/sig)**2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    loss.item()


def ours():
    run.step(x, lambda model, x: model.loss(x))
    run.look()


seconds = {'fit': [], 'bare': []}
for r in range(a.rounds + 1):
    for name,step in (('fit', ours),('bare', bare))[::1 if r%2 else -1]:
        begin = time.process_time()
        step()
        if r: seconds[name].append(time.process_time() - begin)      # the first round warms up
for name,s in seconds.items(): print(f'{name:5} {statistics.median(s):6.2f} s a step')
ratios = sorted(f/b for f,b in zip(*seconds.values()))
print(f'ratio {statistics.median(ratios):6.3f}   ({ratios[0]:.3f} to {ratios[-1]:.3f})')
