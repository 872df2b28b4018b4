"""A course: what students find in place of a solution, and how long a notebook may run."""

c = get_config()  # noqa: F821 (nbgrader gives it)

c.CourseDirectory.course_id = "vae"
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError  # your lines"}
c.ExecutePreprocessor.timeout = 120
