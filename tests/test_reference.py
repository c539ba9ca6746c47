"The reference (tools/site/reference.py) and what programs read of the site (llms.py)."
import json, re, sys
import pytest
import test_tools as t
from conftest import ROOT

sys.path.append(str(ROOT/'tools/site'))
import reference
from common import settings

project = t.project

# ---------------------------------------------------------------- what is said of the names of this library
def entry(name):
    "An entry by its name, with its module where several have it"
    mod, _, name = name.rpartition(':')
    found = [e for e in reference.everything() if e.name == name and mod in ('', e.module)]
    assert len(found) == 1, (name, found)
    return found[0]

def test_every_public_name_is_documented():
    "Parameters, results, docstrings"
    gaps = {f"{e.name}: {', '.join(gaps)}" for e in reference.everything() if (gaps := reference.undocumented(e))}
    assert not gaps, f'say in the notebook what these are (a docment each, a type for the return): {sorted(gaps)}'

def test_what_counts_as_undocumented():
    "One fault each"
    def gaps(f): return reference.undocumented(reference.Entry(f.__name__, f, 'here'))
    def good(
        a, # Words
    )->int: # Words
        "Doc"
        return a
    def typed(
        a, # Words
    )->int:
        "Doc"
        return a
    def mute(a:int, b=2):
        "Doc"
        return a + b
    def wordless(
        a, # Words
    ): return None
    def silent(
        a, # Words
    ):
        "Doc"
        return
    class Two:
        "Doc"
        def __init__(self,
            a, # Words
            b,
        ): self.a, self.b = a, b
    assert [gaps(f) for f in (good, typed, silent)] == [[], [], []]
    assert gaps(mute) == ['a', 'b', 'return'] and gaps(wordless) == ['docstring'] and gaps(Two) == ['b']

def test_every_name_is_in_the_reference():
    "What a module exports, the methods patched onto its classes, wherever that is done; no private ones"
    names = {e.name for e in reference.everything()}
    assert names >= {'VAE', 'VAE.elbo', 'DDPM.sample', 'Path.__call__', 'At.snr', 'TARGETS', 'fit', 'digit_net'}
    for m in reference.modules(): assert {e.name for e in reference.entries(m)} >= set(reference.module(m).__all__), m
    assert not [o for o in names if re.search(r'(^|\.)_(?!_call__)', o)]

def test_an_entry_says_what_the_code_says():
    "Signature, types, defaults, docments, what comes back; inherited words for inherited parameters, none of torch's"
    fit = reference.signature(entry('fit'))
    assert fit.startswith('fit(\n    model, data, steps, *, batch_size=128,') and max(map(len, fit.splitlines())) <= 90
    text = reference.parameters(entry('fit'))
    for o in ('- **steps** (`int`): Updates to make', '- **clip** (`float`, default `1.0`): Largest gradient norm',
              '- **returns** ([`History`](reference_descent.ipynb#History)): '): assert o in text, (o, text)
    assert reference.signature(entry('MLP')) == 'MLP(d_in, d_out, hidden=(128, 128), act=SiLU)'
    assert reference.signature(entry('Path.__call__')) == 'Path(t)'
    assert r'**\*\*cond**' in reference.parameters(entry('samplers:sample'))
    assert '**free_bits** (`float`, default `0.0`): Nats' in reference.parameters(entry('HVAE'))
    assert reference.doc(entry('UNet.forward').obj) == ''
    assert reference.escaped('a*b in [0,1], `[0,1]`') == r'a\*b in \[0,1\], `[0,1]`'

@pytest.mark.parametrize('name, here, module', [
    ('sample', None, 'samplers'), ('sample', 'cli', 'cli'), ('fit', 'cli', 'train'), ('VAE.elbo', None, 'vae'),
    ('check_grey', None, 'checks'), ('place', None, None), ('place', 'cli', 'cli'), ('nothing', None, None)])
def test_one_rule_for_names_in_back_ticks(name, here, module):
    "The page's own name, then the package's, then the only one, unless that is a plain word"
    assert reference.owner(name, here) == module

def test_links_of_a_chapter():
    "nbdev's guesses follow the rule; headings, code and the texts of links stay without"
    site = settings()['doc_host'] + settings()['doc_baseurl']
    def link(name, page): return f'[`{name}`]({site}/{page}.html#{name.removesuffix("()")})'
    def re_linked(text): return reference.relinked(text, 'glyphs')
    assert re_linked(f"Use {link('sample', 'cli')} once.") == 'Use [`sample`](reference_samplers.ipynb#sample) once.'
    assert re_linked(link('mnist()', 'pictures')) == '[`mnist()`](reference_pictures.ipynb#mnist)'
    assert re_linked(link('place', 'cli')) == '`place`' and re_linked(f"## {link('fit', 'train')}") == '## `fit`'
    assert re_linked(f"```\n# {link('fit', 'train')}\n```") == '```\n# `fit`\n```'
    assert re_linked(f"[{link('fit', 'train')}](08_train.ipynb)") == '[`fit`](08_train.ipynb)'
    assert re_linked('[`fit`](08_train.ipynb) and `fit` elsewhere') == '[`fit`](08_train.ipynb) and `fit` elsewhere'

def test_the_source_of_a_name_that_two_modules_have(monkeypatch):
    "nbdev looks names up without their module, and finds the first"
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(reference, 'published', lambda: True)
    shown = '---\n\n[source](https://e.org/cli.py#L1){target="_blank"}\n\n### sample\n\nText'
    assert re.search(r'/samplers\.py#L\d+\)\{target', reference.resourced(shown, 'samplers'))
    assert reference.resourced(shown, 'gauss') == shown
    monkeypatch.setattr(reference, 'published', lambda: False)       # no link where there is no server yet
    assert reference.resourced(shown, 'gauss') == '---\n\n\n### sample\n\nText'

# ---------------------------------------------------------------- from notebooks to pages
DOCS = """#| export
def thrice(
    x:float, # What is multiplied, in $ or *
    times=3, # How often
)->float: # The product
    "Like `twice`, and once more\"
    return times*x"""

def test_pages_of_a_small_library(project):
    "A page for the module, an index, a part of the sidebar, links there and back; both builders read notebooks"
    t.write(project/'nbs/index.ipynb', t.notebook('i', t.TITLE.format('small'), 'See [the first](00_first.ipynb).'))
    nb = t.notebook('a', t.TITLE.format('First'), ('#| default_exp first',), '## Once',
        ('#| exports\ndef twice(x):\n    "Twice `x`"\n    return 2*x',), '## More', (DOCS,), 'Call `thrice` now.')
    t.write(project/'nbs/00_first.ipynb', nb)
    assert t.tool(project, 'sync')[0] == 0
    code, out = t.tool(project, 'site/proc')
    assert code == 0 and '3 notebooks and 4 pages made of them' in out, out
    code, out = t.tool(project, 'site/build')
    assert code == 0 and ', 0 problems' in out, out
    cells = [c for f in (project/'_proc').glob('*.ipynb') for c in json.loads(f.read_text())['cells']]
    assert all(type(c['source']) is list for c in cells)             # Quarto loses the line ends of a string
    html = {f.stem: f.read_text() for f in (project/'_site').glob('*.html')}
    assert 'href="reference_first.html#thrice"' in html['first'] and 'id="thrice"' in html['reference_first']
    assert 'href="first.html#thrice">More</a>' in html['reference_first']
    assert 'href="reference_first.html#twice"' in html['reference'] and '<p>Reference</p>' in html['first']
    assert 'What is multiplied, in $ or *' in html['reference_first'] and 'thrice(x, times=3)' in re.sub('<.*?>', '', html['reference_first'])
    assert '<details><summary>' in html['first'] and '<details open><summary>' in html['reference_first']
    copy = (project/'_site/reference_first.llms.md').read_text()
    assert copy.startswith('# genmodels.first\n\n> twice, thrice\n') and '](first.llms.md#thrice)' in copy

# ---------------------------------------------------------------- what programs read
TABLE = dict(output_type='display_data', metadata={}, data={'text/html':
    '<script>gone()</script><table><tr><th>n</th></tr><tr><td>7</td></tr></table><img src="data:image/png;base64,AAAA">'})

def test_llms(project):
    "A list of the pages by part, and of each page its prose, TeX with numbers, code, outputs, captions and alt texts"
    code, out, _ = t.site(project,
        one=['$$ a $$ {#eq-one}\n\nBy @eq-one and [@known2020].', ('#| label: fig-x\n#| fig-cap: "Cap: $a$"\n#| fig-alt: "Alt <text>"\nplot()', t.PNG),
             ('print(1)', t.stream('<b>\n')), ('table', TABLE), '::: {.callout-tip collapse="true"}\n## Solution\nIt is 1.\n:::'],
        two=['[The first](one.ipynb#eq-one), [its page](https://e.org/t/one.html), [gone away](https://e.org/u.html).'])
    assert code == 0, out
    read = {o: (project/f'_site/{o}').read_text() for o in ('one.llms.md', 'two.llms.md', 'llms.txt')}
    for o in ('# one\n\n> d\n', r'a \tag{1}', 'Equation 1', 'Known', '``` python\nprint(1)\n```', '    <b>', 'Cap: $a$', 'Alt \\<text\\>',
              '**Solution**\n\nIt is 1.', '| n   |', '| 7   |'): assert o in read['one.llms.md'].replace('\u00a0', ' '), (o, read['one.llms.md'])
    for o in ('base64', 'gone()', '<div', '<details', 'iVBOR'): assert o not in read['one.llms.md'], o
    assert read['two.llms.md'].endswith('[The first](one.llms.md#eq-one), [its page](one.llms.md), [gone away](https://e.org/u.html).\n')
    assert read['llms.txt'].startswith('# t\n') and '## Part\n\n- [index](index.llms.md): d\n- [one](one.llms.md): d\n' in read['llms.txt']

def test_llms_only_where_asked_for(project):
    t.edit(project/'_quarto.yml', 'llms-txt: true', 'llms-txt: false')
    code, out, _ = t.site(project, one=['Text.'])
    assert code == 0 and not list((project/'_site').glob('*llms*')), out
