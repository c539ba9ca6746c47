"""Checkpoints: what is saved comes back bit for bit, damage gets one clear sentence, nothing in a file is executed, and
a run that was interrupted goes on as if it had not been."""
import copy, json, os, pickle, shutil, signal, subprocess, sys, tempfile, time

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
import genmodels
from genmodels import checkpoint, train
from genmodels.denoise import Denoiser, sigma2_weight
from genmodels.blocks import MLP
from genmodels.nets import TimeMLP, UNet
from genmodels.path import Path, betas_path, cosine_path, ddpm_path, ncsn_path, straight_path
from genmodels.average import evaluating
from genmodels.ddpm import DDPM
from genmodels.ncsn import NCSN
from genmodels.spec import make, spec_of
from genmodels.train import fit
from genmodels.checkpoint import load, plain_state, same_model, save
from genmodels.hvae import warmup
from genmodels.vae import VAE

x2 = torch.randn(64, 2, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
x8 = torch.rand(32, 1, 8, 8, generator=torch.Generator().manual_seed(0))*2 - 1


@pytest.fixture(autouse=True)
def ctrl_c_is_heard():
    "A shell starts background jobs deaf to it"
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, old)

def small(path=None, **kw): return Denoiser(TimeMLP(2, 16, 1), path or ddpm_path(100), **kw)
def trained(model, x=x2, steps=3, **kw):
    fit(model, x, steps, batch_size=8, progress=False, **kw)
    return model
def tensors(model): return {**model.state_dict(), **{f'ema.{n}': t for n,t in (getattr(model, 'ema', None) or {}).items()}}
def same(a, b):
    a,b = tensors(a),tensors(b)
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


class Net(nn.Module):
    "A network of the user's"
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
    def forward(self, x, t): return self.layer(x)


# round trips
ddpm_like = [(p, target) for p in (ddpm_path(50), cosine_path(50)) for target in ('eps','v','x0','score')]
@pytest.mark.parametrize('path,target', [*ddpm_like, (ncsn_path(5), 'sigma_score'), (straight_path(), 'u')])
def test_denoiser(tmp_path, path, target):
    model = trained(small(path, target=target, weight=sigma2_weight() if target == 'score' else None, clip=True))
    back = load(save(model, tmp_path))
    assert same(model, back) and not back.training and back.ema_steps == 3
    t = torch.full((64,), 0.3)
    with evaluating(model) as a, evaluating(back) as b: assert torch.equal(a(x2, t), b(x2, t))
    torch.manual_seed(1); a = model.loss(x2)
    torch.manual_seed(1); b = back.loss(x2)
    assert a.equal(b)   # path, target, times and weight came back as well


@pytest.mark.parametrize('make', [
    lambda: Denoiser(UNet(channels=1, image_size=8, widths=(32,32), blocks=1, attn=(4,)), cosine_path(), 'v'),
    lambda: VAE(shape=(1,8,8), latent_dim=4),
    lambda: VAE(),
], ids=['unet','vae','vae-defaults'])
def test_images(tmp_path, make):
    model = trained(make(), x8, 2)
    back = load(save(model, tmp_path))
    assert same(model, back) and getattr(back, 'shape', None) == getattr(model, 'shape', None)
    assert train.spec_of(back) == train.spec_of(model)


def test_plain_net_without_average(tmp_path):
    net = MLP(3, 2, (8,), act=nn.ELU)
    back = load(save(net, tmp_path))
    assert same(net, back) and back.ema is None
    with evaluating(back) as m: assert torch.equal(m(torch.ones(1, 3)), net(torch.ones(1, 3)))


def test_kept_as_it_is_now(tmp_path):
    "What is changed after construction is what samples must be drawn with"
    model = small(clip=False)
    model.path,model.clip,model.target = cosine_path(70),True,'v'
    back = load(save(model, tmp_path))
    assert (back.clip,back.target,back.path.spec) == (True,'v',model.path.spec)


@pytest.mark.parametrize('make, name, value', [
    (lambda: NCSN(1, 8, levels=4), 'step_lr', .5),
    (lambda: NCSN(1, 8, levels=4), 'n_steps_each', 7),
    (lambda: small(weight=sigma2_weight()), 'weight', None),
    (lambda: small(), 'times', 50),
    (lambda: VAE(sd=1.), 'sd', .3),
    (lambda: VAE(free_bits=.5), 'free_bits', 0.),
    (lambda: DDPM(1, 8), 'var', 'beta'),
    (lambda: VAE(), 'likelihood', 'gaussian')])
def test_an_argument_changed_since(tmp_path, make, name, value):
    model = make()
    setattr(model, name, value)
    assert getattr(load(save(model, tmp_path)), name) == value


def test_parts_replaced_since(tmp_path):
    "A net that genmodels makes is written down; of any other the file says that it is missing, not that the default will do"
    model = DDPM(1, 8)
    model.net = UNet(1, 8, widths=(16,), blocks=2)
    assert load(save(model, tmp_path/'ddpm')).net.spec['args']['widths'] == (16,)
    model = VAE()
    assert spec_of(model)['args']['encoder']['name'] == 'MLPEncoder'
    model.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 32))
    save(model, tmp_path/'vae')
    refused(tmp_path/'vae', 'Sequential', 'load(folder, encoder=...)')
    assert spec_of(copy.deepcopy(model)) == spec_of(model) != spec_of(VAE())


def test_a_list_is_noted_as_it_was():
    b = [.1, .2, .3]
    path = betas_path(b)
    b[0] = .9
    assert path.spec['args']['b'] == [.1,.2,.3] and make(spec_of(path))(1.) == path(1.)


@pytest.mark.parametrize('wrap', [torch.compile, nn.DataParallel])
def test_wrapped(tmp_path, wrap):
    "However a net is wrapped, the file is that of the net; and a wrapped net can be filled from it"
    model,other = trained(small()),small()
    save(model, tmp_path/'bare')
    model.net = wrap(model.net)
    save(model, tmp_path/'net')
    save(wrap(model), tmp_path/'both')
    for name in ('model.json','model.safetensors'):
        assert (tmp_path/'bare'/name).read_bytes() == (tmp_path/'net'/name).read_bytes() == (tmp_path/'both'/name).read_bytes()
    back = load(tmp_path/'net')
    assert all(t.equal(plain_state(model)[n]) for n,t in back.state_dict().items()) and back.ema.keys() == model.ema.keys()
    assert same_model(model, tmp_path/'bare')
    other.net = wrap(other.net)
    load(tmp_path/'net', model=other)
    assert all(t.equal(plain_state(model)[n]) for n,t in plain_state(other).items()) and other.ema.keys() == model.ema.keys()


def test_a_part_called_module(tmp_path):
    net = nn.Sequential()
    net.module = nn.Linear(2, 2)
    assert list(load(save(net, tmp_path), model=copy.deepcopy(net)).state_dict()) == ['module.weight','module.bias'] == list(plain_state(net))


@pytest.mark.parametrize('make', [lambda: DDPM(1, 8), lambda: NCSN(1, 8, levels=4), lambda: VAE(beta=warmup(10)), small], ids=['ddpm','ncsn','vae','denoiser'])
@pytest.mark.parametrize('twin', [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=['deepcopy','pickle'])
def test_copies(make, twin):
    model = make()
    other = twin(model)
    assert same(model, other) and spec_of(other) == spec_of(model)
    assert not {id(p) for p in model.parameters()} & {id(p) for p in other.parameters()}


def test_double_precision_is_kept(tmp_path):
    model = trained(small().double(), x2.double())
    back = load(save(model, tmp_path))
    assert same(model, back) and {t.dtype for t in tensors(back).values()} == {torch.float64}


def test_buffers_tied_and_strided_weights(tmp_path):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.a,self.b,self.norm = nn.Linear(2, 2),nn.Linear(2, 2),nn.BatchNorm1d(2)
            self.b.weight = self.a.weight
            self.c = nn.Parameter(torch.randn(3, 2).t())
        def loss(self, x): return (self.norm(self.b(self.a(x)))@self.c).square().mean()
    model = trained(Odd())
    back = load(save(model, tmp_path), model=Odd())
    assert same(model, back) and back.a.weight is back.b.weight and back.norm.num_batches_tracked == 3


def test_saved_inside_evaluating(tmp_path):
    model = trained(small(), steps=5)
    with evaluating(model): save(model, tmp_path)
    assert same(model, load(tmp_path))


def test_load_leaves_the_generator_alone(tmp_path):
    save(small(), tmp_path)
    state = torch.get_rng_state()
    load(tmp_path)
    assert torch.equal(state, torch.get_rng_state())


def test_copies_keep_their_own_average():
    model = trained(small())
    twin = copy.deepcopy(model)
    assert same(model, twin)
    trained(twin)
    assert not same(model, twin) and all(model.ema[n] is not twin.ema[n] for n in model.ema)


# parts that a file can't hold
def refused(folder, *words, kind=ValueError, **kw):
    with pytest.raises(kind) as e: load(folder, **kw)
    message = str(e.value)
    assert '\n' not in message and all(w in message for w in words), message
    return message


def test_own_net(tmp_path):
    model = trained(Denoiser(Net(), ddpm_path(50)))
    save(model, tmp_path)
    refused(tmp_path, 'Net', 'load(folder, net=...)')
    assert same(model, load(tmp_path, net=Net()))


def test_own_path_and_weight(tmp_path):
    path,weight = Path(lambda t: (1 - t).clamp(min=1e-3), lambda t: t),lambda p: p.sig
    model = trained(small(path, weight=weight))
    save(model, tmp_path)
    refused(tmp_path, 'Path', 'load(folder, path=...)')
    refused(tmp_path, '<lambda>', 'load(folder, weight=...)', path=path)
    back = load(tmp_path, path=path, weight=weight)
    assert same(model, back) and back.path is path and back.weight is weight
    refused(tmp_path, 'takes no wight', path=path, wight=weight)


def test_own_class(tmp_path):
    class Mine(Denoiser): pass
    model = trained(Mine(TimeMLP(2, 16, 1), ddpm_path(100)))
    save(model, tmp_path)
    refused(tmp_path, 'Mine', 'load(folder, model=...)')
    assert same(model, load(tmp_path, model=Mine(TimeMLP(2, 16, 1), ddpm_path(100))))


def test_a_maker_that_has_moved(tmp_path):
    "Recipes written while the perceptron was among the networks"
    net = MLP(2, 3, (4,))
    edit(save(net, tmp_path), model=dict(module='genmodels.nets', name='MLP', args=dict(d_in=2, d_out=3, hidden=[4])))
    assert same(net, load(tmp_path)) and spec_of(load(tmp_path))['module'] == 'genmodels.blocks'


# damage
@pytest.fixture
def good(tmp_path): return save(trained(small()), tmp_path/'good')

def edit(folder, **changes):
    about = json.loads((folder/'model.json').read_text())
    (folder/'model.json').write_text(json.dumps({k: v for k,v in {**about, **changes}.items() if v != 'drop'}))

def retensor(folder, change):
    t = load_file(folder/'model.safetensors')
    change(t)
    save_file(t, folder/'model.safetensors')


def test_no_checkpoint(tmp_path, good):
    refused(tmp_path/'nowhere', 'no checkpoint in', kind=FileNotFoundError)
    refused(tmp_path, 'no checkpoint in', kind=FileNotFoundError)
    refused(good/'model.json', 'no checkpoint in', kind=FileNotFoundError)
    (good/'model.safetensors').unlink()
    refused(good, 'model.safetensors', kind=FileNotFoundError)


@pytest.mark.parametrize('text', ['', 'not JSON', '{"format": 1', '\xff\xfe'])
def test_not_json(good, text):
    (good/'model.json').write_bytes(text.encode('latin1'))
    refused(good, 'is not JSON')


@pytest.mark.parametrize('text', ['[]', '1', 'null', '{}', '{"format": 1}', '{"model": {}}', '{"format": "1", "model": {}}', '{"format": true, "model": {}}'])
def test_json_of_something_else(good, text):
    (good/'model.json').write_text(text)
    refused(good, 'describes no model')


def test_newer_format(good):
    edit(good, format=3)
    refused(good, 'format 3', genmodels.__version__, 'upgrade')


@pytest.mark.parametrize('model', [None, 3, 'UNet', [], {}, {'name': 'UNet'}, {'module': 'genmodels.nets', 'name': 'UNet'}, {'module': 'genmodels.nets', 'name': 'Nothing', 'args': {}},
    {'module': 'genmodels.blocks', 'name': 'MLP', 'args': []}, {'dict': 3}, {'activation': ['SiLU']}, {'module': ['genmodels.nets'], 'name': {}, 'args': {}}])
def test_strange_descriptions(good, model):
    edit(good, model=model)
    refused(good)


@pytest.mark.parametrize('args', [{}, {'d_in': 2}, {'d_in': 2, 'd_out': 2, 'extra': 1}, {'d_in': 'x', 'd_out': 2}, {'d_in': 2, 'd_out': 2, 'hidden': 3}])
def test_arguments_that_do_not_fit(good, args):
    edit(good, model=dict(module='genmodels.blocks', name='MLP', args=args))
    refused(good, 'genmodels.blocks.MLP', 'refuses')


def test_another_model(good):
    other = MLP(2, 2)
    save(other, good.parent/'other')
    shutil.copy(good.parent/'other/model.safetensors', good)
    refused(good, 'lacks the tensor', 'another model')


@pytest.mark.parametrize('prefix', ['', 'ema.'])
def test_tensors(good, prefix):
    keep = (good/'model.safetensors').read_bytes()
    name = prefix + next(n for n,_ in small().named_parameters())
    def broken(change, *words):
        (good/'model.safetensors').write_bytes(keep)
        retensor(good, change)
        refused(good, name, *words)
    broken(lambda t: t.pop(name), 'lacks the tensor')
    broken(lambda t: t.update({name: t[name][:1].clone()}), 'has shape', 'needs')
    (good/'model.safetensors').write_bytes(keep)
    retensor(good, lambda t: t.update({f'{prefix}stranger': torch.zeros(1)}))
    refused(good, f'{prefix}stranger', 'the model lacks')


def test_average_gone(good):
    retensor(good, lambda t: [t.pop(n) for n in list(t) if n.startswith('ema.')])
    refused(good, 'lacks the tensor ema.')


@pytest.mark.parametrize('keep', [0, 4, 100, -1])
def test_truncated(good, keep):
    f = good/'model.safetensors'
    f.write_bytes(f.read_bytes()[:keep])
    refused(good, 'damaged or cut short')


def test_not_safetensors(good):
    torch.save(dict(a=torch.zeros(2)), good/'model.safetensors')   # a pickle
    refused(good, 'damaged or cut short')


@pytest.mark.parametrize('module,name', [('os','system'), ('genmodels.train','os'), ('genmodels.train','save'), ('genmodels.train','_folder'), ('genmodels.train','import_module'),
    ('genmodels.nets.os','system'), ('genmodels','__getattr__'), ('genmodels.','MLP'), ('genmodels.blocks','MLP.__init__'), ('genmodels.denoise','nn'), ('torch.nn','Linear'),
    ('subprocess','run'), ('genmodels.denoise','TimeMLP'), ('genmodels.train','record'), ('genmodels..blocks','MLP')])
def test_nothing_but_makers_is_called(good, tmp_path, module, name):
    for args in ({}, {'out': str(tmp_path/'made')}, {'command': f'touch {tmp_path}/made'}):
        edit(good, model=dict(module=module, name=name, args=args))
        refused(good, name)
    assert not (tmp_path/'made').exists()


# writing
def test_out_is_a_file(tmp_path):
    (tmp_path/'file').write_text('')
    for out in (tmp_path/'file', tmp_path/'file/below'):
        with pytest.raises(OSError, match='folder'): save(small(), out)
        with pytest.raises(OSError, match='folder'): trained(small(), out=out)
    assert [f.name for f in tmp_path.iterdir()] == ['file']


def test_unwritable_is_found_before_training():
    calls = []
    with pytest.raises(OSError, match="can't be written to"): trained(small(), out='/proc/nowhere', loss=lambda m, b: calls.append(1))
    assert not calls


def test_read_only_folder():
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o555)
        user = os.geteuid()
        if user == 0: os.seteuid(65534)   # root may write anywhere
        try:
            with pytest.raises(OSError, match=r"can't be written to \(Permission denied\): choose"): save(small(), d)
        finally: os.seteuid(user)
        os.chmod(d, 0o755)


@pytest.mark.parametrize('failing', ['model.safetensors','run.safetensors'])
def test_full_disk_leaves_the_old_checkpoint(tmp_path, monkeypatch, failing):
    model = trained(small(), out=tmp_path)
    files = {f.name: f.read_bytes() for f in tmp_path.iterdir()}
    def full(tensors, file, *a):
        if failing not in str(file): return save_file(tensors, file, *a)
        file.write_bytes(b'half')
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(checkpoint, 'save_file', full)
    with pytest.raises(OSError, match='No space left on device.*untouched'): trained(copy.deepcopy(model), out=tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir()) == sorted(files)
    assert (tmp_path/failing).read_bytes() == files[failing]
    load(tmp_path)


# resuming
settings = dict(batch_size=8, progress=False, schedule='cosine', warmup=3, clip=0.5, weight_decay=0.1)

def stop_at(k):
    calls = []
    def loss(model, batch):
        calls.append(1)
        if len(calls) == k: signal.raise_signal(signal.SIGINT)
        return model.loss(batch)
    return loss


def start():
    torch.manual_seed(0)
    return small()


@pytest.mark.parametrize('k', [1, 7, 8, 9, 40])
def test_resume_is_exact(tmp_path, k):
    "Stopped before, at and after the end of an epoch (64 examples in batches of 8), and at the last step"
    whole,part,rest = start(),start(),small()
    h = fit(whole, x2, 40, **settings)
    with pytest.raises(KeyboardInterrupt): fit(part, x2, 40, out=tmp_path, loss=stop_at(k), **settings)
    assert part.ema_steps == k
    g = fit(rest, x2, 40, out=tmp_path, resume=True, **settings)
    assert same(whole, rest) and same(whole, load(tmp_path)) and (h.loss,h.lr) == (g.loss,g.lr)


def test_ctrl_c_while_data_are_read(tmp_path):
    class Data(torch.utils.data.Dataset):
        def __len__(self): return 64
        def __getitem__(self, i):
            Data.read += 1
            if Data.read == 30: signal.raise_signal(signal.SIGINT)     # in step 1: before it, 24 are looked at
            return x2[i]
    Data.read = 0
    whole,part,rest = start(),start(),small()
    fit(whole, x2, 5, **settings)
    with pytest.raises(KeyboardInterrupt): fit(part, Data(), 5, out=tmp_path, **settings)
    assert part.ema_steps == 1
    fit(rest, x2, 5, out=tmp_path, resume=True, **settings)
    assert same(whole, rest)


@pytest.mark.parametrize('when', range(1, 6))
def test_ctrl_c_at_any_moment(tmp_path, monkeypatch, when):
    "Between a step and the look at the clock, while the bar is drawn, while a checkpoint is written: what is on disk is the last step's"
    calls,clock = [],time.perf_counter
    def pressing():
        calls.append(1)
        if len(calls) == when + 3: signal.raise_signal(signal.SIGINT)
        return clock()
    whole,part,rest = start(),start(),small()
    fit(whole, x2, 20, **settings)
    monkeypatch.setattr(train.time, 'perf_counter', pressing)
    with pytest.raises(KeyboardInterrupt): fit(part, x2, 20, out=tmp_path, save_every=3, **settings)
    assert same(part, load(tmp_path)) and part.ema_steps < 20
    fit(rest, x2, 20, out=tmp_path, resume=True, **settings)
    assert same(whole, rest)


def test_resume_twice_and_onto_an_average(tmp_path):
    whole,part = trained(start()),trained(start())
    fit(whole, x2, 30, **settings)
    for k in (5,12):
        with pytest.raises(KeyboardInterrupt): fit(part, x2, 30, out=tmp_path, resume=True, loss=stop_at(k), **settings)
        part = trained(small())
    fit(part, x2, 30, out=tmp_path, resume=True, **settings)
    assert same(whole, part) and whole.ema_steps == part.ema_steps == 33


def test_resume_with_dropout_and_frozen_and_unused_parts(tmp_path):
    def make():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 2))
        net[0].bias.requires_grad_(False)
        net.idle = nn.Parameter(torch.zeros(2))
        return net
    def loss(net, x): return (net[2](net[1](net[0](x))) - x).square().mean()
    def stopping(net, x):
        stopping.calls += 1
        if stopping.calls == 9: signal.raise_signal(signal.SIGINT)
        return loss(net, x)
    stopping.calls = 0
    whole,part,rest = make(),make(),make()
    fit(whole, x2, 20, loss=loss, **settings)
    with pytest.raises(KeyboardInterrupt): fit(part, x2, 20, loss=stopping, out=tmp_path, **settings)
    fit(rest, x2, 20, loss=loss, out=tmp_path, resume=True, **settings)
    assert same(whole, rest)


@pytest.mark.parametrize('changed', [dict(batch_size=16), dict(lr=1e-3), dict(seed=1), dict(schedule='constant'), dict(warmup=0),
    dict(clip=1.), dict(weight_decay=0.), dict(ema=0.9), dict(dtype=torch.bfloat16)])
def test_other_settings(tmp_path, changed):
    fit(start(), x2, 4, out=tmp_path, **settings)
    name = next(iter(changed))
    again = dict(out=tmp_path, resume=True, **settings)
    with pytest.raises(ValueError, match=f'{name}=.*same settings.*load'): fit(start(), x2, 4, **again | changed)
    with pytest.raises(ValueError, match='steps=4, not 5'): fit(start(), x2, 5, **again)
    with pytest.raises(ValueError, match='n=64, not 63'): fit(start(), x2[1:], 4, **again)


def test_damaged_run(tmp_path):
    fit(start(), x2, 4, out=tmp_path, **settings)
    f = tmp_path/'run.safetensors'
    whole = f.read_bytes()
    f.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match='damaged or cut short'): fit(start(), x2, 4, out=tmp_path, resume=True, **settings)
    shutil.copy(tmp_path/'model.safetensors', f)
    with pytest.raises(ValueError, match='no run that'): fit(start(), x2, 4, out=tmp_path, resume=True, **settings)
    f.write_bytes(whole)
    other = Denoiser(TimeMLP(2, 16, 2), ddpm_path(100))
    with pytest.raises(ValueError, match='another model'): fit(other, x2, 4, out=tmp_path, resume=True, **settings)


def test_nan_keeps_the_checkpoint(tmp_path):
    calls = []
    def loss(model, batch):
        calls.append(1)
        return model.loss(batch)*(float('nan') if len(calls) == 12 else 1)
    six,bad = start(),start()
    with pytest.raises(KeyboardInterrupt): fit(six, x2, 40, loss=stop_at(10), **settings)
    with pytest.raises(FloatingPointError, match='step 12'): fit(bad, x2, 40, loss=loss, out=tmp_path, save_every=5, **settings)
    assert same(six, load(tmp_path)) and bad.ema_steps == 11


script = """
import signal, sys, torch
signal.signal(signal.SIGINT, signal.default_int_handler)
from genmodels.denoise import Denoiser
from genmodels.nets import TimeMLP
from genmodels.path import ddpm_path
from genmodels.train import fit
torch.manual_seed(0)
model = Denoiser(TimeMLP(2, 16, 1), ddpm_path(100))
x = torch.randn(64, 2, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
print('ready', flush=True)
fit(model, x, 100_000, out=sys.argv[1], save_every=10, progress=False, batch_size=8)
"""

@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_is_stopped(tmp_path, root, how):
    "Ctrl-C saves; after kill -9 the last checkpoint is whole; both go on"
    env = os.environ | {'PYTHONPATH': str(root)}
    p = subprocess.Popen([sys.executable, '-c', script, tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    p.stdout.readline()
    until = time.time() + 60
    while not (tmp_path/'run.safetensors').exists() and time.time() < until: time.sleep(.01)
    time.sleep(.3)
    p.send_signal(how)
    err = p.communicate(timeout=60)[1]
    assert p.returncode != 0 and ('saved in' in err) == (how == signal.SIGINT)
    load(tmp_path)
    model = start()
    again = dict(out=tmp_path, save_every=10, progress=False, batch_size=8, resume=True)
    with pytest.raises(KeyboardInterrupt): fit(model, x2, 100_000, loss=stop_at(3), **again)
    whole,k = start(),model.ema_steps
    with pytest.raises(KeyboardInterrupt): fit(whole, x2, 100_000, progress=False, batch_size=8, loss=stop_at(k))
    assert k >= 13 and same(whole, model)
    if how == signal.SIGINT: assert not [f for f in tmp_path.iterdir() if f.name.startswith('.')]


@pytest.mark.parametrize('before, after', [(1., 4), (1, .5), (1., 'warm-up'), ('warm-up', 2.)])
def test_a_setting_changed_since_is_saved(tmp_path, before, after):
    value = lambda o: warmup(10) if o=='warm-up' else o
    model = VAE(beta=value(before))
    model.beta = value(after)
    save(model, tmp_path/'m')
    kept = load(tmp_path/'m').beta
    assert kept==after if after!='warm-up' else kept(5)==value(after)(5) and callable(kept)


@pytest.mark.parametrize('data, hint', [(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), 'images(x)'), (torch.tensor(1.), 'one example a row')])
def test_nothing_to_train_on(data, hint):
    with pytest.raises(ValueError) as e: fit(VAE(), data, 1, progress=False)
    assert hint in str(e.value)


@pytest.mark.parametrize('seed', [None, 1.5])
def test_seed(seed):
    with pytest.raises(ValueError, match='seed to be a whole number'): fit(VAE(), x8, 1, seed=seed, progress=False)


def test_another_model_is_not_taken_up(tmp_path):
    from genmodels import DDPM
    make = lambda target: DDPM(image_size=8, net=UNet(image_size=8, widths=(8, 16), blocks=1, dropout=0.), target=target)
    fit(make('v'), x8, 2, batch_size=8, progress=False, out=tmp_path)
    with pytest.raises(ValueError, match='made otherwise'): fit(make('eps'), x8, 2, batch_size=8, progress=False, out=tmp_path, resume=True)


def test_a_run_from_before_an_argument_was_added_goes_on(tmp_path):
    settings = dict(steps=2, batch_size=8, progress=False, out=tmp_path)
    fit(genmodels.NCSN(1, 8, levels=4), x8, **settings)
    file = tmp_path/'model.json'
    about = json.loads(file.read_text())
    for new in ('any_time', 'weight'): del about['model']['args'][new]
    file.write_text(json.dumps(about))
    assert len(fit(genmodels.NCSN(1, 8, levels=4), x8, resume=True, **settings).loss) == 2
    with pytest.raises(ValueError, match='made otherwise'): fit(genmodels.NCSN(1, 8, levels=4, step_lr=.1), x8, resume=True, **settings)
    about['model']['args']['gone'] = 1
    file.write_text(json.dumps(about))
    with pytest.raises(ValueError, match='made otherwise'): fit(genmodels.NCSN(1, 8, levels=4), x8, resume=True, **settings)
