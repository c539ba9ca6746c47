"After editing notebooks: fold and clean them, export them to genmodels/, and write README.md from the index."
import ast, os, sys
from common import NBS, as_python, cell_name, directives, notebooks, read_nb, show, source
import folds, readme

def broken():
    "Exported cells that are no Python: nbdev would stop at one with half of genmodels/ written"
    for f in notebooks():
        for i, c in enumerate(read_nb(f)['cells']):
            exported = c['cell_type'] == 'code' and any(d.startswith('export') for d in directives(source(c)))
            try: ast.parse(as_python(source(c)) if exported else '')
            except SyntaxError as e: yield f'{show(f)}, {cell_name(i, c)}, line {e.lineno}: {e.msg}'

def main():
    bad = list(broken())
    for o in bad: print('  PROBLEM', o)
    if bad:
        print(f'sync: nothing written, {len(bad)} problems')
        return True
    from nbdev.clean import nbdev_clean
    from nbdev.doclinks import nbdev_export
    os.chdir(NBS)
    folds.write()
    nbdev_clean.__wrapped__()
    nbdev_export.__wrapped__()
    readme.write()
    print('sync: notebooks folded and clean, genmodels/ exported, README.md written')

if __name__ == '__main__': sys.exit(main())
