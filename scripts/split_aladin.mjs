// Takes Aladin Lite apart into script, WebAssembly and style sheet: a page that has them as three files can
// forbid styles and code that are written into it. Usage: node split_aladin.mjs ALADIN.JS FOLDER VERSION
import { readFileSync, writeFileSync } from "node:fs";

const [from, to, version] = process.argv.slice(2);
let code = readFileSync(from, "utf8");

const take = (pattern, instead) => {
  const found = code.match(pattern);
  if (!found) throw new Error(`${from} has changed: ${pattern} is not in it`);
  code = code.replace(found[0], () => instead);
  return found[1];
};

const wasm = take(
  /new URL\("data:application\/wasm;base64,([A-Za-z0-9+/=]+)",self\.location\)/,
  'new URL("aladin.wasm",import.meta.url)',
);
// An empty link stands for the style element: what is looked for by its class is found.
take(/document\.createElement\("style"\)(?=;\w+\.classList\.add\("aladin-css"\))/, 'document.createElement("link")');
const name = take(/(?<=\.classList\.add\("aladin-css"\),)\w+\.innerHTML=(\w+),/, "");
code = code.replaceAll(' style="font-weight:bold"', ""); // of a counter of frames that nobody sees
const css = take(new RegExp(`,${name}='((?:[^'\\\\]|\\\\.)*)'`), "");

const notice = `Aladin Lite ${version}, GPL-3.0, see LICENSES/aladin-lite.txt; changed: WebAssembly and styles are files of their own.`;
writeFileSync(`${to}/aladin.js`, `/* ${notice} */\n${code}`);
writeFileSync(`${to}/aladin.wasm`, Buffer.from(wasm, "base64"));
writeFileSync(`${to}/aladin.css`, `/* ${notice} */\n${css.replaceAll("\\n", "\n").replaceAll("\\'", "'").replaceAll("\\\\", "\\")}`);
