"use strict";
// Tables: sorted by a press on a heading (a second press turns the order round), column groups, rows by name.
for (const button of document.querySelectorAll("table.sortable th button")) {
  button.addEventListener("click", () => {
    const header = button.closest("th");
    const table = header.closest("table");
    const column = [...header.parentNode.children].indexOf(header);
    const first = header.dataset.first || "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = header.getAttribute("aria-sort") === first ? other : first;
    const sign = order === "ascending" ? 1 : -1;
    const value = (row) => {
      const text = row.children[column].dataset.value ?? row.children[column].textContent.trim();
      const number = Number(text);
      return text === "" || Number.isNaN(number) ? text : number;
    };
    const compare = (left, right) => {
      const a = value(left), b = value(right);
      if (a === "" || b === "") return (a === "") - (b === "");
      return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
    };
    for (const cell of header.parentNode.children) cell.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", order);
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort(compare));
  });
}

for (const button of document.querySelectorAll("button[data-group]")) {
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", shown);
    document.getElementById("board-table").classList.toggle(`show-${button.dataset.group}`, shown);
  });
}

for (const input of document.querySelectorAll("input[data-filter]")) {
  const rows = [...document.getElementById(input.dataset.filter).tBodies[0].rows];
  const counter = document.querySelector(`[data-filter-count="${input.dataset.filter}"]`);
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLocaleLowerCase();
    for (const row of rows) row.hidden = !row.cells[0].dataset.value.toLocaleLowerCase().includes(wanted);
    counter.textContent = `${rows.filter((row) => !row.hidden).length} / ${rows.length}`;
  });
}
