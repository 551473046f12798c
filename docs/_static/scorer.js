// In a search, first comes what has the name that is asked for: of a setting, a command, a class, a section. Then
// pages whose words (WORDS of tools/site/search.py) are asked for. Then what people do, a little before what is
// looked up, and far before what is history, a list of pages, or about work on Flask-Chest itself. A name of code is
// looked up; a word, such as `exporter`, is none.
const QUERY = (new URLSearchParams(location.search).get("q") || "").trim().replace(/^Error: /, ""); // as commands say it
const IS_CODE = QUERY.split(/\s+/).some((word) => /_|[A-Z][a-z]|\(\)|\w\.\w/.test(word)) || /^flask[ -]chest /.test(QUERY);
const HISTORY = /\/decisions\/|^CHANGELOG$/;
const LISTS_AND_WORK = /^CONTRIBUTING$|\/index$/;

const LISTED = new Set(Object.values(SEARCH_WORDS).flat()); // also `down`, which the search itself passes over
// Words that say nothing of what is looked for.
const EMPTY = new Set("per many much get gets getting want need please my our".split(" "));
const ASKED = QUERY.toLowerCase().split(/[\s?!,;:"'`()[\]{}<>=/@-]+|\.(?!\d)/).filter(Boolean);

// A page that has the words as they stand in the query, one after the other, comes before those that have them
// somewhere. SEARCH_TEXTS, of tools/site/search.py, has the words of each page in their order.
const PHRASE = 30;
const phraseOf = (text) => text.toLowerCase().split(/[^\p{L}\p{N}_]+/u).filter(Boolean).join(" ");
const hasPhrase = (docname, phrase) => (SEARCH_TEXTS[docname] || "").includes(` ${phrase} `);
const ASKED_PHRASE = phraseOf(QUERY.replace(/^[\w.]*(Error|Exception|Warning): /, ""));
const IS_NAME = /[a-z][A-Z]|_|\w\.\w/.test(QUERY);
const IS_PHRASE = IS_NAME || ASKED_PHRASE.includes(" ");

const stem = (word) => new Stemmer().stemWord(word); // of language_data.js, which comes later
const synonymsOf = (word) =>
  SYNONYMS.filter((group) => group.some((other) => other === word || stem(other) === stem(word))).flat();

// A compound is written as one word or as two: `timezone`, `time zone`. A word is split where both parts are words of
// the site, and few pages have it as it is.
const FEW_PAGES = 10;
const pagesWith = (index, term) => (Object.hasOwn(index, term) ? [index[term]].flat() : []);
const isKnown = (word) => {
  const { terms, titleterms } = Search._index;
  return pagesWith(terms, stem(word)).length > 0 || pagesWith(titleterms, stem(word)).length > 0;
};
const partsOf = (word) => {
  if (IS_NAME && isKnown(word)) return [];
  if (pagesWith(Search._index.terms, stem(word)).length >= FEW_PAGES) return [];
  const places = [...word].map((_, place) => place).slice(3, -2);
  return places.map((place) => [word.slice(0, place), word.slice(place)]).filter((parts) => parts.every(isKnown));
};
const meaningful = (words) => {
  const left = words.filter((word) => !EMPTY.has(word) && (!stopwords.has(word) || LISTED.has(word)));
  return left.length ? left : words;
};
const allReadings = () => {
  const words = meaningful(ASKED);
  const put = (place, replaced, ...others) => [...words.slice(0, place), ...others, ...words.slice(place + replaced)];
  const parted = words.flatMap((word, place) => partsOf(word).map((parts) => put(place, 1, ...parts)));
  const pairs = words.slice(1).map((word, place) => [place, words[place] + word]);
  const joined = pairs
    .filter(([, word]) => isKnown(word) || LISTED.has(word))
    .map(([place, word]) => put(place, 2, word));
  return [words, ...parted, ...joined];
};
let known;
const readings = () => (known ||= allReadings());

// A word that is there as it was typed counts a little more: `exporter` and `export` have one stem.
const shareOfReading = (words, asked) => {
  const stems = new Set(words.map(stem));
  const weight = (word) => {
    if (words.includes(word)) return 1;
    if (stems.has(stem(word))) return 0.8;
    return synonymsOf(word).some((other) => stems.has(stem(other))) ? 0.7 : 0;
  };
  return asked.reduce((sum, word) => sum + weight(word), 0) / (asked.length || 1);
};
const shareOfWords = (docname) => {
  const words = SEARCH_WORDS[docname];
  return words ? Math.max(...readings().map((asked) => shareOfReading(words, asked))) : 0;
};
const isTheName = (title) => {
  const name = title.split(" > ").pop();
  return name.toLowerCase() === QUERY.toLowerCase() || name.split(".").pop() === QUERY.replace("()", "");
};
var Scorer = {
  score: ([docname, title, anchor, description, score, filename, kind]) => {
    const isObject = title.startsWith("flask_chest.");
    const isMessages = docname === "docs/reference/errors" || docname === "docs/reference/log-messages";
    const isHistory = HISTORY.test(docname);
    if (isTheName(title) && !isHistory && (IS_CODE || !(isObject || (isMessages && anchor)))) score += 80;
    if (isObject && !IS_CODE) score -= 50;
    if (!anchor) score += 60 * shareOfWords(docname);
    if (!anchor && IS_PHRASE && hasPhrase(docname, ASKED_PHRASE)) score += PHRASE;
    if (docname === "docs/reference/settings" && ASKED.some((word) => /^(flask_)?chest_/.test(word))) score += 90;
    if (isHistory) return score - 30;
    if (LISTS_AND_WORK.test(docname)) return score - 20;
    if (docname.startsWith("docs/reference/api/")) return score - 10;
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

// The pages that have a word, or one that counts as it, each with a score. Sphinx takes a part of any word, so `cors`
// is in `record`. Here a part begins a word, and counts where no page has the word itself.
const pagesOfWord = (word) => {
  const { docnames, terms, titleterms } = Search._index;
  const found = new Map();
  const add = (pages, score) => pages.forEach((page) => found.set(page, Math.max(score, found.get(page) || 0)));
  add(pagesWith(terms, stem(word)), Scorer.term);
  add(pagesWith(titleterms, stem(word)), Scorer.title);
  const phrase = phraseOf(word);
  if (phrase.includes(" ")) add([...docnames.keys()].filter((page) => hasPhrase(docnames[page], phrase)), Scorer.term);
  if (!found.size && word.length > 2) {
    const begins = new RegExp(`(^|_)${_escapeRegExp(word)}`);
    const addParts = (index, score) =>
      Object.keys(index).forEach((term) => begins.test(term) && add(pagesWith(index, term), score));
    addParts(terms, Scorer.partialTerm);
    addParts(titleterms, Scorer.partialTitle);
  }
  for (const other of synonymsOf(word)) {
    add(pagesWith(terms, stem(other)), Scorer.partialTerm);
    add(pagesWith(titleterms, stem(other)), Scorer.partialTitle);
  }
  return found;
};

// First the pages that have all words of a reading, and those half of whose own words are asked for. A word that no
// page has is passed over. When few pages have all, also those that have some: the more, the earlier.
const FEW_RESULTS = 3;
const LACKS = -30; // for each word that a page has not
const isMain = (docname) => !HISTORY.test(docname) && !LISTS_AND_WORK.test(docname);
Search.performTermsSearch = () => {
  const { docnames, titles, filenames } = Search._index;
  const best = new Map();
  const some = new Map();
  for (const reading of readings()) {
    const founds = reading.filter((word) => !stopwords.has(word)).map(pagesOfWord).filter((found) => found.size);
    for (const page of new Set(founds.flatMap((found) => [...found.keys()]))) {
      const scores = founds.map((found) => found.get(page)).filter(Boolean);
      const lacking = founds.length - scores.length;
      const isFound = !lacking || shareOfWords(docnames[page]) >= 0.5;
      const score = Math.max(...scores) + lacking * (isFound ? LACKS / 2 : LACKS);
      const into = isFound ? best : some;
      into.set(page, Math.max(score, into.get(page) ?? score));
    }
  }
  const isEnough = [...best.keys()].filter((page) => isMain(docnames[page])).length >= FEW_RESULTS;
  return [...(isEnough ? best : new Map([...some, ...best]))].map(([page, score]) =>
    [docnames[page], titles[page], "", null, score, filenames[page], SearchResultKind.text]);
};

// What no page has may be misspelt. The nearest words of the pages take its place: those with the fewest changes, of
// which the swap of two letters is one, then those of the most pages.
const MOST_NEAR = 3;
const changes = (one, other, most) => {
  if (Math.abs(one.length - other.length) > most) return most + 1;
  let [before, last] = [[], [...Array(other.length + 1).keys()]];
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1];
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (isSame ? 0 : 1));
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        row[j] = Math.min(row[j], before[j - 2] + 1);
      }
    }
    [before, last] = [last, row];
  }
  return last[other.length];
};
const countPages = () => {
  const pages = new Map();
  for (const [docname, text] of Object.entries(SEARCH_TEXTS)) {
    if (!isMain(docname)) continue;
    new Set(text.trim().split(" ")).forEach((word) => pages.set(word, (pages.get(word) || 0) + 1));
  }
  return pages;
};
const nearest = (word) => {
  const most = word.length < 4 ? 0 : word.length < 6 ? 1 : 2;
  const found = [...countPages()]
    .map(([other, pages]) => [changes(word, other, most), pages, other])
    .filter(([changed, , other]) => changed <= most && other.length > 2)
    .sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  return found.filter(([changed]) => changed === found[0][0]).slice(0, MOST_NEAR).map(([, , other]) => other);
};
const isFound = (word) => {
  const { docnames } = Search._index;
  const isRead = (page) => isMain(docnames[page]) && !docnames[page].startsWith("docs/reference/api/");
  return LISTED.has(word) || [...pagesOfWord(word).keys()].some(isRead);
};
const nearQueries = () => {
  const words = meaningful(ASKED);
  const nears = words.map((word) => (isFound(word) ? [word] : nearest(word)));
  if (nears.some((near) => !near.length) || nears.every((near, place) => near[0] === words[place])) return [];
  const number = Math.max(...nears.map((near) => near.length));
  return [...Array(number).keys()].map((place) => nears.map((near) => near[Math.min(place, near.length - 1)]).join(" "));
};
const suggest = (below) => {
  const links = nearQueries().map((query) => {
    const link = document.createElement("a");
    link.href = `?q=${encodeURIComponent(query)}`;
    link.textContent = query;
    return link;
  });
  if (!links.length) return;
  const line = document.createElement("p");
  line.className = "search-near";
  line.append("Did you mean ", ...links.flatMap((link, place) => (place ? [", ", link] : [link])), "?");
  below.after(line);
};
Documentation.TRANSLATIONS[
  "Your search did not match any documents. Please make sure that all words are spelled correctly and that you've selected enough categories."
] = "No page has this.";

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
  let isOver = false;
  const look = () => {
    results.querySelectorAll("li > a").forEach(show);
    const summary = results.querySelector(".search-summary");
    if (isOver || !summary || !summary.textContent) return;
    isOver = true;
    suggest(summary);
  };
  look(); // a search that finds nothing is over
  new MutationObserver(look).observe(results, { childList: true, subtree: true });
});
