"Tests run against this tree, from any directory, one thread."
import os, signal, sys
from pathlib import Path
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT/'tools'), str(ROOT/'tools/site')]
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ['MPLBACKEND'] = 'agg'      # not Jupyter's, which make test passes on

# Under nohup, or in the background of a script, these are ignored, and what a test starts would inherit that.
for name, usual in dict(SIGINT=signal.default_int_handler, SIGHUP=signal.SIG_DFL).items():
    sig = getattr(signal, name, None)
    if sig and signal.getsignal(sig) == signal.SIG_IGN: signal.signal(sig, usual)

@pytest.fixture
def root(): return ROOT
