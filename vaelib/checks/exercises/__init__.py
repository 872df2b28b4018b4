"""The exercises, a file for each: the solution, its cases, and the mistakes that it invites.

The tables of slips are laid out by hand (``# fmt: skip``): a sentence stands below its edit.
"""
