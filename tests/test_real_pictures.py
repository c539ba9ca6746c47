"28x28 digits in the package, nets on folded pixels, and the precision that suits the machine"
import re, warnings
import pytest, torch
from genmodels import DDPM, UNet, VAE, fit, load, mnist, save
from genmodels import train

def test_digits_are_balanced_and_one_s_own():
    for split,n in (('train',4000), ('test',1000)):
        d = mnist(split, labels=True)
        assert d['x'].shape == (n,1,28,28) and d['x'].dtype == torch.float32 and d['y'].dtype == torch.int64
        assert d['y'][:20].tolist() == [*range(10)]*2 and torch.equal(d['x'], mnist(split))
        d['x'].zero_()
        assert mnist(split).std() > .5
    with pytest.raises(ValueError, match="'train' or 'test'"): mnist('val')

def test_no_digit_is_in_both_parts():
    a,b = mnist().flatten(1),mnist('test').flatten(1)
    assert torch.cdist(b, a).min() > .5

@pytest.mark.parametrize('patch, side, widths', [(2, 28, (8,16)), (4, 32, (8,16)), (7, 28, (8,)), (1, 8, (8,16))])
def test_a_net_on_folded_pixels(tmp_path, patch, side, widths):
    x = torch.rand(8, 3, side, side)*2 - 1
    for var in ('beta','learned'):
        torch.manual_seed(0)
        net = UNet(3, side, widths=widths, blocks=1, attn=(side//patch,), patch=patch, dropout=0., out_channels=6 if var == 'learned' else 3)
        model = DDPM(3, side, net=net, steps=10, var=var)
        fit(model, x, 3, batch_size=4, progress=False)
        one,two = (m.sample(2, generator=torch.Generator().manual_seed(0)) for m in (model, load(save(model, tmp_path/var))))
        assert one.shape == (2,3,side,side) and torch.equal(one, two)

def test_without_patch_nothing_is_new(tmp_path):
    "Weights of a net that was made before it had a patch fit one of patch 1"
    net = UNet(1, 8, widths=(8,16), blocks=1)
    assert net.stem.weight.shape == (8,1,3,3) and net.patch == 1 and net.spec['args']['patch'] == 1

@pytest.mark.parametrize('patch, side', [(3, 28), (5, 28), (0, 28), (2.5, 28), (29, 28)])
def test_patches_that_do_not_fit(patch, side):
    with pytest.raises(ValueError, match='patch|squares'): UNet(1, side, widths=(8,), patch=patch)

def test_auto_takes_what_was_measured(monkeypatch):
    used = []
    def loss(model, x): used.append(torch.is_autocast_enabled('cpu')); return model.loss(x)
    x = mnist()[:32]
    for gain,half in ((3., True), (1., False), (.03, False)):
        monkeypatch.setattr(train, 'bfloat16_gain', lambda *_: gain)
        used.clear()
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            fit(VAE((1,28,28), hidden=(8,)), x, 2, batch_size=16, dtype='auto', loss=loss, progress=False)
        assert used == [half]*2

def test_a_slow_bfloat16_is_told(monkeypatch):
    x = mnist()[:32]
    monkeypatch.setattr(train, 'bfloat16_gain', lambda *_: 1/30)
    with pytest.warns(UserWarning, match='30.0 times as long'):
        fit(VAE((1,28,28), hidden=(8,)), x, 2, batch_size=16, dtype=torch.bfloat16, progress=False)

def test_the_gain_is_measured_once_and_leaves_the_generator_alone():
    train.bfloat16_gain.cache_clear()
    before = torch.get_rng_state()
    gain = train.bfloat16_gain('cpu', torch.get_num_threads())
    assert gain > 0 and gain == train.bfloat16_gain('cpu', torch.get_num_threads()) and torch.equal(before, torch.get_rng_state())
    with torch.no_grad(): train.bfloat16_gain('cpu', -1)          # also from a place without gradients

def test_a_run_with_auto_goes_on(tmp_path):
    x,kw = mnist()[:32],dict(batch_size=16, dtype='auto', progress=False, out=tmp_path, save_every=2)
    torch.manual_seed(0); fit(VAE((1,28,28), hidden=(8,)), x, 4, **kw)
    torch.manual_seed(0); fit(VAE((1,28,28), hidden=(8,)), x, 4, resume=True, **kw)

@pytest.mark.parametrize('shape, folded', [((3,32,32), 1), ((1,64,64), 2), ((1,48,48), 2), ((1,16,16), 1), ((1,36,36), 1)])
def test_laptop_presets_of_all_sizes(shape, folded):
    from genmodels.experiment import MODELS, preset
    x = 2*torch.rand(6, *shape) - 1
    for name in MODELS:
        model,settings = preset(name, shape, x, seed=0)
        fit(model, x, **settings | dict(steps=1, batch_size=2), progress=False)
        if name != 'ncsn': assert model.sample(2, **(dict(steps=2) if name == 'ddpm' else {})).shape == (2, *shape)
        if name == 'ddpm': assert model.net.patch == folded

def test_paper_presets_are_the_papers():
    from genmodels.experiment import preset
    def count(m): return sum(p.numel() for p in m.parameters())
    model,how = preset('ddpm', (3,32,32), scale='paper')
    assert count(model) == 35_746_307 and model.var == 'fixed_large' and how['steps'] == 800_000 and how['batch_size'] == 128 and how['ema'] == .9999
    model,how = preset('ncsn', (3,32,32), scale='paper')
    assert count(model) == 12_471_555 and how['steps'] == 200_000 and how['lr'] == 1e-3
    with pytest.raises(ValueError, match="'laptop', 'paper'"): preset('vae', scale='desk')

def test_the_job_on_large_digits(tmp_path, capsys):
    "A few steps: all is written, scored and told, and the time is told first"
    import json
    from genmodels.cli import main
    assert main(['run', '--steps', '2', '--n', '8', '--out', str(tmp_path/'r')]) == 0
    said = capsys.readouterr()
    assert 'about a minute on this machine (vae' in said.err
    report = json.loads((tmp_path/'r/report.json').read_text())
    assert report['data'] == 'mnist5k' and report['draws'] == 8 and report['real']['legible'] > .8
    for m in report['models'].values(): assert {'frechet','precision','recall','legible','entropy','elbo','seconds','parameters'} <= m.keys()
    assert report['models']['ncsn']['elbo'] is None and report['models']['ddpm']['elbo'] < 0
    assert max(map(len, said.out.splitlines()[:-1])) <= 80 and 'mnist5k' in said.out
    with pytest.raises(SystemExit): main(['run', '--data', 'fashion'])
    assert 'mnist5k or digits' in capsys.readouterr().err

def test_the_paper_from_a_terminal(tmp_path):
    "The command of a GPU, on small pictures and for a step"
    import numpy as np
    from genmodels.cli import main
    np.save(tmp_path/'x.npy', (255*np.random.rand(6, 16, 16, 3)).astype('uint8'))
    words = f'train vae --preset paper --data {tmp_path}/x.npy --steps 1 --batch-size 2 --out {tmp_path}/m --quiet'
    assert main(words.split()) == 0 and load(tmp_path/'m').latent_dim == 20

def test_embedded_digits_by_name():
    from genmodels import dataset
    assert torch.equal(dataset('mnist5k', 'test'), mnist('test')) and dataset('mnist5k', labels=True)['y'].shape == (4000,)

def test_films(tmp_path):
    from genmodels import show_film
    film = show_film([mnist()[k:k+4] for k in range(3)], 'four digits "and" more', ncols=2)
    assert film.gif[:3] == b'GIF' and 'four digits &quot;and&quot; more' in film._repr_html_()
    assert film.save(tmp_path/'a.gif').stat().st_size == len(film.gif)
    with pytest.raises(ValueError, match='.gif'): film.save(tmp_path/'a.png')
    with pytest.raises(ValueError, match='at least one moment'): show_film([], 'none')
    colour = show_film([2*torch.rand(2, 3, 8, 8) - 1 for _ in range(3)], 'colours')
    assert colour.gif[:3] == b'GIF'

def test_a_film_in_a_page():
    from genmodels import show_film
    noise = show_film((2*torch.rand(12, 1, 28, 28) - 1 for _ in range(30)), '<b>', labels=['</script>']*30, still=2)
    page = noise._repr_html_()
    assert len(page) < 300_000                                   # half a byte a pixel
    assert page.count('<img ') == 1 == page.count('alt="&lt;b&gt;"') and '<b>' not in page
    assert page.count('</script>') == 1                          # a label ends no script
    assert 'prefers-reduced-motion' in page and 'aria-label="Moment of the film"' in page
    assert not re.search(r'https?:|id="', page)                  # no network; nothing that two films could share
    assert noise.still == 2 and noise._repr_html_() == page
    with pytest.raises(ValueError, match='one label for each of 2'): show_film(torch.zeros(2, 1, 1, 8, 8), 'a', labels='b')
    sizes = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 9)
    with pytest.raises(ValueError, match='frames of one size'): show_film(sizes, 'a')

def test_films_of_plots():
    import matplotlib.pyplot as plt
    from genmodels.pictures import show_frames
    def growing():
        fig, ax = plt.subplots(figsize=(2, 1))
        for k in range(3):
            ax.axvline(k)
            yield fig
    film = show_frames(growing(), 'lines')
    assert [f.shape for f in film.frames] == [(192, 384, 3)]*3 and not plt.get_fignums()
    assert 'max-width:192px' in film._repr_html_()
    with pytest.raises(ValueError, match='at least one moment'): show_frames([], 'none')
