/* The script of the dashboard. Pages are made by the server; this loads their panels, draws the
   charts from the tables below them, and refreshes what is live. */
(function () {
  "use strict";

  var COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];
  var ROLES = { error: "--bad", before: "--muted", rest: "--muted" };
  var root = document.documentElement;
  var prefix = new URL(document.body.dataset.home, location.href).pathname;

  function all(selector, within) {
    return Array.from((within || document).querySelectorAll(selector));
  }

  function colour(name) {
    return getComputedStyle(root).getPropertyValue(name).trim();
  }

  function remember(name, value) {
    document.cookie = name + "=" + encodeURIComponent(value) + ";path=" + prefix + ";max-age=31536000;samesite=strict";
  }

  // -- Theme and time zone -------------------------------------------------------------------

  var themeButton = document.getElementById("theme");
  if (themeButton) {
    themeButton.addEventListener("click", function () {
      var isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = isDark ? "light" : "dark";
      remember("chest_theme", root.dataset.theme);
      all("figure.chart").forEach(draw);
    });
  }
  remember("chest_tz", Intl.DateTimeFormat().resolvedOptions().timeZone);

  // -- Panels --------------------------------------------------------------------------------

  var running = new Map();

  function load(panel) {
    var body = panel.querySelector(".panel-body");
    var before = running.get(panel);
    if (before) { return; } // the one on its way answers
    var abort = new AbortController();
    running.set(panel, abort);
    panel.setAttribute("aria-busy", "true");
    fetch(panel.dataset.panel, { signal: abort.signal, headers: { Accept: "text/html" }, redirect: "manual" })
      .then(function (answer) {
        if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
          location.reload(); // to log in
          return null;
        }
        return answer.text();
      })
      .then(function (html) {
        if (html !== null && panel.dataset.shown !== html) {
          show(panel, body, html);
        }
      })
      .catch(function (error) {
        if (error.name !== "AbortError") {
          show(panel, body, '<div class="failed" role="alert"><p><strong>The application does not answer.</strong> The next refresh tries again.</p></div>');
        }
      })
      .finally(function () {
        running.delete(panel);
        panel.setAttribute("aria-busy", "false");
      });
  }

  function show(panel, body, html) {
    var open = all("details[open]", body).map(function (each) { return key(each, body); });
    var focused = body.contains(document.activeElement) ? key(document.activeElement, body) : null;
    all("figure.chart", body).forEach(forget);
    panel.dataset.shown = html;
    body.innerHTML = html; // made by the server's templates, which escape every value
    all("details", body).forEach(function (each) {
      if (open.indexOf(key(each, body)) >= 0) { each.open = true; }
    });
    if (focused) {
      var again = all("a, button, input, select, summary", body).find(function (each) { return key(each, body) === focused; });
      if (again) { again.focus({ preventScroll: true }); }
    }
    all("figure.chart", body).forEach(draw);
  }

  // A name for an element that is the same after a refresh.
  function key(element, body) {
    return element.tagName + all(element.tagName, body).indexOf(element) + (element.textContent || "").slice(0, 40).trim();
  }

  // -- Refresh -------------------------------------------------------------------------------

  var seconds = Number(document.body.dataset.refresh);
  function refresh() {
    if (document.body.dataset.live === "on" && !document.hidden && !document.querySelector(".menu[open]")) {
      all('[data-panel][data-live="on"]').forEach(load);
    }
  }
  if (seconds) { setInterval(refresh, seconds * 1000); }
  document.addEventListener("visibilitychange", refresh);

  // -- Charts --------------------------------------------------------------------------------

  var plots = new Map();

  function forget(figure) {
    if (plots.has(figure)) {
      plots.get(figure).destroy();
      plots.delete(figure);
    }
  }

  function label(value, unit) {
    if (value === null || value === undefined) { return "—"; }
    if (unit === "ms") { return value >= 1000 ? +(value / 1000).toPrecision(3) + " s" : +value.toPrecision(3) + " ms"; }
    if (unit === "share") { return +(value * 100).toPrecision(3) + " %"; }
    return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : String(+value.toPrecision(3));
  }

  function draw(figure) {
    forget(figure);
    var rows = all("tbody tr", figure);
    var place = figure.querySelector(".plot");
    if (!rows.length || !place || !window.uPlot) { return; }
    var unit = figure.dataset.unit;
    var heads = all("thead th", figure).slice(1);
    var data = [rows.map(function (row) { return Number(row.cells[0].dataset.t); })];
    heads.forEach(function (_, index) {
      data.push(rows.map(function (row) {
        var value = row.cells[index + 1].dataset.v;
        return value === undefined ? null : Number(value);
      }));
    });
    var grid = { stroke: colour("--grid"), width: 1 };
    var axis = { stroke: colour("--muted"), grid: grid, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    var isBars = figure.dataset.kind === "bars";
    var series = heads.map(function (head, index) {
      var stroke = colour(ROLES[head.dataset.role] || COLOURS[index % COLOURS.length]);
      return {
        label: head.textContent, stroke: stroke, width: isBars ? 0 : 2,
        fill: isBars ? stroke : undefined,
        dash: head.dataset.role === "before" ? [5, 4] : undefined,
        paths: isBars ? uPlot.paths.bars({ size: [0.8, 40], align: 1 }) : undefined,
        points: { show: !isBars && rows.length === 1 },
        value: function (_plot, value) { return label(value, unit); }
      };
    });
    var zone = figure.dataset.zone;
    plots.set(figure, new uPlot({
      width: Math.max(place.clientWidth, 200), height: 220,
      tzDate: function (time) { return uPlot.tzDate(new Date(time * 1000), zone); },
      cursor: { drag: { x: true, y: false, setScale: false }, sync: { key: "chest" } },
      scales: { y: { range: function (_plot, _low, high) { return [0, high > 0 ? high * 1.08 : 1]; } } },
      axes: [axis, Object.assign({ size: 64, values: function (_plot, values) { return values.map(function (each) { return label(each, unit); }); } }, axis)],
      series: [{ label: "From", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" }].concat(series),
      hooks: { setSelect: [function (plot) { choose(plot, data[0]); }] }
    }, data, place));
  }

  // A part of a chart that is drawn over becomes the time range.
  function choose(plot, times) {
    if (plot.select.width < 8) { return; }
    var step = times.length > 1 ? times[1] - times[0] : 60;
    var from = Math.floor(plot.posToVal(plot.select.left, "x"));
    var to = Math.ceil(Math.max(plot.posToVal(plot.select.left + plot.select.width, "x"), from + step));
    var url = new URL(location.href);
    url.searchParams.set("since", new Date(from * 1000).toISOString().slice(0, 19) + "Z");
    url.searchParams.set("until", new Date(to * 1000).toISOString().slice(0, 19) + "Z");
    location.assign(url);
  }

  var resized;
  addEventListener("resize", function () {
    clearTimeout(resized);
    resized = setTimeout(function () { all("figure.chart").forEach(draw); }, 150);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { all("figure.chart").forEach(draw); });

  // -- Menus and copying ---------------------------------------------------------------------

  document.addEventListener("click", function (event) {
    all(".menu[open]").forEach(function (menu) {
      if (!menu.contains(event.target)) { menu.open = false; }
    });
    var button = event.target.closest("[data-copy]");
    if (button) { copy(button); }
  });
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") { return; }
    all(".menu[open]").forEach(function (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });

  function copy(button) {
    var text = document.getElementById(button.dataset.copy).textContent;
    var said = button.textContent;
    function done(word) {
      button.textContent = word;
      setTimeout(function () { button.textContent = said; }, 1500);
    }
    if (navigator.clipboard) {
      navigator.clipboard.writeText(text).then(function () { done("Copied"); }, function () { done("Cannot copy"); });
    } else {
      getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
      done("Selected");
    }
  }

  all("[data-panel]").forEach(load);
  all("figure.chart").forEach(draw);
})();
