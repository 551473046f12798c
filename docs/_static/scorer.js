// In a search, what people do comes before what is looked up, and before what is history.
var Scorer = {
  score: ([docname, title, anchor, description, score, filename, kind]) => {
    if (docname.startsWith("docs/tutorial/")) return score + 30;
    if (docname.startsWith("docs/how-to/")) return score + 30;
    if (docname.startsWith("examples/") || docname.startsWith("plugins/")) return score + 10;
    if (docname.startsWith("docs/reference/api/")) return score - 10;
    if (docname.includes("/decisions/") || docname === "CHANGELOG") return score - 30;
    return score;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
