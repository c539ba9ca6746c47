"After editing notebooks: clean them, export them to genmodels/, and write README.md from nbs/index.ipynb."
import os
from common import NBS
import readme

def main():
    from nbdev.clean import nbdev_clean
    from nbdev.doclinks import nbdev_export
    os.chdir(NBS)
    nbdev_clean.__wrapped__()
    nbdev_export.__wrapped__()
    readme.write()
    print('sync: notebooks clean, genmodels/ exported, README.md written')

if __name__ == '__main__': main()
