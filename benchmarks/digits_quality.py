"""How good the digits of `genmodels run`'s DDPM are: samplers by their Frechet distance to held-out digits.

    python benchmarks/digits_quality.py [--steps N] [--n 1297] [--draws 3] [--ancestral 1000] [--load DIR]

Trains the preset, or loads it. What the floor is and how draws are averaged stands in quality.py; all
samplers start from the same noises. Training takes three minutes on two cores, a thousand ancestral steps
for 1297 digits about as long for every draw.
Targets: 1000 ancestral steps at most 1.6 times the floor; DPM-Solver++ with 10 evaluations within 15 % of
that."""
from genmodels import ddpm_step, dpmpp_2m
from quality import Judge, parser

p = parser(__doc__, None)
p.add_argument('--ancestral', type=int, default=1000, help='ancestral steps (default 1000)')
a = p.parse_args()
judge = Judge('ddpm', a)


def report(name, steps, fresh_step):
    def draw(n, g): return judge.model.sample(n, steps=steps, step=fresh_step(), generator=g)
    return judge.report(name, draw)


report('DDIM, 50 steps', 50, lambda: None)
few = report('DPM-Solver++, 10 steps', 10, dpmpp_2m)
ancestral = report(f'ancestral, {a.ancestral} steps', a.ancestral, lambda: ddpm_step)
print(f'DPM-Solver++ with 10 steps / ancestral: {few/ancestral:.2f}')
