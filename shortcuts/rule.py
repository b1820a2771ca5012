"""The rule by which a marker counts as used, in numbers; `verdict.py` applies it."""

LEVEL = 0.05  # of the tests, all markers, directions and classes together (Holm 1979)
FEWEST = 12  # lesions an effect must rest on
EXACT = 30  # lesions from which a t test is trusted; under them signs are turned
FLIPS = 0.07  # decisions that turn one way more than with the control, from which a marker counts as used
MOVES = 0.07  # change of a probability, its own and beyond its control, from which it does
DISTURBS = 0.10  # the same, surely, from which an insertion tells although its change in no order does as much
HARMLESS = 0.05  # change of a probability, and share of decisions, inside which it does not matter
WITHIN = 0.90  # level of the interval that must lie inside that margin for “not seen to matter” (two one-sided tests)
ON_LESION = 0.2  # share of a marker that lies on the lesion, from which changing it changes the lesion
ATTENDS = 0.05  # share of the evidence beyond the share of the area, from which the heat is said to lie on a marker
