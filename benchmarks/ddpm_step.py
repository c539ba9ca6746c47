"""What one training step of DDPM() costs beside a bare PyTorch loop over the same network, 1x32x32, batch 8; and in bfloat16 autocast beside float32.

    python benchmarks/ddpm_step.py [--rounds 5] [--batch-size 8] [--threads 1] [--device cpu] [--no-bf16]

'fit' does all that `genmodels.fit` does: fused AdamW, one-cycle, clipping, a moving average, a finite check. 'bare' writes the loss out and steps with AdamW
as it comes, 'fused' with AdamW(fused=True). They take turns, one step each, so that other work on the machine slows them alike. Compare the ratios, medians of
rounds, not the seconds; the first round warms up and is thrown away. Targets: fit at most 10 % above bare; bfloat16 at least 1.7 times as fast as float32, which
needs a processor that multiplies in bfloat16 (AVX512-BF16, AMX, a GPU): on another it is many times slower, and `--no-bf16` leaves it out."""
import argparse, copy, statistics, time
import torch
import torch.nn.functional as F
from genmodels import DDPM
from genmodels.train import Run

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument('--rounds', type=int, default=5, help='rounds that count (default 5)')
p.add_argument('--batch-size', type=int, default=8)
p.add_argument('--threads', type=int, default=1, help="torch's threads (default 1: steady on a busy machine)")
p.add_argument('--device', default='cpu')
p.add_argument('--no-bf16', action='store_true', help='float32 only')
a = p.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(0)
x,start = 2*torch.rand(a.batch_size, 1, 32, 32, device=a.device) - 1,DDPM().to(a.device)
ab = (1 - torch.linspace(1e-4, .02, 1000, dtype=torch.float64)).cumprod(0).float().to(a.device)


def bare(**kw):
    net = copy.deepcopy(start.net).train()
    opt = torch.optim.AdamW(net.parameters(), lr=2e-4, **kw)
    def step():
        k,eps = torch.randint(1000, (len(x),), device=a.device),torch.randn_like(x)
        b = ab[k][:,None,None,None]
        loss = F.mse_loss(net(b.sqrt()*x + (1-b).sqrt()*eps, (k+1)/1000), eps)
        opt.zero_grad()
        loss.backward()
        opt.step()
        loss.item()
    return step


def ours(dtype=None):
    run = Run(copy.deepcopy(start), len(x), dict(steps=10**6, batch_size=a.batch_size, lr=2e-4, ema=.999, seed=0, schedule='one-cycle', warmup=0, clip=1., weight_decay=0., dtype=dtype))
    def step():
        run.step(x, lambda model, x: model.loss(x))
        run.look()
    return step


loops = {'fit': ours(), 'bare': bare(), 'fused': bare(fused=True)} | ({} if a.no_bf16 else {'fit, bf16': ours(torch.bfloat16)})
seconds = {name: [] for name in loops}
for r in range(a.rounds + 1):
    for name in list(loops)[::1 if r%2 else -1]:
        begin = time.perf_counter()
        loops[name]()
        if r: seconds[name].append(time.perf_counter() - begin)
print(f'torch {torch.__version__}, {a.device}, {a.threads} threads, batch {a.batch_size}')
for name,s in seconds.items(): print(f'{name:10} {statistics.median(s):7.3f} s a step')
for one,other in (('fit','bare'), ('fit','fused'), ('fit','fit, bf16')):
    if other in loops:
        ratios = sorted(f/o for f,o in zip(seconds[one], seconds[other]))
        print(f'{one} / {other:10} {statistics.median(ratios):6.3f}   ({ratios[0]:.3f} to {ratios[-1]:.3f})')
