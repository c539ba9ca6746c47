"The models that come with the package: they open, draw what their cards say, and do not copy"
import json
from pathlib import Path
import pytest, torch
from genmodels import evaluating, glyphs, legibility, load, mnist, pretrained
from genmodels.experiment import draw
from genmodels.recipes import RECIPES, neighbours, page, score_glyphs
from genmodels.zoo import card, trained_names

NAMES = trained_names()
FOLDER = Path(load.__code__.co_filename).parent/'models'

def test_all_are_there_and_small():
    assert set(NAMES) == set(RECIPES) and len(NAMES) == 5
    files = [f for f in FOLDER.rglob('*') if f.is_file()]
    assert sum(f.stat().st_size for f in files) < 8e6
    assert {f.name for f in files} == {'model.json','model.safetensors','card.json','README.md'}

@pytest.mark.parametrize('name', NAMES)
def test_it_opens_as_it_is_described(name):
    c, model = card(name), pretrained(name)
    assert not model.training and {p.dtype for p in model.parameters()} == {torch.float32}
    assert sum(p.numel() for p in model.parameters()) == c['parameters'] and c['name'] == name
    assert (FOLDER/name/'model.safetensors').stat().st_size == c['bytes']
    assert c['command'].startswith(f'python tools/make_pretrained.py {name} --seed ')
    assert (FOLDER/name/'README.md').read_text() == page(c)
    for word in ('seed','steps','minutes','machine','threads','torch','licence','protocol','scores','real','neighbours'): assert c[word] not in ('', None), word

@pytest.mark.parametrize('name', NAMES)
def test_it_draws_what_its_card_says(name):
    "A hundred draws: the share that can be read lies within four standard errors of the card's, and no draw is a copy"
    c, model = card(name), pretrained(name)
    asked = dict(y=torch.arange(100)%10) if name.endswith('classes') else {}
    x = draw(model, 100, seed=5, **asked)
    assert x.shape == (100, *model.shape) and x.isfinite().all()
    if name.endswith('glyphs'):
        noise = 2*torch.rand(100, 3, 32, 32) - 1
        real, ours, far = (score_glyphs(o, glyphs(1000, seed=1))['frechet'] for o in (glyphs(100, seed=2), x, noise))
        assert ours < 2*real < far/5
        near = neighbours(x, glyphs(4000), glyphs(1000, seed=1))
    else:
        p = c['scores']['legible']
        share, entropy = legibility(x)
        assert abs(share - p) < 4*(p*(1 - p)/100)**.5 and entropy > 2
        near = neighbours(x, mnist(), mnist('test'))
    assert near['copies'] <= .01 and near['drawn'] > .75*near['held_out']
    assert c['neighbours']['copies'] <= .005

def test_it_can_be_trained_on(tmp_path):
    from genmodels import fit, save
    model = pretrained('ddpm-mnist')
    before = {k: v.clone() for k,v in model.state_dict().items()}
    fit(model, mnist()[:64], 2, batch_size=8, lr=1e-3, progress=False)
    assert any(not torch.equal(before[k], v) for k,v in model.state_dict().items())
    again = load(save(model, tmp_path))
    with evaluating(model) as a, evaluating(again) as b:
        assert torch.equal(a(mnist()[:2], .5), b(mnist()[:2], .5))
    fresh = pretrained('ddpm-mnist').state_dict()
    assert all(torch.equal(before[k], fresh[k]) for k in before)          # the package's own is as it was

@pytest.mark.parametrize('name', ['ddpm-mnits', '', '../data', 'ddpm-mnist/'])
def test_unknown_names_list_the_known(name):
    for f in (pretrained, card):
        with pytest.raises(ValueError, match="'ddpm-mnist', 'ddpm-mnist-classes'"): f(name)

def test_on_the_command_line(tmp_path, monkeypatch, capsys):
    from genmodels.cli import main
    monkeypatch.chdir(tmp_path)
    assert main('sample vae-mnist --n 4 --out a.png --quiet'.split()) == 0 and Path('a.png').exists()
    assert main('sample vae-mnits --n 4 --out b.png --quiet'.split()) == 2
    said = capsys.readouterr().err
    assert 'vae-mnist' in said and 'ddpm-glyphs' in said and 'vae-mnits' in said and not Path('b.png').exists()
    assert main('train vae --data mnist5k --start vae-mnist --steps 2 --out mine --quiet'.split()) == 0
    Path('mine').rename('vae-mnist')                                           # a folder of one's own comes first
    assert main('sample vae-mnist --n 4 --out c.png --quiet'.split()) == 0
    assert 'took the folder vae-mnist' in capsys.readouterr().err
    assert main('sample no/such --n 4 --out d.png --quiet'.split()) == 2 and 'no checkpoint' in capsys.readouterr().err

def test_cards_are_json_with_numbers_that_were_computed():
    for name in NAMES:
        c = json.loads((FOLDER/name/'card.json').read_text())
        assert 0 < c['minutes'] < 150 and c['scores']['frechet'] < 20*c['real']['frechet'] and c['steps'] >= 4000
