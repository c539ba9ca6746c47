"The package from outside: its names, its weight, and the sizes that are part of the contract."
import subprocess, sys
import genmodels

def test_every_public_name_is_there():
    for name in genmodels.__all__: assert getattr(genmodels, name).__doc__, f'{name} has no docstring'

def test_an_unknown_name_says_so():
    try: genmodels.GAN
    except AttributeError as e: assert 'GAN' in str(e)

def test_importing_costs_nothing():
    code = 'import sys, genmodels; print(sorted({"torch","numpy","matplotlib","sklearn"} & set(sys.modules)))'
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout.strip() == '[]'

def test_star_import_and_parameter_counts():
    code = ('from genmodels import *; n = lambda m: sum(p.numel() for p in m.parameters());'
            'print(n(DDPM()), n(DDPM(channels=3)), n(NCSN()), n(NCSN(channels=1)), n(UNet(image_size=8)), DDPM().shape, NCSN().shape)')
    out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert out.stdout.strip() == '20907649 20912259 12471555 12466945 20380289 (1, 32, 32) (3, 32, 32)', out.stderr

def test_no_module_bears_the_name_of_a_public_name():
    "Or, once the module is imported, `from genmodels import name` would give the module"
    import pkgutil
    modules = {m.name for m in pkgutil.iter_modules(genmodels.__path__)}
    assert not modules & set(genmodels.__all__)
    code = 'import genmodels.recipes; from genmodels import glyphs; print(glyphs(2).shape)'
    out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert out.stdout.strip() == 'torch.Size([2, 3, 32, 32])', out.stderr
