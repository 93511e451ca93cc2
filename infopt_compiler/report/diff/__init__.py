"""What differs between two reports: as data, on the terminal, as Markdown."""

from infopt_compiler.report.diff.compare import compare
from infopt_compiler.report.diff.show import markdown, show

__all__ = ["compare", "markdown", "show"]
