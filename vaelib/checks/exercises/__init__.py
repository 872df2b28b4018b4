"""The exercises, a file for each: the solution, its cases, and the mistakes that it invites."""
