#!/usr/bin/env python3
"""Shuts a file system down under a store that is being written, mounts it again, and looks.

    tests/crash/shutdown.py SHUTDOWN_TEST [ROUNDS]

ROUNDS for each of ext4 and XFS in each mode of durability. To what was not synced a shutdown is as
a power cut, so each round is one of those too. Needs root, loop devices and the mkfs programs;
skipped (77) without.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / 'io'))
import file_systems  # noqa: E402

WRITERS = 3
ROUNDS_PER_STORE = 8  # nothing leaves the memtable, so stores must stay small
MIB = 512
MODES = ['every_commit', 'interval', 'write_back']


def run_test(*words):
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                            timeout=180)
    if result.returncode != 0:
        sys.exit(f'{" ".join(map(str, words))}: {result.returncode}\n{result.stderr}')
    return result.stdout.split(), result.stderr


def mount_again(device, place):
    file_systems.unmount(place)
    file_systems.run('mount', device, str(place))


def rounds_in(mode, program, rounds, device, place):
    """Returns how many writes survived."""
    survived = 0
    for number in range(rounds):
        if number % ROUNDS_PER_STORE == 0:
            counts = ['0'] * WRITERS
            survived_here = 0
        store = place / f'{mode}-{number // ROUNDS_PER_STORE}'
        safe, why = run_test(program, 'write', store, mode, number, *counts)
        mount_again(device, place)
        if number == 0:
            print(f'  {MODES[mode]}: {why.splitlines()[0]}', flush=True)
        counts, _ = run_test(program, 'verify', store, *safe)
        survived += sum(map(int, counts)) - survived_here
        survived_here = sum(map(int, counts))
        if (number + 1) % ROUNDS_PER_STORE == 0:
            shutil.rmtree(store)
    return survived


def test_on(name, command, program, rounds):
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir='/var/tmp')))
        try:
            place = file_systems.mount_loop(stack, folder, MIB, 512, command, 'defaults')
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            reason = (getattr(error, 'stderr', None) or str(error)).strip()
            print(f'{name}: skipped: {reason}', flush=True)
            return False
        device = file_systems.run('findmnt', '-no', 'SOURCE', str(place))
        print(name, flush=True)
        for mode in range(len(MODES)):
            survived = rounds_in(mode, program, rounds, device, place)
            print(f'  {MODES[mode]}: {rounds} rounds, {survived} writes kept', flush=True)
            if survived == 0:
                sys.exit('the writers hardly wrote at all')
        return True


def main():
    if os.geteuid() != 0 or not shutil.which('losetup'):
        print('skipped: needs root and losetup')
        return file_systems.SKIPPED
    program = Path(sys.argv[1]).resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    ran = [test_on(name, command, program, rounds) for name, command in
           [('ext4', ['mkfs.ext4', '-qF']), ('xfs', ['mkfs.xfs', '-q', '-f'])]]
    return 0 if any(ran) else file_systems.SKIPPED


if __name__ == '__main__':
    sys.exit(main())
