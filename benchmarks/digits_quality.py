"""How good the digits get: trains the preset DDPM of `genmodels run` and compares samplers by their Frechet distance to held-out digits.

    python benchmarks/digits_quality.py [--steps N] [--n 1297] [--draws 3] [--ancestral 1000] [--load DIR] [--seed 0] [--threads 2]

The floor is the same distance for real digits, the training set; it falls with the number of pictures, and so does the distance of a model, so both are
measured with the same number (`--n`). The floor's digits have the classes' shares exactly and come once each; a perfect model, which draws them at random,
is printed beside it. One draw of 1297 digits says little: from the same model the next one's distance differs by a tenth and more. So each figure is the
mean of `--draws` draws, with their standard deviation; all samplers start from the same noises. Training takes three minutes on two cores, a thousand
ancestral steps for 1297 digits about as long for every draw.
Targets: 1000 ancestral steps at most 1.6 times the floor; DPM-Solver++ with 10 evaluations within 15 % of that."""
import argparse, statistics, time
import torch
from genmodels import ddpm_step, digit_net, digits, dpmpp_2m, fit, frechet, load, precision_recall
from genmodels.cli import preset

p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
p.add_argument('--steps', type=int, help="training steps (default: the preset's)")
p.add_argument('--n', type=int, default=1297, help='pictures in a draw, and real ones for the floor (default 1297, all of the training set)')
p.add_argument('--draws', type=int, default=3, help='draws to average over (default 3)')
p.add_argument('--ancestral', type=int, default=1000, help='ancestral steps (default 1000)')
p.add_argument('--load', help='a checkpoint to measure, in place of training')
p.add_argument('--seed', type=int, default=0, help='of the training (default 0)')
p.add_argument('--threads', type=int, default=torch.get_num_threads(), help="torch's threads (default: as torch finds them)")
a = p.parse_args()
torch.set_num_threads(a.threads)
train,test = digits('train'),digits('test')
score = lambda x: float(frechet(x, test, features=digit_net()))
torch.manual_seed(a.seed)
model,settings = preset('ddpm')
if a.load: model = load(a.load)
else: print(fit(model, train, **settings | (dict(steps=a.steps) if a.steps else {}), seed=a.seed, progress=False), flush=True)
floor = score(train[torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:a.n]])
g = torch.Generator().manual_seed(0)
perfect = [score(train[torch.randint(len(train), (a.n,), generator=g)]) for _ in range(20)]
print(f'floor, {a.n} real digits: {floor:.3f}; real digits drawn at random, with replacement: {statistics.mean(perfect):.3f} (sd {statistics.stdev(perfect):.3f})', flush=True)
means = {}
for name,steps,step in (('DDIM, 50 steps', 50, None), ('DPM-Solver++, 10 steps', 10, dpmpp_2m()), (f'ancestral, {a.ancestral} steps', a.ancestral, ddpm_step)):
    begin = time.perf_counter()
    draws = [model.sample(a.n, steps=steps, step=step, generator=torch.Generator().manual_seed(i)) for i in range(a.draws)]
    took,ds = (time.perf_counter()-begin)/a.draws,[score(x) for x in draws]
    mean,sd = statistics.mean(ds),statistics.stdev(ds) if a.draws > 1 else 0.
    marks = [precision_recall(test, x, features=digit_net()) for x in draws]
    precision,recall = [statistics.mean(float(m[i]) for m in marks) for i in (0,1)]
    means[name] = mean
    print(f'{name:24} {mean:.3f} (sd {sd:.3f}) = {mean/floor:.2f} x floor   precision {precision:.3f} recall {recall:.3f}   {took:.0f} s a draw', flush=True)
_,few,ancestral = means.values()
print(f'DPM-Solver++ with 10 steps / ancestral: {few/ancestral:.2f}')
