"""The web application in which assistants mark: Starlette, Jinja2 and htmx, bound to this machine alone."""
