"use strict";
// Confusion matrices: counts or shares, zoom by buttons, wheel, pinch and keys, a cell's numbers on hover and focus.
const LABEL_PX = 13; // rows nearer to each other than this show no name
const NUMBER_PX = 22; // cells smaller than this show no number

class Matrix {
  constructor(root) {
    this.root = root;
    this.svg = root.querySelector("svg");
    this.labels = JSON.parse(root.dataset.labels);
    this.totals = JSON.parse(root.dataset.totals);
    this.text = JSON.parse(root.dataset.text);
    this.n = this.labels.length;
    this.side = Number(this.svg.dataset.side);
    this.origin = Number(this.svg.dataset.origin);
    this.cells = [...this.svg.querySelectorAll(".inside rect")];
    this.count = new Map(this.cells.map((cell) => [this.place(cell), Number(cell.dataset.n)]));
    this.largest = Math.max(1, ...this.count.values());
    this.view = { zoom: 1, x: 0, y: 0 };
    this.cursor = null;
    this.shares = true;
    this.pointers = new Map();
    this.listen();
    this.draw();
  }

  place(cell) {
    return Number(cell.getAttribute("y")) * this.n + Number(cell.getAttribute("x"));
  }

  listen() {
    const acts = { in: () => this.zoom(1.6), out: () => this.zoom(1 / 1.6), all: () => this.reset() };
    for (const button of this.root.querySelectorAll("[data-act]")) {
      const act = button.dataset.act;
      button.addEventListener("click", acts[act] || (() => this.colour(act === "share")));
    }
    this.svg.addEventListener("keydown", (event) => this.key(event));
    this.svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.svg.addEventListener("pointerdown", (event) => this.down(event));
    this.svg.addEventListener("pointermove", (event) => this.move(event));
    this.svg.addEventListener("focus", () => this.point(this.cursor || { x: 0, y: 0 }));
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) {
      this.svg.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    }
  }

  get unit() {
    return (this.side / this.n) * this.view.zoom;
  }

  colour(shares) {
    this.shares = shares;
    for (const button of this.root.querySelectorAll("[data-act=share],[data-act=count]")) {
      button.setAttribute("aria-pressed", (button.dataset.act === "share") === shares);
    }
    for (const cell of this.cells) {
      const total = this.totals[Number(cell.getAttribute("y"))];
      const part = Number(cell.dataset.n) / (shares ? total : this.largest);
      cell.setAttribute("fill-opacity", (0.34 + 0.4 * part).toFixed(2));
    }
    this.draw();
  }

  zoom(factor, at) {
    const { x, y, zoom } = this.view;
    const next = Math.min(Math.max(1, zoom * factor), Math.max(1, this.n / 4));
    const seen = this.n / zoom;
    const centre = at || (this.cursor ? { x: this.cursor.x + 0.5, y: this.cursor.y + 0.5 } : { x: x + seen / 2, y: y + seen / 2 });
    const ratio = zoom / next;
    this.view = { zoom: next, x: centre.x - (centre.x - x) * ratio, y: centre.y - (centre.y - y) * ratio };
    this.draw();
  }

  reset() {
    this.view = { zoom: 1, x: 0, y: 0 };
    this.draw();
  }

  at(event) {
    const box = this.svg.getBoundingClientRect();
    const scale = this.svg.viewBox.baseVal.width / box.width;
    const along = (px, start) => ((px - start) * scale - this.origin) / this.unit;
    return { x: this.view.x + along(event.clientX, box.left), y: this.view.y + along(event.clientY, box.top) };
  }

  wheel(event) {
    if (!event.ctrlKey && document.activeElement !== this.svg) return; // the page scrolls on until the matrix is chosen
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 400), this.at(event));
  }

  down(event) {
    this.pointers.set(event.pointerId, event);
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      const { x, y } = this.at(event);
      const inside = x >= this.view.x && y >= this.view.y && x < this.n && y < this.n;
      if (inside) this.point({ x: Math.floor(x), y: Math.floor(y) });
      return;
    }
    const [a, b] = [...this.pointers.values()];
    this.pointers.set(event.pointerId, event);
    if (b) {
      const [c, d] = [...this.pointers.values()];
      const apart = (p, q) => Math.hypot(p.clientX - q.clientX, p.clientY - q.clientY) || 1;
      this.zoom(apart(c, d) / apart(a, b), this.at(event));
      return;
    }
    const from = this.at(before), to = this.at(event);
    this.view.x += from.x - to.x;
    this.view.y += from.y - to.y;
    this.draw();
  }

  key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const acts = { "+": () => this.zoom(1.6), "=": () => this.zoom(1.6), "-": () => this.zoom(1 / 1.6), 0: () => this.reset() };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (steps[event.key]) {
      const [dx, dy] = steps[event.key];
      const { x, y } = this.cursor || { x: 0, y: 0 };
      const within = (value) => Math.min(Math.max(value, 0), this.n - 1);
      this.point({ x: within(x + dx), y: within(y + dy) });
      this.follow();
    } else if (acts[event.key]) {
      acts[event.key]();
    } else {
      return;
    }
    event.preventDefault();
  }

  follow() {
    const seen = this.n / this.view.zoom;
    for (const axis of ["x", "y"]) {
      const at = this.cursor[axis];
      if (at < this.view[axis]) this.view[axis] = at;
      if (at + 1 > this.view[axis] + seen) this.view[axis] = at + 1 - seen;
    }
    this.draw();
  }

  point(cell) {
    this.cursor = cell;
    const n = this.count.get(cell.y * this.n + cell.x) || 0;
    const total = this.totals[cell.y];
    const share = total ? ((100 * n) / total).toFixed(1).replace(".", this.text.decimal) : "–";
    const phrase = cell.x === cell.y ? this.text.right : n ? this.text.cell : this.text.none;
    const values = { true: this.labels[cell.y], predicted: this.labels[cell.x], n, total, share };
    this.root.querySelector(".readout").textContent = phrase.replace(/<(\w+)>/g, (_, name) => values[name]);
    this.drawCursor();
  }

  px(cells, axis) {
    return this.origin + (cells - this.view[axis]) * this.unit;
  }

  drawCursor() {
    const cursor = this.svg.querySelector(".cursor");
    const shown = this.cursor && this.px(this.cursor.x, "x") >= this.origin - 1 && this.px(this.cursor.y, "y") >= this.origin - 1;
    cursor.setAttribute("visibility", shown ? "visible" : "hidden");
    if (!shown) return;
    const size = Math.max(this.unit, 5);
    cursor.setAttribute("x", this.px(this.cursor.x, "x"));
    cursor.setAttribute("y", this.px(this.cursor.y, "y"));
    cursor.setAttribute("width", size);
    cursor.setAttribute("height", size);
  }

  draw() {
    const seen = this.n / this.view.zoom;
    for (const axis of ["x", "y"]) this.view[axis] = Math.min(Math.max(this.view[axis], 0), this.n - seen);
    const { x, y } = this.view;
    const inside = this.svg.querySelector(".inside");
    const move = `translate(${this.origin - x * this.unit} ${this.origin - y * this.unit}) scale(${this.unit})`;
    inside.setAttribute("transform", move);
    this.svg.classList.toggle("zoomed", this.view.zoom > 1);
    this.drawNumbers(seen);
    this.drawLabels(seen);
    this.drawCursor();
  }

  textAt(content, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", "text");
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = content;
    return element;
  }

  drawNumbers(seen) {
    const found = [];
    if (this.unit >= NUMBER_PX) {
      for (const [place, n] of this.count) {
        const row = Math.floor(place / this.n), column = place % this.n;
        const { x, y } = this.view;
        if (column + 1 < x || row + 1 < y || column > x + seen || row > y + seen) continue;
        const at = { x: this.px(column + 0.5, "x"), y: this.px(row + 0.5, "y") + 4 };
        found.push(this.textAt(n, at));
      }
    }
    this.svg.querySelector(".numbers").replaceChildren(...found);
  }

  drawLabels(seen) {
    const step = Math.max(1, Math.ceil(LABEL_PX / this.unit));
    const short = (label) => (label.length > 22 ? `${label.slice(0, 21)}…` : label);
    const rows = [], columns = [];
    for (let i = 0; i < this.n; i += 1) {
      if (i % step) continue;
      const label = short(this.labels[i]);
      if (i + 0.5 >= this.view.y && i + 0.5 <= this.view.y + seen) {
        rows.push(this.textAt(label, { x: this.origin - 6, y: this.px(i + 0.5, "y") + 4, "text-anchor": "end" }));
      }
      if (i + 0.5 >= this.view.x && i + 0.5 <= this.view.x + seen) {
        const turned = `translate(${this.px(i + 0.5, "x") + 4} ${this.origin - 6}) rotate(-90)`;
        columns.push(this.textAt(label, { transform: turned }));
      }
    }
    this.svg.querySelector(".rows").replaceChildren(...rows);
    this.svg.querySelector(".columns").replaceChildren(...columns);
  }
}

for (const root of document.querySelectorAll(".matrix")) new Matrix(root);
