"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const key = (row, column) => {
    const cell = row.cells[column];
    const stated = cell.dataset.value ?? cell.textContent.trim();
    return stated !== "" && !Number.isNaN(Number(stated)) ? Number(stated) : stated.toLocaleLowerCase();
  };
  const compare = (one, other) => {
    if (typeof one === "number" && typeof other === "number") return one - other;
    return String(one).localeCompare(String(other));
  };
  for (const heading of table.tHead.rows[0].cells) {
    if (heading.tagName !== "TH") continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const largestFirst = heading.classList.contains("num");
      const now = heading.getAttribute("aria-sort");
      const order = now ? (now === "ascending" ? "descending" : "ascending") : largestFirst ? "descending" : "ascending";
      for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const sorted = [...body.rows].sort((a, b) => sign * compare(key(a, heading.cellIndex), key(b, heading.cellIndex)));
      body.append(...sorted);
    });
  }
}
document.documentElement.classList.add("scripted");
