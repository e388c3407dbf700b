"""Scripts that make the course's tiny models; nothing here is needed to grade."""
