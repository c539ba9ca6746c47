"""Bad pictures: each case gets one clear sentence that says what was expected, what came and what to do."""
import gzip
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from genmodels import folders as data
from genmodels.folders import dataset, images, read_idx
from genmodels.pictures import digits, save_images, show_images


def idx(x, code=8): return bytes([0, 0, code, x.ndim]) + b''.join(n.to_bytes(4, 'big') for n in x.shape) + x.tobytes()
def png(path, size=(8, 8), mode='L', colour=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


@pytest.fixture
def u8(): return np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)


def refused(source, *hints, kind=ValueError, **kw):
    "`images(source)` must refuse in one sentence that holds every hint, and name the file"
    with pytest.raises(kind) as e: images(source, **kw)
    message = str(e.value)
    assert '\n' not in message and 'expected' in message and all(h in message for h in hints), message
    if isinstance(source, (str, Path)): assert str(source) in message
    return message


# range
@pytest.mark.parametrize('make,hints', [
    (lambda x: x/255, ('[0, 1]', 'x*2-1', 'in Python: in_range=True')),
    (lambda x: x*1., ('[0, 255]', 'x/127.5-1')),
    (lambda x: x//16*1., ('[0, 15]', 'x/7.5-1')),
    (lambda x: (x/255 - 0.13)/0.3, ('-0.433', 'standardisation')),
    (lambda x: x*0., ('[0, 0]', 'the same')),
    (lambda x: np.where(x > 5, x/127.5 - 1, np.nan), ('NaN', 'drop')),
    (lambda x: np.where(x > 5, x/127.5 - 1, np.inf), ('infinite',)),
    (lambda x: np.where(x > 5, x/127.5 - 1, -1e300), ('infinite',)),
    (lambda x: x.astype(np.uint16)*257, ('0..65535', 'x/32767.5-1')),
    (lambda x: x.astype(int) - 128, ('-128..127', 'x/127.5+0.003922')),
    (lambda x: (x > 99).astype(np.uint8), ('0 and 1', 'x*2.-1')),
])
@pytest.mark.parametrize('kind', ['array', 'tensor', 'file'])
def test_range(u8, tmp_path, make, hints, kind):
    x = make(u8)
    if kind == 'file': np.save(tmp_path/'x.npy', x)
    refused({'array': x, 'tensor': torch.from_numpy(x), 'file': tmp_path/'x.npy'}[kind], *hints)


def test_in_range_is_no_free_pass(u8):
    assert torch.equal(images(u8/np.float32(255), in_range=True)[:, 0], torch.from_numpy(u8/np.float32(255)))
    refused(u8*1., 'x/127.5-1', in_range=True)
    refused(u8/100. - 1, 'standardisation', in_range=True)


def test_good_ranges(u8):
    want = torch.from_numpy(u8)[:, None]/127.5 - 1
    for x in (u8, u8.astype('>u2'), u8.astype(np.int64), u8.tolist(), torch.from_numpy(u8), torch.from_numpy(u8).int(), want, want.double(), want.double().numpy()):
        got = images(x)
        assert got.dtype == torch.float32 and got.is_contiguous() and torch.allclose(got, want, atol=1e-6)
    assert images(u8 > 99).unique().tolist() == [-1, 1]
    assert images(torch.from_numpy(u8.astype(np.uint16))).shape == (6, 1, 8, 8)


# shape
@pytest.mark.parametrize('shape,hint', [
    ((10,), 'labels'), ((10, 1), 'labels'), ((10, 784), 'reshape(-1, 1, 28, 28)'), ((32, 32, 3), 'x[None, ..., :3]'), ((32, 32, 1), 'x[None, ..., :1]'), ((2, 32, 32, 4), '[..., :3]'), ((2, 4, 32, 32), '[:, :3]'),
    ((2, 5, 3, 8, 8), 'got shape (2, 5, 3, 8, 8)'), ((), 'got shape ()'), ((0, 8, 8), 'empty'), ((0, 3, 8, 8), 'empty'), ((5, 0, 8), 'empty')])
def test_shape(shape, hint): refused(np.zeros(shape, dtype=np.uint8), hint)


@pytest.mark.parametrize('x', [np.array(['a', 'b']), np.array([{}], dtype=object), np.ones((2, 8, 8), dtype=complex), torch.ones(2, 8, 8, dtype=torch.complex64), None, [[1, 2], [3]]])
def test_no_numbers(x):
    with pytest.raises(ValueError): images(x)


# files
def test_missing_path(tmp_path):
    refused(tmp_path/'no.npz', kind=FileNotFoundError)
    refused(str(tmp_path/'no'), kind=FileNotFoundError)


def test_empty_folder(tmp_path):
    (tmp_path/'notes.txt').write_text('no picture')
    (tmp_path/'.hidden.png').write_bytes(b'')
    refused(tmp_path, 'found none', '.png')


def test_mixed_sizes(tmp_path):
    png(tmp_path/'a.png'); png(tmp_path/'b.png', (9, 8)); png(tmp_path/'c.png', (8, 9)); png(tmp_path/'d.png', (8, 9))
    refused(tmp_path, 'got 3', 'a.png is 8x8', 'b.png is 8x9', 'c.png is 9x8', 'size=')
    assert images(tmp_path, size=8).shape == (4, 1, 8, 8)
    assert images(tmp_path, size=(4, 6)).shape == (4, 1, 4, 6)


@pytest.mark.parametrize('size', [0, -3, (8, 0), 8.5, '8', (8,), (8, 8, 8), (8, 8.)])
def test_size(u8, size):
    with pytest.raises(ValueError, match='at least one pixel'): images(u8, size=size)


def test_broken_pictures(tmp_path):
    png(tmp_path/'a.png', (64, 64), 'RGB', 'red')
    (tmp_path/'b.png').write_bytes((tmp_path/'a.png').read_bytes()[:60])
    refused(tmp_path, 'b.png')
    refused(tmp_path/'b.png')
    (tmp_path/'b.png').write_text('hello')
    refused(tmp_path, 'b.png')
    Image.fromarray(np.full((8, 8), 999, dtype=np.uint16)).save(tmp_path/'b.png')
    refused(tmp_path, 'b.png', '8-bit')


@pytest.mark.parametrize('name', ['x.npz', 'x.npy'])
@pytest.mark.parametrize('content', [b'hello, this is text\n', b'', b'x', pickle.dumps({'a': 1}), b'PK\x03\x04 and nothing else', b'\x93NUMPY', b'\x93NUMPY\x01\0v\0{"descr": '])
def test_no_numpy_file(tmp_path, name, content):
    (tmp_path/name).write_bytes(content)
    refused(tmp_path/name)


class Bomb:
    def __reduce__(self): return os.system, ('touch exploded',)


def test_pickles_are_never_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bomb = np.array([Bomb()], dtype=object)
    np.save('x.npy', bomb); np.savez('x.npz', bomb); np.savez('y.npz', x_train=bomb); Path('z.npy').write_bytes(pickle.dumps(Bomb()))
    for name in ('x.npy', 'x.npz', 'y.npz'): refused(name, 'never unpickled')
    refused('z.npy')
    assert not Path('exploded').exists()


def test_truncated_npz(tmp_path, u8):
    np.savez_compressed(tmp_path/'x.npz', x_train=u8)
    raw = (tmp_path/'x.npz').read_bytes()
    for cut in (raw[:len(raw)//2], raw[:100] + bytes(50) + raw[150:]):
        (tmp_path/'x.npz').write_bytes(cut)
        refused(tmp_path/'x.npz', 'damaged')


def test_npz_parts(tmp_path, u8):
    np.savez(tmp_path/'none.npz'); np.savez(tmp_path/'test.npz', y=np.zeros(6), x_test=u8); np.savez(tmp_path/'any.npz', u8)
    refused(tmp_path/'none.npz', 'no array')
    refused(tmp_path/'test.npz', 'x_train', 'x_test')          # never the test part for the training part
    refused(tmp_path/'any.npz', 'two parts', split='test')
    assert images(tmp_path/'any.npz').shape == images(tmp_path/'test.npz', 'test').shape == (6, 1, 8, 8)


@pytest.mark.parametrize('gz', [False, True])
@pytest.mark.parametrize('where', [0, 2, 3, 4, 9, 15, 16, 100, -1])
def test_truncated_idx(tmp_path, u8, gz, where):
    raw = gzip.compress(idx(u8)) if gz else idx(u8)
    path = tmp_path/('x-idx3-ubyte' + gz*'.gz')
    path.write_bytes(raw)
    assert np.array_equal(read_idx(path), u8) and torch.equal(images(path), images(u8))
    path.write_bytes(raw[:where])
    refused(path)
    path.write_bytes(raw + b'\0'*3 if not gz else gzip.compress(idx(u8) + b'\0'))
    refused(path, 'copy or download')


def test_damaged_idx_gz(tmp_path, u8):
    raw = bytearray(gzip.compress(idx(u8)))
    for at in (5, 20, len(raw)//2, len(raw) - 6):
        bad = bytearray(raw); bad[at] ^= 255
        (tmp_path/'x.gz').write_bytes(bad)
        try: assert torch.equal(images(tmp_path/'x.gz'), images(u8))   # the time in gzip's header is nobody's loss
        except ValueError as e: assert 'expected' in str(e)
    (tmp_path/'x.gz').write_bytes(gzip.compress(b'not IDX inside'))
    refused(tmp_path/'x.gz', 'IDX')


def test_labels_for_pictures(tmp_path):
    (tmp_path/'train-labels-idx1-ubyte').write_bytes(idx(np.arange(10, dtype=np.uint8)))
    refused(tmp_path/'train-labels-idx1-ubyte', 'labels')


def test_other_files(tmp_path):
    (tmp_path/'x.txt').write_text('hello')
    refused(tmp_path/'x.txt', '.npz', 'IDX')


# parts
def test_no_test_part(tmp_path, u8):
    png(tmp_path/'all/a.png'); np.save(tmp_path/'x.npy', u8)
    for source in (tmp_path/'all', tmp_path/'all/a.png', tmp_path/'x.npy', u8): refused(source, 'two parts', split='test')
    for split in ('val', 'Train', None): refused(u8, "'train'", split=split)
    png(tmp_path/'half/train/a.png')
    refused(tmp_path/'half', 'in a folder test', 'add a folder', split='test')
    assert images(tmp_path/'half').shape == (1, 1, 8, 8)


def test_folder_details(tmp_path):
    for name, colour in [('b/2.png', 20), ('b/10.PNG', 10), ('a.jpg', 30)]: png(tmp_path/name, colour=colour)
    (tmp_path/'b/.10.png').write_text('left by another system'); (tmp_path/'labels.csv').write_text('a,b')
    assert [round((v + 1).item()*127.5) for v in images(tmp_path)[:, 0, 0, 0]] == [30, 10, 20]
    png(tmp_path/'c.png', mode='RGB', colour='red')
    assert images(tmp_path).shape == (4, 3, 8, 8)
    png(tmp_path/'p/palette.gif', mode='P'); png(tmp_path/'p/onebit.png', mode='1', colour=1); png(tmp_path/'p/cmyk.jpg', mode='CMYK', colour=0); png(tmp_path/'p/la.png', mode='LA', colour=(7, 0))
    assert images(tmp_path/'p').shape == (4, 3, 8, 8) and (images(tmp_path/'p/onebit.png') == 1).all() and (images(tmp_path/'p/la.png') == 1).all()


def test_mnist_folder(tmp_path, u8):
    (tmp_path/'train-images-idx3-ubyte.gz').write_bytes(gzip.compress(idx(u8))); (tmp_path/'t10k-images-idx3-ubyte.gz').write_bytes(gzip.compress(idx(u8[:2])))
    for part in ('train', 't10k'): (tmp_path/f'{part}-labels-idx1-ubyte.gz').write_bytes(b'')
    assert torch.equal(images(tmp_path), images(u8)) and torch.equal(images(tmp_path, 'test'), images(u8[:2]))


# names
def test_unknown_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match='digits, mnist5k, mnist, fashion, cifar10.*mnits'): dataset('mnits')
    with pytest.raises(FileNotFoundError): dataset('no/such')
    with pytest.raises(FileNotFoundError): dataset('such.npz')
    for split in ('val', ''):
        for name in ('digits', 'mnist', np.zeros((2, 8, 8))):
            with pytest.raises(ValueError, match="'train' or 'test'"): dataset(name, split)
    with pytest.raises(ValueError, match="'train' or 'test'"): digits('all')
    with pytest.raises(ValueError, match='labels'): dataset(np.zeros((2, 8, 8)), labels=True)
    png(tmp_path/'mine/a.png')
    assert dataset('mine').shape == dataset(tmp_path/'mine').shape == (1, 1, 8, 8)


@pytest.mark.parametrize('name,there,channels,side,n,n_train', [('mnist', 'mnist_784', 1, 28, 70_000, 60_000), ('fashion', 'Fashion-MNIST', 1, 28, 70_000, 60_000), ('cifar10', 'CIFAR_10', 3, 32, 60_000, 50_000)])
def test_downloads_once(tmp_path, monkeypatch, name, there, channels, side, n, n_train):
    "Local arrays of the real sizes in the network's place: row i holds i/256 in its first pixel, i%256 in its last, channels apart"
    asked = []
    def fetch(name, version, return_X_y, as_frame, cache, parser):
        asked.append((name, version, return_X_y, as_frame))
        x = np.zeros((n, channels*side**2), dtype=np.uint8)
        x[:, 0], x[:, -1] = np.arange(n)//256 % 256, np.arange(n) % 256
        return x, (np.arange(n) % 10).astype(str).astype(object)
    monkeypatch.setattr('sklearn.datasets.fetch_openml', fetch)
    monkeypatch.setenv('SCIKIT_LEARN_DATA', str(tmp_path))
    for split, i in (('train', torch.arange(n_train)), ('test', torch.arange(n_train, n))):
        d = dataset(name, split, labels=True)
        assert d['x'].shape == (len(i), channels, side, side) and d['x'].dtype == torch.float32 and torch.equal(d['y'], i % 10)
        assert torch.equal(d['x'][:, 0, 0, 0], (i//256 % 256)/127.5 - 1) and torch.equal(d['x'][:, -1, -1, -1], (i % 256)/127.5 - 1)
    assert asked == [(there, 1, True, False)]
    assert [p.name for p in tmp_path.iterdir()] == [f'genmodels_{name}.npz']


def test_no_network(tmp_path, monkeypatch):
    def fetch(*args, **kw): raise OSError('no route to host')
    monkeypatch.setattr('sklearn.datasets.fetch_openml', fetch)
    monkeypatch.setenv('SCIKIT_LEARN_DATA', str(tmp_path))
    with pytest.raises(ConnectionError, match='expected to download mnist_784.*no route'): dataset('mnist')
    assert not list(tmp_path.iterdir())


# pictures out
def test_show_and_save_refuse(tmp_path):
    x = torch.zeros(4, 1, 8, 8)
    for bad, hint in [(x[0, 0], 'shape'), (x.expand(4, 2, 8, 8), 'shape'), (x[:0], 'shape'), (x/0, 'NaN or infinity in 4 of 4'), (x.byte(), 'images(x)'), (x[0].byte(), 'images(x[None])')]:
        for f in (show_images, lambda v: save_images(v, tmp_path/'x.png')):
            with pytest.raises(ValueError) as e: f(bad)
            assert hint in str(e.value) and 'expected' in str(e.value)
    with pytest.raises(ValueError, match='.png'): save_images(x, tmp_path/'x.jpg')
    with pytest.raises(FileNotFoundError, match='create it'): save_images(x, tmp_path/'no/x.png')
    assert not list(tmp_path.iterdir())


def test_save_is_atomic(tmp_path, monkeypatch):
    save_images(torch.zeros(1, 1, 8, 8), tmp_path/'x.png')
    before = (tmp_path/'x.png').read_bytes()
    def half(self, path, *args): Path(path).write_bytes(b'half'); raise OSError('disk full')
    monkeypatch.setattr(Image.Image, 'save', half)
    with pytest.raises(OSError, match='disk full'): save_images(torch.ones(1, 3, 8, 8), tmp_path/'x.png')
    assert (tmp_path/'x.png').read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_damaged_exif(tmp_path, monkeypatch):
    def transpose(im): raise struct.error('required argument is not an integer')      # Pillow, where tags don't fit their types
    monkeypatch.setattr(data.ImageOps, 'exif_transpose', transpose)
    png(tmp_path/'a.png')
    refused(tmp_path/'a.png', 'damaged', 'not an integer')


def test_hidden_folders_are_left_alone(tmp_path):
    png(tmp_path/'a.png')
    png(tmp_path/'.cache'/'b.png', size=(5, 5))
    assert len(images(tmp_path)) == 1


def test_cut_short_download(tmp_path, monkeypatch):
    monkeypatch.setenv('SCIKIT_LEARN_DATA', str(tmp_path))
    np.savez(tmp_path/'genmodels_mnist.npz', x=np.zeros((9, 784), np.uint8), y=np.zeros(9))
    whole = (tmp_path/'genmodels_mnist.npz').read_bytes()
    (tmp_path/'genmodels_mnist.npz').write_bytes(whole[:-100])
    with pytest.raises(ValueError, match='genmodels_mnist.npz, .* delete it'): dataset('mnist')
    np.savez(tmp_path/'genmodels_mnist.npz', z=np.zeros(9))
    with pytest.raises(ValueError, match='delete it'): dataset('mnist')


@pytest.mark.parametrize('room', ['mixture', 'pictures', 'folders'])
def test_a_loader_imports_no_plotting_and_no_learning(room):
    "matplotlib and scikit-learn take seconds to import; they come in where they are used"
    ask = f"import sys, genmodels.{room}; print([m for m in ('matplotlib', 'sklearn', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, '-c', ask], text=True, capture_output=True, check=True).stdout == '[]\n'
