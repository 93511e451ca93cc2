"""How much a run does of what no parameter says: read by the run and by its estimate. No torch."""

from __future__ import annotations

QUICK_STEPS = 3  # of `preset = quick`
APART_SHARE = 20  # one window or sentence of 20 is kept apart, to stop by
APART_WINDOWS, APART_SENTENCES = 16, 256  # at most so many

CHUNK_TOKENS = 128  # so that a chunk's logits stay near the caches (25 MB at 49,152 words)

# a student made from the teacher
TRIALS, TRIAL_TOKENS = 12, 64  # windows on which layers are tried: short, and from all over the text
DEPTH_TOKENS = 2048  # as many of an encoder's: every trial is a forward pass of half the model
FIT_TOKENS = 32768  # on which channels are ranked and layers fitted: more rows than columns, held in memory
COMPARED = 8  # windows whose outcomes are held at once
REFIT_TOKENS = 65536  # on which a quantized student's integers are fitted anew
REFIT_SWEEPS = 2  # over its columns; a third one moves hardly any integer
ALL_SUBSETS = 64  # choices of layers, up to which all are tried
SHORTLIST = 12  # layers tried in a round after the first: those that looked least missed in the round before
SCORED = 4  # a decoder's outcome is compared at every fourth position: the head is a large part of the cost
OBSERVED = 1024  # sentences on which layers are ranked and fitted
OBSERVED_LENGTH = 32  # tokens of the longest of them: longer ones are mostly padding

# text that a model writes
BEGINNING = 4  # a quarter of a window is the text's, the rest is written
WRITTEN_AT_ONCE = 16  # windows

# the judgement
JUDGED_WINDOWS, QUICK_JUDGED = 16, 2  # of each text, evenly spread
TIMED = 8  # forwards of a window by teacher and student, the first of them not counted
JUDGED_SENTENCES = 1000  # of each text, where it is not sampled

PIECE = 32  # sentences of about one length a forward, so that little is padding
