"""The application: addresses, forms and answers; what the pages show is made by the modules beside this one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any, TypeAlias
from urllib.parse import quote, unquote

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from autograder.marking.errors import ConflictError, MarkingError
from autograder.marking.web import answering, mistakes, overview, staff, students
from autograder.marking.web.desk import Desk, Go, LostError, Page, Visit
from autograder.marking.web.guard import Guard, carries_csrf
from autograder.report.pages import environment

_View: TypeAlias = Callable[[Desk, Visit], Page | Go]

READ: dict[str, _View] = {
    "/": overview.show,
    "/students": students.index,
    "/students/{key}": students.show,
    "/mistakes": mistakes.show,
    "/log": staff.log,
    "/sharing": staff.work,
    "/requests": staff.requests,
    "/review": staff.review,
    "/{round}/{question}": answering.begin,
    "/{round}/{question}/{key}": answering.show,
    "/{round}/{question}/{key}/now": answering.now,
}
"""Pages that are only read, by their addresses; `round` is q or second."""

CHANGE: dict[str, _View] = {
    "/students/{key}/override": students.override,
    "/students/{key}/comment": students.comment,
    "/mistakes/comment": mistakes.comment,
    "/sharing": staff.assign,
    "/sharing/sample": staff.sample,
    "/requests": staff.add_request,
    "/requests/{id}": staff.resolve_request,
    "/{round}/{question}/rubric/items": answering.edit_rubric,
    "/{round}/{question}/{key}": answering.decide,
}
"""What forms send, by their addresses; each needs the token of a form of this application."""

_TEXTS = ("points", "reason", "text", "answer", "comment", "note")
"""Fields that people write; what could not be saved is shown again."""

_NAME, _SHOWN = "autograder-name", "autograder-names"


class Application:
    """The pages of one assignment.

    Args:
        desk: What they show.
        who: Who marks, where a browser has not said it.
    """

    def __init__(self, desk: Desk, who: str) -> None:
        self._desk = desk
        self._who = who
        self._templates = _templates()

    def guarded(self, *, port: int, token: str) -> Guard:
        """Return the ASGI application.

        Args:
            port: Where it is served.
            token: What the printed address carries.
        """
        routes = [
            Route("/settings", self._settings, methods=["POST"]),
            Route("/styles/{name}.css", self._sheet, methods=["GET"]),
            Route("/static/style.css", self._style, methods=["GET"]),
            Mount("/static", StaticFiles(packages=[("autograder.marking.web", "static")])),
            *(Route(path, self._read(view), methods=["GET"]) for path, view in READ.items()),
            *(Route(path, self._change(view), methods=["POST"]) for path, view in CHANGE.items()),
        ]
        app = Starlette(
            routes=routes,
            exception_handlers={404: self._lost, LostError: self._lost, MarkingError: self._refused},
        )
        return Guard(app, port=port, token=token)

    def _visit(self, request: Request, form: Any = ()) -> Visit:
        fields = dict(form)
        pairs = form.multi_items() if form else ()
        return Visit(
            who=unquote(request.cookies.get(_NAME, "")) or self._who,
            names=request.cookies.get(_SHOWN) == "1",
            path={name: str(value) for name, value in request.path_params.items()},
            query=dict(request.query_params),
            form={name: str(value) for name, value in fields.items()},
            ticked=tuple(f"{name}={value}" for name, value in pairs),
        )

    def _read(self, view: _View) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await run_in_threadpool(self._shown, request, view, self._visit(request))

        return answer

    def _change(self, view: _View) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            form = await request.form(max_files=1)
            if not carries_csrf(request, form):
                raise _ForeignFormError
            request.state.form = form
            return await run_in_threadpool(self._shown, request, view, self._visit(request, form))

        return answer

    def _shown(self, request: Request, view: _View, visit: Visit) -> Response:
        with self._desk.marking.lock:
            self._desk.marking.refresh()
            outcome = view(self._desk, visit)
        if isinstance(outcome, Go):
            return RedirectResponse(outcome.url, 303)
        return self._page(request, visit, outcome)

    def _page(self, request: Request, visit: Visit, page: Page) -> Response:
        context = {
            "assignment": self._desk.marking.assignment,
            "csrf": request.state.csrf,
            "visit": visit,
            "path": request.url.path,
            "port": request.url.port,
            **page.context,
        }
        return HTMLResponse(self._templates.get_template(page.template).render(context), page.status)

    async def _settings(self, request: Request) -> Response:
        form = await request.form()
        if not carries_csrf(request, form):
            raise _ForeignFormError
        back = str(form.get("back", "/"))
        response = RedirectResponse("/" + back.lstrip("/\\"), 303)
        if name := " ".join(str(form.get("who", "")).split())[:80]:
            response.set_cookie(_NAME, quote(name), httponly=True, samesite="strict")
        if (names := form.get("names")) is not None:
            response.set_cookie(_SHOWN, "1" if names == "1" else "0", httponly=True, samesite="strict")
        return response

    async def _sheet(self, request: Request) -> Response:
        return Response(self._desk.styles.sheet(request.path_params["name"]), media_type="text/css")

    async def _style(self, request: Request) -> Response:
        sheets = (
            ("autograder.report", "templates/style.css"),
            ("autograder.marking.web", "static/marking.css"),
        )
        text = "\n".join(files(package).joinpath(name).read_text("utf-8") for package, name in sheets)
        return Response(text, media_type="text/css")

    async def _lost(self, request: Request, error: Exception) -> Response:
        return self._message(request, "There is no such page.", 404)

    async def _refused(self, request: Request, error: Exception) -> Response:
        status = (
            403 if isinstance(error, _ForeignFormError) else 409 if isinstance(error, ConflictError) else 400
        )
        return self._message(request, str(error), status)

    def _message(self, request: Request, text: str, status: int) -> Response:
        form = getattr(request.state, "form", {})
        entered = [form[name] for name in _TEXTS if form.get(name)]
        page = Page(template="message.html.j2", context={"message": text, "entered": entered}, status=status)
        return self._page(request, self._visit(request), page)


class _ForeignFormError(MarkingError):
    """A form that does not come from this application, or from before its last start."""

    def __init__(self) -> None:
        super().__init__("This form is not from this page, or older than its last start. Reload the page.")


def _templates() -> jinja2.Environment:
    """Return the environment of the reports' pages with these templates on top."""
    own, reports = (jinja2.PackageLoader(name) for name in ("autograder.marking.web", "autograder.report"))
    env = environment().overlay(loader=jinja2.ChoiceLoader([own, reports]))
    env.filters = {**env.filters, "when": lambda at: at[:16].replace("T", " ")}
    return env
