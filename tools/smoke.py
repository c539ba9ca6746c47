"""Does an installed genmodels work? Run by the interpreter it is installed for, outside the project.

    python smoke.py [--version 1.2.3] [--fastcore 1] [--absent PACKAGE...]

Every module and every public name imports, and a model trains, is saved, is loaded and draws."""
import argparse, importlib, importlib.util, pkgutil, sys, tempfile
from importlib.metadata import version
from importlib.resources import files

def look(a):
    "Is the right package here, and only what it needs?"
    import fastcore
    import genmodels
    assert 'site-packages' in genmodels.__file__, genmodels.__file__
    assert 'torch' not in sys.modules, 'import genmodels must cost nothing'
    assert genmodels.__version__ == version('genmodels')
    if a.version: assert genmodels.__version__ == a.version, genmodels.__version__
    if a.fastcore: assert fastcore.__version__.split('.')[0] == a.fastcore, fastcore.__version__
    for o in a.absent: assert importlib.util.find_spec(o) is None, f'{o} is installed here'
    assert files(genmodels).joinpath('py.typed').is_file(), 'py.typed is not in the package'

def load_all():
    "Every module, every public name"
    import genmodels
    for o in pkgutil.iter_modules(genmodels.__path__): importlib.import_module(f'genmodels.{o.name}')
    for o in genmodels.__all__: getattr(genmodels, o)

def use():
    "Train, save, load, draw"
    import torch
    from genmodels import VAE, digits, fit, load, save
    x = digits('train')
    assert x.shape == (1297, 1, 8, 8) and x.dtype == torch.float32
    model = VAE()
    fit(model, x[:64], steps=2, batch_size=8, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        save(model, folder)
        again = load(folder)
    before, after = model.state_dict(), again.state_dict()
    for name in before: assert torch.equal(before[name], after[name]), name
    assert again.sample(3).shape == (3, 1, 8, 8)

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--version', help='the version that it must be')
    p.add_argument('--fastcore', help='the major version of fastcore that must be here')
    p.add_argument('--absent', nargs='*', default=[], help='packages that must not be here')
    look(p.parse_args())
    load_all()
    use()
    print('works')

if __name__ == '__main__': main()
