// Single keys for whatever says aria-keyshortcuts, the running sum, drafts that survive a change of the rubric,
// and the list of keys. Every page works without it, with mouse and Tab.
"use strict";
(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const stored = (name, value) => {
    try {
      if (value === undefined) return sessionStorage.getItem(name);
      if (value === null) sessionStorage.removeItem(name);
      else sessionStorage.setItem(name, value);
    } catch { /* storage is switched off */ }
    return null;
  };
  const isText = (element) => element.matches("textarea, select, input:not([type=checkbox], [type=radio])");
  const isSeen = (element) => element.getClientRects().length > 0;

  function sum() {
    const output = find("#sum"), form = find("#mark");
    if (!output) return;
    const given = all("input[name=items]:checked", form).reduce((total, box) => total + Number(box.dataset.points), 0);
    const adjustment = Number(form.elements.adjustment.value.replace(",", ".")) || 0;
    const points = Math.min(Math.max(given + adjustment, 0), Number(output.dataset.max));
    output.value = String(Math.round(points * 100) / 100);
  }

  function tick(selector, wanted) {
    all(selector).forEach((box) => { box.checked = wanted(box); });
    find("#mark").dispatchEvent(new Event("input", { bubbles: true }));
  }

  const draftName = (form) => `draft ${form.getAttribute("action")} ${form.elements.revision.value}`;

  function keepDraft(form) {
    const fields = [...form.elements].filter((one) => one.name && one.type !== "hidden" && one.type !== "submit");
    stored(draftName(form), JSON.stringify(fields.map((one) => [one.name, one.type === "checkbox" ? one.checked : one.value, one.value])));
  }

  function restoreDraft(form) {
    const draft = stored(draftName(form));
    if (!draft || find("[role=alert].callout:not([hidden])")) return;
    form.dataset.touched = "yes";
    const applied = new URLSearchParams(location.search).get("apply");
    for (const [name, value, key] of JSON.parse(draft)) {
      const field = [...form.elements].find((one) => one.name === name && (one.type !== "checkbox" || one.value === key));
      if (field && field.type === "checkbox") field.checked = value || key === applied;
      else if (field) field.value = value;
    }
  }

  function begin() {
    all(".scripted, #open-help").forEach((element) => { element.hidden = false; });
    find("#keys-on").checked = stored("keys") !== "off";
    const form = find("#mark");
    if (!form) return;
    restoreDraft(form);
    if (form.elements.revision.value || all("input[name=items]:checked", form).length) sum();
  }

  function openHelp() {
    const rows = all("[aria-keyshortcuts][data-label]").filter(isSeen).map((element) => {
      const term = document.createElement("dt"), text = document.createElement("dd"), key = document.createElement("kbd");
      key.textContent = element.getAttribute("aria-keyshortcuts");
      term.append(key);
      text.textContent = element.dataset.label;
      return [term, text];
    });
    find("#help-keys").replaceChildren(...rows.flat());
    find("#help").showModal();
  }

  function act(element) {
    if (element.tagName === "DETAILS") {
      element.open = !element.open;
      if (element.open) (find("input:not([type=hidden]), button", element) || find("summary", element)).focus();
    } else if (isText(element)) {
      element.focus();
      element.select();
    } else {
      element.click();
    }
  }

  // Keys that come while a page is on its way are meant for it.
  let isComing = false, waiting = [];
  const settle = (after) => { isComing = false; waiting.splice(0).forEach(after); };

  document.addEventListener("keydown", (event) => {
    if (isComing && !event.ctrlKey && !event.metaKey && !event.altKey && (event.key.length === 1 || event.key === "Enter")) {
      event.preventDefault();
      waiting.push(event.key);
      return;
    }
    press(event);
  });

  function press(event) {
    const here = document.activeElement || document.body, form = find("#mark");
    if (event.isComposing || find("#help").open) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form && form.contains(here)) {
      event.preventDefault();
      find("button[value=save]", form).click();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      const open = here.closest("details[open]");
      if (open) open.open = false;
      here.blur();
      return;
    }
    if (isText(here) || !find("#keys-on").checked) return;
    if (event.key === "Enter" && here.matches("a, button, summary")) return;
    const earlier = here.closest("#earlier[open]") && find(`[data-digit="${CSS.escape(event.key)}"]`);
    const target = earlier || all(`[aria-keyshortcuts="${CSS.escape(event.key)}"]`).find(isSeen);
    if (!target) return;
    event.preventDefault();
    act(target);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.id === "open-help") openHelp();
    if (button.id === "all-items") tick("input[name=items]", (box) => Number(box.dataset.points) > 0);
    if (button.id === "no-items") tick("input[name=items]", () => false);
    if (button.id === "toggle-group") {
      const some = all("input[name=also]:checked").length > 0;
      tick("input[name=also]", () => !some);
    }
    if ("comment" in button.dataset) {
      const field = find("#mark").elements.comment;
      field.value = [field.value.trim(), button.dataset.comment].filter(Boolean).join("\n\n");
      find("#earlier").open = false;
      button.blur();
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });

  document.addEventListener("input", (event) => {
    if (event.target.id === "keys-on") stored("keys", event.target.checked ? null : "off");
    const form = event.target.closest("#mark");
    if (!form) return;
    form.dataset.touched = "yes";
    find("#untouched").hidden = true;
    sum();
    keepDraft(form);
  });

  // An answer that nobody has decided gets no points by a second Enter: 0 points are a decision, too.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.id !== "mark" || !event.submitter || event.submitter.value !== "save") return;
    if (form.dataset.touched || form.elements.revision.value || all("input[name=items]:checked", form).length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    find("#untouched").hidden = false;
  }, true);

  // A decision is saved once its answer has come: only then is the draft let go.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, requestConfig } = event.detail;
    const form = requestConfig.elt.closest && requestConfig.elt.closest("#mark");
    if (form && xhr.status < 400) stored(draftName(form), null);
  });
  document.addEventListener("htmx:beforeRequest", (event) => { isComing = isComing || event.detail.target === document.body; });
  ["htmx:sendError", "htmx:timeout"].forEach((name) => document.addEventListener(name, () => {
    find("#lost").hidden = false;
    settle(() => {});
  }));
  document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful) find("#lost").hidden = true; });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== document.body) return;
    begin();
    find("#content").focus({ preventScroll: true });
    window.scrollTo(0, 0);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target !== document.body) return;
    settle((key) => document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })));
  });
  document.addEventListener("DOMContentLoaded", begin);
  if (document.readyState !== "loading") begin();
})();
