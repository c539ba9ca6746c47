"""Images per second of our small U-Nets in training, against the best that convolutions do on this machine.

    python benchmarks/train_step.py [--rounds 7] [--threads 2]

A step is the forward pass, the backward pass and AdamW. The ceiling is a 3x3 convolution, 128 to 128
channels at 32x32, forward only."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from genmodels import UNet
from harness import begin, finish, medians, parser, ratio, take_turns


def ceiling(a, n=16):
    "The convolution whose speed is the yardstick: (step, images in it, a note)"
    conv,x = nn.Conv2d(128, 128, 3, padding=1).to(a.device),torch.randn(n, 128, 32, 32, device=a.device)
    def step():
        with torch.no_grad(): conv(x)
    return step,n,''


def training(a, n, side, widths):
    "A step of a small U-Net that learns to predict noise: (step, images in it, a note)"
    net = UNet(image_size=side, widths=widths).to(a.device)
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3)
    x0 = torch.randn(n, 1, side, side, device=a.device)
    def step():
        eps,t = torch.randn_like(x0),torch.rand(n, device=a.device)
        loss = F.mse_loss(net(x0 + t[:,None,None,None]*eps, t), eps)
        opt.zero_grad()
        loss.backward()
        opt.step()
    return step,n,f'{sum(p.numel() for p in net.parameters())/1e6:.2f} M parameters'


def flops(step):
    "Floating point operations of one step, two for each multiplication and addition"
    with FlopCounterMode(display=False) as counter: step()
    return counter.get_total_flops()


def main():
    a = parser(__doc__, rounds=7, threads=None).parse_args()
    begin(a)
    best = 'conv3x3 128-128 32x32'
    work = {best: ceiling(a), 'U-Net 8x8 (32,64) batch 128': training(a, 128, 8, (32,64)),
        'U-Net 32x32 (32,64,64) batch 64': training(a, 64, 32, (32,64,64))}
    operations = {name: flops(step) for name,(step,*_) in work.items()}
    def job(step): return lambda: step
    seconds = take_turns({name: job(step) for name,(step,*_) in work.items()}, a)
    print(f'{"":32}{"images/s":>10}{"GFLOP/image":>13}{"GFLOP/s":>10}{"of ceiling":>12}')
    shares = {}
    for name,s in medians(seconds).items():
        _,n,note = work[name]
        shares[name] = ratio(seconds, best, name)[0]*operations[name]/operations[best]
        gflop = operations[name]/1e9
        print(f'{name:32}{n/s:10.0f}{gflop/n:13.3f}{gflop/s:10.0f}{shares[name]:12.0%}   {note}')
    finish(a, seconds=medians(seconds), of_ceiling=shares)


if __name__ == '__main__': main()
