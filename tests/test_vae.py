"""The VAE from outside: likelihoods, bad input, priors and schedules, checkpoints, memory, and the recipe."""
import math, os, subprocess, sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from genmodels.pictures import digits
from genmodels.gauss import log_normal
from genmodels.average import evaluating
from genmodels.train import fit
from genmodels.checkpoint import load, save
from genmodels.vae import VAE, ConvDecoder, ConvEncoder, MLPDecoder, log_logistics, mixture_mean, slerp, split_mixture

x = digits()[:40]
black_white = x.sign() + (x == 0)
ROOT = Path(__file__).parent.parent
ENV = dict(os.environ, PYTHONPATH=str(ROOT))
def gen(seed=0): return torch.Generator().manual_seed(seed)
def batch(likelihood): return black_white if likelihood == 'bernoulli' else x
MODELS = [dict(), dict(sd='learned'), dict(sd=None), dict(sd=.2), dict(nets='conv'), dict(likelihood='bernoulli'),
    dict(likelihood='logistic', grey_levels=17), dict(likelihood='logistic', grey_levels=17, nets='conv')]


class Standard(nn.Module):
    def __init__(self, h=16): super().__init__(); self.h = h
    def log_prob(self, z): return log_normal(z, 0., 1.)
    def sample(self, n, generator=None): return torch.randn(n, self.h, generator=generator)


class Whole(nn.Module):
    "One image, however many are asked for"
    def forward(self, z): return torch.zeros(1, 1, 8, 8)


# every kind of model does everything
@pytest.mark.parametrize('kw', MODELS, ids=str)
def test_everything(kw, tmp_path):
    torch.manual_seed(0)
    v, b = VAE(**kw), batch(kw.get('likelihood'))
    before = v.log_prob(b, 5, gen()).mean()
    history = fit(v, b, 60, batch_size=40, progress=False)
    assert history.loss[-1] < history.loss[0] and v.log_prob(b, 5, gen()).mean() > before
    for p in v.parameters(): assert p.isfinite().all()
    bits = v.bits_per_dim(b, None if kw.get('likelihood') else 17)
    for each in (v.elbo(b), v.log_prob(b), bits): assert each.shape == (40,) and each.isfinite().all()
    for y in (v.sample(3, gen()), v.reconstruct(b)[:3], v.interpolate(b[0], b[1], 3), v.interpolate(b[0], b[1], 3, 'linear')):
        assert y.shape == (3, 1, 8, 8) and y.abs().max() <= 1
    for noise in (False, True): assert torch.equal(v.sample(3, gen(), noise=noise), v.sample(3, gen(), noise=noise))
    back = load(save(v, tmp_path))
    assert torch.equal(back.log_prob(b, 3, gen()), v.log_prob(b, 3, gen())) and torch.equal(back.sample(3, gen()), v.sample(3, gen()))


def test_colour_and_oblong():
    for nets in ('mlp', 'conv'):
        for kw in (dict(), dict(likelihood='logistic', grey_levels=5)):
            v = VAE((3, 8, 12), 4, nets=nets, **kw)
            c = torch.randint(5, (6, 3, 8, 12))/2 - 1
            assert v.loss(c).isfinite() and v.sample(2).shape == v.sample(2, noise=True).shape == (2, 3, 8, 12)


def test_every_parameter_gets_a_gradient():
    for kw in MODELS:
        v = VAE(**kw)
        v.loss(batch(kw.get('likelihood'))).backward()
        for n, p in v.named_parameters(): assert not p.requires_grad or p.grad.abs().sum() > 0, n


# likelihoods at their edges
def test_logistics_sum_to_one_and_have_finite_gradients():
    for grey_levels in (2, 3, 17, 256):
        y = (4*torch.randn(1, 6, 1, 1, dtype=torch.float64)).expand(grey_levels, -1, -1, -1).clone().requires_grad_()
        grey = torch.linspace(-1, 1, grey_levels, dtype=torch.float64).view(-1, 1, 1, 1)
        log_p = log_logistics(grey, y, grey_levels)
        assert abs(log_p.exp().sum() - 1) < 1e-10
        assert torch.autograd.grad(log_p.sum(), y)[0].isfinite().all()
    hard = torch.tensor([0., 30., -30.]).view(1, 3, 1, 1).requires_grad_()     # a needle at 30, asked for black
    log_p = log_logistics(-torch.ones(1, 1, 1, 1), hard)
    assert log_p.isfinite().all() and torch.autograd.grad(log_p.sum(), hard)[0].isfinite().all()


def test_mean_and_draw_of_a_mixture_agree():
    v = VAE(latent_dim=2, likelihood='logistic', grey_levels=9)
    z = torch.randn(1, 2)
    d = torch.cat([v.draw(z.expand(500, -1), gen(i)).detach() for i in range(8)])
    assert set(((d+1)*4).round().unique().tolist()) <= set(range(9)) and ((d+1)*4 - ((d+1)*4).round()).abs().max() < 1e-5
    z_score = (d.mean(0) - v.mean(z)[0].detach())/(d.std(0)/len(d)**.5)
    assert z_score.abs().max() < 5


@pytest.mark.parametrize('grey_levels', [2, 3, 17, 256])
def test_the_mean_of_a_mixture_adds_up_what_lies_above_each_edge(grey_levels):
    torch.manual_seed(0)
    y = torch.randn(5, 3*4*2, 3, 3, dtype=torch.float64)*3
    log_w, m, s = split_mixture(y, 2)
    h = 2/(grey_levels-1)
    above = sum((log_w.exp()*((m - (h*(i+.5) - 1))/s).sigmoid()).sum(1) for i in range(grey_levels-1))
    assert torch.allclose(mixture_mean(y, 2, grey_levels), h*above - 1, atol=1e-12)
    assert torch.allclose(mixture_mean(y.float(), 2, grey_levels), (h*above - 1).float(), atol=2e-6)


DRAWN = [dict(), dict(likelihood='bernoulli'), dict(likelihood='logistic', grey_levels=17), dict(prior=Standard())]
@pytest.mark.parametrize('kw', DRAWN, ids=str)
def test_sample_in_pieces(kw):
    v, seen = VAE(**kw), []
    whole = v.sample(20, gen())
    hook = v.decoder.register_forward_hook(lambda m, a, out: seen.append(len(out)))
    assert torch.allclose(v.sample(20, gen(), batch_size=7), whole, atol=1e-5)
    assert v.sample(9, gen(), noise=True, batch_size=4).shape == (9, 1, 8, 8)
    assert seen == [7, 7, 6, 4, 4, 1]
    hook.remove()


def test_a_model_without_parameters_draws():
    v = VAE(encoder=nn.Flatten(), decoder=nn.Unflatten(1, (1, 8, 8)), latent_dim=64, sd=.3)
    assert not list(v.parameters()) and v.sample(3, gen()).shape == (3, 1, 8, 8)


@pytest.mark.parametrize('kw', MODELS, ids=str)
def test_the_attributes_of_a_model_make_it_again(kw):
    "For each argument, the attribute of that name holds what makes the same model"
    v = VAE(**kw)
    now = {k: getattr(v, k, given) for k, given in v.spec['args'].items()}
    again = VAE(**now)
    again.load_state_dict(v.state_dict())
    b = batch(kw.get('likelihood'))
    assert torch.equal(again.elbo(b, gen()), v.elbo(b, gen()))
    assert (again.grey_levels, again.out_shape) == (v.grey_levels, v.out_shape)
    for part in (v.encoder, v.decoder): assert part.spec['name'] in ('MLPEncoder', 'MLPDecoder', 'ConvEncoder', 'ConvDecoder')


# the scale
def test_optimal_sd_follows_training_and_only_training():
    v = VAE()
    assert not v.log_sd.requires_grad
    v.eval(); v.elbo(x); assert abs(v.scale - .5) < 1e-6
    v.train(); torch.manual_seed(3); v.loss(x)
    torch.manual_seed(3)
    mu, sd = v.encode(x)
    m = (x - v.decode(mu + sd*torch.randn_like(sd))).square().mean()
    assert abs(v.scale**2 - (.997*.25 + .003*m)) < 1e-6
    v = VAE(least_sd=.7)
    v.loss(x)
    assert abs(v.scale - .7) < 1e-6


def test_the_average_of_the_optimal_sd_moves_too():
    "No gradient reaches it, and `fit` averages it all the same: a model is drawn from and judged with the average"
    v = VAE(least_sd=.1)
    fit(v, x, 200, batch_size=40, ema=.9, progress=False)
    with evaluating(v) as frozen: sd = frozen.scale
    assert v.scale < sd < .5 and .5 - sd > .7*(.5 - v.scale)


def test_a_batch_that_is_not_finite_leaves_the_sd():
    v = VAE(sd='optimal', least_sd=.1)
    v.loss(x)
    before = v.log_sd.clone()
    for bad in (math.nan, math.inf, 1e30):
        assert not v.loss(x*bad).isfinite() and torch.equal(v.log_sd, before) and v.training
    v.loss(x)
    assert v.log_sd.isfinite() and v.log_sd != before


def test_a_step_reads_no_number_out_of_a_tensor(monkeypatch):
    "Each read would make an accelerator wait: only the first batch of a training is looked at"
    reads = []
    def spied(name):
        real = getattr(torch.Tensor, name)
        def spy(self, *a): reads.append(name); return real(self, *a)
        monkeypatch.setattr(torch.Tensor, name, spy)
    for name in ('__bool__', '__int__', '__float__', '__index__', 'item', 'tolist'): spied(name)
    for kw in [*MODELS, dict(prior=Standard()), dict(free_bits=.1), dict(beta=2.)]:
        v, b = VAE(**kw), batch(kw.get('likelihood'))
        v.loss(b)
        assert reads
        reads.clear()
        v.loss(b).backward()
        assert not reads, kw
        v.train()
        v.loss(b)
        assert reads
        reads.clear()


def test_the_first_batch_of_every_training_is_looked_at():
    v = VAE()
    fit(v, x, 3, progress=False)
    anew = lambda: fit(v, x*200, 1, progress=False)
    for look in (lambda: v.loss(x*200), lambda: v.elbo(x*200), anew):      # in eval mode, twice, and in training
        with pytest.raises(ValueError, match='values from -200 to 200'): look()


def test_a_given_sd_is_exact_in_float64():
    v = VAE(sd=.3).double()
    z, y = torch.randn(5, 16).double(), x[:5].double()
    theirs = torch.distributions.Normal(v.decode(z), torch.tensor(.3, dtype=torch.float64)).log_prob(y)
    assert torch.allclose(v.log_lik(y, z), theirs.sum((1, 2, 3)), rtol=1e-13)
    assert not any('log_sd' in n for n in v.state_dict())


def test_any_module_may_be_given():
    enc, dec = nn.Sequential(nn.Flatten(), nn.Linear(64, 6)), nn.Sequential(nn.Linear(3, 64), nn.Unflatten(1, (1, 8, 8)))
    v = VAE((1, 8, 8), 3, enc, dec, nets='conv')
    assert v.encoder is enc and v.decoder is dec
    VAE((1, 7, 9), 3, ConvEncoder((1, 8, 8), 6), dec, nets='conv')      # nothing is made that is not needed
    with pytest.raises(ValueError, match='7x9'): VAE((1, 7, 9), nets='conv')
    assert ConvDecoder(3, (1, 8, 8))(torch.zeros(2, 3)).shape == (2, 1, 8, 8)


# prior, beta, free bits
def test_prior_is_used_everywhere():
    class Shifted(Standard):
        def log_prob(self, z): return log_normal(z - 1, 0., 1.)
        def sample(self, n, generator=None): return 1 + torch.randn(n, self.h, generator=generator)
    torch.manual_seed(0)
    plain = VAE(sd=.3)
    other = VAE(sd=.3, prior=Shifted()); other.load_state_dict(plain.state_dict())
    with evaluating(plain) as still, evaluating(other) as moved:
        mu, sd = still.encode(x)
        want = (mu - .5).sum(1)                                         # E log N(z; 0, 1) - log N(z; 1, 1) = -(mu - 1/2)
        draws = torch.stack([still.elbo(x, gen(i)) - moved.elbo(x, gen(i)) for i in range(400)])
        assert ((draws.mean(0) + want)/(draws.std(0)/20)).abs().max() < 5
        assert torch.allclose(moved.mean(1 + torch.randn(4, 16, generator=gen())), moved.sample(4, gen()))
        assert moved.terms(x)[1].shape == (40, 1) and still.terms(x)[1].shape == (40, 16)
    assert (plain.log_prob(x, 2000, gen()) - other.log_prob(x, 2000, gen())).abs().max() > .1


def test_a_schedule_is_saved_with_the_model(tmp_path):
    asked = []
    def beta(step): asked.append(step); return min(1., step/10)
    v = VAE(beta=beta)
    fit(v, x, 7, batch_size=8, progress=False, out=tmp_path)
    assert asked == list(range(7)) and v.step == 7
    v.loss(x); assert asked[-1] == 7 and v.step == 7                    # eval mode reads the step, and leaves it
    back = load(tmp_path, beta=beta)
    assert back.step == 7
    back.train(); back.loss(x); assert asked[-1] == 7 and back.step == 8


def test_a_schedule_goes_on_after_a_pause(tmp_path):
    "An interrupted run and a whole one see the same steps and end with the same weights"
    def run(stop, out, resume=False):
        torch.manual_seed(0)
        seen, v = [], None
        def beta(step):
            if step == stop: raise KeyboardInterrupt
            seen.append(step); return step/20
        v = VAE(beta=beta)
        try: fit(v, x, 20, batch_size=8, progress=False, out=out, save_every=5, resume=resume)
        except KeyboardInterrupt: pass
        return v, seen
    whole, seen = run(None, tmp_path/'a')
    _, first = run(10, tmp_path/'b')
    again, second = run(None, tmp_path/'b', resume=True)
    assert seen == list(range(20)) == first + second
    for p, q in zip(whole.parameters(), again.parameters()): assert torch.equal(p, q)


def test_free_bits():
    torch.manual_seed(0)
    v = VAE(sd=.3)
    lik, kl = v.terms(x, gen())
    kl = kl.mean(0)
    v.free_bits = kl.median().item()
    torch.manual_seed(5); got = v.loss(x)
    torch.manual_seed(5); want = -v.terms(x)[0].mean() + sum(max(k, v.free_bits) for k in kl.tolist())
    assert torch.isclose(got, want, rtol=1e-5)


# estimates
@pytest.mark.parametrize('kw', [dict(), dict(chunk=7), dict(rows=30), dict(rows=1), dict(chunk=1000)])
def test_log_prob_in_pieces(kw):
    "With a decoder that ignores z and an encoder that says N(0, 1) every weight is the exact density"
    class Says(nn.Module):
        def __init__(self, y): super().__init__(); self.y = nn.Parameter(y)
        def forward(self, z): return self.y.expand(len(z), *self.y.shape)
    v = VAE(encoder=Says(torch.zeros(32)), decoder=Says(torch.zeros(1, 8, 8)), sd=.7)
    seen = []
    v.decoder.register_forward_hook(lambda m, a, out: seen.append(len(out)))
    assert torch.allclose(v.log_prob(x, 100, **kw), log_normal(x, 0., .7), rtol=1e-5)
    assert sum(seen) == 40*100 and max(seen) <= kw.get('rows', 10_000)


@pytest.mark.skipif(sys.platform != 'linux', reason='ru_maxrss has other units elsewhere')
def test_log_prob_in_bounded_memory():
    code = '''import resource, torch
from genmodels.pictures import digits
from genmodels.vae import VAE
torch.set_num_threads(1)
v,x = VAE(hidden=(32,)),digits()[:100]
v.log_prob(x, 100)
mb = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024
before = mb(); v.log_prob(x, 5000); print(mb() - before)'''
    out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True, env=ENV).stdout
    assert float(out) < 60     # all at once, the decoder's hidden layer alone has 64 MB, its images 128


def test_slerp_of_parallel_vectors():
    a = torch.randn(16)
    for b in (a, 2*a): assert slerp(a, b, torch.linspace(0, 1, 5)).isfinite().all()


# bad input: one sentence each
@pytest.mark.parametrize('make,hint', [
    (lambda: VAE(latent_dim=0), 'latent_dim to be a whole number, at least 1, got 0'),
    (lambda: VAE(likelihood='poisson'), "one of 'gaussian', 'bernoulli', 'logistic', got 'poisson'"),
    (lambda: VAE(sd=0.), 'sd to be a number above 0'),
    (lambda: VAE(sd=-1), 'got -1'),
    (lambda: VAE(sd='best'), "'optimal' or 'learned', got 'best'"),
    (lambda: VAE(nets='transformer'), "one of 'mlp', 'conv', got 'transformer'"),
    (lambda: VAE(grey_levels=1), 'grey_levels to be a whole number, at least 2'),
    (lambda: VAE(likelihood='bernoulli', grey_levels=17), "exactly 2 for likelihood='bernoulli', got 17"),
    (lambda: VAE(likelihood='logistic', components=0), 'components to be a whole number, at least 1, got 0'),
    (lambda: VAE().bits_per_dim(x, 1), 'grey_levels to be a whole number, at least 2, got 1'),
    (lambda: VAE(prior=Standard(), free_bits=.1), 'free_bits=0'),
    (lambda: VAE(decoder=nn.Linear(16, 64)).loss(x), 'the decoder to return (n, 1, 8, 8) for this likelihood, got (40, 64)'),
    (lambda: VAE(decoder=MLPDecoder(16, (1, 8, 8)), likelihood='logistic').loss(x), 'the decoder to return (n, 15, 8, 8)'),
    (lambda: VAE(encoder=nn.Flatten()).loss(x), 'the encoder to return (n, 32)'),
    (lambda: VAE().loss(x[:, :, :4]), 'shape (n, 1, 8, 8), got (40, 1, 4, 8)'),
    (lambda: VAE().loss((x+1)*127.5), 'x/127.5-1'),
    (lambda: VAE().loss(x*math.nan), 'drop NaN'),
    (lambda: VAE(likelihood='bernoulli').loss(x), 'images of -1 and 1'),
    (lambda: VAE(likelihood='bernoulli').loss(black_white/2 + .5), 'images of -1 and 1'),
    (lambda: VAE(likelihood='logistic').loss(x), 'on 256 grey levels'),
    (lambda: VAE(likelihood='logistic', grey_levels=17).loss(x*2), 'on 17 grey levels'),
    (lambda: VAE(likelihood='logistic', grey_levels=17).loss(x + .01), 'add no noise'),
    (lambda: VAE().log_prob(x, 0), 'k to be a whole number, at least 1, got 0'),
    (lambda: VAE().bits_per_dim(x), 'on 256 grey levels'),
    (lambda: VAE(likelihood='logistic', grey_levels=33).bits_per_dim(x, 17), 'grey_levels=33'),
    (lambda: VAE().sample(0), 'n to be a whole number, at least 1, got 0'),
    (lambda: VAE().sample(4, batch_size=0), 'batch_size to be a whole number, at least 1, got 0'),
    (lambda: VAE(decoder=Whole()).decode(torch.zeros(4, 16)), 'to return (n, 1, 8, 8) for this likelihood, got (1, 1, 8, 8)'),
    (lambda: VAE().interpolate(x[0], x[1], 1), 'n to be a whole number, at least 2, got 1'),
    (lambda: VAE().interpolate(x[0], x[1], how='cubic'), "how to be one of 'spherical', 'linear', got 'cubic'"),
])
def test_bad_input(make, hint):
    with pytest.raises(ValueError) as e: make()
    assert hint in str(e.value) and '\n' not in str(e.value), str(e.value)


# the recipe
def recipe(*words, cwd):
    command = [sys.executable, ROOT/'benchmarks'/'iwae_mnist.py', *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=ENV)


def test_recipe(tmp_path):
    rng = np.random.default_rng(0)
    x_train, x_test = (rng.integers(0, 256, (n, 28, 28), dtype=np.uint8) for n in (60, 10))
    np.savez(tmp_path/'x.npz', x_train=x_train, x_test=x_test)
    words = ['--data', tmp_path/'x.npz', '--k', 1, 5, '--epochs', 3, '--samples', 20, '--test', 4, '--quiet']
    first, again = (recipe(*words, cwd=tmp_path) for _ in range(2))
    assert first.returncode == again.returncode == 0, first.stderr
    nll = lambda r: [l.split()[1:3] for l in r.stdout.splitlines() if l.startswith('k=')]
    assert len(nll(first)) == 2 and nll(first) == nll(again)            # the second run only reads
    other = recipe(*words, '--batch-size', 30, cwd=tmp_path)
    assert other.returncode == 1 and 'batch_size=20, not 30' in other.stderr and 'Traceback' not in other.stderr
    for bad in (['--data', tmp_path/'no.npz'], ['--data', tmp_path/'x.npz', '--k', 0]):
        r = recipe(*bad, cwd=tmp_path)
        assert r.returncode == 2 and 'Traceback' not in r.stderr
