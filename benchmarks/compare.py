"""Our U-Net beside those of diffusers and denoising-diffusion-pytorch: a step, and time to legible digits.

    pip install genmodels[bench]
    python benchmarks/compare.py [--rounds 7] [--threads 1] [--legible]

A step is forward, squared error, backward and AdamW, the same for all, on nets of about equal weights; `bf16`
is autocast, `auto` the precision that `fit` chooses here. With --legible, two trainings on 28x28 digits take
turns, ours with the laptop preset, theirs with its own classes and defaults but for the learning rate (1e-3
in place of 1e-4), and each is drawn from now and then with 50 DDIM steps: how long until half of the digits
can be read?"""
import time
import torch
import torch.nn.functional as F
from denoising_diffusion_pytorch import GaussianDiffusion, Unet
from diffusers import UNet2DModel
from ema_pytorch import EMA
from genmodels import UNet, fit, legibility, mnist
from genmodels.experiment import draw, preset
from genmodels.train import chosen_dtype
from harness import begin, finish, medians, parser, ratio, take_turns

SIZES = {8: 128, 28: 64, 32: 64}      # side, and images in a batch


def ours(side):
    "A U-Net of ours with two stages for small images, else three"
    if side == 8: return UNet(1, 8, widths=(32,64), blocks=1, attn=(4,), dropout=0.)
    return UNet(1, side, widths=(32,64,64), blocks=1, attn=(side//4,), dropout=0.)


class Diffusers(torch.nn.Module):
    "diffusers' U-Net with as many stages and channels, a block in each, attention at the same side"
    def __init__(self, side):
        super().__init__()
        widths = (32,64) if side == 8 else (32,64,64)
        plain = len(widths) - 1
        self.net = UNet2DModel(sample_size=side, in_channels=1, out_channels=1, block_out_channels=widths,
            layers_per_block=1, norm_num_groups=8, attention_head_dim=None,
            down_block_types=('DownBlock2D',)*plain + ('AttnDownBlock2D',),
            up_block_types=('AttnUpBlock2D',) + ('UpBlock2D',)*plain)
    def forward(self, x, t): return self.net(x, 1000*t).sample


class Lucidrains(torch.nn.Module):
    "denoising-diffusion-pytorch's U-Net, with its own blocks and attention"
    def __init__(self, side):
        super().__init__()
        self.net = Unet(dim=32, dim_mults=(1,2) if side == 8 else (1,2,2), channels=1)
    def forward(self, x, t): return self.net(x, 1000*t)


MAKERS = {'genmodels': ours, 'diffusers': Diffusers, 'denoising-diffusion-pytorch': Lucidrains}


def weights(net): return sum(p.numel() for p in net.parameters())


def job(net, side, n, dtype, device, steps=4):
    "Some training steps, to be timed"
    torch.manual_seed(0)
    net.to(device)
    opt = torch.optim.AdamW(net.parameters(), lr=1e-4)
    x,t = torch.randn(n, 1, side, side, device=device),torch.rand(n, device=device)
    def run():
        for _ in range(steps):
            with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=dtype is not None):
                loss = F.mse_loss(net(x, t).float(), x)
            opt.zero_grad()
            loss.backward()
            opt.step()
    return lambda: run


def time_steps(a, side, n):
    "Images per second of each net at one size, and our gain over the others"
    chosen = chosen_dtype('auto', torch.device(a.device))
    nets = {name: make(side) for name,make in MAKERS.items()}
    jobs = {f'{name} {word}': job(make(side), side, n, dtype, a.device)
            for name,make in MAKERS.items() for word,dtype in (('float32',None),('bf16',torch.bfloat16))
            if dtype is None or chosen is not None}
    seconds = take_turns(jobs, a)
    print(f'\n{side}x{side}, batch {n}' + ''.join(f'; {k} {weights(v)/1e6:.2f} M' for k,v in nets.items()))
    for name,s in medians(seconds, 4).items(): print(f'  {name:36}{n/s:10.0f} images/s')
    auto = 'genmodels bf16' if chosen else 'genmodels float32'
    pairs = {(theirs,mine): ratio(seconds, theirs, mine) for theirs in jobs if not theirs.startswith('genm')
             for mine in dict.fromkeys(('genmodels float32',auto))}
    for (theirs,mine),(middle,low,high) in pairs.items():
        print(f'  {mine} is {middle:.2f} times as fast as {theirs} ({low:.2f} to {high:.2f})')
    return {f'{mine} / {theirs}': r for (theirs,mine),r in pairs.items()}


def our_time(a, goal, x):
    "Seconds of the shortest whole training, of a growing number of steps, whose digits are legible enough"
    for steps in (100,150,200,250,300,400,500,700,1000):
        model,settings = preset('ddpm', (1,28,28), seed=0)
        history = fit(model.to(a.device), x, **settings | dict(steps=steps), seed=0, progress=False)
        share,_ = legibility(draw(model, 256, steps=50, dtype=settings['dtype']).cpu())
        print(f'  ours: {steps} steps, {history.seconds:.0f} s: {share:.2f}', flush=True)
        if share >= goal: return history.seconds
    return float('nan')


def their_steps(model, opt, ema, x, steps):
    "Train as their Trainer does; seconds"
    begun = time.perf_counter()
    for _ in range(steps):
        batch = x[torch.randint(len(x), (64,))]
        loss = model((batch.to(next(model.parameters())) + 1)/2)     # it scales its images itself
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.)
        opt.step()
        ema.update()
    return time.perf_counter() - begun


def their_time(a, goal, x, most=3600.):
    "Seconds of training of denoising-diffusion-pytorch until its average's digits are legible enough"
    torch.manual_seed(0)
    net = Unet(dim=32, dim_mults=(1,2,2), channels=1)
    model = GaussianDiffusion(net, image_size=28, sampling_timesteps=50, beta_schedule='cosine').to(a.device)
    opt = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(.9,.99))
    ema = EMA(model, beta=.995, update_every=10)
    seconds,steps,share = 0.,0,0.
    while share < goal and seconds < most:
        seconds,steps = seconds + their_steps(model, opt, ema, x, 50),steps + 50
        with torch.no_grad(): drawn = 2*ema.ema_model.sample(batch_size=256) - 1
        share,_ = legibility(drawn.cpu().clamp(-1, 1))
        print(f'  theirs, {weights(net)/1e6:.2f} M: {steps} steps, {seconds:.0f} s: {share:.2f}', flush=True)
    return seconds if share >= goal else float('nan')


def main():
    p = parser(__doc__, rounds=7)
    p.add_argument('--legible', action='store_true', help='the time to legible digits, too (half an hour)')
    p.add_argument('--goal', type=float, default=.5, help='share of digits that can be read (default .5)')
    a = p.parse_args()
    begin(a)
    figures = {side: time_steps(a, side, n) for side,n in SIZES.items()}
    if a.legible:
        x = mnist()
        print(f'\ntime until {a.goal:.0%} of 256 digits can be read')
        mine,theirs = our_time(a, a.goal, x),their_time(a, a.goal, x)
        print(f'  {mine:.0f} s against {theirs:.0f} s: {theirs/mine:.1f} times as fast')
        figures['legible'] = dict(ours=mine, theirs=theirs)
    finish(a, **{str(k): v for k,v in figures.items()})


if __name__ == '__main__': main()
