#!/usr/bin/env python3
"""kvbench as its users run it, in seconds: every workload on every engine, and its JSON.

    kvbench_test.py KVBENCH [unittest arguments]
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
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


def kvbench(*arguments, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run([KVBENCH, *map(str, arguments)], capture_output=True, text=True,
                          check=False, **kwargs)


class RunTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = Path(self.temporary.name)
        self.json = self.folder / 'out.json'

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

    def check_fields(self, value: dict, schema: dict):
        self.assertEqual(list(value), list(schema))
        for name, types in schema.items():
            self.assertIsInstance(value[name], types, name)

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


if __name__ == '__main__':
    KVBENCH = sys.argv[1]
    del sys.argv[1]
    unittest.main()
