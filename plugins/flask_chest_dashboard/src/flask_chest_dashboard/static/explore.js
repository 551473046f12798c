/* The page Explore. Drag over cells of a heatmap to see what differs in them. */
(function () {
  "use strict";

  document.getElementById("explore-url").textContent = location.href; // as a proxy has it

  let drag = null;

  const numbers = (figure, name) => figure.dataset[name].trim().split(" ").map(Number);

  function sizes(figure) {
    return [numbers(figure, "begins").length - 1, numbers(figure, "lowers").length];
  }

  // The column and the row that a place on the screen is in.
  function at(svg, event) {
    const box = svg.getBoundingClientRect();
    const [columns, rows] = sizes(svg.closest("figure"));
    const place = (share, number) => Math.max(0, Math.min(number - 1, Math.floor(share * number)));
    return {
      column: place((event.clientX - box.left) / box.width, columns),
      row: place((event.clientY - box.top) / box.height, rows)
    };
  }

  function between(one, other) {
    return {
      left: Math.min(one.column, other.column), right: Math.max(one.column, other.column),
      top: Math.min(one.row, other.row), bottom: Math.max(one.row, other.row)
    };
  }

  // Of the two borders of a row, that which is nearer to 0 belongs to it.
  function filter(figure, chosen) {
    const of = figure.dataset.of;
    const begins = numbers(figure, "begins");
    const lower = numbers(figure, "lowers")[chosen.bottom];
    const upper = numbers(figure, "uppers")[chosen.top];
    const time = (index) => new Date(begins[index] * 1000).toISOString().slice(0, 19) + "Z";
    return [
      of + (lower < 0 ? " > " : " >= ") + Number(lower.toPrecision(6)),
      of + (upper <= 0 ? " <= " : " < ") + Number(upper.toPrecision(6)),
      "started_at >= '" + time(chosen.left) + "'", "started_at < '" + time(chosen.right + 1) + "'"
    ].join(" and ");
  }

  function outline(svg, chosen) {
    let drawn = svg.querySelector(".chosen");
    if (!drawn) {
      drawn = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      drawn.setAttribute("class", "chosen");
      svg.append(drawn);
    }
    const [columns, rows] = sizes(svg.closest("figure"));
    const width = svg.viewBox.baseVal.width / columns;
    const height = svg.viewBox.baseVal.height / rows;
    drawn.setAttribute("x", chosen.left * width);
    drawn.setAttribute("y", chosen.top * height);
    drawn.setAttribute("width", (chosen.right - chosen.left + 1) * width);
    drawn.setAttribute("height", (chosen.bottom - chosen.top + 1) * height);
  }

  document.addEventListener("dragstart", function (event) { // of the link of a cell
    if (event.target.closest && event.target.closest("svg.heat")) { event.preventDefault(); }
  });
  document.addEventListener("pointerdown", function (event) {
    const svg = event.target.closest("svg.heat");
    if (svg && event.button === 0 && event.pointerType === "mouse") {
      drag = { svg: svg, from: at(svg, event), chosen: null };
    }
  });
  document.addEventListener("pointermove", function (event) {
    if (!drag) { return; }
    const to = at(drag.svg, event);
    if (drag.chosen || to.column !== drag.from.column || to.row !== drag.from.row) {
      drag.chosen = between(drag.from, to);
      outline(drag.svg, drag.chosen);
    }
  });
  document.addEventListener("pointerup", function () {
    const done = drag;
    drag = null;
    if (!done || !done.chosen || !done.svg.isConnected) { return; } // refreshed meanwhile
    const url = new URL(location.href);
    url.searchParams.set("differ", "part");
    url.searchParams.set("part", filter(done.svg.closest("figure"), done.chosen));
    url.hash = "differ";
    document.addEventListener("click", function (event) {
      event.preventDefault();
      event.stopPropagation();
    }, { capture: true, once: true });
    location.assign(url);
  });
})();
