"""The hierarchy from outside: what it does, what it refuses, checkpoints and resuming, priors for one layer."""
import math, pickle

import pytest
import torch
from torch import nn
import genmodels
from genmodels.pictures import digits
from genmodels.gauss import log_normal
from genmodels.hvae import HVAE, LayeredPrior, MixturePrior, VampPrior, Watch, active_units, mutual_information, warmup
from genmodels.blocks import MLP
from genmodels.average import evaluating
from genmodels.train import fit
from genmodels.checkpoint import load, save
from genmodels.vae import VAE, ConvDecoder, ConvEncoder

x = digits()[:40]
black_white = x.sign() + (x == 0)
def gen(seed=0): return torch.Generator().manual_seed(seed)
def small(*a, **kw): return HVAE(*(a or ((6, 3),)), hidden=(16,), **kw)
def enc(width, d=64): return nn.Sequential(nn.Flatten(), nn.Linear(d, width))
def dec(width, *shape): return nn.Sequential(nn.Linear(width, math.prod(shape)), nn.Unflatten(1, shape))
def refused(f, *hints, kind=ValueError):
    with pytest.raises(kind) as e: f()
    message = str(e.value)
    assert '\n' not in message and all(h in message for h in hints), message


MODELS = [dict(), dict(sd=.3), dict(sd='learned', free_bits=.1), dict(likelihood='bernoulli', beta=warmup(10)),
    dict(likelihood='logistic', grey_levels=17)]
@pytest.mark.parametrize('kw', MODELS, ids=['plain', 'fixed sd', 'learned sd, free bits', 'bernoulli, warm-up', 'logistic'])
@pytest.mark.parametrize('dims', [(5,), (6, 3), (4, 3, 2)])
def test_everything(dims, kw, tmp_path):
    torch.manual_seed(0)
    m, b = small(dims, **kw), black_white if kw.get('likelihood') == 'bernoulli' else x
    before = m.elbo(b, gen()).mean()
    fit(m, b, 60, batch_size=40, lr=5e-3, progress=False)
    with evaluating(m) as frozen: assert frozen.elbo(b, gen()).mean() > before
    assert m.shape == (1, 8, 8) and m.loss(b).shape == () and m.elbo(b).shape == m.log_prob(b, 3).shape == (40,)
    for y in (m.sample(3, gen()), m.reconstruct(b)[:3], m.interpolate(b[0], b[1], 3)): assert y.shape == (3, 1, 8, 8) and y.abs().max() <= 1
    assert torch.equal(m.sample(3, gen()), m.sample(3, gen())) and not torch.equal(m.sample(3, gen()), m.sample(3, gen(1)))
    again = load(save(m, tmp_path))
    assert again.dims == dims and torch.equal(again.sample(5, gen()), m.sample(5, gen()))
    assert torch.equal(again.log_prob(b, 3, gen()), m.log_prob(b, 3, gen()))


def test_a_model_with_a_schedule_is_pickled():
    m = small(beta=warmup(10, .2))
    back = pickle.loads(pickle.dumps(m))
    assert [back.beta(k) for k in (0, 5, 20)] == pytest.approx([.2, .6, 1.]) and back.beta.spec == m.beta.spec
    assert torch.equal(back.elbo(x, gen()), m.elbo(x, gen()))


def test_public_names():
    for name in 'HVAE LayeredPrior MixturePrior VampPrior Watch active_units mutual_information warmup water_filling'.split():
        assert getattr(genmodels, name).__doc__


def test_convolutions_are_saved(tmp_path):
    shape = (3, 8, 8)
    encoders, decoders = [ConvEncoder(shape, d, (8,)) for d in (8, 4)], [ConvDecoder(d, shape, (8,)) for d in (4, 2)]
    m = HVAE(encoders, decoders, [MLP(2, 8, (8,))], shape)
    assert m.sample(2).shape == (2, 3, 8, 8)
    assert torch.equal(load(save(m, tmp_path)).sample(2, gen()), m.sample(2, gen()))


def test_parts_of_the_user_are_asked_for(tmp_path):
    m = small([enc(8), enc(4)])
    save(m, tmp_path)
    refused(lambda: load(tmp_path), 'encoders', 'load(folder, encoders=...)')
    again = load(tmp_path, encoders=[enc(8), enc(4)])
    assert torch.equal(again.sample(3, gen()), m.sample(3, gen()))


def test_every_layer_is_decoded_and_learns():
    m = small((4, 3, 2), sd=.5)
    z = m.prior.sample(20, gen())
    for l in range(3):
        zs = list(z.split(m.dims, 1))
        zs[l] = zs[l] + 1
        assert (m.decode(torch.cat(zs, 1)) - m.decode(z)).abs().mean() > 1e-3
    m.loss(x).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in m.parameters() if p.requires_grad)


def test_dtype_device_and_modes():
    m = small().double()
    assert m.sample(2).dtype == m.elbo(x.double()).dtype == torch.float64
    before = torch.get_rng_state()
    with evaluating(m) as frozen: frozen.terms(x.double(), gen())
    assert torch.equal(before, torch.get_rng_state())
    m.train()
    m.log_prob(x.double(), 2)
    assert m.training and m.encoders[0].training


def test_log_prob_in_pieces():
    torch.manual_seed(0)
    m = small(sd=5.)
    for net, d in zip(m.encoders, m.dims): net[1].layers[-1].bias.data[d:] = 10.
    # q is the prior, and the noise large: weights nearly equal
    one, cut = (m.log_prob(x[:4], 3000, gen(), rows=rows) for rows in (10**6, 777))
    assert (one - cut).abs().max() < .02 and one.shape == (4,)
    assert (one - m.log_prob(x[:4], 1, gen(1))).abs().max() < 3


def test_the_schedule_goes_on_where_it_was(tmp_path):
    def run(out, steps, **kw):
        torch.manual_seed(0)
        m = small(beta=warmup(20), sd=.4)
        fit(m, x, steps, batch_size=8, progress=False, out=out, save_every=5, schedule='constant', **kw)
        return m
    whole = run(tmp_path/'a', 12)
    class Stop(Exception): pass
    def dies(model, b):
        if model.step == 7: raise Stop
        return model.loss(b)
    with pytest.raises(Stop): run(tmp_path/'b', 12, loss=dies)
    resumed = run(tmp_path/'b', 12, resume=True)
    assert resumed.step == whole.step == 12
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values()))
    resumed.eval()
    resumed.loss(x)
    assert resumed.step == 12


def test_bad_layers():
    refused(lambda: HVAE([]), 'at least one encoder')
    refused(lambda: HVAE((6, 3), priors=[]), '2 layers to have 1 priors', 'got 0')
    refused(lambda: HVAE((6, 3), priors=[MLP(3, 12), MLP(3, 12)]), 'have 1 priors', 'got 2')
    refused(lambda: HVAE((6, 3), priors=[MLP(4, 12)]), 'priors[0] to take input of shape (1, 3)')
    refused(lambda: HVAE((6, 3), priors=[MLP(3, 10)]), 'priors[0] to return (n, 12)', '(1, 10)')
    refused(lambda: HVAE((6, 3), decoders=[dec(6, 1, 8, 8)]), '2 encoders to have as many decoders', 'got 1')
    refused(lambda: HVAE((6, 3), decoders=[dec(6, 1, 8, 8), dec(3, 1, 1, 1)]), 'decoders[1] to return (n, 1, 8, 8)', '(1, 1, 1, 1)')
    refused(lambda: HVAE((6, 3), decoders=[dec(6, 1, 8, 8), dec(4, 1, 8, 8)]), 'decoders[1] to take input of shape (1, 3)')
    refused(lambda: HVAE((6, 3)).prior.layer(0, torch.zeros(2, 4)), 'latent variables of layer 1 of shape (n, 3)', '(2, 4)')
    refused(lambda: HVAE([enc(7)]), 'encoders[0] to return (n, 2 d)', '(1, 7)')
    refused(lambda: HVAE([enc(8, 63)]), 'encoders[0] to take input of shape (1, 1, 8, 8)')
    refused(lambda: HVAE((6, 0)), 'whole numbers of 1 or more', '0')
    refused(lambda: HVAE((6, 3), prior=MixturePrior(9)), 'brings its own prior')
    refused(lambda: HVAE((6, 3), sd=-1.), 'sd')
    refused(lambda: HVAE((6, 3), likelihood='poisson'), 'poisson')


def test_bad_data():
    m = small()
    refused(lambda: m.elbo(torch.zeros(4, 1, 9, 9)), 'expected images of shape (n, 1, 8, 8)', '(4, 1, 9, 9)')
    refused(lambda: m.log_prob(x, 0), 'k to be a whole number, at least 1, got 0')
    refused(lambda: m.sample(0), 'n to be a whole number, at least 1, got 0')
    refused(lambda: m.elbo(x*200), '[-1,1]')
    refused(lambda: warmup(0), 'steps of 1 or more')


@pytest.mark.parametrize('components', [1, 7])
def test_mixture_prior(components, tmp_path):
    torch.manual_seed(0)
    v = VAE(latent_dim=3, hidden=(16,), prior=MixturePrior(3, components))
    fit(v, x, 20, batch_size=20, progress=False)
    v.loss(x).backward()
    assert all(p.grad.abs().sum() > 0 for p in (v.prior.mu, v.prior.log_sd))
    again = load(save(v, tmp_path))
    assert torch.equal(again.sample(5, gen()), v.sample(5, gen()))
    assert torch.equal(again.log_prob(x, 3, gen()), v.log_prob(x, 3, gen()))
    refused(lambda: v.prior.log_prob(torch.zeros(2, 4)), 'this mixture of shape (n, 3)', '(2, 4)')
    refused(lambda: MixturePrior(0), 'latent_dim to be a whole number, at least 1')
    refused(lambda: MixturePrior(3, 0), 'components to be a whole number, at least 1')


def test_vamp_prior():
    torch.manual_seed(0)
    v = VAE(latent_dim=3, hidden=(16,))
    v.prior = VampPrior(v.encoder, x[:5])
    fit(v, x, 20, batch_size=20, progress=False)
    assert not torch.equal(v.prior.images, x[:5]) and v.prior.encoder is v.encoder
    assert v.sample(4, gen()).shape == (4, 1, 8, 8) and v.log_prob(x, 3).isfinite().all()
    count = sum(p.numel() for p in v.parameters())
    assert count == sum(p.numel() for p in VAE(latent_dim=3, hidden=(16,)).parameters()) + 5*64     # the encoder once
    refused(lambda: VampPrior(v.encoder, x[:0]), 'at least one image')
    refused(lambda: VampPrior(v.encoder, torch.zeros(2, 1, 9, 9)), 'the encoder to take input of shape (1, 1, 9, 9)')


def test_a_hierarchical_prior_for_one_layer(tmp_path):
    prior = LayeredPrior((4, 2), hidden=(8,))
    v = VAE(latent_dim=6, hidden=(16,), prior=prior)
    fit(v, x, 10, batch_size=20, progress=False)
    z = prior.sample(50, gen())
    by_hand = log_normal(z[:, 4:], 0., 1.) + log_normal(z[:, :4], *prior.layer(0, z[:, 4:]))
    assert torch.allclose(prior.log_prob(z), by_hand, atol=1e-5)
    assert torch.equal(load(save(v, tmp_path)).sample(3, gen()), v.sample(3, gen()))


OWN = dict(decoders=[dec(6, 1, 8, 8), dec(3, 1, 8, 8)], priors=[MLP(3, 12)])
@pytest.mark.parametrize('kw', [dict(), OWN, dict(likelihood='bernoulli', beta=2.)], ids=['default', 'own nets', 'bernoulli'])
def test_the_attributes_of_a_hierarchy_make_it_again(kw):
    "For each argument, the attribute of that name holds what makes the same model"
    m = small((6, 3), **kw)
    b = black_white if kw.get('likelihood') == 'bernoulli' else x
    again = HVAE(**{k: getattr(m, k, given) for k, given in m.spec['args'].items()})
    again.load_state_dict(m.state_dict())
    assert torch.equal(again.elbo(b, gen()), m.elbo(b, gen())) and again.dims == m.dims
    assert all(net.spec['name'] == 'MLPEncoder' for net in m.encoders)
    prior = LayeredPrior(**{k: getattr(m.prior, k, given) for k, given in m.prior.spec['args'].items()})
    prior.load_state_dict(m.prior.state_dict())
    z = prior.sample(3, gen())
    assert torch.equal(prior.log_prob(z), m.prior.log_prob(z))


def test_a_step_reads_no_number_out_of_a_tensor(monkeypatch):
    m, v = small(), VAE(latent_dim=3, hidden=(16,), prior=MixturePrior(3, 5))
    vamp = VAE(latent_dim=3, hidden=(16,))
    vamp.prior = VampPrior(vamp.encoder, x[:5])
    models, reads = [m, v, vamp], []
    for o in models: o.loss(x)                                                      # the first batch is looked at
    def spied(name):
        real = getattr(torch.Tensor, name)
        def spy(self, *a): reads.append(name); return real(self, *a)
        monkeypatch.setattr(torch.Tensor, name, spy)
    for name in ('__bool__', '__int__', '__float__', '__index__', 'item', 'tolist'): spied(name)
    for o in models: o.loss(x).backward()
    assert not reads


def test_watch_leaves_no_trace():
    def run(loss):
        torch.manual_seed(0)
        m = small(beta=warmup(10))
        fit(m, x, 12, batch_size=8, loss=loss, progress=False)
        return m
    watch = Watch(x, every=4)
    a, b = run(watch), run(None)
    assert all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values()))
    assert watch.steps == [0, 4, 8] and watch.kl.shape == (3, 9)


def test_measures_of_collapse():
    mu, sd = torch.zeros(100, 3), torch.ones(100, 3)
    mu[:, 1] = torch.linspace(-1, 1, 100)
    assert active_units(mu).tolist() == [False, True, False]
    assert abs(mutual_information(0*mu, sd, gen())) < 1e-5
    assert abs(mutual_information(1000*mu, sd, gen()) - math.log(100)) < 1e-4


def test_a_shared_encoder_comes_back_shared(tmp_path):
    "The average of a part that two own is saved under one name, whichever the order in which they were put together"
    def make(late):
        torch.manual_seed(3)
        shared = enc(8)
        model = VAE(latent_dim=4, encoder=shared, **{} if late else dict(prior=VampPrior(shared, x[:5])))
        if late: model.prior = VampPrior(shared, x[:5])
        return model
    for saved in (True, False):
        model = make(saved)
        fit(model, x, 3, batch_size=16, progress=False, out=tmp_path/str(saved))
        refused(lambda: load(tmp_path/str(saved)), 'load(folder, model=...)')
        for late in (True, False):
            back = load(tmp_path/str(saved), model=make(late))
            assert back.prior.encoder is back.encoder
            with evaluating(model) as a, evaluating(back) as b: torch.testing.assert_close(b.elbo(x, gen()), a.elbo(x, gen()))


@pytest.mark.parametrize('name', ['latent_dim', 'nets', 'encoder', 'decoder'])
def test_what_a_hierarchy_has_not(name): refused(lambda: HVAE((4, 2), **{name: 'conv'}), f'no {name}', 'encoders')


def test_one_layer_draws_in_its_own_dtype():
    assert HVAE((4,)).double().sample(2).dtype==torch.float64
    assert 'prior.zero' not in HVAE((4,)).state_dict()
