// Checks Python sources with ruff's WebAssembly build: reads {package, options, files: {path: text}} from stdin,
// writes the complaints, a line each.
"use strict";

const { package: ruffPackage, options, files } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const { PositionEncoding, Workspace } = require(ruffPackage);

const workspace = new Workspace(options, PositionEncoding.Utf32);
for (const [path, text] of Object.entries(files)) {
  for (const { code, message, start_location: at } of workspace.check(text))
    console.log(`${path}:${at.row}:${at.column}: ${code} ${message}`);
  if (workspace.format(text) !== text) console.log(`${path}: not as \`ruff format\` writes it`);
}
