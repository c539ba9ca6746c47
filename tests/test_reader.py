"""The reader of digits: it refuses what it can't read, and doesn't depend on the caller's state."""
from contextlib import contextmanager

import pytest
import torch
from genmodels.metrics import frechet
from genmodels.pictures import digits
from genmodels.reader import DigitNet, digit_net, legibility, train_digit_net


def refused(f, *args, hints=(), **kw):
    with pytest.raises(ValueError) as e: f(*args, **kw)
    message = str(e.value)
    assert '\n' not in message and 'expected' in message and all(h in message for h in hints), message


def test_digit_net_input():
    net, d = DigitNet(), digits('test')
    refused(net, d/2 + .5, hints=['[-1,1]', 'x*2-1'])
    refused(net, d[:, 0], hints=['(N, 1, 8, 8)'])
    refused(net, torch.zeros(2, 3, 8, 8), hints=['(2, 3, 8, 8)'])
    refused(net, (d*8).to(torch.int8), hints=['int8'])


def test_digit_net_same_bits_whatever_the_caller_does():
    data, test, threads = digits('train', labels=True), digits('test'), torch.get_num_threads()
    want = train_digit_net(data, steps=20)(test)
    try:
        torch.set_num_threads(2); torch.manual_seed(5)
        state = torch.get_rng_state()
        assert torch.equal(train_digit_net(data, steps=20)(test), want)
        assert torch.get_num_threads() == 2 and torch.equal(torch.get_rng_state(), state)
        for mode in (torch.no_grad, torch.inference_mode):
            with mode(): assert torch.equal(train_digit_net(data, steps=20)(test), want)
        torch.set_default_dtype(torch.float64)
        assert train_digit_net(data, steps=2)(test).dtype == torch.float32
    finally: torch.set_num_threads(threads); torch.set_default_dtype(torch.float32)
    assert not torch.equal(train_digit_net(data, steps=20, seed=1)(test), want)


@contextmanager
def mood(name):
    "A state that a caller may have left torch in"
    matmul = torch.get_float32_matmul_precision()
    try:
        if name == 'autocast':
            with torch.autocast('cpu', torch.bfloat16): yield
        elif name == 'device':
            with torch.device('meta'): yield
        else:
            if name == 'dtype': torch.set_default_dtype(torch.float64)
            if name == 'matmul': torch.set_float32_matmul_precision('medium')
            if name == 'deterministic': torch.use_deterministic_algorithms(True)
            yield
    finally:
        torch.set_default_dtype(torch.float32); torch.set_float32_matmul_precision(matmul); torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize('name', ['autocast', 'device', 'dtype', 'matmul', 'deterministic'])
def test_digit_net_and_its_scores_whatever_the_mood(name):
    data, test, seen = digits('train', labels=True), digits('test'), digits('train')[:300]
    net = train_digit_net(data, steps=20)
    want, score, classes = net(test), frechet(seen, test, net), net.classify(test)
    with mood(name):
        state = torch.get_default_dtype(), torch.get_float32_matmul_precision(), torch.is_autocast_enabled('cpu'), torch.are_deterministic_algorithms_enabled()
        again = train_digit_net(data, steps=20)
        assert state == (torch.get_default_dtype(), torch.get_float32_matmul_precision(), torch.is_autocast_enabled('cpu'), torch.are_deterministic_algorithms_enabled())
        assert frechet(seen, test, net) == score and torch.equal(net.classify(test), classes)
    assert torch.equal(again(test), want) and again.scale.dtype == torch.float32


def test_digit_net_is_made_once():
    net = digit_net()
    assert digit_net() is net and net.accuracy >= .97 and not any(p.requires_grad for p in net.parameters()) and not net.training
    d = digits('test', labels=True)
    assert (net.classify(d['x']) == d['y']).float().mean().item() == pytest.approx(net.accuracy)


@pytest.mark.parametrize('x', [torch.zeros(0, 1, 8, 8), torch.zeros(3, 64), torch.zeros(1, 8, 8)])
def test_no_digits_to_judge(x): refused(legibility, x, hints=['(n, 1, side, side)'])
