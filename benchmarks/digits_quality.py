"""How good the digits get: trains the preset DDPM of `genmodels run` and compares samplers by their Frechet distance to held-out digits.

    python benchmarks/digits_quality.py [--steps N] [--n 1297] [--draws 3] [--ancestral 1000] [--load DIR] [--seed 0] [--threads 2]

What the floor is and how draws are averaged stands in quality.py; all samplers start from the same noises. Training takes three minutes on two cores, a
thousand ancestral steps for 1297 digits about as long for every draw.
Targets: 1000 ancestral steps at most 1.6 times the floor; DPM-Solver++ with 10 evaluations within 15 % of that."""
from genmodels import ddpm_step, dpmpp_2m
from quality import Judge, parser

p = parser(__doc__, None)
p.add_argument('--ancestral', type=int, default=1000, help='ancestral steps (default 1000)')
a = p.parse_args()
judge = Judge('ddpm', a)


def report(name, steps, step): return judge.report(name, lambda n, g: judge.model.sample(n, steps=steps, step=step(), generator=g))


report('DDIM, 50 steps', 50, lambda: None)
few = report('DPM-Solver++, 10 steps', 10, dpmpp_2m)
ancestral = report(f'ancestral, {a.ancestral} steps', a.ancestral, lambda: ddpm_step)
print(f'DPM-Solver++ with 10 steps / ancestral: {few/ancestral:.2f}')
