#!/usr/bin/env python3
"""kvbench as its users run it, in seconds: every workload on every engine, every study, and the
JSON of both.

    kvbench_test.py KVBENCH [unittest arguments]
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

# Entries: every put waits for the device.
NUM = 150
OK, USAGE, IO, INTERRUPTED = 0, 2, 4, 130
FILLS = ['fillseq', 'fillrandom', 'fillbatch', 'fillsync']
READS = ['readrandom', 'readmissing', 'readseq']
PERCENTILES = ['p50', 'p95', 'p99', 'p99.9', 'p99.99', 'max']

NUMBER = (int, float)
NONE = type(None)
HOST = {'cpu': str, 'cores': int, 'load': float, 'kernel': str, 'file_system': str,
        'device': str, 'build': str, 'compiler': str, 'assertions': bool}
RESULT = {
    'engine': str, 'engine_version': str, 'workload': str, 'threads': int, 'num': int,
    'key_size': int, 'value_size': int, 'ops': int, 'found': (int, NONE), 'seconds': NUMBER,
    'ops_per_sec': NUMBER, 'spread': (*NUMBER, NONE), 'runs': list, 'latency_of': str,
    'latency_samples': int, 'latency_us': dict, 'cpu_us_per_op': NUMBER,
    'write_amp': (*NUMBER, NONE), 'read_amp': (*NUMBER, NONE), 'space_amp': (*NUMBER, NONE),
    'disk_bytes': (int, NONE), 'fsyncs': (int, NONE), 'peak_rss_bytes': (int, NONE),
    'stall_us': (dict, NONE), 'settings': dict,
}


STUDY_RESULT = {'what': str, 'variant': str, 'way': str, 'unit': str, 'median': NUMBER,
                'spread': (*NUMBER, NONE), 'runs': list}
RATIO = {'name': str, 'value': NUMBER, 'wanted': (*NUMBER, NONE), 'elsewhere': (*NUMBER, NONE)}
ENGINE_WAYS = {'posix', 'ring'}


def kvbench(*arguments, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run([KVBENCH, *map(str, arguments)], capture_output=True, text=True,
                          check=False, **kwargs)


class CommandTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = Path(self.temporary.name)
        self.json = self.folder / 'out.json'

    def check_fields(self, value: dict, schema: dict):
        self.assertEqual(list(value), list(schema))
        for name, types in schema.items():
            self.assertIsInstance(value[name], types, name)


class RunTest(CommandTest):
    def run_small(self, *arguments, code=OK) -> dict:
        """Runs few entries, forced: the tests are run in builds that are not to be measured."""
        result = kvbench('run', '--force', '--dir', self.folder, '--num', NUM, '--json', self.json,
                         *arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        self.output = result.stdout
        self.assertNotIn('\033', result.stdout + result.stderr)
        report = json.loads(self.json.read_text())
        self.check_schema(report)
        return report

    def check_schema(self, report: dict):
        self.assertEqual(list(report),
                         ['schema', 'kvbench_version', 'complete', 'host', 'results'])
        self.assertEqual(report['schema'], 1)
        self.check_fields(report['host'], HOST)
        for result in report['results']:
            self.check_fields(result, RESULT)
            self.assertEqual(list(result['latency_us']), PERCENTILES)
            latencies = [result['latency_us'][name] for name in PERCENTILES]
            self.assertEqual(latencies, sorted(latencies))
            self.assertGreater(result['latency_samples'], 0)
            for run in result['runs']:
                self.check_fields(run, {'seconds': NUMBER, 'ops_per_sec': NUMBER})
            self.assertIn(result['ops_per_sec'], [run['ops_per_sec'] for run in result['runs']])

    def test_engines_keep_what_they_are_given_in_both_classes(self):
        offered = re.search(r'On which of:((?:\s\w+)+)', kvbench('run', '--help').stdout).group(1)
        peers = [name for name in offered.split() if name != 'null']
        for durability in ('power-cut', 'kill'):
            report = self.run_small('--engines', ','.join(peers), '--durability', durability,
                                    '--verify', '--workloads', 'fillbatch,fillsync,fillrandom,'
                                    'readrandom,readmissing,readseq', '--threads', 2)
            self.assertEqual(len(report['results']), 6 * len(peers))
            for row in report['results']:
                synced = row['workload'] == 'fillsync'
                self.assertEqual(row['settings']['survives'],
                                 'power-cut' if synced else durability)

    def test_an_unknown_class_is_refused(self):
        result = kvbench('run', '--force', '--workloads', 'fillseq', '--durability', 'none')
        self.assertEqual(result.returncode, USAGE)

    def test_every_workload_on_every_engine(self):
        workloads = [name for fill in FILLS for name in (fill, *READS)]
        report = self.run_small('--engines', 'siltstone,null', '--verify', '--batch', 40,
                                '--workloads', ','.join(workloads))
        self.assertTrue(report['complete'])
        self.assertEqual([(row['engine'], row['workload']) for row in report['results']],
                         [(engine, name) for engine in ('siltstone', 'null') for name in workloads])
        for row in report['results']:
            self.assertEqual(row['ops'], NUM)
            self.assertIn(f'{row["engine"]:<10} {row["workload"]:<12} :', self.output)
        for row in report['results'][:len(workloads)]:
            self.assertEqual(row['settings']['survives'], 'power-cut')
            self.assertEqual(row['settings']['durability'], 'every_commit')
            self.assertIn(row['settings']['io_backend'], ('posix', 'uring'))
            self.assertTrue(row['settings']['verified'])
            self.assertGreater(row['disk_bytes'], NUM * 116 * 0.4)
            self.assertEqual(row['found'], {'readrandom': NUM, 'readmissing': 0,
                                            'readseq': NUM}.get(row['workload']))
            self.assertEqual(row['latency_of'],
                             'batch' if row['workload'] == 'fillbatch' else 'operation')
        for row in report['results'][len(workloads):]:
            for absent in ('write_amp', 'space_amp', 'disk_bytes', 'fsyncs'):
                self.assertIsNone(row[absent])
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ['out.json'])

    def test_repeats_give_a_median_and_a_spread(self):
        report = self.run_small('--engines', 'null', '--repeat', 3,
                                '--workloads', 'fillseq,readseq')
        for row in report['results']:
            rates = sorted(run['ops_per_sec'] for run in row['runs'])
            self.assertEqual(len(rates), 3)
            self.assertEqual(row['ops_per_sec'], rates[1])
            self.assertAlmostEqual(row['spread'], (rates[2] - rates[0]) / rates[1])
        self.assertIsNone(self.run_small('--engines', 'null', '--workloads', 'fillseq')
                          ['results'][0]['spread'])

    def test_sizes_threads_and_seed_reach_the_engine(self):
        report = self.run_small('--workloads', 'fillrandom,readrandom,readseq', '--verify',
                                '--engines', 'siltstone', '--key-size', '32B', '--value-size',
                                '4KiB', '--threads', 4, '--seed', 9, '--compressibility', '0.9')
        self.assertEqual([row['ops'] for row in report['results']], [NUM, NUM, 4 * NUM])
        for row in report['results']:
            self.assertEqual((row['key_size'], row['value_size'], row['threads']), (32, 4096, 4))
            self.assertEqual(row['settings']['seed'], 9)

    def test_json_on_stdout_is_alone_there(self):
        result = kvbench('run', '--force', '--dir', self.folder, '--engines', 'null',
                         '--workloads', 'fillseq', '--json', '-')
        self.check_schema(json.loads(result.stdout))
        self.assertIn('fillseq', result.stderr)

    def test_keep_leaves_the_stores(self):
        self.run_small('--engines', 'siltstone', '--workloads', 'fillseq', '--keep')
        (store,) = self.folder.glob('kvbench-siltstone-*')
        self.assertTrue((store / 'wal').is_dir())

    def test_an_interrupt_ends_with_what_is_known(self):
        with subprocess.Popen([KVBENCH, 'run', '--force', '--dir', self.folder, '--engines',
                               'siltstone', '--num', '100', '--reads', str(1 << 40), '--json',
                               self.json, '--workloads', 'fillseq,readrandom'],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            while not process.stdout.readline().startswith('siltstone  fillseq'):
                self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate()
        self.assertEqual(process.returncode, INTERRUPTED, errors)
        report = json.loads(self.json.read_text())
        self.assertFalse(report['complete'])
        self.assertEqual([row['workload'] for row in report['results']], ['fillseq'])
        self.assertEqual(list(self.folder.glob('kvbench-*')), [])

    def test_a_pipe_that_nobody_reads_ends_it_and_nothing_is_left(self):
        with subprocess.Popen([KVBENCH, 'run', '--force', '--dir', self.folder, '--engines',
                               'siltstone', '--num', '100', '--reads', str(1 << 40),
                               '--workloads', 'fillseq,fillrandom,readrandom'],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            process.stdout.close()
            errors = process.stderr.read()
        self.assertEqual(process.returncode, IO, errors)
        self.assertIn('Broken pipe', errors)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_usage(self):
        for arguments in ([], ['run'], ['run', '--workloads', 'nonsense'],
                          ['run', '--workloads', 'readseq'],
                          ['run', '--workloads', 'fillseq', '--engines', 'nonsense'],
                          ['run', '--workloads', 'fillseq', '--num', '0'],
                          ['run', '--workloads', 'fillseq', '--num', '1000', '--key-size', '2'],
                          ['run', '--workloads', 'fillseq', '--value-size', '65MiB'],
                          ['run', '--workloads', 'fillseq', '--dir', self.folder / 'missing']):
            with self.subTest(arguments):
                result = kvbench(*arguments)
                self.assertEqual(result.returncode, USAGE, result.stderr)
                self.assertEqual(result.stdout, '')
                self.assertTrue(result.stderr)

    def test_a_directory_that_takes_no_files_is_an_error(self):
        if os.geteuid() == 0:
            folder = Path('/proc')
        else:
            folder = self.folder / 'locked'
            folder.mkdir(mode=0o500)
        result = kvbench('run', '--force', '--dir', folder, '--workloads', 'fillseq')
        self.assertEqual(result.returncode, IO, result.stderr)
        self.assertIn(str(folder), result.stderr)

    def test_help_shows_an_example(self):
        self.assertIn('Example: kvbench run', kvbench('run', '--help').stdout)
        self.assertRegex(kvbench('--version').stdout, r'^kvbench \d+\.\d+\.\d+\n$')


class StudyTest(CommandTest):
    """device and preset, small: that they measure what they say, not what comes out."""

    def study(self, *command, code=OK, **kwargs) -> dict:
        result = kvbench(*command, '--force', '--json', self.json, **kwargs)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        self.output = result.stdout
        self.assertNotIn('\033', result.stdout + result.stderr)
        report = json.loads(self.json.read_text())
        self.assertEqual(list(report), ['schema', 'kvbench_version', 'complete', 'host', 'study',
                                        'settings', 'results', 'ratios', 'notes'])
        self.assertEqual((report['schema'], report['complete']), (1, code == OK))
        self.check_fields(report['host'], HOST)
        for result in report['results']:
            self.check_fields(result, STUDY_RESULT)
            self.assertEqual(len(result['runs']), report['settings']['repeat'])
            self.assertIn(result['median'], result['runs'])
            self.assertGreater(min(result['runs']), 0)
            self.assertIn(result['what'], self.output)
        for ratio in report['ratios']:
            self.check_fields(ratio, RATIO)
            self.assertIn(ratio['name'], self.output)
        self.assertEqual([path.name for path in self.folder.iterdir()], ['out.json'])
        return report

    def preset(self, name, *arguments, **kwargs) -> dict:
        report = self.study('preset', name, '--dir', self.folder, *arguments, **kwargs)
        self.assertEqual(report['study'], name)
        return report

    def medians(self, report, unit) -> dict:
        return {(row['what'], row['variant'], row['way']): row['median']
                for row in report['results'] if row['unit'] == unit}

    def ways(self, report) -> set:
        """Those of the engine; a ring need not be allowed here, but then the report says so."""
        ways = {row['way'] for row in report['results']}
        self.assertNotEqual('ring' in ways, any('no ring' in note for note in report['notes']))
        return ways & ENGINE_WAYS

    def test_io_depth(self):
        report = self.preset('io-depth', '--file-size', '2MiB', '--seconds', '0.02', '--repeat', 2,
                             '--depths', '1,8,64')
        self.ways(report)
        for way in {row['way'] for row in report['results']}:
            self.assertEqual([row['variant'] for row in report['results'] if row['way'] == way],
                             ['depth 1', 'depth 8', 'depth 64'])
        self.assertTrue(any('fio' in note for note in report['notes']))
        if 'ring' in self.ways(report):
            wanted = {ratio['name']: ratio['wanted'] for ratio in report['ratios']}
            self.assertEqual(wanted['ring at depth 64 / ring at depth 1'], 4)
            self.assertEqual([wanted[f'ring / posix at depth {depth}'] for depth in (1, 8, 64)],
                             [None, 0.95, 0.95])

    def test_io_depth_without_fio_says_so(self):
        report = self.preset('io-depth', '--file-size', '1MiB', '--seconds', '0.01', '--repeat', 1,
                             '--depths', 2, '--ways', 'plain,fio',
                             env={**os.environ, 'PATH': str(self.folder)})
        self.assertEqual({row['way'] for row in report['results']}, {'plain'})
        self.assertIn('fio is not installed: nothing to compare the ring with', report['notes'])
        self.assertIn('fio is not installed', self.output)

    def test_vectored(self):
        report = self.preset('vectored', '--rounds', 3, '--repeat', 1)
        calls = self.medians(report, 'calls')
        self.assertEqual(calls, {('system calls for them', what, way): 1
                                 for what in ('64 pages written', '64 pages read')
                                 for way in self.ways(report)})
        self.assertEqual({row['variant'] for row in report['results'] if row['unit'] == 'times/s'},
                         {'one call', 'a call each'})

    def test_coalescing(self):
        pages = 600
        report = self.preset('coalescing', '--rounds', 3, '--pages', pages, '--repeat', 2)
        requests = self.medians(report, 'requests')
        self.assertEqual(requests['requests in random order', 'a call each', 'plain'], pages)
        for way in self.ways(report):
            self.assertEqual(
                requests['requests for 64 neighbours', 'one by one, one window', way], 1)
            self.assertLess(requests['requests in random order', 'buffer for all', way], pages / 2)
            # The buffer of the writer holds this few.
            self.assertLess(requests['requests in random order', 'default buffer', way], pages / 2)
        for ratio in report['ratios']:
            self.assertEqual(ratio['wanted'], 2 if 'buffer for all' in ratio['name'] else None)

    def test_checksum(self):
        report = self.preset('checksum', '--seconds', '0.05', '--repeat', 1)
        ways = {row['way'] for row in report['results']}
        self.assertLessEqual({'bytewise', 'slicing'}, ways)
        self.assertEqual(len(report['results']), 5 * len(ways))
        self.assertTrue(all(ratio['elsewhere'] == 10 for ratio in report['ratios']))

    def test_batch_io(self):
        report = self.preset('batch-io', '--file-size', '2MiB', '--rounds', 2, '--repeat', 1)
        writes = self.medians(report, 'writes/s')
        self.assertEqual({variant for _, variant, _ in writes},
                         {'each durable', 'buffered, one sync', 'buffered, no sync'})
        elsewhere = [ratio['elsewhere'] for ratio in report['ratios']]
        for figure in (19, 2) + ((1.67, 2.5) if 'ring' in self.ways(report) else ()):
            self.assertIn(figure, elsewhere)

    def test_durability(self):
        report = self.preset('durability', '--puts', '300,10000', '--limit', '1', '--repeat', 1)
        rates = self.medians(report, 'puts/s')
        ways = {variant for _, variant, _ in rates}
        self.assertLessEqual({'sync per put', 'interval of 100 ms', 'batches of 100, synced',
                              'write_back'}, ways)
        self.assertEqual('batches of 100, write_back, snappy' in ways,
                         'this build has no snappy' not in report['notes'])
        for puts in (300, 10_000):
            what = f'{puts} puts of 16 + 100 B'
            for way in ways:
                self.assertGreaterEqual(rates[what, way, 'returned'],
                                        rates[what, way, 'and flushed'])
            # Not a matter of the machine: the one waits for the device once, the other each time.
            self.assertGreater(rates[what, 'write_back', 'and flushed'],
                               rates[what, 'sync per put', 'and flushed'])
        told = [ratio for ratio in report['ratios'] if 'told elsewhere' in ratio['name']]
        self.assertEqual([ratio['wanted'] for ratio in told], 2 * [None, *[5] * (len(ways) - 1)])
        for ratio in told:
            puts, way, figure = re.fullmatch(r'(\d+): (.*) / (\d+) told elsewhere',
                                             ratio['name']).groups()
            rate = rates[f'{puts} puts of 16 + 100 B', way, 'returned']
            self.assertAlmostEqual(ratio['value'], rate / int(figure))

    def test_durability_ends_at_its_limit(self):
        report = self.preset('durability', '--puts', 1 << 26, '--limit', '0.02', '--repeat', 1)
        self.assertTrue(any('was over before all 67108864 puts' in note
                            for note in report['notes']))

    def test_fillrandom(self):
        report = self.preset('fillrandom', '--entries', 2500, '--repeat', 2)
        rates = self.medians(report, 'puts/s')
        rings = {way for _, _, way in rates if way.startswith('ring')}
        self.assertNotEqual(len(rings) == 2, any('no bare ring' in note
                                                 for note in report['notes']))
        for engine in ('null', 'siltstone'):
            for variant in ('one by one', 'batches of 1000'):
                self.assertIn(('puts of 16 + 100 B', variant, engine), rates)
        wanted = {ratio['name']: ratio['wanted'] for ratio in report['ratios']}
        self.assertEqual(wanted['siltstone: batches / one by one'], 1.6)
        self.assertEqual('siltstone / ring' in wanted, bool(rings))
        self.assertEqual('siltstone / rocksdb' in wanted,
                         'this program was built without rocksdb' not in report['notes'])
        self.assertEqual(report['settings'], {'repeat': 2, 'entries': 2500})

    def test_fillsync(self):
        report = self.preset('fillsync', '--seconds', '0.1', '--repeat', 1)
        syncs = self.medians(report, 'syncs/s')
        self.assertEqual({variant for _, variant, _ in syncs},
                         {'append, fdatasync', 'overwrite, O_DIRECT|O_DSYNC'})
        variants = {variant for _, variant, _ in self.medians(report, 'puts/s')}
        self.assertEqual(variants, {'1 thread', '16 threads', '1 thread, 4096 in flight',
                                    '1 thread, interval of 100 ms', '1 thread beside 2 busy ones'})
        self.assertEqual({variant for _, variant, _ in self.medians(report, 'us')},
                         {'1 thread', '16 threads', '1 thread beside 2 busy ones'})
        self.assertEqual([ratio['wanted'] for ratio in report['ratios']],
                         [0.9, 1.4, 5, 0.5, None, 0.5])
        self.assertEqual(report['settings'], {'repeat': 1, 'seconds': 0.1, 'threads': [1, 16]})

    def test_recovery(self):
        report = self.preset('recovery', '--log-size', '1MiB', '--repeat', 2)
        opens = {row['way']: row for row in report['results'] if row['unit'] == 's'}
        self.assertIn('siltstone', opens)
        self.assertTrue(all(len(row['runs']) == 2 for row in opens.values()))
        self.assertTrue(all(ratio['wanted'] == 5 for ratio in report['ratios']))

    def test_device(self):
        report = self.study('device', self.folder, '--file-size', '9MiB', '--seconds', '0.02',
                            '--repeat', 1, '--depths', '1,4')
        self.assertEqual(report['study'], 'device')
        self.ways(report)
        self.assertEqual({(row['what'], row['variant']) for row in report['results']},
                         {('random read of 4 KiB', 'depth 1'), ('random read of 4 KiB', 'depth 4'),
                          *((f'sequential {what}', f'1 MiB, depth {depth}')
                            for what in ('read', 'write') for depth in (1, 8)),
                          ('4 KiB made durable', 'append, fdatasync'),
                          ('4 KiB made durable', 'overwrite, fdatasync'),
                          ('4 KiB made durable', 'overwrite, O_DIRECT|O_DSYNC')})

    def test_an_interrupt_ends_with_what_is_known(self):
        with subprocess.Popen([KVBENCH, 'preset', 'checksum', '--force', '--seconds', '1',
                               '--repeat', '1000', '--json', self.json, '--dir', self.folder],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            while not process.stdout.readline().startswith('settings'):
                self.assertIsNone(process.poll())
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate()
        self.assertEqual(process.returncode, INTERRUPTED, errors)
        self.assertFalse(json.loads(self.json.read_text())['complete'])

    def test_usage(self):
        for arguments in (['preset'], ['preset', 'nonsense'], ['device'],
                          ['device', self.folder / 'missing'],
                          ['device', self.folder, '--ways', 'fio'],
                          ['preset', 'io-depth', '--dir', self.folder / 'missing'],
                          ['preset', 'io-depth', '--depths', '0'],
                          ['preset', 'io-depth', '--file-size', '1KiB'],
                          ['preset', 'io-depth', '--rounds', '3'],
                          ['preset', 'checksum', '--ways', 'ring'],
                          ['preset', 'coalescing', '--pages', '20000'],
                          ['preset', 'durability', '--puts', '0'],
                          ['preset', 'durability', '--seconds', '1'],
                          ['preset', 'fillrandom', '--entries', '0'],
                          ['preset', 'fillsync', '--threads', '0']):
            with self.subTest(arguments):
                result = kvbench(*arguments, '--force')
                self.assertEqual(result.returncode, USAGE, result.stderr)
                self.assertEqual(result.stdout, '')
                self.assertTrue(result.stderr)

    def test_help_shows_an_example(self):
        for command in (['device'], ['preset'], ['preset', 'vectored']):
            self.assertIn(f'Example: kvbench {" ".join(command)}',
                          kvbench(*command, '--help').stdout)


if __name__ == '__main__':
    KVBENCH = sys.argv[1]
    del sys.argv[1]
    unittest.main()
