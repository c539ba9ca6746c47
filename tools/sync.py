"After editing notebooks: fold and clean them, export them to genmodels/, and write README.md from the index."
import os
from common import NBS
import folds, readme

def main():
    from nbdev.clean import nbdev_clean
    from nbdev.doclinks import nbdev_export
    os.chdir(NBS)
    folds.write()
    nbdev_clean.__wrapped__()
    nbdev_export.__wrapped__()
    readme.write()
    print('sync: notebooks folded and clean, genmodels/ exported, README.md written')

if __name__ == '__main__': main()
