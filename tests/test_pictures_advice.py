"Whoever follows the advice of a refusal, to the letter and on the input that was refused, gets the pictures in [-1,1]."
import re

import numpy as np
import pytest
import torch
from genmodels.folders import dataset, fit_size, images
from genmodels.pictures import image_grid, show_images

FORMULA = re.compile(r'x(?:\[[^]]*\]|\.reshape\([^)]*\)|[*/][\d.]+(?:[+-][\d.]+)?)')


def advice(x, load=images):
    "The formulas in the refusal of `x`; None where it is accepted"
    try: load(x)
    except ValueError as e: said = str(e)
    else: return None
    assert not re.search('x/[^ ]*e[+-]', said), said         # a formula has plain numbers
    return FORMULA.findall(said), 'x = np.asarray(x)' in said


def endings(x, steps=3):
    "What `images` makes of `x` when each of its formulas is followed in turn"
    told = advice(x)
    if told is None: return [images(x)]
    formulas, as_array = told
    assert formulas and steps, f'no end to the advice: {formulas}'
    if as_array: x = np.asarray(x)
    return [y for f in formulas for y in endings(eval(f, {'x': x}), steps - 1)]


def spread(lo, hi, shape=(6, 16, 16), seed=0):
    "Whole numbers from lo to hi, both ends among them"
    x = np.random.default_rng(seed).integers(lo, hi + 1, shape)
    x.flat[:2] = lo, hi
    return x


def fills(y, least=.9):
    lo, hi = y.aminmax()
    assert y.dtype == torch.float32 and -1 <= lo <= -least and least <= hi <= 1, (lo, hi)


RANGES = [(0, 1), (0, 300), (0, 1000), (0, 1023), (0, 4000), (0, 4095), (0, 10_000), (0, 16_383), (0, 32_767), (0, 65_535), (0, 10**6), (1, 256), (40, 295), (150, 4095),
          (-128, 127), (-1, 1), (-255, 255), (-1024, 3071), (-32_768, 32_767), (-2000, -1000), (-1, 254), (10**6, 10**6 + 50)]


@pytest.mark.parametrize('lo,hi', RANGES)
@pytest.mark.parametrize('kind', ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'float16', 'float32', 'float64', '>i2', '>f4'])
def test_range(lo, hi, kind):
    kind = np.dtype(kind)
    if kind.kind == 'f':
        if kind.itemsize == 2 and hi > 16_383: pytest.skip('float16 has no such numbers')
    elif lo < np.iinfo(kind).min or hi > np.iinfo(kind).max: pytest.skip('out of its range')
    x = spread(lo, hi).astype(kind)
    if kind == np.uint8 and hi > 1: return
    if advice(x) is None: assert kind.kind == 'f' and (lo, hi) == (-1, 1)
    for y in endings(x): fills(y)
    if kind.isnative:
        for y in endings(torch.from_numpy(x)): fills(y)
    for y in endings(x.tolist()): fills(y)


@pytest.mark.parametrize('lo,hi', [(0, .3), (0, .97), (0, 1), (0, 1.001), (.2, .8), (0, 1.5), (-.5, .5), (-.5, 3), (-3, 3), (-2.118, 2.64), (0, 20), (0, 99.5), (0, 254.3), (0, 1e7), (-1e7, 3), (1e-4, 3e-4), (1000., 1001.)])
@pytest.mark.parametrize('kind', [np.float32, np.float64])
def test_fractions(lo, hi, kind):
    x = lo + spread(0, 1000)*((hi - lo)/1000)
    inside = lo == -.5 and hi == .5
    for y in endings(x.astype(kind)): fills(y, .4 if inside else .9)
    for y in endings(torch.tensor(x, dtype=torch.float32)): fills(y, .4 if inside else .9)


def test_half_precision():
    for hi in (1, 20, 255, 4095):
        for kind in (torch.bfloat16, torch.float16): fills(endings((torch.rand(6, 16, 16)*hi).to(kind))[0], .88)


def test_rounding_is_no_range():
    for beyond in (1 + 1e-7, 1.0005, 1.003):
        x = np.linspace(-beyond, beyond, 64).reshape(1, 8, 8)
        assert images(x).aminmax() == (-1, 1)
        assert images((x + beyond)/2, in_range=True).max() == 1
    assert advice(np.linspace(-1, 1 + 2/255, 64).reshape(1, 8, 8))


def test_constant_pictures():
    "No formula makes pictures of one value"
    for v in (0., .5, 1., 7., -3, 999, 1e6): assert advice(np.full((2, 8, 8), v))[0] == []


def test_both_parts_get_one_formula():
    "Twelve bits that few pictures use up are still twelve bits"
    for hi in (4095, 4080, 3950): assert advice(spread(3, hi))[0] == ['x/2047.5-1']
    assert advice(spread(0, 60_000))[0] != advice(spread(0, 65_000))[0] == ['x/32767.5-1']


# the order of the axes: what is wanted of each shape, by the name of its axes
CUT = [
    ('n4hw', (5, 4, 16, 12), lambda x: x[:, :3]), ('nhw4', (5, 16, 12, 4), lambda x: x[..., :3].transpose(0, 3, 1, 2)),
    ('n2hw', (5, 2, 16, 12), lambda x: x[:, :1]), ('nhw2', (5, 16, 12, 2), lambda x: x[..., :1].transpose(0, 3, 1, 2)),
    ('n13hw', (2, 13, 20, 16), lambda x: x[:, :3]), ('nhw13', (2, 20, 16, 13), lambda x: x[..., :3].transpose(0, 3, 1, 2)),
    ('hw3', (16, 12, 3), lambda x: x[None].transpose(0, 3, 1, 2)), ('hw1', (16, 12, 1), lambda x: x[None].transpose(0, 3, 1, 2)),
    ('hw4', (16, 12, 4), lambda x: x[None, ..., :3].transpose(0, 3, 1, 2)), ('hw2', (16, 12, 2), lambda x: x[None, ..., :1].transpose(0, 3, 1, 2)),
    ('n 784', (5, 784), lambda x: x.reshape(5, 1, 28, 28)), ('n 64', (5, 64), lambda x: x.reshape(5, 1, 8, 8)), ('n 3072', (5, 3072), lambda x: x.reshape(5, 3, 32, 32)),
    ('n 9', (5, 9), lambda x: x.reshape(5, 1, 3, 3)), ('hw', (30, 21), lambda x: x[None, None]), ('square', (64, 64), lambda x: x[None, None]), ('strip', (5, 2), lambda x: x[None, None]),
    ('nt3hw', (2, 5, 3, 16, 12), lambda x: x.reshape(10, 3, 16, 12)), ('nthw3', (2, 5, 16, 12, 3), lambda x: x.reshape(10, 16, 12, 3).transpose(0, 3, 1, 2)),
    ('nthw1', (2, 5, 16, 12, 1), lambda x: x.reshape(10, 16, 12, 1).transpose(0, 3, 1, 2))]


@pytest.mark.parametrize('name,shape,want', CUT, ids=[c[0] for c in CUT])
@pytest.mark.parametrize('top', [255, 4095])
def test_axes(name, shape, want, top):
    x = spread(0, top, shape)
    want = images(want(x)/(top/2) - 1)
    for v in (x, x.astype(np.uint16), torch.from_numpy(x), x.tolist()):
        first, *others = endings(v)
        torch.testing.assert_close(first, want, atol=1e-5, rtol=0)
        for y in others: fills(y, .8)


def test_no_formula_where_nothing_is_known():
    for shape in ((5,), (5, 1), (2, 16, 16, 16), (2, 30, 28, 28), (2, 5, 7, 16, 12), ()):
        assert advice(np.zeros(shape, dtype=np.uint8))[0] == []


@pytest.mark.parametrize('x', [spread(0, 4095, (3, 16, 12)), spread(0, 255, (3, 16, 12)).astype(np.uint8), spread(0, 1, (1, 16, 12)).astype(bool)])
def test_a_grid_of_one_picture(x):
    "images(x) would take one (3, H, W) picture for three grey ones"
    for load in (image_grid, show_images):
        with pytest.raises(ValueError, match=r'images\(x\[None\]\)'): load(torch.tensor(x))
    if x.max() < 256: assert image_grid(images(x[None])).shape[2] == len(x)


# what comes back is the caller's own
@pytest.mark.parametrize('make', [lambda: 2*torch.rand(4, 1, 8, 8) - 1, lambda: 2*torch.rand(4, 8, 8) - 1, lambda: (2*torch.rand(4, 1, 8, 8) - 1).double(), lambda: 2*torch.rand(4, 8, 8, 3) - 1,
                                  lambda: torch.nn.Parameter(2*torch.rand(4, 3, 8, 8) - 1), lambda: np.random.default_rng(0).random((4, 3, 8, 8), dtype=np.float32) - .5])
@pytest.mark.parametrize('load', [images, dataset, lambda x: images(x, size=8), lambda x: images(x, size=(8, 4)), lambda x: images(x, in_range=True)])
def test_results_are_copies(make, load):
    mine = make()
    kept = torch.as_tensor(mine).detach().clone()
    load(mine).add_(.5)
    assert torch.equal(torch.as_tensor(mine).detach(), kept)


@pytest.mark.parametrize('size', [8, (8, 4), (4, 8), 5, np.int64(8)])
def test_fit_size_is_a_copy(size):
    for x in (torch.rand(2, 3, 8, 8), torch.randint(255, (2, 3, 8, 8), dtype=torch.uint8)):
        kept = x.clone()
        fit_size(x, size).add_(1)
        assert torch.equal(x, kept)


def test_named_data_are_copies():
    before = dataset('digits', labels=True)
    before['x'].zero_(); before['y'].zero_()
    after = dataset('digits', labels=True)
    assert after['x'].any() and after['y'].any()
