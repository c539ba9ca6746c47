"""The quick benchmarks, one after the other, on one thread; a JSON file of figures for each. `make bench`.

    python benchmarks/all.py [--out bench]

The long ones are named and not run."""
import argparse, os, subprocess, sys, time
from pathlib import Path

HERE = Path(__file__).resolve().parent
QUICK = 'import_time', 'fit_overhead', 'score_cost', 'vae_speed', 'train_step', 'ddpm_step', 'ncsn_step'
LONG = 'digits_quality', 'ncsn_quality', 'compare', 'search', 'iwae_mnist'


def run(name, out):
    "Run one, with this tree's genmodels; did it go well?"
    path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get('PYTHONPATH')]))
    print(f'\n=== {name}', flush=True)
    start = time.perf_counter()
    cmd = [sys.executable, HERE/f'{name}.py', '--threads', '1', '--json', out/f'{name}.json']
    code = subprocess.run(cmd, env=dict(os.environ, PYTHONPATH=path, OMP_NUM_THREADS='1')).returncode
    print(f'--- {name}: {"ok" if code == 0 else "FAILED"} ({time.perf_counter() - start:.0f} s)', flush=True)
    return code == 0


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--out', type=Path, default=Path('bench'), help='folder for the figures (default bench)')
    out = p.parse_args().out
    failed = [name for name in QUICK if not run(name, out)]
    print(f'\nbench: figures in {out}/. Not run, for they take minutes to days:', ', '.join(LONG))
    if failed: print('bench: FAILED:', ', '.join(failed))
    return bool(failed)


if __name__ == '__main__': sys.exit(main())
