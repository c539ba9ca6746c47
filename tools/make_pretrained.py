"""Train a model of the package again, score it, and write it with its card into genmodels/models/.

    python tools/make_pretrained.py ddpm-mnist [--seed 0] [--threads 1]

An interrupted training goes on when the command is given again; its run lies in out/pretrained/."""
import argparse
import torch
from common import ROOT
from genmodels.recipes import RECIPES, make_pretrained

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('name', choices=list(RECIPES))
    p.add_argument('--seed', type=int, default=0, help='decides weights, order and noise (default 0)')
    p.add_argument('--threads', type=int, default=torch.get_num_threads(), help='of torch')
    p.add_argument('--quiet', action='store_true', help='no progress bars')
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    work = ROOT/'out'/'pretrained'/f'{a.name}-{a.seed}'
    card = make_pretrained(a.name, ROOT/'genmodels'/'models'/a.name, work, a.seed, progress=not a.quiet)
    print(card)

if __name__ == '__main__': main()
