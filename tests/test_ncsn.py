"NCSN and its ladder: bad input gets one clear sentence; checkpoints, inpainting and the samplers keep their contracts."
import warnings
import pytest
import torch
from genmodels import (DDPM, NCSN, ByDivision, RefineNet, ScoreNet, UNet, consistent_sample, consistent_step, ddpm_path, edm_weight, fit, load, ncsn_path,
    refinenet_song2019, save, stable_loss, suggest_sigmas, suggest_step)
from genmodels.ncsn import overlap
from genmodels.ncsn2 import variance_ratio, widest_ratio


def refused(f, *hints):
    with pytest.raises(ValueError) as e: f()
    message = str(e.value)
    assert '\n' not in message and 'expected' in message and all(h in message for h in hints), message


def seeded(): return torch.Generator().manual_seed(0)


@pytest.mark.parametrize('kwargs', [dict(sigma_max=.02), dict(sigma_max=.01), dict(sigma_min=3.), dict(sigma_min=0.), dict(sigma_max=float('inf'))])
@pytest.mark.parametrize('image_size', [8, 32])
def test_ladder_upside_down(kwargs, image_size): refused(lambda: NCSN(1, image_size, nf=4, **kwargs), 'sigma_min < sigma_max')


@pytest.mark.parametrize('levels', [1, 0, -3, 2.5])
def test_too_few_levels(levels): refused(lambda: NCSN(1, 32, nf=4, levels=levels), 'levels', '2')


@pytest.mark.parametrize('dilations', [(), (1,), (1, 2, 4), (1, 2, 4, 8, 16)])
def test_not_four_dilations(dilations):
    for image_size in (8, 32): refused(lambda: NCSN(1, image_size, nf=4, dilations=dilations), 'four dilations', str(dilations))


@pytest.mark.parametrize('net', [RefineNet(1, 4, levels=5), refinenet_song2019(1, 4, levels=5)])
@pytest.mark.parametrize('t', [0., 1.2, -.2, .5, .3])
def test_no_such_level(net, t): refused(lambda: net(torch.zeros(2, 1, 8, 8), torch.tensor([1., t])), 'k/5', 'index 0 to 4')


def test_levels_are_found_in_float32():
    net, seen = RefineNet(1, 2, levels=232, sigma_max=100.), []
    net.stem.register_forward_hook(lambda *a: seen.append(1))
    net(torch.zeros(232, 1, 4, 4), torch.arange(1, 233)/232)
    assert seen


def test_net_of_another_ladder():
    refused(lambda: NCSN(1, 8, net=RefineNet(1, 4, levels=5)), '10 levels', '5 levels')
    refused(lambda: NCSN(1, 8, net=RefineNet(1, 4, sigma_max=4.)), 'from 4')


def test_a_refinenet_knows_its_levels_only():
    refused(lambda: NCSN(1, 32, nf=4, any_time=True), 'ScoreNet', 'any_time')
    assert NCSN(1, 8, any_time=True).draw_times(50).mul(10).frac().gt(.01).any()


def test_exact_score_in_place_of_a_net():
    model = NCSN(1, 8, net=lambda x, t: (.5 - x)/model.path(t)[1].view(-1, 1, 1, 1)**2)     # of data that are all one half
    assert (model.sample(3, n_steps_each=2) - .5).abs().max() < 1e-4 and (consistent_sample(model, 3) - .5).abs().max() < 1e-4


def test_stable_loss_of_one_image_is_the_plain_one():
    model, x = NCSN(1, 8, any_time=True), (2*torch.rand(1, 1, 8, 8, generator=seeded()) - 1).expand(20, -1, -1, -1)
    def seen(loss):
        torch.manual_seed(0)
        return loss(model, x).item()
    assert seen(stable_loss(x)) == pytest.approx(seen(lambda m, x: m.loss(x)), rel=1e-4)


IMAGES = torch.linspace(-1, 1, 5*64).view(5, 1, 8, 8)

@pytest.mark.parametrize('data,batch,hint', [(IMAGES, dict(x=IMAGES, y=1), 'own loss'), (IMAGES[:3], IMAGES, 'out of data'), (IMAGES, IMAGES[..., :4], '(1, 8, 4)'),
    (IMAGES.to(torch.uint8), IMAGES, 'uint8'), (IMAGES[:0], IMAGES, 'training images'), (dict(x=IMAGES), IMAGES, 'dict')])
def test_stable_loss_refuses(data, batch, hint): refused(lambda: stable_loss(data)(NCSN(1, 8, any_time=True), batch), hint)


def test_stable_loss_keeps_the_models_own_checks():
    with pytest.warns(UserWarning, match='suggest_sigmas'): stable_loss(50*IMAGES)(NCSN(1, 8, any_time=True), 50*IMAGES)
    refused(lambda: stable_loss(IMAGES)(DDPM(1, 8, var='learned'), IMAGES), 'fixed variance')


@pytest.mark.parametrize('sd', [0, -1., float('nan')])
def test_weight_of_no_spread(sd): refused(lambda: edm_weight(sd, 'score'), 'sd to be a number above 0')


def test_weight_of_another_target(): refused(lambda: NCSN(1, 8, weight=edm_weight(.7, 'eps')), "'eps'", "'score'")


@pytest.mark.parametrize('kwargs', [{}, dict(any_time=True), dict(weight=edm_weight(.7, 'score')), dict(weight=edm_weight(.7, 'score'), any_time=True)])
def test_weight_and_times_are_saved(kwargs, tmp_path):
    model, x = NCSN(1, 8, **kwargs), 2*torch.rand(20, 1, 8, 8) - 1
    save(model, tmp_path)
    def loss(m):
        torch.manual_seed(0)
        return m.loss(x)
    assert loss(load(tmp_path)) == loss(model.eval())


def warned(model, x):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        model.loss(x)
    return [str(w.message) for w in seen]


def test_data_out_of_reach():
    x = 2*torch.rand(6, 1, 8, 8) - 1
    far = torch.pdist(40*x.flatten(1)).max()
    model = NCSN(1, 8)
    message, = warned(model, 40*x)
    assert f'sigma_max={far:.3g}' in message and 'suggest_sigmas' in message and '\n' not in message
    assert warned(model, 40*x) == [] and warned(NCSN(1, 8), x) == []        # once a model; and not without cause
    assert warned(NCSN(1, 8, **suggest_sigmas(40*x)), 40*x) == []
    assert warned(NCSN(1, 8), x[:1]) == []


def test_other_bad_input():
    model = NCSN(1, 8)
    refused(lambda: model.loss(torch.zeros(2, 1, 9, 9)), '(n, 1, 8, 8)')
    refused(lambda: model.sample(0), 'n to be a whole number, at least 1')
    refused(lambda: model.sample(2, n_steps_each=-1), 'n_steps_each', 'at least 1')
    refused(lambda: NCSN(1, 8, n_steps_each=0), 'n_steps_each')
    refused(lambda: NCSN(1, 8, step_lr=-1.), 'step_lr')
    refused(lambda: model.inpaint(torch.zeros(2, 1, 8, 7), torch.tensor(True)), 'images of shape')
    refused(lambda: model.inpaint(torch.zeros(0, 1, 8, 8), torch.tensor(True)), 'number of images', 'at least 1')
    refused(lambda: model.inpaint(torch.zeros(2, 1, 8, 8), torch.ones(8, 8)), 'boolean')
    refused(lambda: model.inpaint(torch.zeros(2, 1, 8, 8), torch.ones(3, 8, dtype=torch.bool)), 'mask')
    for x in (torch.zeros(3, 1, 8, 8), torch.zeros(0, 1, 8, 8), torch.full((3, 4), float('nan'))): refused(lambda: suggest_sigmas(x), 'differ')
    for share in (0., 1., -1): refused(lambda: widest_ratio(64, share), 'between 0 and 1')
    for gamma,T in ((1., 5), (1.2, 0)): refused(lambda: suggest_step(gamma, T), 'above 1')
    refused(lambda: consistent_sample(model, 0), 'n to be a whole number, at least 1')
    refused(lambda: consistent_sample(model, 2, levels=1), 'levels', 'at least 2')
    refused(lambda: consistent_sample(model, 2, eta=2.5), 'eta between 0 and 2')
    class Shrinks: path = ddpm_path()
    refused(lambda: consistent_step(Shrinks(), torch.zeros(2, 3), 1., .5), 'only adds noise')


def test_the_papers_numbers():
    gamma = 5000**(1/231)
    assert abs(gamma - 1.0376) < 5e-5 and abs(overlap(gamma, 3072) - .567) < 5e-4
    assert abs(variance_ratio(gamma, .062, 5) - 1.0555) < 5e-5 and abs(variance_ratio(100**(1/9), .2, 100) - 1.111) < 5e-4
    assert suggest_step(gamma, 5) == .062
    n = lambda m: sum(p.numel() for p in m.parameters())
    assert n(refinenet_song2019()) == 30_117_635 and n(refinenet_song2019(1, 64)) == 7_638_657


@pytest.mark.parametrize('net', [None, refinenet_song2019(1, 4, 3, 4., .5), ScoreNet(UNet(1, 8, (8, 16)), ncsn_path(3, 4., .5)), ByDivision(UNet(1, 8, (8, 16)), ncsn_path(3, 4., .5))])
def test_saved_and_loaded(tmp_path, net):
    model = NCSN(1, 8, levels=3, sigma_max=4., sigma_min=.5, net=net, n_steps_each=2)
    save(model, tmp_path)
    again = load(tmp_path)
    assert torch.equal(model.sample(3, generator=seeded()), again.sample(3, generator=seeded()))
    if hasattr(model.net, 'sigmas'): assert 'net.sigmas' in model.state_dict() and torch.equal(model.net.sigmas, again.net.sigmas)


def test_samplers_leave_the_model_as_it_was():
    model = NCSN(1, 8, levels=3, sigma_max=4., sigma_min=.5, n_steps_each=2).train()
    before, known, x = [p.clone() for p in model.parameters()], torch.rand(8, 8) > .5, 2*torch.rand(5, 1, 8, 8) - 1
    for draw in (lambda g: model.sample(5, generator=g), lambda g: consistent_sample(model, 5, generator=g), lambda g: consistent_sample(model, 5, levels=7, generator=g), lambda g: model.inpaint(x, known, generator=g)):
        y = draw(seeded())
        assert y.shape == (5, 1, 8, 8) and y.isfinite().all() and not y.requires_grad and model.training
        assert torch.equal(y, draw(seeded())) and not torch.equal(y, draw(torch.Generator().manual_seed(1)))
    assert torch.equal(torch.where(known, x, 0), torch.where(known, model.inpaint(x, known), 0))
    assert all(map(torch.equal, before, model.parameters()))


def test_equal_images_have_no_ladder():
    "Their distances are rounding, and no reason for one"
    for x in (torch.full((100, 1, 28, 28), -.9), (2*torch.rand(1, 3, 64, 64, generator=seeded()) - 1).expand(100, -1, -1, -1)): refused(lambda: suggest_sigmas(x), 'differ')


def test_no_steps_and_other_dtypes():
    model = NCSN(1, 8, nf=8, levels=3)
    refused(lambda: model.sample(2, n_steps_each=0), 'n_steps_each', 'at least 1')
    refused(lambda: model.inpaint(torch.zeros(2, 1, 8, 8), torch.ones(1, 1, 8, 8, dtype=torch.bool), n_steps_each=-1), 'n_steps_each', 'at least 1')
    assert model.double().sample(2, n_steps_each=1).dtype==torch.float64


SMALL = dict(levels=3, sigma_max=4., sigma_min=.5, n_steps_each=2)

class TwoGreys(torch.nn.Module):
    "The exact score of images that are all -1/2 or all 1/2, told which"
    path = ncsn_path(3, 4., .5)
    def forward(self, x, t, y): return ((y.view(-1, 1, 1, 1) - .5) - x)/self.path.at(t, x).sig**2


UPPER = torch.arange(8)[:, None] < 4
WALKS = dict(sample=lambda m, n, **kw: m.sample(n, **kw), consistent=consistent_sample,
    inpaint=lambda m, n, **kw: m.inpaint(torch.zeros(n, 1, 8, 8), UPPER, **kw))

@pytest.mark.parametrize('walk', WALKS.values(), ids=WALKS)
def test_conditions_travel_to_the_net(walk):
    model, y = NCSN(1, 8, net=TwoGreys(), **SMALL), torch.tensor([0, 1, 1])
    x = walk(model, 3, y=y, generator=seeded())
    assert torch.allclose(x[:, 0, 7, 0], y - .5, atol=1e-3)
    unet = UNet(1, 8, (8, 16), classes=2)
    for p in unet.parameters(): torch.nn.init.normal_(p, std=.1)        # it starts by answering 0 to all
    knows = NCSN(1, 8, net=ScoreNet(unet, ncsn_path(3, 4., .5)), **SMALL)
    zeros, ones = [walk(knows, 3, y=torch.full((3,), k), generator=seeded()) for k in (0, 1)]
    assert zeros.isfinite().all() and ones.isfinite().all() and not torch.allclose(zeros, ones, atol=1e-3)


@pytest.mark.parametrize('walk', WALKS.values(), ids=WALKS)
def test_one_condition_for_all(walk):
    for y in (1, [1, 1, 1]): assert torch.allclose(walk(NCSN(1, 8, net=TwoGreys(), **SMALL), 3, y=y)[:, 0, 7, 0], torch.full((3,), .5), atol=1e-3)


@pytest.mark.parametrize('walk', [WALKS['sample'], consistent_sample], ids=['sample', 'consistent'])
def test_conditions_are_cut_with_their_images(walk):
    model, y = NCSN(1, 8, net=TwoGreys(), **SMALL), torch.tensor([0, 1, 1, 0, 1])
    x = walk(model, 5, y=y, batch_size=2)
    assert torch.allclose(x[:, 0, 7, 0], y - .5, atol=1e-3)


def test_compiled_net():
    plain = ScoreNet(UNet(1, 8, (8, 16)), ncsn_path(3, 4., .5))
    model, x = NCSN(1, 8, net=torch.compile(plain, backend='eager'), **SMALL), 2*torch.rand(8, 1, 8, 8, generator=seeded()) - 1
    before = [p.clone() for p in plain.parameters()]
    fit(model, x, 3, batch_size=8, ema=.5, progress=False)
    assert not all(map(torch.equal, before, plain.parameters()))
    uncompiled = NCSN(1, 8, net=plain, **SMALL)
    uncompiled.ema = model.ema
    for walk in WALKS.values(): assert torch.allclose(walk(model, 3, generator=seeded()), walk(uncompiled, 3, generator=seeded()), atol=1e-5)
