"""The table of codes: `explain CODE`, the docs and the tests all read it. A code never changes its meaning."""

from infopt_compiler.diagnostics.codes.execute import EXECUTE
from infopt_compiler.diagnostics.codes.info import CodeInfo
from infopt_compiler.diagnostics.codes.language import LANGUAGE
from infopt_compiler.diagnostics.codes.measure import MEASURE
from infopt_compiler.diagnostics.codes.passes import PASSES
from infopt_compiler.diagnostics.codes.plugins import PLUGINS
from infopt_compiler.diagnostics.codes.shard import SHARD
from infopt_compiler.diagnostics.codes.sources import SOURCES
from infopt_compiler.diagnostics.codes.usage import USAGE

CODES: dict[str, CodeInfo] = {
    info.code: info
    for table in (LANGUAGE, USAGE, SOURCES, PASSES, SHARD, PLUGINS, EXECUTE, MEASURE)
    for info in table
}

__all__ = ["CODES", "CodeInfo"]
