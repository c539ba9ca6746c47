"""The exercises of the chapters as notebooks to hand out, and their grading.

    python tools/exercises.py [--force] [CHAPTER...]   writes exercises/CHAPTER.ipynb, without the solutions
    python tools/exercises.py --grade FILE.ipynb       a line for each exercise; exit code 1 if one is missing

A notebook holds the chapter's imports and definitions that its exercises need, folded; then for each exercise
the question, what is given, what to write, and the check. Grading takes only what was written from the file,
the rest from the chapter, so an edited check changes nothing. It runs the file's code with your rights."""
import argparse, ast, contextlib, io, json, linecache, os, re, signal, sys, tempfile, traceback
from collections import defaultdict
from pathlib import Path
import stamp
from common import ENV, NBS, ROOT, as_python, notebooks, read_nb, settings, show, source
from solutions import chapter

OUT = ROOT/'exercises'
ABOUT = 'Written by `make exercises` from the chapters in `nbs/`, to work in. Change a chapter, not these.\n'
DAMAGE = KeyError, TypeError, AttributeError     # of a notebook that lacks what each has
LIMIT = 120      # seconds that an exercise may take
ROOM = '*Your answer:*'
HOW = """Run the cells from the top. In each exercise, replace every `...` and every line
`raise NotImplementedError` by your own code; add cells as you like. The cell below it checks your answer: no
error means passed. Names such as `@eq-elbo` stand for the equations of the chapter."""

# ---------------------------------------------------------------- notebooks to hand out
def address(page):
    s = settings()
    return f'{s["doc_host"]}{s["doc_baseurl"]}/{page}'

def linked(text):
    "Markdown whose links to chapters lead to the published site"
    return re.sub(r'\]\(([\w-]+)\.ipynb', lambda m: f']({address(m[1])}.html', text)

def cell(kind, src, i, **about):
    "A cell; `about` says which part of which exercise it is"
    c = dict(cell_type=kind, id=i, metadata=dict(genmodels=about), source=src.splitlines(keepends=True))
    if about['part'] in ('imports', 'setup'): c['metadata']['jupyter'] = dict(source_hidden=True)
    return c | dict(execution_count=None, outputs=[]) if kind == 'code' else c

def parts_of(e):
    "The cells of an exercise: part, kind, source"
    yield 'question', 'markdown', linked(e.question)
    if e.written: yield 'written', 'markdown', ROOM
    if not e.check: return
    if e.given: yield 'given', 'code', e.given
    names = ', '.join(f'`{n}`' for n in e.names)
    yield 'answer', 'code', f'# Your turn: write {names}\n{e.blank}'
    yield 'check', 'code', f'# The check of exercise {e.number}\n{e.check}'

def student(ch):
    "The notebook of a chapter's exercises"
    title = f'# Exercises: {ch.title}\n\nOf the chapter [{ch.title}]({address(ch.file.stem)}.html). {HOW}'
    cells = [cell('markdown', title, 'title', part='title')]
    folded = [('imports', 'Imports', ch.imports), ('setup', 'What the exercises use', ch.setup)]
    cells += [cell('code', f'# {head}\n{src}', part, part=part) for part, head, src in folded if src]
    for e in ch.exercises:
        cells += [cell(kind, src, f'exercise{e.number}-{part}', part=part, exercise=e.number)
                  for part, kind, src in parts_of(e)]
    about = dict(chapter=ch.file.stem, written=sources_hash(cells))
    kernel = dict(display_name='python3', language='python', name='python3')
    return dict(cells=cells, metadata=dict(genmodels=about, kernelspec=kernel), nbformat=4, nbformat_minor=5)

def sources_hash(cells): return stamp.digest(*map(source, cells))

def worked_in(path):
    "Was a notebook changed since it was written?"
    try: return (nb := read_nb(path))['metadata']['genmodels']['written'] != sources_hash(nb['cells'])
    except (SystemExit, *DAMAGE): return True

def store(path, text):
    "All or nothing"
    tmp = path.with_name(f'.{path.name}.tmp')
    try:
        tmp.write_text(text, encoding='utf-8')
        os.replace(tmp, path)
    finally: tmp.unlink(missing_ok=True)

def write(ch, force=False):
    "Write a chapter's notebook, unless somebody has worked in it: what to say of it"
    path = OUT/ch.file.name
    OUT.mkdir(exist_ok=True)
    store(OUT/'README.md', ABOUT)
    if path.exists() and not force and worked_in(path):
        return f'kept {show(path)}: it was worked in (FORCE=1, or --force, replaces it)'
    store(path, json.dumps(student(ch), indent=1, ensure_ascii=False) + '\n')
    checked = sum(bool(e.check) for e in ch.exercises)
    return f'wrote {show(path)}: {len(ch.exercises)} exercises, {checked} with a check'

# ---------------------------------------------------------------- running them
def run(src, label, names):
    "Run code under a name that tracebacks and docments find its source by"
    src = as_python(src)
    linecache.cache[label] = len(src), None, src.splitlines(keepends=True), label
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        exec(compile(src, label, 'exec'), names)

class OutOfTime(BaseException):
    "No Exception: an answer, or a check that expects a failure, would catch it and go on"

@contextlib.contextmanager
def within(seconds):
    "OutOfTime when it takes longer, where the system has an alarm"
    def stop(*_): raise OutOfTime(f'still running after {seconds} s')
    if not hasattr(signal, 'SIGALRM'): yield; return
    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try: yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)

def randomness():
    "A function that sets all random numbers back to where they are now"
    import random, numpy as np, torch
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    setters = random.setstate, np.random.set_state, torch.set_rng_state
    def back():
        for setter, state in zip(setters, states): setter(state)
    return back

def prepared(ch):
    "The names that a chapter's exercises start from, and a function that sets random numbers to their start"
    import torch
    torch.set_default_dtype(torch.float32)
    from IPython.display import display
    names = dict(__name__='__main__', display=display)
    for label in ('imports', 'setup'): run(getattr(ch, label), f'{ch.file.stem}, {label}', names)
    return names, randomness()

def first_line(src, line):
    "The first line of the innermost statement that stands in this line, without a comment"
    statements = [n for n in ast.walk(ast.parse(src)) if isinstance(n, ast.stmt)]
    inside = [n.lineno for n in statements if n.lineno <= line <= n.end_lineno]
    return stamp.strip_comments(src.splitlines()[max(inside) - 1].strip())

def attempt(e, answer, names, back):
    "Run an exercise with this answer: None, or where it stopped"
    import matplotlib.pyplot as plt
    names, labels = dict(names), [f'exercise {e.number}, {o}' for o in ('given', 'answer', 'check')]
    back()
    try:
        with within(LIMIT):
            for label, src in zip(labels, (e.given, answer, e.check)): run(src, label, names)
    except KeyboardInterrupt: raise
    except BaseException as err: return stopped(err, label, as_python(src))
    finally: plt.close('all')

def words_of(err):
    try: return str(err).strip()
    except Exception: return ''

def stopped(err, label, src):
    "The statement of `src` at which it stopped, and why if that does not say it"
    lines = [f.lineno for f in traceback.extract_tb(err.__traceback__) if f.filename == label]
    line = first_line(src, lines[0]) if lines else f'line {getattr(err, "lineno", None) or "?"}'
    why = words_of(err).splitlines()
    plain = isinstance(err, AssertionError) or re.search('your turn|ellipsis', words_of(err))
    told = '' if plain else f'  ({type(err).__name__}{": " + why[0][:80] if why else ""})'
    return ('your code stops at ' if label.endswith('answer') else '') + line + told

# ---------------------------------------------------------------- grading
def handed_in(nb):
    "number -> what was written for it: (code, words)"
    code, words, at = defaultdict(list), defaultdict(list), None
    for c in nb['cells']:
        about = c.get('metadata', {}).get('genmodels', {})
        at = about.get('exercise', at)
        part = about.get('part', 'answer' if c['cell_type'] == 'code' else 'written')
        if part == 'answer' and c['cell_type'] == 'code': code[at].append(source(c))
        if part == 'written': words[at].append(source(c).replace(ROOM, '').strip())
    return code, words

def opened(path):
    "A notebook that somebody has worked in, and the chapter that it is of"
    path = Path(path)
    if not path.is_file(): raise SystemExit(f'no such notebook: {path}')
    nb, chapters = read_nb(path), {f.stem: f for f in notebooks()}
    try: name, _ = nb['metadata']['genmodels']['chapter'], handed_in(nb)
    except DAMAGE:
        raise SystemExit(f'{path} names no chapter, or its cells are damaged: grade a notebook that make '
                         'exercises wrote') from None
    if str(name) not in chapters: raise SystemExit(f'{path}: nbs/ has no chapter {name}')
    return nb, chapter(chapters[name])

def grade(path):
    "(number, passed?, what to say) for each exercise of a notebook that was worked in"
    nb, ch = opened(path)
    code, words = handed_in(nb)
    names, back = prepared(ch)
    for e in ch.exercises:
        text = any(words[e.number])
        if not e.check: yield e.number, text, 'a text to read' if text else 'not yet: no text'
        else:
            answer = '\n'.join(code[None] + code[e.number])     # None: cells added above the first exercise
            why = attempt(e, answer, names, back) if code[e.number] else 'its answer cell is gone'
            said = '; a text to read' if text else '; no text' if e.written else ''
            yield e.number, why is None, ('passed' if why is None else f'not yet: {why}') + said

def proof(file):
    "number -> what the blank and the official solution of each code exercise of a chapter come to"
    ch = chapter(Path(file))
    names, back = prepared(ch)
    return {e.number: (attempt(e, e.blank, names, back), attempt(e, e.answer, names, back))
            for e in ch.exercises if e.check}

def at_work():
    "One thread, no windows, this tree's genmodels, a scratch folder to write in"
    os.environ.update(ENV, MPLBACKEND='agg')
    sys.path.insert(0, str(ROOT))
    return tempfile.TemporaryDirectory()

def graded(path):
    "Print the grades of a notebook: is an exercise missing?"
    path = Path(path).resolve()
    with at_work() as scratch:
        os.chdir(scratch)
        grades = []
        for n, ok, said in grade(path):
            print(f'exercise {n}: {said}', flush=True)
            grades.append(ok)
        os.chdir(ROOT)
    print(f'{show(path)}: {sum(grades)} of {len(grades)} exercises')
    return not all(grades)

def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument('chapter', nargs='*')
    ap.add_argument('--force', action='store_true', help='replace notebooks that were worked in')
    ap.add_argument('--grade', metavar='FILE.ipynb', help='grade a notebook that was worked in')
    args = ap.parse_args()
    if args.grade and args.chapter: ap.error('--grade takes one notebook')
    if args.grade: return graded(args.grade)
    chapters = [ch for ch in map(chapter, notebooks(args.chapter)) if ch.exercises]
    for ch in chapters: print(write(ch, args.force))
    if not chapters: print(f'exercises: nothing to write, {" ".join(args.chapter) or show(NBS)} has none')

if __name__ == '__main__': sys.exit(main())
