"""What digits_quality.py and ncsn_quality.py share: a model trained or loaded, and digits scored by their
Frechet distance to the 500 held-out ones.

The floor is the same distance for real digits, those of the training set; it falls with the number of
pictures, and so does the distance of a model. The floor's digits have the classes' shares exactly and
come once each; a perfect model draws at random, and is printed beside it. One draw says little: from the
same model the next one's distance differs by a tenth and more, so each figure is the mean of several
draws, with their standard deviation; for a comparison with a target take nine or more."""
import argparse, statistics, time
import torch
from genmodels import digit_net, digits, fit, frechet, load, precision_recall
from genmodels.experiment import preset

train,test = digits(),digits('test')


def generator(seed): return torch.Generator().manual_seed(seed)
def distance(x): return float(frechet(x, test, features=digit_net()))


def parser(doc, steps, draws=3):
    p = argparse.ArgumentParser(description=doc.splitlines()[0])
    usual = steps or 'those of `genmodels run`'
    p.add_argument('--steps', type=int, default=steps, help=f'training steps (default {usual})')
    p.add_argument('--n', type=int, default=len(train), help='pictures in a draw and in the floor')
    p.add_argument('--draws', type=int, default=draws, help=f'draws to average over (default {draws})')
    p.add_argument('--load', help='a checkpoint to measure, in place of training')
    p.add_argument('--seed', type=int, default=0, help='of the training (default 0)')
    p.add_argument('--threads', type=int, default=torch.get_num_threads(), help='of torch')
    return p


def trained(kind, a):
    "The preset `kind`, trained, or what was loaded"
    if a.load: return load(a.load)
    torch.manual_seed(a.seed)
    model,settings = preset(kind, x=train)
    if a.steps: settings['steps'] = a.steps
    history = fit(model, train, **settings, seed=a.seed, progress=False)
    print(f'{a.threads} threads; training: {history}', flush=True)
    return model


def floor(n):
    "Distance of `n` real digits, printed beside that of a perfect model, which draws at random"
    best = distance(train[torch.randperm(len(train), generator=generator(0))[:n]])
    g = generator(0)
    perfect = [distance(train[torch.randint(len(train), (n,), generator=g)]) for _ in range(20)]
    mean,sd = statistics.mean(perfect),statistics.stdev(perfect)
    print(f'floor, {n} real digits: {best:.3f};',
        f'drawn at random, with replacement: {mean:.3f} (sd {sd:.3f})', flush=True)
    return best


def mean_quality(draws):
    "Precision and recall, averaged over the draws"
    scores = [precision_recall(test, x, features=digit_net()) for x in draws]
    return [statistics.mean(float(v) for v in column) for column in zip(*scores)]


class Judge:
    "Trains or loads the preset `kind`, prints the floor, and reports on draws"
    def __init__(self, kind, a):
        torch.set_num_threads(a.threads)
        self.model = trained(kind, a)
        self.n,self.draws = a.n,a.draws
        self.floor = floor(a.n)

    def report(self, name, draw, n=None):
        "Print what `draw(n, generator)` is worth, and return its mean distance"
        n,begin = n or self.n,time.perf_counter()
        draws = [draw(n, generator(i)) for i in range(self.draws)]
        seconds = (time.perf_counter() - begin)/self.draws
        distances = [distance(x) for x in draws]
        precision,recall = mean_quality(draws)
        mean,sd = statistics.mean(distances),statistics.stdev(distances) if self.draws > 1 else 0.
        times = f' = {mean/self.floor:.2f} x floor' if n==self.n else ' (the floor is of more)'
        print(f'{name:36} {n:5} digits in {seconds:5.1f} s   Frechet {mean:.3f} (sd {sd:.3f}){times}',
            f'  precision {precision:.3f} recall {recall:.3f}', flush=True)
        return mean
