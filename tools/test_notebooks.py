"""Runs every notebook as a test: from a clean kernel, two at a time, one thread each; stores nothing.

    python tools/test_notebooks.py [NOTEBOOK...]

Cells marked `#| slow` are not run, and QUICK=1 shortens the trainings of the first hour. NB_TIMEOUT
(seconds, default 300) stops a notebook that hangs."""
import os, signal, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from common import ENV, ROOT, notebooks, show

TIMEOUT = float(os.environ.get('NB_TIMEOUT', 300))
AIM = 60      # seconds: a chapter that takes longer is said so

def run(fn):
    "Run one notebook in a process of its own: (notebook, seconds, what it printed, error)"
    start = time.time()
    cmd = [Path(sys.executable).parent/'nbdev_test', '--n_workers', '0', '--path', str(fn)]
    env = ENV | {'QUICK': '1'}
    p = subprocess.Popen(cmd, cwd=ROOT, env=env, text=True, start_new_session=True, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try: out, err = p.communicate(timeout=TIMEOUT)[0], None
    except subprocess.TimeoutExpired: out, err = '', f'still running after {TIMEOUT:.0f} s'
    finally:
        if p.poll() is None: os.killpg(p.pid, signal.SIGKILL); p.wait()
    if err is None and p.returncode: err = f'exit code {p.returncode}'
    if err is None and 'Success.' not in out: err = 'was not run'
    return fn, time.time()-start, out, err

def main():
    fns, start, times, failed = notebooks(sys.argv[1:]), time.time(), [], []
    with ThreadPoolExecutor(2) as pool:
        for fn, secs, out, err in pool.map(run, fns):
            times.append(secs)
            slow = f'  (aim: {AIM} s)' if secs > AIM else ''
            print(f"  {'FAILED' if err else 'ok':6} {secs:6.1f} s  {show(fn)}{slow}", flush=True)
            if err:
                failed.append(f'{show(fn)}: {err}')
                print(*('    '+o for o in out.splitlines()), sep='\n', flush=True)
    print(f'notebooks: {len(fns)-len(failed)} of {len(fns)} passed in {time.time()-start:.0f} s;',
          f'mean {sum(times)/len(times):.1f} s, longest {max(times):.1f} s')
    if failed: print('notebooks that failed:', *failed, sep='\n    ')
    return bool(failed)

if __name__ == '__main__': sys.exit(main())
