"""The first hour keeps what it promises: short, plain PyTorch, nothing borrowed from the library"""
import ast
import pytest
import proc
from common import NBS, read_nb, source

CODE = {c['id']: source(c) for c in read_nb(NBS/'first_hour.ipynb')['cells'] if c['cell_type'] == 'code'}
PARTS = dict(vae=('fhtrain1', 'fhvae002'), ddpm=('fhunet02', 'fhddpm01'), ncsn=('fhncsn02',))


@pytest.mark.parametrize('name', PARTS)
def test_no_model_needs_more_than_forty_lines(name):
    lines = [o for key in PARTS[name] for o in CODE[key].splitlines() if o.strip()]
    assert 10 < len(lines) <= 40


def imports(src):
    "The names that a cell takes from genmodels"
    nodes = [n for n in ast.walk(ast.parse(src)) if isinstance(n, ast.ImportFrom)]
    return [a.name for n in nodes if n.module.split('.')[0] == 'genmodels' for a in n.names]


def test_only_the_data_and_a_way_to_look_are_imported_before_the_library_section():
    order = list(CODE)
    before = [name for key in order[:order.index('fhlib002')] for name in imports(CODE[key])]
    assert sorted(before) == ['mnist', 'show_images']


def test_the_models_are_plain_modules_and_functions():
    for key in ('fhvae002', 'fhunet02'):
        bases = [ast.unparse(b) for n in ast.parse(CODE[key]).body if isinstance(n, ast.ClassDef) for b in n.bases]
        assert bases and set(bases) == {'nn.Module'}


def test_the_sidebar_lists_each_notebook_once_and_the_start_first():
    entries = proc.sidebar()['website']['sidebar']['contents']
    names = [o for o in proc.flat(entries) if not o.startswith('reference')]
    assert sorted(names) == sorted([*(f.name for f in NBS.glob('[!._]*.ipynb')), *proc.ledgers.PAGES])
    assert entries[0] == 'index.ipynb' and entries[1]['section'] == 'Start'
