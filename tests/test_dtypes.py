"""Every public function of the rooms about diffusion, scores, networks and the VAE, in three precisions, at a time given in three ways:
what comes out has the precision of what went in, is finite, and in bfloat16 says about what it says in float32.

A public name that is in neither list below is a failure: whoever adds one says here how it is called."""
import pytest, torch
from torch import nn
from genmodels import blocks, ddpm, denoise, ncsn, ncsn2, nets, path, refinenet, samplers, score, vae

ROOMS = dict(path=path, denoise=denoise, samplers=samplers, ddpm=ddpm, score=score, ncsn=ncsn, ncsn2=ncsn2, blocks=blocks, nets=nets, refinenet=refinenet, vae=vae)
DTYPES = [torch.float64, torch.float32, torch.bfloat16]
gen = lambda: torch.Generator().manual_seed(0)

# inputs that all three precisions hold exactly
IMAGES = (torch.randint(0, 17, (4, 1, 8, 8), generator=gen())/8 - 1)
OTHERS = (torch.randint(0, 17, (4, 1, 8, 8), generator=torch.Generator().manual_seed(1))/8 - 1)
PAIRS = torch.randint(0, 17, (4, 2), generator=gen())/8 - 1
TIMES = dict(number=lambda dtype: .5, scalar=lambda dtype: torch.tensor(.5, dtype=dtype), each=lambda dtype: torch.tensor([.25,.5,.75,1.], dtype=dtype), float32=lambda dtype: torch.tensor([.25,.5,.75,1.]),
    expanded=lambda dtype: torch.tensor(.5, dtype=dtype).expand(4))
each = lambda x, t: t.expand(len(x)) if torch.is_tensor(t) else torch.full((len(x),), t, dtype=x.dtype)      # for nets
half = lambda t: t/2

def like(x, make):
    "A module in the precision of `x`, with weights that bfloat16 holds, too"
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return make().bfloat16().eval().to(x.dtype)

class Net(nn.Module):
    "Smooth, of the time too, and with a weight that has a precision"
    def __init__(self): super().__init__(); self.k = nn.Parameter(torch.tensor(.5))
    def forward(self, x, t, y=None): return self.k*x*(1 + t.to(x).reshape(-1, *[1]*(x.ndim-1)))

COSINE = path.cosine_path(8)
def tiny_unet(**kw): return nets.UNet(**(dict(image_size=8, widths=(8,16), blocks=1, attn=(4,), dropout=0.) | kw))
def small_ddpm(**kw): return ddpm.DDPM(1, 8, net=kw.pop('net', None) or Net(), path=kw.pop('path', COSINE), steps=8, grey_levels=17, **kw)
def small_denoiser(target, **kw): return denoise.Denoiser(Net(), kw.pop('path', COSINE), target, **kw)
def small_ncsn(): return ncsn.NCSN(1, 8, levels=8, sigma_max=2., sigma_min=.1, n_steps_each=2, net=Net())
class TwoOut(Net):
    def forward(self, x, t): return torch.cat([super().forward(x, t), x.tanh()], 1)

CASES = {}
def case(*names, random=False, wide=False, near=.03, at=True):
    "Register how public names are called: `f(x, t)` returns tensors. `random`: draws its own noise; `wide`: at least float32; `at`: does the time matter?"
    def add(f): CASES[f.__name__] = (f, names, random, wide, near, at); return f
    return add

# paths
ALL_PATHS = dict(betas_path=lambda: path.betas_path([.1,.2,.3,.4]), ddpm_path=lambda: path.ddpm_path(8, .01, .3), cosine_path=lambda: COSINE, sigmoid_path=lambda: path.sigmoid_path(8), ncsn_path=path.ncsn_path,
    karras_path=path.karras_path, straight_path=path.straight_path, zero_terminal=lambda: path.zero_terminal(COSINE), Path=lambda: path.Path(torch.cos, torch.sin))
@case(*ALL_PATHS)
def jumps(x, t): return [made().noise(x, t, x.flip(0)) for made in ALL_PATHS.values()]
@case('At')
def values(x, t): return [o for name,made in ALL_PATHS.items() for p in [made().at(t if name != 'zero_terminal' else half(t), x)] for o in (p.a, p.sig, p.snr, p.log_snr, *p.rate, p.t)]
@case('Path')
def scales_alone(x, t): return [o for made in ALL_PATHS.values() for o in made()(t if torch.is_tensor(t) and t.dtype == x.dtype else torch.as_tensor(t, dtype=x.dtype))]

# targets
TARGETS = ['x0', 'eps', 'score', 'sigma_score', 'v', 'u']
@case('TARGETS', 'row')
def rows(x, t): return [o for target in TARGETS for o in denoise.row(target, COSINE.at(t, x)) if torch.is_tensor(o)]
@case('solve', 'convert')
def solutions(x, t):
    p = COSINE.at(half(t), x)
    return [o for target in TARGETS for o in (*denoise.solve(x, x.flip(0), p, target), denoise.convert(x, x.flip(0), p, target, 'v'))]
@case('implied_weight', 'sigma2_weight', 'snr_weight', 'min_snr_weight', 'edm_weight', near=.1)
def weights(x, t):
    p = COSINE.at(half(t), x)
    return [*(denoise.implied_weight(target, p) for target in TARGETS), *(w(p) for w in (denoise.sigma2_weight(), denoise.snr_weight(), denoise.min_snr_weight(), denoise.edm_weight(.5, 'v')))]
@case('Denoiser', 'unclipped')
def estimates(x, t):
    t = half(t)
    made = [like(x, lambda target=target, clip=clip: small_denoiser(target, clip=clip)) for target in TARGETS for clip in (True, False)]
    straight = like(x, lambda: small_denoiser('u', path=path.straight_path()))
    return [o for m in (*made, straight) for o in (m(x, t), m.predict(x, t), denoise.unclipped(m)(x, t))]
@case('Denoiser', random=True)
def losses(x, t):
    made = [like(x, lambda target=target: small_denoiser(target)) for target in TARGETS]
    return [o for m in made for o in (m.losses(x, half(t)), m.loss(x))]
@case('Estimate')
def other_estimates(x, t): return [denoise.Estimate(like(x, lambda: small_denoiser('v', clip=True)), lambda m, xt, t: 2*m(xt, t))(x, t)]
@case('posterior_mean')
def means(x, t): return [denoise.posterior_mean(x, x.flip(0)/2, COSINE.at(half(t), x))]
@case('stable_loss', random=True, at=False)
def stable(x, t): return [denoise.stable_loss(x)(like(x, lambda: small_denoiser('eps')), x)]

# steps
@case('posterior')
def posteriors(x, t): return [*samplers.posterior(x, x.flip(0), COSINE.at(t, x), COSINE.at(half(t), x))]
@case('ddim_step', 'heun_step', 'dpmpp_2m', near=.1)
def steps_without_noise(x, t):
    m = like(x, lambda: small_denoiser('v', clip=True))
    return [step(m, x, t, s) for step in (samplers.ddim_step, samplers.heun_step, samplers.dpmpp_2m()) for s in (half(t), 0*t)] + [samplers.ddpm_step(m, x, t, 0*t, var=var) for var in ('posterior','beta')]
@case('ddpm_step', 'ddim_step', random=True)
def steps_with_noise(x, t):
    m = like(x, lambda: small_denoiser('v', clip=True))
    return [samplers.ddpm_step(m, x, t, half(t), gen(), var=var) for var in ('posterior','beta')] + [samplers.ddim_step(m, x, t, half(t), 1., gen())]
@case('posterior', 'ddim_step', 'dpmpp_2m', 'ddpm_step', at=False)
def short_steps(x, t):
    "A thousandth of the way, where the two ends hardly differ"
    m = like(x, lambda: small_denoiser('v', clip=True, path=path.cosine_path()))
    ends = [(.9,.899), (.5,.499), (.02,.019)]
    return [o for t,s in ends for o in (*samplers.posterior(x, x.flip(0), m.path.at(t, x), m.path.at(s, x)), samplers.ddim_step(m, x, t, s), samplers.dpmpp_2m()(m, x, t, s))]
@case('sample', 'in_batches', at=False, near=.1)
def walks(x, t):
    m = like(x, lambda: small_denoiser('v', clip=True))
    return [samplers.sample(m, x, samplers.times(4), step) for step in (samplers.ddim_step, samplers.heun_step, samplers.dpmpp_2m())] + [o for o,_ in samplers.in_batches(x, 3, {})]
@case('threshold')
def thresholds(x, t): return [samplers.threshold(like(x, lambda: small_denoiser('eps')), q)(x, half(t)) for q in (None, .9)]

# DDPM
@case('log_prob_grey', at=False)
def grey(x, t): return [ddpm.log_prob_grey(x, x.flip(0)/2, sd, 17) for sd in (.5, torch.tensor(.5, dtype=x.dtype))]
@case('DDPM')
def spreads(x, t):
    share = (x+1)/2
    return [like(x, lambda var=var: small_ddpm(var=var)).back_sd(x, t, s, share).expand_as(x) for var in ('posterior','beta','fixed_large','learned') for s in (half(t), 0*t)]
@case('DDPM')
def bound_of_estimates(x, t):
    k = (8*each(x, t)).double()
    return [like(x, lambda var=var: small_ddpm(var=var)).step_nats(x, k, x.flip(0)/2, (x+1)/2) for var in ('posterior','beta','learned')]
@case('DDPM', 'learned_step', random=True, at=False)
def ddpm_draws(x, t):
    two = like(x, lambda: small_ddpm(net=TwoOut(), var='learned'))
    return [o for m in (like(x, lambda: small_ddpm(var='beta')), two) for o in (m.sample(3, generator=gen()), m.sample(3, 4, generator=gen()), m.elbo(x), m.elbo(x, terms=2), m.bits_per_dim(x), m.bound_loss(x), m.loss(x), m.last_nats(x))]
@case('learned_step', random=True)
def learned_steps(x, t): return [ddpm.learned_step(like(x, lambda: small_ddpm(net=TwoOut(), var='learned')), x, t, half(t), gen())]
@case('learned_step')
def learned_last_step(x, t): return [ddpm.learned_step(like(x, lambda: small_ddpm(net=TwoOut(), var='learned')), x, t, 0*t, gen())]

# scores
@case('explicit_loss', 'implicit_loss', 'sliced_loss', 'denoising_loss', at=False)
def score_losses(x, t):
    s = lambda x: -(2*x).tanh()
    sign = x.flip(0).sign() + (x.flip(0) == 0)
    x = x.flatten(1)[:,:4]; sign = sign.flatten(1)[:,:4]
    return [score.explicit_loss(s, x, -x), score.implicit_loss(s, x), score.sliced_loss(s, x, v=sign), score.sliced_loss(s, x, v=sign, reduced=False), score.denoising_loss(s, x, .5, eps=sign)]
@case('sliced_loss', 'denoising_loss', 'langevin_step', 'mala_step', random=True, at=False)
def score_draws(x, t):
    s,log_prob = (lambda x: -x),(lambda x: -x.flatten(1).square().sum(1)/2)
    return [score.sliced_loss(s, x, gen()), score.denoising_loss(s, x, .5, gen()), score.langevin_step(s, x, .1, gen()), score.mala_step(s, log_prob, x, .1, gen())]
@case('denoising_loss', random=True)
def noise_of_each(x, t): return [score.denoising_loss(lambda x: -x, x, t, gen())]
@case('ScoreNet', 'NCSN', 'ByDivision')
def score_nets(x, t):
    made = [like(x, make) for make in (lambda: ncsn.ScoreNet(Net(), path.ncsn_path(8)), lambda: ncsn2.ByDivision(Net(), path.ncsn_path(8)))]
    m = like(x, small_ncsn)
    return [*(net(x, each(x, t)) for net in made), m(x, t), m.predict(x, t)]
@case('NCSN', 'consistent_sample', random=True, at=False)
def ncsn_draws(x, t):
    m = like(x, small_ncsn)
    return [m.loss(x), m.start(3, gen()), m.sample(3, generator=gen()), m.inpaint(x, x > 0, generator=gen()), ncsn2.consistent_sample(m, 3, generator=gen())]
@case('consistent_step', near=.1)
def consistent(x, t): return [ncsn2.consistent_step(like(x, small_ncsn), x, t, 0*t)]
@case('consistent_step', random=True)
def consistent_with_noise(x, t): return [ncsn2.consistent_step(like(x, small_ncsn), x, t, half(t), generator=gen())]

# networks
@case('MLP', 'conv3', 'group_norm', 'Blocks', 'ResBlock', 'Attention', at=False)
def layers(x, t):
    h = torch.cat([x*k for k in (1,.5,-1,.25)]*2).reshape(4, 8, 8, 8)
    emb = h[:,:,0,0]
    res,att = (lambda: blocks.ResBlock(8, 12, 8)),(lambda: blocks.Attention(8))
    return [like(x, lambda: blocks.MLP(64, 3))(x.flatten(1)), like(x, lambda: blocks.conv3(1, 4))(x), like(x, lambda: blocks.group_norm(8))(h), like(x, res)(h, emb), like(x, att)(h),
        like(x, lambda: blocks.Attention(8, heads=2))(h), like(x, lambda: blocks.Blocks(res(), blocks.ResBlock(12, 4, 8)))(h, emb)]
@case('sinusoidal', wide=True)
def clocks(x, t): return [blocks.sinusoidal(each(x, t).to(x), 16, shift) for shift in (0, 1)]
@case('TimeEmbedding', 'TimeMLP', 'UNet')
def timed_nets(x, t):
    y,t = torch.arange(4),each(x, t)
    embed = like(x, lambda: blocks.TimeEmbedding(16, 16, classes=4))
    return [embed(t), embed(t, y), like(x, lambda: nets.TimeMLP(2, 16))(x.flatten(1)[:,:2], t), like(x, tiny_unet)(x, t), like(x, lambda: tiny_unet(classes=4))(x, t, y)]
@case('CondInstanceNorm', 'CondInstanceNormPlus', 'NormConv', 'ResidualConvUnit', 'residual_pooling', 'RefineBlock', 'RefineBlockPlus', 'WideningConvUnit', at=False, near=.06)
def refinenet_layers(x, t):
    h,i = torch.cat([x, x.flip(0)], 1)/2,torch.arange(4)
    link = like(x, lambda: refinenet.NormConv(2, 4))
    made = (lambda: refinenet.CondInstanceNorm(2, 4), lambda: refinenet.CondInstanceNormPlus(2, 4), lambda: refinenet.NormConv(2, 4, pool=True), lambda: refinenet.ResidualConvUnit(2, 4), lambda: refinenet.WideningConvUnit(2, 4, 4))
    return [*(like(x, make)(h, i) for make in made), refinenet.residual_pooling(h, [link, link], i), like(x, lambda: refinenet.RefineBlock(2, 4, 2))([h, h.flip(0)], i), like(x, lambda: refinenet.RefineBlockPlus(2, 2, 4, 2))([h, h.flip(0)], i)]
@case('RefineNet', 'refinenet_song2019', near=.25)
def refinenets(x, t): return [like(x, make)(x, each(x, t)) for make in (lambda: refinenet.RefineNet(1, 4, 4, dilations=(1,1,2,2)), lambda: refinenet.refinenet_song2019(1, 4, 4))]

# the VAE
def small_vae(**kw): return vae.VAE(shape=(1,8,8), latent_dim=2, hidden=(16,), **kw)
@case('MLPEncoder', 'MLPDecoder', 'ConvEncoder', 'ConvDecoder', at=False)
def vae_nets(x, t):
    z = x.flatten(1)[:,:2]
    return [*(like(x, make)(x) for make in (lambda: vae.MLPEncoder((1,8,8), 4), lambda: vae.ConvEncoder((1,8,8), 4))), *(like(x, make)(z) for make in (lambda: vae.MLPDecoder(2, (1,8,8)), lambda: vae.ConvDecoder(2, (1,8,8))))]
@case('log_bernoulli', 'log_gaussian', 'best_sd', 'follow_sd', 'split_mixture', 'log_logistics', 'mixture_mean', 'slerp', at=False, near=.06)
def likelihoods(x, t):
    y = torch.cat([x/2, x.flip(0)/2, x.flip(1)/4, x, x.flip(3), x/8], 1)
    sd = torch.tensor(.5, dtype=x.dtype)
    shares = torch.tensor([0.,.25,1.], dtype=x.dtype)
    return [vae.log_bernoulli(x.sign() + (x == 0), x.flip(0)), vae.log_gaussian(x, x/2, .5), vae.log_gaussian(x, x/2, sd), vae.best_sd(x, x/2), vae.follow_sd(sd, sd/2, .1, .25), *vae.split_mixture(y, 1),
        vae.log_logistics(x, y, 17), vae.mixture_mean(y, 1, 17), vae.slerp(x[0].flatten(), x[1].flatten(), shares)]
@case('VAE', random=True, at=False)
def vaes(x, t):
    z,out = x.flatten(1)[:,:2],[]
    for kw in (dict(likelihood='gaussian', sd='optimal'), dict(likelihood='gaussian', sd='learned'), dict(likelihood='gaussian', sd=.5), dict(likelihood='logistic', grey_levels=17), dict(likelihood='bernoulli')):
        m = like(x, lambda kw=kw: small_vae(**kw))
        v = x.sign() + (x == 0) if kw['likelihood'] == 'bernoulli' else x
        out += [m.elbo(v), m.loss(v), *m.terms(v), m.log_prob(v, 3), *m.encode(v), m.decode(z), m.draw(z), m.mean(z), m.sample(3), m.sample(3, noise=True), m.reconstruct(v), m.interpolate(v[0], v[1], 3)]
        m.train(); out += [m.loss(v)]
    return out

# names whose results have a precision of their own, and why
ELSEWHERE = dict(step_index='whole numbers', level_index='whole numbers', check_input='refuses', sides='whole numbers', classes_of='a number', times='float64 times, read on the CPU', draw_steps='steps and float64 weights', step_probs='float64 probabilities',
    geometric_sigmas='float64 levels', overlap='a number', widest_ratio='a number', suggest_sigmas='numbers', variance_ratio='a number', suggest_step='a number', LIKELIHOODS='names', NETS='makers')


def test_no_public_name_is_forgotten():
    public = {name for room in ROOMS.values() for name in room.__all__}
    covered = {name for f,names,*_ in CASES.values() for name in names}
    assert public - covered - ELSEWHERE.keys() == set(), 'say above how these are called'
    assert (covered | ELSEWHERE.keys()) - public == set(), 'these are no longer public'

def results(f, dtype, kind):
    "What a case returns, with torch's own generator where it was"
    torch.manual_seed(0)
    with torch.no_grad(): return [o.detach() for o in f(IMAGES.to(dtype), TIMES[kind](dtype))]

# what is wrong today, and where: strict, so that a case must leave this list when its room is mended
def runs():
    for name,(*_, at) in CASES.items():
        for kind in (TIMES if at else ['number']):
            for dtype in DTYPES:
                yield pytest.param(name, kind, dtype, id=f'{name}-{kind}-{str(dtype)[6:]}')

@pytest.mark.parametrize('name,kind,dtype', [*runs()])
def test_same_precision_out_as_in(name, kind, dtype):
    f,_,random,wide,near,_ = CASES[name]
    got = results(f, dtype, kind)
    wanted = torch.promote_types(dtype, torch.float32) if wide else dtype
    assert [o.dtype for o in got] == [wanted]*len(got)
    assert all((o.isfinite() | o.isinf() & (name in ('values','rows','weights'))).all() for o in got) and not any(o.isnan().any() for o in got)
    if dtype != torch.bfloat16 or random: return
    for i,(o,exact) in enumerate(zip(got, results(f, torch.float32, kind))):
        o,finite = o.float(),exact.isfinite()
        off = (o - exact)[finite].abs().max().item() if finite.any() else 0.
        assert off <= near*max(1., exact[finite].abs().max().item() if finite.any() else 1.), (i, off, exact.abs().max().item())
