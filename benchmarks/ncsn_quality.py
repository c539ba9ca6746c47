"""How good the digits of `genmodels run`'s NCSN are, and how long they take.

    python benchmarks/ncsn_quality.py [--steps 5000] [--n 1297] [--draws 9] [--load DIR]

Trains the preset (its ladder is as wide as that of `suggest_sigmas`, and ends where the digits' grey
levels end) for longer than `genmodels run` does, draws as many digits as there are to train on, and
scores them; what the floor is and how draws are averaged stands in quality.py. The seconds mean
something on an idle machine only.
Targets on two cores: training within 3 minutes, a distance of at most 1.6 times the floor, 64 digits in
at most 10 seconds, 1297 in at most 60."""
import torch
from genmodels import consistent_sample, ddpm_step, evaluating, sample
from quality import Judge, parser

judge = Judge('ncsn', parser(__doc__, 5000, draws=9).parse_args())
model = judge.model
L = model.levels


def ancestral(n, g, steps=8*L):
    ts = torch.cat([torch.linspace(1, 1/L, steps, dtype=torch.float64), torch.zeros(1)])
    with evaluating(model) as m: return sample(m, m.start(n, g), ts, ddpm_step, g)


def consistent(levels, eta): return lambda n, g: consistent_sample(model, n, eta, levels, g)


judge.report(f'Langevin, {L} levels, T={model.n_steps_each}', lambda n, g: model.sample(n, generator=g))
judge.report(f'consistent, eta=0.3, {L} evaluations', consistent(L, .3))
for n in (judge.n, 64): judge.report(f'consistent, eta=0.05, {8*L} evaluations', consistent(8*L, .05), n)
judge.report(f'ancestral, {8*L} evaluations', ancestral)
