"use strict";
// Sorts a table by the column whose header button is pressed; a second press turns the order round.
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
