/* Drag over cells of a heatmap to see what differs in them. */
(function () {
  "use strict";

  var drag = null;

  // The column and the row that a place on the screen is in.
  function at(svg, event) {
    var box = svg.getBoundingClientRect();
    var figure = svg.closest("figure");
    var columns = figure.dataset.begins.trim().split(" ").length - 1;
    var rows = figure.dataset.lowers.trim().split(" ").length;
    function place(share, number) { return Math.max(0, Math.min(number - 1, Math.floor(share * number))); }
    return {
      column: place((event.clientX - box.left) / box.width, columns),
      row: place((event.clientY - box.top) / box.height, rows)
    };
  }

  function region(one, other) {
    return {
      left: Math.min(one.column, other.column), right: Math.max(one.column, other.column),
      top: Math.min(one.row, other.row), bottom: Math.max(one.row, other.row)
    };
  }

  function filter(figure, chosen) {
    var of = figure.dataset.of;
    function each(name) { return figure.dataset[name].trim().split(" "); }
    function time(index) { return new Date(Number(each("begins")[index]) * 1000).toISOString().slice(0, 19) + "Z"; }
    var lower = Number(each("lowers")[chosen.bottom]);
    var upper = Number(each("uppers")[chosen.top]);
    return [
      of + (lower < 0 ? " > " : " >= ") + Number(lower.toPrecision(6)),
      of + (upper <= 0 ? " <= " : " < ") + Number(upper.toPrecision(6)),
      "started_at >= '" + time(chosen.left) + "'", "started_at < '" + time(chosen.right + 1) + "'"
    ].join(" and ");
  }

  function outline(svg, chosen) {
    var drawn = svg.querySelector(".chosen");
    if (!drawn) {
      drawn = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      drawn.setAttribute("class", "chosen");
      svg.append(drawn);
    }
    var figure = svg.closest("figure");
    var width = svg.viewBox.baseVal.width / (figure.dataset.begins.trim().split(" ").length - 1);
    var height = svg.viewBox.baseVal.height / figure.dataset.lowers.trim().split(" ").length;
    drawn.setAttribute("x", chosen.left * width);
    drawn.setAttribute("y", chosen.top * height);
    drawn.setAttribute("width", (chosen.right - chosen.left + 1) * width);
    drawn.setAttribute("height", (chosen.bottom - chosen.top + 1) * height);
  }

  document.addEventListener("dragstart", function (event) {
    if (event.target.closest && event.target.closest("svg.heat")) { event.preventDefault(); } // of a link
  });
  document.addEventListener("pointerdown", function (event) {
    var svg = event.target.closest("svg.heat");
    if (svg && event.button === 0 && event.pointerType === "mouse") {
      drag = { svg: svg, from: at(svg, event), chosen: null };
    }
  });
  document.addEventListener("pointermove", function (event) {
    if (!drag) { return; }
    var to = at(drag.svg, event);
    if (drag.chosen || to.column !== drag.from.column || to.row !== drag.from.row) {
      drag.chosen = region(drag.from, to);
      outline(drag.svg, drag.chosen);
    }
  });
  document.addEventListener("pointerup", function () {
    var done = drag;
    drag = null;
    if (!done || !done.chosen || !done.svg.isConnected) { return; }
    var url = new URL(location.href);
    url.searchParams.set("differ", "part");
    url.searchParams.set("part", filter(done.svg.closest("figure"), done.chosen));
    url.hash = "differ";
    document.addEventListener("click", function (event) { event.preventDefault(); event.stopPropagation(); }, { capture: true, once: true });
    location.assign(url);
  });
})();
