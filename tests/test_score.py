"Score matching and Langevin steps: bad input gets one sentence, good input of every shape works, and a seed is a seed."
from functools import partial
import pytest
import torch
from genmodels.gauss import log_normal
from genmodels.score import denoising_loss, explicit_loss, implicit_loss, langevin_step, mala_step, sliced_loss

X = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
def down(x): return -x
def bell(x): return log_normal(x, 0., 1.)
def energy(x): return -x.square().sum(1)/2          # a log-density where a score is wanted
def frozen(x): return -x.detach()
LOSSES = dict(explicit=lambda s, x: explicit_loss(s, x, -x), implicit=implicit_loss, sliced=sliced_loss, denoising=lambda s, x: denoising_loss(s, x, .5))
STEPS = dict(langevin=lambda s, x: langevin_step(s, x, .1), mala=lambda s, x: mala_step(s, bell, x, .1))


def refused(f, *hints):
    with pytest.raises(ValueError) as e: f()
    message = str(e.value)
    assert '\n' not in message and 'expected' in message and all(h in message for h in hints), message


@pytest.mark.parametrize('f', [*LOSSES.values(), *STEPS.values()], ids=[*LOSSES, *STEPS])
def test_a_log_density_is_no_score(f): refused(lambda: f(energy, X), '(6, 2)', '(6,)', 'not a log-density')

@pytest.mark.parametrize('f', [*LOSSES.values(), *STEPS.values()], ids=[*LOSSES, *STEPS])
def test_integers(f): refused(lambda: f(down, torch.ones(6, 2, dtype=torch.long)), 'int64', 'x.float()')

@pytest.mark.parametrize('loss', [implicit_loss, sliced_loss, partial(sliced_loss, reduced=False)])
def test_no_gradient(loss): refused(lambda: loss(frozen, X), 'detach', 'no_grad')

def test_true_score_of_another_shape(): refused(lambda: explicit_loss(down, X, X[:,:1]), '(6, 2)', '(6, 1)')
def test_directions_of_another_shape(): refused(lambda: sliced_loss(down, X, v=torch.ones(2)), '(6, 2)', '(2,)')
def test_noise_of_another_shape(): refused(lambda: denoising_loss(down, X, .5, eps=X[:1]), '(6, 2)', '(1, 2)')

@pytest.mark.parametrize('sig', [0., -1., float('nan'), torch.tensor([1.,1.,1.,1.,1.,0.])])
def test_no_noise(sig): refused(lambda: denoising_loss(down, X, sig), 'sig > 0')
def test_a_step_size_in_a_tensor(): refused(lambda: langevin_step(down, X, torch.tensor(.1)), 'h to be a number above 0')
def test_noise_levels_of_another_number(): refused(lambda: denoising_loss(down, X, torch.ones(3)), '(6,)', '(3,)')

@pytest.mark.parametrize('h', [0., -.1, float('nan'), float('inf')])
@pytest.mark.parametrize('step', [lambda h: langevin_step(down, X, h), lambda h: mala_step(down, bell, X, h)], ids=['langevin', 'mala'])
def test_step_size(step, h): refused(lambda: step(h), 'h to be a number above 0')

def test_log_prob_of_another_shape(): refused(lambda: mala_step(down, lambda x: -x**2/2, X, .1), '(6,)', '(6, 2)')


@pytest.mark.parametrize('shape', [(6,), (6, 3), (6, 1, 4, 4)])
def test_shapes_and_dtypes(shape):
    for dtype in (torch.float32, torch.float64):
        x = torch.randn(shape, dtype=dtype)
        for name,f in LOSSES.items():
            y = f(down, x)
            assert y.shape == (6,) and y.dtype == dtype, name
        for name,f in STEPS.items():
            y = f(down, x)
            assert y.shape == shape and y.dtype == dtype, name

def test_losses_work_under_no_grad_and_leave_x_alone():
    with torch.no_grad():
        x = X.clone()
        assert torch.allclose(implicit_loss(down, x), x.square().sum(1)/2 - 2) and torch.allclose(sliced_loss(down, x), x.square().sum(1)/2 - 2)
    assert not x.requires_grad and x.grad is None

@pytest.mark.parametrize('loss', LOSSES.values(), ids=LOSSES)
def test_parameters_get_gradients(loss):
    w = torch.tensor(.3, requires_grad=True)
    loss(lambda x: -w*x, X).mean().backward()
    assert w.grad.isfinite() and w.grad != 0

def test_a_constant_score_has_no_divergence():
    b = torch.tensor([1.,2.], requires_grad=True)
    for loss in (implicit_loss, sliced_loss): assert torch.allclose(loss(lambda x: b.expand_as(x), X), torch.tensor(2.5))

def test_a_generator_decides_and_the_global_one_is_left_alone():
    torch.manual_seed(0); state = torch.get_rng_state()
    g = lambda: torch.Generator().manual_seed(1)
    for f in (lambda: sliced_loss(lambda x: x@torch.tensor([[1.,2.],[0.,1.]]), X, g()), lambda: denoising_loss(down, X, .5, g()),
              lambda: langevin_step(down, X, .1, g()), lambda: mala_step(down, bell, X, 1., g())):
        assert torch.equal(f(), f())
    assert torch.equal(torch.get_rng_state(), state)

def test_mala_stays_where_the_density_ends():
    "A proposal outside the support, or one whose density is NaN, is refused"
    x = torch.rand(500, 1)*2 - 1
    for bad in (-float('inf'), float('nan')):
        y = mala_step(torch.zeros_like, lambda x: torch.where(x.abs() < 1, 0., bad)[:,0], x, 1.)
        assert (y.abs() < 1).all() and (y != x).any() and (y == x).any()

def test_public_names():
    import genmodels
    assert genmodels.mala_step is mala_step and genmodels.langevin_step is langevin_step

def test_a_step_reads_no_number_out_of_a_tensor(monkeypatch):
    "Each read would stop a GPU; the size of a step is a plain number"
    def read(self, *args): raise AssertionError('a number was read out of a tensor')
    for name in ('__bool__', '__float__', '__int__', 'item', 'tolist'): monkeypatch.setattr(torch.Tensor, name, read)
    for f in STEPS.values(): f(down, X)
