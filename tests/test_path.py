"What a path, a net and a recipe keep is their own: what they were made of may change afterwards."
import array, pickle
from collections import OrderedDict, UserList, deque
import numpy as np
import pytest, torch
from genmodels import DDPM, Denoiser, TimeMLP, UNet, betas_path, cosine_path, ddpm_path, karras_path, load, ncsn_path, save, sigmoid_path, straight_path
from genmodels.path import zero_terminal
from genmodels.spec import make, record, spec_of

t = torch.tensor([0.,.1,.25,.5,.9,1.], dtype=torch.float64)
now = lambda path: [*map(torch.Tensor.tolist, path(t)), str(path), repr(spec_of(path))]
class Mine(list): "A list of somebody's own"

BETAS = [.1,.2,.3,.4]
@pytest.mark.parametrize('kind', [list, Mine, np.array, torch.tensor, deque, UserList, lambda b: array.array('d', b), lambda b: torch.tensor(b).double(), lambda b: [*map(torch.tensor, b)], tuple])
def test_betas_of_any_kind(tmp_path, kind):
    b = kind(BETAS)
    path = betas_path(b)
    before = now(path)
    if isinstance(b, (np.ndarray,torch.Tensor)): b *= .5
    elif isinstance(b, tuple): pass
    else:
        for inner in b:
            if isinstance(inner, (np.ndarray,torch.Tensor)): inner *= .5
        b.reverse(); b[0] = .9
    assert now(path) == before
    again = load(save(Denoiser(TimeMLP(2, 16, 1), path), tmp_path)).path
    assert all(torch.allclose(a, o) for a,o in zip(again(t), path(t))) and pickle.loads(pickle.dumps(path)).spec['name'] == 'betas_path'

@pytest.mark.parametrize('maker,kw', [(ddpm_path, dict(b_1=.01, b_T=.2)), (cosine_path, dict(s=.01, b_max=.9)), (sigmoid_path, dict(start=-2., end=3., tau=.7, b_max=.9)), (ncsn_path, dict(sigma_max=3., sigma_min=.1)), (karras_path, dict(sigma_max=3., sigma_min=.1))])
@pytest.mark.parametrize('kind', [torch.tensor, np.array, np.float32])
def test_settings_of_any_kind(tmp_path, maker, kw, kind):
    given = {name: kind(v) for name,v in kw.items()}
    path = maker(10, **given)
    before = now(path)
    if kind is not np.float32:
        for v in given.values(): v *= 3
    assert now(path) == before
    plain = maker(10, **{name: float(kind(v)) for name,v in kw.items()})
    for a,o in zip(path(t), plain(t)): assert torch.allclose(a, o, atol=1e-6)
    again = make(spec_of(path))
    for a,o in zip(again(t), path(t)): assert torch.allclose(a, o, atol=1e-6)

@pytest.mark.parametrize('path', [straight_path(), ddpm_path(10), ncsn_path(), zero_terminal(cosine_path(10))])
@pytest.mark.parametrize('times', [torch.tensor([.2,.5], dtype=torch.float64), np.array([.2,.5]), torch.tensor([.2,.5]), torch.tensor(.5, dtype=torch.float64)])
def test_a_path_at_a_time_keeps_its_time(path, times):
    both = torch.is_tensor(times)
    asked = times.clone() if both else times.copy()
    p,q = path.at(asked),path.at(times.clone() if both else times.copy())
    asked *= 0
    for name in ('a','sig','snr','log_snr','t','u'): assert torch.equal(getattr(p, name), getattr(q, name)), name
    assert all(map(torch.equal, p.rate, q.rate))
    a,sig = path(q.u)
    a *= 0; sig *= 0
    assert torch.equal(p.t, q.t)        # what is handed out is not the time itself

def test_nets_keep_their_widths():
    widths,attn = [8,16],[8]
    for made in (UNet(1, 8, widths, blocks=1, attn=attn), DDPM(1, 8, UNet(1, 8, np.array(widths), 1, deque(attn)))):
        before = repr(spec_of(made))
        assert "'widths': [8, 16]" in before and 'unsaved' not in before
        widths[0],attn[0] = 4,4
        assert repr(spec_of(made)) == before
        widths[0],attn[0] = 8,8

def test_records_of_containers_in_containers():
    @record
    class Keeper:
        def __init__(self, *args, **kw): pass
    inner = dict(a=[1,torch.ones(2)], b=(np.ones(2),{1,2}))
    args = Keeper(OrderedDict(inner=inner), more=bytearray(b'ab')).spec['args']
    before = repr(args)
    inner['a'][1].zero_(); inner['a'].append(3); inner['b'][0].fill(7); inner['b'][1].add(3); inner['c'] = 0
    assert repr(args) == before

def test_curves_are_computed_on_the_cpu_whatever_the_default_device():
    with torch.device('meta'):
        for maker in (ddpm_path, cosine_path, sigmoid_path, ncsn_path, karras_path): maker(10)
        for path in (betas_path(BETAS), zero_terminal(ddpm_path(10)), straight_path()):
            p = path.at(.5, torch.zeros(3, 2))
            assert p.a.device.type == 'meta' and p.u.device.type == 'cpu' and [o.device.type for o in p.rate] == ['meta']*2

@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_steps_of_times_in_halves(dtype):
    from genmodels.path import step_index
    times = torch.linspace(0, 1, 101).to(dtype)
    for T in (10, 250, 1000): assert torch.equal(step_index(times, T), (times.double()*T).round().long()) or dtype == torch.float32
