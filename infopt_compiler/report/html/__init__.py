"""report.html: one self-contained page about one build."""

from infopt_compiler.report.html.page import html

__all__ = ["html"]
