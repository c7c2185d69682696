"use strict";
// The scatter: what a point says on hover and on focus, and the switch between its measures.
const tip = document.getElementById("tip");

function showTip(lines, box) {
  tip.replaceChildren(
    ...lines.map((line, index) => {
      const element = document.createElement(index ? "div" : "strong");
      element.textContent = line;
      return element;
    }),
  );
  tip.hidden = false;
  const width = document.documentElement.clientWidth;
  const left = Math.min(Math.max(8, box.left + box.width / 2 - tip.offsetWidth / 2), width - tip.offsetWidth - 8);
  const above = box.top - tip.offsetHeight - 10;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 4 ? above : box.bottom + 10}px`;
}

function hideTip() {
  tip.hidden = true;
}

for (const point of document.querySelectorAll("[data-tip]")) {
  const show = () => showTip(point.dataset.tip.split("\n"), point.querySelector(".halo").getBoundingClientRect());
  point.addEventListener("pointerenter", show);
  point.addEventListener("focus", show);
  point.addEventListener("pointerleave", hideTip);
  point.addEventListener("blur", hideTip);
}
document.addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
document.addEventListener("scroll", hideTip, { passive: true });

for (const button of document.querySelectorAll("button[data-view]")) {
  button.addEventListener("click", () => {
    hideTip();
    for (const other of document.querySelectorAll("button[data-view]")) {
      other.setAttribute("aria-pressed", other === button);
    }
    for (const figure of document.querySelectorAll("figure[data-view]")) {
      figure.classList.toggle("later", figure.dataset.view !== button.dataset.view);
    }
  });
}
