"The list of equations and the mistakes: what a check is, what it measures, what is refused, and that the real ones pass."
import json
import numpy as np, pytest, torch, yaml
import equations, ledgers, mistakes, recorder, test_tools
from common import notebooks, read_nb
from test_tools import TITLE, edit, notebook, stream, tool, write

project = test_tools.project      # a fixture

def checks(*cells): return {e.label: e.checks for e in equations.equations(notebook('e', TITLE.format('E'), *cells))}

def refused(tmp_path, *cells, check=equations.problems):
    write(tmp_path/'00_x.ipynb', notebook('e', TITLE.format('E'), *cells))
    return list(check([tmp_path/'00_x.ipynb']))

# ---------------------------------------------------------------- which cell checks which equation
def test_a_comment_names_equations():
    a_and_b = '$$a$$ {#eq-a}\n\n$$\nb\n$$ {#eq-b}'
    assert checks(a_and_b, ('# checks @eq-a and @eq-b, to ten digits\nassert 1',), ('x = 1   # checks @eq-b',), ('# see @eq-a',)) == \
        {'eq-a': [2], 'eq-b': [2, 3]}

def test_prose_counts_right_above_a_check_and_after_comments_only():
    said = 'Earlier @eq-a.\n\nWe look at @eq-b.'
    assert checks('$$a$$ {#eq-a} $$b$$ {#eq-b}', said, ('test_close(1, 1)',), said, ('assert 1',)) == {'eq-a': [], 'eq-b': [3]}
    assert checks('$$b$$ {#eq-b}', 'See @eq-b.', ('assert 1',), ('# checks @eq-b\nassert 1',)) == {'eq-b': [4]}
    for src in ('x = 1', '#| exports\nassert x'): assert checks('$$b$$ {#eq-b}', 'See @eq-b.', (src,)) == {'eq-b': []}

@pytest.mark.parametrize('src, n', {'assert 1\nassert 2': 2, 'test_close(a, b)\nx.test_eq(1)': 2, 'attest(1)': 0,
    'test_fail(lambda: test_close(1, 2))': 1, '%time x\nassert x': 1}.items())
def test_assertions_are_counted(src, n): assert equations.assertions(src) == n

def test_an_equation_needs_a_check_that_can_fail(tmp_path):
    said, = refused(tmp_path, '$$a$$ {#eq-a}', ('assert 1',))
    assert 'no check names the equation eq-a: write `# checks @eq-a`' in said
    said, = refused(tmp_path, '$$a$$ {#eq-a}', ('# checks @eq-a\nprint(1)',))
    assert 'cell 2 (e-2): it says that it checks eq-a, and nothing in it can fail' in said
    assert not refused(tmp_path, '$$a$$ {#eq-def-a}', '$$b$$', '$$c$$ {#eq-c}', ('# checks @eq-c\nassert 1',))

# ---------------------------------------------------------------- what a comparison measures
@pytest.mark.parametrize('a, b, eps, worst', [
    (1., 1.25, .5, (.25, .5)), ([1, 2], [1, 2.5], 1., (.5, 1.)), ([], [], 1., (0., 0.)), ('a', 'a', .1, (0., .1)),
    (torch.tensor([1., 2.], requires_grad=True), torch.tensor([1., 4.]), torch.tensor([1., 9.]), (2., 9.)),
    (np.ones((2, 0)), np.ones((2, 0)), .1, (0., 0.)), ([torch.ones(2), 3], [torch.zeros(2), 3], 2., (1., 2.)),
    (torch.ones(2, dtype=torch.bfloat16), 1, .1, (0., .1))])
def test_worst(a, b, eps, worst): assert recorder.worst(a, b, eps) == worst

def test_torchs_tolerance_grows_with_the_value():
    assert recorder.by_torch(torch.tensor([0., 100.]), torch.tensor([0., 101.]), rtol=.1, atol=1.) == pytest.approx((1., 11.1))
    assert recorder.by_torch(torch.ones(2), torch.ones(2))[1] == pytest.approx(1.3e-6 + 1e-5)

def test_only_what_holds_is_recorded():
    def compare(a, b, eps=1.): assert all(abs(x-y) < eps for x, y in zip(a, b, strict=True))
    f = recorder.recorded(compare, lambda a, b, eps=1.: recorder.worst(a, b, eps))
    f(iter([1., 2.]), [1., 2.3456])
    f([1.], [1.5], eps=2.)
    with pytest.raises(AssertionError): f([1.], [5.])
    assert recorder.summary() == dict(n=2, error=.5, allowed=2.) and recorder.held == []

# ---------------------------------------------------------------- in a project
LESSON = ('# checks @eq-twice\ntest_close(twice(2.), 4.0012345, eps=.1)\ntest_close([1.], [1.], eps=1.)\n'
          'test_fail(lambda: test_close(1, 2))\ntwice(3)')

def test_execute_stores_what_checks_measure(project):
    nb = project/'nbs/00_first.ipynb'
    edit(nb, '"import math"', '"import math\\n", "from fastcore.test import test_close, test_fail"')
    cells = json.loads(nb.read_text())
    check, = [c for c in cells['cells'] if c['id'] == 'a-5']
    check['source'] = LESSON.splitlines(keepends=True)
    write(nb, cells)
    assert tool(project, 'sync')[0] == 0 and tool(project, 'execute')[0] == 0
    text, outputs = nb.read_text(), [c.get('outputs') for c in read_nb(nb)['cells'] if c['id'] == 'a-5']
    assert equations.measured(read_nb(nb)) == {'a-5': dict(n=2, error=.0012, allowed=.1)}
    assert '"6"' in text and recorder.MIME not in text and len(outputs) == 1
    assert tool(project, 'execute', '--force')[0] == 0 and nb.read_text() == text, 'a second run must store the same bytes'
    assert tool(project, 'check', nb)[0] == 0
    edit(nb, '# checks @eq-twice', '# why')
    code, out = tool(project, 'check', nb)
    assert code and 'no check names the equation eq-twice' in out and '1 problems' in out, out
    edit(nb, 'print(\\"bar\\"', 'assert 1 # checks @eq-twice\\nprint(\\"bar\\"')
    assert equations.unmeasured(read_nb(nb)), 'another check has to be measured'

# ---------------------------------------------------------------- mistakes
ENTRY = dict(title='T', what='W.', seen='S', shows='a number')

@pytest.mark.parametrize('ledger, src, outputs, says', [
    ({'a': ENTRY}, '# mistake: a\n1', [stream('1')], None),
    ({}, '# mistake: a\n1', [stream('1')], 'cell 1 (e-1): the mistake a has no entry in'),
    ({'a': ENTRY}, '1 # mistake: a', [stream('1')], 'no cell shows a; mark one with a line `# mistake: a`'),
    ({'a': ENTRY}, '# mistake: a\n1', [], 'it shows the mistake a, and has no stored output'),
    ({'a': dict(title='T')}, '# mistake: a\n1', [stream('1')], "a has the fields ['title'], expected")])
def test_mistakes(tmp_path, monkeypatch, ledger, src, outputs, says):
    monkeypatch.setattr(mistakes, 'LEDGER', tmp_path/'mistakes.yml')
    mistakes.LEDGER.write_text(yaml.safe_dump(ledger))
    said = refused(tmp_path, (src, *outputs), check=lambda fns: [*mistakes.problems(fns), *mistakes.unshown(fns)])
    assert (len(said) == 1 and says in said[0]) if says else said == []

def test_check_looks_at_mistakes(project):
    (project/'nbs/mistakes.yml').write_text(yaml.safe_dump({'lost': ENTRY}))
    code, out = tool(project, 'check')
    assert code and 'nbs/mistakes.yml: no cell shows lost' in out

# ---------------------------------------------------------------- the pages
@pytest.mark.parametrize('tex, row', [
    ('a=b', '$a=b$'), (r'\begin{aligned}a&=b&&\text{why}\\c&=d\end{aligned}', r'$a=b\;\dots$'),
    (r'|x|\le\|y\|,', r'$\vert x\vert \le\Vert y\Vert$'), (r'\sum_{i=1}^n' + 'x'*200 + '=1', ''),
    (r'f=\Big(a=b\Big)=' + 'x'*200, r'$f=\Big(a=b\Big)=\;\dots$')])
def test_one_line(tex, row): assert ledgers.one_line(tex).replace(r'\Vert $', r'\Vert$') == row

def test_numbers_are_short():
    assert [ledgers.number(o) for o in (0., 1.2e-8, .05, 1.3e-6, 12345.)] == ['0', '1.2e-8', '0.05', '1.3e-6', '1.2e4']

def test_what_a_check_found_is_told():
    nb = notebook('e', '$$a$$ {#eq-a} $$b$$ {#eq-b} $$c$$ {#eq-def-c}', ('# checks @eq-a\nassert 1',), ('# checks @eq-b\ntest_close(1, 1)',))
    nb['metadata']['genmodels'] = dict(checks={'e-1': dict(n=0), 'e-2': dict(n=1, error=3e-8, allowed=1e-6)})
    rows = [ledgers.equation_row(e, nb, 'x.ipynb') for e in equations.equations(nb)]
    assert rows == ['| [a](x.ipynb#eq-a) | [an assertion holds](x.ipynb#check-e-1) | $a$ |',
        '| [b](x.ipynb#eq-b) | [3e-8 of 1e-6](x.ipynb#check-e-2) | $b$ |', '| [c](x.ipynb#eq-def-c) | a definition | $c$ |']
    nb['metadata'].clear()
    assert 'not measured' in ledgers.equation_row(next(equations.equations(nb)), nb, 'x.ipynb')

# ---------------------------------------------------------------- the real ones
def test_every_equation_is_checked(): assert not list(equations.problems(notebooks()))

def test_every_mistake_is_shown(): assert not list(mistakes.problems(notebooks()))

def test_every_label_is_found():
    for f in notebooks():
        text = '\n'.join(''.join(c['source']) for c in read_nb(f)['cells'] if c['cell_type'] == 'markdown')
        assert text.count('{#eq-') == len(list(equations.equations(read_nb(f)))), f
