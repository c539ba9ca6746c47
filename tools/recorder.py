"""An IPython extension that measures how close a cell's comparisons come: fastcore's `test_close` and torch's
`assert_close`, by whatever name a notebook calls them. tools/execute.py loads it into the kernel. After
each cell with comparisons it sends an output of type MIME, which tools/execute.py takes out again:

    n        how many comparisons held; one that is expected to fail is none
    error    the largest |difference|, to two significant digits
    allowed  the tolerance that this difference was held against"""
import functools
from collections.abc import Iterable, Iterator
import numpy as np

MIME = 'application/vnd.genmodels.checks+json'
held = []       # (difference, tolerance) of each comparison of the cell that runs

def array(x):
    if hasattr(x, 'detach'): x = x.detach().double().cpu().numpy()
    return np.asarray(x, float)

def worst(a, b, eps):
    "The largest |a-b| and its tolerance; walks through lists as `test_close` does, words differ by nothing"
    if isinstance(a, str) or isinstance(b, str): return 0., float(np.max(array(eps)))
    arrays = hasattr(a, '__array__') or hasattr(b, '__array__')
    if not arrays and (isinstance(a, Iterable) or isinstance(b, Iterable)):
        return max((worst(x, y, eps) for x, y in zip(a, b, strict=False)), default=(0., 0.))
    d, tolerance = np.broadcast_arrays(array(abs(a-b)), array(eps))
    if d.size == 0: return 0., 0.
    i = d.argmax()
    return float(d.flat[i]), float(tolerance.flat[i])

def by_torch(a, b, rtol=None, atol=None, **_):
    "The same for `assert_close`, whose tolerance grows with the expected value"
    import torch
    from torch.testing._comparison import default_tolerances
    a, b = torch.as_tensor(a), torch.as_tensor(b)
    if rtol is None: rtol, atol = default_tolerances(a, b)
    return worst(a, b, atol + rtol*b.detach().double().abs())

def recorded(compare, measure):
    "`compare`, which keeps what `measure` says of its arguments, if they pass"
    @functools.wraps(compare)
    def f(a, b, *args, **kw):
        a, b = (list(o) if isinstance(o, Iterator) else o for o in (a, b))
        compare(a, b, *args, **kw)
        held.append(measure(a, b, *args, **kw))
    return f

def summary():
    "What the comparisons since the last call came to"
    error, allowed = (float(f'{o:.1e}') for o in max(held))
    n = len(held)
    held.clear()
    return dict(n=n, error=error, allowed=allowed)

def load_ipython_extension(ip):
    import fastcore.test, torch.testing
    from IPython.display import publish_display_data
    fastcore.test.test_close = recorded(fastcore.test.test_close, lambda a, b, eps=1e-5: worst(a, b, eps))
    torch.testing.assert_close = recorded(torch.testing.assert_close, by_torch)
    def report(_):
        if held: publish_display_data({MIME: summary()})
    ip.events.register('post_run_cell', report)
