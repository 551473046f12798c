// In a search, first comes what has the name that is asked for: of a setting, a command, a class, a section. Then
// pages whose words (WORDS of tools/site/search.py) are asked for. Then what people do, a little before what is
// looked up, and far before what is history. A name of code is looked up; a word, such as `exporter`, is none.
const QUERY = (new URLSearchParams(location.search).get("q") || "").trim();
const ASKED = QUERY.toLowerCase().split(/\s+/);
const IS_CODE = QUERY.split(/\s+/).some((word) => /_|[A-Z][a-z]|\(\)|\w\.\w/.test(word)) || /^flask[ -]chest /.test(QUERY);
const stems = (words) => {
  const stemmer = new Stemmer(); // of language_data.js, which comes later
  return words.filter((word) => !stopwords.has(word)).map((word) => stemmer.stemWord(word));
};
const LISTED = new Set(Object.values(SEARCH_WORDS).flat()); // also `down`, which the search itself passes over
// A word that is there as it was typed counts a little more: `exporter` and `export` have one stem.
const shareOfWords = (docname) => {
  const words = SEARCH_WORDS[docname] || [];
  const wordStems = new Set(stems(words));
  const asked = ASKED.filter((word) => !stopwords.has(word) || LISTED.has(word));
  const weights = asked.map((word) => (words.includes(word) ? 1 : wordStems.has(...stems([word])) ? 0.8 : 0));
  return weights.reduce((sum, weight) => sum + weight, 0) / (asked.length || 1);
};
const isTheName = (title) => {
  const name = title.split(" > ").pop();
  return name.toLowerCase() === ASKED.join(" ") || name.split(".").pop() === QUERY.replace("()", "");
};
var Scorer = {
  score: ([docname, title, anchor, description, score, filename, kind]) => {
    const isObject = title.startsWith("flask_chest.");
    if (isTheName(title) && (IS_CODE || !isObject)) score += 80;
    if (isObject && !IS_CODE) score -= 30;
    if (!anchor) score += 60 * shareOfWords(docname);
    if (docname === "docs/reference/settings" && ASKED.some((word) => /^(flask_)?chest_/.test(word))) score += 90;
    if (docname.includes("/decisions/") || docname === "CHANGELOG") return score - 30;
    if (docname.startsWith("docs/reference/api/")) return score - 10;
    const isMessages = docname === "docs/reference/errors" || docname === "docs/reference/log-messages";
    if (docname.startsWith("docs/reference/") && IS_CODE && !isMessages) return score + 20;
    if (docname.startsWith("docs/tutorial/")) return score + 4;
    if (docname.startsWith("docs/how-to/")) return score + 8;
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

// When no page has all words, pages that have some of them. The more they have, the earlier they come.
const findPages = Search.performTermsSearch; // of searchtools.js, which comes before
Search.performTermsSearch = (words, excluded) => {
  const found = findPages(words, excluded);
  if (found.length || words.size < 2) return found;
  const pages = new Map();
  for (const result of [...words].flatMap((word) => findPages(new Set([word]), excluded))) {
    const known = pages.get(result[0]);
    if (known) known[4] += result[4] + 30;
    else pages.set(result[0], result);
  }
  return [...pages.values()];
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
