"""Runs notebooks and stores their outputs in place: what the site and GitHub show.

    python tools/execute.py [--force] [--slow] [NOTEBOOK...]

Two at a time, each in a kernel of its own with one thread. Up-to-date notebooks are skipped unless
--force. Cells marked `#| eval: false` or `#| slow` keep the outputs they have (--slow runs the latter
too). What the checks of equations measure is stored in the metadata (tools/recorder.py). If a cell fails,
its notebook is left as it was, and the error is told with the notebook and the cell."""
import argparse, base64, io, json, os, re, sys, time
from concurrent.futures import ProcessPoolExecutor
import equations, readme, stamp
from common import ENV, NBS, cell_name, describe, notebooks, read_nb, settings, show, skipped
from recorder import MIME

WIDGET = 'application/vnd.jupyter.widget-view+json'
# figures with twice the pixels, so that they are crisp on a dense screen
KERNEL = ['--log-level=ERROR', "--InlineBackend.figure_formats={'retina'}"]

def lighter(png):
    "A picture in base64 with at most 256 colours, where that shows no difference and is smaller"
    from PIL import Image, ImageChops, ImageStat
    raw = base64.b64decode(png)
    picture = Image.open(io.BytesIO(raw)).convert('RGBA')
    if picture.getchannel('A').getextrema()[0] < 255: return png
    picture, out = picture.convert('RGB'), io.BytesIO()
    few = picture.quantize(256, dither=Image.Dither.NONE)
    few.save(out, 'png', optimize=True)
    off = ImageStat.Stat(ImageChops.difference(picture, few.convert('RGB'))).mean
    return base64.b64encode(out.getvalue()).decode() if max(off) < 1 and out.tell() < len(raw) else png

def tidy(cell):
    "The outputs worth storing, the same in every run"
    res, is_value = [], any('image/png' in o.data for o in cell.outputs if o.output_type == 'execute_result')
    for o in cell.outputs:
        data = o.get('data', {})
        if o.get('name') == 'stderr' or WIDGET in data: continue
        # a figure that is the cell's value is shown once more as it is closed, sometimes a pixel apart
        if is_value and o.output_type == 'display_data' and 'image/png' in data: continue
        if o.output_type == 'stream':
            o.text = re.sub(r'[^\n]*\r(?!\n)', '', o.text)     # a progress line that was overwritten
            if res and res[-1].output_type == 'stream' and res[-1].name == o.name:
                res[-1].text += o.text
                continue
        if 'image/png' in data: o.data['image/png'] = lighter(data['image/png'])
        o.pop('transient', None)
        res.append(o)
    cell.outputs = res

def measurement(cell):
    "What the recorder said of a cell, taken out of its outputs"
    said = [o.data[MIME] for o in cell.outputs if MIME in o.get('data', {})]
    cell.outputs = [o for o in cell.outputs if MIME not in o.get('data', {})]
    return dict(said[-1]) if said else dict(n=0)

def failure(fn, nb, at, e):
    "Say which notebook, which cell, and what"
    cell = nb.cells[at] if at is not None else None
    errors = [o for o in cell.get('outputs', []) if o.output_type == 'error'] if cell else []
    err = errors[-1] if errors else None
    what = f'{err.ename}: {err.evalue}' if err else f'{type(e).__name__}: {e}'
    where = f', {cell_name(at, cell)}: {describe(cell.source)}' if cell else ''
    trace = re.sub(r'\x1b\[[0-9;]*m', '', '\n'.join(err.traceback)) if err else ''
    return f'FAILED {show(fn)}{where}\n    {what}\n{trace}', False

def client_for(nb, folder, flags):
    "Runs the cells of `nb` that a machine may run, in `folder`; `at` is the cell it has come to"
    from nbclient import NotebookClient
    class Client(NotebookClient):
        at = None
        async def async_execute_cell(self, cell, cell_index, **kw):
            if cell.cell_type != 'code' or skipped(cell, flags): return cell
            self.at = cell_index
            return await super().async_execute_cell(cell, cell_index, **kw)
    recorder = ['--IPKernelApp.extra_extensions=tools.recorder'] if equations.checks(nb) else []
    return Client(nb, timeout=1800, kernel_name='python3', extra_arguments=[*KERNEL, *recorder],
                  resources={'metadata': {'path': str(folder)}})

def run(fn, slow):
    "Execute one notebook; what to say of it, and whether it went well"
    import nbformat
    start, before = time.time(), fn.read_bytes()
    nb = nbformat.reads(before.decode(), as_version=4)
    flags = () if slow else settings()['tst_flags'].split()
    client = client_for(nb, fn.parent, flags)
    try: client.execute()
    except Exception as e: return failure(fn, nb, client.at, e)
    done = [c for c in nb.cells if c.cell_type == 'code' and not skipped(c, flags)]
    said = {c.id: measurement(c) for c in done}
    for c in done: tidy(c)
    if fn.read_bytes() != before:
        return f'FAILED {show(fn)}: it was edited while it ran; nothing stored, run it again', False
    store(fn, nb, said)
    return f'stored {show(fn)}  {time.time()-start:.1f} s', True

def store(fn, nb, said):
    "Clean, stamp and write, all or nothing; beside the stamp what the checks of equations measured"
    import nbformat
    from execnb.nbio import dict2nb, nb2str
    from nbdev.clean import _nbdev_clean
    nb.metadata.pop('widgets', None)       # random ids, and it grows with every run
    nb = dict2nb(json.loads(nbformat.writes(nb)))
    _nbdev_clean(nb)
    plain = json.loads(nb2str(nb))
    said = equations.measured(plain) | said
    checks = {c['id']: said[c['id']] for c in equations.checks(plain) if c['id'] in said}
    nb.metadata[stamp.KEY] = stamp.stamp_of(plain) | (dict(checks=checks) if checks else {})
    tmp = fn.with_name(f'.{fn.name}.tmp')
    try:
        tmp.write_text(nb2str(nb), encoding='utf-8')
        os.replace(tmp, fn)
    finally: tmp.unlink(missing_ok=True)

def outdated(fn):
    nb = read_nb(fn)
    return stamp.stale(nb) or equations.unmeasured(nb)

def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument('notebook', nargs='*')
    ap.add_argument('--force', action='store_true', help='run up-to-date notebooks too')
    ap.add_argument('--slow', action='store_true', help='run cells marked `#| slow` too')
    args = ap.parse_args()
    os.environ.update(ENV)
    os.chdir(NBS)
    fns = notebooks(args.notebook)
    todo = [f for f in fns if args.force or args.slow or outdated(f)]
    rest = ' (the others are up to date; FORCE=1 runs them all the same)' if len(todo) < len(fns) else ''
    print(f'execute: {len(todo)} of {len(fns)} notebooks{rest}', flush=True)
    failed = []
    with ProcessPoolExecutor(2) as pool:
        for fut in [pool.submit(run, f, args.slow) for f in todo]:
            text, ok = fut.result()
            print(text, flush=True)
            if not ok: failed.append(text.splitlines()[0])
    if readme.stale(): readme.write()       # it shows index.ipynb's outputs
    if failed: print(f'\nexecute: {len(failed)} failed', *failed, sep='\n    ')
    return bool(failed)

if __name__ == '__main__': sys.exit(main())
