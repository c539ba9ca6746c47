"""How good the digits get: trains the preset DDPM of `genmodels run` and compares samplers by their Frechet distance to held-out digits.

    python benchmarks/digits_quality.py [--steps N] [--n 1297] [--ancestral 1000] [--load DIR] [--threads 2]

The floor is the same distance for real digits, the training set; it falls with the number of pictures, and so does the distance of a model, so both are
measured with the same number (`--n`). Training takes a few minutes on two cores, a thousand ancestral steps for 1297 digits about as long again.
Targets: 1000 ancestral steps at most 1.6 times the floor; DPM-Solver++ with 10 evaluations within 15 % of that."""
import argparse, time
import torch
from genmodels import ddpm_step, digit_net, digits, dpmpp_2m, fit, frechet, load, precision_recall
from genmodels.cli import preset

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument('--steps', type=int, help="training steps (default: the preset's)")
p.add_argument('--n', type=int, default=1297, help='pictures drawn, and real ones for the floor (default 1297, all of the training set)')
p.add_argument('--ancestral', type=int, default=1000, help='ancestral steps (default 1000)')
p.add_argument('--load', help='a checkpoint to measure, in place of training')
p.add_argument('--threads', type=int, default=torch.get_num_threads(), help="torch's threads (default: as torch finds them)")
a = p.parse_args()
torch.set_num_threads(a.threads)
train,test = digits('train'),digits('test')
score = lambda x: frechet(x, test, features=digit_net())
torch.manual_seed(0)
model,settings = preset('ddpm')
if a.load: model = load(a.load)
else: print(fit(model, train, **settings | (dict(steps=a.steps) if a.steps else {})))
floor = score(train[torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:a.n]])
print(f'floor, {a.n} real digits: {floor:.3f}')
seen = {}
for name,steps,step in ((f'ancestral, {a.ancestral} steps', a.ancestral, ddpm_step), ('DDIM, 50 steps', 50, None), ('DPM-Solver++, 10 steps', 10, dpmpp_2m())):
    begin = time.perf_counter()
    x = model.sample(a.n, steps=steps, step=step, generator=torch.Generator().manual_seed(0))
    took,seen[name] = time.perf_counter()-begin,score(x)
    precision,recall = precision_recall(test, x, features=digit_net())
    print(f'{name:24} {seen[name]:.3f} = {seen[name]/floor:.2f} x floor, {seen[name]/next(iter(seen.values())):.2f} x the first   precision {precision:.3f} recall {recall:.3f}   {took:.0f} s', flush=True)
