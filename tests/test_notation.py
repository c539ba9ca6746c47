"The ledger of symbols: what a formula or an argument may use, and that the real ones do."
import re
import pytest, yaml
import notation, test_tools
from common import notebooks
from conftest import ROOT
from test_tools import TITLE, edit, notebook, tool, write

project = test_tools.project      # a fixture

BETA = dict(symbol=r'\beta_k', tex=[r'\beta'], code=['betas'], chapters=['first'], meaning='variance of a step')
LEDGER = dict(everywhere=[dict(symbol='x', tex=['x', 'y'], chapters='everywhere', meaning='a picture')], diffusion=[BETA])

@pytest.fixture
def ledger(tmp_path):
    f = tmp_path/'notation.yml'
    f.write_text(yaml.safe_dump(LEDGER))
    return notation.entries(f)

def refused(tmp_path, ledger, *cells, name='00_first'):
    f = tmp_path/f'{name}.ipynb'
    write(f, notebook('n', TITLE.format('First'), *cells))
    return list(notation.in_formulas(f, ledger))

# ---------------------------------------------------------------- formulas
def test_an_unknown_symbol_is_refused_by_name(tmp_path, ledger):
    said, = refused(tmp_path, ledger, 'Let $x$ be known.', r'Then $$x=\beta\,\bar\gamma_x$$')
    assert r"00_first.ipynb, cell 2 (n-2): the symbol \gamma has no entry for 'first' in notation.yml" in said

def test_each_unknown_symbol_is_named_once(tmp_path, ledger):
    said = refused(tmp_path, ledger, r'$\gamma+\gamma$, $\mathcal L$ and $$\gamma_x\,w$$')
    assert [re.search('the symbol (.*) has no entry', o)[1] for o in said] == [r'\gamma', r'\mathcal L', 'w']
    assert all("cell 1 (n-1)" in o and "for 'first' in notation.yml" in o for o in said)

def test_known_symbols_and_words_are_accepted(tmp_path, ledger):
    assert not refused(tmp_path, ledger, r'$\hat x=\tilde\beta_x\,y$ and $x_\text{data}$', r'''$$\begin{aligned}
        x&=\log\beta&&\text{a word, then }y\\
        y&\le\operatorname{Var}\mathrm{sd}\,\mathrm E[x]\quad\Big(\tfrac12x\Big)\bmod1
        \end{aligned}$$ {#eq-words}''')

def test_an_entry_holds_in_its_chapters_only(tmp_path, ledger):
    assert refused(tmp_path, ledger, r'$x=\beta$', name='01_second')
    assert not refused(tmp_path, ledger, '$x=y$', name='01_second')

def test_code_and_prices_are_no_formulas(tmp_path, ledger):
    assert not refused(tmp_path, ledger, 'From `$HOME` to `$w`, for 5\\$ or 6\\$\n\n```\n$w$\n```\n', ('w = "$z$"',))

@pytest.mark.parametrize('formula,found', [
    (r'\varphi\,\ell\,\Gamma', [r'\varphi', r'\ell', r'\Gamma']),
    (r'\mathbb E[x]\mathbf{x}\boldsymbol\epsilon', [r'\mathbb E', r'\mathbf x', r'\boldsymbol \epsilon', 'x']),
    (r'a\\R&=b', ['a', 'R', 'b']),
    (r'\int f\,dx', ['f', 'd', 'x']),
])
def test_symbols(formula, found): assert notation.symbols(formula) == found

# ---------------------------------------------------------------- arguments
def arguments(tmp_path, ledger, code):
    f = tmp_path/'first.py'
    f.write_text(code)
    return list(notation.in_arguments(f, ledger))

def test_a_greek_argument_is_refused_by_name(tmp_path, ledger):
    said, = arguments(tmp_path, ledger, 'def step(x, betas, *, eta=1): pass')
    assert 'first.py, step: the argument eta is the code of no entry' in said

def test_methods_and_compound_names_count(tmp_path, ledger):
    said = arguments(tmp_path, ledger, 'class A:\n    def __init__(self, sigma_max): pass\n    def at(self, eps): pass')
    assert [re.search('argument (.*) is', o)[1] for o in said] == ['sigma_max', 'eps']

def test_private_functions_and_words_are_free(tmp_path, ledger):
    assert not arguments(tmp_path, ledger, 'def _step(eta): pass\nclass _A:\n    def at(self, eta): pass\ndef fit(lr, chips): pass')

# ---------------------------------------------------------------- in a project
def test_check_refuses_a_formula(project):
    (project/'nbs/notation.yml').write_text(yaml.safe_dump(LEDGER))
    page = dict(output_type='display_data', metadata={}, data={'text/markdown': '| $x$ | | a picture | |\n'})
    write(project/'nbs/notation.ipynb', notebook('p', TITLE.format('Notation'), ('1', page)))
    code, said = tool(project, 'notation')
    assert code and 'nbs/notation.ipynb was not made of notation.yml' in said and '1 problems' in said
    edit(project/'nbs/00_first.ipynb', 'y = 2x', 'y = 2u')
    code, said = tool(project, 'check', 'nbs/00_first.ipynb')
    assert code and "nbs/00_first.ipynb, cell 3 (a-3): the symbol u has no entry for 'first' in notation.yml" in said

# ---------------------------------------------------------------- the real ones
def test_the_notebooks_and_the_library_pass(): assert not list(notation.problems(notebooks()))

def test_the_ledger_is_well_formed():
    words = set(re.findall(r'\w+', ' '.join(f.read_text() for f in (ROOT/'genmodels').glob('*.py'))))
    for e in notation.entries(notation.LEDGER):
        assert {'symbol', 'tex', 'chapters', 'meaning'} <= set(e) <= {'symbol', 'tex', 'code', 'chapters', 'meaning', 'papers', 'short', 'local'}
        assert e['tex'] and all(notation.symbols(o) == [o] for o in e['tex']), e['symbol']
        assert set(e.get('code', [])) <= words, f"{e['symbol']}: {e['code']}"
