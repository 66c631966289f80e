#!/usr/bin/env python3
"""Prints a small package index in Debian's format, the same one every time: input of the tests."""

import random

random.seed(1)
for number in range(2500):
    kind = random.choice(['lib', 'python3-', 'fonts-', ''])
    print(f'Package: {kind}example{number}')
    print(f'Version: {number % 7}.{number % 11}-1')
    print('Description:', ' '.join(random.choices(['ordered', 'durable', 'map'], k=number % 60)))
    print()
