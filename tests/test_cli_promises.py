"What the command line says can be done, it can do; and nothing is lost on the way."
import os, random, re, signal, subprocess, sys, time
from pathlib import Path
import numpy as np
import pytest
import torch
from PIL import Image
from genmodels import DDPM, load, save
from test_cli import GENMODELS, refused, run

rng = np.random.default_rng(0)

def pictures(folder, n=12, size=(8, 8), grey=False):
    "A folder of pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        im = Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8))
        (im.convert('L') if grey else im).save(folder/f'{i:02}.png')
    return folder

def trained(folder, *words, steps=2):
    r = run('train', 'vae', '--steps', steps, '--out', folder, '--quiet', *words)
    assert r.returncode == 0, r.stderr
    return folder

def files(folder): return {f.relative_to(folder): f.read_bytes() for f in folder.rglob('*') if f.is_file()}

@pytest.fixture(scope='module')
def vae(tmp_path_factory): return trained(tmp_path_factory.mktemp('p')/'vae')

@pytest.fixture(scope='module')
def colour(tmp_path_factory):
    d = tmp_path_factory.mktemp('c')
    return trained(d/'m', '--data', pictures(d/'x'))

# ---------------------------------------------------------------- sentences

def test_no_sentence_names_what_is_not_offered(tmp_path, vae, colour):
    "A keyword of Python, such as size=, is an option or isn't mentioned"
    pictures(tmp_path/'mixed', 2); pictures(tmp_path/'mixed'/'b', 1, (8, 12)); pictures(tmp_path/'wide', 4, (8, 12))
    np.save(tmp_path/'unit.npy', rng.random((16, 8, 8)).astype('f4')); np.save(tmp_path/'deep.npy', rng.random((16, 8, 8)).astype('f4')*4095)
    np.save(tmp_path/'flat.npy', np.zeros((4, 64), 'u1')); (tmp_path/'none').mkdir()
    os.makedirs(tmp_path/'halves/train'); pictures(tmp_path/'halves/train')
    out = tmp_path/'m'
    wrong = [('train', 'vae', '--data', tmp_path/d, '--out', out) for d in ('mixed', 'unit.npy', 'deep.npy', 'flat.npy', 'none', 'nowhere')]
    wrong += [('train', m, '--data', tmp_path/'wide', '--out', out) for m in ('ddpm', 'ncsn')]
    for side in (7, 18): pictures(tmp_path/f'{side}', 4, (side, side))
    wrong += [('train', m, '--data', tmp_path/side, '--out', out) for m, side in (('ddpm', '7'), ('ddpm', '18'), ('ncsn', '7'))]
    wrong += [('evaluate', vae, '--data', tmp_path/d) for d in ('mixed', 'unit.npy', 'wide', 'halves', 'none')]
    wrong += [('sample', vae, '--steps', 4, '--out', tmp_path/'x.png'), ('evaluate', vae, '--n', 3), ('run', '--n', 2, '--out', out),
              ('train', 'vae', '--steps', 9, '--out', vae, '--resume'), ('train', 'vae', '--lr', .1, '--out', vae, '--resume'), ('train', 'ddpm', '--out', vae)]
    for words in wrong:
        r = run(*words)
        refused(r)
        offered = run(words[0], '--help').stdout
        assert not re.search(r'\b\w+=|\b(load|fit|images|dataset)\(', r.stderr), r.stderr
        for option in re.findall(r'(?<![\w-])--[\w-]+', r.stderr): assert option in offered or f'genmodels train MODEL {option}' in r.stderr, r.stderr
    assert not out.exists() and not (tmp_path/'x.png').exists()

@pytest.mark.parametrize('data, words, shape', [('mixed', ['--size', 8], (3, 8, 8)), ('wide', ['--size', 4], (3, 4, 4)), ('unit.npy', ['--in-range'], (1, 8, 8))])
def test_the_options_that_sentences_name(tmp_path, data, words, shape):
    pictures(tmp_path/'mixed', 2); pictures(tmp_path/'mixed'/'b', 1, (8, 12)); pictures(tmp_path/'wide', 4, (8, 12))
    np.save(tmp_path/'unit.npy', rng.random((16, 8, 8)).astype('f4'))
    assert load(trained(tmp_path/'m', '--data', tmp_path/data, *words)).shape == shape
    r = run('evaluate', tmp_path/'m', '--data', tmp_path/data, '--n', 8, '--quiet', *words)
    assert r.returncode == (0 if data != 'mixed' else 2), r.stderr                # three pictures are too few for k=3

def test_a_checkpoint_that_only_python_can_load_says_so(tmp_path):
    class Mine(torch.nn.Module):
        def __init__(self): super().__init__(); self.w = torch.nn.Parameter(torch.zeros(1))
        def forward(self, x, t, y=None): return x*self.w
    save(DDPM(1, 8, net=Mine()), tmp_path/'m')
    refused(run('sample', tmp_path/'m', '--out', tmp_path/'x.png'), 'in Python, load(')

def test_settings_reach_the_training(tmp_path):
    import json
    from safetensors import safe_open
    trained(tmp_path/'m', '--lr', '3e-3', '--clip', '.5', '--batch-size', 7)
    with safe_open(tmp_path/'m/run.safetensors', 'pt') as f: s = json.loads(f.metadata()['run'])['settings']
    assert (s['lr'], s['clip'], s['batch_size']) == (3e-3, .5, 7)

@pytest.mark.parametrize('option, words', [('seed', [str(2**63), '-9'*20, 'x', '1.5', '']), ('steps', ['nan', '-1', '0', '1e3', str(2**31), '9'*5000]),
                                           ('lr', ['0', '-1', 'nan', 'inf', 'much']), ('clip', ['nan', '0']), ('size', ['0', '-8']), ('out', ['']), ('data', [''])])
def test_numbers_and_names_that_make_no_sense(option, words):
    for word in words: refused(run('train', 'vae', f'--{option}={word}'), f'--{option}', 'expected' if len(word) < 999 else '')

@pytest.mark.parametrize('seed', ['-5', str(2**63 - 1), str(1 - 2**63)])
def test_seeds_at_the_edge(tmp_path, seed):
    trained(tmp_path/'m', f'--seed={seed}')
    for words in (['sample', tmp_path/'m', '--n', 2, '--out', tmp_path/'x.png'], ['evaluate', tmp_path/'m', '--n', 8, '--quiet']):
        assert run(*words, f'--seed={seed}').returncode == 0

def test_a_folder_with_the_name_of_a_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path); pictures(Path('digits'))
    r = run('train', 'vae', '--data', 'digits', '--steps', 1, '--out', 'a', '--quiet')
    assert './digits' in r.stderr and load('a').shape == (1, 8, 8)
    r = run('train', 'vae', '--data', './digits', '--steps', 1, '--out', 'b', '--quiet')
    assert r.stderr == '' and load('b').shape == (3, 8, 8)

def test_a_warning_is_a_sentence(tmp_path, vae, monkeypatch):
    import warnings
    from genmodels import experiment
    draw = experiment.draw
    def warn(*a, **k):
        warnings.warn('faint pictures: pass overwrite=True to see')
        return draw(*a, **k)
    monkeypatch.setattr(experiment, 'draw', warn)
    r = run('sample', vae, '--n', 2, '--out', tmp_path/'x.png')
    assert r.returncode == 0 and r.stderr == 'genmodels: faint pictures: pass --overwrite to see\n'

# ---------------------------------------------------------------- held-out pictures

@pytest.mark.parametrize('kind', ['folder', 'npy', 'npz', 'idx'])
def test_held_out_pictures_alone(tmp_path, colour, vae, kind):
    model, x = vae, rng.integers(0, 256, (12, 8, 8), dtype=np.uint8)
    if kind == 'folder': model, data = colour, pictures(tmp_path/'held')
    elif kind == 'idx':
        data = tmp_path/'some-idx3-ubyte'; data.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 12, 0, 0, 0, 8, 0, 0, 0, 8]) + x.tobytes())
    else:
        data = tmp_path/f'x.{kind}'; (np.save if kind == 'npy' else np.savez)(data, x)
    r = run('evaluate', model, '--data', data, '--quiet')
    assert r.returncode == 0 and 'all 12 images' in r.stderr and 'frechet' in r.stdout, r.stderr

def test_two_parts_are_no_notice_and_a_missing_one_no_excuse(tmp_path, colour):
    pictures(tmp_path/'x/train'); pictures(tmp_path/'x/test')
    r = run('evaluate', colour, '--data', tmp_path/'x', '--quiet')
    assert r.returncode == 0 and r.stderr == ''
    pictures(tmp_path/'y/train'); (tmp_path/'y/test').mkdir()
    refused(run('evaluate', colour, '--data', tmp_path/'y', '--quiet'), 'expected pictures', 'test')

def test_grey_is_colour_too_and_not_the_other_way(tmp_path, colour, vae):
    pictures(tmp_path/'g/train', grey=True); pictures(tmp_path/'g/test', grey=True)
    assert run('evaluate', colour, '--data', tmp_path/'g', '--quiet').returncode == 0
    r = run('train', 'vae', '--data', tmp_path/'g', '--start', colour, '--steps', 1, '--out', tmp_path/'m', '--quiet')
    assert r.returncode == 0 and load(tmp_path/'m').shape == (3, 8, 8), r.stderr
    refused(run('evaluate', vae, '--data', pictures(tmp_path/'c'), '--quiet'), 'grey', '(3, 8, 8)')

def test_pictures_of_another_size_are_resized_as_advised(tmp_path, colour):
    data = pictures(tmp_path/'large', size=(12, 16))
    refused(run('evaluate', colour, '--data', data, '--quiet'), '--size 8')
    assert run('evaluate', colour, '--data', data, '--size', 8, '--quiet').returncode == 0

def test_few_pictures(tmp_path, colour):
    "Too few to score against are refused before any are drawn; few to train on are no reason to draw too few"
    refused(run('evaluate', colour, '--data', pictures(tmp_path/'three', 3)), 'at least 4', '3 in')
    pictures(tmp_path/'x/train', 1); pictures(tmp_path/'x/test', 4)
    assert run('evaluate', colour, '--data', tmp_path/'x', '--quiet').returncode == 0

# ---------------------------------------------------------------- more of a training

def test_more_steps_for_a_finished_training(tmp_path, vae):
    r = run('train', 'vae', '--out', vae, '--steps', 4, '--resume', '--quiet')
    refused(r, f"--start '{vae}'")
    r = run('train', 'vae', '--start', vae, '--steps', 1, '--lr', 1e-12, '--out', tmp_path/'m', '--quiet')
    assert r.returncode == 0, r.stderr
    a, b = load(vae), load(tmp_path/'m')
    assert b.ema_steps == a.ema_steps + 1
    for net in ('encoder', 'decoder'): assert all(torch.allclose(p, q, atol=1e-6) for p, q in zip(getattr(a, net).parameters(), getattr(b, net).parameters()))

def test_a_start_that_does_not_fit(tmp_path, vae, colour):
    out = tmp_path/'m'
    refused(run('train', 'ddpm', '--start', vae, '--out', out), 'a ddpm', 'VAE')
    refused(run('train', 'vae', '--start', tmp_path/'no', '--out', out), 'no checkpoint')
    refused(run('train', 'vae', '--start', vae, '--data', pictures(tmp_path/'x', size=(9, 9)), '--out', out), '--size 8')
    assert not out.exists()

def test_nothing_is_replaced_unless_told(tmp_path, vae):
    "A checkpoint, also one without a run to go on with; a report; a picture; scores"
    d = tmp_path/'d'; save(load(vae), d/'saved'); trained(d/'run'/'ncsn'); (d/'other').mkdir(); (d/'other'/'report.json').write_text('mine')
    for f in ('photo.png', 's.json'): (d/f).write_text('mine')
    before = files(d)
    for words in (['--out', d/'saved'], ['--out', d/'saved', '--resume'], ['--out', d/'run'/'ncsn']):
        refused(run('train', 'vae', '--steps', 1, *words, '--quiet'), 'which is there', '--overwrite')
    refused(run('train', 'ddpm', '--out', d/'run'/'ncsn'), '--overwrite', '--resume')
    for name in ('run', 'other'): refused(run('run', '--steps', 1, '--n', 4, '--out', d/name), '--overwrite')
    refused(run('train', 'vae', '--out', tmp_path/'new', '--resume', '--overwrite'), 'both')
    refused(run('sample', vae, '--out', d/'photo.png'), 'which is there', '--overwrite')
    refused(run('evaluate', vae, '--out', d/'s.json'), 'which is there', '--overwrite')
    assert files(d) == before and not (tmp_path/'new').exists()

def test_what_is_told_is_replaced(tmp_path, vae):
    m = trained(tmp_path/'m'); (tmp_path/'x.png').write_text('mine'); (tmp_path/'s.json').write_text('mine')
    before = files(tmp_path)
    trained(m, '--overwrite', steps=3)
    for words in (['sample', vae, '--out', tmp_path/'x.png'], ['evaluate', vae, '--n', 4, '--out', tmp_path/'s.json', '--quiet']):
        assert run(*words, '--overwrite').returncode == 0
    after = files(tmp_path)
    assert after.keys() == before.keys() and all(after[f] != before[f] for f in after if f.name != 'model.json')
    trained(m, '--resume', steps=3)

def test_resume_into_a_new_folder_begins(tmp_path): trained(tmp_path/'m', '--resume')

# ---------------------------------------------------------------- signals, consoles, names

def started(tmp_path, *words, **kw):
    "A long training whose first checkpoint is written, and then a part of the way to the next"
    p = subprocess.Popen([*GENMODELS, 'train', 'vae', '--steps', '1000000', '--batch-size', '4', '--out', str(tmp_path/'m'), *words], stderr=subprocess.PIPE, text=True, **kw)
    file = tmp_path/'m/run.safetensors'
    for _ in range(600):
        if file.exists(): break
        time.sleep(.1)
    time.sleep(.2)
    return p

def steps_of(folder):
    from safetensors import safe_open
    import json
    with safe_open(folder/'run.safetensors', 'pt') as f: return json.loads(f.metadata()['run'])['k']

def ignore_ctrl_c(): signal.signal(signal.SIGINT, signal.SIG_IGN)

@pytest.mark.skipif(os.name != 'posix', reason='signals')
@pytest.mark.parametrize('sent, background', [(['SIGTERM'], False), (['SIGHUP', 'SIGHUP'], False), (['SIGINT', 'SIGTERM'], True)])
def test_told_to_end(tmp_path, sent, background):
    "What was trained is saved, also in the background, where Ctrl-C is ignored and stays so"
    p = started(tmp_path, '--quiet', preexec_fn=ignore_ctrl_c if background else None)
    for name in sent: p.send_signal(getattr(signal, name))
    err = p.communicate(timeout=60)[1]
    first = next(s for s in sent if s != 'SIGINT')
    assert p.returncode == 128 + getattr(signal, first) and 'Traceback' not in err, err
    assert re.search(rf'stopped after step {steps_of(tmp_path/"m")} of', err), err

@pytest.mark.skipif(os.name != 'posix', reason='signals')
def test_handlers_are_the_callers_afterwards():
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    before = [signal.getsignal(s) for s in numbers], signal.pthread_sigmask(signal.SIG_BLOCK, [])
    run('sample', 'nothing')
    assert before == ([signal.getsignal(s) for s in numbers], signal.pthread_sigmask(signal.SIG_BLOCK, []))

@pytest.mark.skipif(os.name != 'posix', reason='shells')
@pytest.mark.parametrize('shell', ['PYTHONIOENCODING=ascii {} > said', '{} | true; exit ${{PIPESTATUS[0]}}', '{} >&- 2>&-'])
def test_success_is_0_on_any_console(tmp_path, shell, vae):
    out = tmp_path/'Übung–日本.png'
    words = ' '.join([*GENMODELS, 'sample', str(vae), '--n', '2', '--out', str(out)])
    r = subprocess.run(['bash', '-c', shell.format(words)], cwd=tmp_path, capture_output=True, text=True, env=os.environ | dict(PYTHONPATH=os.pathsep.join(sys.path)))
    assert r.returncode == 0 and out.exists() and 'rror' not in r.stderr, r.stderr

@pytest.mark.skipif(os.name != 'posix', reason='signals')
def test_who_reads_the_bar_may_go(tmp_path):
    "As in `... 2>&1 | tee log`, which Ctrl-C ends first: training goes on, and saves when it is told to end"
    p = started(tmp_path)
    p.stderr.close()
    time.sleep(.5)
    assert p.poll() is None
    before = steps_of(tmp_path/'m')
    p.send_signal(signal.SIGINT)
    assert p.wait(60) == 130 and steps_of(tmp_path/'m') > before

LONG = 'x'*300

@pytest.mark.parametrize('words', [['train', 'vae', '--out', LONG], ['train', 'vae', '--out', f'a/{LONG}/b'], ['run', '--out', LONG], ['sample', 'none', '--out', f'{LONG}.png'],
                                   ['sample', 'none', '--out', f'{LONG}/x.png'], ['evaluate', 'none', '--out', f'{LONG}.json'], ['evaluate', 'none', '--out', f'new/{LONG}']])
def test_a_name_too_long_is_refused_before_anything_is_read(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    if words[0] == 'train': words += ['--data', 'nothing.npy']
    refused(run(*words), 'too long')
    assert not list(tmp_path.iterdir())

def test_a_refusal_leaves_no_folder(tmp_path, vae, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (['train', 'vae', '--data', 'none.npy', '--out', 'a/b'], ['sample', 'none', '--out', 'a/x.png'], ['sample', vae, '--steps', 3, '--out', 'a/x.png'],
                  ['evaluate', 'none', '--out', 'a/s.json'], ['evaluate', vae, '--data', 'none.npy', '--out', 'a/s.json']):
        refused(run(*words))
        assert not list(tmp_path.iterdir()), words

def test_the_callers_generators_are_left_alone(tmp_path, vae):
    from genmodels import cli, experiment
    def state(): return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()
    torch.manual_seed(5); np.random.seed(5); random.seed(5)
    before = state()
    commands = dict(train=lambda: cli.train('ddpm', steps=1, batch_size=4, out=tmp_path/'m', quiet=True), sample=lambda: cli.sample(vae, 2, out=tmp_path/'x.png', quiet=True),
                    evaluate=lambda: cli.evaluate(vae, n=8, quiet=True), run=lambda: cli.run(tmp_path/'r', data='digits', steps=1, n=4, quiet=True), preset=lambda: experiment.preset('ncsn', seed=0))
    for name, f in commands.items():
        f()
        assert state() == before, name

# ---------------------------------------------------------------- what hunters found

@pytest.mark.parametrize('model', ['vae','ddpm'])
def test_images_between_the_grey_levels_have_no_bound(tmp_path, model):
    np.savez(tmp_path/'k.npz', x_train=rng.random((20,1,8,8)).astype('f4'), x_test=rng.random((8,1,8,8)).astype('f4'))
    r = run('train', model, '--data', tmp_path/'k.npz', '--in-range', '--steps', 2, '--out', tmp_path/'m', '--quiet')
    assert r.returncode == 0, r.stderr
    r = run('evaluate', tmp_path/'m', '--data', tmp_path/'k.npz', '--in-range', '--quiet')
    assert r.returncode == 0 and re.search(r'^elbo +-$', r.stdout, re.M) and 'no elbo' in r.stderr and 'frechet' in r.stdout

def test_start_and_resume_are_not_both(tmp_path, vae):
    refused(run('train', 'vae', '--out', tmp_path/'x', '--start', vae, '--resume', '--quiet'), '--resume or --start')

def test_a_test_part_alone(tmp_path, colour):
    pictures(tmp_path/'only'/'test')
    r = run('evaluate', colour, '--data', tmp_path/'only', '--quiet')
    assert r.returncode == 0, r.stderr

def test_a_turned_tiff(tmp_path):
    from genmodels import images
    base = rng.integers(0, 256, (8,10), dtype=np.uint8)
    for compression in ('raw','tiff_lzw'):
        Image.fromarray(base).transpose(Image.ROTATE_90).save(tmp_path/'o.tif', tiffinfo={274: 6}, compression=compression)
        assert np.abs(images(tmp_path/'o.tif')[0,0].numpy() - (base/127.5 - 1)).max() < 1e-6

@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_pictures_with_pixels_that_are_no_numbers(tmp_path, bad):
    from genmodels import images
    x = rng.random((8,8)).astype('f4'); x[3,3] = bad
    Image.fromarray(x).save(tmp_path/'x.tif')
    with pytest.raises(ValueError, match='repair NaN and infinite pixels'): images(tmp_path/'x.tif')

def test_a_batch_beyond_all_measure(tmp_path):
    r = run('train', 'vae', '--batch-size', 2*10**9, '--steps', 1, '--out', tmp_path/'x', '--quiet')
    refused(r, 'a thousand times')

@pytest.mark.parametrize('device', ['hpu','privateuseone','xpu'])
def test_devices_of_others(device): refused(run('train', 'vae', '--device', device), device)
