"""How good the digits of `genmodels run`'s NCSN are, and how long they take.

    python benchmarks/ncsn_quality.py [--steps 4100] [--draws 3] [--load DIR] [--seed 0] [--threads 2]

Trains the preset (its ladder is as wide as that of `suggest_sigmas`, and ends where the digits' grey levels end) for longer than `genmodels run` does, draws as
many digits as there are to train on, and prints the Frechet distance to the 500 held-out ones, beside the floor: that of the training digits. One draw says
little, the next one's distance differs by a tenth: each figure is the mean of `--draws` draws, with their standard deviation. Targets on two cores: training
within 3 minutes, a distance of at most 1.6 times the floor, 64 digits in at most 10 seconds, 1297 in at most 60. The seconds mean something on an idle machine only."""
import argparse, statistics, time
import torch
from genmodels import consistent_sample, ddpm_step, digit_net, digits, evaluating, fit, frechet, load, precision_recall, sample
from genmodels.cli import preset

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument('--steps', type=int, default=4100, help='training steps (default 4100, three minutes on two cores)')
p.add_argument('--draws', type=int, default=3, help='draws to average over (default 3)')
p.add_argument('--load', help='a checkpoint to measure, in place of training')
p.add_argument('--seed', type=int, default=0, help='of the training (default 0)')
p.add_argument('--threads', type=int, default=torch.get_num_threads(), help="torch's threads (default: as torch finds them)")
a = p.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(a.seed)
train,test = digits(),digits('test')
(model,settings),features = preset('ncsn'),digit_net()
if a.load: model = load(a.load)
else: print(f"{a.threads} threads; training: {fit(model, train, **settings | dict(steps=a.steps), seed=a.seed, progress=False)}", flush=True)
floor = float(frechet(train, test, features=features))
g = torch.Generator().manual_seed(0)
perfect = [float(frechet(train[torch.randint(len(train), (len(train),), generator=g)], test, features=features)) for _ in range(20)]
print(f'floor, {len(train)} training digits: {floor:.3f}; drawn at random, with replacement: {statistics.mean(perfect):.3f} (sd {statistics.stdev(perfect):.3f})', flush=True)


def report(name, draw, n=len(train)):
    begin = time.perf_counter()
    xs = [draw(n, torch.Generator().manual_seed(i)) for i in range(a.draws)]
    seconds,ds = (time.perf_counter() - begin)/a.draws,[float(frechet(x, test, features=features)) for x in xs]
    marks = [precision_recall(test, x, features=features) for x in xs]
    precision,recall = [statistics.mean(float(m[i]) for m in marks) for i in (0,1)]
    mean,sd = statistics.mean(ds),statistics.stdev(ds) if a.draws > 1 else 0.
    print(f'{name:36} {n:5} digits in {seconds:5.1f} s   Frechet {mean:.3f} (sd {sd:.3f}) = {mean/floor:.2f} x floor   precision {precision:.3f} recall {recall:.3f}', flush=True)


def ancestral(n, g, steps=4*model.levels):
    ts = torch.cat([torch.linspace(1, 1/model.levels, steps, dtype=torch.float64), torch.zeros(1)])
    with evaluating(model): return sample(model, model.start(n, g), ts, ddpm_step, g)


L,langevin = model.levels,lambda n, g: model.sample(n, generator=g)
report(f'Langevin, {L} levels, T={model.n_steps_each}', langevin)
report(f'Langevin, {L} levels, T={model.n_steps_each}', langevin, 64)
for levels,eta in ((L,.3), (2*L,.2), (4*L,.1)): report(f'consistent, eta={eta}, {levels} evaluations', lambda n, g: consistent_sample(model, n, eta, levels, g))
report(f'ancestral, {4*L} evaluations', ancestral)
