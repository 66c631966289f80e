#!/usr/bin/env python3
"""What kvbench says of system calls, counted by strace: 64 neighbouring pages are one.

    kvbench_strace_test.py KVBENCH

A study is run with few rounds and with more: what the difference costs is the rounds' own.
Skipped (77) without strace, or where it may trace nothing.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = 77
PAGES = 64
PAGE = 4096
ROUNDS = (3, 13)
CALLS = 'pread64,preadv,preadv2,pwrite64,pwritev,pwritev2,io_uring_enter'


def traced(log: Path, *command) -> bool:
    # The leak checker is a tracer itself, and there can be only one.
    environment = {**os.environ,
                   'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'}
    return subprocess.run(['strace', '-f', '-y', '-qq', '-o', log, '-e', f'trace={CALLS}',
                           *map(str, command)], stdout=subprocess.DEVNULL,
                          env=environment).returncode == 0


def transfers(lines, name: str, way: str) -> dict:
    """How many calls of this name (a pattern) moved how many bytes of the page file."""
    found = {}
    for line in lines:
        match = re.search(rf'\b{name}\(\d+<[^>]*/pages-{way}>.* = (\d+)$', line)
        if match:
            found[int(match[1])] = found.get(int(match[1]), 0) + 1
    return found


def entered(lines) -> tuple:
    """How often the kernel was entered for a ring, and how many requests it took then."""
    taken = [int(match[1]) for line in lines
             if (match := re.search(r'\bio_uring_enter\(.* = (\d+)$', line))]
    return len(taken), sum(taken)


def counted(kvbench, study, way, count, *arguments):
    """What a round of the study adds to each count."""
    counts = []
    for rounds in ROUNDS:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / 'log'
            if not traced(log, kvbench, 'preset', study, '--force', '--dir', folder, '--repeat', 1,
                          '--ways', way, '--rounds', rounds, *arguments):
                raise RuntimeError(f'{study} failed')
            counts.append(count(log.read_text().splitlines()))
    return [(more - few) / (ROUNDS[1] - ROUNDS[0]) for few, more in zip(*counts)]


def sizes_of(name):
    """Calls for all pages together, and for a single one."""
    def count(lines):
        found = transfers(lines, name, 'posix')
        return found.get(PAGES * PAGE, 0), found.get(PAGE, 0)
    return count


def main():
    kvbench = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        if not shutil.which('strace') or not traced(Path(folder) / 'log', 'true'):
            print('skipped: needs strace, and leave to trace')
            return SKIPPED
    checks = [
        ('pages written together are one call, alone 64', 'vectored', 'posix',
         sizes_of('pwrite(?:64|v|v2)'), [1, PAGES], ()),
        ('pages read together are one call, alone 64', 'vectored', 'posix',
         sizes_of('pread(?:64|v|v2)'), [1, PAGES], ()),
        ('by ring too, written and read: one each, alone 64 each', 'vectored', 'ring',
         entered, [2 * (1 + PAGES)] * 2, ()),
        ('pages written one by one inside the window are one call', 'coalescing', 'posix',
         sizes_of('pwrite(?:64|v|v2)'), [1, 0], ('--pages', 10)),
        ('by ring too: one request', 'coalescing', 'ring',
         lambda lines: entered(lines)[1:], [1], ('--pages', 10)),
    ]
    failed = 0
    for name, study, way, count, wanted, arguments in checks:
        actual = counted(kvbench, study, way, count, *arguments)
        without_ring = way == 'ring' and not any(actual)
        verdict = 'no ring here' if without_ring else 'ok' if actual == wanted else 'FAILED'
        print(f'{study}, {way}: {name}: {actual}, expected {wanted}: {verdict}', flush=True)
        failed += verdict == 'FAILED'
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
