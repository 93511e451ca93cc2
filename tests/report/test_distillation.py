"""The section on distillation says in words whether the teacher was worth it, and draws both curves."""

from __future__ import annotations

from infopt_compiler.report.html.blocks import Figure, Text
from infopt_compiler.report.html.distillation import distillation


def test_it_says_whether_the_student_beat_its_control(whole):
    blocks = distillation(whole).blocks
    said = [block.text for block in blocks if isinstance(block, Text)]
    assert said[0] == "q beat its control on the held-out text: +0.5 nats a token (0.4 … 0.6)."
    quality = whole["passes"][0]["facts"]["distillation"]["quality"]
    quality["heldout"] |= {"beats_control": False, "gain": {"value": 0.1, "interval": [-0.1, 0.3]}}
    said = [block.text for block in distillation(whole).blocks if isinstance(block, Text)]
    assert "did not beat its control beyond the interval" in said[0]


def test_curves_of_kl_and_nll_over_tokens(whole):
    figures = [block for block in distillation(whole).blocks if isinstance(block, Figure)]
    assert [figure.title.split(" while")[0] for figure in figures] == ["KL to the teacher", "NLL of the text"]
    values = figures[0].wide["data"]["values"]
    assert {value["subject"] for value in values} == {"distilled", "control (text alone)"}
    assert max(value["tokens"] for value in values) == 20.48


def test_a_build_without_it_has_no_section(report):
    assert distillation(report).blocks == []
