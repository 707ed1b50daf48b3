// The editor of queries and filters: the text area stays the form's field; without this script it works as it is.
import {
  EditorState, EditorView, HighlightStyle, SQLDialect, autocompletion, bracketMatching, closeBrackets,
  closeBracketsKeymap, completionKeymap, defaultKeymap, drawSelection, highlightSpecialChars, history,
  historyKeymap, keymap, lineNumbers, lintKeymap, linter, sql, syntaxHighlighting, tags,
} from "/static/vendor/codemirror.min.js";

const form = document.querySelector("[data-editor]");
const field = form.querySelector("textarea");
const verdict = document.getElementById("verdict");
const { check: checker = "/query/check", words: dictionary = "/query/language", idle } = form.dataset;

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--link)", fontWeight: "600" },
  { tag: tags.string, color: "var(--good)" },
  { tag: tags.number, color: "var(--accent)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: tags.standard(tags.name), color: "light-dark(#6b3fa0, #c9a8f5)" },
]);

const theme = EditorView.theme({
  "&": {
    color: "inherit", background: "var(--ground)", border: "1px solid light-dark(#8b8f99, #5a6781)",
    borderRadius: "8px", fontSize: "0.875rem", overflow: "hidden", maxHeight: "60vh",
  },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--code)", lineHeight: "1.65", overflow: "auto", minHeight: "15rem" },
  ".cm-content": { caretColor: "var(--ink)", padding: "0.5rem 0" },
  ".cm-gutters": { background: "none", border: "0", color: "var(--muted)", paddingLeft: "0.35rem" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "& .cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--link) 28%, transparent)",
  },
  "&.cm-focused .cm-matchingBracket": { background: "var(--raised)", outline: "1px solid var(--line)" },
  ".cm-tooltip, .cm-tooltip .cm-completionInfo": {
    background: "var(--panel)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "8px",
  },
  ".cm-tooltip": { maxWidth: "34rem" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { background: "var(--raised)", color: "var(--ink)" },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal" },
  ".cm-diagnostic": { fontFamily: "var(--body)", whiteSpace: "pre-wrap", borderLeftColor: "var(--alarm)" },
  ".cm-lintRange-error": {
    backgroundImage: "none", textDecoration: "underline wavy var(--alarm)", textUnderlineOffset: "0.25em",
  },
});

// The server counts characters, the editor UTF-16 units.
const unitsAt = (text, characters) => [...text].slice(0, characters).join("").length;

const say = (words, state) => {
  verdict.textContent = words;
  verdict.dataset.state = state;
};

async function check(view) {
  const text = view.state.doc.toString();
  if (!text.trim()) {
    say(idle ?? "The query is checked while you write.", "");
    return [];
  }
  let answer;
  try {
    const response = await fetch(checker, { method: "POST", body: text });
    if (!response.ok) throw new Error(response.statusText);
    answer = await response.json();
  } catch {
    answer = null;
  }
  if (view.state.doc.toString() !== text) return [];  // answers may overtake each other: the last text's is shown
  if (answer === null) {
    say("The query cannot be checked now.", "");
    return [];
  }
  if (answer.valid) {
    const columns = answer.columns.map((c) => (c.unit ? `${c.name} [${c.unit}]` : c.name));
    say(`Good. It gives ${columns.join(", ")}.${answer.note ? ` ${answer.note}` : ""}`, "good");
    return [];
  }
  const { message, suggestion, line, column, start, end } = answer.error;
  if (unitsAt(text, start) >= text.trimEnd().length && !suggestion) {
    say(message, "");  // the query is still being written
    return [];
  }
  say(`Line ${line}, column ${column}: ${message} ${suggestion}`, "bad");
  const from = Math.min(unitsAt(text, start), view.state.doc.length);
  const to = Math.max(from, Math.min(unitsAt(text, end), view.state.doc.length));
  return [{ from, to, severity: "error", message: suggestion ? `${message} ${suggestion}` : message }];
}

function language({ keywords, functions, tables }) {
  const lower = (words) => words.join(" ").toLowerCase();
  const dialect = SQLDialect.define({
    keywords: lower(keywords),
    builtin: lower(functions),
    identifierQuotes: '"',
    operatorChars: "*+-<>!=/|",
  });
  const schema = {};
  for (const [name, columns] of Object.entries(tables)) {
    schema[name] = columns.map((column) => ({
      label: column.name,
      type: "property",
      detail: [column.type, column.unit].filter(Boolean).join(", "),
      info: column.description,
    }));
  }
  return sql({ dialect, schema, defaultTable: "alert", upperCaseKeywords: true });
}

const words = await (await fetch(dictionary)).json();
const run = () => {
  form.requestSubmit(form.querySelector("[type=submit]"));
  return true;
};

// In a shadow root the editor's styles are sheets made by script, which the page's policy allows.
const place = document.createElement("div");
const writing = document.activeElement === field;  // before the editor was there; it goes on where one is
field.hidden = true;
field.after(place);

const view = new EditorView({
  parent: place.attachShadow({ mode: "open" }),
  doc: field.value,
  selection: { anchor: field.selectionStart, head: field.selectionEnd },
  extensions: [
    lineNumbers(),
    history(),
    drawSelection(),
    highlightSpecialChars(),
    bracketMatching(),
    closeBrackets(),
    autocompletion(),
    language(words),
    syntaxHighlighting(colours),
    theme,
    linter(check, { delay: 300 }),
    EditorView.lineWrapping,
    EditorView.updateListener.of((update) => {
      if (update.docChanged) field.value = update.state.doc.toString();
    }),
    EditorState.tabSize.of(2),
    EditorView.contentAttributes.of({
      "aria-label": "ADQL 2.1", autocapitalize: "off", spellcheck: "false",
    }),
    keymap.of([
      { key: "Mod-Enter", run, preventDefault: true },
      ...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap,
    ]),
  ],
});
form.querySelector(`label[for="${field.id}"]`).addEventListener("click", () => view.focus());
if (writing || !field.value.trim()) view.focus();

// The schema browser: a name goes to where the cursor is, and a word narrows what is shown.
const schema = document.querySelector("[data-schema]");

function insert(name) {
  const { from } = view.state.selection.main;
  const before = view.state.sliceDoc(Math.max(0, from - 1), from);
  const text = before && /[\w")]/.test(before) ? ` ${name}` : name;
  view.dispatch(view.state.replaceSelection(text), { scrollIntoView: true, userEvent: "input" });
  view.focus();
}

for (const button of schema.querySelectorAll("button[data-insert]")) button.hidden = false;
for (const code of schema.querySelectorAll("code[data-name]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "insert";
  button.dataset.insert = code.dataset.name;
  button.title = `Insert ${code.dataset.name} at the cursor`;
  code.replaceWith(button);
  button.append(code);
}
schema.addEventListener("click", (event) => {
  const button = event.target.closest("[data-insert]");
  if (button) insert(button.dataset.insert);
});

const narrow = schema.querySelector("[data-schema-filter]");
const opened = new Set();
narrow.hidden = false;
narrow.querySelector("input").addEventListener("input", ({ target }) => {
  const words = target.value.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (text) => words.every((word) => text.toLowerCase().includes(word));
  let found = 0;
  for (const table of schema.querySelectorAll("[data-table]")) {
    const whole = words.length > 0 && has(table.querySelector("summary").textContent);
    let columns = 0;
    for (const column of table.querySelectorAll("[data-column]")) {
      column.hidden = !(whole || has(column.textContent));
      columns += !column.hidden;
    }
    found += columns;
    table.hidden = columns === 0;
    if (!words.length && opened.delete(table)) table.open = false;
    else if (words.length && columns && !whole && !table.open) {
      table.open = true;
      opened.add(table);
    }
  }
  schema.querySelector("[data-schema-none]").hidden = found > 0;
  schema.querySelector("[data-schema-count]").textContent = words.length ? `${found} columns` : "";
});
