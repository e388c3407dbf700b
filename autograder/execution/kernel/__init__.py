"""Code that runs in the zygote and in the student's kernel. Nothing secret is imported here."""
