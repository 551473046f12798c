// In a search, a page comes first whose words (WORDS of tools/site/search.py) are asked for. Then what people
// do comes before what is looked up, and before what is history.
const ASKED = (new URLSearchParams(location.search).get("q") || "").toLowerCase().split(/\s+/);
var Scorer = {
  score: ([docname, title, anchor, description, score, filename, kind]) => {
    const words = SEARCH_WORDS[docname] || [];
    if (!anchor) score += 60 * ASKED.filter((word) => words.includes(word)).length / ASKED.length;
    if (docname === "docs/reference/settings" && ASKED.some((word) => /^(flask_)?chest_/.test(word))) score += 60;
    if (docname.startsWith("docs/tutorial/")) return score + 20;
    if (docname.startsWith("docs/how-to/")) return score + 30;
    if (docname.startsWith("examples/") || docname.startsWith("plugins/")) return score + 10;
    if (docname.startsWith("docs/reference/api/")) return score - 10;
    if (docname.includes("/decisions/") || docname === "CHANGELOG") return score - 30;
    return score;
  },
  objNameMatch: 60,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};

// A search for a setting leads to its row. From a folder, no page can be fetched for an excerpt: there,
// its first paragraph stands below the title.
document.addEventListener("DOMContentLoaded", () => {
  const setting = ASKED.find((word) => /^(flask_)?chest_/.test(word));
  const show = (link) => {
    const page = link.getAttribute("href").split(/[?#]/)[0].replace(/\.html$/, "");
    if (setting && page === "docs/reference/settings") {
      link.hash = setting.replace(/^flask_/, "").replaceAll("_", "-");
    }
    const lead = LEADS[page];
    if (location.protocol !== "file:" || !lead || link.parentElement.querySelector(".context")) return;
    const text = document.createElement("p");
    text.className = "context";
    text.textContent = lead;
    link.parentElement.append(text);
  };
  const results = document.getElementById("search-results");
  const look = () => results.querySelectorAll("li > a").forEach(show);
  new MutationObserver(look).observe(results, { childList: true, subtree: true });
});
