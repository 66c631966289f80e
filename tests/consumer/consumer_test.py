#!/usr/bin/env python3
"""Uses the library as its users do, from a temporary folder.

    consumer_test.py installed|subproject

`installed` builds app/main.cc by pkg-config alone: shared, static, and from the build folder;
`subproject` builds app/ with this source tree as its subproject. The compiler is the one of CXX.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MAIN = HERE / 'app' / 'main.cc'
CXX = os.environ.get('CXX', 'c++').split()
# What the shared library may show: the API, and templates of the standard library.
EXPORTS = re.compile(r'(vtable for |typeinfo (name )?for )?'
                     r'(siltstone::(?!(base|db|io|wal|page|memtable|table|tree)::)|([^(]* )?std::)')


def run(*command, **kwargs) -> str:
    """The output of a command that must succeed."""
    result = subprocess.run([str(word) for word in command], text=True, check=False,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kwargs)
    if result.returncode != 0:
        sys.exit(f'{" ".join(map(str, command))}\n{result.stdout}\nexit {result.returncode}')
    return result.stdout


def expect(condition, message):
    if not condition:
        sys.exit(f'wrong: {message}')


def build_and_run(name: str, folder: Path, pkg_config_path: Path, *flags, static=False) -> Path:
    """Compiles main.cc by pkg-config and runs it on a fresh store; returns the program."""
    env = {**os.environ, 'PKG_CONFIG_PATH': str(pkg_config_path)}
    run('pkg-config', '--validate', 'siltstone', env=env)
    kind = ['--static'] if static else []
    words = run('pkg-config', *kind, '--cflags', '--libs', 'siltstone', env=env).split()
    program = folder / name
    run(*CXX, '-std=c++23', MAIN, '-o', program, *words, *flags)
    libdir = run('pkg-config', '--variable=libdir', 'siltstone', env=env).strip()
    version = run(program, folder / f'store-{name}', env={**os.environ, 'LD_LIBRARY_PATH': libdir})
    expect(version == run('pkg-config', '--modversion', 'siltstone', env=env),
           f'{name}: the library says {version!r}')
    return program


def needed(program: Path) -> str:
    return run('readelf', '--dynamic', '--wide', program)


def install(build: Path, prefix: Path, kind: str) -> Path:
    """Installs this kind of library alone; returns the folder of its pkg-config file."""
    if not build.exists():
        run('meson', 'setup', build, ROOT, '--buildtype=release', '--libdir=lib',
            '-Dtests=disabled', '-Dtools=disabled', '-Dbenchmarks=disabled')
    run('meson', 'configure', build, f'--prefix={prefix}', f'-Ddefault_library={kind}')
    run('ninja', '-C', build)
    run('meson', 'install', '-C', build, '--tags', 'runtime')
    installed = [path.name for path in prefix.rglob('*') if not path.is_dir()]
    expect(all(name.startswith('libsiltstone.so.') for name in installed),
           f'tag runtime installs {installed}')
    run('meson', 'install', '-C', build)
    flags = (prefix / 'lib/pkgconfig/siltstone.pc').read_text()
    expect('-std' not in flags and '-D' not in flags, f'flags of our own leak:\n{flags}')
    return prefix / 'lib/pkgconfig'


def test_installed(folder: Path):
    build, shared, static = folder / 'build', folder / 'shared', folder / 'static'
    program = build_and_run('app-shared', folder, install(build, shared, 'shared'))
    expect('[libsiltstone.so.0]' in needed(program), 'the program does not need the library')
    build_and_run('app-uninstalled', folder, build / 'meson-uninstalled',
                  f'-Wl,-rpath,{build / "lib"}')
    symbols = run('nm', '--dynamic', '--demangle', '--defined-only', shared / 'lib/libsiltstone.so')
    strangers = [line for line in symbols.splitlines() if not EXPORTS.match(line.split(' ', 2)[2])]
    expect(not strangers, 'exported, but not of the API:\n' + '\n'.join(strangers))

    # The dependencies stay shared: Debian has no archive of every one.
    program = build_and_run('app-static', folder, install(build, static, 'static'), static=True)
    expect('siltstone' not in needed(program), 'the program needs our shared library')


def test_subproject(folder: Path):
    app = folder / 'app'
    (app / 'subprojects').mkdir(parents=True)
    for name in ('main.cc', 'meson.build'):
        (app / name).write_bytes((HERE / 'app' / name).read_bytes())
    (app / 'subprojects' / 'siltstone').symlink_to(ROOT)
    run('meson', 'setup', app / 'build', app, '--wrap-mode=nodownload')
    tests = run('meson', 'test', '-C', app / 'build', '--list')
    expect('siltstone:' not in tests, f'the tests of the subproject are among ours:\n{tests}')
    run('ninja', '-C', app / 'build')
    run('meson', 'test', '-C', app / 'build')
    installed = run('meson', 'introspect', '--installed', app / 'build')
    expect('siltstone.pc' not in installed and '.h"' not in installed,
           f'a subproject installs more than the library: {installed}')


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as temporary:
        {'installed': test_installed, 'subproject': test_subproject}[sys.argv[1]](Path(temporary))
