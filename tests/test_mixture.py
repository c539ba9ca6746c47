"A mixture keeps its own numbers."
import numpy as np
import pytest
import torch
from genmodels import GaussianMixture


@pytest.mark.parametrize('kind', [torch.float64, torch.float32, np.float64])
@pytest.mark.parametrize('k', [1, 3])
def test_changing_what_it_was_made_of(kind, k):
    make = (lambda *shape: np.ones(shape)) if kind is np.float64 else lambda *shape: torch.ones(shape, dtype=kind)
    means, sds, weights = given = make(k, 2), make(k), make(k)
    m = GaussianMixture(*given)
    x = torch.zeros(1, 2)
    before = m.log_prob(x)
    for v in given: v += np.arange(k) + 1 if v.ndim == 1 and kind is np.float64 else 1 if v.ndim > 1 else torch.arange(k) + 1
    assert torch.equal(m.log_prob(x), before)
    m.means += 1; m.sds += 1
    assert (torch.as_tensor(means) == 2).all()


def test_means_still_learn():
    mu = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    GaussianMixture(mu, 1.).log_prob(torch.ones(1, 3)).sum().backward()
    assert mu.grad.abs().sum() > 0


def test_one_centre():
    for means in ([0., 0.], torch.zeros(2)):
        with pytest.raises(ValueError, match=r'means\[None\], or \[means\] of a list'): GaussianMixture(means, 1.)
    assert GaussianMixture([[0., 0.]], 1.).shape == GaussianMixture(torch.zeros(2)[None], 1.).shape == (2,)
