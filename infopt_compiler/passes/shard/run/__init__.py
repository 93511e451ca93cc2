"""Sharded models, executed: the artifact, the ranks, the proof that they compute what the whole model computes."""
