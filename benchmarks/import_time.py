"""What imports cost: seconds of a fresh process, above `import torch` where torch is needed at all.

    python benchmarks/import_time.py [--rounds 5]

The clock is the processor time of the fresh process. Bounds: `from genmodels import DDPM, fit` at most
0.3 s above `import torch`; `genmodels --help` at most 0.5 s. Ends with exit code 1 where a bound is
broken."""
import resource, subprocess, sys
from harness import begin, finish, medians, parser, take_turns

IMPORTS = {'python': 'pass', 'genmodels': 'import genmodels', 'torch': 'import torch',
    'DDPM, fit': 'from genmodels import DDPM, fit', 'VAE, digits': 'from genmodels import VAE, digits',
    '--help': 'import sys; sys.argv = ["genmodels", "--help"]; from genmodels.cli import main; main()'}


def used(a):
    "Processor seconds of all processes that were waited for"
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def job(code):
    "A fresh process that runs `code`"
    return lambda: lambda: subprocess.run([sys.executable, '-c', code], check=True, stdout=subprocess.DEVNULL)


def main():
    a = parser(__doc__, rounds=5).parse_args()
    begin(a)
    took = medians(take_turns({name: job(code) for name,code in IMPORTS.items()}, a, clock=used))
    for name,s in took.items(): print(f'{name:12} {s:6.2f} s')
    above,help_ = took['DDPM, fit'] - took['torch'],took['--help']
    print(f'DDPM, fit: {above:.2f} s above torch (at most 0.3); --help: {help_:.2f} s (at most 0.5)')
    finish(a, seconds=took)
    return above > .3 or help_ > .5


if __name__ == '__main__': sys.exit(main())
