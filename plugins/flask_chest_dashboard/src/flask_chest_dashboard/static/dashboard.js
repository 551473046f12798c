/* Panels: the parts of a page that are loaded one by one, and again while the page is live. The
   server makes them; what was open, typed, scrolled to or had the focus stays so. */
(function () {
  "use strict";

  const AT_A_TIME = 2; // questions: the server asks no more at once, and others would hold its threads
  const PATIENCE_MS = 90000;
  const LONGEST_WAIT = 300; // seconds between two refreshes, after failures
  const REST = 10; // a refresh waits so many times as long as the slowest part took
  const OURS = "X-Flask-Chest"; // a header of each answer of the dashboard
  const FIELDS = "input:not([type=checkbox]):not([type=radio]), select, textarea";
  const charts = window.keyhole;
  const all = charts.all;
  const root = document.documentElement;
  const body = document.body;
  const prefix = new URL(body.dataset.home, location.href).pathname;

  // -- Theme and time zone -------------------------------------------------------------------

  const remember = (name, value) => { document.cookie = name + "=" + value + ";path=" + prefix + ";max-age=31536000;samesite=lax"; };
  const themeButton = document.getElementById("theme");
  if (themeButton) {
    themeButton.addEventListener("click", function () {
      root.dataset.theme = (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark" ? "light" : "dark";
      remember("chest_theme", root.dataset.theme);
      charts.redraw();
    });
  }
  if (charts.zone) {
    const ours = "chest_tz=" + charts.zone;
    const has = () => document.cookie.split("; ").includes(ours);
    const wasSent = has();
    remember("chest_tz", charts.zone);
    // The server did not know it when it made this page, and knows it from now on. Once: what has
    // been sent and was not used is not used the next time either.
    if (!wasSent && has() && body.dataset.zone && body.dataset.zone !== charts.zone) {
      location.reload();
      return;
    }
  }

  // -- Panels --------------------------------------------------------------------------------

  const running = new Map(); // panel -> AbortController
  const waiting = new Set();
  let leaving = 0; // until when a request that ends belongs to a page that is left
  let hasFailed = false; // whether a panel failed since all were asked for
  let failures = 0; // how often in a row, for the same wait after one panel and after ten
  let answered = 0;
  let slowest = 0; // milliseconds of the slowest part since all were asked for

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
    const began = Date.now();
    running.set(panel, abort);
    try {
      answer = await fetch(panel.dataset.panel, { signal: abort.signal, headers: { Accept: "text/html" }, redirect: "manual" });
      html = await answer.text();
    } catch (_error) { answer = null; }
    clearTimeout(timer);
    running.delete(panel);
    slowest = Math.max(slowest, Date.now() - began);
    if (!answer) {
      if (Date.now() > leaving) { fail(panel, abort.signal.aborted ? "The application took too long." : "The application does not answer."); }
    } else if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
      logIn(panel);
    } else if (!answer.headers.has(OURS)) {
      fail(panel, "Something else than the dashboard answered, with status " + answer.status + ".");
    } else if (answer.ok) {
      succeed(panel, html);
    } else {
      hasFailed = hasFailed || answer.status >= 500; // else the question cannot be read
      fail(panel, "", html);
    }
    panel.setAttribute("aria-busy", waiting.has(panel) ? "true" : "false");
    next();
    if (!running.size) {
      failures = hasFailed ? failures + 1 : 0;
      hasFailed = false;
      tick();
    }
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
    answered = panel.answered = Date.now();
    all(".stale", panel).forEach((each) => each.remove());
    put(panel, html);
    setReason(panel, null);
  }

  // What was shown before stays, and says that it is old.
  function fail(panel, why, html) {
    hasFailed = hasFailed || !html;
    const whole = document.createElement("template");
    whole.innerHTML = html || '<div class="failed" role="alert"><p></p></div>';
    const failed = whole.content.querySelector(".failed");
    if (!html) { failed.firstElementChild.textContent = why; }
    if (panel.answered) {
      const said = whole.content.querySelector("strong");
      if (!panel.querySelector(".stale")) { panel.querySelector(".panel-body").insertAdjacentHTML("beforebegin", '<p class="stale"></p>'); }
      panel.querySelector(".stale").textContent = (said ? said.textContent : why) + " This is as of " + charts.stamp(panel.answered / 1000).slice(11) + ".";
      return;
    }
    const reason = failed && all("strong, pre, p:only-child", failed).map((each) => each.textContent).join();
    if (failed) { failed.insertAdjacentHTML("beforeend", '<p><button type="button" class="again">Try again</button></p>'); }
    panel.failure = whole.innerHTML;
    if (!failed && !panel.hidden) { put(panel, panel.failure); }
    setReason(panel, reason);
  }

  function setReason(panel, reason) {
    const before = panel.reason;
    panel.reason = reason;
    if (before && before !== reason) { say(before); }
    if (reason) { say(reason); }
  }

  // The same reason is said once, in the first of these parts that can be seen.
  function say(reason) {
    const seen = all("[data-panel]").filter((each) => each.reason === reason && !each.hidden);
    seen.slice(1).forEach((each) => put(each, '<p class="failed muted">For the same reason as above.</p>'));
    // One that is on its way says it when it has failed again.
    if (!seen.length || running.has(seen[0]) || waiting.has(seen[0])) { return; }
    put(seen[0], seen[0].failure);
    seen[0].querySelector(".again").onclick = () => all("[data-panel]").filter((each) => each.reason === reason).forEach(load);
  }

  function put(panel, html) {
    if (panel.shown !== html) {
      panel.shown = html;
      show(panel.querySelector(".panel-body"), html);
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
      if (old[index] && charts.shape(old[index]) === charts.shape(figure)) { charts.move(old[index], figure); }
    });
    old.forEach(charts.forget);
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
    all("figure.chart", place).forEach(charts.draw);
    reach();
  }

  // What can be scrolled can be reached by keyboard, in browsers that do not see to it.
  function reach() {
    all(".scroll, pre").forEach(function (each) {
      const isWide = each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight;
      if (isWide) { each.tabIndex = 0; } else { each.removeAttribute("tabindex"); }
    });
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
  // What is hidden has no button to try it again.
  const panels = () => all("[data-panel]").filter((each) => each.dataset.live === "on" || (each.hidden && each.reason));
  let typed = 0;
  let asked = Date.now();

  function isDisturbing() {
    const at = document.activeElement;
    return Boolean(document.hidden || document.querySelector(".menu[open]") || Date.now() - typed < 5000 ||
      (at && at.matches(FIELDS) && at.closest("[data-panel]")) || all(".u-select").some((each) => each.offsetWidth > 0));
  }

  function tick() {
    const isLive = body.dataset.live === "on";
    const wait = Math.max(Math.min(seconds * Math.pow(2, Math.min(failures, 10)), LONGEST_WAIT) * 1000, slowest * REST);
    if (isLive && Date.now() - asked >= wait && !running.size && !isDisturbing()) {
      asked = Date.now();
      slowest = 0;
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

  addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true);
  all("[data-panel]").forEach(load);
  reach();
  tick();
})();
