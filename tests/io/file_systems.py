#!/usr/bin/env python3
"""Runs the tests of a layer on every file system this machine can make, each small and of its own.

    tests/io/file_systems.py TESTS [argument...]

Needs root, loop devices and the mkfs programs; leaves out what is missing, and is skipped (77) when
nothing is left.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

SKIPPED = 77

# name, size in MiB, sector size, command that makes it, options of the mount
FILE_SYSTEMS = [
    ('ext4', 64, 512, ['mkfs.ext4', '-qF'], 'defaults'),
    ('ext4 on 4 KiB sectors', 64, 4096, ['mkfs.ext4', '-qF', '-b', '4096'], 'defaults'),
    ('ext4 that journals data', 64, 512, ['mkfs.ext4', '-qF'], 'data=journal'),
    ('xfs', 320, 512, ['mkfs.xfs', '-q', '-f'], 'defaults'),
    ('btrfs', 128, 512, ['mkfs.btrfs', '-q', '-f'], 'defaults'),
]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def mount_loop(stack, folder, size_mib, sector, mkfs, options):
    image = folder / 'image'
    with open(image, 'wb') as file:
        file.truncate(size_mib << 20)
    device = run('losetup', '-f', '--show', '-b', str(sector), str(image))
    stack.callback(run, 'losetup', '-d', device)
    run(*mkfs, device)
    return mount(stack, folder, '-o', options, device)


def mount(stack, folder, *arguments):
    place = folder / 'mounted'
    place.mkdir()
    run('mount', *arguments, str(place))
    stack.callback(unmount, place)
    return place


def unmount(place):
    """The kernel lets go of the files of a ring only some time after its process has ended."""
    end = time.monotonic() + 30
    while subprocess.run(['umount', str(place)], capture_output=True).returncode != 0:
        if time.monotonic() > end:
            run('umount', str(place))
        time.sleep(0.1)


def test_on(name, tests, prepare):
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir='/var/tmp')))
        try:
            place = prepare(stack, folder)
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            reason = (getattr(error, 'stderr', None) or str(error)).strip()
            print(f'{name}: skipped: {reason}', flush=True)
            return None
        result = subprocess.run(tests, env={**os.environ, 'TMPDIR': str(place)})
        print(f'{name}: {"failed" if result.returncode else "passed"}', flush=True)
        return result.returncode == 0


def main():
    if os.geteuid() != 0 or not shutil.which('losetup'):
        print('skipped: needs root and losetup')
        return SKIPPED
    tests = sys.argv[1:]
    results = [test_on('tmpfs', tests, lambda stack, folder: mount(
        stack, folder, '-t', 'tmpfs', '-o', 'size=64m', 'tmpfs'))]
    for name, *how in FILE_SYSTEMS:
        results.append(test_on(name, tests,
                               lambda stack, folder: mount_loop(stack, folder, *how)))
    if all(result is None for result in results):
        return SKIPPED
    return 1 if False in results else 0


if __name__ == '__main__':
    sys.exit(main())
