"DDPM from outside: bad input in one sentence, memory that doesn't grow with the steps, published folders, checkpoints."
import gc, json
from functools import partial
import pytest, torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from genmodels import (DDPM, Denoiser, UNet, ddpm_path, ddpm_step, ddim_step, digits, fit, learned_step, load, load_diffusers, min_snr_weight,
    save, unet_ho2020)
from genmodels.blocks import sinusoidal
from genmodels.ho2020 import HoUNet, embed_index
from genmodels.path import step_index, straight_path, zero_terminal
from genmodels.published import read_chain

NARROW = dict(image_size=8, widths=(8,16), blocks=1, dropout=0.)
def small(**kw): return DDPM(image_size=8, net=UNet(**NARROW, out_channels=2 if kw.get('var')=='learned' else 1), **kw)
def refused(f, *hints):
    with pytest.raises(ValueError) as e: f()
    said = str(e.value)
    assert '\n' not in said and len(said) < 300, said
    for h in hints: assert h in said, said


def test_exact_denoiser_in_place_of_a_net():
    assert (DDPM(1, 8, net=lambda x, t: torch.full_like(x, .5), target='x0').sample(3, steps=5) - .5).abs().max() < 1e-5


# bad input
@pytest.mark.parametrize('kw,hint', [(dict(steps=0), 'steps'), (dict(steps=-3), 'steps'), (dict(steps=10.5), 'steps'), (dict(channels=0), 'channels'), (dict(grey_levels=1), 'grey_levels'),
    (dict(var='learnt'), "'learned'"), (dict(image_size=30), 'halve'), (dict(target='noise'), 'target')])
def test_refused_settings(kw, hint): refused(lambda: DDPM(**kw), hint)

def test_channels_that_dont_match():
    refused(lambda: DDPM(channels=3, image_size=8, net=UNet(**NARROW)), '(3, 8, 8)', '(1, 8, 8)')
    refused(lambda: DDPM(image_size=16, net=UNet(**NARROW)), '(1, 16, 16)')
    m = small()
    for x in (torch.zeros(2, 3, 8, 8), torch.zeros(2, 1, 16, 16), torch.zeros(2, 8, 8)): refused(lambda: m.loss(x), 'expected images of shape')
    refused(lambda: DDPM(image_size=8, net=UNet(**NARROW), var='learned').loss(torch.zeros(2, 1, 8, 8)), '2 channels', 'out_channels=2')
    refused(lambda: DDPM(image_size=8, net=UNet(**NARROW, out_channels=2)).loss(torch.zeros(2, 1, 8, 8)), 'learned variance')

def test_counts_that_make_no_sense():
    m = small(steps=20)
    refused(lambda: m.sample(4, steps=21), '20', '21')
    refused(lambda: m.sample(4, steps=-1), 'step')
    refused(lambda: m.sample(0), 'n to be', 'got 0')
    refused(lambda: m.elbo(digits()[:2], terms=0), 'terms', 'got 0')
    assert m.sample(2, steps=20).shape == (2, 1, 8, 8)


# what the arguments mean
@pytest.mark.parametrize('var', ['posterior', 'beta', 'fixed_large', 'learned'])
def test_default_step(var):
    m,g = small(var=var, steps=12).eval(),lambda: torch.Generator().manual_seed(0)
    step = learned_step if var=='learned' else partial(ddpm_step, var='posterior' if var=='posterior' else 'beta')
    assert torch.equal(m.sample(3, generator=g()), m.sample(3, steps=12, step=step, generator=g()))
    assert torch.equal(m.sample(3, steps=4, generator=g()), m.sample(3, steps=4, step=learned_step if var=='learned' else ddim_step, generator=g()))

def test_chain_of_one_step():
    m = DDPM(image_size=8, net=UNet(**NARROW), steps=1, path=ddpm_path(1, .5, .5))
    assert m.sample(2).isfinite().all() and m.elbo(digits()[:3], grey_levels=17).isfinite().all() and m.elbo(digits()[:3], grey_levels=17, terms=2).isfinite().all()

@pytest.mark.parametrize('T', [1, 2, 5, 20, 21, 100, 250, 999, 1000, 1001, 4000])
def test_a_chain_of_any_length_ends_in_noise(T):
    path = DDPM(3, 32, net=nn.Identity(), steps=T).path
    a,_ = path(torch.linspace(0, 1, 11, dtype=torch.float64))
    assert a[-1] < .04 and (a.diff() < 0).all() and path.spec['name'] == 'ddpm_path'
    if T >= 100: assert (a - ddpm_path()(torch.linspace(0, 1, 11, dtype=torch.float64))[0]).abs().max() < .01
    if T == 1000: assert path.spec == ddpm_path().spec
    given = ddpm_path(min(T, 1001))
    assert DDPM(3, 32, net=nn.Identity(), steps=T, path=given).path is given     # what is asked for is kept

def test_the_default_chain_is_saved_in_numbers(tmp_path):
    m = DDPM(1, 16, net=UNet(image_size=16, widths=(8,16), blocks=1), steps=40)
    assert load(save(m, tmp_path)).path.spec == m.path.spec and m.path.spec['args'] == dict(T=40, b_1=1e-4*25, b_T=.02*25)

def test_fixed_large_is_beta_but_at_the_last_step():
    m,T = small(var='fixed_large', steps=20, grey_levels=17).eval(),20
    x,k = torch.zeros(20, 1, 8, 8, dtype=torch.float64),torch.arange(1, 21, dtype=torch.float64)
    sd = {}
    for m.var in ('beta','posterior','fixed_large'): sd[m.var] = m.back_sd(x, k/T, (k-1)/T)
    assert torch.equal(sd['fixed_large'][1:], sd['beta'][1:]) and torch.equal(sd['fixed_large'][0], sd['posterior'][0]) and sd['beta'][0] > 0
    assert torch.allclose(sd['posterior'][0], sd['posterior'][1])                 # step 2's
    for t,s in ((.5,0.),(.5,.2)):                                                # numbers, and strides
        m.var = 'fixed_large'; got = m.back_sd(x, t, s)
        m.var = 'beta' if s else 'posterior'; assert torch.allclose(got, m.back_sd(x, t, s))

def test_fixed_large_changes_the_bound_at_one_term_only(tmp_path):
    m,x,terms = small(var='fixed_large', steps=6, grey_levels=17).eval(),digits()[:5],{}
    for m.var in ('beta','fixed_large'):
        torch.manual_seed(0); terms[m.var] = m.bound_terms(x)
    differ = (terms['beta'] != terms['fixed_large']).all(1)
    assert differ.tolist() == [True] + [False]*6 and load(save(m, tmp_path)).var == 'fixed_large'
    for T in (1, 2): assert small(var='fixed_large', steps=T, grey_levels=17).elbo(x).isfinite().all()


def test_bound_terms_are_the_bound():
    m,x = small(steps=15, var='learned', grey_levels=17).eval(),digits()[:5]
    torch.manual_seed(0); terms = m.bound_terms(x)
    torch.manual_seed(0); whole = m.elbo(x)
    assert terms.shape == (16, 5) and torch.allclose(-terms.sum(0), whole)
    torch.manual_seed(0); bits = m.bits_per_dim(x)
    assert torch.allclose(bits, -whole/64/torch.tensor(2.).log())

def test_the_bound_moves_only_the_variance():
    m,x = small(var='learned', grey_levels=17, steps=50),digits()[:32]
    def grad(errors):
        m.zero_grad(); torch.manual_seed(0)
        p,eps = m.at(torch.randint(1, 51, (32,))/50, x),torch.randn_like(x)
        errors(m, p.a*x + p.sig*eps, p, x, eps).mean().backward()
        return m.net.out[2].bias.grad.clone()
    hybrid,simple = grad(DDPM.errors),grad(Denoiser.errors)
    assert torch.allclose(hybrid[0], simple[0], atol=1e-6) and hybrid[1].abs() > 0 and simple[1] == 0

def test_weights_and_conditions_with_a_learned_variance():
    net = UNet(**NARROW, out_channels=2, classes=10)
    m,x = DDPM(image_size=8, net=net, var='learned', grey_levels=17, steps=20, weight=min_snr_weight()),digits('train', labels=True)
    fit(m, {k: v[:64] for k,v in x.items()}, 2, batch_size=8, progress=False)
    a,b = [m.sample(2, y=torch.tensor([i,i]), generator=torch.Generator().manual_seed(0)) for i in (0,7)]
    assert not torch.equal(a, b) and m.elbo(x['x'][:3], terms=2, y=x['y'][:3]).shape == (3,)


# memory
def test_sampling_holds_no_more_at_1000_steps_than_at_10():
    class Tiny(nn.Module):
        def __init__(self): super().__init__(); self.conv = nn.Conv2d(1, 1, 3, padding=1)
        def forward(self, x, t): return self.conv(x)
    m,most = DDPM(image_size=8, net=Tiny()).eval(),{}
    for steps in (10, 1000):
        held = []
        def step(*args, **kw):
            if len(held) < 5 or len(held) > steps-5: held.append(sum({u.data_ptr(): u.nbytes() for o in gc.get_objects() if type(o) is torch.Tensor for u in [o.untyped_storage()]}.values()))
            else: held.append(0)
            return ddpm_step(*args, **kw)
        m.sample(4, steps=steps, step=step, generator=torch.Generator().manual_seed(0))
        most[steps] = max(held[2:])
    assert most[1000] - most[10] <= 1000*8, most      # the list of times itself


# checkpoints
def test_save_and_load_keep_everything(tmp_path):
    m = small(var='learned', grey_levels=17, steps=30, target='v')
    fit(m, digits()[:64], 2, batch_size=8, progress=False)
    again = load(save(m, tmp_path))
    assert (again.var, again.grey_levels, again.steps, again.target) == ('learned', 17, 30, 'v')
    g = lambda: torch.Generator().manual_seed(0)
    assert torch.equal(m.sample(2, generator=g()), again.sample(2, generator=g()))


# folders that diffusers wrote
@pytest.fixture(scope='module')
def theirs():
    "A slim net and its folder"
    diffusers = pytest.importorskip('diffusers')
    torch.manual_seed(0)
    return diffusers.UNet2DModel(sample_size=16, layers_per_block=1, norm_eps=1e-6, flip_sin_to_cos=False, freq_shift=1, downsample_padding=0, attention_head_dim=None, norm_num_groups=8,
        block_out_channels=(16,32,32), down_block_types=('DownBlock2D','AttnDownBlock2D','DownBlock2D'), up_block_types=('UpBlock2D','AttnUpBlock2D','UpBlock2D')).eval()

def test_folder_of_a_net_alone(theirs, tmp_path):
    theirs.save_pretrained(tmp_path/'theirs')
    m = load_diffusers(tmp_path/'theirs')
    assert m.shape == (3, 16, 16) and m.path.spec['name'] == 'ddpm_path' and m.steps == 1000 and not m.training
    x,k = torch.randn(4, 3, 16, 16),torch.tensor([1,2,500,1000])
    with torch.no_grad(): assert (m.net(x, k/1000) - theirs(x, k-1).sample).abs().max() < 1e-5
    again = load(save(m, tmp_path/'ours'))           # and from then on it is one of ours
    with torch.no_grad(): assert torch.equal(again(x, k/1000), m(x, k/1000))

def test_scheduler_settings(theirs, tmp_path):
    from diffusers import DDIMScheduler, DDPMScheduler
    theirs.save_pretrained(tmp_path)
    for kw,name,target,var in ((dict(beta_schedule='squaredcos_cap_v2', prediction_type='v_prediction'), 'cosine_path', 'v', 'posterior'), (dict(beta_schedule='scaled_linear', variance_type='fixed_large'), 'betas_path', 'eps', 'beta'),
            (dict(num_train_timesteps=400, beta_end=.05, prediction_type='sample'), 'ddpm_path', 'x0', 'posterior'), (dict(trained_betas=[.1,.2,.3]), 'betas_path', 'eps', 'posterior')):
        s = DDPMScheduler(**kw)
        s.save_pretrained(tmp_path)
        m = load_diffusers(tmp_path)
        T = len(s.alphas_cumprod)
        a = m.path(torch.arange(1, T+1)/T)[0]
        assert (m.path.spec['name'], m.target, m.var) == (name, target, var) and torch.allclose(a**2, s.alphas_cumprod, atol=1e-5)
    DDIMScheduler(clip_sample=False).save_pretrained(tmp_path)
    assert load_diffusers(tmp_path).clip is False
    for bad in (dict(beta_schedule='laplace'), dict(variance_type='learned_range'), dict(rescale_betas_zero_snr=True), dict(prediction_type='flow')):
        (tmp_path/'scheduler_config.json').write_text(json.dumps(bad))
        refused(lambda: load_diffusers(tmp_path), list(bad)[0])

@pytest.mark.parametrize('bad,hint', [(dict(_class_name='UNet2DConditionModel'), 'UNet2DConditionModel'), (dict(_class_name='AutoencoderKL'), 'AutoencoderKL'), (dict(mid_block_type=None), 'mid_block_type'), (dict(freq_shift=2), 'freq_shift'),
    (dict(down_block_types=['ResnetDownsampleBlock2D']*3), 'ResnetDownsampleBlock2D'), (dict(sample_size=None), 'sample_size'), (dict(out_channels=6), 'out_channels'), (dict(block_out_channels=[16,32]), 'as many'), (dict(sample_size=18), 'halve'),
    (dict(block_out_channels=[16,32,48]), 'shape')])
def test_other_folders_are_refused(theirs, tmp_path, bad, hint):
    theirs.save_pretrained(tmp_path)
    config = json.loads((tmp_path/'config.json').read_text())
    (tmp_path/'config.json').write_text(json.dumps(config | bad))
    refused(lambda: load_diffusers(tmp_path), hint)

def test_damaged_and_missing_files(theirs, tmp_path):
    for folder in (tmp_path, tmp_path/'missing'):
        with pytest.raises(FileNotFoundError, match='config.json'): load_diffusers(folder)
    theirs.save_pretrained(tmp_path)
    weights = tmp_path/'diffusion_pytorch_model.safetensors'
    raw = weights.read_bytes()
    weights.write_bytes(raw[:1000]); refused(lambda: load_diffusers(tmp_path), 'damaged')
    weights.unlink()
    with pytest.raises(FileNotFoundError, match='safetensors'): load_diffusers(tmp_path)
    (tmp_path/'diffusion_pytorch_model.bin').write_bytes(raw); refused(lambda: load_diffusers(tmp_path), 'pickle')
    (tmp_path/'config.json').write_text('{'); refused(lambda: load_diffusers(tmp_path), 'JSON')

def test_published_counts_and_saving(tmp_path):
    assert [sum(p.numel() for p in unet_ho2020(c).parameters()) for c in (3, 1)] == [35_746_307, 35_741_697]
    m = DDPM(image_size=16, net=HoUNet(1, 16, widths=(8,16), blocks=1, attn=(8,), groups=4)).eval()
    x = torch.randn(2, 1, 16, 16)
    with torch.no_grad(): assert torch.equal(load(save(m, tmp_path))(x, .3), m(x, .3))

def test_steps_are_embedded_in_double_precision_but_not_on_the_device():
    t,made = torch.arange(1, 51)/50,[]
    want = sinusoidal((step_index(t, 50)-1).double()/1000, 16).float()
    assert torch.equal(embed_index(t, 50, 16), want)
    class Watched(TorchDispatchMode):
        def __torch_dispatch__(self, op, types, args=(), kwargs=None):
            out = op(*args, **(kwargs or {}))
            made.append(out.dtype)
            return out
    with Watched(): embed_index(t, 50, 16)
    assert made and torch.float64 not in made

def test_package_never_needs_diffusers(root):
    for f in (root/'genmodels').glob('*.py'): assert 'import diffusers' not in f.read_text() and 'from diffusers import' not in f.read_text()


@pytest.mark.parametrize('bad,hint', [(dict(_class_name='ScoreSdeVeScheduler'), 'ScoreSdeVeScheduler'), (dict(_class_name='FlowMatchEulerDiscreteScheduler'), 'chain of betas'),
    (dict(thresholding=True), 'threshold(model)'), (dict(clip_sample_range=3.), 'clip_sample_range')])
def test_other_schedulers_are_refused(tmp_path, bad, hint):
    (tmp_path/'scheduler_config.json').write_text(json.dumps(bad))
    refused(lambda: read_chain(tmp_path/'scheduler_config.json'), hint)

def test_only_some_schedulers_clip(tmp_path):
    for name,clip in (('DDPM',True), ('DDIM',True), ('PNDM',False), ('DPMSolverMultistep',False)):
        (tmp_path/'scheduler_config.json').write_text(json.dumps(dict(_class_name=f'{name}Scheduler')))
        assert read_chain(tmp_path/'scheduler_config.json')['clip'] is clip


# chains and settings at the edge
@pytest.mark.parametrize('path,target', [(zero_terminal(ddpm_path(50)), 'v'), (straight_path(), 'u')])
def test_a_chain_without_signal_at_its_end(path, target):
    m,x = small(path=path, target=target, steps=50, grey_levels=17),digits()[:40]
    torch.manual_seed(0)
    whole,drawn = m.elbo(x).mean(),torch.stack([m.elbo(x, terms=8) for _ in range(10)])
    assert drawn.isfinite().all() and abs(drawn.mean() - whole) < .05*abs(whole)
    m.bound_loss(x).backward()

def test_gradients_of_a_long_chain_are_finite():
    from genmodels import cosine_path
    torch.manual_seed(0)
    m = small(path=cosine_path(4000), var='learned', steps=4000)
    with torch.no_grad():
        for p in m.parameters(): p += .1*torch.randn_like(p)
    for t in (1/4000, .5, 1.):
        m.losses(digits()[:8], t).mean().backward()
        assert all(p.grad.isfinite().all() for p in m.parameters() if p.grad is not None)

def test_steps_and_dtype_of_sample():
    refused(lambda: small().sample(1, steps=0), 'at least 1 step')
    assert small().double().sample(2, steps=3).dtype==torch.float64
