"""Which small U-Net draws the most legible 28x28 digits after a few minutes on one core?

    python benchmarks/search.py [--seconds 200] [--only f16 p2-b64]

Each setting is trained for the same time on one thread, in the precision that `fit` chooses, and drawn from
with 50 DDIM steps. `grid` is the power at the highest frequency, where folded pixels leave a checkerboard, in
units of that of real digits. Run it on a quiet machine, and one at a time: the time is what is compared."""
import argparse
import torch
from genmodels import DDPM, UNet, cosine_path, ddpm_path, edm_weight, fit, mnist, stable_loss
from genmodels.experiment import compare, draw

FOLDED,PLAIN = dict(widths=(32,64), patch=2),dict(widths=(16,32,64))
SETTINGS = {           # net, then what differs from the defaults below
    'p2-b128': (FOLDED, dict(batch_size=128)),
    'p2-b64': (FOLDED, {}),
    'p2-b32': (FOLDED, dict(batch_size=32)),
    'p2-lr6e-3': (FOLDED, dict(lr=6e-3)),
    'p2-stable': (FOLDED, dict(stable=True)),
    'p2-edm': (FOLDED, dict(weight=edm_weight(.5, 'v'))),
    'p2-linear': (FOLDED, dict(path=ddpm_path(1000))),
    'p2-wide': (dict(widths=(64,128), patch=2), {}),
    'p2-attention': (FOLDED | dict(attn=(14,7)), {}),
    'f16': (PLAIN, {}),
    'f16-b32': (PLAIN, dict(batch_size=32)),
    'f8': (dict(widths=(8,32,64)), {}),
    'f32': (dict(widths=(32,64,64)), dict(batch_size=32))}


def grid(x):
    "Power at the highest frequency across and along"
    power = torch.fft.fft2(x).abs().square().mean((0,1))
    return (power[14,:].mean() + power[:,14].mean()).item()


def trained(net, seconds, batch_size=64, lr=3e-3, path=None, weight=None, stable=False):
    "A model that was trained for about so long, and its history"
    x = mnist()
    torch.manual_seed(0)
    net = UNet(1, 28, **dict(blocks=1, attn=(7,), dropout=0.) | net)
    model = DDPM(1, 28, net=net, path=path or cosine_path(1000), target='v', weight=weight)
    how = dict(batch_size=batch_size, dtype='auto', loss=stable_loss(x) if stable else None, progress=False)
    start = {name: p.clone() for name,p in model.state_dict().items()}
    fit(model, x, 5, lr=1e-9, **how)
    steps = int(20*seconds/fit(model, x, 20, lr=1e-9, **how).seconds)
    model.load_state_dict(start)
    model.ema = None
    return model,fit(model, x, steps, lr=lr, **how)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--seconds', type=float, default=200, help='of training (default 200)')
    p.add_argument('--only', nargs='*', choices=list(SETTINGS), default=list(SETTINGS))
    a = p.parse_args()
    torch.set_num_threads(1)
    test = mnist('test')
    head = dict(weights=9, steps=7, seconds=9, legible=9, frechet=9, recall=8, grid=6)
    print(' '*14 + ''.join(f'{name:>{width}}' for name,width in head.items()))
    for name in a.only:
        net,settings = SETTINGS[name]
        model,h = trained(net, a.seconds, **settings)
        x = draw(model, 512, steps=50, dtype='auto')
        s,weights = compare(x, test),sum(w.numel() for w in model.parameters())
        print(f'{name:14}{weights:9,}{len(h.loss):7}{h.seconds:9.0f}{s["legible"]:9.3f}{s["frechet"]:9.2f}'
              f'{s["recall"]:8.2f}{grid(x)/grid(test):6.1f}', flush=True)


if __name__ == '__main__': main()
