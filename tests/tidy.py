#!/usr/bin/env python3
"""The rules of style, as a test: layers, sizes, comments, and what may not be called where.

    tests/tidy.py               check every file of the project
    tests/tidy.py --self-test   check that each rule finds its bad example and passes its good one

A rule is a function from a File to findings (line, message). The limits only tighten: a file or
function over its limit stands below with its size, and the entry must shrink with it.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Which folders of lib a folder may include, besides itself: those of the rows before its own.
ROWS = [['base'], ['io'], ['wal', 'page'], ['memtable', 'table'], ['tree'], ['db']]
LAYERS = {name: {below for row in ROWS[:depth] for below in row}
          for depth, row in enumerate(ROWS) for name in row}

COLUMNS = 100
FILE_LINES = {'include/': 200, 'lib/': 400, '': 600}
FUNCTION_LINES = 70
LONG_FILES: dict[str, int] = {}
LONG_FUNCTIONS: dict[str, int] = {}

# Headers and names that only some places may use: pattern, where it is allowed, and what to do.
CALLS = [
    (r'#include <(iostream|cstdio|stdio\.h|print)>', [], 'the library never prints'),
    (r'\bstd::(cout|cerr|clog)\b', [], 'the library never prints'),
    (r'\b(std::)?(abort|exit|_exit|quick_exit|terminate|atexit)\(', ['lib/base/assert'],
     'the library ends no process; use SILT_ASSERT or an error'),
    (r'\b(std::)?(getenv|setlocale|signal|sigaction)\(', ['lib/io/'],
     'the library leaves the process alone'),
    (r'\bstd::(recursive_|timed_|shared_)?mutex\b', ['lib/base/mutex.h'], 'use base::Mutex'),
    (r'\bstd::(lock_guard|unique_lock|scoped_lock|condition_variable)\b', ['lib/base/mutex.h'],
     'use base::Lock, and io::Parker to wait'),
    (r'#include <(thread|stop_token|semaphore|latch|barrier|future)>', ['lib/io/'],
     'threads are started and parked through lib/io'),
    (r'\bstd::(jthread|thread|async)\b|\bthis_thread\b|\bpthread_create\b', ['lib/io/'],
     'threads are started and parked through lib/io'),
    (r'\b(steady|system|high_resolution)_clock\b|\b(clock_gettime|gettimeofday|time)\(',
     ['lib/io/'], 'time is read through io::Clock'),
    (r'#include <(fstream|filesystem|fcntl\.h|unistd\.h|dirent\.h|linux/[^>]*)>', ['lib/io/'],
     'system calls are made in lib/io'),
    (r'#include <sys/(?!uio\.h|mman\.h|auxv\.h)[^>]*>', ['lib/io/'],
     'system calls are made in lib/io'),
    (r'#include <sys/(mman|auxv)\.h>', ['lib/io/', 'lib/base/'], 'memory is mapped in lib/base'),
    (r'\bsyscall\(', ['lib/io/'], 'system calls are made in lib/io'),
    (r'#include <liburing', ['lib/io/uring_'], 'the ring is used in lib/io/uring_* alone'),
    (r'#include <snappy', ['lib/base/compression', 'lib/wal/compression', 'lib/table/compression'],
     'codecs are called in one file'),
]

# Words that tell how a text came to be, or where, instead of what it says.
TALK = re.compile(r'\b(TODO|FIXME|XXX|HACK)\b|\bissue #?\d+|/(work|root|home|Users)/\w', re.I)


@dataclass(frozen=True)
class File:
    """One text file: its path from the root of the project, and what is in it."""
    path: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def is_cpp(self) -> bool:
        return self.path.endswith(('.h', '.cc'))

    @cached_property
    def code(self) -> str:
        """The C++ with comments and the insides of literals blanked; lines stay where they are."""
        def blank(match):
            token = match.group()
            if token.startswith('/'):
                return re.sub(r'[^\n]', ' ', token)
            return token[0] + re.sub(r'[^\n]', ' ', token[1:-1]) + token[-1]
        # Includes keep their names, and a digit separator does not begin a literal.
        literal = (r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|(?<!include )"(?:\\.|[^"\\\n])*"'
                   r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'")
        return re.sub(literal, blank, self.text, flags=re.S)

    def find(self, pattern: str, text: str | None = None):
        """Yields the line number and the match of every occurrence, in the code unless told."""
        text = self.code if text is None else text
        for match in re.finditer(pattern, text):
            yield text.count('\n', 0, match.start()) + 1, match


def limit(table: dict[str, int], key: str, default: int, actual: int) -> str | None:
    """The ratchet: None when `actual` is in order, else what is wrong with it."""
    allowed = table.get(key, default)
    if actual > allowed:
        return f'{actual} lines, at most {allowed}'
    if key in table and actual < allowed:
        return f'shrank to {actual} lines: write that into tidy.py, or remove the entry'
    return None


def plain_text(file: File):
    for number, line in enumerate(file.lines, 1):
        is_free = file.path.endswith('.md') or 'http' in line
        if len(line) > COLUMNS and not is_free:
            yield number, f'{len(line)} columns, at most {COLUMNS}'
        if line != line.rstrip():
            yield number, 'space at the end of the line'
        if '\t' in line:
            yield number, 'tab'
        if not line.isascii():
            yield number, 'not ASCII'
    if not file.text.endswith('\n'):
        yield len(file.lines), 'no newline at the end of the file'


def says_what_it_is(file: File):
    lines = file.lines
    first = lines[1] if lines and lines[0].startswith('#!') else (lines or [''])[0]
    opening = {'.h': '//', '.cc': '//', '.py': '"""', '.md': '# '}.get(Path(file.path).suffix)
    if opening is None and lines[:1] == ['#!/usr/bin/env bash']:
        opening = '#'
    if opening and not first.startswith(opening):
        yield 1, f'begins with no {opening}: the first lines tell what a file is'


def no_talk(file: File):
    if file.path == 'tests/tidy.py':
        return
    for line, match in file.find(TALK, file.text):
        yield line, f'"{match.group()}" tells of the making, not of the thing'


def file_size(file: File):
    default = next(lines for prefix, lines in FILE_LINES.items() if file.path.startswith(prefix))
    if (file.is_cpp or file.path.endswith('.py')) and (
            fault := limit(LONG_FILES, file.path, default, len(file.lines))):
        yield 1, fault


def functions(file: File):
    """Yields (line, name, lines) of every outermost function."""
    head, start, line, scopes = '', 1, 1, []
    for char in re.sub(r'^[ \t]*#(?:\\\n|.)*', '', file.code, flags=re.M):
        line += char == '\n'
        inside_function = any(name is not None for name, _ in scopes)
        if char == '{':
            name = None if inside_function else function_name(head)
            scopes.append((name, start))
        elif char == '}' and scopes:
            name, opened = scopes.pop()
            if name is not None:
                yield opened, name, line - opened + 1
        if char in '{};':
            head = ''
        elif head or not char.isspace():
            start = line if not head else start
            head += char


def function_name(head: str) -> str | None:
    """The name of the function whose body follows `head`; None for any other block."""
    scope = r'(template\s*<[^{]*>\s*)?(inline )?(namespace|class|struct|union|enum|extern)\b'
    if re.match(scope, head) or re.search(r'=\s*$', head):
        return None
    call = re.search(r'([\w:~]+|operator\s*\S+?)\s*\((.*)', head, re.S)
    if call is None:
        return None
    is_test = call.group(1).endswith('TEST_CASE')
    return ' '.join(call.group(2).split())[:60] if is_test else call.group(1)


def function_size(file: File):
    if not file.is_cpp:
        return
    for line, name, lines in functions(file):
        if fault := limit(LONG_FUNCTIONS, f'{file.path}:{name}', FUNCTION_LINES, lines):
            yield line, f'{name}: {fault}'


def may_include(path: str, layer: str) -> bool:
    """Whether a file may include a header of this folder of lib."""
    top, _, rest = path.partition('/')
    folder = rest.partition('/')[0]
    if top == 'lib':
        return layer == folder or layer in LAYERS[folder]
    if path.startswith('tests/support/'):
        return layer in ('base', 'io')
    if path.startswith('bench/kvbench/studies/'):
        return layer in ('base', 'io', 'page', 'wal')
    if path.startswith('bench/kvbench/'):
        return layer == 'base'
    if top == 'tests' and folder in LAYERS:
        return layer == folder or layer in LAYERS[folder]
    sees_api_alone = ('docs/', 'include/', 'tests/consumer/', 'tests/public/')
    return not path.startswith(sees_api_alone)


def include_direction(file: File):
    if not file.is_cpp:
        return
    folder = file.path.split('/')[1]
    if file.path.startswith('lib/') and folder not in LAYERS:
        yield 1, f'lib/{folder} is not in the table of layers'
        return
    for line, match in file.find(r'#include "([^"]*)"'):
        target = match.group(1).split('/')[0]
        if file.path.startswith('include/'):
            yield line, 'a public header includes public headers alone, as <siltstone/...>'
        elif target in LAYERS and not may_include(file.path, target):
            yield line, f'{file.path} is not above lib/{target}'
        elif target == 'support' and not file.path.startswith(('tests/', 'bench/micro/')):
            yield line, 'only tests include tests/support'


def calls_in_their_place(file: File):
    if not file.is_cpp or not file.path.startswith(('lib/', 'include/')):
        return
    for pattern, allowed, advice in CALLS:
        if not file.path.startswith(tuple(allowed)):
            for line, match in file.find(pattern):
                yield line, f'{match.group()}: {advice}'


def no_early_return_from_new(file: File):
    """The memory may be had before the arguments are, and an early return would leave it."""
    if file.is_cpp:
        for line, _ in file.find(r'\bnew\b[^;]*\bSILT_TRY\b'):
            yield line, 'SILT_TRY within a new-expression leaks when it returns'


def header_form(file: File):
    if not file.path.endswith('.h'):
        return
    if '\n#pragma once\n' not in file.text:
        yield 1, 'no #pragma once'
    for line, _ in file.find(r'\busing namespace\b'):
        yield line, 'using namespace in a header'


def format_header(file: File):
    if not file.path.endswith('_format.h'):
        return
    if 'static_assert' not in file.code:
        yield 1, 'a format pins its sizes by static_assert'
    if not re.search(r'^//(.*\+--|.*\|.*\||\s+\d+\s+\d+\s+\w)', file.text, re.M):
        yield 1, 'a format is drawn in a comment: offsets and widths of its fields'


def own_namespace(file: File):
    parts = file.path.split('/')
    if file.is_cpp and parts[0] == 'lib' and 'namespace' in file.code:
        if not re.search(rf'namespace siltstone(::{parts[1]}\b| {{)', file.code):
            yield 1, f'lib/{parts[1]} lives in namespace siltstone::{parts[1]}'


def sorted_sources(file: File):
    if not file.path.endswith('meson.build'):
        return
    for line, match in file.find(r'files\(\n((?:\s*\'[^\']*\',\n)+)', file.text):
        names = re.findall(r"'([^']*)'", match.group(1))
        if names != sorted(names):
            yield line, 'sources are sorted, one per line'


def is_built(file: File):
    """A source that no meson.build names is dead; a link that leads nowhere too."""
    if file.path.endswith('.cc'):
        folder = Path(file.path).parent
        lists = [ROOT / parent / 'meson.build' for parent in (folder, *folder.parents)]
        names = ''.join(path.read_text() for path in lists if path.exists())
        if Path(file.path).name not in names:
            yield 1, 'no meson.build of this folder or above names it'
    if file.path.endswith('.md'):
        for line, match in file.find(r'\]\(([^)#\s]+)[^)]*\)', file.text):
            target = match.group(1)
            if '://' not in target and not (ROOT / file.path).parent.joinpath(target).exists():
                yield line, f'the link leads nowhere: {target}'


def readme_example(file: File):
    example = ROOT / 'docs/examples/hello.cc'
    if file.path == 'README.md':
        body = example.read_text().split('\n', 1)[1]
        if f'```cpp\n{body}```\n' not in file.text:
            yield 1, 'the example is not docs/examples/hello.cc, which the tests compile'


RULES = [plain_text, says_what_it_is, no_talk, file_size, function_size, include_direction,
         calls_in_their_place, no_early_return_from_new, header_form, format_header, own_namespace,
         sorted_sources, is_built, readme_example]


def project_files():
    """Every text file of the project: what git would commit, or all that a tarball holds."""
    listing = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], cwd=ROOT,
                             capture_output=True, text=True, check=False)
    names = listing.stdout.split('\n') if listing.returncode == 0 else []
    if 'meson.build' not in names:
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob('*') if path.is_file()]
    for name in sorted(filter(None, names)):
        path = ROOT / name
        is_ours = not name.startswith(('tests/fixtures/', 'tests/golden/', 'build'))
        if is_ours and path.is_file() and b'\0' not in (data := path.read_bytes()):
            yield File(name, data.decode('utf-8', 'replace'))


def check() -> int:
    files = list(project_files())
    found = [f'{file.path}:{line}: {message}'
             for file in files for rule in RULES for line, message in rule(file)]
    print(*found, sep='\n')
    print(f'{len(files)} files, {len(found)} findings')
    return 1 if found or len(files) < 10 else 0


# Per rule: what it must find, then what it must let pass.
LONG_BODY = '{\n' + '  call();\n' * 71 + '}\n'
LONG_CLASS = 'class A {\n  void b() { c(); }\n' + '  int a;\n' * 80 + '};\n'
LONG_TABLE = 'constexpr int kTable[] = {\n' + '  f(1),\n' * 80 + '};\n'
EXAMPLES = {
    plain_text: (
        [('a.txt', 'x' * 101 + '\n'), ('a.txt', 'a \n'), ('a.txt', '\ta\n'), ('a.txt', '\u2014\n'),
         ('a.txt', 'a')],
        [('a.txt', 'x' * 100 + '\n'), ('a.md', '| ' + 'x' * 200 + ' |\n')]),
    says_what_it_is: (
        [('lib/io/a.h', '#pragma once\n'), ('tools/a', '#!/usr/bin/env bash\nset -eu\n'),
         ('tests/a.py', 'import re\n'), ('a.md', 'text\n')],
        [('lib/io/a.h', '// A.\n'), ('tools/a', '#!/usr/bin/env bash\n# A.\n'), ('a.md', '# A\n')]),
    no_talk: (
        [('lib/a.cc', '// TO' + 'DO: later\n'), ('docs/a.md', 'see issue 12\n'),
         ('tools/a', 'cd /ho' + 'me/me/x\n')],
        [('lib/a.cc', '// a session of the ring; the homework\n')]),
    file_size: (
        [('lib/io/a.cc', '//\n' * 401), ('include/siltstone/a.h', '//\n' * 201),
         ('tests/io/a_test.cc', '//\n' * 601)],
        [('lib/io/a.cc', '//\n' * 400)]),
    function_size: (
        [('lib/io/a.cc', f'namespace a {{\nvoid B::c(int x,\n       int y) {LONG_BODY}}}\n'),
         ('lib/io/a.h', f'class A {{\n  A() : b_(1) {LONG_BODY}}};\n'),
         ('tests/io/a_test.cc', f'TEST_CASE("a: b") {LONG_BODY}')],
        [('lib/io/a.cc', LONG_CLASS), ('lib/io/a.cc', LONG_TABLE)]),
    include_direction: (
        [('lib/base/a.h', '#include "io/clock.h"\n'),
         ('lib/wal/a.h', '#include "page/page_file.h"\n'),
         ('lib/table/a.h', '#include "memtable/memtable.h"\n'), ('lib/odd/a.h', '//\n'),
         ('include/siltstone/a.h', '#include "base/try.h"\n'),
         ('tests/support/a.h', '#include "wal/segment.h"\n'),
         ('tests/public/a.cc', '#include "base/try.h"\n'),
         ('bench/kvbench/a.cc', '#include "io/storage.h"\n'),
         ('bench/kvbench/studies/a.cc', '#include "db/engine.h"\n'),
         ('lib/db/a.cc', '#include "support/sim.h"\n')],
        [('lib/db/a.h', '#include "wal/a.h"\n'), ('tests/io/a.cc', '#include "support/sim.h"\n'),
         ('lib/wal/a.h', '#include "wal/b.h"\n'), ('tools/kvdump/a.cc', '#include "wal/a.h"\n'),
         ('bench/kvbench/studies/a.cc', '#include "page/a.h"\n'),
         ('bench/kvbench/studies/a.cc', '#include "wal/a.h"\n'),
         ('lib/base/a.h', '// #include "io/clock.h"\n')]),
    calls_in_their_place: (
        [('lib/db/a.h', text) for text in (
            '#include <iostream>\n', 'std::mutex m;\n', 'std::lock_guard g(m);\n',
            '#include <thread>\n', 'auto n = std::chrono::steady_clock::now();\n',
            '#include <unistd.h>\n', '#include <sys/stat.h>\n', 'exit(1);\n', 'std::getenv("A");\n',
            '#include <sys/mman.h>\n', 'syscall(1);\n', '#include <liburing.h>\n',
            '#include <snappy.h>\n', 'std::cerr << 1;\n', 'std::thread t;\n')],
        [('lib/base/mutex.h', 'std::mutex m;\n'), ('lib/io/a.cc', '#include <unistd.h>\n'),
         ('lib/db/a.h', '// never std::mutex\nauto s = "std::cerr";\n#include <sys/uio.h>\n'),
         ('tests/db/a.cc', '#include <thread>\n')]),
    no_early_return_from_new: (
        [('lib/io/a.cc', 'return P(new T(\n    SILT_TRY(open())));\n')],
        [('lib/io/a.cc', 'std::make_unique<T>(SILT_TRY(f()));\nnew T(1);\nSILT_TRY(f());\n')]),
    header_form: (
        [('lib/io/a.h', '// A.\n'), ('lib/io/a.h', '//\n#pragma once\nusing namespace std;\n')],
        [('lib/io/a.h', '//\n#pragma once\n')]),
    format_header: (
        [('lib/wal/wal_format.h', '// | a | b |\n'),
         ('lib/wal/wal_format.h', '// words\nstatic_assert(true);\n')],
        [('lib/wal/wal_format.h', '// | a | b |\nstatic_assert(true);\n'),
         ('lib/wal/wal_format.h', '//   0  8  magic\nstatic_assert(true);\n')]),
    own_namespace: (
        [('lib/wal/a.h', 'namespace siltstone::io {}\n')],
        [('lib/wal/a.h', 'namespace siltstone::wal {}\n'),
         ('lib/db/a.cc', 'namespace siltstone {}\n')]),
    sorted_sources: (
        [('lib/io/meson.build', "files(\n  'b.cc',\n  'a.cc',\n)\n")],
        [('lib/io/meson.build', "files(\n  'a.cc',\n  'b.cc',\n)\n")]),
    is_built: (
        [('lib/io/nobody_names_this.cc', '//\n'), ('docs/a.md', '[x](nowhere.md)\n')],
        [('lib/base/error.cc', '//\n'),
         ('docs/a.md', '# A\n[x](https://example.org) [y](../meson.build)\n')]),
    readme_example: (
        [('README.md', '# A\n```cpp\nint main() {}\n```\n')],
        [('README.md', (ROOT / 'README.md').read_text())]),
}


def self_test() -> int:
    wrong = [f'{rule.__name__}: no example' for rule in RULES if rule not in EXAMPLES]
    for rule, (bad, good) in EXAMPLES.items():
        wrong += [f'{rule.__name__} misses: {path}: {text[:60]!r}'
                  for path, text in bad if not list(rule(File(path, text)))]
        wrong += [f'{rule.__name__} blames: {path}: {text[:60]!r}: {list(rule(File(path, text)))}'
                  for path, text in good if list(rule(File(path, text)))]
    if limit({'a': 90}, 'a', 70, 91) is None or limit({'a': 90}, 'a', 70, 80) is None:
        wrong.append('the ratchet slips')
    print(*wrong, sep='\n')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(self_test() if sys.argv[1:] == ['--self-test'] else check())
