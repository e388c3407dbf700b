"""What people decide on submissions: written answers, overrides, comments; and the final grade.

    marking = Marking(results / slug, assignment)
    answers = marking.submissions.answers("question-words")
    marking.mark("Ana", "question-words", Given(adjustment=3, comment="Good."), by="Ines")

Decisions lie in `RESULTS/<slug>/marking.sqlite` (`store`), apart from report.json; `state` folds them, `grades` adds
them to what was graded automatically. Importing this package imports nothing heavy.
"""
