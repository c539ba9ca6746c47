"Every chapter's exercises as notebooks to hand out: each check passes with the solution, and fails without it."
import json, multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
import pytest
import execute, exercises, solutions
from common import notebooks, read_nb, source
from conftest import ROOT
import test_tools
from test_tools import notebook, tool, write

project = test_tools.project      # a fixture

def begin(scratch):
    exercises.at_work().cleanup()
    os.chdir(scratch)

# ---------------------------------------------------------------- the chapters, two at a time, one thread each
CHAPTERS = [f for f in notebooks() if '## Exercises' in ''.join(map(source, read_nb(f)['cells']))]

@pytest.fixture(scope='module')
def proofs(tmp_path_factory):
    "chapter -> what its blanks and its solutions come to"
    scratch, fresh = str(tmp_path_factory.mktemp('scratch')), multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(2, fresh, begin, (scratch,)) as pool:
        yield {f.stem: pool.submit(exercises.proof, f) for f in CHAPTERS}
        pool.shutdown(cancel_futures=True)

@pytest.mark.parametrize('name', [f.stem for f in CHAPTERS])
def test_a_check_passes_with_the_solution_and_only_with_it(name, proofs):
    proof = proofs[name].result()
    assert {n: why for n, (_, why) in proof.items() if why} == {}
    assert [n for n, (why, _) in proof.items() if why is None] == [], 'a blank passes'

def test_a_notebook_runs_in_jupyter_up_to_its_blanks(tmp_path, monkeypatch):
    import nbformat
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    ch = solutions.chapter(ROOT/'nbs/00_gauss.ipynb')
    nb = nbformat.reads(json.dumps(exercises.student(ch)), as_version=4)
    nbformat.validate(nb)
    client = execute.client_for(nb, tmp_path, ())
    client.allow_errors = True
    client.execute()
    stopped = {c.id for c in nb.cells if any(o.output_type == 'error' for o in c.get('outputs', []))}
    assert stopped == {f'exercise{e.number}-check' for e in ch.exercises}

# ---------------------------------------------------------------- one solution, divided
@pytest.mark.parametrize('cell, given, blank, check', [
    ('n = 3\nx = n + 1\ntest_eq(x, 4)\nx', 'n = 3', 'x = ...', 'test_eq(x, 4)\nx'),
    ('y = 2 + 3\nassert y == 5', '', 'y = ...', 'assert y == 5'),
    ('def f(a): return a\nb = f(1)\nassert b', '', f'def f(a):\n    {solutions.TURN}', 'b = f(1)\nassert b'),
    ('def f(\n    a, # It\n):\n    "Doc"\n    return a\nassert f(1)', '', f'def f(\n    a, # It\n):\n    "Doc"\n    {solutions.TURN}', 'assert f(1)'),
    ('f = lambda a: a\nassert f(1)', '', f'def f(a):\n    {solutions.TURN}', 'assert f(1)'),
    ('class A(B):\n    "Doc"\n    def f(self): return 1\nassert A()', '', f'class A(B):\n    "Doc"\n    def f(self):\n        {solutions.TURN}', 'assert A()'),
    ('# given\ndef h(a): return a\n# answer\nx = h(2)\n# check\ny = 2\nassert x == y', 'def h(a): return a', 'x = ...', 'y = 2\nassert x == y'),
    ('#| code-fold: true\n\nx = 1 + 1\nfor i in (1,2): assert x >= i', '', 'x = ...', 'for i in (1,2): assert x >= i')])
def test_the_answer_is_told_from_its_check(cell, given, blank, check):
    e = solutions.exercise(1, '', False, [cell])
    assert (e.given, e.blank, e.check) == (given, blank, check)

# ---------------------------------------------------------------- a small chapter: what its notebook needs, its grades
SOLUTION = '#| code-fold: true\n#| code-summary: "Solution"\n'
PARTS = ('# First\n\n> One line', ('#| default_exp first',), ('from fastcore.test import test_eq',), ('#| export\ndef twice(x): return 2*x',),
    ('log = []\nunused = 1/0',), ('log.append(twice(4))',), ('print(log)',),
    '## Exercises\n\n**1.** What is in [the list](01_second.ipynb)?', (f'{SOLUTION}first = log[0]\ntest_eq(first, 8)',),
    '**2.** Why?\n\n::: {.callout-tip collapse="true" title="Solution"}\nBecause.\n:::', '**3.** Thrice.',
    (f'{SOLUTION}def thrice(x): return 3*x\ntest_eq(thrice(twice(1)), 6)',), '## What to take along', ('#| hide\nimport nbdev; nbdev.nbdev_export()',))

@pytest.fixture
def small(project):
    "A project with one chapter that has exercises, and their notebook"
    write(project/'nbs/00_first.ipynb', notebook('a', *PARTS))
    (project/'genmodels/first.py').write_text('__all__ = ["twice"]\ndef twice(x): return 2*x\n')
    assert tool(project, 'exercises', '00_first') == (0, 'wrote exercises/00_first.ipynb: 3 exercises, 2 with a check\n')
    return project

def answer(path, **by_id):
    nb = json.loads(path.read_text())
    for c in nb['cells']:
        if c['id'].replace('-', '_') in by_id: c['source'] = by_id[c['id'].replace('-', '_')]
    path.write_text(json.dumps(nb))

def test_the_notebook_has_what_it_needs_and_no_solution(small):
    cells = {c['id']: source(c) for c in read_nb(small/'exercises/00_first.ipynb')['cells']}
    assert cells['imports'].splitlines()[1:] == ['from fastcore.test import test_eq', 'from genmodels.first import twice']
    assert cells['setup'].splitlines()[1:] == ['log = []', 'log.append(twice(4))']       # not what it has no use for
    assert 'genmodels/01_second.html' in cells['exercise1-question'] and cells['exercise2-written'] == exercises.ROOM
    text = '\n'.join(cells.values())
    assert not [o for o in ('log[0]', 'Because', '3*x', 'take along', 'nbdev') if o in text]
    assert 'make exercises' in (small/'exercises/README.md').read_text()

def test_grades(small):
    path, grade = small/'exercises/00_first.ipynb', lambda: tool(small, 'exercises', '--grade', small/'exercises/00_first.ipynb')
    lines = ['exercise 1: not yet: test_eq(first, 8)', 'exercise 2: not yet: no text', 'exercise 3: not yet: test_eq(thrice(twice(1)), 6)']
    assert grade() == (1, '\n'.join([*lines, 'exercises/00_first.ipynb: 0 of 3 exercises\n']))
    answer(path, exercise1_answer='%time\nfirst = log[0]', exercise1_check='', exercise3_answer='thrice = lambda x: x.y', exercise3_check='pass')
    rc, said = grade()
    assert rc == 1 and 'exercise 1: passed\n' in said and '3: not yet: test_eq(thrice(twice(1)), 6)  (AttributeError' in said
    answer(path, exercise2_written='Because.', exercise3_answer='def thrice(x): return nothing(x)')
    assert "(NameError: name 'nothing'" in grade()[1]
    answer(path, exercise3_answer='1/0')
    assert '3: not yet: your code stops at 1/0  (ZeroDivisionError: division by zero)' in grade()[1]
    answer(path, exercise3_answer='def thrice(x: return')
    assert '3: not yet: your code stops at line 1  (SyntaxError' in grade()[1]
    answer(path, exercise3_answer='def thrice(x): return 3*x')
    assert grade() == (0, 'exercise 1: passed\nexercise 2: a text to read\nexercise 3: passed\nexercises/00_first.ipynb: 3 of 3 exercises\n')

def test_a_notebook_is_not_graded_by_its_own_check(small):
    "It may name itself as its chapter, and lose an answer's cell"
    path = small/'exercises/00_first.ipynb'
    nb = json.loads(path.read_text())
    nb['metadata']['genmodels']['chapter'] = str(path)
    (small/'mine.ipynb').write_text(json.dumps(nb))
    rc, said = tool(small, 'exercises', '--grade', 'mine.ipynb')
    assert rc == 1 and 'nbs/ has no chapter' in said and 'Traceback' not in said, said
    nb['metadata']['genmodels']['chapter'] = '00_first'
    nb['cells'] = [c for c in nb['cells'] if c['id'] != 'exercise1-answer']
    (small/'mine.ipynb').write_text(json.dumps(nb))
    assert 'exercise 1: not yet: its answer cell is gone' in tool(small, 'exercises', '--grade', 'mine.ipynb')[1]

def test_an_answer_cannot_swallow_the_end_of_its_time():
    with pytest.raises(exercises.OutOfTime), exercises.within(1):
        while True:
            try: time.sleep(.05)
            except Exception: pass

def test_work_is_not_written_over(small):
    path = small/'exercises/00_first.ipynb'
    assert tool(small, 'exercises')[1].startswith('wrote exercises/00_first.ipynb')
    answer(path, exercise1_answer='first = 8')
    before = path.read_bytes()
    assert tool(small, 'exercises') == (0, 'kept exercises/00_first.ipynb: it was worked in (FORCE=1, or --force, replaces it)\n')
    assert path.read_bytes() == before
    assert tool(small, 'exercises', '--force')[1].startswith('wrote') and path.read_bytes() != before

@pytest.mark.parametrize('old, new, says', [
    ('test_eq(first, 8)', 'first', 'exercise 1 has no check: assert what its answer must fulfil'),
    ('first = log[0]\n', '', 'exercise 1 needs first, which nothing before the exercises defines'),
    ('first = log[0]\ntest_eq(first, 8)', 'one = 2\ntest_eq(log[0], 8)', 'exercise 1 has a check that needs nothing of its answer'),
    ('first = log[0]\ntest_eq(first, 8)', 'twice = log[0]\ntest_eq(twice, 8)', 'exercise 3 needs twice of the chapter, which an earlier exercise binds')])
def test_what_cannot_be_graded_is_refused(small, old, new, says):
    nb = read_nb(small/'nbs/00_first.ipynb')
    for c in nb['cells']: c['source'] = source(c).replace(old, new)
    write(small/'nbs/00_first.ipynb', nb)
    rc, said = tool(small, 'exercises')
    assert rc == 1 and f'nbs/00_first.ipynb, {says}' in said, said

@pytest.mark.parametrize('text, says', [('no json', 'is no notebook'), ('{"cells": [], "metadata": {}}', 'names no chapter'), (None, 'no such notebook')])
def test_what_is_no_exercise_notebook_is_refused(small, text, says):
    if text: (small/'x.ipynb').write_text(text)
    rc, said = tool(small, 'exercises', '--grade', 'x.ipynb')
    assert rc == 1 and says in said and 'Traceback' not in said
