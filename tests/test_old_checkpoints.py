"Checkpoints that earlier versions wrote: they load, draw what they drew, and stopped runs go on. See fixtures/write_*.py"
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from genmodels.checkpoint import load
from genmodels.spec import spec_of
from genmodels.train import fit

fixtures = Path(__file__).parent/'fixtures'
x = (torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))*16).round()/8 - 1

def drawn(model): return model.sample(4, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize('name', ['vae','vae_conv','hvae','ddpm','ncsn','ncsn_unet'])
def test_draws_the_same(name):
    model = load(fixtures/f'051d642-{name}')
    assert torch.allclose(drawn(model), load_file(fixtures/f'051d642-{name}/expected.safetensors')['drawn'], atol=1e-5)
    assert model.ema_steps == 3 and tuple(model.shape) == (1,8,8)
    if 'ncsn' not in name: assert spec_of(model)['args']['grey_levels'] == 17


@pytest.mark.parametrize('name', ['vae','ddpm'])
def test_a_stopped_run_goes_on(tmp_path, name):
    out = shutil.copytree(fixtures/f'051d642-{name}', tmp_path/'run')
    model = load(out)
    model.ema,model.ema_steps = None,0     # as it was when the run began
    fit(model, x, steps=6, batch_size=8, progress=False, out=out, resume=True)
    expected = load_file(fixtures/f'051d642-{name}/expected.safetensors')['at_end']
    assert torch.allclose(drawn(model), expected, atol=1e-5) and torch.allclose(drawn(load(out)), expected, atol=1e-5)
