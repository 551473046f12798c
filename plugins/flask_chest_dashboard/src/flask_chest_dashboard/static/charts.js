/* Charts over time: drawn by uPlot from the table below each. A chart goes over to newer values
   without a jump, when its panel is loaded again. */
window.keyhole = (function () {
  "use strict";

  const COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];
  const ROLES = { error: "--bad", before: "--muted", rest: "--edge" };
  const HEIGHT = 220;
  const FONT = "12px system-ui, sans-serif";
  const root = document.documentElement;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const plots = new Map(); // figure -> uPlot

  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const redraw = () => all("figure.chart").forEach(draw);

  // The time zone of a chart; that of the browser when the browser does not know it.
  function zoneOf(figure) {
    try { return new Intl.DateTimeFormat("en", { timeZone: figure.dataset.zone }).resolvedOptions().timeZone; } catch (_error) { return zone; }
  }

  // 2026-01-31 12:00:00 in a time zone
  function stamp(time, zoneName) {
    return new Date(time * 1000).toLocaleString("sv-SE", { timeZone: zoneName, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  }

  function label(value, unit) {
    if (value === null || value === undefined) { return ""; }
    if (unit === "ms") { return value >= 1000 ? +(value / 1000).toPrecision(3) + " s" : value < 1 && value > 0 ? +(value * 1000).toPrecision(3) + " µs" : +value.toPrecision(3) + " ms"; }
    if (unit === "share") { return +(value * 100).toPrecision(3) + " %"; }
    return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : String(+value.toPrecision(3));
  }

  const heads = (figure) => all("details thead th", figure).slice(1);
  const shape = (figure) => [figure.dataset.kind, figure.dataset.unit, figure.dataset.zone].concat(heads(figure).map((each) => each.textContent + each.dataset.role)).join("|");

  const forget = (figure) => { if (plots.has(figure)) { plots.get(figure).destroy(); plots.delete(figure); } };

  // The drawing of a chart goes over to the same chart with newer values.
  function move(from, to) {
    const plot = plots.get(from);
    const place = to.querySelector(".plot");
    if (!plot || !place) { return; }
    plots.delete(from);
    plots.set(to, plot);
    place.replaceWith(from.querySelector(".plot"));
  }

  // Times, and the values of each series; of stacked ones with those above them.
  function read(figure) {
    const rows = all("details tbody tr", figure);
    const raw = heads(figure).map((_, index) => rows.map(function (row) {
      const value = row.cells[index + 1].dataset.v;
      return value === undefined ? null : Number(value);
    }));
    const above = (series, at) => raw.slice(series).reduce((total, each) => total + (each[at] || 0), 0);
    const drawn = figure.dataset.kind !== "stacked" ? raw : raw.map((each, series) => each.map((_, at) => above(series, at)));
    return { raw: raw, data: [rows.map((row) => Number(row.cells[0].dataset.t))].concat(drawn) };
  }

  function draw(figure) {
    const place = figure.querySelector(".plot");
    const values = read(figure);
    const wide = Math.max(place.clientWidth, 160);
    const before = plots.get(figure);
    if (before && before.theme === colour("--card")) {
      before.raw = values.raw;
      before.setData(values.data);
      before.setSize({ width: wide, height: HEIGHT });
      return;
    }
    forget(figure);
    if (values.data[0].length) {
      plots.set(figure, Object.assign(new uPlot(options(figure, wide), values.data, place), { raw: values.raw, theme: colour("--card") }));
    }
  }

  function options(figure, wide) {
    const unit = figure.dataset.unit;
    const zoneName = zoneOf(figure);
    const isBars = figure.dataset.kind !== "lines";
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: FONT };
    const series = heads(figure).map(function (head, index) {
      const stroke = colour(ROLES[head.dataset.role] || COLOURS[index % COLOURS.length]);
      // The time before, and lines beyond the eight colours, are dashed.
      const dash = head.dataset.role === "before" ? [6, 4] : index >= COLOURS.length && !isBars ? [2, 3] : undefined;
      const value = (plot, _value, at, place) => label(place === null || place === undefined ? null : plot.raw[at - 1][place], unit);
      return isBars
        ? { label: head.textContent, value: value, stroke: stroke, fill: stroke, width: 0, paths: uPlot.paths.bars({ size: [0.85, 40], align: 1 }), points: { show: false } }
        : { label: head.textContent, value: value, stroke: stroke, width: 2, dash: dash, points: { size: 6, fill: stroke, filter: alone } };
    });
    return {
      width: wide, height: HEIGHT, padding: [10, 14, 0, 0],
      tzDate: (time) => uPlot.tzDate(new Date(time * 1000), zoneName),
      cursor: { drag: { x: true, y: false, setScale: false }, sync: { key: "chest" }, points: { show: !isBars, size: 8 } },
      scales: {
        x: { range: (plot, low, high) => [low, isBars || low === high ? high + step(plot.data[0]) : high] },
        y: { range: (_plot, low, high) => [Math.min(low || 0, 0), high > 0 ? high * 1.08 : 1] }
      },
      axes: [
        Object.assign({ space: 76, values: (plot, times, _axis, _space, every) => ticks(plot, times, every, zoneName) }, axis),
        Object.assign({ size: axisWidth, values: (_plot, found) => found.map((each) => label(each, unit)) }, axis)
      ],
      series: [{ value: (_plot, time) => time ? stamp(time, zoneName).slice(0, 16) : "" }].concat(series),
      legend: { markers: {
        fill: (plot, at) => plot.series[at].dash ? "transparent" : plot.series[at].stroke(plot, at),
        dash: (plot, at) => plot.series[at].dash ? "dashed" : "solid"
      } },
      hooks: { setSelect: [choose] }
    };
  }

  const step = (times) => times.length > 1 ? times[1] - times[0] : 60;

  // A value without neighbours is a point, as there is no line through it.
  function alone(plot, at) {
    const found = plot.data[at];
    return found.map((_, place) => place).filter((place) => found[place] !== null && (found[place - 1] ?? null) === null && (found[place + 1] ?? null) === null);
  }

  const axisWidth = (_plot, values) => 18 + 7 * Math.max.apply(null, (values || []).concat("0").map((each) => each.length));

  // The day stands below the first time of each day. What would be cut at the edge is left out.
  function ticks(plot, times, every, zoneName) {
    let day = "";
    return times.map(function (time) {
      const text = stamp(time, zoneName);
      const isNew = text.slice(0, 10) !== day;
      day = text.slice(0, 10);
      if ((plot.scales.x.max - time) / (plot.scales.x.max - plot.scales.x.min) * (plot.width - 60) < (isNew ? 24 : 6)) { return ""; }
      return every >= 86400 ? day : text.slice(11, every < 60 ? 19 : 16) + (isNew ? "\n" + day : "");
    });
  }

  // A part of a chart that is drawn over becomes the time range.
  function choose(plot) {
    if (plot.select.width < 8) { plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false); return; } // a click
    const from = Math.floor(plot.posToVal(plot.select.left, "x"));
    const to = Math.ceil(Math.max(plot.posToVal(plot.select.left + plot.select.width, "x"), from + step(plot.data[0])));
    const url = new URL(location.href);
    ["after", "before", "at", "find"].forEach((name) => url.searchParams.delete(name)); // where in a list the viewer is
    url.searchParams.set("since", new Date(from * 1000).toISOString().replace(".000", ""));
    url.searchParams.set("until", new Date(to * 1000).toISOString().replace(".000", ""));
    location.assign(url);
  }

  let resized;
  addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(redraw, 150); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  redraw();
  return { all: all, draw: draw, redraw: redraw, forget: forget, move: move, shape: shape, stamp: stamp, zone: zone };
})();
