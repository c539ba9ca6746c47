"Whatever lies in a folder or an .npz is read whole, in the right part, or it is said what was left out."
import os
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from genmodels.folders import dataset, images
from genmodels.pictures import digits


def png(path, level=100, size=(8, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('L', size, level).save(path)
def tree(root, **names):
    "Pictures, as many as the number says, in each folder"
    for folder, n in names.items():
        for i in range(n): png(root/folder.replace('__', '/')/f'{i}.png', 100 + i)
    return root
def refused(source, *hints, **kw):
    with pytest.raises(ValueError) as e: images(source, **kw)
    said = str(e.value)
    assert '\n' not in said and 'expected' in said and all(h in said for h in hints), said
def counted(source, *args, **kw):
    "How many pictures, where nothing is to be said about it"
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        return len(images(source, *args, **kw))


# links
def test_links_are_followed(tmp_path):
    here, there = tree(tmp_path/'here', own=2), tree(tmp_path/'there', a=3, a__deep=1)
    (here/'linked').symlink_to(there); (here/'one.png').symlink_to(there/'a/0.png')
    assert counted(here) == 2 + 4 + 1
    (tmp_path/'alias').symlink_to(here)
    assert counted(tmp_path/'alias') == 7
    (tmp_path/'parted').mkdir(); (tmp_path/'parted/train').symlink_to(there); (tmp_path/'parted/test').symlink_to(here/'own')
    assert counted(tmp_path/'parted') == 4 and counted(tmp_path/'parted', 'test') == 2


def test_cycles_end(tmp_path):
    root = tree(tmp_path/'root', a=2, b=3)
    (root/'a/up').symlink_to(root); (root/'b/self').symlink_to(root/'b'); (root/'a/side').symlink_to(root/'b'); (root/'again').symlink_to(root/'a')
    assert counted(root) == 5


def test_links_to_nowhere(tmp_path):
    root = tree(tmp_path/'root', a=2)
    for name in ('gone', 'gone.png'):
        (root/name).symlink_to(tmp_path/'missing')
        refused(root, 'lead somewhere', name)
        (root/name).unlink()
    (root/'.#lock').symlink_to('somebody@somewhere')
    assert counted(root) == 2


@pytest.mark.skipif(sys.platform == 'win32' or os.getuid() == 0, reason='nothing is forbidden to this user')
def test_locked_folder(tmp_path):
    root = tree(tmp_path/'root', a=2, b=1)
    (root/'a').chmod(0)
    try: refused(root, 'can be read')
    finally: (root/'a').chmod(0o700)


def test_folders_with_suffixes(tmp_path):
    root = tree(tmp_path/'root.tif', **{'screens.png': 2, 'set.npz': 1, 'x__y.jpg': 1})
    assert counted(root) == 4 and counted(root/'set.npz') == 1
    (root/'empty.gif').mkdir()
    assert counted(root) == 4


# pages and frames
LEVELS = [0, 60, 120, 180]
@pytest.mark.parametrize('name,kw', [('x.tif', {}), ('x.TIFF', dict(compression='tiff_lzw')), ('x.gif', dict(duration=50)), ('x.webp', dict(lossless=True)), ('x.png', {}), ('x.apng', dict(format='PNG'))])
@pytest.mark.parametrize('mode', ['L', 'RGB', 'RGBA'])
def test_every_page_is_a_picture(tmp_path, name, kw, mode):
    colour = {'L': lambda v: v, 'RGB': lambda v: (v, v, v), 'RGBA': lambda v: (v, v, v, 255)}[mode]
    first, *rest = [Image.new(mode, (8, 8), colour(v)) for v in LEVELS]
    first.save(tmp_path/name, save_all=True, append_images=rest, **kw)
    for x in (images(tmp_path), images(tmp_path/name), images(tmp_path, size=8)):
        assert (x[:, 0].mean((1, 2))*127.5 + 127.5).round().tolist() == LEVELS
    png(tmp_path/'w.png', 255)
    assert len(images(tmp_path)) == 5 and images(tmp_path)[0].min() == 1


def test_pages_of_two_sizes(tmp_path):
    Image.new('L', (8, 8)).save(tmp_path/'x.tif', save_all=True, append_images=[Image.new('L', (4, 6))])
    for source in (tmp_path, tmp_path/'x.tif'):
        refused(source, 'x.tif is 8x8', 'x.tif is 6x4', 'size=4')
        assert images(source, size=4).shape == (2, 1, 4, 4)


def test_previews_are_no_pictures(tmp_path):
    Image.new('L', (8, 8)).save(tmp_path/'x.tif', save_all=True, append_images=[Image.new('L', (4, 4))], tiffinfo={254: 1})
    assert counted(tmp_path) == 1
    Image.new('RGB', (8, 8)).save(tmp_path/'x.jpg', format='MPO', save_all=True, append_images=[Image.new('RGB', (4, 4))])
    assert Image.open(tmp_path/'x.jpg').n_frames == 2 and counted(tmp_path) == 2


def test_a_deep_picture_tells_its_range(tmp_path):
    deep = np.random.default_rng(0).integers(0, 4096, (8, 8)).astype(np.uint16); deep[0, :2] = 0, 4095
    for name in ('x.png', 'x.tif'):
        Image.fromarray(deep).save(tmp_path/name)
        refused(tmp_path/name, '8-bit', name, 'x/2047.5-1')
        assert images((np.array(Image.open(tmp_path/name))/2047.5 - 1)[None]).aminmax() == (-1, 1)
    Image.fromarray(np.linspace(0, 5, 64, dtype=np.float32).reshape(8, 8)).save(tmp_path/'x.tif')
    refused(tmp_path/'x.tif', 'x/2.5-1')


@pytest.mark.parametrize('kind', ['png', 'tiff', 'gif', 'webp'])
def test_damaged_files_get_a_sentence(tmp_path, kind):
    "Bytes changed by chance: a picture all the same, or one sentence"
    pages = [Image.fromarray(p) for p in pictures(3)]
    pages[0].save(tmp_path/'x', format=kind, save_all=True, append_images=pages[1:])
    raw, rng = (tmp_path/'x').read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        bad = bytearray(raw)
        for _ in range(3): bad[rng.integers(20, len(raw))] = rng.integers(256)
        (tmp_path/f'x.{kind}').write_bytes(bad)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')                                  # Pillow's own
            try: images(tmp_path/f'x.{kind}')
            except ValueError as e: assert 'expected' in str(e) and '\n' not in str(e)


def test_other_suffixes(tmp_path):
    for i, name in enumerate(('a.JPE', 'b.jfif', 'c.tga', 'd.pbm', 'e.pnm', 'f.jp2')): Image.new('1' if 'pbm' in name else 'L', (8, 8)).save(tmp_path/name, format='PPM' if 'p' in name[2] and 'm' in name else None)
    assert counted(tmp_path) == 6
    (tmp_path/'phone.heic').write_bytes(b'\0\0\0\x18ftypheic')
    refused(tmp_path, 'Pillow can read in phone.heic')


# parts
@pytest.mark.parametrize('train,test', [('Train', 'Test'), ('TRAIN', 'TEST'), ('training', 'testing'), ('Training_set', 'test_set'), ('train2017', 'test2017'), ('x_train', 'x_test'), ('train-images', 'test-images'),
                                        ('wrapped__inside__train', 'wrapped__inside__Test'), ('bottle__train__good', 'bottle__test__good'), ('trainA', 'testA'), ('train__cat', 'test__cat')])
def test_names_of_parts(tmp_path, train, test):
    tree(tmp_path, **{train: 5, test: 2})
    assert counted(tmp_path) == 5 and counted(tmp_path, 'test') == 2


def test_class_first(tmp_path):
    tree(tmp_path, cat__train=3, cat__test=1, dog__train=4, dog__test=2, train_test=0)
    assert counted(tmp_path) == 7 and counted(tmp_path, 'test') == 3


def test_two_halves(tmp_path):
    tree(tmp_path, trainA=1, trainB=2, testA=3, testB=4)
    assert counted(tmp_path) == 3 and counted(tmp_path, 'test') == 7


@pytest.mark.parametrize('name', ['val', 'valid', 'Validation', 'val_set'])
def test_validation_is_no_training(tmp_path, name):
    tree(tmp_path, train=3, **{name: 2})
    assert counted(tmp_path) == 3
    refused(tmp_path, 'in a folder test', 'train and val', split='test')


@pytest.mark.parametrize('one', ['train', 'Test', 'val'])
def test_one_part_or_one_class(tmp_path, one):
    tree(tmp_path, boat=3, bus=3, **{one: 3})
    refused(tmp_path, f'{one.lower()} beside boat, bus', 'another name')
    refused(tmp_path, f'{one.lower()} beside boat, bus', split='test')
    (tmp_path/one).rename(tmp_path/f'{one}s')                                # the advice, followed
    assert counted(tmp_path) == 9
    (tmp_path/f'{one}s').rename(tmp_path/'train')
    for name in ('boat', 'bus'): (tmp_path/name).rename(tmp_path/f'.{name}')
    assert counted(tmp_path) == 3


def test_only_one_part(tmp_path):
    tree(tmp_path, test=3)
    refused(tmp_path, 'in a folder train', 'some in test')
    tree(tmp_path, train=1)
    assert counted(tmp_path) == 1 and counted(tmp_path, 'test') == 3


def test_what_lies_beside_parts_is_named(tmp_path):
    tree(tmp_path, train=3, test=2, unlabeled=5, masks__deep=1); png(tmp_path/'preview.png')
    for split, n in (('train', 3), ('test', 2)):
        with pytest.warns(UserWarning, match=f'{tmp_path}: left out masks, preview.png, unlabeled'): assert len(images(tmp_path, split)) == n


def test_words_that_only_begin_like_parts(tmp_path):
    tree(tmp_path, trainers=1, train_station=1, testudo=1, value=1, contest=1, retrain=1)
    assert counted(tmp_path) == 6


def test_parts_above_the_folder_mean_nothing(tmp_path):
    assert counted(tree(tmp_path/'train'/'mine', a=2, b=2)) == 4


def test_two_idx_files(tmp_path):
    raw = bytes([0, 0, 8, 3]) + b''.join(n.to_bytes(4, 'big') for n in (2, 5, 5)) + bytes(range(50))
    for name in ('train-images-idx3-ubyte', 'train-more-idx3-ubyte'): (tmp_path/name).write_bytes(raw)
    refused(tmp_path, 'train-images-idx3-ubyte and train-more-idx3-ubyte', 'name the file')
    assert counted(tmp_path/'train-more-idx3-ubyte') == 2
    (tmp_path/'train-more-idx3-ubyte').unlink()
    (tmp_path/'train-folder-idx3-ubyte').mkdir()
    assert counted(tmp_path) == 2
    png(tmp_path/'more'/'a.png')
    refused(tmp_path, 'both')


# arrays
def pictures(n): return np.random.default_rng(n).integers(0, 256, (n, 8, 8), dtype=np.uint8)


@pytest.mark.parametrize('train,test', [('train_images', 'test_images'), ('X_train', 'X_test'), ('train', 'test'), ('trainX', 'testX'), ('train_x', 'test_x'), ('training_data', 'testing_data'), ('images_train', 'images_test'), ('imgs_train', 'imgs_test')])
def test_parts_of_an_npz(tmp_path, train, test):
    others = dict(train_labels=np.zeros(6), test_labels=np.zeros(4), val_images=pictures(3), y_train=np.zeros((6, 10)), classes=np.array(['a']))
    np.savez(tmp_path/'x.npz', **others, **{train: pictures(6), test: pictures(4)})
    assert torch.equal(images(tmp_path/'x.npz'), images(pictures(6))) and torch.equal(images(tmp_path/'x.npz', 'test'), images(pictures(4)))


@pytest.mark.parametrize('arrays', [dict(masks=pictures(3), images=pictures(6)), dict(masks=pictures(3), X=pictures(6), y=np.zeros(6)), dict(y=np.zeros(6), pixels=pictures(6)), dict(labels=np.zeros(6), imgs=pictures(6), weights=np.zeros((6, 2))),
                                    dict(data=pictures(6), filenames=np.array(['a', 'b'])), dict(anything=pictures(6))])
def test_the_pictures_of_an_npz(tmp_path, arrays):
    np.savez(tmp_path/'x.npz', **arrays)
    assert torch.equal(images(tmp_path/'x.npz'), images(pictures(6)))
    refused(tmp_path/'x.npz', 'two parts', split='test')


@pytest.mark.parametrize('arrays,split', [(dict(masks=pictures(3), pixels=pictures(6)), 'train'), (dict(images=pictures(3), x=pictures(6)), 'train'), (dict(y=np.zeros(6), z=np.zeros(5)), 'train'), (dict(x_train=pictures(3), train_images=pictures(3)), 'train'),
                                          (dict(train_images=pictures(3), val_images=pictures(2)), 'test'), (dict(test_images=pictures(3), y=np.zeros(3)), 'train')])
def test_an_npz_asks(tmp_path, arrays, split):
    np.savez(tmp_path/'x.npz', **arrays)
    refused(tmp_path/'x.npz', f'x_{split}', *arrays, split=split)
    name = max(arrays, key=lambda name: arrays[name].ndim)                   # the advice, followed
    np.savez(tmp_path/'y.npz', **{f'x_{split}': arrays[name]})
    if arrays[name].ndim > 1: assert counted(tmp_path/'y.npz', split) == len(arrays[name])


def test_two_arrays_without_names(tmp_path):
    np.savez(tmp_path/'x.npz', pictures(3), pictures(4))
    refused(tmp_path/'x.npz', 'arr_0, arr_1')
    np.savez(tmp_path/'x.npz', pictures(3), np.zeros(3))
    assert counted(tmp_path/'x.npz') == 3


# names
def test_a_folder_with_the_name_of_a_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert torch.equal(dataset('digits'), digits())
    tree(tmp_path, digits=3)
    with pytest.warns(UserWarning, match=r'data set digits.*\./digits'): assert torch.equal(dataset('digits'), digits())
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for own in ('./digits', 'digits/', tmp_path/'digits'): assert len(dataset(own)) == 3
