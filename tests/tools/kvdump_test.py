#!/usr/bin/env python3
"""kvdump as its users run it: on good, live, damaged, missing and foreign stores.

    kvdump_test.py KVDUMP MAKE_STORE MAKE_PAGES [unittest arguments]
    REWRITE=1 kvdump_test.py ...        writes the golden files anew
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent / 'golden'
BLOCK = 4096
FIRST_FRAME = 2 * BLOCK
OK, NOT_FOUND, USAGE, CORRUPTION, IO, INTERRUPTED = 0, 1, 2, 3, 4, 130

# What `make_store DIR fixed` leaves, in order, as kvdump escapes it.
FIXED = [('apple', 'green'), (r'bin\x00ary\xff\\', r'tab\x09here'), ('empty', ''),
         ('long', 'x' * 5000), ('user/1', 'name 1'), ('user/2', 'name 2'), ('user/4', 'name 4'),
         ('user/5', 'name 5')]
# And how it came about: operation, key, bytes of the value.
FIXED_OPERATIONS = [
    ('put', 'apple', 3), ('put', r'bin\x00ary\xff\\', 8), ('put', 'empty', 0),
    *(('put', f'user/{number}', 6) for number in range(1, 6)), ('erase', 'user/3', None),
    ('put', 'long', 5000), ('put', 'apple', 5)]


def kvdump(*arguments, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run([KVDUMP, *map(str, arguments)], capture_output=True, check=False,
                          **kwargs)


def make_store(path: Path, *commands) -> Path:
    subprocess.run([MAKE_STORE, path, *commands], check=True)
    return path


def make_fixed(folder: Path) -> Path:
    """The store of the golden files, whose log was never idle for so long that it got a mark."""
    for attempt in range(20):
        began = time.monotonic()
        path = make_store(folder / f'fixed{attempt}', 'fixed')
        if time.monotonic() - began < 1:
            break
    return path


def newest_slot(store: Path) -> Path:
    return max((store / 'wal').iterdir(), key=lambda path: int(path.name))


def flip(path: Path, offset: int, bit: int = 0):
    with path.open('r+b') as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def contents(folder: Path) -> dict:
    return {path.relative_to(folder): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob('*'))}


def lines(entries) -> bytes:
    return ''.join(f'{key}\t{value}\n' for key, value in entries).encode()


class StoreTest(unittest.TestCase):
    """A folder for stores, and the checks that every test uses."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        cls.fixed = make_fixed(cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def copy(self) -> Path:
        path = Path(tempfile.mkdtemp(dir=self.folder)) / 'store'
        shutil.copytree(self.fixed, path)
        return path

    def expect(self, code: int, *arguments, **kwargs) -> subprocess.CompletedProcess:
        result = kvdump(*arguments, **kwargs)
        self.assertEqual(result.returncode, code, result.stdout[-2000:] + result.stderr)
        self.assertEqual(bool(result.stderr), code not in (OK,), result.stderr)
        return result

    def expect_golden(self, name: str, output: bytes):
        """The output, with random numbers named, is that of the golden file."""
        text = re.sub(r'\b[0-9a-f]{32}\b', '<store>', output.decode())
        text = re.sub(r'\b[0-9a-f]{16}\b', '<random>', text)
        path = GOLDEN / name
        if os.environ.get('REWRITE'):
            path.write_text(text)
        self.maxDiff = None
        self.assertEqual(text, path.read_text())


class Scan(StoreTest):
    def test_prints_the_entries_in_order(self):
        self.assertEqual(self.expect(OK, 'scan', self.fixed).stdout, lines(FIXED))

    def test_bounds(self):
        cases = [(['--prefix', 'user/'], FIXED[4:]),
                 (['--from', 'empty', '--to', 'user/2'], FIXED[2:5]),
                 (['--limit', 2], FIXED[:2]), (['--prefix', 'none'], []), (['--limit', 0], []),
                 (['--from', r'bin\x00', '--limit', 1], FIXED[1:2]),
                 (['--from', 'user/2', '--prefix', 'user/'], FIXED[5:])]
        for arguments, expected in cases:
            with self.subTest(arguments):
                result = self.expect(OK, 'scan', self.fixed, *arguments)
                self.assertEqual(result.stdout, lines(expected))

    def test_forms(self):
        scan = ['scan', self.fixed, '--prefix']
        self.assertEqual(self.expect(OK, *scan, '62696e', '--hex').stdout,
                         b'62696e00617279ff5c\t7461620968657265\n')
        self.assertEqual(self.expect(OK, *scan, 'bin', '--raw').stdout,
                         b'bin\x00ary\xff\\\ttab\there\n')
        self.assertEqual(self.expect(OK, *scan, 'user', '--keys-only').stdout,
                         b'user/1\nuser/2\nuser/4\nuser/5\n')

    def test_json(self):
        self.assertEqual(json.loads(self.expect(OK, 'scan', self.fixed, '--json').stdout), {
            'schema': 1, 'encoding': 'escape',
            'entries': [{'key': key, 'value': value} for key, value in FIXED],
            'count': len(FIXED), 'complete': True, 'error': None})
        keys = json.loads(self.expect(OK, 'scan', self.fixed, '--json', '--hex', '--keys-only',
                                      '--limit', 1).stdout)
        self.assertEqual(keys['entries'], [{'key': b'apple'.hex()}])
        self.assertEqual(keys['encoding'], 'hex')
        nothing = json.loads(self.expect(OK, 'scan', self.fixed, '--json', '--limit', 0).stdout)
        self.assertEqual((nothing['entries'], nothing['count']), ([], 0))

    def test_expiries(self):
        began, store = time.time() * 1000, make_store(self.folder / 'expiring', 'expiring')
        time.sleep(0.002)
        entry, = json.loads(self.expect(OK, 'scan', store, '--json').stdout)['entries']
        self.assertEqual((entry['key'], entry['value']), ('hour', 'v'))
        self.assertTrue(3_599_999 <= (expiry := entry['expiry']) - began <= 3_660_000, expiry)
        log = self.expect(OK, 'wal', store, '--records').stdout.decode()
        self.assertRegex(log, rf'put until {expiry} +1 hour\n(.*\n)*.*put until \d+ +1 gone\n')
        log = self.expect(OK, 'wal', store, '--records', '--json').stdout
        self.assertIn(b'"expiry":%d' % expiry, log.replace(b' ', b''))

    def test_an_interrupt_ends_with_what_is_known(self):
        store = make_store(self.folder / 'many', 'many')
        with subprocess.Popen([KVDUMP, 'scan', store, '--json'], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            head = process.stdout.read(1)  # it is printing, and will soon wait for us
            process.send_signal(signal.SIGINT)
            report = json.loads(head + process.stdout.read())
            self.assertEqual(process.wait(), INTERRUPTED)
        self.assertFalse(report['complete'])
        self.assertEqual(report['count'], len(report['entries']))
        self.assertLess(report['count'], 20_000)

    def test_output_that_cannot_be_written_is_an_error(self):
        with open('/dev/full', 'wb') as full:
            result = subprocess.run([KVDUMP, 'scan', self.fixed], stdout=full, check=False,
                                    stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, IO)
        self.assertIn(b'No space left', result.stderr)


class Wal(StoreTest):
    def listing(self, store: Path, code: int = OK) -> dict:
        result = kvdump('wal', store, '--json')
        self.assertEqual(result.returncode, code, result.stderr)
        return json.loads(result.stdout)

    def pieces(self, report: dict, *states) -> list:
        return [(slot['slot'], piece) for slot in report['slots'] for piece in slot['pieces']
                if piece['state'] in states]

    def test_golden(self):
        self.expect_golden('wal.txt', self.expect(OK, 'wal', self.fixed).stdout)
        report = json.loads(self.expect(OK, 'wal', self.fixed, '--json').stdout)
        self.expect_golden('wal.json', json.dumps(report, indent=1).encode() + b'\n')

    def records(self, store: Path, code: int = OK, *arguments) -> dict:
        result = kvdump('wal', store, '--json', '--records', *arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        return json.loads(result.stdout)

    @staticmethod
    def operations(holders) -> list:
        return [(entry['operation'], entry['key'], entry['value_bytes'])
                for holder in holders for entry in holder.get('content', [])]

    def test_records_golden(self):
        self.expect_golden('wal_records.txt',
                           self.expect(OK, 'wal', self.fixed, '--records').stdout)

    def test_records_tell_every_operation_and_where_it_lies(self):
        report = self.records(self.fixed)
        self.assertEqual((report['schema'], report['encoding']), (1, 'escape'))
        (slot,) = report['slots']
        self.assertEqual(self.operations(slot['pieces']), FIXED_OPERATIONS)
        content = newest_slot(self.fixed).read_bytes()
        sequences = []
        for piece in slot['pieces']:
            for entry in piece.get('content', []):
                sequences.append(entry['sequence'])
                record = content[piece['offset'] + 96 + entry['record_offset']:]
                first = int.from_bytes(record[8:16], 'little')
                count = int.from_bytes(record[16:20], 'little')
                self.assertTrue(first <= entry['sequence'] < first + count, entry)
        self.assertEqual(sequences, list(range(1, len(FIXED_OPERATIONS) + 1)))
        self.assertEqual(report['log'], self.listing(self.fixed)['log'])

    def test_records_that_share_a_frame_have_offsets_of_their_own(self):
        store = make_store(make_store(self.folder / 'shared', 'interval', 'fixed', 'kill'), 'kill')
        pieces = self.records(store)['slots'][-1]['pieces']
        (frame,) = [piece for piece in pieces if piece.get('records', 0) > 0]
        self.assertEqual(self.operations([frame]), FIXED_OPERATIONS)
        offsets = [entry['record_offset'] for entry in frame['content']]
        self.assertEqual(offsets, sorted(offsets))
        self.assertEqual(len(set(offsets)), 7)
        self.assertEqual(offsets[0], 0)

    def test_records_in_other_forms(self):
        text = self.expect(OK, 'wal', self.fixed, '--records', '--hex').stdout
        self.assertIn(b'62696e00617279ff5c\n', text)
        self.assertIn(b' bin\x00ary\xff\\\n',
                      self.expect(OK, 'wal', self.fixed, '--records', '--raw').stdout)
        report = self.records(self.fixed, OK, '--hex')
        self.assertEqual(report['encoding'], 'hex')
        self.assertEqual(self.operations(report['slots'][0]['pieces'])[0],
                         ('put', b'apple'.hex(), 3))

    def test_records_of_the_ring_that_no_frame_holds_yet(self):
        store = make_store(self.folder / 'ring', 'interval', 'fixed', 'kill')
        report = self.records(store)
        tail = report['tail']
        self.assertEqual(self.operations([tail]), FIXED_OPERATIONS)
        self.assertEqual((tail['records'], tail['operations'], tail['first_sequence']), (7, 11, 1))
        self.assertEqual((report['log']['records'], report['log']['tail_records']), (7, 7))
        self.assertEqual(report['log']['next_sequence'], 12)
        content = (store / 'tail').read_bytes()
        for entry in tail['content']:
            first = int.from_bytes(content[entry['position'] + 8:][:8], 'little')
            self.assertTrue(first <= entry['sequence'] <= first + 4)
        self.assertIn(b'tail@0 ', self.expect(OK, 'wal', store, '--records').stdout)
        self.assertEqual(self.expect(OK, 'scan', store).stdout, lines(FIXED))
        self.assertNotIn('content', self.listing(store)['tail'])

        flip(store / 'tail', tail['content'][-1]['position'] + 9)  # not what belongs there any more
        self.assertEqual(self.operations([self.records(store)['tail']]), FIXED_OPERATIONS[:-1])
        os.truncate(store / 'tail', 2 << 30)
        report = self.records(store, CORRUPTION)
        self.assertIn('/tail', report['error'])
        self.assertIsNone(report['tail'])

    def test_records_behind_damage_are_told_as_far_as_they_are_whole(self):
        store = self.copy()
        flip(newest_slot(store), FIRST_FRAME + BLOCK + 100)  # the second record
        report = self.records(store, CORRUPTION)
        pieces = report['slots'][-1]['pieces']
        for state, operations in (('valid', FIXED_OPERATIONS[:1]), ('damaged', []),
                                  ('given_up', FIXED_OPERATIONS[2:])):
            self.assertEqual(self.operations(piece for piece in pieces if piece['state'] == state),
                             operations)
        self.assertEqual(report['log']['operations'], 1)
        self.expect(CORRUPTION, 'wal', store, '--records')

    def test_a_large_record_is_told_where_it_ends(self):
        report = self.records(make_store(self.folder / 'large_record', 'large'))
        told = [(piece['kind'], self.operations([piece])) for _, piece in
                self.pieces(report, 'valid') if piece['kind'].startswith('large')]
        self.assertEqual(told, [('large_begin', []), ('large_middle', []),
                                ('large_end', [('put', 'large', 5 << 20)])])

    def test_memory_does_not_grow_with_the_records(self):
        env = {**os.environ, 'ASAN_OPTIONS': 'quarantine_size_mb=1'}  # holds what is freed
        script = ('import resource, subprocess, sys; '
                  'subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True); '
                  'print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)')
        command = [sys.executable, '-c', script, KVDUMP, 'wal', '--records', '--json']
        stores = self.fixed, make_store(self.folder / 'many_records', *['many'] * 60)
        few, many = (int(subprocess.run([*command, store], capture_output=True, check=True,
                                        env=env).stdout) for store in stores)
        self.assertLess(many, few + 16_000)  # KiB; its log holds more than that

    def test_sums(self):
        report = self.listing(self.fixed)
        self.assertEqual(report['schema'], 1)
        self.assertEqual(report['log']['records'], 7)
        self.assertEqual(report['log']['operations'], 11)
        self.assertEqual(report['log']['next_sequence'], 12)
        self.assertTrue(report['log']['clean_end'])
        self.assertIsNone(report['log']['damage'])

    def test_a_killed_store_has_no_clean_end(self):
        store = make_store(self.folder / 'killed', 'fixed', 'kill')
        report = self.listing(store)
        self.assertFalse(report['log']['clean_end'])
        self.assertEqual(report['log']['operations'], 11)

    def test_a_second_open_continues_the_first(self):
        store = make_store(make_store(self.folder / 'twice', 'fixed'), 'fixed')
        report = self.listing(store)
        self.assertEqual(report['log']['operations'], 22)
        headers = [slot['headers'][0] for slot in report['slots']]
        last = max(headers, key=lambda header: header['segment'])
        if last['predecessor']:
            self.assertEqual(last['predecessor']['segment'], last['segment'] - 1)
        else:  # written anew, where the file system has no direct reads
            self.assertEqual(report['log']['segments'], 1)

    def test_a_large_record_has_frames_of_its_own(self):
        report = self.listing(make_store(self.folder / 'large', 'large'))
        kinds = [piece['kind'] for _, piece in self.pieces(report, 'valid')]
        self.assertEqual([kind for kind in kinds if kind.startswith('large')],
                         ['large_begin', 'large_middle', 'large_end'])

    def test_a_flip_in_a_frame_is_named_and_the_rest_is_listed(self):
        store = self.copy()
        frame = FIRST_FRAME + BLOCK
        flip(newest_slot(store), frame + 100)
        report = self.listing(store, CORRUPTION)
        (slot, damaged), = self.pieces(report, 'damaged')
        self.assertEqual((slot, damaged['offset']), (newest_slot(store).name, frame))
        self.assertTrue(damaged['why'])
        self.assertTrue(self.pieces(report, 'given_up'))
        for arguments in (['wal', store], ['scan', store]):
            message = self.expect(CORRUPTION, *arguments).stderr.decode()
            self.assertIn(f'wal/{newest_slot(store).name} at offset {frame}', message)

    def test_one_bad_header_copy_is_named_and_does_not_hide_the_rest(self):
        for copy in (0, 1):
            store = self.copy()
            flip(newest_slot(store), copy * BLOCK + 60)
            report = self.listing(store, CORRUPTION)
            states = [header['state'] for header in report['slots'][-1]['headers']]
            self.assertEqual(states.pop(copy), 'bad_checksum')
            self.assertEqual(states, ['valid'])
            self.assertEqual(report['log']['operations'], 11)

    def test_two_bad_header_copies_are_corruption(self):
        store = self.copy()
        flip(newest_slot(store), 60)
        flip(newest_slot(store), BLOCK + 60)
        self.listing(store, CORRUPTION)
        self.expect(CORRUPTION, 'scan', store)

    def test_any_flip_is_found_or_harmless(self):
        rng = random.Random(1)
        store = self.copy()
        slot = newest_slot(store)
        report = self.listing(store)
        end = report['log']['end']['offset']
        for _ in range(150):
            offset, bit = rng.randrange(end), rng.randrange(8)
            with self.subTest(offset=offset, bit=bit):
                flip(slot, offset, bit)
                self.assertIn(kvdump('wal', store, '--records').returncode,
                              (OK, CORRUPTION))
                scan = kvdump('scan', store)
                self.assertIn(scan.returncode, (OK, CORRUPTION))
                if scan.returncode == OK:
                    self.assertEqual(scan.stdout, lines(FIXED))
                flip(slot, offset, bit)

    def test_any_truncation_ends_without_a_crash(self):
        for size in (0, 1, 100, BLOCK, FIRST_FRAME, FIRST_FRAME + 50, FIRST_FRAME + 3 * BLOCK):
            with self.subTest(size):
                store = self.copy()
                os.truncate(newest_slot(store), size)
                for verb in ('wal', 'scan'):
                    self.assertIn(kvdump(verb, store).returncode, (OK, NOT_FOUND, CORRUPTION))

    def test_no_colours_in_a_pipe(self):
        store = self.copy()
        flip(newest_slot(store), FIRST_FRAME + 100)
        environment = {**os.environ, 'TERM': 'xterm'}
        environment.pop('NO_COLOR', None)
        self.assertNotIn(b'\033', self.expect(CORRUPTION, 'wal', store, env=environment).stdout)


class Pages(StoreTest):
    """superblock, pages and page, on a file of which make_pages.cc says what is in it."""

    # first page, pages, whose
    MAP = [(0, 16, 'superblocks'), (16, 16, 'catalog'), (32, 16, 'free'), (48, 48, 'data'),
           (96, 16, 'older'), (112, 16, 'older'), (128, 128, 'free')]
    VERBS = (['superblock'], ['pages'], ['page', 0])

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fixed = cls.folder / 'pages'
        cls.fixed.mkdir()
        subprocess.run([MAKE_PAGES, cls.fixed], check=True)

    def report(self, code, verb, store, *arguments) -> dict:
        return json.loads(self.expect(code, verb, store, *arguments, '--json').stdout)

    def test_golden(self):
        text = b''.join(self.expect(OK, verb, self.fixed, *arguments).stdout + b'\n'
                        for verb, *arguments in (*self.VERBS, ['page', 16], ['page', 48]))
        self.expect_golden('pages.txt', text)

    def test_every_page_is_in_one_stretch(self):
        report = self.report(OK, 'pages', self.fixed)
        self.assertEqual((report['schema'], report['generation']), (1, 4))
        self.assertEqual([tuple(extent.values()) for extent in report['extents']], self.MAP)
        for holder, pages in report['pages'].items():
            self.assertEqual(pages, sum(count for _, count, whose in self.MAP if whose == holder))
        self.assertEqual(report['file_pages'], sum(report['pages'].values()))

    def test_superblocks_field_by_field(self):
        report = self.report(OK, 'superblock', self.fixed)
        self.assertEqual(report['schema'], 1)
        self.assertEqual([(copy['slot'], copy['copy'], copy['page'], copy['state'],
                           copy['generation']) for copy in report['copies']],
                         [('A', 0, 0, 'valid', 3), ('A', 1, 1, 'valid', 3),
                          ('B', 0, 2, 'valid', 4), ('B', 1, 3, 'valid', 4)])
        for copy in report['copies']:
            self.assertEqual((copy['store'], copy['hash_seed']), ('07' * 16, f'{42:016x}'))
        self.assertEqual(report['newest'], {'slot': 'B', 'generation': 4, 'extents': 1,
                                            'payload_bytes': len('three')})
        self.assertEqual((report['damage'], report['error']), ([], None))

    def test_a_page_says_what_it_is(self):
        content = (self.fixed / 'pages').read_bytes()
        for first, count, holder in self.MAP:
            for number in (first, first + count - 1):
                report = self.report(OK, 'page', self.fixed, number)
                self.assertEqual((report['schema'], report['page'], report['offset'],
                                  report['used_by'], report['extent']),
                                 (1, number, number * BLOCK, holder,
                                  {'first': first, 'pages': count}))
                self.assertEqual(bytes.fromhex(report['bytes']),
                                 content[number * BLOCK:][:BLOCK])
                self.assertEqual(report['superblock'] is not None, number < 4)
                self.assertEqual(report['catalog'] is not None, (number, holder) == (16, 'catalog'))
        self.assertEqual(self.report(OK, 'page', self.fixed, 16)['catalog'],
                         {'generation': 4, 'extents': [{'first': 48, 'pages': 48}],
                          'payload_bytes': 5})

    def test_a_page_that_is_not_there(self):
        message = self.expect(NOT_FOUND, 'page', self.fixed, 256).stderr
        self.assertIn(b'there is no page 256, it has 256', message)
        for number in ('-1', 'x', str(1 << 32)):
            self.expect(USAGE, 'page', self.fixed, number)

    def test_a_damaged_copy_is_named_and_its_twin_serves(self):
        for page in range(4):
            store = self.copy()
            flip(store / 'pages', page * BLOCK + 30)
            report = self.report(CORRUPTION, 'superblock', store)
            self.assertEqual([copy['state'] == 'valid' for copy in report['copies']],
                             [number != page for number in range(4)])
            self.assertEqual(report['newest']['generation'], 4)
            self.assertEqual([damage['page'] for damage in report['damage']], [page])
            message = self.expect(CORRUPTION, 'pages', store).stderr.decode()
            self.assertIn(f'{store}/pages at offset {page * BLOCK}: superblock', message)
            self.assertEqual(self.report(CORRUPTION, 'page', store, page)['superblock']['state'],
                             'bad_checksum')

    def test_a_slot_without_a_valid_copy_is_corruption_and_pages_are_still_shown(self):
        store = self.copy()
        for page in (2, 3):
            flip(store / 'pages', page * BLOCK + 30)
        report = self.report(CORRUPTION, 'superblock', store)
        self.assertIsNone(report['newest'])
        self.assertIn('no valid copy of superblock B', report['error'])
        self.assertEqual(self.expect(CORRUPTION, 'pages', store).stdout, b'')
        page = self.report(CORRUPTION, 'page', store, 48)
        self.assertIsNone(page['used_by'])
        self.assertTrue(bytes.fromhex(page['bytes']).startswith(b'page 48\0'))

    def test_a_damaged_catalog(self):
        store = self.copy()
        flip(store / 'pages', 16 * BLOCK + 70)
        message = self.expect(CORRUPTION, 'pages', store).stderr.decode()
        self.assertIn(f'{store}/pages at offset {16 * BLOCK}', message)
        self.assertIn('checksum', message)
        self.report(CORRUPTION, 'superblock', store)

    def test_any_truncation_is_an_error_in_words(self):
        for size in (0, 1, BLOCK, 3 * BLOCK, 17 * BLOCK, 48 * BLOCK + 5):
            with self.subTest(size):
                store = self.copy()
                os.truncate(store / 'pages', size)
                # Without superblocks it is a creation that did not finish.
                code = NOT_FOUND if size == 0 else CORRUPTION
                for verb in ('superblock', 'pages'):
                    self.assertIn(b'/pages', self.expect(code, verb, store).stderr)
        store = self.copy()
        os.truncate(store / 'pages', 48 * BLOCK + 5)
        self.assertEqual(len(bytes.fromhex(self.report(CORRUPTION, 'page', store, 48)['bytes'])), 5)

    def test_any_flip_in_what_counts_is_found(self):
        rng = random.Random(2)
        store = self.copy()
        places = [page * BLOCK for page in range(4) for _ in range(10)] + [16 * BLOCK] * 20
        for start in places:
            offset = start + rng.randrange(76 if start else 128)
            with self.subTest(offset):
                flip(store / 'pages', offset)
                self.expect(CORRUPTION, 'superblock', store)
                flip(store / 'pages', offset)

    def test_a_foreign_file_and_a_missing_one(self):
        store = self.copy()
        (store / 'pages').write_text('dear diary ' * 10_000)
        for verb, *arguments in self.VERBS:
            message = self.expect(CORRUPTION, verb, store, *arguments).stderr
            self.assertIn(b'no valid copy of superblock A: not a superblock', message)
        (store / 'pages').unlink()
        (store / 'pages').mkdir()
        self.expect(IO, 'pages', store)
        (store / 'pages').rmdir()
        (store / 'wal').mkdir()
        for verb, *arguments in self.VERBS:
            message = self.expect(NOT_FOUND, verb, store, *arguments).stderr
            self.assertIn(b'the store has no page file', message)

    def test_a_file_that_is_being_written_to_gives_no_false_alarm(self):
        store = self.copy()
        with subprocess.Popen([MAKE_PAGES, store, 'commit'], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as writer:
            self.assertEqual(writer.stdout.readline(), b'ready\n')
            seen = set()
            for _ in range(30):
                seen.add(self.report(OK, 'pages', store)['generation'])
                self.expect(OK, 'superblock', store)
            writer.stdin.close()
            self.assertEqual(writer.wait(), 0)
        self.assertGreater(len(seen), 10)


class EveryVerb(StoreTest):
    VERBS = (['page', 0], ['pages'], ['scan'], ['superblock'], ['wal'])

    def test_nothing_there_is_not_found_and_nothing_is_made(self):
        foreign = self.folder / 'foreign'
        (foreign / 'wal').mkdir(parents=True)
        (foreign / 'notes.txt').write_text('mine')
        empty = self.folder / 'empty'
        empty.mkdir()
        for verb, *arguments in self.VERBS:
            for path in (self.folder / 'missing', foreign, empty, foreign / 'notes.txt'):
                with self.subTest(verb=verb, path=path):
                    before = contents(self.folder)
                    result = self.expect(NOT_FOUND, verb, path, *arguments)
                    self.assertEqual(result.stdout, b'')
                    self.assertEqual(contents(self.folder), before)

    def test_a_live_store_is_read_and_left_alone(self):
        store = self.folder / 'live'
        with subprocess.Popen([MAKE_STORE, store, 'fixed', 'hold'], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as writer:
            self.assertEqual(writer.stdout.readline(), b'ready\n')
            before = contents(store)
            self.assertEqual(self.expect(OK, 'scan', store).stdout, lines(FIXED))
            self.expect(OK, 'wal', store, '--records')
            self.assertEqual(contents(store), before)
            writer.stdin.close()
            self.assertEqual(writer.wait(), 0)

    def test_usage(self):
        for arguments in ([], ['nonsense'], ['scan'], ['wal'], ['pages'], ['page', self.fixed],
                          ['superblock'], ['scan', self.fixed, '--limit', 'x'],
                          ['wal', self.fixed, '--hex'],
                          ['wal', self.fixed, '--records', '--raw', '--json'],
                          ['scan', self.fixed, '--hex', '--raw'],
                          ['scan', self.fixed, '--raw', '--json'],
                          ['scan', self.fixed, '--from', 'xyz', '--hex'],
                          ['scan', self.fixed, '--prefix', '\\q']):
            with self.subTest(arguments):
                self.assertEqual(self.expect(USAGE, *arguments).stdout, b'')

    def test_help_shows_an_example(self):
        for verb, *_ in self.VERBS:
            self.assertIn(f'Example: kvdump {verb}'.encode(),
                          self.expect(OK, verb, '--help').stdout)
        self.assertRegex(self.expect(OK, '--version').stdout, rb'^kvdump \d+\.\d+\.\d+\n$')


if __name__ == '__main__':
    KVDUMP, MAKE_STORE, MAKE_PAGES = sys.argv[1:4]
    del sys.argv[1:4]
    unittest.main()
