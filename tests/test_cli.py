"The command line from outside: exit codes, one sentence where something is wrong, nothing half written."
import json, os, shutil, signal, subprocess, sys, time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
import numpy as np
import pytest

GENMODELS = [sys.executable, '-m', 'genmodels.cli']

def run(*words):
    "The program in this process: a traceback would be an exception here"
    from genmodels.cli import main
    out,err = StringIO(),StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try: code = main([str(w) for w in words])
        except SystemExit as e: code = e.code
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())

def refused(r, *parts):
    "Exit code 2, and one sentence on stderr that holds the parts"
    assert r.returncode == 2, r.stderr
    said = [l for l in r.stderr.splitlines() if l.startswith('genmodels')][-1]
    for p in parts: assert p in said, said

@pytest.fixture(scope='module')
def vae(tmp_path_factory):
    d = tmp_path_factory.mktemp('vae')/'ckpt'
    r = run('train', 'vae', '--steps', 5, '--out', d, '--quiet')
    assert r.returncode == 0, r.stderr
    return d

def test_installed_as_a_command(tmp_path):
    exe = shutil.which('genmodels', path=str(Path(sys.executable).parent)) or shutil.which('genmodels')
    r = subprocess.run([exe, 'sample', str(tmp_path/'none')], capture_output=True, text=True)
    assert 'Traceback' not in r.stderr
    refused(r, 'no checkpoint')

def test_train_sample_evaluate(vae, tmp_path):
    r = run('sample', vae, '--n', 5, '--out', tmp_path/'x.png')
    assert r.returncode == 0 and (tmp_path/'x.png').read_bytes()[:4] == b'\x89PNG'
    r = run('evaluate', vae, '--out', tmp_path/'s.json', '--quiet')
    scores = json.loads((tmp_path/'s.json').read_text())
    assert r.returncode == 0 and {'frechet','precision','recall','elbo'} <= scores.keys()

def test_own_images(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (12,16,16,3), dtype=np.uint8)
    np.save(tmp_path/'x.npy', x)
    assert run('train', 'vae', '--data', tmp_path/'x.npy', '--steps', 2, '--out', tmp_path/'m', '--quiet').returncode == 0
    assert run('sample', tmp_path/'m', '--n', 2, '--out', tmp_path/'x.png').returncode == 0
    refused(run('evaluate', tmp_path/'m', '--quiet'), '--data', '(3, 16, 16)')

@pytest.mark.parametrize('steps', ['0', '-3', 'many'])
def test_steps(steps, tmp_path):
    r = run('train', 'vae', f'--steps={steps}', '--out', tmp_path/'m')
    refused(r, 'steps', steps)
    assert not (tmp_path/'m').exists()

def test_unknown_data(tmp_path):
    refused(run('train', 'vae', '--data', 'digitz', '--out', tmp_path/'m'), 'digitz', 'digits', 'mnist')
    assert not (tmp_path/'m').exists()

def test_unknown_model(): refused(run('train', 'gan'), 'gan', 'ncsn')

def test_out_is_a_file(tmp_path):
    (tmp_path/'f').write_text('mine')
    refused(run('train', 'vae', '--steps', 2, '--out', tmp_path/'f'), 'file')
    refused(run('run', '--out', tmp_path/'f'), 'file')
    assert (tmp_path/'f').read_text() == 'mine'

def test_unwritable(tmp_path, vae):
    "A full disk, as far as a test can have one: root may write anywhere but here"
    if os.geteuid() == 0: bad = Path('/proc/genmodels') if Path('/proc').is_dir() else pytest.skip('root may write anywhere')
    else:
        bad = tmp_path/'locked'; bad.mkdir(mode=0o555)
    refused(run('train', 'vae', '--steps', 2, '--out', bad/'m'), 'written')
    refused(run('run', '--out', bad/'m'), 'written')
    refused(run('sample', vae, '--out', bad/'x.png'), 'written')

def test_no_checkpoint(tmp_path): refused(run('sample', tmp_path/'none'), 'no checkpoint')

def test_truncated_checkpoint(vae, tmp_path):
    d = tmp_path/'cut'; shutil.copytree(vae, d)
    f = d/'model.safetensors'; f.write_bytes(f.read_bytes()[:1000])
    refused(run('sample', d, '--out', tmp_path/'x.png'), 'damaged')
    assert not (tmp_path/'x.png').exists()

def test_steps_of_a_vae(vae, tmp_path): refused(run('sample', vae, '--steps', 3, '--out', tmp_path/'x.png'), '--steps')

def test_not_a_png(vae, tmp_path): refused(run('sample', vae, '--out', tmp_path/'x.txt'), '.png')

def test_bad_images(tmp_path):
    (tmp_path/'empty').mkdir()
    refused(run('train', 'ddpm', '--data', tmp_path/'empty', '--out', tmp_path/'m'), 'empty')
    (tmp_path/'x.npz').write_text('hello')
    refused(run('train', 'ddpm', '--data', tmp_path/'x.npz', '--out', tmp_path/'m'), 'x.npz')
    np.save(tmp_path/'f.npy', np.random.rand(4,8,8).astype('f4'))
    refused(run('train', 'ddpm', '--data', tmp_path/'f.npy', '--out', tmp_path/'m'), 'x*2-1')
    assert not (tmp_path/'m').exists()

def test_ctrl_c_keeps_a_checkpoint_and_resume_goes_on(tmp_path):
    words = ['train', 'vae', '--steps', '100000', '--batch-size', '8', '--out', str(tmp_path/'m')]
    p = subprocess.Popen([*GENMODELS, *words], stderr=subprocess.PIPE, text=True)
    file = tmp_path/'m/run.safetensors'
    def wait_for_save(old=None):
        "Until there is a checkpoint, another than the old one; at most a minute"
        for _ in range(600):
            if file.exists() and file.stat().st_mtime_ns != old: break
            time.sleep(.1)
    wait_for_save()
    p.send_signal(signal.SIGINT)
    err = p.communicate(timeout=60)[1]
    assert p.returncode == 130 and 'Traceback' not in err and 'resume' in err
    from genmodels import load
    assert load(tmp_path/'m').shape == (1,8,8)
    old = file.stat().st_mtime_ns
    p = subprocess.Popen([*GENMODELS, *words, '--resume'], stderr=subprocess.PIPE, text=True)
    wait_for_save(old)
    p.send_signal(signal.SIGINT)
    assert p.wait(timeout=60) == 130

@pytest.mark.parametrize('name', ['gpu', 'meta'])
def test_device(name, tmp_path): refused(run('train', 'vae', '--steps', 1, '--device', name, '--out', tmp_path/'m'), name)

NO_MEMORY = [RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 6400000000000 bytes"), RuntimeError('[enforce fail] DefaultCPUAllocator: not enough memory: you tried'), RuntimeError('CUDA out of memory. Tried to allocate 2 GiB'), RuntimeError('std::bad_alloc'), RuntimeError('CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling'), RuntimeError('Storage size calculation overflowed with sizes=[1]'), MemoryError(), MemoryError('Unable to allocate 1 TiB')]

@pytest.mark.parametrize('e', NO_MEMORY, ids=str)
def test_out_of_memory_is_the_users_to_mend(vae, tmp_path, monkeypatch, e):
    from genmodels import experiment
    def fail(*a, **k): raise e
    monkeypatch.setattr(experiment, 'draw', fail)
    refused(run('sample', vae, '--out', tmp_path/'x.png'), 'out of memory', 'smaller --n needs')
    monkeypatch.setattr(experiment, 'preset', fail)
    refused(run('train', 'vae', '--out', tmp_path/'m'), 'out of memory', '--size or --batch-size needs')

@pytest.mark.parametrize('said', ['shapes do not match', 'CUDA error: an illegal memory access was encountered', 'unsupported memory format'])
def test_other_errors_are_ours(vae, tmp_path, monkeypatch, said):
    from genmodels import experiment
    def fail(*a, **k): raise RuntimeError(said)
    monkeypatch.setattr(experiment, 'draw', fail)
    with pytest.raises(RuntimeError, match=said): run('sample', vae, '--out', tmp_path/'x.png')

def test_images_that_are_not_square(tmp_path):
    np.save(tmp_path/'x.npy', np.zeros((12,8,10,1), 'u1'))
    refused(run('train', 'ddpm', '--data', tmp_path/'x.npy', '--out', tmp_path/'m'), 'square images', '8x10', 'crop or pad', '--size crops')
    assert not (tmp_path/'m').exists()

def test_help():
    r = run('--help')
    assert r.returncode == 0 and all(c in r.stdout for c in ('run','train','sample','evaluate'))
    r = run('train', '--help')
    assert r.returncode == 0 and all(c in r.stdout for c in ('--batch-size','Images per step','(default digits)','vae, ddpm or ncsn'))

def test_version():
    from genmodels import __version__
    r = run('--version')
    assert r.returncode == 0 and r.stdout.strip() == f'genmodels {__version__}'

@pytest.mark.parametrize('words', ['--help', 'train --help', 'train gan', 'sample', 'sample x --n 0', 'evaluate x --gpu', 'paint', ''])
def test_an_answer_from_the_parser_waits_for_no_torch(words):
    code = 'import sys; from genmodels.cli import main\ntry: main(sys.argv[1:])\nfinally: print(sorted({"torch","numpy","sklearn"} & set(sys.modules)))'
    r = subprocess.run([sys.executable, '-c', code, *words.split()], capture_output=True, text=True)
    assert r.returncode == (0 if '--help' in words else 2) and r.stdout.splitlines()[-1] == '[]', r.stderr

def test_the_commands_are_functions(tmp_path, capsys):
    from genmodels.cli import sample, train
    train('vae', steps=2, out=tmp_path/'m', quiet=True)
    sample(tmp_path/'m', n=2, out=tmp_path/'x.png', quiet=True)
    assert (tmp_path/'x.png').exists() and '2 images' in capsys.readouterr().out


def test_fewer_images_than_the_grid_has_places(tmp_path):
    assert run('run', '--data', 'digits', '--steps', 1, '--n', 10, '--out', tmp_path/'r', '--quiet').returncode==0
    assert (tmp_path/'r'/'ncsn.png').exists() and (tmp_path/'r'/'report.json').exists()

def test_too_few_to_score(tmp_path, vae):
    refused(run('run', '--steps', 1, '--n', 3, '--out', tmp_path/'r'), 'at least 4 images')
    assert not (tmp_path/'r').exists()
    refused(run('evaluate', vae, '--n', 1), 'at least 4 images')
    refused(run('evaluate', vae, '--n', 10, '--out', tmp_path), 'a folder of that name')

def test_another_kind_of_model(tmp_path):
    from genmodels import MLP, save
    save(MLP(2, 2), tmp_path/'m')
    for what in ('sample', 'evaluate'): refused(run(what, tmp_path/'m'), 'MLP', 'VAE, DDPM or NCSN')

@pytest.mark.parametrize('kw', [dict(likelihood='logistic', grey_levels=17), dict(likelihood='bernoulli')])
def test_every_likelihood_is_scored(tmp_path, kw):
    from genmodels import VAE, save
    save(VAE(**kw), tmp_path/'m')
    r = run('evaluate', tmp_path/'m', '--n', 10)
    assert r.returncode==0 and 'elbo' in r.stdout, r.stderr


def test_own_small_pictures_are_compared_by_their_pixels():
    import torch
    from genmodels import digits
    from genmodels.experiment import score_features
    test, own = digits('test'), torch.zeros(500, 1, 8, 8)
    for x in (own, own[:, :, :4]): assert torch.equal(score_features(x)(test), test.flatten(1))
    for x in (test, test[:50].flip(0), digits()): assert not torch.equal(score_features(x)(test), test.flatten(1))

@pytest.mark.parametrize('kw, steps, calls', [(dict(any_time=True), None, 8*6), ({}, None, 6*100 + 1), (dict(any_time=True), 3, 6*3 + 1)])
def test_evaluations_of_an_ncsn(kw, steps, calls):
    from genmodels import NCSN
    from genmodels.experiment import draw
    model, seen = NCSN(1, 8, levels=6, **kw), []
    model.net.register_forward_hook(lambda *a: seen.append(1))
    draw(model, 2, steps=steps)
    assert len(seen) == calls

@pytest.mark.parametrize('side', [8, 16])
def test_step_of_the_preset_leaves_the_right_noise(side):
    import torch
    from genmodels.experiment import preset
    from genmodels.ncsn2 import variance_ratio
    model = preset('ncsn', (1, side, side), 2*torch.rand(20, 1, side, side) - 1, scale='paper' if side > 8 else 'laptop')[0]
    last = model.path(1/model.levels)[1].item()
    gamma = (model.sigma_max/last)**(1/(model.levels - 1))
    off = [abs(variance_ratio(gamma, k*model.step_lr/last**2, model.n_steps_each, model.levels) - 1) for k in (.9, 1., 1.1)]
    assert off[1] < min(off[0], off[2]) and off[1] < .35, off
