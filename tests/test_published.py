"Folders that diffusers wrote with its own settings, in variants and shards, and how the paper's network starts."
import copy, json, pickle
import pytest, torch
from genmodels import HoUNet, load, load_diffusers, save
from genmodels.blocks import Attention, ResBlock
from genmodels.ho2020 import embed_index
from genmodels.published import from_diffusers
from genmodels.spec import make, spec_of

diffusers = pytest.importorskip('diffusers')
x,k = torch.randn(4, 1, 16, 16, generator=torch.Generator().manual_seed(3)),torch.tensor([1,2,500,1000])

def unet(**kw):
    "Small, and all else as the library has it"
    torch.manual_seed(0)
    kinds = dict(down_block_types=('DownBlock2D','AttnDownBlock2D'), up_block_types=('AttnUpBlock2D','UpBlock2D'))
    small = dict(sample_size=16, in_channels=1, out_channels=1, block_out_channels=(16,32), layers_per_block=1, norm_num_groups=4)
    return diffusers.UNet2DModel(**(small | kinds | kw)).eval()

def written(net, where, **kw):
    net.save_pretrained(where, **kw)
    return where

def gap(ours, theirs, x=x):
    with torch.no_grad(): return (ours(x, k/1000) - theirs(x, k-1).sample).abs().max().item()

def refused(error, f, *hints):
    with pytest.raises(error) as e: f()
    said = str(e.value)
    assert '\n' not in said and len(said) < 400, said
    for h in hints: assert h in said, said


# the library's own settings
OTHERS = [{}, dict(attention_head_dim=4), dict(attention_head_dim=None), dict(attention_head_dim=16), dict(norm_eps=1e-3), dict(act_fn='swish'), dict(sample_size=(16,16)),
    dict(downsample_padding=0), dict(flip_sin_to_cos=False), dict(freq_shift=1), dict(flip_sin_to_cos=False, freq_shift=1, downsample_padding=0, attention_head_dim=8),
    dict(layers_per_block=3, norm_num_groups=8, block_out_channels=(40,24)), dict(down_block_types=('AttnDownBlock2D',)*2, up_block_types=('AttnUpBlock2D',)*2),
    dict(block_out_channels=(20,32), attention_head_dim=8), dict(dropout=.2), dict(block_out_channels=(136,144), norm_num_groups=8, layers_per_block=1)]

@pytest.mark.parametrize('kw', OTHERS)
def test_says_the_same(tmp_path, kw):
    theirs = unet(**kw)
    m = load_diffusers(written(theirs, tmp_path/'theirs'))
    assert gap(m.net, theirs) < 1e-5
    again = load(save(m, tmp_path/'ours'))
    assert gap(again.net, theirs) < 1e-5 and spec_of(again) == spec_of(m)

def test_the_training_examples_net(tmp_path):
    n = 6
    theirs = unet(sample_size=64, in_channels=3, out_channels=3, layers_per_block=2, norm_num_groups=8, block_out_channels=(8,8,16,16,32,32),
        down_block_types=('DownBlock2D',)*4 + ('AttnDownBlock2D','DownBlock2D'), up_block_types=('UpBlock2D','AttnUpBlock2D') + ('UpBlock2D',)*4)
    pipeline = diffusers.DDPMPipeline(theirs, diffusers.DDPMScheduler())
    pipeline.save_pretrained(tmp_path)
    m = load_diffusers(tmp_path)
    assert m.shape == (3, 64, 64) and len(m.net.down) == n and m.clip and m.var == 'posterior'
    assert gap(m.net, theirs, torch.randn(4, 3, 64, 64)) < 1e-5

def test_settings_that_a_file_leaves_out(tmp_path):
    theirs = unet(block_out_channels=(32,)*4, norm_num_groups=32, layers_per_block=2, down_block_types=('DownBlock2D',) + ('AttnDownBlock2D',)*3, up_block_types=('AttnUpBlock2D',)*3 + ('UpBlock2D',))
    written(theirs, tmp_path)
    said = {name: v for name,v in json.loads((tmp_path/'config.json').read_text()).items() if name in ('_class_name','sample_size','in_channels','out_channels','block_out_channels')}
    (tmp_path/'config.json').write_text(json.dumps(said))
    assert gap(load_diffusers(tmp_path).net, theirs) < 1e-5

def test_names_of_blocks_in_older_files(tmp_path):
    theirs = unet()
    written(theirs, tmp_path)
    said = json.loads((tmp_path/'config.json').read_text())
    for part in ('down_block_types','up_block_types'): said[part] = ['UNetRes' + kind for kind in said[part]]
    (tmp_path/'config.json').write_text(json.dumps(said))
    assert gap(load_diffusers(tmp_path).net, theirs) < 1e-5

@pytest.mark.parametrize('bad', [dict(downsample_padding=2), dict(freq_shift=.5), dict(act_fn='mish'), dict(resnet_time_scale_shift='scale_shift'), dict(num_class_embeds=10), dict(time_embedding_type='fourier'),
    dict(sample_size=[16,32]), dict(sample_size=None), dict(sample_size=[16]), dict(norm_num_groups=5), dict(attention_head_dim=7), dict(add_attention=False), dict(up_block_types=['UpBlock2D','UpBlock2D'])])
def test_what_it_cant_be_is_named(tmp_path, bad):
    written(unet(), tmp_path)
    said = json.loads((tmp_path/'config.json').read_text())
    (tmp_path/'config.json').write_text(json.dumps(said | bad))
    words = dict(norm_num_groups='groups=5', attention_head_dim='head_width=7', up_block_types='back up')
    refused(ValueError, lambda: load_diffusers(tmp_path), *[words.get(name, name) for name in bad])

def test_net_survives_copy_and_pickle(tmp_path):
    net = load_diffusers(written(unet(), tmp_path)).net
    for other in (copy.deepcopy(net),pickle.loads(pickle.dumps(net))): assert torch.equal(other(x, k/1000), net(x, k/1000))

def test_recipes_of_earlier_versions():
    spec = spec_of(HoUNet(1, 16, (8,16), blocks=1, attn=(8,), groups=4))
    for new in ('head_width','padding','shift','cos_first'): del spec['args'][new]
    spec['module'] = 'genmodels.published'     # where it was
    theirs = unet(block_out_channels=(8,16), norm_eps=1e-6, attention_head_dim=None, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1)
    net = make(spec).eval()
    net.load_state_dict(from_diffusers(theirs.state_dict(), 2))
    assert gap(net, theirs) < 1e-5

@pytest.mark.parametrize('shift', [0, 1])
@pytest.mark.parametrize('cos_first', [False, True])
def test_clocks(shift, cos_first):
    from diffusers.models.embeddings import get_timestep_embedding
    want = get_timestep_embedding(torch.arange(50), 12, flip_sin_to_cos=cos_first, downscale_freq_shift=shift)
    assert torch.allclose(embed_index(torch.arange(1, 51)/50, 50, 12, shift, cos_first), want, atol=1e-5)


# weights under other names
def names(folder): return sorted(f.name for f in folder.glob('diffusion_pytorch_model*'))

@pytest.mark.parametrize('kw', [dict(variant='fp16'), dict(max_shard_size='20KB'), dict(variant='ema', max_shard_size='20KB'), dict(variant='non_ema')])
def test_the_only_kind_of_weights_is_read(tmp_path, kw):
    theirs = unet()
    written(theirs, tmp_path, **kw)
    assert 'diffusion_pytorch_model.safetensors' not in names(tmp_path)
    assert gap(load_diffusers(tmp_path).net, theirs) < 1e-5
    for f in tmp_path.glob('*.index.*.json'): f.rename(tmp_path/f'diffusion_pytorch_model.safetensors.{kw["variant"]}.index.json')   # as older versions name it
    assert gap(load_diffusers(tmp_path, variant=kw.get('variant')).net, theirs) < 1e-5

@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_halves_are_floats_again(tmp_path, dtype):
    theirs = unet().to(dtype)
    m = load_diffusers(written(theirs, tmp_path, variant='half'))
    assert {p.dtype for p in m.parameters()} == {torch.float32} and gap(m.net, theirs.float()) < 1e-5

def test_several_variants(tmp_path):
    one,two = unet(),unet().half()
    written(one, tmp_path)
    plain = tmp_path/'diffusion_pytorch_model.safetensors'
    kept = plain.read_bytes()
    written(two, tmp_path, variant='fp16')
    plain.write_bytes(kept)
    assert gap(load_diffusers(tmp_path).net, one) < 1e-5 < gap(load_diffusers(tmp_path, variant='fp16').net, one)
    refused(ValueError, lambda: load_diffusers(tmp_path, variant='ema'), "'fp16'", "got 'ema'")
    plain.rename(tmp_path/'diffusion_pytorch_model.ema.safetensors')
    refused(ValueError, lambda: load_diffusers(tmp_path), "'ema', 'fp16', got None", 'variant=')
    assert gap(load_diffusers(tmp_path, variant='ema').net, one) < 1e-5

def test_shards_that_are_missing_or_elsewhere(tmp_path):
    written(unet(), tmp_path, max_shard_size='20KB')
    index,first = tmp_path/'diffusion_pytorch_model.safetensors.index.json',names(tmp_path)[0]
    said = json.loads(index.read_text())
    (tmp_path/first).rename(tmp_path/'away')
    refused(FileNotFoundError, lambda: load_diffusers(tmp_path), first, index.name)
    for bad in ({}, dict(weight_map=[1]), dict(weight_map=dict(a=1)), dict(weight_map={name: '../away' for name in said['weight_map']})):
        index.write_text(json.dumps(bad))
        refused(ValueError, lambda: load_diffusers(tmp_path), index.name)
    index.write_text('{'); refused(ValueError, lambda: load_diffusers(tmp_path), 'JSON')

@pytest.mark.parametrize('name', ['bin', 'fp16.bin', 'bin.index.json'])
def test_pickles_stay_closed(tmp_path, name):
    written(unet(), tmp_path)
    (tmp_path/'diffusion_pytorch_model.safetensors').rename(tmp_path/f'diffusion_pytorch_model.{name}')
    refused(ValueError, lambda: load_diffusers(tmp_path), f'diffusion_pytorch_model.{name}, a pickle', 'save_pretrained')

def test_the_generator_stays_where_it_is(tmp_path):
    written(unet(), tmp_path)
    for break_it in (False,True):
        if break_it: (tmp_path/'diffusion_pytorch_model.safetensors').write_bytes(b'')
        torch.manual_seed(5)
        before = torch.get_rng_state()
        try: load_diffusers(tmp_path)
        except ValueError: assert break_it
        assert torch.equal(torch.get_rng_state(), before)


# how it starts
def spread(w):
    inputs,outputs = w[0].numel(),len(w)*w[0,0].numel()
    return w.std().item()*((inputs+outputs)/2)**.5

def test_starts_as_the_papers_code_does():
    net = HoUNet(1, 16, (64,128), blocks=1, attn=(8,), groups=8, head_width=32)
    for name,w in net.named_parameters():
        if name.endswith('bias') : assert not w.any()
    near_zero = [m.conv2.weight for m in net.modules() if isinstance(m, ResBlock)] + [m.out.weight for m in net.modules() if isinstance(m, Attention)] + [net.out[2].weight]
    for w in near_zero: assert abs(spread(w)*1e5 - 1) < .1
    small = {id(w) for w in near_zero}
    for name,w in net.named_parameters():
        if w.ndim > 1 and id(w) not in small:
            for part in w.chunk(3) if 'qkv' in name else [w]: assert abs(spread(part) - 1) < .1, name
    with torch.no_grad(): assert net.eval()(torch.randn(2, 1, 16, 16), torch.tensor([.1,1.])).abs().max() < 1e-3

def test_it_learns_from_such_a_start():
    torch.manual_seed(0)
    net = HoUNet(1, 8, (8,16), blocks=1, attn=(4,), groups=4, dropout=0.)
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    v,t = torch.randn(16, 1, 8, 8),torch.rand(16)
    losses = []
    for _ in range(60):
        loss = (net(v, t) - v).square().mean()
        opt.zero_grad(); loss.backward(); opt.step()
        losses.append(loss.item())
    assert losses[0] > .8 and losses[-1] < .5*losses[0]

def test_widths_that_cant_be_divided():
    refused(ValueError, lambda: HoUNet(1, 16, (8,12), groups=8), 'groups=8', '(8, 12)')
    refused(ValueError, lambda: HoUNet(1, 16, (8,24), attn=(), groups=4, head_width=16), 'head_width=16', '24')
    for kw in (dict(groups=0), dict(groups=None), dict(padding=2), dict(shift=.5), dict(head_width=0)):
        refused(ValueError, lambda: HoUNet(1, 16, (32,), **kw), *kw)
    for heads in (0, 3, 1.5): refused(ValueError, lambda: Attention(8, heads), 'heads', str(heads))
