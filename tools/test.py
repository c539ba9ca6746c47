"""`make test`: everything that must hold, step by step; pytest last, so that its summary closes the output.

    python tools/test.py              every step, even after one has failed
    python tools/test.py NOTEBOOK...  only these notebooks, each from a clean kernel"""
import subprocess, sys, time
from common import ENV, ROOT

STEPS = [
    ('check', 'do notebooks, library, README.md and stored outputs belong together, can the code be read?',
        ['tools/check.py']),
    ('notebooks', 'every notebook from a clean kernel, two at a time, one thread each',
        ['tools/test_notebooks.py']),
    ('site', 'does the site build, with every citation, reference, formula and link in order?',
        ['tools/site/proc.py'], ['tools/site/build.py']),
    ('pytest', 'the command line, bad input, the wheel, the tools; two files at a time',
        ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-n', '2', '--dist', 'loadfile', 'tests']),
]

def step(i, n, name, what, *cmds):
    print(f'\n=== {i}/{n} {name}: {what}', flush=True)
    start = time.time()
    ok = all(subprocess.run([sys.executable, *c], cwd=ROOT, env=ENV).returncode == 0 for c in cmds)
    result = f"--- {name}: {'ok' if ok else 'FAILED'} ({time.time()-start:.0f} s)"
    if name != 'pytest': print(result, flush=True)
    return ok

def main():
    names = sys.argv[1:]
    if names:
        cmd = [sys.executable, 'tools/test_notebooks.py', *names]
        return subprocess.run(cmd, cwd=ROOT, env=ENV).returncode
    failed = []
    for i, (name, *rest) in enumerate(STEPS, 1):
        if name == 'pytest' and failed:
            print(f"\nmake test will FAIL: {', '.join(failed)} (see above)", flush=True)
        if not step(i, len(STEPS), name, *rest): failed.append(name)
    return bool(failed)

if __name__ == '__main__':
    try: sys.exit(main())
    except KeyboardInterrupt: sys.exit(130)
