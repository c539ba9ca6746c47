"Conditions from outside: guidance, its refusals, and other estimates in a real model's own `sample`."
import pytest, torch
from genmodels import (DDPM, GaussianMixture, UNet, classifier_guided, cosine_path, ddim_step, digits, dpmpp_2m, drop_labels, fit,
    guided, heun_step, inpaint_step, label_dropout, sample, threshold, times)

net = lambda classes=10: UNet(image_size=8, widths=(8,16), blocks=1, dropout=0., classes=classes)

def shaken(model):
    "All weights moved, so that no output is 0 at the start"
    torch.manual_seed(0)
    with torch.no_grad():
        for p in model.parameters(): p += .05*torch.randn_like(p)
    return model

@pytest.fixture(scope='module')
def model(): return shaken(DDPM(image_size=8, net=net(), target='v'))

g = lambda: torch.Generator().manual_seed(0)
y = torch.arange(5)

@pytest.mark.parametrize('bad,word', [(10, 'got 10'), (-1, 'got -1'), (torch.tensor([0,11]), '0 to 11'), (1.5, 'whole'), (True, 'whole')])
def test_a_label_outside_the_classes(model, bad, word):
    with pytest.raises(ValueError, match=word): guided(model)(torch.randn(2, 1, 8, 8), .5, y=bad)
    with pytest.raises(ValueError, match=word): model.sample(2, steps=2, y=torch.as_tensor(bad), estimate=guided(model))
    with pytest.raises(ValueError, match=word): drop_labels(torch.as_tensor(bad), 10)

def test_an_unconditional_model():
    plain = DDPM(image_size=8, net=net(None))
    for f in (lambda: guided(plain, 3.), lambda: label_dropout()(plain, digits(labels=True))):
        with pytest.raises(ValueError, match='unconditional one; make its net with classes'): f()

def test_the_rest_of_bad_input(model):
    x = torch.randn(5, 1, 8, 8)
    with pytest.raises(ValueError, match='got none'): guided(model)(x, .5)
    with pytest.raises(ValueError, match='one class for each'): guided(model)(x, .5, y=y[:3])
    with pytest.raises(ValueError, match='one class for each'): guided(model)(x, .5, y=y[:1])
    with pytest.raises(ValueError, match='labels'): label_dropout()(model, x)
    with pytest.raises(ValueError, match='p in'): label_dropout(-.1)(model, dict(x=x, y=y))
    with pytest.raises(ValueError, match='one number an example'): classifier_guided(model, lambda xt,t: xt.sum())(x, .5)
    with pytest.raises(ValueError, match='mask of True'): inpaint_step(x, torch.ones(1, 8, 8))
    with pytest.raises(ValueError, match='repeats'): inpaint_step(x, x > 0, repeats=1.5)
    for known,mask in ((x[:3], x[:1] > 0), (x, torch.ones(4, 4, dtype=torch.bool)), (x[None], x[:1] > 0)):
        with pytest.raises(ValueError, match='to fit data of shape'): inpaint_step(known, mask)(model, x, .5, .4)

@pytest.mark.parametrize('wrap', [lambda m: guided(m, w=3.), lambda m: threshold(guided(m, w=3.), .9), lambda m: guided(threshold(m), w=3.)])
def test_the_models_own_sample_runs_the_guided_estimate(model, wrap):
    own = model.sample(5, steps=4, y=y, generator=g(), estimate=wrap(model))
    noise = torch.randn(5, 1, 8, 8, generator=g())
    assert torch.equal(own, sample(wrap(model), noise, times(4, T=1000), y=y))
    assert not torch.allclose(own, model.sample(5, steps=4, y=y, generator=g()), atol=1e-3)

def test_labels_and_threshold_keep_their_promise_in_sample(model):
    told = model.sample(5, steps=4, y=y, generator=g())
    assert torch.equal(sample(model, torch.randn(5, 1, 8, 8, generator=g()), times(4, T=1000), y=y), told)
    assert not torch.allclose(told, model.sample(5, steps=4, generator=g()), atol=1e-4)
    free = DDPM(image_size=8, net=model.net, clip=False)
    kept = free.sample(5, steps=4, generator=g(), estimate=threshold(free))
    assert kept.abs().max() <= 1 < free.sample(5, steps=4, generator=g()).abs().max()

def test_another_models_estimate_is_refused(model):
    other = DDPM(image_size=8, net=net())
    for estimate in (guided(other), threshold(guided(other)), lambda xt, t: xt):
        with pytest.raises(ValueError, match='made of this model'): model.sample(2, steps=2, y=0, estimate=estimate)

@pytest.mark.parametrize('step', [ddim_step, heun_step, dpmpp_2m()])
def test_weight_one_is_the_class_itself_with_every_step(model, step):
    noise = torch.randn(5, 1, 8, 8, generator=g())
    a,b = [sample(m, noise, times(4), step, y=y) for m in (guided(model, 1.), model)]
    assert torch.allclose(a, b, atol=1e-4)

def test_guided_estimates_stay_in_range_only_where_the_model_clips(model):
    x = 2*torch.randn(5, 1, 8, 8)
    free = DDPM(image_size=8, net=model.net, target='v', clip=False)
    with torch.no_grad(): kept,loud = [guided(m, 50.)(x, .5, y=y).abs().max() for m in (model, free)]
    assert kept <= 1 < loud

def test_training_with_dropped_labels_reaches_every_row():
    m = DDPM(image_size=8, net=net(), target='v')
    before = m.net.time.label.weight.detach().clone()
    history = fit(m, digits(labels=True), 6, batch_size=64, loss=label_dropout(.3), progress=False)
    assert len(history.loss)==6 and (m.net.time.label.weight - before).abs().amax(1).min() > 0

def test_inpainting_a_color_picture_with_one_mask():
    m = shaken(DDPM(channels=3, image_size=8, net=UNet(3, 8, widths=(8,16), blocks=1)))
    x,mask = torch.rand(4, 3, 8, 8)*2-1,torch.zeros(8, 8, dtype=torch.bool)
    mask[2:5] = True
    out = m.sample(4, steps=3, step=inpaint_step(x, mask, repeats=2), generator=g())
    assert torch.equal(out[...,mask], x[...,mask]) and not torch.allclose(out[...,~mask], x[...,~mask], atol=.01)
    one = m.sample(4, steps=3, step=inpaint_step(x[:1], mask))
    assert torch.equal(one[...,mask], x[:1].expand(4, -1, -1, -1)[...,mask])

def test_a_classifier_guides_float32_data_under_no_grad():
    mix = GaussianMixture([[-1.,0.],[1.,0.]], .2)
    class Exact:
        path = cosine_path()
        def __call__(self, xt, t): return mix.denoise(xt, *self.path(torch.as_tensor(t, dtype=torch.float64)))
    right = lambda xt,t: mix.resp(xt, *Exact.path(torch.as_tensor(t, dtype=torch.float64)))[:,1].clamp(min=1e-30).log()
    x = sample(classifier_guided(Exact(), right), torch.randn(200, 2, generator=g()), times(20))
    assert x.dtype==torch.float32 and not x.requires_grad and (x[:,0] > .2).all()


def learned(**kw):
    torch.manual_seed(0)
    net = UNet(image_size=8, widths=(8, 16), blocks=1, dropout=0., classes=10, out_channels=2)
    for p in net.parameters(): torch.nn.init.normal_(p, std=.1)
    return DDPM(image_size=8, net=net, var='learned', steps=10, grey_levels=17, **kw)


def gen(): return torch.Generator().manual_seed(0)


def test_a_learned_variance_is_guided_too():
    model, y = learned(), torch.arange(4)
    def draw(estimate=None): return model.sample(4, generator=gen(), y=y, estimate=estimate)
    told = draw()
    torch.testing.assert_close(draw(guided(model, 1.)), told, rtol=0, atol=1e-4)
    assert (draw(guided(model, 5.)) - told).abs().max() > .01
    push = classifier_guided(model, lambda x, t: 50*x.flatten(1).sum(1), 1.)
    assert (draw(push) - told).abs().max() > .1
    torch.testing.assert_close(draw(threshold(model)), told, rtol=0, atol=1e-4)


def test_the_bound_is_told_the_label():
    model, y, x = learned(), torch.arange(4), digits()[:4]
    def bound(f):
        torch.manual_seed(1)
        return f()
    told = bound(lambda: model.elbo(x, y=y))
    assert torch.equal(bound(lambda: -model.bound_terms(x, y=y).sum(0)), told)
    assert not torch.equal(bound(lambda: model.elbo(x)), told)


def test_many_labels_at_once():
    model, y = learned(), torch.arange(30) % 10
    def draw(**kw): return model.sample(30, generator=gen(), batch_size=12, y=y, **kw)
    torch.testing.assert_close(draw(estimate=guided(model, 1.)), draw(), rtol=0, atol=1e-4)
    sizes = iter([12, 12, 6])
    def counted(model, xt, t, s, generator=None, y=None):
        if t == 1: assert len(xt) == len(y) == next(sizes)
        return ddim_step(model, xt, t, s, y=y)
    draw(step=counted, steps=2)
    assert model.sample(3, y=3).shape == (3, 1, 8, 8) and model.sample(3, y=[1, 2, 3]).shape == (3, 1, 8, 8)
