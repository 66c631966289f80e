#!/usr/bin/env python3
"""Runs the tests of queues while strace makes every second call fail in passing, or one for good.

    tests/io/under_strace.py IO_TESTS

Skipped (77) without strace, or where it may trace nothing.
"""

import shutil
import subprocess
import sys

SKIPPED = 77

# what happens, what strace does, which tests must pass all the same
FAULTS = [
    ('I5 entering a ring is refused in passing', 'io_uring_enter:error=EAGAIN:when=1+2', 'queue:*'),
    ('I5 entering a ring is busy in passing', 'io_uring_enter:error=EBUSY:when=1+2', 'queue:*'),
    ('I5 O3 entering a ring is interrupted', 'io_uring_enter:error=EINTR:when=1+2', 'queue:*'),
    ('I2 rings cannot be made after the first', 'io_uring_setup:error=ENOMEM:when=2+', 'queue:*'),
    ('I1 there are no rings', 'io_uring_setup:error=ENOSYS', 'queue:*'),
    ('B3 reads are interrupted', 'preadv:error=EINTR:when=1+2', 'queue: a batch*'),
    ('B3 writes are interrupted', 'pwritev:error=EINTR:when=1+2', 'queue: a batch*'),
]


def traced(fault, *command):
    call = fault.split(':')[0]
    return subprocess.run(['strace', '-f', '-qq', '-o', '/dev/null', '-e', f'trace={call}',
                           '-e', f'inject={fault}', *command], timeout=100)


def main():
    if not shutil.which('strace') or traced('openat:delay_exit=1', 'true').returncode != 0:
        print('skipped: needs strace, and leave to trace')
        return SKIPPED
    failed = 0
    for name, fault, tests in FAULTS:
        result = traced(fault, sys.argv[1], '--no-breaks', f'--test-case={tests}')
        print(f'{name} ({fault}): {"failed" if result.returncode else "passed"}', flush=True)
        failed += result.returncode != 0
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
