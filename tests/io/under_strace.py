#!/usr/bin/env python3
"""Runs tests while strace makes system calls fail in passing, again and again, or one for good;
and one while it looks what a file is asked for.

    tests/io/under_strace.py IO_TESTS DB_TESTS

Skipped (77) without strace, or where it may trace nothing.
"""

import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
PASSING = ('EAGAIN', 'EBUSY', 'EINTR')

# What happens, what strace does, which tests must pass all the same.
QUEUE_FAULTS = [
    ('I2 rings cannot be made after the first', 'io_uring_setup:error=ENOMEM:when=2+', 'queue:*'),
    ('I1 there are no rings', 'io_uring_setup:error=ENOSYS', 'queue:*'),
    ('B3 reads are interrupted', 'preadv:error=EINTR:when=1+2', 'queue: a batch*'),
    ('B3 writes are interrupted', 'pwritev:error=EINTR:when=1+2', 'queue: a batch*'),
] + [(f'I5 O3 entering a ring is refused with {error}', f'io_uring_enter:error={error}:when=1+2',
      'queue:*') for error in PASSING]

# Here calls may fail and opens may fail, but what was acknowledged must be there.
STORE_FAULTS = [
    (f'I5 O3 {call} fails with {error}', f'{call}:error={error}:when={when}', 'passing failures:*')
    for call, when in (('io_uring_enter', '2+3'), ('pwritev2', '2+3'), ('pwritev', '2+3'),
                       ('preadv', '2+3'), ('fdatasync', '3+4'))
    for error in PASSING]


def traced(fault, *command):
    call = fault.split(':')[0]
    return subprocess.run(['strace', '-f', '-qq', '-o', '/dev/null', '-e', f'trace={call}',
                           '-e', f'inject={fault}', *command], timeout=100)


def asks_for_times(executable):
    """Whoever has seen a file's times slows down the next write to it: see posix_file.cc."""
    with tempfile.NamedTemporaryFile('r') as log:
        subprocess.run(['strace', '-f', '-qq', '-o', log.name, '-e', 'trace=statx', executable,
                        '--no-breaks', '--test-case=posix file: size*'],
                       timeout=100, check=True)
        masks = re.findall(r'AT_EMPTY_PATH, ([A-Z_|]+), ', log.read())
    if not any(re.search('SIZE|BASIC_STATS|ALL', mask) for mask in masks):
        sys.exit(f'nobody asked for a size: {masks}')
    return any(re.search('TIME|BASIC_STATS|ALL', mask) for mask in masks)


def main():
    if not shutil.which('strace') or traced('openat:delay_exit=1', 'true').returncode != 0:
        print('skipped: needs strace, and leave to trace')
        return SKIPPED
    failed = asks_for_times(sys.argv[1])
    print(f'a file is not asked for its times: {"failed" if failed else "passed"}', flush=True)
    for executable, faults in zip(sys.argv[1:], (QUEUE_FAULTS, STORE_FAULTS), strict=True):
        for name, fault, tests in faults:
            result = traced(fault, executable, '--no-breaks', '--no-skip', f'--test-case={tests}')
            print(f'{name} ({fault}): {"failed" if result.returncode else "passed"}', flush=True)
            failed += result.returncode != 0
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
