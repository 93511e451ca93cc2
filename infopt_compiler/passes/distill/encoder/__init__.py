"""Distillation of encoders: a student learns its teacher's vectors, states of tokens and attention."""
