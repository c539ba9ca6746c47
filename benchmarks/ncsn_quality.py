"""How good the digits of `genmodels run`'s NCSN are, and how long they take.

    python benchmarks/ncsn_quality.py [--steps N] [--seed 0] [--threads 2]

Trains the preset (its ladder is that of `suggest_sigmas`, ended where the digits' grey levels end), draws as many digits as there are to train on, and prints
the Frechet distance to the 500 held-out ones, beside the floor: that of the training digits. Targets on two cores: training within 3 minutes, a distance of at
most 1.6 times the floor, 64 digits in at most 10 seconds, 1297 in at most 60. The seconds mean something on an idle machine only."""
import argparse, time
import torch
from genmodels import consistent_sample, digit_net, digits, fit, frechet, precision_recall
from genmodels.cli import preset

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument('--steps', type=int, help="training steps (default: the preset's)")
p.add_argument('--seed', type=int, default=0)
p.add_argument('--threads', type=int, default=2)
a = p.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(a.seed)
train,test = digits(),digits('test')
(model,settings),features = preset('ncsn'),digit_net()
history = fit(model, train, **settings | (dict(steps=a.steps) if a.steps else {}), seed=a.seed, progress=False)
print(f'{a.threads} threads; training: {history}')
floor = frechet(train, test, features=features)


def report(name, draw, n=len(train)):
    begin = time.perf_counter()
    x = draw(n, torch.Generator().manual_seed(a.seed))
    seconds,d = time.perf_counter() - begin,frechet(x, test, features=features)
    precision,recall = precision_recall(test, x, features=features)
    print(f'{name:34} {n:5} digits in {seconds:6.1f} s   Frechet {d:6.3f} = {d/floor:5.2f} x floor   precision {precision:.3f}   recall {recall:.3f}', flush=True)


print(f'training digits: Frechet {floor:.3f}')
sample = lambda n, g: model.sample(n, generator=g)
report(f'Langevin, {model.levels} levels, T={model.n_steps_each}', sample)
report(f'Langevin, {model.levels} levels, T={model.n_steps_each}', sample, 64)
for levels in (model.levels, 4*model.levels): report(f'consistent, {levels} evaluations', lambda n, g: consistent_sample(model, n, levels=levels, generator=g))
