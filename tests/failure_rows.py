#!/usr/bin/env python3
"""Checks the table of docs/testing.md: the files it names for a row have a test of that number.

    tests/failure_rows.py
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r'^\| ([A-Z]\d+) \| [^|]+ \| ([^|]+) \|$', re.MULTILINE)
# What begins a test: a case of an executable, a test of the build, a fault, or the head of a file.
TEST = re.compile(r'TEST_CASE[^{]*|test\(\'[^\']*\'|\(f?\'[^\']*\'|\A(?://.*\n)+', re.MULTILINE)


def numbers_tested(path):
    return set(re.findall(r'\b[A-Z]\d+\b', ' '.join(TEST.findall(path.read_text()))))


def findings(text):
    rows = ROW.findall(text)
    if len(rows) < 50:
        yield 'docs/testing.md: the table of failures is not there'
    for number, files in rows:
        for name in re.findall(r'`([^`]+)`', files):
            path = ROOT / 'tests' / (name if '.' in name else f'{name}_test.cc')
            if not path.is_file():
                yield f'{number}: there is no {path.relative_to(ROOT)}'
            elif number not in numbers_tested(path):
                yield f'{number}: no test of that number in {path.relative_to(ROOT)}'


def main():
    found = list(findings((ROOT / 'docs/testing.md').read_text()))
    for finding in found:
        print(finding)
    print(f'{len(found)} findings')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
