"""What an instructor writes and what students hand in: assignments, models, submissions, notebooks."""
