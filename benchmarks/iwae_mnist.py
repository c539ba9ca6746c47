"""Table 1 of Burda et al. (2016): the likelihood of a VAE trained with 1, 5 and 50 importance samples.

    python benchmarks/iwae_mnist.py --data PATH [--k 1 5 50] [--epochs 3280] [--out iwae] [--test 10000]

One stochastic layer, 784-200-200-50, tanh, dynamically binarised images. PATH is an .npz with x_train and
x_test, or a folder with the IDX files of MNIST or a look-alike, gzipped or not. The paper trains in
stages of 3^i passes with a learning rate of 1e-3 * 10^(-i/7), i = 0..7, 3280 passes in all, batches of
20; another budget divides its passes in the same proportions. Every pass, every batch draws its black and
white pixels anew. Ctrl-C at any time: the same command goes on where it stopped. At the end each model's
negative log-likelihood is estimated with 5000 importance samples, in nats an image. The paper's figures
for MNIST (VAE, then IWAE): 86.76 (k=1), 85.54 (k=5), 84.78 (k=50).
Where we differ: PyTorch's initial weights, Adam's eps of 1e-8 for 1e-4, and Adam's memory begins anew
with each stage. Measured on Fashion-MNIST with `--epochs 0.5 --test 100` (1500 steps a model, a few
minutes): 289.25, 284.84 and 277.75 nats for k = 1, 5, 50; standard error 7.6, nearly all of it the
images', which are the same for all three. An interrupted run was taken up again with the same command."""
import argparse, sys, time
from pathlib import Path
import torch
from torch import nn
from genmodels.folders import images
from genmodels.estimators import iwae_bound
from genmodels.elbo import log_weights
from genmodels.blocks import MLP
from genmodels.train import fit
from genmodels.vae import VAE
from harness import positive

STAGES,PASSES = 8,3280                                  # 1 + 3 + ... + 3^7 passes


def model():
    "One stochastic layer of 50 units, two deterministic ones of 200 on either side"
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), MLP(784, 100, (200,200), nn.Tanh))
    decoder = nn.Sequential(MLP(50, 784, (200,200), nn.Tanh), nn.Unflatten(1, (1,28,28)))
    return VAE((1,28,28), 50, encoder, decoder, likelihood='bernoulli')


def binarise(x, generator=None):
    "Black or white, with the grey value for probability"
    return 2*torch.bernoulli((x+1)/2, generator=generator) - 1


def objective(k):
    "Minus the bound with k samples, on freshly binarised images"
    if k==1: return lambda vae, x: vae.loss(binarise(x))
    def loss(vae, x):
        log_joint = lambda x, z: vae.log_lik(x, z) + vae.log_prior(z)
        x = binarise(x)
        return -iwae_bound(log_weights(log_joint, x, *vae.encode(x), k)).mean()
    return loss


def stages(steps):
    "(steps, learning rate) of each stage: 3^i parts of 3280, none empty"
    ends = [round(steps*(3**(i+1)-1)/2/PASSES) for i in range(STAGES)]
    return [(b-a, 1e-3*10**(-i/7)) for i,(a,b) in enumerate(zip([0,*ends], ends)) if b > a]


def train(k, x, epochs, batch_size, out, progress):
    "Train, or go on training; the model and the seconds it took"
    vae,seconds = model(),0.
    for i,(steps,lr) in enumerate(stages(max(1, round(epochs*len(x)/batch_size)))):
        history = fit(vae, x, steps, batch_size=batch_size, lr=lr, ema=None, clip=None, schedule='constant',
            seed=i, loss=objective(k), progress=progress, out=out/f'k{k}'/f'stage{i}', save_every=5000,
            resume=True)
        seconds += history.seconds
    return vae,seconds


def parser():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--data', required=True, metavar='PATH', help='.npz, or a folder of IDX files')
    p.add_argument('--k', type=positive, nargs='+', default=[1,5,50], help='samples in training (1 5 50)')
    p.add_argument('--epochs', type=float, default=PASSES, help=f'passes over the images (default {PASSES})')
    p.add_argument('--batch-size', type=positive, default=20)
    p.add_argument('--test', type=positive, default=10_000, metavar='N', help='held-out images (10000)')
    p.add_argument('--samples', type=positive, default=5000, metavar='K', help='samples in a score (5000)')
    p.add_argument('--out', default='iwae', metavar='DIR', help='checkpoints (default iwae)')
    p.add_argument('--quiet', action='store_true', help='no bars')
    return p


def read(p, a):
    "Training images, and held-out ones already black and white"
    if a.epochs <= 0: p.error('expected epochs above 0')
    try: x,held_out = images(a.data),images(a.data, 'test')[:a.test]
    except (ValueError, OSError) as e: p.error(str(e))
    shape = tuple(x.shape[1:])
    if shape != (1,28,28): p.error(f'expected grey images of 28x28, got {shape} in {a.data}')
    return x,binarise(held_out, torch.Generator().manual_seed(0))


def score(vae, held_out, a):
    "Negative log-likelihood of the held-out images, in words"
    begin = time.perf_counter()
    nats = -vae.log_prob(held_out, a.samples, torch.Generator().manual_seed(0), chunk=500)
    error = nats.std()/len(nats)**.5
    return f'NLL {nats.mean():8.2f} +- {error:.2f}   scored in {time.perf_counter() - begin:.0f} s'


def main():
    p = parser()
    a = p.parse_args()
    x,held_out = read(p, a)
    print(f'{len(x)} images, {a.epochs:g} passes, {len(held_out)} held out;',
        f'NLL in nats an image with {a.samples} importance samples', flush=True)
    for k in a.k:
        try: vae,seconds = train(k, x, a.epochs, a.batch_size, Path(a.out), not a.quiet)
        except KeyboardInterrupt: sys.exit('stopped: the same command goes on from here')
        except ValueError as e: sys.exit(str(e))
        print(f'k={k:<3} {score(vae, held_out, a)}, trained in {seconds:.0f} s', flush=True)


if __name__ == '__main__': main()
