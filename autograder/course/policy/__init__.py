"""What a course's roster, dates and attempts make of a grade."""
