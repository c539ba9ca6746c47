"What an import costs is what it needs: each in a fresh process, and the heavy modules that came along by name."
import os, subprocess, sys
import pytest
from conftest import ROOT

HEAVY = ['matplotlib', 'sklearn', 'scipy', 'pandas', 'PIL']

def came_along(code, heavy):
    "Which of the `heavy` modules a fresh process has loaded after `code`"
    show = f'{code}\nimport sys\nprint(*[o for o in {heavy} if o in sys.modules])'
    env = dict(os.environ, PYTHONPATH=str(ROOT))
    r = subprocess.run([sys.executable, '-c', show], env=env, text=True, capture_output=True)
    assert r.returncode == 0, r.stderr
    return r.stdout.split('\n')[-2].split()

def test_the_package_alone_loads_nothing():
    assert came_along('import genmodels', ['torch', 'numpy', 'fastcore', *HEAVY]) == []

@pytest.mark.parametrize('names', ['DDPM, fit', 'VAE, save, load', 'NCSN, sample', 'Path, Denoiser, GaussianMixture'])
def test_training_needs_no_plots_and_no_data_sets(names):
    assert came_along(f'from genmodels import {names}', HEAVY) == []

def test_reading_data_needs_no_plots():
    assert came_along("from genmodels import digits, images", ['matplotlib', 'sklearn', 'scipy', 'pandas']) == []

@pytest.mark.parametrize('code', ['import genmodels.cli', '''
import sys
from genmodels.cli import main
sys.argv = ["genmodels", "--help"]
try: main()
except SystemExit as e: assert not e.code, e'''])
def test_the_command_line_answers_without_torch(code):
    assert came_along(code, ['torch', 'numpy', *HEAVY]) == []
