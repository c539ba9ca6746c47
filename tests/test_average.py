"""The moving average: where it lies, and that looking at a model with it changes nothing, whoever looks and whatever happens."""
import copy, functools, random, signal, threading

import pytest
import torch
from torch import nn
from genmodels.average import averages, evaluating, keep_average, named_weights
from genmodels.blocks import MLP
from genmodels.nets import UNet
from genmodels.train import fit

x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))


class Parts(nn.Module):
    "A net with a shared module, a shared weight, a buffer, dropout, a method and a list as attributes"
    def __init__(self):
        super().__init__()
        self.a,self.b,self.norm,self.drop = nn.Linear(4, 4),nn.Linear(4, 4),nn.BatchNorm1d(4),nn.Dropout(.5)
        self.again,self.b.weight,self.call,self.layers = self.a,self.a.weight,self.a.forward,[self.a,(self.b,{'norm': self.norm})]
        self.partial = functools.partial(self.b.forward)
    def forward(self, x):
        a,(b,rest) = self.layers
        return self.drop(rest['norm'](self.call(x) + self.again(x) + a(x) + b(x) + self.partial(x)))
    def loss(self, x): return (self(x) - 1).square().mean()

def trained(model, steps=20, **kw):
    fit(model, x, steps, batch_size=16, lr=1e-2, schedule='constant', progress=False, **kw)
    model.train()
    return model

@pytest.fixture
def model():
    torch.manual_seed(0)
    return trained(Parts())

def by_hand(model, average=True):
    "The output in eval mode, from a copy whose weights are overwritten"
    twin = copy.deepcopy(model).eval()
    with torch.no_grad():
        if average:
            for name,p in named_weights(twin).items(): p.copy_(model.ema[name])
        return twin(x)

def looked(model, average=True, of=lambda m: m(x)):
    with evaluating(model, average) as m: return of(m)

def state(model):
    "All that could change: every module's attributes, by identity, and the bits of every tensor"
    tables = [{k: {n: id(o) for n,o in v.items()} if type(v) is dict else id(v) for k,v in vars(m).items()} for m in model.modules()]
    return tables, [(t.data_ptr(), t._version, t.requires_grad, t.grad, vars(t).copy()) for t in (*model.parameters(), *model.buffers())]


@pytest.mark.parametrize('average', [True, False])
def test_what_is_seen(model, average):
    before,want = state(model),by_hand(model, average)
    assert torch.equal(looked(model, average), want)
    assert state(model) == before and not torch.equal(by_hand(model), by_hand(model, False))


def test_the_copy(model):
    with evaluating(model) as m:
        assert type(m) is Parts and m is not model and not m.training and not any(o.training for o in m.modules())
        assert m.again is m.a is m.layers[0] is m.call.__self__ is not model.a
        assert m.b.weight is m.a.weight and m.layers[1][1]['norm'] is m.norm
        assert m.norm.running_mean is model.norm.running_mean
        assert [n for n,_ in m.named_parameters()] == [n for n,_ in model.named_parameters()]
        assert m.state_dict().keys() == model.state_dict().keys()
        assert all(p.data_ptr() == model.ema[n].data_ptr() and not p.requires_grad for n,p in m.named_parameters())
        m.extra,m.a.bias = nn.Linear(1, 1),nn.Parameter(torch.zeros(4))
        m.register_buffer('more', torch.zeros(1))
        handle = m.a.register_forward_hook(lambda *_: 1/0)
        model(x)     # has neither the hook nor anything else of it
        handle.remove()
    assert not hasattr(model, 'extra') and not hasattr(model, 'more') and model.a.bias.requires_grad


def compiled(m): return torch.compile(m, backend='eager')

@pytest.mark.parametrize('wrap', [compiled, nn.DataParallel, lambda m: nn.DataParallel(compiled(m))])
@pytest.mark.parametrize('where', ['whole','part'])
def test_wrapped(model, wrap, where):
    want,names,wrapped = by_hand(model),[*named_weights(model)],copy.deepcopy(model)
    if where == 'part': wrapped.a = wrap(wrapped.a)
    else: wrapped = wrap(wrapped)
    assert [*named_weights(wrapped)] == names and averages(wrapped).keys() == model.ema.keys()
    assert torch.allclose(looked(wrapped), want, atol=1e-6)


def test_compiled_in_place(model):
    want = by_hand(model)
    model.compile(backend='eager')
    model.a.compile(backend='eager')
    assert torch.equal(looked(model), want)


def test_a_wrapped_model_is_trained():
    def make():
        torch.manual_seed(0)
        return Parts()
    want = trained(make())
    for wrap in (compiled, nn.DataParallel):
        inner = make()
        fit(wrap(inner), x, 20, batch_size=16, lr=1e-2, schedule='constant', progress=False)
        assert inner.ema.keys() == want.ema.keys() and inner.ema_steps == 20 and not inner.training
        assert all(torch.allclose(inner.ema[n], t, atol=1e-5) for n,t in want.ema.items())


weight_norm,spectral_norm = nn.utils.parametrizations.weight_norm,nn.utils.parametrizations.spectral_norm
kinds = [nn.LSTM(4, 4), nn.GRU(4, 4), nn.TransformerEncoderLayer(4, 2, 8), weight_norm(nn.Linear(4, 4)), spectral_norm(nn.Linear(4, 4)),
    nn.MultiheadAttention(4, 2), nn.Sequential(nn.Linear(4, 4)), nn.ModuleDict(dict(a=nn.Linear(4, 4)))]
special = dict(MultiheadAttention=lambda m: m(x, x, x), ModuleDict=lambda m: m['a'](x))

@pytest.mark.parametrize('net', kinds, ids=lambda n: type(n).__name__)
def test_nets_of_all_kinds(net):
    call = special.get(type(net).__name__, lambda m: m(x))
    net.ema = {n: torch.randn_like(p) for n,p in named_weights(net).items()}
    twin = copy.deepcopy(net).eval()
    with torch.no_grad():
        for n,p in named_weights(twin).items(): p.copy_(net.ema[n])
        want = call(twin)
    got = looked(net, of=call)
    for a,b in zip(want if isinstance(want, tuple) else [want], got if isinstance(got, tuple) else [got]):
        if torch.is_tensor(a): assert torch.allclose(a, b, atol=1e-6)


def test_traced_by_fx(model):
    net = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(4, 4), nn.Dropout(.5)))
    net.ema = {n: torch.zeros_like(p) for n,p in named_weights(net).items()}
    assert not looked(net).any() and net.training


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
def test_torchscript_is_refused():
    with pytest.raises(ValueError, match='TorchScript'): looked(nn.Sequential(torch.jit.script(nn.Linear(4, 4))))


def test_nested(model):
    avg,raw = by_hand(model),by_hand(model, False)
    with evaluating(model) as m:
        for of in (model, m): assert torch.equal(looked(of), avg) and torch.equal(looked(of, False), raw)
    with evaluating(model, False) as m: assert torch.equal(looked(model), avg) and torch.equal(looked(m), raw) and torch.equal(m(x), raw)


def test_another_model_on_the_same_net(model):
    twin,other = nn.Sequential(model),nn.Sequential(model)
    other.ema = {n: torch.zeros_like(p) for n,p in named_weights(other).items()}
    avg,raw = by_hand(model),by_hand(model, False)
    model.ema,keep = None,model.ema
    assert torch.equal(looked(twin), raw)
    with evaluating(other):
        assert torch.equal(looked(model), looked(other))                 # its own average is none, so the enclosing one
        model.ema = keep
        assert torch.equal(looked(model), avg)                           # now it has its own
        with evaluating(model, False):
            live = nn.functional.linear(x, model.a.weight, model.a.bias)
            assert torch.equal(looked(model.a), live.detach())
    assert torch.equal(looked(twin), avg)                                # a part's own


def test_another_model_in_another_thread(model):
    "A context is a thread's own"
    ema,model.ema = model.ema,None
    whole,twin,got = nn.Sequential(model),nn.Sequential(model),[]
    whole.ema = {f'0.{n}': t for n,t in ema.items()}
    with evaluating(whole):
        t = threading.Thread(target=lambda: got.append(looked(twin)))
        t.start(); t.join()
        got.append(looked(twin))
    assert torch.equal(got[0], by_hand(model, False)) and not torch.equal(*got)


def test_exceptions(model):
    before = state(model)
    for error in (ValueError, KeyboardInterrupt, GeneratorExit):
        with pytest.raises(error):
            with evaluating(model), evaluating(model, False): raise error
        assert state(model) == before and torch.is_grad_enabled()


def test_ctrl_c_at_any_moment(model):
    "300 real SIGINTs"
    sigint = signal.signal(signal.SIGINT, signal.default_int_handler)
    sigalrm = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    before,raw,twin = state(model),by_hand(model, False),nn.Sequential(model)
    model.ema,keep = None,model.ema
    whole = nn.Sequential(model)
    whole.ema = {f'0.{n}': t for n,t in keep.items()}
    random.seed(0)
    try:
        for _ in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 3e-3))
                while True:
                    with evaluating(whole): looked(twin)
            except KeyboardInterrupt: torch.set_grad_enabled(True)     # torch's own no_grad may be cut off
            assert torch.equal(looked(twin), raw)                      # no average is left in use
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGINT, sigint)
        signal.signal(signal.SIGALRM, sigalrm)
        model.ema = keep
    assert state(model) == before


def test_threads_beside_a_fit():
    "Four threads look while a fifth trains: what is trained is what is trained alone, and each look sees one set of weights"
    def make():
        torch.manual_seed(0)
        return Parts()
    want,model,stop,wrong,looks = trained(make(), 150),make(),threading.Event(),[],[]
    def look(average):
        while not stop.is_set():
            with evaluating(model, average) as m:
                named = named_weights(model)
                source = (getattr(model, 'ema', None) or named) if average else named
                ok = all(p.data_ptr() in (source[n].data_ptr(), named[n].data_ptr()) for n,p in named_weights(m).items())
                if not ok or m.training or torch.is_grad_enabled(): wrong.append(1)
                m(x)
            looks.append(1)
    threads = [threading.Thread(target=look, args=(average,)) for average in (True,False,True,False)]
    for t in threads: t.start()
    try: trained(model, 150)
    finally: stop.set()
    for t in threads: t.join()
    assert not wrong and len(looks) > 4 and all(torch.equal(t, model.state_dict()[n]) for n,t in want.state_dict().items())
    assert all(torch.equal(t, model.ema[n]) for n,t in want.ema.items())


def test_autocast(model):
    model.norm.momentum = 0.     # a loss moves no buffer
    auto = lambda: torch.autocast('cpu', torch.bfloat16)
    def loss():
        torch.manual_seed(0)
        return model.loss(x)
    with auto(): want = looked(model)
    with auto(): right = loss()
    with auto(): loss(); assert torch.equal(looked(model), want)
    with auto(): looked(model); looked(model, False); assert torch.equal(loss(), right)
    model.zero_grad()
    with auto():
        looked(model, False)
        loss().backward()
    assert all(p.grad.any() for p in (model.a.weight,model.norm.weight))


def test_inference_mode(model):
    with torch.inference_mode(): got = looked(model)
    assert torch.equal(got, by_hand(model)) and not any(p.is_inference() for p in model.parameters())
    trained(model, 2)


def test_gradients_of_the_input(model):
    with evaluating(model) as m, torch.enable_grad():
        y = x.clone().requires_grad_()
        m(y).sum().backward()
    assert y.grad.any() and all(p.grad is None for p in model.parameters())


def test_after_to_another_type(model):
    want = by_hand(model)
    model.double()
    assert torch.allclose(looked(model, of=lambda m: m(x.double())).float(), want, atol=1e-5)
    assert {t.dtype for t in model.ema.values()} == {torch.float32}


def test_nothing_is_copied(model):
    model.big = nn.Parameter(torch.zeros(10_000_000))
    model.ema['big'] = torch.ones(10_000_000)
    with evaluating(model) as m: assert m.big.data_ptr() == model.ema['big'].data_ptr()
    with evaluating(model, False) as m: assert m.big.data_ptr() == model.big.data_ptr()


def test_averages_of_parts():
    "The whole's come first, and each weight has one, whatever it is called"
    shared = trained(Parts())
    class Whole(nn.Module):
        def __init__(self): super().__init__(); self.net,self.same,self.new = shared,nn.Sequential(shared),nn.Linear(4, 4)
        def loss(self, x): return (self.new(self.net(x)) - 1).square().mean()
    whole = Whole()
    assert averages(whole).keys() == {f'net.{n}' for n in shared.ema}
    start = {n: t.clone() for n,t in shared.ema.items()}
    trained(whole, 3)
    assert averages(whole).keys() == named_weights(whole).keys() == whole.ema.keys()
    assert all(shared.ema[n] is whole.ema[f'net.{n}'] for n in start) and not any(torch.equal(shared.ema[n], t) for n,t in start.items())
    trained(whole, 1, ema=None)
    assert averages(whole) == {} and shared.ema is None
    keep_average(whole, {})
    assert whole.ema is None
    trained(whole, 1)      # parts that have a loss get their share, others nothing
    assert all(shared.ema[n] is whole.ema[f'net.{n}'] for n in named_weights(shared)) and not hasattr(whole.new, 'ema')


@pytest.mark.parametrize('taken', [nn.Linear(1, 1), .999, 'x'])
def test_the_name_is_taken(taken):
    model = Parts()
    model.ema = taken
    for f in (averages, looked, trained):
        with pytest.raises(ValueError, match='another name'): f(model)
    assert model.ema is taken


def test_frozen_parts_keep_their_average():
    model = trained(Parts())
    old = {n: t.clone() for n,t in model.ema.items()}
    model.requires_grad_(False)
    model.new = nn.Linear(4, 4)
    def loss(m, b): return (m.new(b) - 1).square().mean()
    for ema in (None, .999):
        trained(model, 5, ema=ema, loss=loss)
        assert all(torch.equal(model.ema[n], t) for n,t in old.items()) and ('new.weight' in model.ema) == (ema is not None)
    assert model.ema_steps == 5    # the new part's own count


@pytest.mark.parametrize('ema', [None, .999])
def test_what_a_loss_moves_is_averaged(ema):
    "A weight without a gradient that the loss itself sets, such as the VAE's optimal sd: its average is no frozen one's"
    class Counts(Parts):
        moved_by_loss = ('count','absent')
        def __init__(self): super().__init__(); self.count = nn.Parameter(torch.zeros(()), requires_grad=False)
        def loss(self, x):
            with torch.no_grad(): self.count += 1
            return super().loss(x)
    model = trained(Counts(), 10)
    assert 0 < model.ema['count'] < 10
    before = model.ema['count'].clone()
    trained(model, 10, ema=ema)
    assert (averages(model)['count'] > before) if ema else averages(model) == {}


bad = dict(out=dict(out='file'), steps=dict(steps=0), data=dict(data=x[:0]), another_run=dict(out='run', resume=True))

@pytest.mark.parametrize('kw', bad.values(), ids=bad)
def test_a_refused_fit_leaves_the_average(tmp_path, monkeypatch, kw):
    monkeypatch.chdir(tmp_path)
    (tmp_path/'file').write_text('')
    fit(nn.Sequential(Parts()), x, 2, out='run', progress=False, loss=lambda m, b: m(b).square().mean())
    model,fresh = trained(Parts()),Parts()
    old,kept = model.ema,{n: t.clone() for n,t in model.ema.items()}
    for m in (model,fresh):
        with pytest.raises((ValueError,OSError)): fit(m, **{'data': x, 'steps': 5, 'ema': None, 'progress': False, **kw})
        with pytest.raises((ValueError,OSError)): fit(m, **{'data': x, 'steps': 5, 'progress': False, **kw})
    assert model.ema is old and all(torch.equal(old[n], t) for n,t in kept.items()) and not hasattr(fresh, 'ema')


def test_other_processes(monkeypatch):
    "DistributedDataParallel can't be made in one process; its type is what is asked for"
    class Parallel(nn.parallel.DistributedDataParallel):
        def __init__(self, module): nn.Module.__init__(self); self.module = module
    with pytest.raises(ValueError, match='DistributedDataParallel'): fit(Parallel(Parts()), x, 1, progress=False)
    assert [*named_weights(Parallel(MLP(1, 1)))] == [*named_weights(MLP(1, 1))]


@pytest.mark.parametrize('net', [lambda: UNet(1, 8, widths=(8,16), blocks=1)], ids=['unet'])
def test_a_part_called_module(net):
    model = nn.Module()
    model.module = net()
    assert all(n.startswith('module.') for n in named_weights(model))
