"What used to go wrong without a word: averages that no longer belong, steps that leave damage, data that are not what they seem"
import copy, math, os, warnings
import numpy as np
import pytest, torch
from torch import nn
from torch.nn.utils import prune
from genmodels import DDPM, HVAE, NCSN, VAE, Denoiser, ScoreNet, UNet, cosine_path, digits, fit, guided, load, ncsn_path, save, stable_loss
from genmodels.average import averages, keep_average, seal_average

quick = dict(progress=False, batch_size=32)
x = digits()[:256]
def seed(k=0): return torch.Generator().manual_seed(k)
def drawn(model): return model.sample(2, generator=seed(), **(dict(steps=3) if isinstance(model, DDPM) else {}))
def warns(f):
    "Does `f` warn that weights have moved?"
    with warnings.catch_warnings(record=True) as w: warnings.simplefilter('always'); f()
    return any('have moved' in str(o.message) for o in w)
makes = dict(vae=lambda: VAE((1,8,8), hidden=(16,)), hvae=lambda: HVAE([4,2], hidden=(16,)), ddpm=lambda: DDPM(1, 8, steps=20),
    ncsn=lambda: NCSN(1, 8, levels=3, sigma_max=7., n_steps_each=2))


# the average belongs to its weights
@pytest.fixture(params=makes)
def trained(request):
    torch.manual_seed(0)
    model = makes[request.param]()
    fit(model, x, 5, lr=1e-2, **quick)
    return model

def moved_by_data(model): next(p for p in model.parameters() if p.ndim > 1).data.mul_(1.5)
def zeroed(model):
    for p in model.parameters(): nn.init.zeros_(p)
def one_bit(model): next(model.parameters()).data.view(-1)[0].add_(1e-7)
def other_state(model): model.load_state_dict({k: v + .1 if v.is_floating_point() else v for k,v in model.state_dict().items()})
def assigned(model): model.load_state_dict({k: v*1.1 if v.is_floating_point() else v for k,v in model.state_dict().items()}, assign=True)
def own_loop(model):
    model.train()
    opt = torch.optim.SGD(model.parameters(), lr=1e-3)
    model.loss(x[:16]).backward(); opt.step()
    model.eval()

@pytest.mark.parametrize('move', [moved_by_data, zeroed, one_bit, other_state, assigned, own_loop])
def test_weights_that_moved_are_drawn_with(trained, move, tmp_path):
    for model in (trained, load(save(trained, tmp_path/'a')), copy.deepcopy(trained)):
        assert not warns(lambda: drawn(model))
        move(model)
        bare = copy.deepcopy(model); bare.ema = None
        got = []
        assert warns(lambda: got.append(drawn(model))) and torch.equal(got[0], drawn(bare))
        assert warns(lambda: save(model, tmp_path/'b')) and not averages(load(tmp_path/'b'))

def test_fit_goes_on_without_an_average_that_does_not_belong():
    model = makes['vae'](); fit(model, x, 20, **quick)
    before = {k: v.clone() for k,v in model.ema.items()}
    zeroed(model)
    assert warns(lambda: fit(model, x, 1, lr=1e-9, **quick))
    name = 'encoder.1.layers.0.weight'
    assert not warns(lambda: drawn(model)) and model.ema[name].abs().max() < 1e-6 < before[name].abs().max() and model.ema_steps == 1

def test_the_average_comes_back_with_its_weights(trained):
    want,state = drawn(trained),copy.deepcopy(trained.state_dict())
    zeroed(trained); assert warns(lambda: drawn(trained))
    trained.load_state_dict(state)
    assert not warns(lambda: drawn(trained)) and torch.equal(drawn(trained), want)

@pytest.mark.parametrize('dtype', [torch.float64, torch.bfloat16, torch.float16])
def test_a_cast_is_no_move(trained, dtype):
    trained.to(dtype)
    assert not warns(lambda: averages(trained)) and averages(trained)
    if dtype == torch.float64: one_bit(trained.float().double()); assert warns(lambda: averages(trained))

def test_an_average_that_is_followed_by_hand():
    model = makes['vae'](); fit(model, x, 5, **quick)
    keep_average(model, model.ema)
    own_loop(model)
    for n,p in model.named_parameters(): model.ema[n].lerp_(p.detach(), .1)
    assert not warns(lambda: drawn(model))
    seal_average(model); own_loop(model); assert warns(lambda: drawn(model))

def test_parts_are_judged_one_by_one():
    a,b = makes['vae'](),makes['ddpm']()
    for m in (a, b): fit(m, x, 3, **quick)
    whole = nn.ModuleDict(dict(a=a, b=b))
    zeroed(a)
    got = {}
    assert warns(lambda: got.update(averages(whole))) and got and all(k.startswith('b.') for k in got)

def test_a_loaded_model_owns_its_average(tmp_path):
    for name,data in dict(a=x, b=-x).items():
        m = makes['ddpm'](); fit(m, data, 5, lr=1e-2, **quick); save(m, tmp_path/name)
    want,m = drawn(load(tmp_path/'a')),load(tmp_path/'a')
    file = tmp_path/'a'/'model.safetensors'
    with open(file, 'r+b') as f: f.write((tmp_path/'b'/'model.safetensors').read_bytes())
    assert torch.equal(drawn(m), want)


# a step that is not finite
class Stats(nn.Module):
    "Statistics of several kinds that a loss moves"
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 64), nn.BatchNorm1d(64, momentum=None))
        self.register_buffer('seen', torch.zeros(3)); self.register_buffer('n', torch.tensor(0)); self.register_buffer('none', None)
    def loss(self, x):
        self.seen = self.seen*.9 + x.mean()
        self.n += len(x)
        return (self.net(x) - x.flatten(1)).square().mean()

def spoilt(k, how=math.nan):
    "A loss whose batch is bad in step `k`"
    calls = []
    def loss(model, x): calls.append(1); return model.loss(x*how if len(calls) == k else x)
    return loss

@pytest.mark.parametrize('how', [math.nan, math.inf, 1e30])
@pytest.mark.parametrize('make', [Stats, lambda: VAE(hidden=(16,), least_sd=.01), lambda: HVAE([4,2], hidden=(16,)), lambda: DDPM(1, 8, steps=20)])
def test_a_bad_batch_leaves_all_as_it_was(make, how):
    torch.manual_seed(0)
    one = make(); two = copy.deepcopy(one)
    if isinstance(one, (VAE,DDPM)): one.looked = True
    with pytest.raises((FloatingPointError,ValueError)) as e: fit(one, x, 30, loss=spoilt(6, how), schedule='constant', **quick)
    if e.type is ValueError: return                                    # seen before it was computed with
    fit(two, x, 5, loss=lambda m, b: m.loss(b), schedule='constant', **quick)
    for a,b in ((one.state_dict(),two.state_dict()), (one.ema,two.ema)):
        for n in b: assert torch.equal(a[n], b[n]), n
    assert one.ema_steps == 5
    fit(one, x, 5, lr=1e-4, **quick)

@pytest.mark.parametrize('make', [Stats, lambda: VAE(hidden=(16,)), lambda: HVAE([4,2], hidden=(16,))])
def test_after_a_rate_far_too_large_training_goes_on(make):
    torch.manual_seed(0)
    model = make()
    try: fit(model, x, 60, lr=1e4, clip=None, weight_decay=1e-3, **quick)
    except FloatingPointError: pass
    assert all(t.isfinite().all() for t in [*model.parameters(), *model.ema.values()])
    fit(model, x, 10, lr=1e-5, **quick)

def test_one_update_is_undone_exactly_enough():
    "AdamW with decay, read backwards"
    from genmodels.descent import Run
    torch.manual_seed(0)
    model = VAE(hidden=(16,)).double()
    settings = dict(steps=50, batch_size=32, lr=1e-2, ema=.99, seed=0, schedule='cosine', warmup=5, clip=1., weight_decay=.1, dtype=None)
    run = Run(model, 256, settings)
    for k in range(8):
        if k == 7: kept = [t.clone() for t in (*run.weights, *run.averages) if t.ndim]
        run.step(x[:32].double(), lambda m, b: m.loss(b))
    run.step_back()
    n,now = len(kept)//2,[t for t in (*run.weights, *run.averages) if t.ndim]
    apart = [(a - b).abs().max() for a,b in zip(kept, now)]
    assert max(apart[:n]) < 1e-14 and max(apart[n:]) < 1e-8          # the average's share is a float32 number
    assert run.k == 7


# one boundary for all models
PIXELS = (x + 1)*127.5
@pytest.mark.parametrize('make', makes)
def test_pixels_up_to_255_are_refused(make):
    for data in (PIXELS, PIXELS.double().numpy(), dict(x=PIXELS), torch.utils.data.TensorDataset(PIXELS)):
        model = makes[make](); before = copy.deepcopy(model.state_dict())
        with pytest.raises(ValueError, match='x/127.5-1'): fit(model, data, 2, **quick)
        assert all(torch.equal(v, before[k]) for k,v in model.state_dict().items()) and not getattr(model, 'ema', None)
    fit(makes[make](), PIXELS/127.5 - 1, 2, **quick)                         # the advice, followed

@pytest.mark.parametrize('make', makes)
def test_other_types(make):
    torch.manual_seed(0); want = makes[make](); fit(want, x, 3, **quick)
    for data in (x.double(), x.double().numpy(), x.numpy(), torch.utils.data.TensorDataset(x.double())):
        torch.manual_seed(0); model = makes[make](); fit(model, data, 3, **quick)
        assert all(torch.equal(a, b) for a,b in zip(model.parameters(), want.parameters()))
    with pytest.raises(ValueError, match='float'): fit(makes[make](), x.long(), 2, **quick)
    with pytest.raises(ValueError, match='drop NaN'): fit(makes[make](), torch.where(torch.arange(256).view(-1,1,1,1) == 99, math.nan, x), 2, **quick)

def test_clip_and_the_scale_of_the_data():
    with pytest.raises(ValueError, match='clip=False'): fit(DDPM(1, 8), 3*x, 2, **quick)
    fit(DDPM(1, 8, clip=False), 3*x, 2, **quick)
    with pytest.raises(ValueError, match='clip=False'): DDPM(1, 8).loss(3*x)      # in a loop of one's own: the first batch

@pytest.mark.parametrize('wrap', [lambda m: m, lambda m: torch.compile(m, backend='eager'), nn.DataParallel])
def test_labels_from_one(wrap):
    net = UNet(1, 8, widths=(8,16), blocks=1, classes=10, dropout=0.)
    y = digits(labels=True)['y'][:256]
    for data in (dict(x=x, y=y + 1), dict(x=x, y=(y + 1).numpy())):
        with pytest.raises(ValueError, match='y-1'): fit(DDPM(1, 8, net=wrap(net), steps=20), data, 2, **quick)
    fit(DDPM(1, 8, net=wrap(net), steps=20), dict(x=x, y=y), 2, **quick)
    fit(DDPM(1, 8, net=wrap(net), steps=20), dict(x=x, y=torch.where(torch.arange(256) < 9, 10, y)), 2, **quick)   # some without

@pytest.mark.parametrize('terms', [None, 2])
def test_bits_off_the_grid(terms):
    model = DDPM(1, 8, steps=4)
    for bad in (x[:4]*math.nan, PIXELS[:4], x[:4] + .01, x[:4, :, :4]):
        with pytest.raises(ValueError): model.bits_per_dim(bad, 17, terms=terms)
    assert model.bits_per_dim(x[:4], 17, terms=terms).isfinite().all()

def test_labels_that_are_too_many():
    model = DDPM(1, 8, net=UNet(1, 8, widths=(8,16), blocks=1, classes=10), steps=4)
    for n,y in ((4, torch.arange(8)), (4, torch.arange(3)), (1, torch.arange(2)), (4, torch.zeros(1, dtype=torch.long))):
        for batch in (1, 3, 512):
            with pytest.raises(ValueError, match=f'each of {n} images'): model.sample(n, steps=1, batch_size=batch, y=y)
    assert len(model.sample(4, steps=1, y=7)) == 4


# stable_loss and its data
@pytest.mark.parametrize('shape', [(1,8,8), (1,28,28), (3,64,64)])
def test_stable_loss_knows_its_images(shape):
    data = torch.rand(120, *shape, generator=seed())*2 - 1
    model = Denoiser(lambda x, t: x, cosine_path())
    loss = stable_loss(data)
    for rows in data.split(17): assert loss(model, rows).isfinite()
    foreign = data[:8].clone(); foreign[5,0,3,3] += 1e-6
    with pytest.raises(ValueError, match='1 others'): loss(model, foreign)
    assert stable_loss(data.double())(model, data[:3]).isfinite() and stable_loss(data)(model, data[:3].double()).isfinite()


# settings changed later, calls that only look
def changes():
    yield 'VAE', 'sd', .1
    yield 'VAE', 'sd', 'learned'
    yield 'VAE', 'grey_levels', 17
    yield 'VAE', 'beta', .5
    yield 'VAE', 'least_sd', .05
    yield 'HVAE', 'beta', .5
    yield 'HVAE', 'sd', .3
    yield 'NCSN', 'step_lr', 1e-5
    yield 'NCSN', 'n_steps_each', 7
    yield 'DDPM', 'weight', None
    yield 'DDPM', 'clip', False
    yield 'DDPM', 'grey_levels', 17
@pytest.mark.parametrize('name, attr, value', [*changes()])
def test_a_setting_changed_later_is_saved(tmp_path, name, attr, value):
    model = makes[name.lower()]()
    fit(model, x, 2, **quick)
    setattr(model, attr, value)
    back = load(save(model, tmp_path))
    assert getattr(back, attr) == value
    if attr == 'sd': assert torch.equal(torch.as_tensor(back.scale), torch.as_tensor(model.scale))

def test_sd_to_and_fro():
    v = VAE(hidden=(16,))
    fit(v, x, 30, **quick)
    found = v.scale.item()
    v.sd = found
    assert v.log_sd is None and v.scale == found
    v.sd = 'learned'
    assert v.log_sd.requires_grad and v.log_sd.exp().item() == pytest.approx(found)
    fit(v, x, 5, **quick)
    v.sd = 'optimal'
    assert not v.log_sd.requires_grad and v.moved_by_loss == ('log_sd',)
    fit(v, x, 5, **quick)
    with pytest.raises(ValueError, match='sd'): v.sd = -1.
    assert v.sd == 'optimal'

@pytest.mark.parametrize('make', ['vae','hvae'])
@pytest.mark.parametrize('look', ['encode','reconstruct','interpolate'])
def test_looking_draws_nothing(make, look):
    model = makes[make]()
    before = torch.get_rng_state()
    model.interpolate(x[0], x[1]) if look == 'interpolate' else getattr(model, look)(x[:4])
    assert torch.equal(before, torch.get_rng_state())


# a run is its data
def run(tmp_path, data, resume=True, **kw):
    torch.manual_seed(0); model = makes['ddpm']()
    fit(model, data, 4, out=tmp_path, resume=resume, **(quick | kw))
    return model

def test_resuming_on_other_data(tmp_path):
    run(tmp_path, x, resume=False)
    run(tmp_path, x.numpy()); run(tmp_path, torch.utils.data.TensorDataset(x)); run(tmp_path, dict(x=x))
    for other in (-x, x.flip(0), torch.cat([x[:-1], x[:1]]), torch.utils.data.TensorDataset(x.flip(0)), dict(x=x.flip(1, 2))):
        with pytest.raises(ValueError, match='other data'): run(tmp_path, other)

def test_items_that_are_drawn_are_no_other_data(tmp_path):
    class Flipped(torch.utils.data.Dataset):
        def __len__(self): return len(x)
        def __getitem__(self, i): return x[i] if torch.rand(()) < .5 else x[i].flip(-1)
    run(tmp_path, Flipped(), resume=False); run(tmp_path, Flipped())

def test_a_model_saved_after_its_run(tmp_path):
    model = run(tmp_path, x, resume=False)
    save(model, tmp_path); run(tmp_path, x)                                # the same weights: nothing is lost
    one_bit(model); model.ema = None
    save(model, tmp_path)
    with pytest.raises(ValueError, match='saved after its run'): run(tmp_path, x)
    os.remove(tmp_path/'run.safetensors')
    with pytest.raises(ValueError, match='no run that could be taken up'): run(tmp_path, x)
    with pytest.warns(UserWarning, match='holds a model already'): run(tmp_path, x, resume=False)

def test_a_run_is_not_replaced_without_a_word(tmp_path):
    run(tmp_path, x, resume=False)
    with pytest.warns(UserWarning, match='holds a run already'): run(tmp_path, x, resume=False)


# an NCSN's classes
def test_an_ncsn_that_knows_classes():
    path = ncsn_path(3, 7., .1)
    net = UNet(1, 8, widths=(8,16), blocks=1, dropout=0., classes=10)
    for p in net.parameters(): p.data += .1*torch.randn_like(p)
    for wrap in (lambda m: m, nn.DataParallel):
        model = NCSN(1, 8, levels=3, sigma_max=7., sigma_min=.1, net=wrap(ScoreNet(net, path)), n_steps_each=1)
        one,other = guided(model, 5.),guided(model, 0.)
        xt,y = torch.randn(4, 1, 8, 8),torch.arange(4)
        assert not torch.equal(one(xt, .5, y=y), other(xt, .5, y=y)) and torch.equal(other(xt, .5, y=y), model(xt, .5))
        assert not torch.equal(model.sample(4, generator=seed(), y=y), model.sample(4, generator=seed()))
        with pytest.raises(ValueError, match='got Estimate'): model.sample(4, estimate=one, y=y)


# what hunters found
@pytest.mark.parametrize('lr', [10., 100., 1e4])
@pytest.mark.parametrize('start', [0, 1, 2])
def test_an_update_that_did_the_damage_is_undone(lr, start):
    "Also where the batch before it is still finite"
    torch.manual_seed(start)
    v = VAE(hidden=(16,), latent_dim=2); begun = copy.deepcopy(v)
    try: fit(v, x[:40], 30, lr=lr, batch_size=8, progress=False)
    except FloatingPointError as e:
        if str(e).startswith('step 2:'): assert all(torch.allclose(a, b, atol=1e-2) for a,b in zip(v.encoder.parameters(), begun.encoder.parameters()))
        fit(v, x[:40], 30, lr=1e-4, batch_size=8, progress=False)

class Late(nn.Module):
    "A parameter that takes part from the fourth step on, and then breaks the loss"
    def __init__(self):
        super().__init__()
        self.a,self.b,self.n = nn.Parameter(torch.ones(3)),nn.Parameter(torch.zeros(3)),0
    def loss(self, x):
        self.n += 1
        L = self.a.square().sum()
        if self.n > 3: L = L - torch.log(1e-4 - self.b).sum()*1e-9 - self.b.sum()
        return L

def test_a_parameter_that_joined_late_is_undone_too():
    m = Late()
    with pytest.raises(FloatingPointError): fit(m, torch.randn(50, 4), 20, lr=.1, batch_size=8, progress=False)
    assert m.b.abs().max() < 1e-4

@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16, torch.float64])
def test_weights_that_moved_after_a_cast(trained, dtype):
    trained.to(dtype)
    assert not warns(lambda: averages(trained)) and averages(trained)
    other_state(trained)
    assert warns(lambda: averages(trained))

def test_every_training_looks_at_its_data():
    m = DDPM(1, 8, steps=10); fit(m, x, 1, **quick)
    for loss in (stable_loss(PIXELS), lambda m, b: m.loss(b)):
        with pytest.raises(ValueError, match='x/127.5-1'): fit(m, PIXELS, 2, loss=loss, **quick)
    with pytest.raises(ValueError, match='256 grey levels'): fit(m, x, 2, loss=DDPM.bound_loss, **quick)

def test_weights_under_other_names():
    class Two(nn.Module):
        def __init__(self): super().__init__(); self.a,self.b = nn.Linear(4, 4),nn.Linear(4, 4)
        def forward(self, x): return self.b(self.a(x))
        def loss(self, x): return (self(x) - x).square().mean()
    z = torch.randn(50, 4)
    m = Two(); fit(m, z, 20, **quick)
    prune.identity(m.a, 'weight')
    got = {}
    assert warns(lambda: got.update(averages(m))) and not got
    m = Two(); fit(m, z, 20, **quick); m.a = nn.Sequential(m.a)
    assert warns(lambda: averages(m))
    m = Two(); fit(m, z, 20, **quick); m.b = nn.Identity()                # a part that is gone takes its average along
    assert not warns(lambda: averages(m)) and len(averages(m)) == 2

def test_a_part_that_is_trained_after_the_whole():
    v = makes['vae'](); fit(v, x, 20, **quick)
    decoder = {k: t.clone() for k,t in averages(v).items() if k.startswith('decoder')}
    fit(v.encoder, x, 3, loss=lambda m, b: m(b).square().mean(), **quick)
    got = {}
    assert not warns(lambda: got.update(averages(v))) and len(got) == len([*v.named_parameters()])
    assert all(torch.equal(got[k], t) for k,t in decoder.items())

def test_buffers_of_any_kind():
    class Odd(Stats):
        def __init__(self):
            super().__init__()
            self.register_buffer('mask', torch.ones(1, 1).expand(4, 4))
            self.register_buffer('graph', torch.eye(3).to_sparse())
            self.register_buffer('queue', torch.zeros(0, 64))
        def loss(self, x):
            self.queue = torch.cat([self.queue, x.flatten(1)[:1].detach()])
            return super().loss(x)
    m = Odd()
    with pytest.raises(FloatingPointError): fit(m, x, 30, loss=spoilt(6), schedule='constant', **quick)
    assert len(m.queue) == 5 and m.queue.isfinite().all()

@pytest.mark.parametrize('of', [lambda self: 3, 7, None])
def test_a_shape_of_the_user_s_own(tmp_path, of):
    class Net(Stats): shape = of
    fit(Net(), x, 2, out=tmp_path, **quick)
    assert load(tmp_path, model=Net()) is not None

def test_labels_of_any_whole_type():
    net = UNet(1, 8, widths=(8,16), blocks=1, classes=10, dropout=0.)
    y = digits(labels=True)['y'][:256]
    for dtype in (torch.uint8, torch.int32, torch.int64): fit(DDPM(1, 8, net=net, steps=10), dict(x=x, y=y.to(dtype)), 1, **quick)
    for dtype in (torch.float32, torch.bool):
        with pytest.raises(ValueError, match='whole numbers'): fit(DDPM(1, 8, net=net, steps=10), dict(x=x, y=y.to(dtype)), 1, **quick)
    fit(makes['vae'](), dict(x=x, y=y), 2, **quick)                        # a VAE needs none

@pytest.mark.parametrize('wrap', [nn.DataParallel, lambda m: torch.compile(m, backend='eager')])
def test_our_losses_of_wrapped_models(wrap):
    from genmodels import label_dropout
    net = UNet(1, 8, widths=(8,16), blocks=1, classes=10, dropout=0.)
    d = dict(x=x, y=digits(labels=True)['y'][:256])
    fit(wrap(DDPM(1, 8, net=net, steps=10)), d, 2, loss=label_dropout(), **quick)
    fit(wrap(makes['ncsn']()), x, 2, loss=stable_loss(x), **quick)

class Captions(torch.utils.data.Dataset):
    def __len__(self): return 20
    def __getitem__(self, i): return dict(x=x[i], words=f'a digit, number {i}')

def wrong_calls():
    v = lambda: VAE((1,8,8), hidden=(8,))
    yield 'no loss', lambda: fit(nn.Linear(2, 2), x, 1, **quick), 'a model with a loss'
    yield 'a function', lambda: fit(len, x, 1, **quick), 'torch.nn.Module'
    yield 'a word', lambda: fit(v(), x, 1, loss='mse', **quick), 'a loss'
    yield 'None', lambda: fit(v(), x, 1, loss=lambda m, b: None, **quick), 'returns a tensor, got NoneType'
    yield 'a float', lambda: fit(v(), x, 1, loss=lambda m, b: 3., **quick), 'got float'
    yield 'detached', lambda: fit(v(), x, 1, loss=lambda m, b: m.loss(b).detach(), **quick), 'depends on the weights'
    yield 'a tuple', lambda: fit(v(), (x, x), 1, **quick), 'got tuple'
    yield 'no rows', lambda: fit(v(), dict(x=x, y=None), 1, **quick), "under ['y']"
    yield '0-d', lambda: fit(v(), dict(x=x, y=torch.tensor(1)), 1, **quick), "under ['y']"
    yield 'mixed keys', lambda: fit(v(), {1: x, 'y': x}, 1, **quick), "under 'x'"
    yield 'other keys', lambda: fit(v(), [dict(image=o) for o in x], 1, **quick), "keys ['image']"
    for seed in (True, 2**64, 1.5): yield f'seed {seed}', lambda seed=seed: fit(v(), x, 1, seed=seed, **quick), 'seed'
    for name,value in dict(ema='a', clip='a', weight_decay=None, lr=[1]).items():
        yield name, lambda kw={name: value}: fit(v(), x, 1, **quick, **kw), name
@pytest.mark.parametrize('call, says', [pytest.param(c, s, id=n) for n,c,s in wrong_calls()])
def test_calls_that_make_no_sense(call, says):
    with pytest.raises(ValueError) as e: call()
    assert says in str(e.value) and '\n' not in str(e.value)

def test_data_with_words(tmp_path):
    fit(makes['vae'](), Captions(), 2, loss=lambda m, b: m.loss(b['x']), out=tmp_path, progress=False, batch_size=4)
    fit(makes['vae'](), x, 1, seed=np.int64(4), **quick)

def test_float64_images_are_looked_at_as_float32():
    torch.manual_seed(0)
    v,d = makes['vae'](),makes['ddpm']()
    for f in (lambda x: v.encode(x)[0], v.reconstruct): assert torch.allclose(f(x[:4].double()).float(), f(x[:4]), atol=1e-4)
    wide,usual = (v.bits_per_dim(o, 17, k=5).mean().item() for o in (x.double(), x))
    assert abs(wide - usual) < .05
    for terms in (None, 2):
        torch.manual_seed(0); one = d.bits_per_dim(x[:4].double(), 17, terms=terms)
        torch.manual_seed(0); assert torch.equal(one, d.bits_per_dim(x[:4], 17, terms=terms))

def test_a_copy_of_the_averaged_model(trained):
    from genmodels import evaluating
    want = drawn(trained)
    with evaluating(trained) as m: kept = copy.deepcopy(m)
    got = []
    assert not warns(lambda: got.append(drawn(kept))) and torch.equal(got[0], want)
