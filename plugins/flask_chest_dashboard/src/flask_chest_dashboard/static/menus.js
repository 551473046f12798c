/* Menus, what can be done about a value, and copying. */
(function () {
  "use strict";

  const root = document.documentElement;
  const prefix = new URL(document.body.dataset.home, location.href).pathname;
  const all = window.keyhole.all;

  // For those who hear the page.
  const say = (text) => { document.getElementById("said").textContent = text; };

  // -- What can be done about a value --------------------------------------------------------

  const SHARED = ["since", "until", "tz", "where", "live"]; // what holds for all pages
  const PLACES = ["after", "before", "at", "find"]; // where in a list the viewer is

  // The address of a page with one filter more, or broken down by one name more.
  function asked(page, argument, value) {
    const url = new URL(prefix + (page === "overview" ? "" : page), location.href);
    const isHere = url.pathname === location.pathname;
    new URLSearchParams(location.search).forEach(function (each, name) {
      if (isHere ? PLACES.indexOf(name) < 0 : SHARED.indexOf(name) >= 0) { url.searchParams.append(name, each); }
    });
    if (url.searchParams.getAll(argument).indexOf(value) < 0) { url.searchParams.append(argument, value); }
    return url;
  }

  function fill(menu) {
    const name = menu.dataset.name;
    const filters = menu.dataset.menu.split("\n");
    const titles = filters[0].startsWith("startswith(")
      ? ["Only what begins so", "All but what begins so"]
      : ["Only this", "All but this", "At least this", "At most this"];
    const page = menu.dataset.page || "explore";
    const box = document.createElement("div");
    function add(text, url) {
      const link = document.createElement("a");
      link.textContent = text;
      link.href = url;
      box.append(link);
    }
    filters.forEach(function (filter, place) { add(titles[place], asked(page, "where", filter)); });
    add("Break down by " + (name.length > 40 ? name.slice(0, 39) + "…" : name), asked("explore", "by", name));
    if (page === "explore" || name === "error" || name === "status_code") {
      const differ = asked("explore", "differ", "part");
      differ.searchParams.set("differ", "part");
      differ.searchParams.set("part", filters[0]);
      differ.hash = "differ";
      add("What differs here", differ);
    }
    if (page !== "requests") { add("Requests with it", asked("requests", "where", filters[0])); }
    menu.append(box);
  }

  // -- Menus ---------------------------------------------------------------------------------

  const OPEN = ".menu[open], .columns[open]"; // what covers the page while it is open
  const closeMenus = (but) => all(OPEN).forEach((menu) => { if (!menu.contains(but)) { menu.open = false; } });

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

  document.addEventListener("toggle", function (event) {
    const menu = event.target;
    if (!menu.matches(OPEN)) { return; }
    closeMenus(menu);
    if (!menu.matches(".menu")) { return; }
    if (menu.dataset.menu && !menu.querySelector("div")) { fill(menu); }
    place(menu);
  }, true);
  const placeAll = () => all(".menu[open]").forEach(place);
  document.addEventListener("scroll", placeAll, true);
  addEventListener("resize", placeAll);
  document.addEventListener("focusin", (event) => closeMenus(event.target));
  document.addEventListener("keydown", function (event) {
    const menu = document.querySelector(OPEN);
    if (event.key === "Escape" && menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });
  document.addEventListener("click", function (event) {
    closeMenus(event.target);
    const button = event.target.closest("[data-copy]");
    if (button) { copy(button); }
  });

  // -- Copying -------------------------------------------------------------------------------

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
})();
