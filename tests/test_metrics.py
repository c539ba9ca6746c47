"""Metrics: bad input gets one clear sentence."""
import math

import numpy as np
import pytest
import torch
from genmodels.metrics import frechet, mmd, mmd_test, nearest, precision_recall, sliced_wasserstein, wasserstein_1d

PAIRS = [mmd, mmd_test, sliced_wasserstein, frechet, precision_recall]
x, y = torch.randn(20, 3, generator=torch.Generator().manual_seed(0)), torch.randn(30, 3, generator=torch.Generator().manual_seed(1))


def refused(f, *args, hints=(), **kw):
    with pytest.raises(ValueError) as e: f(*args, **kw)
    message = str(e.value)
    assert '\n' not in message and 'expected' in message and all(h in message for h in hints), message


@pytest.mark.parametrize('f', PAIRS)
def test_bad_pairs(f):
    "Too few, other dimensions, NaN and infinity, on either side"
    refused(f, x[:1], y, hints=['at least', '(1, 3)'])
    refused(f, x, y[:1], hints=['at least'])
    refused(f, x[:0], y, hints=['(0, 3)'])
    refused(f, torch.tensor(1.), y, hints=['at least'])
    refused(f, x, y[:, :2], hints=['same dimension', '3', '2'])
    for bad in (math.nan, math.inf):
        z = y.clone(); z[4, 1] = bad
        refused(f, x, z, hints=['NaN or infinity', '1 of 30'])
        refused(f, z, x, hints=['1 of 30'])


def test_names_the_pile():
    refused(precision_recall, x[:3], y, hints=['at least 4', 'real'])
    refused(precision_recall, x, y[:5], k=5, hints=['at least 6', 'fake'])
    refused(nearest, x, y[:2], k=3, hints=['k=3', 'data'])
    refused(nearest, x, y[:0], hints=['data'])


def test_settings():
    for k in (0, -1):
        refused(precision_recall, x, y, k=k, hints=['k >= 1'])
        refused(nearest, x, y, k=k, hints=['k >= 1'])
        refused(mmd_test, x, y, n_perm=k, hints=['n_perm'])
        refused(sliced_wasserstein, x, y, n_proj=k, hints=['n_proj'])
    for widths in ([], [0.], [-1.], [math.nan], [math.inf], (0.5, 0.)):
        refused(mmd, x, y, widths=widths, hints=['widths'])
        refused(mmd_test, x, y, widths=widths, hints=['widths'])
    same = torch.zeros(5, 2)
    refused(mmd, same, same, hints=['median distance of 0', 'widths='])
    assert mmd(same, same, widths=[1.]) == 0


def test_accepted():
    "numpy arrays, numbers on a line, pictures, integers, gradients, unequal sizes"
    assert mmd(x.numpy(), y.numpy()) == mmd(x, y)
    assert frechet(x[:, 0], y[:, 0]) == pytest.approx(frechet(x[:, :1], y[:, :1]))
    assert frechet(x.reshape(20, 3, 1, 1), y) == pytest.approx(frechet(x, y))
    assert sliced_wasserstein(x.clone().requires_grad_(), y) == sliced_wasserstein(x, y)
    assert sliced_wasserstein(np.arange(4), np.arange(4) + 2) == pytest.approx(2)
    for f in PAIRS: assert np.isfinite(f(x, y)).all()
    d, i = nearest(y[3:5], y)
    assert d.shape == i.shape == (2, 1) and d.max() == 0 and i[:, 0].tolist() == [3, 4]


def test_single_values_that_repeat():
    "Constant piles have no spread and still a distance"
    a, b = torch.zeros(10, 2), torch.ones(12, 2)
    assert frechet(a, b) == pytest.approx(2) and sliced_wasserstein(a, b) == pytest.approx(1, abs=.1)
    assert precision_recall(a, b) == (0, 0) and precision_recall(a, a) == (1, 1)


def test_features():
    flat = lambda v: v.flatten(1)[:, :2]
    assert frechet(x, y, features=flat) == pytest.approx(frechet(x[:, :2], y[:, :2]))
    assert precision_recall(x, y, features=flat) == precision_recall(x[:, :2], y[:, :2])
    refused(frechet, x, y, features=lambda v: v/0*0, hints=['features', 'NaN'])


def test_features_of_a_module_without_length():
    "A module may be falsy: it counts as given"
    class Pair(torch.nn.Module):
        def __len__(self): return 0
        def forward(self, v): return v[:, :2]
    assert frechet(x, y, features=Pair()) == pytest.approx(frechet(x[:, :2], y[:, :2]))


def test_no_table_of_all_distances(monkeypatch):
    "Never more distances at once than a block has, whatever the numbers of examples; and the same shares"
    from genmodels import metrics
    g = torch.Generator().manual_seed(0)
    real, fake = torch.randn(300, 2, generator=g), torch.randn(500, 2, generator=g) + .5
    want, held, dist = precision_recall(real, fake), [], metrics._dist
    monkeypatch.setattr(metrics, '_block', 1000)
    monkeypatch.setattr(metrics, '_dist', lambda x, y: held.append(len(x)*len(y)) or dist(x, y))
    assert precision_recall(real, fake) == want
    assert max(held) <= 1000 and sum(held) == 800**2


def test_a_bar_for_who_waits(capsys):
    precision_recall(x, y)
    assert capsys.readouterr().err == ''
    precision_recall(x, y, progress=True)
    said = capsys.readouterr().err
    assert '100%' in said and '2.50k/2.50k' in said


@pytest.mark.parametrize('width', [3., 1e4, 1e5])
def test_wide_kernels_tell_two_piles_apart(width):
    g = torch.Generator().manual_seed(0)
    assert mmd_test(torch.randn(200, 1, generator=g), torch.randn(200, 1, generator=g)+.5, widths=[width])[1] < .05


@pytest.mark.parametrize('shapes', [((), (3,)), ((3,), ()), ((3,), (3, 1)), ((3, 2), (4, 3)), ((0,), (3,)), ((3, 2, 2), (3, 2, 2))])
def test_distance_on_a_line_of_other_shapes(shapes):
    with pytest.raises(ValueError, match='expected numbers'): wasserstein_1d(*[torch.zeros(s) for s in shapes])
