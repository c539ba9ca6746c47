"""Images per second of one training step of our small U-Nets, against what this machine's convolutions can do at best.

    python benchmarks/train_step.py [--seconds 10] [--threads 2]

A step is the forward pass, the backward pass and AdamW. The ceiling is a 3x3 convolution, 128 to 128 channels at 32x32, forward only. All take turns,
so that other work on the machine slows them alike: compare ratios within one run, not figures of two."""
import argparse, time
from statistics import median
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from genmodels.nets import UNet

def ceiling(n=16):
    "The convolution whose speed is the yardstick"
    conv,x = nn.Conv2d(128, 128, 3, padding=1),torch.randn(n, 128, 32, 32)
    def step():
        with torch.no_grad(): conv(x)
    return step,n,''

def training(n, side, widths):
    "One step of a small U-Net that learns to predict noise"
    net = UNet(image_size=side, widths=widths)
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3)
    x0 = torch.randn(n, 1, side, side)
    def step():
        eps,t = torch.randn_like(x0),torch.rand(n)
        loss = F.mse_loss(net(x0 + t[:,None,None,None]*eps, t), eps)
        opt.zero_grad(); loss.backward(); opt.step()
    return step,n,f'{sum(p.numel() for p in net.parameters())/1e6:.2f} M parameters'

def flops(step):
    "Floating point operations of one step, two for each multiplication and addition"
    with FlopCounterMode(display=False) as counter: step()
    return counter.get_total_flops()

def measure(jobs, seconds, turns=5):
    "Median seconds of each job's step; each job gets `seconds`, in turns, and at least one step a turn"
    times = {name: [] for name in jobs}
    for turn in range(turns):
        for name,(step,*_) in jobs.items():
            end = time.perf_counter() + seconds/turns
            while (start := time.perf_counter()) < end:   # true at first, so every turn has a step
                step(); times[name].append(time.perf_counter() - start)
    return {name: median(t) for name,t in times.items()}

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--seconds', type=float, default=10, help='for each line of the table (default 10)')
    p.add_argument('--threads', type=int, default=torch.get_num_threads(), help="torch's threads (default: as torch finds them)")
    a = p.parse_args()
    if a.seconds <= 0 or a.threads < 1: p.error('--seconds must be above 0, --threads at least 1')
    torch.manual_seed(0); torch.set_num_threads(a.threads)
    jobs = {'conv3x3 128-128 32x32': ceiling(), 'U-Net 8x8 (32,64) batch 128': training(128, 8, (32,64)),
            'U-Net 32x32 (32,64,64) batch 64': training(64, 32, (32,64,64))}
    work = {name: flops(step) for name,(step,*_) in jobs.items()}
    took = measure(jobs, a.seconds)
    rate = {name: work[name]/took[name]/1e9 for name in jobs}
    best = next(iter(rate.values()))                          # the convolution's
    print(f'torch {torch.__version__}, {a.threads} threads')
    print(f'{"":32}{"images/s":>10}{"GFLOP/image":>13}{"GFLOP/s":>10}{"of ceiling":>12}')
    for name,(_,n,note) in jobs.items():
        print(f'{name:32}{n/took[name]:10.0f}{work[name]/n/1e9:13.3f}{rate[name]:10.0f}{rate[name]/best:12.0%}   {note}')

if __name__ == '__main__': main()
