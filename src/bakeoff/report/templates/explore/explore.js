"use strict";
// Which column the balance is shown by, and which class is picked out on the map.
for (const select of document.querySelectorAll("select[data-shows]")) {
  const show = () => {
    for (const part of document.querySelectorAll(`[data-part="${select.dataset.shows}"]`)) {
      part.classList.toggle("later", part.id !== select.value);
    }
  };
  select.addEventListener("change", show);
  show(); // a reloaded page keeps what was chosen
}

for (const select of document.querySelectorAll("select[data-picks]")) {
  const map = document.getElementById(select.dataset.picks);
  const pick = () => {
    map.classList.toggle("picking", select.value !== "");
    for (const group of map.querySelectorAll("g")) group.classList.toggle("picked", group.dataset.class === select.value);
    const picked = map.querySelector("g.picked");
    if (picked) picked.parentNode.append(picked); // on top of the others
  };
  select.addEventListener("change", pick);
  pick();
}
