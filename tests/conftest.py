"Tests run against this tree, from any directory, one thread."
import os, sys
from pathlib import Path
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT/'tools')]
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ['MPLBACKEND'] = 'agg'      # not Jupyter's, which make test passes on

@pytest.fixture
def root(): return ROOT
