/* The script of the dashboard. Pages are made by the server; this loads their panels, draws the
   charts from the tables below them, and refreshes what is live. */
(function () {
  "use strict";

  const COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];
  const ROLES = { error: "--bad", before: "--muted", rest: "--edge" };
  const AT_A_TIME = 2; // questions: the server asks no more at once, and others would hold its threads
  const PATIENCE_MS = 90000;
  const LONGEST_WAIT = 300; // seconds between two refreshes, after failures
  const OURS = "X-Flask-Chest"; // a header of each answer of the dashboard
  const FIELDS = "input:not([type=checkbox]):not([type=radio]), select, textarea";
  const root = document.documentElement;
  const body = document.body;
  const prefix = new URL(body.dataset.home, location.href).pathname;

  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  const remember = (name, value) => { document.cookie = name + "=" + value + ";path=" + prefix + ";max-age=31536000;samesite=lax"; };

  // For those who hear the page. What changes by itself each second is not said.
  const say = (text) => { document.getElementById("said").textContent = text; };

  // -- Theme and time zone -------------------------------------------------------------------

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const redraw = () => all("figure.chart").forEach(draw);
  const themeButton = document.getElementById("theme");
  if (themeButton) {
    themeButton.addEventListener("click", function () {
      root.dataset.theme = (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark" ? "light" : "dark";
      remember("chest_theme", root.dataset.theme);
      redraw();
    });
  }
  dark.addEventListener("change", redraw);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) { remember("chest_tz", zone); }

  // -- Panels --------------------------------------------------------------------------------

  const running = new Map(); // panel -> AbortController
  const waiting = new Set();
  let leaving = 0; // until when a request that ends belongs to a page that is left
  let failures = 0;
  let answered = 0;

  function load(panel) {
    panel.setAttribute("aria-busy", "true");
    if (!running.has(panel)) { waiting.add(panel); } // else the one on its way answers
    next();
  }

  function next() {
    for (const panel of waiting) {
      if (running.size >= AT_A_TIME) { return; }
      waiting.delete(panel);
      ask(panel);
    }
  }

  async function ask(panel) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
    let answer = null, html = "";
    running.set(panel, abort);
    try {
      answer = await fetch(panel.dataset.panel, { signal: abort.signal, headers: { Accept: "text/html" }, redirect: "manual" });
      html = await answer.text();
    } catch (_error) { answer = null; }
    clearTimeout(timer);
    running.delete(panel);
    if (!answer) {
      if (Date.now() > leaving) { fail(panel, abort.signal.aborted ? "The application took too long." : "The application does not answer."); }
    } else if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
      logIn(panel);
    } else if (!answer.headers.has(OURS)) {
      fail(panel, "Something else than the dashboard answered, with status " + answer.status + ".");
    } else if (answer.ok) {
      succeed(panel, html);
    } else {
      fail(panel, "", html);
    }
    panel.setAttribute("aria-busy", waiting.has(panel) ? "true" : "false");
    next();
  }

  // To log in. Not again and again: the page may be allowed where its parts are not.
  function logIn(panel) {
    if (Date.now() - Number(sessionStorage.getItem("chest_reload")) < 60000) {
      fail(panel, "You may not see this any more. Reload the page to log in.");
    } else {
      sessionStorage.setItem("chest_reload", String(Date.now()));
      leaving = Date.now() + 10000;
      location.reload();
    }
  }

  function succeed(panel, html) {
    failures = 0;
    answered = panel.answered = Date.now();
    all(".stale", panel).forEach((each) => each.remove());
    if (panel.shown !== html) {
      panel.shown = html;
      show(panel.querySelector(".panel-body"), html);
    }
    tick();
  }

  // What was shown before stays, and says that it is old.
  function fail(panel, why, html) {
    failures += 1;
    const place = panel.querySelector(".panel-body");
    if (panel.answered) {
      const whole = document.createElement("template");
      whole.innerHTML = html || "";
      const said = whole.content.querySelector("strong");
      if (!panel.querySelector(".stale")) { place.insertAdjacentHTML("beforebegin", '<p class="stale"></p>'); }
      panel.querySelector(".stale").textContent = (said ? said.textContent : why) + " This is as of " + stamp(panel.answered / 1000).slice(11) + ".";
      return;
    }
    show(place, html || '<div class="failed" role="alert"><p></p></div>');
    const failed = place.querySelector(".failed");
    if (!html) { failed.firstElementChild.textContent = why; }
    if (failed) {
      failed.insertAdjacentHTML("beforeend", '<p><button type="button">Try again</button></p>');
      failed.lastElementChild.addEventListener("click", () => load(panel));
    }
  }

  function show(place, html) {
    const before = kept(place);
    const focused = document.activeElement;
    const old = all("figure.chart", place);
    const whole = document.createElement("template");
    whole.innerHTML = html; // made by the server's templates, which escape every value
    const after = kept(whole.content);
    all("figure.chart", whole.content).forEach(function (figure, index) {
      if (old[index] && shape(old[index]) === shape(figure)) { move(old[index], figure); }
    });
    old.forEach(forget);
    const at = new Map(Array.from(before, ([name, was]) => [name, [was.scrollLeft, was.scrollTop]]));
    place.replaceChildren(whole.content);
    after.forEach(function (each, name) {
      const was = before.get(name);
      if (!was) { return; }
      if (was.open) { each.open = true; }
      if (was.defaultValue !== was.value && was.tagName === "INPUT") { each.value = was.value; }
      [each.scrollLeft, each.scrollTop] = at.get(name);
      if (was === focused) { each.focus({ preventScroll: true }); }
    });
    all("figure.chart", place).forEach(draw);
  }

  // Elements whose state outlives a refresh, by a name that is the same after it.
  function kept(place) {
    const found = new Map();
    all("details, summary, a, button, input, select, .scroll", place).forEach(function (each) {
      const told = each.matches(".scroll") ? "" : (each.matches("details") ? each.firstElementChild : each).textContent.trim().slice(0, 80);
      const name = [each.tagName, each.id, each.name, each.getAttribute("href"), told].join("|");
      let count = 0;
      while (found.has(name + "|" + count)) { count += 1; }
      found.set(name + "|" + count, each);
    });
    return found;
  }

  // -- Refresh -------------------------------------------------------------------------------

  const seconds = Number(body.dataset.refresh);
  const live = document.getElementById("live");
  const panels = () => all('[data-panel][data-live="on"]');
  let typed = 0;
  let asked = Date.now();

  function isDisturbing() {
    const at = document.activeElement;
    return Boolean(document.hidden || document.querySelector(".menu[open]") || Date.now() - typed < 5000 ||
      (at && at.matches(FIELDS) && at.closest("[data-panel]")) || all(".u-select").some((each) => each.offsetWidth > 0));
  }

  function tick() {
    const isLive = body.dataset.live === "on";
    const wait = Math.min(seconds * Math.pow(2, Math.min(failures, 10)), LONGEST_WAIT) * 1000;
    if (isLive && Date.now() - asked >= wait && !running.size && !isDisturbing()) {
      asked = Date.now();
      panels().forEach(load);
    }
    if (live && answered) {
      live.hidden = false;
      live.dataset.state = failures ? "failed" : isLive ? "live" : "paused";
      live.textContent = (failures ? "No answer for " : isLive ? "Updated " : "Loaded ") + age() + (failures ? "" : " ago");
    }
  }

  function age(passed = Math.round((Date.now() - answered) / 1000)) {
    return passed < 120 ? passed + " s" : passed < 7200 ? Math.round(passed / 60) + " min" : Math.round(passed / 3600) + " h";
  }

  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
  document.addEventListener("input", () => { typed = Date.now(); });
  addEventListener("beforeunload", () => { leaving = Date.now() + 3000; });
  addEventListener("pagehide", () => { waiting.clear(); running.forEach((abort) => abort.abort()); });

  // -- Charts --------------------------------------------------------------------------------

  const plots = new Map(); // figure -> uPlot
  const HEIGHT = 220;

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
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
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
      width: wide, height: HEIGHT, padding: [10, 10, 0, 0],
      tzDate: (time) => uPlot.tzDate(new Date(time * 1000), zoneName),
      cursor: { drag: { x: true, y: false, setScale: false }, sync: { key: "chest" }, points: { show: !isBars, size: 8 } },
      scales: {
        x: { range: (plot, low, high) => [low, isBars || low === high ? high + step(plot.data[0]) : high] },
        y: { range: (_plot, low, high) => [Math.min(low || 0, 0), high > 0 ? high * 1.08 : 1] }
      },
      axes: [
        Object.assign({ space: 76, values: (_plot, times, _axis, _space, every) => ticks(times, every, zoneName) }, axis),
        Object.assign({ size: axisWidth, values: (_plot, found) => found.map((each) => label(each, unit)) }, axis)
      ],
      series: [{ value: (_plot, time) => time ? stamp(time, zoneName).slice(0, 16) : "" }].concat(series),
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

  // The day stands below the first time of each day.
  function ticks(times, every, zoneName) {
    let day = "";
    return times.map(function (time) {
      const text = stamp(time, zoneName);
      const isNew = text.slice(0, 10) !== day;
      day = text.slice(0, 10);
      if (every >= 86400) { return day; }
      return text.slice(11, every < 60 ? 19 : 16) + (isNew ? "\n" + day : "");
    });
  }

  // A part of a chart that is drawn over becomes the time range.
  function choose(plot) {
    if (plot.select.width < 8) { plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false); return; } // a click
    const from = Math.floor(plot.posToVal(plot.select.left, "x"));
    const to = Math.ceil(Math.max(plot.posToVal(plot.select.left + plot.select.width, "x"), from + step(plot.data[0])));
    const url = new URL(location.href);
    url.searchParams.set("since", new Date(from * 1000).toISOString().replace(".000", ""));
    url.searchParams.set("until", new Date(to * 1000).toISOString().replace(".000", ""));
    location.assign(url);
  }

  let resized;
  addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(redraw, 150); });

  // -- Menus and copying ---------------------------------------------------------------------

  const closeMenus = (but) => all(".menu[open]").forEach((menu) => { if (!menu.contains(but)) { menu.open = false; } });

  // A menu is not cut by the table that it is in.
  function place(menu) {
    const box = menu.querySelector("summary").getBoundingClientRect();
    const list = menu.querySelector("summary + *");
    if (!list) { return; }
    list.style.position = "fixed"; // by the CSSOM, which the policy allows
    const below = innerHeight - box.bottom;
    list.style.left = Math.max(4, Math.min(box.left, root.clientWidth - list.offsetWidth - 4)) + "px";
    list.style.top = Math.max(4, below > list.offsetHeight + 8 || below > box.top ? box.bottom + 2 : box.top - list.offsetHeight - 2) + "px";
  }

  document.addEventListener("toggle", (event) => { if (event.target.matches(".menu[open]")) { closeMenus(event.target); place(event.target); } }, true);
  document.addEventListener("scroll", () => all(".menu[open]").forEach(place), true);
  document.addEventListener("focusin", (event) => closeMenus(event.target));
  document.addEventListener("keydown", function (event) {
    const menu = document.querySelector(".menu[open]");
    if (event.key === "Escape" && menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });
  document.addEventListener("click", function (event) {
    closeMenus(event.target);
    const button = event.target.closest("[data-copy]");
    if (button) { copy(button); }
  });

  async function copy(button) {
    const from = document.getElementById(button.dataset.copy);
    const said = button.textContent;
    let word = "Copied";
    try {
      await navigator.clipboard.writeText(from.textContent);
    } catch (_error) { // not over https, or not allowed
      getSelection().selectAllChildren(from);
      word = "Selected";
    }
    button.textContent = word;
    say(word);
    setTimeout(() => { button.textContent = said; }, 1500);
  }

  all("[data-panel]").forEach(load);
  redraw();
  tick();
})();
